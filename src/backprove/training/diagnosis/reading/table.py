"""CSV: also Lightning's metrics.csv and Keras's CSVLogger."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np

from backprove.training.diagnosis.errors import LogError
from backprove.training.diagnosis.reading.blocks import (
    COLUMNS,
    ROWS,
    Block,
    Column,
    Flags,
    Floats,
    is_split,
    number,
    split_of,
)


def read_table(path: Path, notes: list[str]) -> Iterator[Block]:
    """Blocks of a table with a head; the separator is whichever of `, ; tab` the head has most.

    Raises:
        LogError: if there is no head, or the file is not text.
    """
    csv.field_size_limit(1 << 20)
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        head = _head(file, path)
        delimiter = max(",;\t", key=head.count)
        names = [name.strip() for name in next(csv.reader([head], delimiter=delimiter))]
        if all(number(name) is not None for name in names):
            raise LogError(f"{path}, line 1: {head[:60]!r} are numbers, where a head with the "
                           "columns' names was expected")  # fmt: skip
        odd = _Odd(len(names))
        names = _distinct(names)
        reader = csv.reader((line.replace("\0", "") for line in file), delimiter=delimiter)
        rows = _next_rows(reader, path, odd)
        while rows:
            following = _next_rows(reader, path, odd)
            if not following and odd.last_short and rows[:-1]:
                rows.pop()  # cut off while it was written: its last number may be half of one
            yield from _by_split(names, rows)
            rows = following
        if odd.count:
            notes.append(
                f"{odd.count} of the rows have other than {odd.width} cells (first: line {odd.first}); "
                "missing cells count as empty, and a last row that is cut off is left out"
            )


class _Odd:
    """Rows whose number of cells is not the head's."""

    def __init__(self, width: int) -> None:
        self.width, self.count, self.first = width, 0, 0
        self.last_short = False


def _head(file: IO[str], path: Path) -> str:
    for line in itertools.islice(file, 100):
        if line.strip() and not line.startswith("#"):
            return line.rstrip("\r\n")
    raise LogError(f"{path} is empty: there is no head with the columns' names in it")


def _distinct(names: list[str]) -> list[str]:
    seen: dict[str, int] = {}
    found: list[str] = []
    for k, name in enumerate(names[:COLUMNS]):
        name = name or f"column {k + 1}"
        seen[name] = seen.get(name, 0) + 1
        found.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return found


def _next_rows(reader: Iterator[list[str]], path: Path, odd: _Odd) -> list[list[str]]:
    rows: list[list[str]] = []
    try:
        for row in itertools.islice(reader, ROWS):
            if not any(cell.strip() for cell in row) and len(row) != odd.width:
                continue
            odd.last_short = len(row) < odd.width
            if len(row) != odd.width:
                odd.count += 1
                odd.first = odd.first or getattr(reader, "line_num", 0) + 1
                row = (row + [""] * odd.width)[: odd.width]
            rows.append(row)
    except csv.Error as error:
        raise LogError(
            f"{path}, line {getattr(reader, 'line_num', 0) + 1}: not CSV: {error}"
        ) from None
    return rows


def _by_split(names: list[str], rows: list[list[str]]) -> Iterator[Block]:
    """The block of some rows; a column that says `train` or `val` gives each its own columns."""
    cells = list(zip(*rows, strict=True))[: len(names)]
    split: np.ndarray | None = None
    for name, column in zip(names, cells, strict=True):
        if is_split(name):
            said = np.array([split_of(cell) for cell in column])
            split = said if bool((said != "").any()) else None
    columns: dict[str, Column] = {}
    shared = {"epoch", "step", "global_step", "iteration", "iter", "lr", "learning_rate"}
    for name, column in zip(names, cells, strict=True):
        values, given = _numbers(column)
        if not given.any():
            if split is None and not any(map(str.strip, column)):
                columns[name] = Column(values, given)
            continue
        if split is None or name.lower() in shared:
            columns[name] = Column(values, given)
            continue
        for which in ("train", "val", ""):
            mine = given & (split == which)
            if mine.any():
                columns[f"{which}_{name}" if which else name] = Column(values, mine)
    yield Block(len(rows), columns)


def _numbers(cells: tuple[str, ...]) -> tuple[Floats, Flags]:
    """A column's numbers, and where there are any; quick where every cell is a number."""
    try:
        return np.fromiter(map(float, cells), np.float64, len(cells)), np.ones(len(cells), bool)
    except ValueError:
        pass
    found = [number(cell) if cell else None for cell in cells]
    given = np.fromiter((value is not None for value in found), bool, len(cells))
    values = (np.nan if value is None else value for value in found)
    return np.fromiter(values, np.float64, len(cells)), given
