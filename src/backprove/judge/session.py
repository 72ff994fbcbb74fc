"""A session: claims about one model, in the order in which a person wrote them.

The writer's own definitions (`δ_3 = …`, "let", "where") are taken up and hold for what follows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from time import monotonic, perf_counter

from backprove.judge.judging import Judge, Outcome
from backprove.judge.verdict import Kind, Verdict
from backprove.judge.world import Disagreement, World
from backprove.model.definitions import declare, define, is_new
from backprove.model.entity import System
from backprove.model.names import take_apart
from backprove.model.text import logical_lines
from backprove.model.value import NoMeaning
from backprove.notation import ReadError, read_line
from backprove.notation.syntax import (
    Declaration,
    Derivative,
    Expr,
    Index,
    Name,
    Relation,
    Space,
    Span,
    Tag,
)

#: seconds that one claim is given
BUDGET = 2.0


@dataclass(slots=True)
class Session:
    """Claims about the model whose system `world` holds."""

    world: World
    budget: float = BUDGET
    system: System = field(init=False)

    def __post_init__(self) -> None:
        self.system = System(base=self.world.system)

    def check(self, text: str) -> Verdict | None:
        """The verdict on a record of one or more lines; None where it only defines names.

        The worst of several claims counts. Nothing that a user wrote raises an error.
        """
        start = perf_counter()
        links: list[Verdict] = []
        for line in _lines(text):
            links += self._line(line, text)
            if links and links[-1].verdict == Kind.UNREADABLE and len(links) > 200:
                break
        if not links:
            return None
        worst = max(links, key=lambda v: v.verdict.rank)
        return Verdict(
            verdict=worst.verdict,
            claim=text,
            reason=worst.reason,
            mistake=worst.mistake,
            reading=worst.reading,
            corrected=worst.corrected,
            evidence=worst.evidence,
            place=worst.place,
            repairs=worst.repairs,
            links=tuple(links),
            seconds=perf_counter() - start,
        )

    def _line(self, line: str, text: str) -> list[Verdict]:
        offset = text.find(line)
        try:
            statements = read_line(line, self.system.names())
        except ReadError as error:
            return [_unreadable(line, error.message, error.span, offset)]
        found: list[Verdict] = []
        for statement in statements:
            try:
                found += self._statement(statement, line)
            except NoMeaning as error:
                found.append(_unreadable(line, error.message, error.span, offset))
            except Disagreement as error:
                found.append(
                    Verdict(
                        Kind.WITHHELD,
                        line,
                        "the program's two ways to this derivative differ, so it is at fault, "
                        f"not the claim; please report this ({error})",
                    )
                )
            except RecursionError:
                found.append(_unreadable(line, "this is nested too deeply", (0, len(line)), offset))
        return found

    def _statement(self, statement: Declaration | Relation, line: str) -> list[Verdict]:
        if isinstance(statement, Declaration):
            declare(statement, self.system, 0)
            return []
        sides, ops = statement.sides, statement.ops
        first = sides[0]
        judge = Judge(self.world, self.system, monotonic() + self.budget)
        if not isinstance(first, Space) and ops[0] == "=" and is_new(first, statement, self.system):
            define(statement, self.system, 0, claim=True)
            if len(sides) == 2:
                return []
            sides, ops = sides[1:], ops[1:]
        return [
            _verdict(outcome, line, statement)
            for outcome in judge.relation(Relation(sides, ops, statement.ranges, span=statement.span))
        ]

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


def _lines(text: str) -> list[str]:
    return [line for _, line in logical_lines(text) if line.strip()]


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


def _unreadable(line: str, message: str, span: Span, offset: int) -> Verdict:
    shift = max(offset, 0)
    return Verdict(
        Kind.UNREADABLE, line, message, place=(span[0] + shift, max(span[1], span[0] + 1) + shift)
    )


def _verdict(outcome: Outcome, line: str, statement: Relation) -> Verdict:
    return Verdict(
        outcome.verdict,
        line,
        outcome.reason,
        mistake=outcome.mistake,
        reading=outcome.reading,
        corrected=outcome.corrected,
        evidence=outcome.evidence,
        place=outcome.place,
    )
