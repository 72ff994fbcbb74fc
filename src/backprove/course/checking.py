"""Checking a document: each claim to the question it answers, and a verdict for every link.

Which model a claim is judged by: where the document's headings give a question number that the
sheet has, that question's; otherwise the first whose names the claim fits, trying the one that was
used last before the others. Arithmetic without names needs no model. What belongs to no question
is not judged, but counted in a note.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from backprove.course.sheet import Question, Sheet, SheetError, read_sheet
from backprove.documents import Document, DocumentError, Passage, read_document
from backprove.documents.formula import is_nameless, is_numeric, relations, sides
from backprove.errors import BackproveError

if TYPE_CHECKING:
    from backprove.judge.session import Session
    from backprove.judge.verdict import Verdict

_NEW_NAME = re.compile(
    r"(?:let\s+|where\s+)?(?:\\?[^\W\d_]+\s*|\\(?:hat|bar|tilde|mathbf|text)\s*\{[^{}]*\}\s*)"
    r"(?:[_^]\s*(?:\w|\{[^{}]*\})\s*|\[[^\[\]]*\]\s*)*",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class ClaimResult:
    """The verdict on one link of a claim, with the line on which its right side begins."""

    line: int
    question: str
    text: str
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class DocumentReport:
    path: Path
    title: str
    results: tuple[ClaimResult, ...]
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class _Place:
    """A model with the writer's own definitions so far; `number` is the question's, if any."""

    session: Session
    number: str = ""
    title: str = ""

    @property
    def name(self) -> str:
        return " ".join(part for part in (self.number, self.title) if part)


def check_document(
    path: Path | str, sheet: Path | str | None = None, replay: bool = False
) -> DocumentReport:
    """Judge every claim of a document, by its own models or by those of a sheet.

    With `replay` the evidence against a wrong claim holds a script that shows it.
    """
    document = read_document(Path(path))
    checking = (
        _Checking(document)
        if sheet is None
        else _Checking(document, read_sheet(Path(sheet)), Path(sheet))
    )
    checking.replay = replay
    return checking.run()


@dataclass(slots=True)
class _Checking:
    document: Document
    sheet: Sheet | None = None
    sheet_path: Path | None = None
    places: dict[str, _Place] = field(default_factory=dict[str, _Place])
    last: _Place | None = None
    results: list[ClaimResult] = field(default_factory=list[ClaimResult])
    left_out: list[int] = field(default_factory=list[int])
    arithmetic: Session | None = None
    replay: bool = False

    def run(self) -> DocumentReport:
        sessions: dict[str, Session] = {}
        for question in self.sheet.questions if self.sheet else ():
            if question.model:
                if question.model not in sessions:
                    sessions[question.model] = self._sheet_session(question)
                self.places[question.number] = _Place(
                    sessions[question.model], question.number, question.title
                )
        unused = 0
        for passage in self.document.passages:
            if passage.kind == "model":
                unused += self.sheet is not None
                if self.sheet is None:
                    self._own_model(passage)
            elif passage.kind == "claim":
                self._claim(passage)
        return DocumentReport(
            self.document.path, self.document.title, tuple(self.results), self._notes(unused)
        )

    def _sheet_session(self, question: Question) -> Session:
        try:
            return self._session(question.model, question.model_line)
        except BackproveError as error:
            raise SheetError(
                f"{self.sheet_path}, question {question.number}: the model cannot be used: {error}"
            ) from None

    def _session(self, model: str, line: int) -> Session:
        session = _session(model, line)
        session.replay = self.replay
        return session

    def _own_model(self, passage: Passage) -> None:
        try:
            session = self._session(passage.text, passage.line)
        except BackproveError as error:
            raise DocumentError(
                f"{self.document.path}: the model cannot be used: {error}"
            ) from None
        self.last = _Place(session)

    def _claim(self, passage: Passage) -> None:
        place = self._place(passage)
        if place is not None:
            self.last = place
            verdict = place.session.check(passage.text)
            if verdict is not None:
                name = place.name if self.sheet else passage.number
                self._add(passage.text, verdict, passage.link_lines(), name)
            return
        parts = _arithmetic(passage)
        if not parts:
            self.left_out.append(passage.line)
        for text, lines in parts:
            if self.arithmetic is None:
                self.arithmetic = _session("")
            verdict = self.arithmetic.check(text)
            if verdict is not None:
                self._add(text, verdict, lines, passage.number)

    def _place(self, passage: Passage) -> _Place | None:
        if self.sheet is None:
            return self.last
        question = self.sheet.question(passage.number) if passage.number else None
        if question is not None and question.number in self.places:
            return self.places[question.number]
        if is_nameless(passage.text):
            return None
        used = [self.last] if self.last is not None else []
        for place in (*used, *self.places.values()):
            if _fits(place.session, passage):
                return place
        return None

    def _add(self, text: str, verdict: Verdict, lines: tuple[int, ...], question: str) -> None:
        if len(verdict.links) < 2:
            self.results.append(ClaimResult(lines[0], question, text, verdict))
            return
        # Where the judge has left out links (a new name's definition), they were the first.
        skipped = max(0, len(lines) - len(verdict.links))
        for k, link in enumerate(verdict.links):
            line = lines[min(skipped + k, len(lines) - 1)]
            self.results.append(ClaimResult(line, question, link.claim, link))

    def _notes(self, unused: int) -> tuple[str, ...]:
        notes: list[str] = []
        if not self.document.claims:
            notes.append("There is no formula with a relation sign in this document.")
        elif self.left_out and not self.results:
            raise DocumentError(
                f"{self.document.path}: none of its {len(self.document.claims)} formulas fits a"
                " question of the sheet"
                if self.sheet is not None
                else f"{self.document.path} has no model; put one before the claims in a fenced"
                " block marked `model`, or give a sheet"
            )
        elif self.left_out:
            count = len(self.left_out)
            what = "formula" if count == 1 else "formulas"
            where = "line" if count == 1 else "lines"
            belong = "belongs" if count == 1 else "belong"
            to = "no question of the sheet" if self.sheet else "no model"
            notes.append(f"{count} {what} on {where} {_spans(self.left_out)} {belong} to {to}.")
        if unused:
            notes.append("The document's own models were not used: the sheet supplies them.")
        return tuple(notes)


def _session(model: str, line: int = 1) -> Session:
    """A session whose errors count lines as the file does in which the model stands."""
    from backprove import Model
    from backprove.judge.session import Session

    return Session(Model("\n" * (line - 1) + model).world)


def _fits(session: Session, passage: Passage) -> bool:
    """True where the model knows the claim's names, or all but a new one that the claim defines."""
    if session.knows(passage.text):
        return True
    if passage.number[:1].isdigit() or not _NEW_NAME.fullmatch(sides(passage.text)[0]):
        return False
    right = sides(passage.text)[1]
    return not is_numeric(right) and session.knows(right)


def _arithmetic(passage: Passage) -> list[tuple[str, tuple[int, ...]]]:
    """The stretches of a chain without any names, with the lines of their links."""
    parts = sides(passage.text)
    places = relations(passage.text)
    lines = passage.link_lines()
    found: list[tuple[str, tuple[int, ...]]] = []
    start = 0
    for end in range(len(parts) + 1):
        if end < len(parts) and is_numeric(parts[end]):
            continue
        if end - start > 1:
            text = parts[start]
            for k in range(start + 1, end):
                sign = passage.text[slice(*places[k - 1])]
                text += f" {sign} {parts[k]}"
            found.append((text, lines[start : end - 1]))
        start = end + 1
    return found


def _spans(lines: list[int]) -> str:
    """Line numbers in order, the first twelve of many."""
    ordered = sorted(set(lines))
    shown = [str(line) for line in ordered[:12]]
    more = len(ordered) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")
