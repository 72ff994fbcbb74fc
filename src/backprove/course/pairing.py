"""Pairing: which claims of a submission answer which key, by what they state and by their number.

A claim whose left side is what a key asks for answers it, wherever it stands. What has no left
side, or one that the model does not know, can answer only by its place: a table, an array or a
bare formula under the question's number.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from backprove.course.arrays import Arrays
from backprove.course.asked import Asked
from backprove.course.bare import bare_answers
from backprove.course.judging import Judged, Judging, Place
from backprove.course.mends import mended
from backprove.course.tables import Row, answers
from backprove.documents import Passage
from backprove.documents.formula import relations, sides
from backprove.judge import sizes
from backprove.judge.stated import (
    Stated,
    covers,
    node_of,
    stated,
)
from backprove.judge.verdict import Kind, Verdict
from backprove.notation import ReadError, read_expression

_RELATED = "∈", "\\in"


@dataclass(slots=True)
class Answer:
    """What a submission has for a key: claims in order; of a table, one for each cell."""

    asked: Asked
    claims: list[Judged] = field(default_factory=list[Judged])
    #: of each claim, what it states
    stated: list[Stated | None] = field(default_factory=list["Stated | None"])


@dataclass(slots=True)
class Pairing:
    judging: Judging
    keys: list[Asked]
    answers: list[Answer] = field(init=False)
    #: the claims with what they state, in order
    statements: list[tuple[Judged, list[Stated]]] = field(
        default_factory=list[tuple[Judged, list[Stated]]]
    )

    def __post_init__(self) -> None:
        self.answers = [Answer(asked) for asked in self.keys]

    def run(self) -> list[Answer]:
        self._tables()
        Arrays(self.judging, self.answers, self).run()
        self.statements = [(judged, self._stated(judged)) for judged in self.judging.claims]
        for answer in self.answers:
            self._by_statement(answer)
        for answer in self.answers:
            if not answer.claims:
                self._by_place(answer)
        self._finish()
        return self.answers

    def _finish(self) -> None:
        """Show each claim under the question that it answers, and leave out what is about none."""
        names: dict[int, str] = {}
        for answer in self.answers:
            question = answer.asked.question
            for judged in answer.claims:
                names[id(judged)] = f"{question.number} {question.title}".strip()
        kept: list[Judged] = []
        for judged in self.judging.claims:
            if id(judged) in names:
                judged = replace(judged, question=names[id(judged)])
            elif judged.place is not None and judged.verdict.verdict is Kind.UNREADABLE:
                shorter = _without_unknown(judged, judged.place)
                if shorter is None:
                    self.judging.left_out.append(judged.lines[0])
                    continue
                judged = shorter
            kept.append(judged)
        self.judging.claims[:] = kept

    def number_of(self, passage: Passage) -> str:
        """The number of the question of the sheet in which a passage stands; empty outside all."""
        sheet = self.judging.sheet
        if sheet is None or not passage.number:
            return ""
        question = sheet.question(passage.number)
        if question is not None and passage.label:
            part = sheet.question(f"{question.number}({passage.label})")
            question = part or question
        return question.number if question else ""

    def near(self, passage: Passage, asked: Asked) -> bool:
        """Whether a passage stands in the key's question, or in one that it is a part of."""
        number = self.number_of(passage)
        own = asked.question.number
        return bool(number) and (own == number or own.startswith((f"{number}(", f"{number}.")))

    # --- by what is stated ---

    def _stated(self, judged: Judged) -> list[Stated]:
        if judged.place is None:
            return []
        session = judged.place.session
        repaired = any(link.repairs for link in (judged.verdict, *judged.verdict.links))
        found = stated(judged.text, session, repaired)
        other = mended(judged.text, session.system, {})
        found = found if other is None else [*found, *stated(other.text, session)]
        if not found:  # of what cannot be read, what it is about may be told
            first = sides(judged.text)[0]
            found = [Stated(s.text, s.sides[:1]) for s in stated(f"{first} = {first}", session)]
        return found

    def _by_statement(self, answer: Answer) -> None:
        asked = answer.asked
        found: list[tuple[bool, Judged, Stated | None]] = []
        for judged, statements in self.statements:
            if judged.place is None or judged.place.session is not asked.session:
                continue
            near = self.near(judged.passage, asked)
            if asked.key.kind == "shape":
                if self._is_shape_of(judged, asked):
                    found.append((near, judged, None))
                continue
            for one in statements:
                if self._answers(one, asked):
                    found.append((near, judged, one))
                    break
        if any(near for near, _, _ in found):
            found = [entry for entry in found if entry[0]]
        for _, judged, one in found:
            answer.claims.append(judged)
            answer.stated.append(one)

    def _answers(self, one: Stated, asked: Asked) -> bool:
        if one.is_shape:
            return False
        if asked.other is not None:
            nodes = [side.node for side in one.sides]
            return asked.node in nodes and asked.other in nodes
        return asked.node is not None and covers(asked.node, one.about)

    def _is_shape_of(self, judged: Judged, asked: Asked) -> bool:
        if not any(sign in judged.text for sign in _RELATED):
            return False
        session = asked.session
        left = sides(judged.text)[0]
        repairs = dict(self.judging.habits)
        for text in (left, *(left.replace(old, new) for old, new in repairs.items())):
            try:
                if covers(
                    asked.node, node_of(read_expression(text, session.system.names()), session)
                ):
                    return True
            except ReadError:
                continue
        return False

    # --- tables and arrays ---

    def _tables(self) -> None:
        """Give each key the table that fits it best, each table to one key, the best fit first."""
        keys = [answer for answer in self.answers if answer.asked.key.kind == "table"]
        found: list[tuple[bool, float, int, int, Passage, list[Row]]] = []
        for at, answer in enumerate(keys):
            for passage in self.judging.document.passages:
                if passage.kind == "table":
                    fit, rows = answers(passage, answer.asked.key)
                    if rows:
                        near = self.near(passage, answer.asked)
                        found.append((not near, -fit, at, passage.line, passage, rows))
        taken: set[int] = set()
        for _, _, at, line, passage, rows in sorted(found, key=lambda entry: entry[:4]):
            if line not in taken and not keys[at].claims:
                taken.add(line)
                self._table(keys[at], passage, rows)

    def _table(self, answer: Answer, passage: Passage, rows: list[Row]) -> None:
        """The claims of a table's cells; what stood in them as formulas is not judged twice."""
        claims = self.judging.claims
        lines = {cell.line for row in rows for _, cell in row.cells}
        claims[:] = [c for c in claims if not (lines >= set(c.lines) and c.passage.line in lines)]
        for row in rows:
            answer.claims += self._column(answer.asked, passage, row)
        answer.stated += [None] * len(answer.claims)
        claims.extend(answer.claims)
        claims.sort(key=lambda judged: judged.lines[0])

    def _column(self, asked: Asked, passage: Passage, row: Row) -> list[Judged]:
        column = asked.key.columns[row.column]
        found: list[Judged] = []
        for value, cell in row.cells:
            left = asked.key.cell(column, value)
            tries: list[tuple[str, Verdict]] = []
            for text in cell.options:
                claim, verdict = self.judging.tried(asked.session, f"{left} = {text}")
                if verdict is not None:
                    if text != cell.content:
                        note = f"read `{cell.content}` as `{text}`"
                        verdict = replace(verdict, repairs=(note, *verdict.repairs))
                    tries.append((claim, verdict))
            if tries:
                good = next((t for t in tries if t[1].accepted), tries[0])
                found.append(self.judged(asked, passage, good[0], cell.line, good[1]))
        damaged = sum(j.verdict.verdict is Kind.UNREADABLE for j in found)
        if damaged > 1:  # where a scan has spoilt cells, one that is off tells nothing either
            found = [_as_damaged(judged) for judged in found]
        return found

    # --- by place ---

    def _by_place(self, answer: Answer) -> None:
        """Bare answers in the key's own question, where only this key could be meant."""
        asked = answer.asked
        kin = [
            a
            for a in self.answers
            if a.asked.question is asked.question and a.asked.key.kind == asked.key.kind
        ]
        lines = self.judging.document.text.split("\n")
        seen: set[int] = set()
        for passage in self.judging.document.passages:
            mine = self._alone(passage, asked)
            if passage.kind not in ("prose", "claim", "heading") or not mine:
                continue
            own = lines[passage.line - 1 : passage.last]
            for text, place in bare_answers(own, asked, len(kin) > 1):
                line = passage.line + place
                made = None if line in seen else self._bare(asked, passage, text, line)
                if made is not None:
                    seen.add(line)
                    self._drop(made, line)
                    one = self._stated(made)
                    self.add(answer, made, next(iter(one), None))
                    self.statements.append((made, one))

    def _alone(self, passage: Passage, asked: Asked) -> bool:
        """Whether a passage stands in the key's question, or above it where no other is like it."""
        number, own = self.number_of(passage), asked.question.number
        if number == own or not self.near(passage, asked):
            return number == own
        like = (
            a.asked
            for a in self.answers
            if a.asked is not asked and a.asked.key.kind == asked.key.kind
        )
        return not any(self.near(passage, other) for other in like)

    def _bare(self, asked: Asked, passage: Passage, text: str, line: int) -> Judged | None:
        if asked.key.kind == "size":
            verdict = self._size(asked, text)
        else:
            text, verdict = self.judging.tried(asked.session, text)
            if verdict is not None and asked.key.kind == "value" and len(verdict.links) < 2:
                verdict = None if verdict.verdict is Kind.UNREADABLE else verdict
        if verdict is None or verdict.verdict is Kind.UNREADABLE:
            return None
        return self.judged(asked, passage, text, line, verdict)

    def _size(self, asked: Asked, text: str) -> Verdict:
        """Sizes, or a chain of them, of which each is compared with the key."""
        found = [sizes.judge(side, asked.key.parts) for side in sides(text)]
        worst = max(found, key=lambda v: v.verdict.rank)
        return replace(worst, claim=text)

    def _drop(self, made: Judged, line: int) -> None:
        """Forget a claim that is judged as an answer instead."""
        claims = self.judging.claims
        claims[:] = [
            c
            for c in claims
            if c.passage is not made.passage and not (line in c.lines and c.text in made.text)
        ]
        self.judging.left_out[:] = [at for at in self.judging.left_out if at != line]

    def take(self, answer: Answer, judged: Judged, one: Stated | None) -> Judged:
        answer.claims.append(judged)
        answer.stated.append(one)
        return judged

    def add(self, answer: Answer, judged: Judged, one: Stated | None) -> None:
        self.judging.claims.append(self.take(answer, judged, one))
        self.judging.claims.sort(key=lambda claim: claim.lines[0])

    def judged(
        self, asked: Asked, passage: Passage, text: str, line: int, verdict: Verdict
    ) -> Judged:
        question = asked.question
        place = Place(asked.session, question.number, question.title)
        return Judged(passage, text, (line,), verdict, place, place.name)


def _without_unknown(judged: Judged, place: Place) -> Judged | None:
    """A claim without a first side of names that nobody knows; None where nothing else is left.

    A torn formula has no side, and stays.
    """
    if not relations(judged.text):
        return judged
    verdict = judged.verdict
    links = verdict.links or (verdict,)
    first = sides(judged.text)[0]
    known = stated(f"{first} = {first}", place.session)
    if links[0].verdict is not Kind.UNREADABLE or (known and known[0].about is not None):
        return judged
    if len(links) == 1:
        return None
    rest = links[1:]
    worst = max(rest, key=lambda link: link.verdict.rank)
    return replace(judged, verdict=replace(worst, links=rest))


def _as_damaged(judged: Judged) -> Judged:
    if judged.verdict.verdict is not Kind.WRONG:
        return judged
    reason = "other cells beside it cannot be read, so this one may be the scan's"
    verdict = Verdict(Kind.UNREADABLE, judged.text, reason)
    return replace(judged, verdict=verdict)
