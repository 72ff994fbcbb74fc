"""A session: claims about one model, in the order in which a person wrote them.

The writer's own definitions (`δ_3 = …`, "let", "where") are taken up and hold for what follows.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from time import perf_counter, thread_time

import numpy as np

from backprove.errors import BackproveError
from backprove.judge.edits import Repaired, link_spans
from backprove.judge.judging import Judge
from backprove.judge.outcome import Outcome
from backprove.judge.repair import Ambiguous, has_decimal, repair
from backprove.judge.verdict import Kind, Verdict
from backprove.judge.world import Disagreement, World
from backprove.model.definitions import declare, define, is_new
from backprove.model.entity import System
from backprove.model.names import take_apart
from backprove.model.text import logical_lines
from backprove.model.value import NoMeaning
from backprove.notation import ReadError, read_line
from backprove.notation.spellings import INTRODUCTIONS
from backprove.notation.syntax import (
    Declaration,
    Derivative,
    Expr,
    Index,
    Name,
    Relation,
    Space,
    Span,
    Statement,
    Tag,
)

#: seconds that one claim is given
BUDGET = 2.0


@dataclass(frozen=True, slots=True)
class Link:
    """The verdict on one link, and where in the text its claim begins."""

    verdict: Verdict
    at: int = 0

    @property
    def good(self) -> bool:
        """Whether it holds, if only in part."""
        return self.verdict.accepted or self.verdict.verdict.partly

    @property
    def span(self) -> Span:
        return self.at, self.at + len(self.verdict.claim)


@dataclass(slots=True)
class Session:
    """Claims about the model whose system `world` holds."""

    world: World
    budget: float = BUDGET
    #: whether wrong claims get a script that shows it
    replay: bool = False
    system: System = field(init=False)
    #: the writer's own definitions, as they were written
    written: list[Relation] = field(default_factory=list[Relation])
    #: names that the writer gave a meaning in earlier records
    earlier: frozenset[str] = frozenset()
    #: whether mistakes need not be named nor corrected
    brief: bool = False
    #: whether a line that cannot be read is repaired; one that is still being written need not be
    repairs: bool = True

    def __post_init__(self) -> None:
        self.system = System(base=self.world.system)

    def check(self, text: str) -> Verdict | None:
        """The verdict on a record of one or more lines; None where it only defines names.

        The worst of several claims counts. Nothing that a user wrote raises an error.
        """
        start = perf_counter()
        self.earlier = frozenset(self.system.entities)
        links: list[Link] = []
        position = 0
        lines: list[tuple[str, int]] = []
        for line in _lines(text):
            position = max(text.find(line, position), 0)
            lines.append((line, position))
        with np.errstate(all="ignore"):  # what has no value is NaN, and that is seen to
            while lines:
                after = next((n for n, (x, _) in enumerate(lines[1:], 1) if not _is_where(x)), None)
                group, lines = lines[:after], [] if after is None else lines[after:]
                links += self._explained(group)
        if not links:
            return None
        worst = max(links, key=lambda link: link.verdict.verdict.rank)
        return replace(
            worst.verdict,
            claim=text,
            place=_moved(worst.verdict.place, worst.at),
            links=tuple(link.verdict for link in links),
            seconds=perf_counter() - start,
        )

    def _explained(self, lines: list[tuple[str, int]]) -> list[Link]:
        """The links of a line with its “where …” lines, which may say what its names mean."""
        before, count = self.system.copy(), len(self.written)
        links = [self._placed(*line) for line in lines]
        doubtful = any(x.verdict.repairs or x.verdict.verdict == Kind.UNREADABLE for x in links[0])
        if len(lines) > 1 and doubtful:
            after = self.system, self.written[count:]
            self.system = before
            del self.written[count:]
            again = [self._placed(*line) for line in [*lines[1:], lines[0]]]
            if not any(
                link.verdict.verdict == Kind.UNREADABLE for found in again for link in found
            ):
                links = [again[-1], *again[:-1]]
            else:
                self.system = after[0]
                self.written[count:] = after[1]
        return [link for found in links for link in found]

    def _placed(self, line: str, position: int) -> list[Link]:
        return [replace(link, at=link.at + position) for link in self._line(line)]

    def _line(self, line: str) -> list[Link]:
        """The links of a line as it stands or, where it has no meaning so, as repaired."""
        if not self.repairs:
            return self._links(Repaired(line))
        before, lines = self.system.copy(), len(self.written)
        early = repair(line, before) if has_decimal(line) else None
        brief = self.brief
        self.brief = brief or isinstance(early, Repaired)
        links = self._links(Repaired(line))
        self.brief = brief
        unreadable = any(link.verdict.verdict == Kind.UNREADABLE for link in links)
        failed = any(link.verdict.verdict == Kind.WRONG for link in links)
        if not unreadable and not (failed and has_decimal(line)):
            return links
        mended = early or repair(line, before)
        if isinstance(mended, Ambiguous):
            return [_doubtful(link, mended) for link in links]
        if mended is None:
            return links
        needless = any(link.good and mended.notes_in(link.span) for link in links)
        if needless and early is None:
            return links
        self.system = before
        del self.written[lines:]
        return self._links(Repaired(line) if needless else mended)

    def _links(self, line: Repaired) -> list[Link]:
        """The links of a line, judged in its repaired text and told in the writer's own."""
        try:
            statements = read_line(line.text, self.system.names())
        except ReadError as error:
            return [_unreadable(line, error.message, error.span)]
        where = [
            k
            for k, s in enumerate(statements)
            if k and isinstance(s, Relation) and s.intro == "where"
        ]
        if not where:
            return self._judged(statements, line)
        before, written = self.system.copy(), list(self.written)
        found = self._where_first(statements, where, line)
        if any(link.verdict.verdict == Kind.UNREADABLE for link in found):
            self.system, self.written = before, written
            found = self._judged(statements, line)
        return found

    def _where_first(
        self, statements: Sequence[Statement], where: Sequence[int], line: Repaired
    ) -> list[Link]:
        """What is said after its use is taken up first; the rest is then read anew."""
        meanings = self._judged([statements[k] for k in where], line, several=True)
        again = read_line(line.text, self.system.names())
        if len(again) == len(statements):
            statements = again
        rest = [s for k, s in enumerate(statements) if k not in where]
        return self._judged(rest, line, several=True) + meanings

    def _judged(
        self, statements: Sequence[Statement], line: Repaired, several: bool = False
    ) -> list[Link]:
        several = several or len(statements) > 1
        found: list[Link] = []
        for statement in statements:
            try:
                found += self._statement(statement, line, several)
            except NoMeaning as error:
                found.append(_unreadable(line, error.message, error.span))
            except Disagreement as error:
                reason = (
                    "the program's two ways to this derivative differ, so it is at fault, "
                    f"not the claim; please report this ({error})"
                )
                found.append(Link(Verdict(Kind.WITHHELD, line.line, reason, repairs=line.notes)))
            except RecursionError:
                whole = (0, len(line.text))
                found.append(_unreadable(line, "this is nested too deeply", whole))
            except BackproveError:
                raise
            except Exception as error:  # whatever a user writes, there is a verdict
                if os.environ.get("BACKPROVE_DEBUG"):
                    raise
                reason = f"the program is at fault, not the claim; please report this ({error!r})"
                found.append(Link(Verdict(Kind.WITHHELD, line.line, reason, repairs=line.notes)))
        return found

    def _statement(
        self, statement: Declaration | Relation, line: Repaired, several: bool
    ) -> list[Link]:
        if isinstance(statement, Declaration):
            return self._declaration(statement, line)
        sides, ops = statement.sides, statement.ops
        first = sides[0]
        self._forget(statement)
        deadline = thread_time() + self.budget
        judge = Judge(
            self.world, self.system, deadline, tuple(self.written), self.replay, self.brief
        )
        if not isinstance(first, Space) and ops[0] == "=" and is_new(first, statement, self.system):
            define(statement, self.system, 0, claim=True)
            self.written.append(statement)
            if len(sides) == 2:
                return []
            sides, ops = sides[1:], ops[1:]
        outcomes = judge.relation(Relation(sides, ops, statement.ranges, span=statement.span))
        spans = [(0, len(line.text))]
        if several or len(statement.ops) > 1:
            spans = link_spans(line.text, statement)[-len(ops) :]
        return [_link(o, line, span) for o, span in zip(outcomes, spans, strict=True)]

    def _forget(self, statement: Relation) -> None:
        """A “where” or “let” gives a name of an earlier record a new meaning."""
        first = statement.sides[0]
        if not statement.intro or isinstance(first, Space):
            return
        target = take_apart(first, self.system.names())
        if target is None or target.base not in self.earlier:
            return
        self.system = self.system.copy()
        del self.system.entities[target.base]
        self.earlier -= {target.base}
        self.written = [x for x in self.written if _head(x, self.system) != target.base]

    def _declaration(self, statement: Declaration, line: Repaired) -> list[Link]:
        """New names are taken up; of names that there are, their shape is claimed."""
        claims = {
            name: Relation((name, statement.space), ("∈",), statement.ranges, span=statement.span)
            for name in statement.targets
        }
        whole_number = statement.space.kind == "N"
        new = tuple(n for n, c in claims.items() if whole_number or is_new(n, c, self.system))
        if new:
            declare(replace(statement, targets=new), self.system, 0)
        known = [claim for name, claim in claims.items() if name not in new]
        return [link for claim in known for link in self._statement(claim, line, False)]

    def knows(self, text: str) -> bool:
        """Whether the left side of a record is about names of this model."""
        names = self.system.names()
        for line in _lines(text):
            try:
                statements = read_line(line, names)
            except ReadError:
                continue
            for statement in statements:
                if isinstance(statement, Relation):
                    first = statement.sides[0]
                    if not isinstance(first, Space) and _about(first, self.system):
                        return True
        return False


def records(text: str) -> list[tuple[int, str]]:
    """A text's records with the line on which each begins: a line, with its “where …” lines."""
    found: list[tuple[int, str]] = []
    for number, line in logical_lines(text):
        if found and _is_where(line):
            found[-1] = (found[-1][0], f"{found[-1][1]}\n{line}")
        elif line.strip():
            found.append((number, line))
    return found


def _lines(text: str) -> list[str]:
    return [line for _, line in logical_lines(text) if line.strip()]


def _is_where(line: str) -> bool:
    """Whether a line explains the names of the line before."""
    word = re.match(r"\s*(?:\\text\s*\{\s*)?([^\W\d]+)", line)
    return word is not None and INTRODUCTIONS.get(word.group(1).lower()) == "where"


def _head(relation: Relation, system: System) -> str:
    """The name that a definition is of."""
    first = relation.sides[0]
    target = None if isinstance(first, Space) else take_apart(first, system.names())
    return target.base if target else ""


def _about(expr: Expr, system: System) -> bool:
    """Whether every name of an expression is known."""
    match expr:
        case Name() | Index() | Tag():
            target = take_apart(expr, system.names())
            return target is not None and bool(system.named(target.base))
        case Derivative():
            return _about(expr.of, system) and all(_about(b, system) for b in expr.by)
        case _:
            return False


def _doubtful(link: Link, choice: Ambiguous) -> Link:
    """An unreadable link with the repairs between which nothing decides."""
    verdict = link.verdict
    if verdict.verdict != Kind.UNREADABLE:
        return link
    return replace(link, verdict=replace(verdict, reason=f"{verdict.reason}; {choice.reason}"))


def _unreadable(line: Repaired, message: str, span: Span) -> Link:
    place = line.origin((span[0], max(span[1], span[0] + 1)))
    return Link(Verdict(Kind.UNREADABLE, line.line, message, place=place, repairs=line.notes))


def _link(outcome: Outcome, line: Repaired, span: Span) -> Link:
    start, end = line.origin(span)
    place = line.origin(outcome.place) if outcome.place else None
    return Link(
        Verdict(
            outcome.verdict,
            line.line[start:end],
            outcome.reason,
            mistake=outcome.mistake,
            reading=outcome.reading,
            corrected=outcome.corrected,
            evidence=outcome.evidence,
            place=_moved(place, -start),
            repairs=line.notes_in((start, end)),
        ),
        start,
    )


def _moved(place: Span | None, by: int) -> Span | None:
    return None if place is None else (max(place[0] + by, 0), max(place[1] + by, 0))
