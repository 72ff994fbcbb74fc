"""What was wrong with some records: nothing is left out, or read with doubt, without a word."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain
from pathlib import Path
from typing import overload

import numpy as np

from backprove.detection.boxes import Ints
from backprove.errors import BackproveError


class DataError(BackproveError):
    """A file that cannot be used; the message names it, and the record."""


class Rule(StrEnum):
    """Why a record is left out, or kept with a remark."""

    UNKNOWN_IMAGE = "about an image that the ground truth lacks"
    UNKNOWN_CLASS = "of a class that the ground truth lacks"
    NOT_FINITE = "a number is NaN, infinite or absurdly large"
    EMPTY = "the box is empty or inside out: it can meet nothing"
    SCORE = "the score is not between 0 and 1"
    CONVENTION = "the boxes seem to be in another convention"
    NAME = "several classes have this name, and stay several"
    IDENTITY = "the id is 0, or there twice"
    IGNORE = "marked to be ignored, which the COCO protocol does not look at"

    @property
    def leaves_out(self) -> bool:
        """Whether the records are left out of the evaluation."""
        return self in (Rule.UNKNOWN_IMAGE, Rule.UNKNOWN_CLASS, Rule.NOT_FINITE)


@dataclass(frozen=True, slots=True)
class Note:
    """A rule and the records that it concerns: where each stands, and what is there."""

    rule: Rule
    records: Sequence[str]
    about: str = ""

    @property
    def summary(self) -> str:
        """In a line: how many, why, and the first of them."""
        kept = "left out" if self.rule.leaves_out else "kept"
        count = len(self.records)
        noun = "record" if count == 1 else "records"
        text = f"{count} {noun} {kept}: {self.rule}"
        if self.about:
            text += f" ({self.about})"
        if count:
            shown = "; ".join(self.records[i] for i in range(min(3, count)))
            text += f": {shown}" + ("; …" if count > 3 else "")
        return text


class Places(Sequence[str]):
    """Where each record stood, as text when it is asked for: a file's path and a place in it."""

    def __init__(self, file: Path | str, pattern: str, numbers: Sequence[int] | Ints) -> None:
        self.file = str(file)
        self.pattern = pattern
        self.numbers = numbers

    def __len__(self) -> int:
        return len(self.numbers)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[str]: ...
    def __getitem__(self, index: int | slice) -> str | Sequence[str]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        return f"{self.file}, {self.pattern.format(int(self.numbers[index]))}"


def joined(parts: Sequence[Sequence[str]]) -> Sequence[str]:
    """The places of a file's records, from those of its portions."""
    places = [part for part in parts if isinstance(part, Places)]
    if places and len(places) == len(parts):
        numbers = np.concatenate([np.asarray(part.numbers) for part in places])
        return Places(places[0].file, places[0].pattern, numbers)
    return list(chain.from_iterable(parts))


def together(notes: Iterable[Note]) -> list[Note]:
    """One note for each rule."""
    by_rule: dict[Rule, list[str]] = {}
    for note in notes:
        by_rule.setdefault(note.rule, []).extend(note.records)
    return [Note(rule, by_rule[rule]) for rule in Rule if rule in by_rule]
