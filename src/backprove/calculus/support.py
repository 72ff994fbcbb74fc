"""Where adjoints can be other than zero.

What is said of h_t does not depend on h_s for s > t: in `∂h_t/∂W` the adjoints begin at t, and not
at the last step. The rule `δ_s = 1[s = t] I + δ_{s+1} W` says so itself: it is zero above t unless
δ_{s+1} is other than zero there. So the ends of the families are the least solution of what the
rules say of them, found step by step from families that are zero everywhere.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from typing import TypeGuard

from backprove.calculus.bounds import within
from backprove.model.entity import Entity, IndexRange
from backprove.tensor.build import is_zero
from backprove.tensor.nodes import (
    Add,
    Build,
    Contract,
    Fold,
    Literal,
    Node,
    Scatter,
    Select,
    Symbol,
    Test,
    Where,
    walk,
)
from backprove.tensor.simple import is_nothing
from backprove.tensor.whole import Whole

#: after so many rounds the families are left as they are
ROUNDS = 8


class _Everywhere:
    """No end is known."""


class _Nowhere:
    """Zero for all steps."""


EVERYWHERE, NOWHERE = _Everywhere(), _Nowhere()
End = Whole | _Everywhere | _Nowhere
Ends = dict[str, End]
Spans = tuple[IndexRange, ...]


def supported(lines: Sequence[Entity], asked: Sequence[Whole], spans: Spans) -> list[Entity]:
    """The families without the steps at which they are surely zero.

    `asked` are steps in the question, which exist, and `spans` the ranges of its open letters.
    """
    for sign in (1, -1):
        ends = _ends(lines, sign, spans)
        lines = [
            _shortened(line, ends.get(line.name, EVERYWHERE), sign, asked, spans) for line in lines
        ]
    return [*lines]


def _ends(lines: Sequence[Entity], sign: int, spans: Spans) -> Ends:
    """The last (sign 1) or first (sign -1) step at which each family may be other than zero."""
    simple = [e for e in lines if len(e.ranges) == 1 and len(e.index) == 1]
    alone = {e.name for e in simple if sum(other.name == e.name for other in lines) == 1}
    rules = [e for e in simple if e.name in alone and e.body is not None]
    ends: Ends = {e.name: NOWHERE for e in rules}
    for _ in range(ROUNDS):
        after: Ends = {}
        for e in rules:
            assert e.body is not None
            after[e.name] = _Reach(e.ranges[0].name, sign, ends, spans).of(e.body)
        if after == ends:
            return ends
        ends = after
    return {}


@dataclass(frozen=True, slots=True)
class _Reach:
    """How far an expression in `letter` is other than zero, given how far families are."""

    letter: str
    sign: int
    ends: Ends
    spans: Spans

    def of(self, node: Node) -> End:
        if is_nothing(node) or is_zero(node):
            return NOWHERE
        match node:
            case Add():
                return self._any([self.of(n) for _, n in node.terms])
            case Contract():
                return self._all([self.of(n) for n in node.operands])
            case Where():
                other = self.of(node.otherwise)
                return self._any(
                    [self._all([self._holds(node.condition), self.of(node.then)]), other]
                )
            case Symbol() if node.name in self.ends and len(node.index) == 1:
                return self._shifted(self.ends[node.name], node.index[0])
            case Fold(op="sum") if node.index != self.letter:
                return self._outside(self.of(node.body), node.index)
            case Select() | Scatter():
                return self.of(node.arg)
            case Build():
                return self.of(node.body)
            case Literal() if node.value == 0:
                return NOWHERE
            case _:
                return EVERYWHERE

    def _outside(self, end: End, bound: str) -> End:
        return EVERYWHERE if isinstance(end, Whole) and bound in end.names else end

    def _shifted(self, end: End, at: Whole) -> End:
        """The end of what uses a family at `at`: that of the family, as far back."""
        if isinstance(end, _Nowhere):
            return end
        shift = at - Whole.of(self.letter)
        if self.letter in shift.names or not isinstance(end, Whole):
            return EVERYWHERE
        return end - shift

    def _holds(self, condition: Node) -> End:
        """How far a condition lets something be."""
        if not isinstance(condition, Test):
            return EVERYWHERE
        gap = condition.left - condition.right
        slope = gap.coefficient(self.letter)
        if slope not in (1, -1):
            return EVERYWHERE
        at = Whole.of(self.letter) - gap * slope
        if condition.op == "=" or (condition.op == "≤" and slope == self.sign):
            return at
        return at - self.sign if condition.op == "<" and slope == self.sign else EVERYWHERE

    def _any(self, ends: Sequence[End]) -> End:
        return _farthest(ends, self.sign, self.spans)

    def _all(self, ends: Sequence[End]) -> End:
        """The nearest that is known."""
        found: End = EVERYWHERE
        for end in ends:
            if isinstance(end, _Nowhere):
                return end
            if isinstance(end, Whole):
                nearer = not isinstance(found, Whole) or self._before(end, found)
                found = end if nearer else found
        return found

    def _before(self, a: Whole, b: Whole) -> bool:
        """Whether a is surely no farther than b."""
        return _reaches(b, a, self.sign, self.spans)


def _shortened(line: Entity, end: End, sign: int, asked: Sequence[Whole], spans: Spans) -> Entity:
    """A family that ends at `end`, where that lies in its range."""
    if not isinstance(end, Whole) or len(line.ranges) != 1:
        return line
    (r,) = line.ranges
    old, new = (r.high, (r.low, end)) if sign > 0 else (r.low, (end, r.high))
    if r.name in end.names or end == old:
        return line
    if old is None or not any(_reaches(place, end, sign, spans) for place in (old, *asked)):
        return line
    return replace(line, ranges=(IndexRange(r.name, *new),))


def single(lines: Sequence[Entity], result: Node, spans: Spans) -> list[Entity]:
    """Families of which only the last member is used, as that member.

    `∂c_t/∂c_{t−1}` uses h̄_{t−1}, which uses c̄_t: no other members matter.
    """
    families = {
        e.name: e.ranges[0]
        for e in lines
        if len(e.ranges) == len(e.index) == 1 and sum(o.name == e.name for o in lines) == 1
    }
    firsts = _firsts(lines, families, result, spans)
    return [
        replace(e, ranges=(IndexRange(r.name, r.high, r.high),))
        if (r := families.get(e.name)) is not None
        and firsts.get(e.name, NOWHERE) == r.high
        and r.low != r.high
        else e
        for e in lines
    ]


def _firsts(
    lines: Sequence[Entity], families: dict[str, IndexRange], result: Node, spans: Spans
) -> Ends:
    """The first member of each family that is used."""
    bodies = {e.name: e.body for e in lines if e.name in families and e.body is not None}
    others = [e.body for e in lines if e.name not in families and e.body is not None]
    ends: Ends = dict.fromkeys(families, NOWHERE)
    for _ in range(ROUNDS):
        found: dict[str, list[End]] = {name: [] for name in families}
        for body in (result, *others):
            _note(found, body, None, NOWHERE)
        for name, body in bodies.items():
            if ends[name] is not NOWHERE:
                _note(found, body, families[name].name, ends[name])
        after: Ends = {name: _farthest(uses, -1, spans) for name, uses in found.items()}
        if after == ends:
            return ends
        ends = after
    return {}


def _note(found: dict[str, list[End]], body: Node, letter: str | None, first: End) -> None:
    """What a rule uses, if `first` is the first value of its letter."""
    for n in walk(body):
        if isinstance(n, Fold):
            bound = n.index
            for uses in (found[m.name] for m in walk(n.body) if _is_member(m, found, bound)):
                uses.append(EVERYWHERE)
        if not isinstance(n, Symbol) or n.name not in found:
            continue
        (at,) = n.index
        if letter is None or letter not in at.names:
            found[n.name].append(at)
        elif at.coefficient(letter) == 1 and isinstance(first, Whole):
            found[n.name].append(at.put({letter: first}))
        else:
            found[n.name].append(EVERYWHERE)


def _is_member(node: Node, families: Container[str], letter: str) -> TypeGuard[Symbol]:
    return isinstance(node, Symbol) and node.name in families and letter in node.index[0].names


def _farthest(ends: Sequence[End], sign: int, spans: Spans) -> End:
    """The last (sign 1) or first (sign -1) of some ends."""
    found: End = NOWHERE
    for end in ends:
        if isinstance(end, _Everywhere):
            return end
        if isinstance(end, Whole):
            if not isinstance(found, Whole) or _reaches(end, found, sign, spans):
                found = end
            elif not _reaches(found, end, sign, spans):
                return EVERYWHERE
    return found


def _reaches(a: Whole, b: Whole, sign: int, spans: Spans) -> bool:
    """Whether a is surely as far as b, or farther."""
    gap = (a - b) * sign
    return within(gap, gap, Whole.of(0), None, spans)
