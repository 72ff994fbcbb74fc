"""What an answer is worth: a share of its marks, with the reason.

An answer that holds earns what the policy gives for its worst verdict. One in which derivatives are
left earns the mean of what these have earned elsewhere; one that is worked out nowhere counts as
unfinished. Where a step fails, what went before it earns something, and the step itself more where
it uses an earlier wrong result rightly; an answer that is right again in the end earns most of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from backprove.course.judging import RESTARTED, Judged, State
from backprove.course.pairing import Answer, Pairing
from backprove.course.policy import Policy
from backprove.judge.session import Session
from backprove.judge.stated import (
    Stated,
    covers,
    derivatives,
    names,
    same_writing,
    stated,
    terms,
)
from backprove.judge.verdict import Kind, Verdict
from backprove.model.text import logical_lines

#: expressions that are written out to follow a wrong step
MOST_TRIED = 24
_SAID = {
    Kind.CORRECT: "correct",
    Kind.CONVENTION: "correct in another layout",
    Kind.NOTATION: "correct as read",
    Kind.SCALAR: "correct for scalars",
    Kind.APPROXIMATE: "rounded on the way",
}


@dataclass(frozen=True, slots=True)
class Worth:
    """The share of a key's marks; `look` says what a person must see, empty where nothing."""

    share: Fraction
    outcome: str
    reason: str = ""
    lines: tuple[int, ...] = ()
    look: str = ""


@dataclass(slots=True)
class Worths:
    policy: Policy
    pairing: Pairing
    _seen: set[int] = field(default_factory=set[int])

    def of(self, answer: Answer) -> Worth:
        """What the answer to a key earns."""
        if not answer.claims:
            return Worth(Fraction(0), "unanswered", "no answer was found")
        if answer.asked.key.kind == "table":
            return self._table(answer)
        return self._claim(answer.claims[-1], answer.stated[-1], answer.asked.key.chain)

    def _table(self, answer: Answer) -> Worth:
        """The mean over the cells that are asked for; a cell that is not there earns nothing."""
        key = answer.asked.key
        count = len(key.values) * len(key.columns)
        kinds = [judged.verdict.verdict for judged in answer.claims]
        share = sum((self.policy.of(kind) for kind in kinds), Fraction(0)) / count
        good = sum(kind.accepted for kind in kinds)
        unread = sum(kind in (Kind.UNREADABLE, Kind.WITHHELD) for kind in kinds)
        lines = tuple(judged.lines[0] for judged in answer.claims)
        look = f"{unread} cells of this table cannot be read" if unread else ""
        outcome = "correct" if good == count else "partly" if share else "wrong"
        return Worth(share, outcome, f"{good} of {count} entries are right", lines, look)

    def _claim(self, judged: Judged, one: Stated | None, chain: bool = False) -> Worth:
        links, lines = self._links(judged, one)
        bad = next((k for k, v in enumerate(links) if not (v.accepted or v.verdict.partly)), None)
        if bad is not None:
            return self._failed(judged, one, links, lines, bad)
        worst = max((link.verdict for link in links), key=lambda kind: kind.rank)
        share = self.policy.of(worst)
        session = judged.place.session if judged.place else None
        left = derivatives(one.last, session) if one is not None and session is not None else []
        if chain or not left:
            return Worth(share, str(worst), _SAID[worst], lines)
        return self._unfinished(share, worst, [node for _, node in left], judged)

    def _links(
        self, judged: Judged, one: Stated | None
    ) -> tuple[tuple[Verdict, ...], tuple[int, ...]]:
        """The links of one of the relations that stand in a claim, with their lines."""
        links = judged.verdict.links or (judged.verdict,)
        several = next((s for j, s in self.pairing.statements if j is judged), [])
        if one is None or len(several) < 2 or len(judged.lines) != len(links):
            return links, judged.lines
        counts = [len(s.sides) - 1 for s in several]
        if sum(counts) != len(links) or one not in several:
            return links, judged.lines
        at = several.index(one)
        part = slice(sum(counts[:at]), sum(counts[: at + 1]))
        return links[part], judged.lines[part]

    def _unfinished(self, share: Fraction, worst: Kind, left: list[Any], judged: Judged) -> Worth:
        """A right answer in which derivatives are left: as good as these are elsewhere."""
        values: list[Fraction] = []
        for node in left:
            found = self._elsewhere(node, judged)
            values.append(self.policy.of("unfinished") if found is None else found)
        mean = sum(values, Fraction(0)) / len(values)
        if mean == 1:
            return Worth(share, str(worst), _SAID[worst], judged.lines)
        reason = f"{_SAID[worst]}, with derivatives left in it"
        if any(self._elsewhere(node, judged) is not None for node in left):
            reason += ", which count as they are worked out elsewhere"
        return Worth(min(share, mean), "unfinished", reason, judged.lines)

    def _elsewhere(self, node: Any, judged: Judged) -> Fraction | None:
        """What the last claim about a derivative earns; None where there is none."""
        if node is None or id(node) in self._seen:
            return None
        self._seen.add(id(node))
        try:
            for other, statements in reversed(self.pairing.statements):
                if other is judged or other.place is None or judged.place is None:
                    continue
                if other.place.session is not judged.place.session:
                    continue
                for one in statements:
                    if covers(node, one.about):
                        return self._claim(other, one).share
            parts = [self._elsewhere(part, judged) for part in terms(node)]
        finally:
            self._seen.discard(id(node))
        if not any(part is not None for part in parts):
            return None
        unfinished = self.policy.of("unfinished")
        values = [unfinished if part is None else part for part in parts]
        return sum(values, Fraction(0)) / len(values)

    # --- where a step fails ---

    def _failed(
        self,
        judged: Judged,
        one: Stated | None,
        links: tuple[Verdict, ...],
        lines: tuple[int, ...],
        bad: int,
    ) -> Worth:
        link = links[bad]
        line = lines[min(bad, len(lines) - 1)]
        unread = link.verdict is not Kind.WRONG
        look = f"the step on line {line} could not be read" if unread else ""
        share = self._recovered(judged, one, links)
        if share is not None:
            reason = f"right in the end, behind line {line}, which is not"
            look = look or f"the step on line {line} is wrong, if it is as it was written"
            return Worth(share, "recovered", reason, lines, look)
        if not unread and one is not None and judged.place is not None:
            used = self._follows(judged, one, bad)
            if used is not None and all(v.accepted or v.verdict.partly for v in links[bad + 1 :]):
                reason = f"wrong, but it follows from line {used}, where the mistake was made"
                share = self.policy.of("follow-through")
                return Worth(share, "follow-through", reason, lines)
        said = "cannot be read" if unread else "is wrong"
        if bad > 0:
            reason = f"right until line {line}, which {said}"
            look = look or f"the step on line {line} is wrong, if it is as it was written"
            return Worth(self.policy.of("started"), "started", reason, lines, look)
        outcome = str(link.verdict)
        reason = link.reason if not unread else "it cannot be read"
        return Worth(Fraction(0), outcome, reason, lines, look)

    def _recovered(
        self, judged: Judged, one: Stated | None, links: tuple[Verdict, ...]
    ) -> Fraction | None:
        """The share of an answer that is right again behind a failing step; None for others."""
        again = [k for k, link in enumerate(links) if RESTARTED in link.reason]
        if not again:
            return None
        rest = links[again[-1] :]
        if not all(v.accepted or v.verdict.partly for v in rest):
            return None
        worst = max((v.verdict for v in rest), key=lambda kind: kind.rank)
        share = min(self.policy.of("recovered"), self.policy.of(worst))
        session = judged.place.session if judged.place else None
        left = derivatives(one.last, session) if one is not None and session is not None else []
        if not left:
            return share
        return self._unfinished(share, worst, [node for _, node in left], judged).share

    def _follows(self, judged: Judged, one: Stated, bad: int) -> int | None:
        """The line of the earlier wrong result from which a wrong link follows; None if none.

        What is right of the quantity is written out with earlier results, right and wrong ones,
        until it is what was written.
        """
        assert judged.place is not None
        session = judged.place.session
        if bad + 1 >= len(one.sides):
            return None
        right = one.sides[bad + 1].text
        results = self._results_before(judged)
        pending = [(text, 0) for text in self._bases(judged, one, bad, session)]
        seen: set[str] = set()
        while pending and len(seen) < MOST_TRIED:
            text, line = pending.pop(0)
            if text in seen:
                continue
            seen.add(text)
            if line and (
                same_writing(text, right, session) or _holds(session, f"{text} = {right}")
            ):
                return line
            side = next((s.sides[0] for s in stated(f"{text} = {text}", session)), None)
            if side is None:
                continue
            for (start, end), node in (*derivatives(side, session), *names(side, session)):
                for about, result, at, wrong in results:
                    if node is not None and covers(about, node):
                        put = f"{text[:start]}({result}){text[end:]}"
                        pending.append((put, at if wrong else line))
        return None

    def _results_before(self, judged: Judged) -> list[tuple[Any, str, int, bool]]:
        """Earlier results: what each is about, what it was said to be, its line, and if wrong."""
        found: list[tuple[Any, str, int, bool]] = []
        for other, statements in self._before(judged):
            kinds = [v.verdict for v in (other.verdict.links or (other.verdict,))]
            wrong = Kind.WRONG in kinds
            if Kind.UNREADABLE not in kinds:
                found += [
                    (s.about, s.last.text, other.lines[-1], wrong)
                    for s in statements
                    if s.about is not None and not s.is_shape
                ]
        return found

    def _bases(self, judged: Judged, one: Stated, bad: int, session: Session) -> list[str]:
        """Right expressions for what the wrong link is about: earlier ones, and its definition."""
        found = [side.text for side in one.sides[1 : bad + 1]]
        for other, statements in self._before(judged):
            first = (other.verdict.links or (other.verdict,))[0]
            for s in statements:
                if s.about is one.about and first.accepted and not s.is_shape:
                    found.append(s.sides[1].text)
        sheet, place = self.pairing.judging.sheet, judged.place
        question = sheet.question(place.number) if sheet and place else None
        for _, line in logical_lines(question.model) if question else ():
            found += [s.sides[1].text for s in stated(line, session) if s.about is one.about]
        return found

    def _before(self, judged: Judged) -> Iterator[tuple[Judged, list[Stated]]]:
        """What was claimed before about the same model, with what it states."""
        session = judged.place.session if judged.place else None
        for other, statements in self.pairing.statements:
            if other is judged:
                return
            if other.place is not None and other.place.session is session:
                yield other, statements


def _holds(session: Session, claim: str) -> bool:
    before = State(session)
    verdict = session.check(claim)
    before.restore()
    return verdict is not None and (verdict.accepted or verdict.verdict.partly)
