"""Logs of the doctor's runs, in the forms in which people's tools write them."""

from __future__ import annotations

import csv
import json
import math
import struct
from pathlib import Path
from typing import Any

import numpy as np
from doctor_runs import NO_GRADIENT, Trace

Rng = np.random.Generator
Row = dict[str, Any]

EPOCHS = ("csv epochs", "json lines epochs", "keras json", "keras csv", "csv split rows")
STEPS = ("csv steps", "json lines steps", "lightning", "hugging face", "tensorboard")
#: kinds whose only sign is in the gradients by layer, in single steps or in the accuracy
LAYERED = ("dead_relus", "frozen_layers", "vanishing_gradients")
STEPPED = ("no_shuffling",)
NORMED = ("gradients_not_zeroed", "exploding_gradients")
ACCURATE = ("below_chance", "majority_class_only", "shuffled_labels", "initial_loss_too_high")


def write(trace: Trace, kind: str, folder: Path, rng: Rng) -> dict[str, Any]:
    """Write the log of a run; what was chosen is returned."""
    folder.mkdir(parents=True, exist_ok=True)
    stepped = kind in STEPPED or rng.random() < (0.75 if kind == "exploding_gradients" else 0.5)
    form = str(rng.choice(STEPS if stepped else EPOCHS))
    chosen: dict[str, Any] = {
        "form": form,
        "accuracy": kind in ACCURATE or bool(rng.random() < 0.8),
        "lr": bool(rng.random() < 0.6),
        "norm": bool(rng.random() < (0.75 if kind in NORMED else 0.45)),
        "none": math.nan if rng.random() < 0.5 else 0.0,
        "layers": kind in LAYERED or bool(rng.random() < 0.2),
        "every": 1 if kind in STEPPED else max(1, int(len(trace.steps) / rng.uniform(100, 1000))),
        "steps": bool(rng.random() < 0.25),
    }
    if kind == "dead_relus" and rng.random() < 0.4:
        chosen["dead"] = True
    steps = step_rows(trace, chosen)
    epochs = epoch_rows(trace, chosen)
    if not stepped and not chosen["steps"]:
        epochs = [{k: v for k, v in row.items() if k != "step"} for row in epochs]
    if form == "csv epochs":
        names = NAMES[int(rng.integers(len(NAMES)))]
        rows = [{names.get(k, k): v for k, v in row.items()} for row in epochs]
        table(folder / "log.csv", rows)
    elif form == "json lines epochs":
        names = NAMES[int(rng.integers(len(NAMES)))]
        lines(folder / "log.jsonl", [{names.get(k, k): v for k, v in r.items()} for r in epochs])
    elif form == "keras json":
        found = {k: [row.get(k) for row in epochs] for k in epochs[0] if k != "epoch"}
        (folder / "history.json").write_text(json.dumps(renamed(found, KERAS)), encoding="utf-8")
    elif form == "keras csv":
        table(folder / "training.log", [renamed(row, KERAS) for row in epochs])
    elif form == "csv split rows":
        table(folder / "log.csv", split_rows(epochs))
    elif form in ("csv steps", "json lines steps"):
        rows = merged(steps, epochs, {"loss": "train_loss", "acc": "train_acc"})
        (table if form == "csv steps" else lines)(
            folder / ("log.csv" if form == "csv steps" else "log.jsonl"), rows
        )
    elif form == "lightning":
        table(folder / "metrics.csv", merged(steps, epochs, LIGHTNING, apart=True))
    elif form == "hugging face":
        hugging_face(folder / "trainer_state.json", steps, epochs, trace)
    else:
        events(folder / "events.out.tfevents.0.generated", steps, epochs)
    return chosen


#: spellings of the same columns
NAMES: tuple[dict[str, str], ...] = (
    {"loss": "train_loss", "acc": "train_acc", "val_acc": "val_acc"},
    {"epoch": "Epoch", "loss": "Train Loss", "val_loss": "Valid Loss", "acc": "Train Accuracy",
     "val_acc": "Valid Accuracy", "lr": "Learning Rate", "grad_norm": "Gradient Norm"},
    {"loss": "train/loss", "val_loss": "test/loss", "acc": "train/accuracy",
     "val_acc": "test/accuracy", "lr": "optimizer/lr", "grad_norm": "train/grad_norm"},
    {"loss": "trainLoss", "val_loss": "devLoss", "acc": "trainAcc", "val_acc": "devAcc"},
)  # fmt: skip
KERAS = {"acc": "accuracy", "val_acc": "val_accuracy", "lr": "learning_rate"}
LIGHTNING = {"loss": "train_loss_step", "acc": "train_acc_step", "lr": "lr-Adam"}


def step_rows(trace: Trace, chosen: dict[str, Any]) -> list[Row]:
    return [chosen_columns(row, chosen) for row in trace.steps[:: chosen["every"]]]


def epoch_rows(trace: Trace, chosen: dict[str, Any]) -> list[Row]:
    """Epoch rows with the epoch's mean gradient norms; before training too where that was drawn."""
    rows: list[Row] = []
    for row in trace.epochs:
        found = chosen_columns({k: v for k, v in row.items() if not k.startswith("true_")}, chosen)
        within = [
            chosen_columns(s, chosen)
            for s in trace.steps
            if row["epoch"] <= s["epoch"] < row["epoch"] + 1
        ]
        for key in within[0] if within else []:
            if key.startswith(("grad", "dead")):
                found[key] = float(np.mean([s[key] for s in within]))
        rows.append(found)
    return rows


def chosen_columns(row: Row, chosen: dict[str, Any]) -> Row:
    found: Row = {}
    for key, value in row.items():
        if key.startswith("grad:"):
            if chosen["layers"] and not chosen.get("dead"):
                found["grad_norm/" + key[5:]] = chosen["none"] if value == NO_GRADIENT else value
        elif key.startswith("dead:"):
            if chosen.get("dead"):
                found[f"dead_fraction/relu{key[5:]}"] = value
        elif (
            key == "val_balanced"
            or (key in ("acc", "val_acc") and not chosen["accuracy"])
            or (key == "lr" and not chosen["lr"])
            or (key == "grad_norm" and not chosen["norm"])
        ):
            continue
        else:
            found[key] = value
    return found


def merged(
    steps: list[Row], epochs: list[Row], names: dict[str, str], apart: bool = False
) -> list[Row]:
    """Step rows with a row of validation figures at every epoch's end."""
    rows: list[Row] = []
    waiting = list(epochs)
    for row in steps:
        while waiting and waiting[0]["step"] < row["step"]:
            rows.append(validation(waiting.pop(0), apart))
        rows.append(renamed(row | {"epoch": int(row["epoch"])}, names))
    return rows + [validation(row, apart) for row in waiting]


def validation(row: Row, with_training: bool) -> Row:
    found = {k: row[k] for k in ("epoch", "step", "val_loss", "val_acc") if k in row}
    if with_training:
        found |= {"train_loss_epoch": row["loss"]}
    return found


def split_rows(epochs: list[Row]) -> list[Row]:
    rows: list[Row] = []
    for row in epochs:
        rest = {k: v for k, v in row.items() if not k.startswith(("val_", "loss", "acc"))}
        for split, prefix in (("train", ""), ("val", "val_")):
            figures = {k: row[prefix + k] for k in ("loss", "acc") if prefix + k in row}
            rows.append({"epoch": row["epoch"], "split": split} | figures)
        rows[-2] |= rest
    return rows


def hugging_face(path: Path, steps: list[Row], epochs: list[Row], trace: Trace) -> None:
    names = {"lr": "learning_rate", "acc": "accuracy"}
    history: list[Row] = []
    for row in merged(steps, epochs, names):
        evaluated = {"val_loss": "eval_loss", "val_acc": "eval_accuracy"}
        history.append(
            renamed(row, evaluated) | {"epoch": (row["step"] + 1) / trace.steps_per_epoch}
        )
    last_loss = float(np.mean([row["loss"] for row in trace.epochs]))
    history.append({"epoch": float(len(epochs)), "step": len(trace.steps), "train_loss": last_loss,
                    "train_runtime": 1.0, "total_flos": 0.0})  # fmt: skip
    state = {"epoch": float(len(epochs)), "global_step": len(trace.steps), "log_history": history,
             "max_steps": len(trace.steps), "train_batch_size": trace.batch}  # fmt: skip
    path.write_text(json.dumps(state, indent=2), encoding="utf-8")


def table(path: Path, rows: list[Row]) -> None:
    names = list(dict.fromkeys(key for row in rows for key in row))
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.DictWriter(file, names, restval="")
        out.writeheader()
        out.writerows(rows)


def lines(path: Path, rows: list[Row]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def renamed(row: Row, names: dict[str, str]) -> Row:
    return {names.get(k, k): v for k, v in row.items()}


# --- TensorBoard: events of scalars, as TFRecords (checksums of the data are left at zero) --------


def events(path: Path, steps: list[Row], epochs: list[Row]) -> None:
    names = {"loss": "Loss/train", "acc": "Accuracy/train", "val_loss": "Loss/val"}
    names |= {"val_acc": "Accuracy/val", "lr": "Learning rate"}
    with path.open("wb") as file:
        file.write(record(b"\x1a\rbrain.Event:2"))
        for row in merged(steps, epochs, {}):
            for key, value in row.items():
                if key not in ("step", "epoch"):
                    file.write(record(event(int(row["step"]), names.get(key, key), float(value))))


def event(step: int, tag: str, value: float) -> bytes:
    """An Event with one scalar as `simple_value`."""
    with np.errstate(over="ignore"):
        single = np.float32(value).tobytes()
    name = tag.encode()
    summary = b"\x0a" + varint(len(name)) + name + b"\x15" + single
    inner = b"\x0a" + varint(len(summary)) + summary
    return (
        b"\x09"
        + struct.pack("<d", 0.0)
        + b"\x10"
        + varint(step)
        + b"\x2a"
        + varint(len(inner))
        + inner
    )


def record(data: bytes) -> bytes:
    length = struct.pack("<Q", len(data))
    return length + struct.pack("<I", masked_crc(length)) + data + struct.pack("<I", 0)


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def masked_crc(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
