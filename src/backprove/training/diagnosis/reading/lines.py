"""JSON lines: one object a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from backprove.training.diagnosis.errors import LogError
from backprove.training.diagnosis.reading.blocks import Block, blocks


def read_lines(path: Path, notes: list[str]) -> Iterator[Block]:
    """Blocks of JSON lines. A torn last line is left out with a note.

    Raises:
        LogError: if more than a tenth of the lines read so far are no objects.
    """
    yield from blocks(_objects(path, notes))


def _objects(path: Path, notes: list[str]) -> Iterator[dict[str, Any]]:
    good, bad, first = 0, 0, 0
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        for count, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError):
                row = None
            if isinstance(row, dict):
                good += 1
                yield cast(dict[str, Any], row)
                continue
            bad += 1
            first = first or count
            if bad > max(3, good / 10):
                raise LogError(f"{path}, line {first}: {line.strip()[:60]!r} is no JSON object, "
                               "where JSON lines have one a line")  # fmt: skip
    if bad:
        notes.append(
            f"{bad} of the lines are no JSON objects and were left out (first: line {first})"
        )
