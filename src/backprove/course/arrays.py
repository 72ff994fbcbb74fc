"""Matrices and vectors that answer a key by their place: under a name that only the writer knows.

An array is compared with the key whose sizes are nearest to its own. It may be an example of a
matrix of letters; where it is wrong, the rows that are not right are told.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from backprove.course.asked import Asked
from backprove.course.judging import Judged, Judging
from backprove.course.tables import numeric_array
from backprove.documents import Passage
from backprove.documents.formula import sides
from backprove.judge.stated import (
    Stated,
    array_text,
    dimensions,
    example_values,
    sizes_of,
    stated,
    wrong_rows,
)
from backprove.judge.verdict import Kind, Verdict

if TYPE_CHECKING:
    from backprove.course.pairing import Answer, Pairing


@dataclass(frozen=True, slots=True)
class Arrays:
    judging: Judging
    answers: list[Answer]
    pairing: Pairing

    def run(self) -> None:
        """Literal arrays under names that the model does not know, and tables of numbers."""
        arrays = [a for a in self.answers if a.asked.rank and a.asked.key.kind != "shape"]
        if not arrays:
            return
        for at, judged in enumerate(self.judging.claims):
            if not judged.verdict.accepted:
                made = self._array(judged, self._kin(arrays, judged.passage))
                if made is not None:
                    self.judging.claims[at] = self.pairing.take(*made)
        for judged in self.judging.definitions:
            made = self._array(judged, self._kin(arrays, judged.passage), new=True)
            if made is not None:
                self.pairing.add(*made)
        for passage in self.judging.document.passages:
            text = numeric_array(passage) if passage.kind == "table" else None
            near = [a for a in arrays if not a.claims and self.pairing.near(passage, a.asked)]
            if text is None or not near:
                continue
            made = self._compared(near, passage, "", text, passage.line)
            if made is not None:
                self.pairing.add(*made)

    def _kin(self, arrays: list[Answer], passage: Passage) -> list[Answer]:
        """The keys of the main question in which a passage stands."""
        main = self.pairing.number_of(passage).partition("(")[0]
        return [a for a in arrays if main and a.asked.question.number.partition("(")[0] == main]

    def _array(
        self, judged: Judged, near: list[Answer], new: bool = False
    ) -> tuple[Answer, Judged, Stated | None] | None:
        first, *others = sides(judged.text)
        if not near or judged.place is None or not others:
            return None
        known = stated(f"{first} = {first}", judged.place.session)
        if not new and first != "0" and known and known[0].about is not None:
            return None
        made = self._compared(near, judged.passage, first, others[0], judged.lines[0])
        if made is None:
            return None
        answer, claim, one = made
        rest = judged.verdict.links[1:]
        if rest:
            own = replace(claim.verdict, links=())
            worst = max((own, *rest), key=lambda v: v.verdict.rank)
            whole = replace(worst, claim=judged.text, links=(own, *rest))
            claim = replace(claim, verdict=whole, lines=judged.lines)
        return answer, claim, one

    def _compared(
        self, near: list[Answer], passage: Passage, name: str, array: str, line: int
    ) -> tuple[Answer, Judged, Stated | None] | None:
        """An array judged as the answer to the key whose sizes are nearest to its own."""
        found = stated(f"0 = {array}", near[0].asked.session)
        own = dimensions(found[0].last) if found else None
        if not own:
            return None
        fitting = [a for a in near if a.asked.rank == len(own)]
        if not fitting:
            return None

        def apart(answer: Answer) -> int:
            wanted = sizes_of(answer.asked.node)
            return sum(a != b for a, b in zip(own, wanted, strict=True))

        answer = min(fitting, key=apart)
        if apart(answer) == len(own):
            return None
        asked = answer.asked
        claim = f"{asked.text} = {array}"
        verdict = self._array_verdict(asked, claim, own)
        if name:
            note = f"read `{name}` as `{asked.text}`"
            verdict = replace(verdict, repairs=(note, *verdict.repairs))
        one = next(iter(stated(claim, asked.session)), None)
        return answer, self.pairing.judged(asked, passage, claim, line, verdict), one

    def _array_verdict(self, asked: Asked, claim: str, own: tuple[int, ...]) -> Verdict:
        """Equal, equal for an example of the letters, or wrong: with the rows that are."""
        session = asked.session
        one = stated(claim, session)[0]
        wanted = sizes_of(asked.node)
        session.brief = True  # what is wrong is told below, row by row
        verdict = self.judging.tried(session, claim)[1]
        session.brief = False
        assert verdict is not None
        if verdict.accepted:
            return verdict
        values = example_values(asked.text, one.last, session)
        if values is not None:
            put = ", ".join(f"{letter} = {number}" for letter, number in values.items())
            return Verdict(Kind.CORRECT, claim, reading=f"an example, with {put}")
        shape = " × ".join("?" if size is None else str(size) for size in wanted)
        reasons: list[str] = []
        if own != wanted:
            reasons.append(f"it should be {shape}, not {' × '.join(map(str, own))}")
        fits = len(own) == 2 and own[0] == wanted[0] and own[1] <= (wanted[1] or 0)
        rows = wrong_rows(asked.text, one.last, one.text, session) if fits else []
        if rows and len(rows) < own[0]:
            which = f"row {rows[0]} is" if len(rows) == 1 else f"rows {_listed(rows)} are"
            reasons.append(f"{which} not what {'it' if len(rows) == 1 else 'they'} should be")
        mistake = "shape" if own != wanted else verdict.mistake or "other"
        kind = verdict.verdict if verdict.verdict.partly else Kind.WRONG
        return replace(
            verdict,
            verdict=kind,
            reason="; ".join(reasons) or verdict.reason,
            mistake=mistake if kind is Kind.WRONG else None,
            corrected=array_text(asked.text, session) or None,
            place=None,
            links=(),
        )


def _listed(numbers: list[int]) -> str:
    """`1, 2 and 4`."""
    return f"{', '.join(map(str, numbers[:-1]))} and {numbers[-1]}"
