"""Marking: what a submission earns on a sheet, question by question, and what a person must see.

The last thing that a submission says about what is asked is its answer. A derivation earns its
share as long as it goes well: see `course/worth.py`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from backprove.course.asked import ready
from backprove.course.checking import ClaimResult, left_out_note, links_of
from backprove.course.judging import Judging
from backprove.course.key import Key, Manual
from backprove.course.pairing import Answer, Pairing
from backprove.course.sheet import Question, Sheet, SheetError, read_sheet
from backprove.course.worth import Worth, Worths
from backprove.documents import Document, Passage, read_document

_MARKED_HEADING = re.compile(
    r"\(\s*\d+(?:\s*\+\s*\d+)*(?:\s*=\s*\d+)?\s*marks?\s*\)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that is asked, with what it earned; `awarded` is None where a person decides."""

    asked: str
    of: Fraction
    awarded: Fraction | None
    outcome: str
    reason: str = ""
    lines: tuple[int, ...] = ()
    points: tuple[str, ...] = ()
    look: bool = False


@dataclass(frozen=True, slots=True)
class QuestionMark:
    question: Question
    items: tuple[Item, ...]
    claims: tuple[ClaimResult, ...]

    @property
    def of(self) -> Fraction:
        return sum((item.of for item in self.items), Fraction(0))

    @property
    def awarded(self) -> Fraction:
        return sum((item.awarded or Fraction(0) for item in self.items), Fraction(0))

    @property
    def pending(self) -> Fraction:
        return sum((item.of for item in self.items if item.awarded is None), Fraction(0))


@dataclass(frozen=True, slots=True)
class Look:
    """Something that needs a human eye: where, and what about it."""

    question: str
    lines: tuple[int, ...]
    what: str


@dataclass(frozen=True, slots=True)
class MarkReport:
    path: Path
    title: str
    sheet: Path
    sheet_title: str
    questions: tuple[QuestionMark, ...]
    claims: tuple[ClaimResult, ...]
    looks: tuple[Look, ...] = ()
    notes: tuple[str, ...] = ()
    document: Document | None = field(default=None, compare=False)

    @property
    def of(self) -> Fraction:
        return sum((question.of for question in self.questions), Fraction(0))

    @property
    def awarded(self) -> Fraction:
        return sum((question.awarded for question in self.questions), Fraction(0))

    @property
    def pending(self) -> Fraction:
        return sum((question.pending for question in self.questions), Fraction(0))


def mark_document(sheet_path: Path | str, path: Path | str) -> MarkReport:
    """Mark a submission by a sheet.

    Raises `SheetError` for a sheet with nothing to mark, or with an impossible key, and
    `DocumentError` for a submission that cannot be read.
    """
    sheet_path = Path(sheet_path)
    sheet = read_sheet(sheet_path)
    return marked(sheet, sheet_path, read_document(path))


def marked(sheet: Sheet, sheet_path: Path, document: Document) -> MarkReport:
    """The same for what is already read; `sheet_path` is what the sheet is called.

    Raises `SheetError` as `mark_document` does.
    """
    if not any(question.asks for question in sheet.questions):
        raise SheetError(
            f"{sheet_path} asks nothing: give its questions blocks marked `answer` or `manual`"
        )
    judging = Judging(document, sheet, sheet_path)
    sessions = {number: place.session for number, place in judging.places.items()}
    keys = ready(sheet, sessions, sheet_path)
    paper = _is_question_paper(document)
    if not paper:
        judging.run()
    pairing = Pairing(judging, keys)
    answers = pairing.run() if not paper else pairing.answers
    return _Report(judging, pairing, answers, paper).made()


def _is_question_paper(document: Document) -> bool:
    """Whether a document gives marks to its questions, as a question paper does."""
    lines = [line for line in document.text.split("\n") if _MARKED_HEADING.search(line)]
    return len(lines) > 1


@dataclass(slots=True)
class _Report:
    judging: Judging
    pairing: Pairing
    answers: list[Answer]
    paper: bool
    looks: list[Look] = field(default_factory=list[Look])

    def made(self) -> MarkReport:
        document, sheet = self.judging.document, self.judging.sheet
        assert sheet is not None
        assert self.judging.sheet_path is not None
        claims = [r for judged in self.judging.claims for r in links_of(judged, document)]
        worths = Worths(sheet.policy, self.pairing)
        by_key = {id(a.asked.key): (a, worths.of(a)) for a in self.answers}
        questions: list[QuestionMark] = []
        for question in sheet.questions:
            items = [self._item(question, key, *by_key[id(key)]) for key in question.keys]
            items += [self._manual(question, manual) for manual in question.manual]
            name = " ".join(part for part in (question.number, question.title) if part)
            own = tuple(claim for claim in claims if claim.question == name)
            questions.append(QuestionMark(question, tuple(items), own))
        notes: list[str] = []
        looks = self.looks
        if self.paper:
            notes.append(
                "Nothing is answered here: this is a question paper, whose questions carry marks."
            )
            looks = []
        elif not any(item.lines for q in questions for item in q.items):
            notes.append("This submission answers none of the sheet's questions.")
        if self.judging.left_out:
            notes.append(left_out_note(self.judging))
        if self.judging.unused_models:
            notes.append("The document's own models were not used: the sheet supplies them.")
        return MarkReport(
            document.path,
            document.title,
            self.judging.sheet_path,
            sheet.title,
            tuple(questions),
            tuple(sorted(claims, key=lambda claim: claim.line)),
            tuple(looks),
            tuple(notes),
            document,
        )

    def _item(self, question: Question, key: Key, answer: Answer, worth: Worth) -> Item:
        of = key.marks or Fraction(0)
        named = key.kind == "statement" and answer.asked.other is None
        asked = key.name if named else key.asked
        look = worth.look
        if not answer.claims and not self.paper:
            written = self._written(question)
            if written:
                look = f"no formula answers {asked}, but there is text"
                self.looks.append(Look(question.number, (written[0].line, written[-1].last), look))
        elif worth.look:
            self.looks.append(Look(question.number, worth.lines, worth.look))
        return Item(
            asked,
            of,
            of * worth.share,
            worth.outcome,
            worth.reason,
            worth.lines,
            (),
            bool(look),
        )

    def _manual(self, question: Question, manual: Manual) -> Item:
        of = manual.marks or Fraction(0)
        heading = None if self.paper else self._heading(question.number)
        written = [] if self.paper else self._written(question)
        what = "a person marks this"
        if heading is not None and not written:
            written = [heading]
            what = "nothing can be read under this number; it may be a drawing"
        if not written:
            reason = "nothing is written under this question's number"
            return Item("for a person", of, Fraction(0), "unanswered", reason, (), manual.points)
        lines = (written[0].line, max(passage.last for passage in written))
        self.looks.append(Look(question.number, lines, what))
        return Item("for a person", of, None, "manual", "", lines, manual.points, look=True)

    def _heading(self, number: str) -> Passage | None:
        """Where a question's very number stands in the submission."""
        for passage in self.judging.document.passages:
            if passage.kind == "heading" and passage.number == number:
                return passage
        return None

    def _written(self, question: Question) -> list[Passage]:
        """What stands under a question's number, or else above it, or beside it."""
        found: dict[str, list[Passage]] = {}
        for passage in self.judging.document.passages:
            number = self.pairing.number_of(passage)
            substance = passage.kind != "heading" or len(passage.text.split()) > 3
            if number and substance:
                found.setdefault(number, []).append(passage)
        number = question.number
        if not found.get(number) and self._heading(number) is not None:
            return []
        while number:
            above = number.rpartition("(")[0] if number.endswith(")") else ""
            beside = (n for n in found if above and n.rpartition("(")[0] == above)
            for near in (number, above, *beside):
                if found.get(near):
                    return found[near]
            number = above
        return []
