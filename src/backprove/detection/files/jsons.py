"""JSON files, whole or a long list in pieces, with the line of a mistake.

Millions of objects at once would fill the memory, and looking through them for garbage would take
longer than reading; a piece is read, made into columns by the caller, and forgotten.
"""

from __future__ import annotations

import gc
import json
import re
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from backprove.detection.files.notes import DataError

#: bytes that are read at once, about
BLOCK = 1 << 18
_START = re.compile(rb"\s*\[")
#: where one object of a list ends and the next begins, or so it looks
_BETWEEN = re.compile(rb"\}\s*,\s*(?=\{)")
#: how many such places are tried before more is read
_TRIES = 4


def load(path: Path) -> Any:
    """The JSON of a file; raises `DataError` with the line."""
    try:
        return json.loads(path.read_bytes())
    except json.JSONDecodeError as error:
        raise DataError(
            f"{path}, line {error.lineno}, column {error.colno}: not JSON: {error.msg}"
        ) from None
    except UnicodeDecodeError:
        raise DataError(f"{path} is not text in UTF-8") from None
    except ValueError:
        # what else Python's reader refuses
        raise DataError(f"{path}: a number has thousands of digits") from None
    except RecursionError:
        raise DataError(f"{path}: brackets are nested too deeply") from None


def pieces(path: Path) -> Iterator[list[Any]] | None:
    """A list's entries in order, some at a time; None where the file holds no list.

    Raises `DataError` as `load` does, when the piece with the mistake is asked for.
    """
    with path.open("rb") as file:
        if _START.match(file.read(BLOCK)) is None:
            return None
    return _pieces(path)


def _pieces(path: Path) -> Iterator[list[Any]]:
    count = 0
    try:
        for piece in _blocks(path):
            count += len(piece)
            yield piece
        return
    except (ValueError, RecursionError):
        pass
    # read as a whole, the file tells its mistake, or turns out to be of another encoding
    rest = load(path)[count:]
    if rest:
        yield rest


def _blocks(path: Path) -> Iterator[list[Any]]:
    """Entries piece by piece; raises `ValueError` somewhere unless the whole is a list.

    A piece ends where it is a list when it gets brackets: within an entry it would not be.
    """
    with path.open("rb") as file:
        held = file.read(BLOCK)
        start = _START.match(held)
        assert start is not None
        held = held[start.end() :]
        more = BLOCK
        while new := file.read(more):
            held += new
            for piece, end in _complete(held):
                yield piece
                held, more = held[end:], BLOCK
                break
            else:
                more = len(held)
        yield _list(b"[" + held)


def _complete(held: bytes) -> Iterator[tuple[list[Any], int]]:
    """The entries that are there whole, and where what follows them begins."""
    end, tries = len(held), 0
    while tries < _TRIES and (end := held.rfind(b"}", 0, end)) >= 0:
        between = _BETWEEN.match(held, end)
        if between is None:
            continue
        tries += 1
        try:
            yield _list(b"[" + held[: end + 1] + b"]"), between.end()
            return
        except ValueError:
            continue


def _list(text: bytes) -> list[Any]:
    return json.loads(text.decode())


@contextmanager
def no_collection() -> Generator[None]:
    """No looking for garbage meanwhile: of millions of new objects none is."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()
