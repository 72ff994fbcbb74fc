"""Judging what a document claims: each claim by the model it is about, and a verdict for it.

Which model that is: where the document's headings give a question number that the sheet has, that
question's, or that of another part of it; otherwise the first whose names the claim fits, trying
the one that was used last before the others. Arithmetic without names needs no model. What belongs
to no question is not judged, but counted.

A claim that is not accepted as it stands is tried as people may have meant to write it (`mends`).
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from backprove.course.entries import by_entries
from backprove.course.layout import Layouts
from backprove.course.mends import Mended, grouped_by_spaces, habits_of, mended
from backprove.course.sheet import Question, Sheet, SheetError
from backprove.documents import Document, DocumentError, Passage
from backprove.documents.formula import is_nameless, is_numeric, relations, sides
from backprove.errors import BackproveError
from backprove.judge.verdict import Kind, Verdict

if TYPE_CHECKING:
    from backprove.judge.session import Session

_NEW_NAME = re.compile(
    r"(?:let\s+|where\s+)?(?:\\?[^\W\d_]+\s*|\\(?:hat|bar|tilde|mathbf|text)\s*\{[^{}]*\}\s*)"
    r"(?:[_^]\s*(?:\w|\{[^{}]*\})\s*|\[[^\[\]]*\]\s*)*",
    re.IGNORECASE,
)
#: why a link was not compared with the side before it
RESTARTED = "compared with the beginning of the chain, as a step before is wrong"
_NO_NUMBER = "\0"


@dataclass(slots=True)
class Place:
    """A model with the writer's own definitions so far; `number` is the question's, if any."""

    session: Session
    number: str = ""
    title: str = ""
    modelled: bool = True

    @property
    def name(self) -> str:
        return " ".join(part for part in (self.number, self.title) if part)


@dataclass(frozen=True, slots=True)
class Judged:
    """A claim with its verdict. `lines` are those of its links, `text` what was judged."""

    passage: Passage
    text: str
    lines: tuple[int, ...]
    verdict: Verdict
    place: Place | None
    question: str


@dataclass(slots=True)
class Judging:
    document: Document
    sheet: Sheet | None = None
    sheet_path: Path | None = None
    #: whether the evidence against a wrong claim holds a script that shows it
    replay: bool = False
    places: dict[str, Place] = field(default_factory=dict[str, Place])
    last: Place | None = None
    claims: list[Judged] = field(default_factory=list[Judged])
    #: what only gives new names a meaning, and is not judged
    definitions: list[Judged] = field(default_factory=list[Judged])
    left_out: list[int] = field(default_factory=list[int])
    unused_models: int = 0
    layouts: Layouts = field(default_factory=Layouts)
    habits: dict[str, str] = field(default_factory=dict[str, str])
    _arithmetic: Session | None = None
    _last_number: str = _NO_NUMBER

    def __post_init__(self) -> None:
        sessions: dict[str, Session] = {}
        for question in self.sheet.questions if self.sheet else ():
            key = question.model or f"\0{question.number}"
            if question.model or question.asks:
                if key not in sessions:
                    sessions[key] = self._sheet_session(question)
                self.places[question.number] = Place(
                    sessions[key], question.number, question.title, bool(question.model)
                )

    @property
    def names(self) -> set[str]:
        """The words by which the sheet's keys are called."""
        keys = (
            [key for question in self.sheet.questions for key in question.keys]
            if self.sheet
            else []
        )
        return {name for key in keys if len(name := key.name or key.text) > 1 and name.isalpha()}

    def run(self) -> None:
        """Judge all claims, in order; a definition after `where` before the claim that needs it."""
        for passage in self._ordered():
            if passage.kind == "model":
                self.unused_models += self.sheet is not None
                if self.sheet is None:
                    self._own_model(passage)
            elif passage.kind == "claim":
                self._claim(passage)

    def _ordered(self) -> Iterator[Passage]:
        explained: dict[int, list[Passage]] = {}
        for passage in self.document.passages:
            if passage.explains:
                explained.setdefault(passage.explains, []).append(passage)
        for passage in self.document.passages:
            if passage.explains:
                continue
            waiting = explained.pop(passage.line, []) if passage.kind == "claim" else []
            # one definition may need another: each is taken up once it can be read
            while (ready := next(filter(self._defines, waiting), None)) is not None:
                waiting.remove(ready)
                yield ready
            yield passage
            yield from waiting

    def _defines(self, passage: Passage) -> bool:
        """Whether a definition can be read before the claim that it explains."""
        place = self._place(passage)
        if place is None:
            return False
        before = State(place.session)
        verdict = place.session.check(passage.text)
        before.restore()
        return verdict is None

    def _sheet_session(self, question: Question) -> Session:
        try:
            return self._session(question.model, question.model_line)
        except BackproveError as error:
            raise SheetError(
                f"{self.sheet_path}, question {question.number}: the model cannot be used: {error}"
            ) from None

    def _session(self, model: str, line: int = 1) -> Session:
        session = new_session(model, line)
        session.replay = self.replay
        return session

    def _own_model(self, passage: Passage) -> None:
        try:
            session = self._session(passage.text, passage.line)
        except BackproveError as error:
            raise DocumentError(
                f"{self.document.path}: the model cannot be used: {error}"
            ) from None
        self.last = Place(session)

    # --- claims ---

    def _claim(self, passage: Passage) -> None:
        place = self._place(passage)
        if place is not None:
            place, text, verdict = self._verdict(place, passage)
            self.last, self._last_number = place, passage.number
            name = place.name if self.sheet else passage.number
            found = self.definitions if verdict is None else self.claims
            verdict = verdict or Verdict(Kind.CORRECT, text)
            found.append(Judged(passage, text, passage.link_lines(), verdict, place, name))
            return
        parts = _arithmetic(passage)
        if not parts:
            self.left_out.append(passage.line)
        for text, lines in parts:
            if self._arithmetic is None:
                self._arithmetic = self._session("")
            text, verdict = self.tried(self._arithmetic, text)
            if verdict is not None:
                self.claims.append(Judged(passage, text, lines, verdict, None, passage.number))

    def _verdict(self, place: Place, passage: Passage) -> tuple[Place, str, Verdict | None]:
        """The verdict, in another part of the question where only there the name is so defined."""
        before = State(place.session)
        text, verdict = self.tried(place.session, passage.text)
        if verdict is None or verdict.accepted or self.sheet is None:
            return place, text, verdict
        if _NEW_NAME.fullmatch(sides(passage.text)[0]) is None:
            return place, text, verdict
        for other in self._family(passage.number):
            if other.session is not place.session and other.session.knows(passage.text):
                elsewhere = State(other.session)
                its_text, its = self.tried(other.session, passage.text)
                if its is not None and its.accepted:
                    before.restore()
                    return other, its_text, its
                elsewhere.restore()
        return place, text, verdict

    def tried(self, session: Session, text: str) -> tuple[str, Verdict | None]:
        """The verdict on a text as it stands or, where that is not accepted, as it was meant."""
        before = State(session)
        verdict = session.check(text)
        if verdict is not None and not verdict.accepted:
            after = State(session)
            for mend in self._mends(session, text):
                before.restore()
                with _brief(session, mend.must_hold):
                    other = session.check(mend.text)
                if other is not None and _better(other, mend):
                    text, verdict = mend.text, _noted(other, mend)
                    break
            else:
                after.restore()
        if verdict is not None and len(verdict.links) > 1 and not verdict.accepted:
            verdict = self._restarted(session, text, verdict)
        self._remember(session, text, verdict)
        return text, verdict

    def _restarted(self, session: Session, text: str, verdict: Verdict) -> Verdict:
        """The verdict with links behind a failing one compared with the chain's beginning.

        Whoever goes on rightly from a line that was written wrong has meant the right one.
        """
        parts, links = sides(text), list(verdict.links)
        if len(parts) != len(links) + 1:
            return verdict
        for k, link in enumerate(links):
            behind = any(_fails(other) for other in links[:k])
            if not behind or not _fails(link):
                continue
            before = State(session)
            with _brief(session):
                claim, found = self.tried(session, f"{parts[0]} = {parts[k + 1]}")
            before.restore()
            if found is not None and not _fails(found):
                reason = "; ".join(filter(None, (found.reason, RESTARTED)))
                links[k] = replace(found, claim=claim, reason=reason, links=())
        worst = max(links, key=lambda link: link.verdict.rank)
        return replace(worst, claim=verdict.claim, links=tuple(links), seconds=verdict.seconds)

    def _mends(self, session: Session, text: str) -> Iterator[_Try]:
        """Other texts for a claim: first those that count only where they make it right."""
        other = mended(text, session.system, self.habits)
        for basis in (other or Mended(text), Mended(text)):
            turned = self.layouts.turned(basis.text)
            if turned is not None:
                reason = "in the layout in which its shape was given"
                yield _Try(turned, basis.notes, must_hold=True, layout=reason)
        for entry in by_entries(text, session.system):
            yield _Try(entry.text, entry.notes, must_hold=True, entries=True)
        spaced = grouped_by_spaces(text)
        if spaced is not None:
            yield _Try(spaced.text, spaced.notes, must_hold=True)
        if other is not None:
            yield _Try(other.text, other.notes)

    def _remember(self, session: Session, text: str, verdict: Verdict | None) -> None:
        if verdict is None:
            return
        if verdict.accepted or verdict.verdict.partly:
            for link in verdict.links or (verdict,):
                self.habits.update(habits_of(link.repairs))
        if verdict.verdict is Kind.CONVENTION:
            self.layouts.learn(text, session)

    # --- which model ---

    def _family(self, number: str) -> list[Place]:
        """The parts of a question of the sheet, its own first; none for an unknown number."""
        question = self.sheet.question(number) if self.sheet and number else None
        if question is None:
            return []
        main = re.split(r"\(", question.number, maxsplit=1)[0]
        own = self.places.get(question.number)
        others = [p for n, p in self.places.items() if re.split(r"\(", n, maxsplit=1)[0] == main]
        return [*([own] if own else []), *(p for p in others if p is not own)]

    def _place(self, passage: Passage) -> Place | None:
        if self.sheet is None:
            return self.last
        family = self._family(passage.number)
        if family and is_nameless(passage.text):
            return family[0] if family[0].modelled else None
        if self.last in family and passage.number == self._last_number:
            family = [self.last, *(p for p in family if p is not self.last)]
        everyone = [*([self.last] if self.last is not None else []), *self.places.values()]
        if not family and is_nameless(passage.text):
            return None
        for place in family:
            if _fits(place.session, passage):
                return place
        # a number that says otherwise counts more than letters, but not more than a derivative, or
        # the name of what another question asks
        left = sides(passage.text)[0]
        named = left in self.names
        if not family or named or re.search(r"∂|\\partial|\\nabla|∇", left):
            for place in everyone:
                if _fits(place.session, passage):
                    return place
        return family[0] if family and family[0].modelled else None


@dataclass(frozen=True, slots=True)
class _Try:
    """Another text for a claim; one that `must_hold` counts only where it is then right."""

    text: str
    notes: tuple[str, ...]
    must_hold: bool = False
    layout: str = ""
    entries: bool = False


class State:
    """What a session knows at one time, to go back to."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.system, self.written = session.system.copy(), list(session.written)

    def restore(self) -> None:
        self.session.system, self.session.written[:] = self.system.copy(), self.written


@contextmanager
def _brief(session: Session, wanted: bool = True) -> Generator[None]:
    """Without naming mistakes, where only a claim that holds counts."""
    before, session.brief = session.brief, session.brief or wanted
    try:
        yield
    finally:
        session.brief = before


def new_session(model: str, line: int = 1) -> Session:
    """A session whose errors count lines as the file does in which the model stands."""
    from backprove import Model
    from backprove.judge.session import Session

    return Session(Model("\n" * (line - 1) + model).world)


def _fails(verdict: Verdict) -> bool:
    return not (verdict.accepted or verdict.verdict.partly)


def _better(other: Verdict, mend: _Try) -> bool:
    """Whether a mended claim counts in place of the one that was not accepted as it stands."""
    if mend.must_hold:
        return other.accepted or other.verdict.partly
    return other.verdict not in (Kind.UNREADABLE, Kind.WITHHELD)


def _noted(verdict: Verdict, mend: _Try) -> Verdict:
    """The verdict with what was read differently, and as a convention in another layout."""

    def one(link: Verdict) -> Verdict:
        new = replace(link, repairs=(*mend.notes, *link.repairs))
        if mend.layout and link.verdict is Kind.CORRECT:
            new = replace(new, verdict=Kind.CONVENTION, reason=mend.layout)
        if mend.entries and link.verdict in (Kind.CORRECT, Kind.CONVENTION):
            new = replace(new, verdict=Kind.NOTATION)
        return new

    return replace(one(verdict), links=tuple(map(one, verdict.links)))


def _fits(session: Session, passage: Passage) -> bool:
    """True where the model knows the claim's names, or all but a new one that the claim defines."""
    if session.knows(passage.text):
        return True
    other = mended(passage.text, session.system, {})
    if other is not None and session.knows(other.text):
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
