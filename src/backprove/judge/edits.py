"""A line as written with changes in it, and the way back from the changed text to the line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from backprove.notation.spellings import COMMANDS, SIGNS
from backprove.notation.syntax import Relation, Span

_RELATIONS = frozenset("=≈∈")
_SIGN = re.compile(
    "|".join(
        [
            *(re.escape(s) for s, (kind, _) in SIGNS.items() if kind in _RELATIONS and len(s) > 1),
            *(re.escape(s) for s, (kind, _) in SIGNS.items() if kind in _RELATIONS and len(s) == 1),
            *(rf"\\{c}(?![A-Za-z])" for c, (kind, _) in COMMANDS.items() if kind in _RELATIONS),
            r"\bin\b",
        ]
    )
)


@dataclass(frozen=True, slots=True, order=True)
class Edit:
    """The characters `start` to `end` of the line as written become `new`."""

    start: int
    end: int
    new: str
    note: str


@dataclass(frozen=True)
class Repaired:
    """A line as written, with the changes that give it a meaning."""

    line: str
    edits: tuple[Edit, ...] = ()

    @property
    def text(self) -> str:
        return self._parts[0]

    @property
    def notes(self) -> tuple[str, ...]:
        return self.notes_in((0, len(self.line)))

    def notes_in(self, span: Span) -> tuple[str, ...]:
        """What was changed in a part of the line as written."""
        low, high = span
        inside = [e for e in self.edits if low <= e.start and e.end <= high]
        return tuple(dict.fromkeys(e.note for e in inside))

    def origin(self, span: Span) -> Span:
        """The place in the line as written of a place in the repaired text."""
        places = self._parts[1]
        start, end = (max(0, min(p, len(places) - 1)) for p in span)
        if end <= start:
            return places[start][0], places[start][0]
        return places[start][0], max(places[end - 1][1], places[start][0])

    def changed(self, edits: Sequence[Edit]) -> Repaired | None:
        """With more changes, whose places are in the repaired text; None where they overlap."""
        places = self._parts[1]
        fresh: list[Edit] = []
        for edit in edits:
            if any(places[p][2] for p in range(edit.start, edit.end)):
                return None
            start, end = self.origin((edit.start, edit.end))
            fresh.append(Edit(start, end, edit.new, edit.note))
        together = sorted({*self.edits, *fresh})
        for before, after in pairwise(together):
            if after.start < before.end:
                return None
        return Repaired(self.line, tuple(together))

    @cached_property
    def _parts(self) -> tuple[str, list[tuple[int, int, bool]]]:
        """The repaired text; for each of its characters, where it was and whether it is new."""
        text = ""
        places: list[tuple[int, int, bool]] = []
        at = 0
        for edit in self.edits:
            text += self.line[at : edit.start] + edit.new
            places += [(i, i + 1, False) for i in range(at, edit.start)]
            places += [(edit.start, edit.end, True)] * len(edit.new)
            at = edit.end
        text += self.line[at:]
        places += [(i, i + 1, False) for i in range(at, len(self.line) + 1)]
        return text, places


def described(text: str, shown: Span, edit: Span, new: str) -> str:
    start, end = min(shown[0], edit[0]), max(shown[1], edit[1])
    after = text[start : edit[0]] + new + text[edit[1] : end]
    return f"read `{text[start:end]}` as `{after}`"


def link_spans(text: str, statement: Relation) -> list[Span]:
    """Where in a line each link `left = right` of a relation stands."""
    sides = statement.sides
    signs: list[Span] = []
    for left, right in pairwise(sides):
        m = _SIGN.search(text, left.span[1], right.span[0])
        signs.append(m.span() if m else (left.span[1], right.span[0]))
    starts = [statement.span[0], *(end for _, end in signs)]
    ends = [*(start for start, _ in signs), statement.span[1]]
    found: list[Span] = []
    for start, end in zip(starts, ends[1:], strict=False):
        gap = text[start:end]
        found.append((start + len(gap) - len(gap.lstrip()), start + len(gap.rstrip())))
    return found
