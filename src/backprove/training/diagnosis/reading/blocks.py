"""Rows of a log, some thousands at a time, as columns of numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

#: rows of a block, and columns that are kept of a log
ROWS, COLUMNS = 8192, 600

#: names of columns that say which data a row is about, and what stands in them
_SPLIT_NAMES = ("split", "phase", "mode", "subset", "stage", "set", "dataset", "partition", "fold")
_TRAIN = ("train", "training", "tr", "fit")
_VALIDATION = ("val", "valid", "validation", "dev", "eval", "evaluation", "test", "testing")


@dataclass(frozen=True, slots=True)
class Column:
    """`values` (rows,) as logged, and whether there was anything in the cell, `given` (rows,).

    A column may be empty: that a layer has no gradient is logged so.
    """

    values: Floats
    given: Flags


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive rows of a log."""

    rows: int
    columns: dict[str, Column]


def number(cell: object) -> float | None:
    """A cell's number; None where it has none. `nan` and `inf` are numbers that were logged."""
    if isinstance(cell, bool) or cell is None:
        return None
    if isinstance(cell, int | float):
        try:
            return float(cell)
        except OverflowError:
            return math.inf if cell > 0 else -math.inf
    if isinstance(cell, str):
        try:
            return float(cell)
        except ValueError:
            return None
    return None


def is_split(name: str) -> bool:
    """Whether a column may say which data a row is about."""
    return name.strip().lower() in _SPLIT_NAMES


def split_of(cell: object) -> str:
    """`train` or `val` where a cell names the data that its row is about, else nothing."""
    word = cell.strip().lower() if isinstance(cell, str) else ""
    return "train" if word in _TRAIN else "val" if word in _VALIDATION else ""


def blocks(rows: Iterable[Mapping[str, Any]]) -> Iterator[Block]:
    """Blocks of rows that are mappings of names to cells, nested ones by their path.

    A row that says about which data it is gives its columns the names of these: rows
    {"split": "val", "loss": 2.0} have a column `val_loss`.
    """
    waiting: list[dict[str, float | None]] = []
    for row in rows:
        waiting.append(_flat(row))
        if len(waiting) == ROWS:
            yield _block(waiting)
            waiting = []
    if waiting:
        yield _block(waiting)


#: columns that are about the run, whatever data a row is about
_SHARED = frozenset({"epoch", "step", "global_step", "iteration", "iter", "lr", "learning_rate"})


def _flat(row: Mapping[str, Any], prefix: str = "") -> dict[str, float | None]:
    """Numbers by their names, and None where the cell is empty; what is neither is left out."""
    found: dict[str, float | None] = {}
    split = next((s for name in row if is_split(name) and (s := split_of(row[name]))), "")
    for name, cell in row.items():
        if isinstance(cell, dict):
            found |= _flat(cell, f"{prefix}{name}/")
            continue
        value = number(cell)
        if value is not None or cell is None:
            called = f"{split}_{name}" if split and name.lower() not in _SHARED else name
            found[prefix + called] = value
    return found


def _block(rows: list[dict[str, float | None]]) -> Block:
    names = list(dict.fromkeys(name for row in rows for name in row))[:COLUMNS]
    columns: dict[str, Column] = {}
    for name in names:
        cells = [row.get(name) for row in rows]
        given = np.array([cell is not None for cell in cells])
        values = np.array([math.nan if cell is None else cell for cell in cells])
        columns[name] = Column(values, given)
    return Block(len(rows), columns)
