"""Reading a collection line by line, however long it is, and going on after a run that ended."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO, cast

from backprove.errors import BackproveError
from backprove.judge.collection import Line, name_of

#: bytes of a line above which it is skipped
LONGEST_LINE = 1_000_000


class ResumeError(BackproveError):
    """An output file that does not belong to the collection."""


@dataclass(slots=True)
class Lines:
    """The lines of a collection that are not empty, from a binary stream; `read` counts bytes."""

    stream: BinaryIO
    longest: int = LONGEST_LINE
    read: int = 0

    def __iter__(self) -> Iterator[Line]:
        for number in count(1):
            data = self.stream.readline(self.longest + 2)
            if not data:
                return
            self.read += len(data)
            if number == 1:
                data = data.removeprefix(codecs.BOM_UTF8)
            if len(data.rstrip(b"\r\n")) > self.longest:
                self._skip(data)
                reason = f"this line is longer than {self.longest} bytes"
                yield Line(number, "", reason)
                continue
            if not data.strip():
                continue
            try:
                yield Line(number, data.decode("utf-8"))
            except UnicodeDecodeError:
                yield Line(number, "", "this line is not UTF-8 text")

    def _skip(self, data: bytes) -> None:
        """Read on to the end of a line."""
        while data and not data.endswith(b"\n"):
            data = self.stream.readline(1 << 16)
            self.read += len(data)


def answered(output: Path, lines: Iterator[Line]) -> Iterator[tuple[Line, dict[str, Any]]]:
    """The lines that an earlier run answered, with their answers.

    A last line that was cut off is dropped from the file. Raises `ResumeError` where the answers
    are not about these lines.
    """
    whole = 0
    with output.open("rb") as stream:
        for number, data in enumerate(stream, 1):
            if not data.endswith(b"\n"):
                break
            found = _answer(data)
            if found is None:
                raise ResumeError(
                    f"{output}, line {number}: this is no answer; nothing was changed"
                )
            line = next(lines, None)
            if line is None:
                raise ResumeError(f"{output} has more answers than the collection has claims")
            name = name_of(line)
            if any(found.get(key) != value for key, value in name.items()):
                said = json.dumps(found.get("id", found.get("line")), ensure_ascii=False)
                (asked,) = name.values()
                raise ResumeError(
                    f"{output}, line {number} answers {said}, but line {line.number} of the "
                    f"collection is {json.dumps(asked, ensure_ascii=False)}: it does not belong "
                    "to this collection"
                )
            whole += len(data)
            yield line, found
    if output.stat().st_size > whole:
        with output.open("r+b") as stream:
            stream.truncate(whole)


def _answer(data: bytes) -> dict[str, Any] | None:
    try:
        found: object = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return cast(dict[str, Any], found) if isinstance(found, dict) else None
