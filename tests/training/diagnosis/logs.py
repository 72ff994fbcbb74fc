"""Small logs made for the tests: curves with what a test is about, written in any format."""

from __future__ import annotations

import csv
import json
import math
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from backprove.training.diagnosis.doctor import Diagnosis, diagnose
from backprove.training.diagnosis.reading.events import _masked
from backprove.training.diagnosis.run import Facts

Columns = Mapping[str, Sequence[float] | np.ndarray]


def table(path: Path, columns: Columns) -> Path:
    """CSV; cells that are None are empty."""
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(columns)
        for row in zip(*columns.values(), strict=True):
            out.writerow(["" if cell is None else cell for cell in row])
    return path


def lines(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def rows(columns: Columns) -> list[dict[str, float]]:
    return [
        {k: float(v) for k, v in zip(columns, row, strict=True)}
        for row in zip(*columns.values(), strict=True)
    ]


def seen(folder: Path, columns: Columns, **facts: Any) -> Diagnosis:
    """The diagnosis of a CSV log of these columns."""
    return diagnose(table(folder / "log.csv", columns), facts=Facts(**facts))


def falling(points: int, start: float, end: float, pace: float = 6.0) -> np.ndarray:
    """A loss that falls from one level to another and levels off."""
    return end + (start - end) * np.exp(-pace * np.linspace(0, 1, points))


def noise(points: int, size: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, size, points)


def sound(points: int = 40) -> dict[str, np.ndarray]:
    """A run of ten classes with nothing wrong, an epoch a row."""
    loss = falling(points, 2.3, 0.15)
    return {
        "epoch": np.arange(points),
        "train_loss": loss + noise(points, 0.01),
        "val_loss": loss + 0.05 + noise(points, 0.004, 1),
        "train_acc": np.clip(1 - 0.4 * loss, 0.1, 1),
        "val_acc": np.clip(0.98 - 0.4 * loss, 0.1, 1),
    }


# --- TensorBoard ---------------------------------------------------------------------------------


def events(path: Path, points: Sequence[tuple[int, str, float]], *, tensors: bool = False) -> Path:
    """An event file as TensorFlow and PyTorch write it; `tensors` as TensorFlow 2 does."""
    with path.open("wb") as file:
        file.write(_record(b"\x09" + struct.pack("<d", 1.0) + b"\x1a\x0dbrain.Event:2"))
        for step, tag, value in points:
            single = struct.pack("<f", value)
            if tensors:
                tensor = b"\x08\x01\x12\x00\x22" + _varint(len(single)) + single
                value_field = b"\x42" + _varint(len(tensor)) + tensor
            else:
                value_field = b"\x15" + single
            inner = b"\x0a" + _varint(len(tag)) + tag.encode() + value_field
            summary = b"\x0a" + _varint(len(inner)) + inner
            file.write(
                _record(
                    b"\x09" + struct.pack("<d", 1.0) + b"\x10" + _varint(step)
                    + b"\x2a" + _varint(len(summary)) + summary
                )
            )  # fmt: skip
    return path


def _record(data: bytes) -> bytes:
    length = struct.pack("<Q", len(data))
    return length + struct.pack("<I", _masked(length)) + data + b"\0\0\0\0"


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def kinds(made: Diagnosis) -> list[str]:
    """The faults that a run is ill with, the first that is no consequence first."""
    return [f.kind.value for f in made.ill]


def primary(made: Diagnosis) -> str:
    return "healthy" if made.primary is None else made.primary.kind.value


LN10 = math.log(10)
