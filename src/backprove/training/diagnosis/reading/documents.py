"""JSON documents: Hugging Face's trainer_state.json, and Keras's History.history."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, cast

import numpy as np

from backprove.training.diagnosis.errors import LogError
from backprove.training.diagnosis.reading.blocks import Block, Column, blocks, number

_HISTORY = re.compile(r'"log_history"\s*:\s*\[')
_CHUNK = 1 << 20
#: a document that has to be held as a whole may have so many bytes
_WHOLE = 256 << 20
#: the summary that Hugging Face writes at the end: a mean of the run, no point of its curves
_SUMMARY = ("train_runtime", "total_flos")


def read_document(path: Path, notes: list[str]) -> Iterator[Block]:
    """Blocks of a JSON document; `log_history` is streamed, other documents are held.

    Raises:
        LogError: if it is none of the forms that are known, or too large to be one.
    """
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        start = file.read(_CHUNK)
        place = _HISTORY.search(start)
        if place:
            yield from blocks(_history(file, start[place.end() :], path, notes))
            return
    if path.stat().st_size > _WHOLE:
        raise LogError(f"{path}: a JSON document of {path.stat().st_size >> 20} MB cannot be streamed; "
                       "write JSON lines or CSV, which can")  # fmt: skip
    try:
        data = json.loads(path.read_text(encoding="utf-8-sig", errors="replace"))
    except (ValueError, RecursionError) as error:
        raise LogError(f"{path}: not JSON: {error}") from None
    yield from _held(data, path, notes)


def _history(file: IO[str], rest: str, path: Path, notes: list[str]) -> Iterator[dict[str, Any]]:
    """The objects of a list, decoded one after the other; a cut-off list ends with a note."""
    decoder = json.JSONDecoder()
    while True:
        rest = rest.lstrip(" \t\r\n,")
        if rest.startswith("]"):
            return
        try:
            row, end = decoder.raw_decode(rest)
        except ValueError:
            more = file.read(_CHUNK)
            if not more:
                notes.append("the file ends in the middle of log_history; all before it counts")
                return
            if len(rest) > 16 * _CHUNK:
                raise LogError(f"{path}: log_history is not JSON at {rest[:60]!r}") from None
            rest += more
            continue
        if not isinstance(row, dict):
            raise LogError(
                f"{path}: log_history has {str(row)[:40]!r}, where an object was expected"
            )
        found = cast(dict[str, Any], row)
        if not any(name in found for name in _SUMMARY):
            yield found
        rest = rest[end:]


def _held(data: Any, path: Path, notes: list[str]) -> Iterator[Block]:
    if isinstance(data, dict):
        found = cast(dict[str, Any], data)
        for key in ("history", "log_history", "logs", "metrics"):
            if isinstance(found.get(key), dict | list):
                yield from _held(found[key], path, notes)
                return
        lists = {k: cast(list[Any], v) for k, v in found.items() if isinstance(v, list)}
        if lists:
            yield _columns(lists, notes)
            return
    if isinstance(data, list):
        rows = [cast(dict[str, Any], row) for row in cast(list[Any], data) if isinstance(row, dict)]
        if rows:
            yield from blocks(rows)
            return
    raise LogError(f"{path}: JSON of no form that is known; known are a list of objects, lists by "
                   "name (Keras's History.history) and Hugging Face's trainer_state.json")  # fmt: skip


def _columns(lists: dict[str, list[Any]], notes: list[str]) -> Block:
    """Lists by name, an entry for each epoch; shorter ones end early."""
    rows = max(map(len, lists.values()))
    if any(len(cells) != rows for cells in lists.values()):
        short = sorted(name for name, cells in lists.items() if len(cells) != rows)
        notes.append(f"the lists differ in length; {', '.join(short[:5])} end before entry {rows}")
    columns: dict[str, Column] = {}
    for name, cells in lists.items():
        found = [number(cell) for cell in cells] + [None] * (rows - len(cells))
        given = np.array([value is not None for value in found], bool)
        if given.any() or all(cell is None for cell in cells):
            values = np.array([np.nan if value is None else value for value in found], np.float64)
            columns[name] = Column(values, given)
    if "epoch" not in columns:
        columns["epoch"] = Column(np.arange(rows, dtype=float), np.ones(rows, bool))
    return Block(rows, columns)
