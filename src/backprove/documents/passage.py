"""What a document is made of: passages, each with the lines it came from."""

from __future__ import annotations

import sys
from bisect import bisect_right
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from backprove.documents.formula import relations
from backprove.errors import BackproveError

PassageKind = Literal["model", "claim", "heading", "prose", "table"]


class DocumentError(BackproveError):
    """A document that cannot be used; the message says why, and where."""


class Piece(NamedTuple):
    """A part of a claim that stands on a line of its own."""

    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of a document, from `line` to `last` (both from 1).

    `text` of a claim is its mathematics as one record; `pieces` are what it was joined from.
    `label` is the mark before it (`(i)` is `i`), `number` the question in which it stands, with
    its parts: `1.2.1(c)(ii)`; empty where the document has given none. `explains` is the first line
    of the claim that a definition behind it, after `where`, belongs to; 0 for all others.
    """

    kind: PassageKind
    text: str
    line: int
    last: int
    label: str = ""
    number: str = ""
    pieces: tuple[Piece, ...] = ()
    explains: int = 0

    def link_lines(self) -> tuple[int, ...]:
        """For each link of the claim, the line on which its right side begins.

        A formula without a relation sign counts as one link.
        """
        if len(self.pieces) < 2:
            return (self.line,) * max(1, len(relations(self.text)))
        starts: list[int] = []
        position = 0
        for piece in self.pieces:
            starts.append(position)
            position += len(piece.text) + 1
        found = tuple(
            self.pieces[bisect_right(starts, start) - 1].line for start, _ in relations(self.text)
        )
        return found or (self.line,)


@dataclass(frozen=True, slots=True)
class Document:
    """A document's passages; `text` is what their lines count.

    `cells` are the first lines of a notebook's cells, with the number of each.
    """

    path: Path
    title: str
    passages: tuple[Passage, ...]
    text: str = ""
    cells: tuple[tuple[int, int], ...] = ()

    def where(self, line: int) -> str:
        """A line's place in a notebook; empty for other documents, whose lines are the file's."""
        at = bisect_right(self.cells, (line, sys.maxsize)) - 1
        if at < 0:
            return ""
        first, number = self.cells[at]
        return f"cell {number}, line {line - first + 1}"

    @property
    def claims(self) -> tuple[Passage, ...]:
        return tuple(passage for passage in self.passages if passage.kind == "claim")
