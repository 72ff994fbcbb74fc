"""A writer's own recursion that does not give the derivatives which it begins with.

`δ_4 = …` is ∂L/∂z_4, so the rule for `δ_t` is meant for ∂L/∂z_t: it is judged as that claim.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from time import thread_time
from typing import TYPE_CHECKING

from backprove.judge.pool import put
from backprove.judge.rewrite import places, shown
from backprove.judge.verdict import Kind
from backprove.judge.wrong_claim import WrongClaim
from backprove.model.definitions import define
from backprove.model.entity import Entity, System, member
from backprove.model.names import take_apart
from backprove.model.value import NoMeaning
from backprove.model.write import NoMatrixForm, written
from backprove.notation.latex import to_latex
from backprove.notation.syntax import (
    Derivative,
    Expr,
    Index,
    Name,
    Number,
    Relation,
    Space,
    Tag,
)
from backprove.tensor.nodes import Apply, Symbol

if TYPE_CHECKING:
    from backprove.judge.outcome import Outcome

#: seconds for one of the questions asked here
LIMIT = 0.3


@dataclass(frozen=True, slots=True)
class WrongLine:
    """A line that is wrong: the kind of mistake, a sentence, and the claim's right side with it."""

    kind: str
    sentence: str
    latex: str | None


def wrong_line(claim: WrongClaim) -> WrongLine | None:
    """The recursion that spoils a claim about a scalar's derivative, if the claim is right otherwise."""
    left = claim.left
    if not isinstance(left, Derivative) or claim.value.of is None or claim.value.of.shape:
        return None
    for line, name in _recursions(claim):
        others = [d for d in claim.definitions if _base(d, claim.system) != name]
        for meant in _meanings(claim, name, left.of):
            claim.spend()
            system = _system(
                claim, Relation((Index(Name(name), (Name("t"),)), meant), ("=",)), others
            )
            if system is None or not _holds(claim, system, others, (left, claim.right)):
                continue
            found = _judged(claim, system, others, line.sides[:2], line)
            if found is not None and found.verdict == Kind.WRONG and found.mistake:
                rule = to_latex(Relation((*line.sides[:1], Name("·")), ("=",))).removesuffix("·")
                told = found.corrected and f"{rule}{found.corrected}"
                latex = told and f"{to_latex(claim.right)} \\quad \\text{{where }} {told}"
                first = line.sides[0]
                assert not isinstance(first, Space)
                sentence = f"in the line for {shown(first)}, {found.reason}"
                return WrongLine(found.mistake, sentence, latex)
    return None


def _recursions(claim: WrongClaim) -> Iterator[tuple[Relation, str]]:
    """The writer's rules that use other members of their own family, with its name."""
    for line in claim.definitions:
        right, name = line.sides[1], _base(line, claim.system)
        if not name or isinstance(right, Space):
            continue
        used = {p.expr.base for p in places(right) if isinstance(p.expr, Index)}
        if Name(name) in used:
            yield line, name


def _base(line: Relation, system: System) -> str:
    first = line.sides[0]
    if not isinstance(first, Index | Tag | Name):
        return ""
    target = take_apart(first, system.names())
    return target.base if target is not None else ""


def _meanings(claim: WrongClaim, name: str, of: Expr) -> Iterator[Derivative]:
    """The derivatives ∂of/∂q_t that a family may be meant to be, as its last member tells."""
    last = _last(claim.system.named(name))
    if last is None:
        return
    shapes = {e.shape for e in claim.system.named(name)}
    at = Number(Fraction(last), str(last))
    for entity in claim.world.system.all():
        if len(entity.index) != 1 or not entity.ranges or entity.shape not in shapes:
            continue
        for by in _quantities(entity):
            letter = entity.ranges[0].name
            last_one = Derivative(of, (put(by, letter, at),))
            if _holds(claim, claim.system, (), (Index(Name(name), (at,)), last_one)):
                yield Derivative(of, (put(by, letter, Name("t")),))


def _quantities(entity: Entity) -> Iterator[Expr]:
    """A family's member, and what its function is taken of: the z_t in `h_t = tanh(z_t)`."""
    yield written(member(entity))
    body = entity.body
    if isinstance(body, Apply) and len(body.args) == 1 and not isinstance(body.args[0], Symbol):
        try:
            yield written(body.args[0])
        except NoMatrixForm:
            return


def _last(entities: Sequence[Entity]) -> int | None:
    """The last member of a family, where it is a number."""
    ends = [e.index[0] for e in entities if len(e.index) == 1 and not e.ranges]
    ends += [r.high for e in entities if len(e.index) == 1 for r in e.ranges if r.high is not None]
    numbers = [w.constant for w in ends]
    found = [n for n in numbers if isinstance(n, int)]
    return max(found) if found and len(found) == len(numbers) else None


def _system(claim: WrongClaim, meant: Relation, others: Sequence[Relation]) -> System | None:
    system = System(base=claim.world.system)
    try:
        for line in (meant, *others):
            define(line, system, 0, claim=True)
    except NoMeaning:
        return None
    return system


def _holds(
    claim: WrongClaim, system: System, lines: Sequence[Relation], sides: tuple[Expr, Expr]
) -> bool:
    found = _judged(claim, system, lines, sides, None)
    return found is not None and found.verdict == Kind.CORRECT


def _judged(
    claim: WrongClaim,
    system: System,
    lines: Sequence[Relation],
    sides: Sequence[Expr | Space],
    line: Relation | None,
) -> Outcome | None:
    """What is found about an equation; only of a line is the mistake named."""
    from backprove.judge.judging import Judge  # which asks for mistakes itself

    judge = Judge(claim.world, system, thread_time() + LIMIT, tuple(lines), brief=line is None)
    ranges = claim.relation.ranges if line is None else line.ranges
    try:
        return judge.relation(Relation(tuple(sides), ("=",), ranges, span=claim.relation.span))[0]
    except NoMeaning:
        return None
