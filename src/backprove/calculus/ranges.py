"""Where conditions hold: over the range of an index a condition may be settled once and for all,
give a sum its bounds, or the index its value.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from math import ceil, floor

from backprove.calculus.bounds import within
from backprove.model.entity import Entity, IndexRange
from backprove.tensor.build import (
    UNIT,
    add,
    fold,
    literal,
    rebuild,
    scale,
    split_coefficient,
    substitute,
    test,
    where,
    zero,
)
from backprove.tensor.nodes import Add, Build, Contract, Fold, Node, Symbol, Test, Where, walk
from backprove.tensor.simple import is_nothing
from backprove.tensor.whole import ONE, Whole

Ranges = tuple[IndexRange, ...]


def settled(node: Node, ranges: Ranges, families: Sequence[Entity] = ()) -> Node:
    """The node with conditions that its ranges decide taken away.

    A member of one of the families beyond the family's range is zero.
    """
    spans = {e.name: e for e in families if len(e.ranges) == 1}

    def visit(part: Node, around: Ranges) -> Node:
        if isinstance(part, Test):
            return _decided(part, around)
        if isinstance(part, Symbol) and part.name in spans and len(part.index) == 1:
            return zero(part.shape) if _beyond(part.index[0], spans[part.name], around) else part
        if not part.children:
            return part
        inner = around
        if isinstance(part, Fold):
            inner = (*around, IndexRange(part.index, part.low, part.high))
        elif isinstance(part, Build):
            sizes = zip(part.indices, part.shape, strict=False)
            inner = (*around, *(IndexRange(name, ONE, size) for name, size in sizes))
        fresh = [visit(child, inner) for child in part.children]
        if any(a is not b for a, b in zip(fresh, part.children, strict=True)):
            part = rebuild(part, fresh)
        if isinstance(part, Fold):
            single = pinned(part)
            return bounded(part, around) if single is None else visit(single, around)
        return part

    if not any(_matters(part, spans) for part in walk(node)):
        return node
    return visit(node, ranges)


def _matters(part: Node, spans: dict[str, Entity]) -> bool:
    return isinstance(part, Test) or (isinstance(part, Symbol) and part.name in spans)


def _decided(node: Test, ranges: Ranges) -> Node:
    gap = node.right - node.left
    always, never = {
        "≤": ((0, None), (None, -1)),
        "<": ((1, None), (None, 0)),
        "=": (None, None),
        "≠": (None, None),
    }[node.op]
    if always is None:
        apart = lies(gap, 1, None, ranges) or lies(gap, None, -1, ranges)
        return (literal(0) if node.op == "=" else UNIT) if apart else node
    if lies(gap, *always, ranges):
        return UNIT
    return literal(0) if never is not None and lies(gap, *never, ranges) else node


def lies(gap: Whole, low: int | None, high: int | None, ranges: Ranges) -> bool:
    """Whether a difference surely lies in a range of numbers."""
    return within(
        gap,
        gap,
        None if low is None else Whole.of(low),
        None if high is None else Whole.of(high),
        ranges,
    )


def _beyond(at: Whole, family: Entity, ranges: Ranges) -> bool:
    """Whether a place lies outside a family's range, for all that the ranges allow."""
    (r,) = family.ranges
    after = r.high is not None and lies(at - r.high, 1, None, ranges)
    return after or (r.low is not None and lies(at - r.low, None, -1, ranges))


def tightened(node: Node, families: Sequence[Entity], around: Ranges) -> Node:
    """Conditions as the ends of families say them: 1[s < T] beside c̄_{s+1}, which is zero beyond
    c̄_t, is 1[s < t].
    """
    ends = {e.name: e.ranges[0].high for e in families if len(e.ranges) == len(e.index) == 1}
    memo: dict[Node, Node] = {}
    for part in walk(node):
        fresh = part
        if part.children:
            inner = [memo[child] for child in part.children]
            if any(a is not b for a, b in zip(inner, part.children, strict=True)):
                fresh = rebuild(part, inner)
        if isinstance(fresh, Where) and is_nothing(fresh.otherwise):
            fresh = _tightened(fresh, ends, around)
        memo[part] = fresh
    return memo[node]


def _tightened(node: Where, ends: dict[str, Whole | None], around: Ranges) -> Node:
    condition = node.condition
    if not isinstance(condition, Test) or condition.op != "≤":
        return node
    for n in node.then.operands if isinstance(node.then, Contract) else (node.then,):
        end = ends.get(n.name) if isinstance(n, Symbol) else None
        if end is not None and isinstance(n, Symbol) and len(n.index) == 1:
            (at,) = n.index
            gap = condition.right - condition.left
            if (at, end) != (condition.left, condition.right) and lies(
                gap - (end - at), 0, None, around
            ):
                return where(test("≤", at, end), node.then, node.otherwise)
    return node


def pinned(node: Fold) -> Node | None:
    """A sum in which an equation gives the index its value, as that one term; None for others."""
    body = node.body
    if node.op != "sum":
        return None
    if isinstance(body, Add):
        found: list[tuple[Fraction, Node]] = []
        for c, n in body.terms:
            one = fold("sum", node.index, node.low, node.high, n)
            alone = pinned(one) if isinstance(one, Fold) else one
            if alone is None:
                return None
            found.append((c, alone))
        return add(found, node.shape)
    conditions: list[Node] = []
    inner: list[Fold] = []
    factor = Fraction(1)
    while True:
        number, rest = split_coefficient(body)
        if number != 1 and rest is not UNIT:
            factor, body = factor * number, rest
        elif isinstance(body, Where) and is_nothing(body.otherwise):
            conditions.append(body.condition)
            body = body.then
        elif isinstance(body, Test):
            conditions.append(body)
            body = UNIT
        elif (
            isinstance(body, Fold)
            and body.op == "sum"
            and node.index not in body.low.names | body.high.names
        ):
            inner.append(body)
            body = body.body
        else:
            break
    for condition in conditions:
        value = _solved(condition, node.index)
        if value is None:
            continue
        bounds = [test("≤", node.low, value), test("≤", value, node.high)]
        result = substitute(body, {node.index: value})
        for other in [*(substitute(c, {node.index: value}) for c in conditions), *bounds]:
            result = where(other, result, zero(result.shape) if result.shape else literal(0))
        for sum_ in reversed(inner):
            result = fold("sum", sum_.index, sum_.low, sum_.high, result)
        return scale(factor, result)
    return None


def bounded(node: Fold, around: Ranges) -> Node:
    """A sum with conditions on its index as its bounds: `Σ_{i=1}^{T} 1[t ≤ i] …` begins at t."""
    if node.op != "sum":
        return node
    conditions: list[Node] = []
    body, low, high = node.body, node.low, node.high
    while isinstance(body, Where) and is_nothing(body.otherwise):
        bound = _bound(body.condition, node.index)
        if bound is None:
            conditions.append(body.condition)
        else:
            first, last = bound
            if first is not None and lies(first - low, 0, None, around):
                low = first
            elif last is not None and lies(high - last, 0, None, around):
                high = last
            else:
                conditions.append(body.condition)
        body = body.then
    if (low, high) == (node.low, node.high):
        return node
    for condition in reversed(conditions):
        body = where(condition, body, zero(body.shape) if body.shape else literal(0))
    if low == high:
        return substitute(body, {node.index: low})
    return fold("sum", node.index, low, high, body)


def _bound(condition: Node, index: str) -> tuple[Whole | None, Whole | None] | None:
    """The first or the last value of an index for which an inequality holds."""
    if not isinstance(condition, Test) or condition.op not in ("≤", "<"):
        return None
    gap = condition.right - condition.left - (condition.op == "<")  # must not be negative
    slope = gap.coefficient(index)
    if slope not in (1, -1):
        rest = None if not slope else (gap - Whole.of(index) * slope).constant
        if slope is None or rest is None:
            return None
        zero_at = Fraction(-rest) / slope
        return (Whole.of(ceil(zero_at)), None) if slope > 0 else (None, Whole.of(floor(zero_at)))
    edge = Whole.of(index) - gap * slope
    return (edge, None) if slope > 0 else (None, edge)


def _solved(condition: Node, index: str) -> Whole | None:
    """The value that an equation gives to an index."""
    if not isinstance(condition, Test) or condition.op != "=":
        return None
    gap = condition.left - condition.right
    slope = gap.coefficient(index)
    return Whole.of(index) - gap * slope if slope in (1, -1) else None


def gap_of(low: Whole, high: Whole) -> int | None:
    """How far two bounds are apart, where that is a number."""
    gap = (high - low).constant
    return int(gap) if gap is not None else None


def narrowed(node: Node, families: Sequence[Entity], around: Ranges = ()) -> Node:
    """Sums over the members of a family without the steps at which it is zero."""
    spans = {e.name: e for e in families if e.ranges and e.zero_outside}
    if not any(isinstance(part, Fold) for part in walk(node)):
        return node

    def visit(part: Node, around: Ranges) -> Node:
        if not part.children:
            return part
        inner = around
        if isinstance(part, Fold):
            inner = (*around, IndexRange(part.index, part.low, part.high))
        fresh = [visit(child, inner) for child in part.children]
        if any(a is not b for a, b in zip(fresh, part.children, strict=True)):
            part = rebuild(part, fresh)
        return _narrowed(part, spans, around) if isinstance(part, Fold) else part

    return visit(node, around)


def _narrowed(node: Fold, spans: dict[str, Entity], around: Ranges) -> Node:
    if node.op != "sum" or not isinstance(node.body, Contract | Symbol):
        return node
    factors = node.body.operands if isinstance(node.body, Contract) else (node.body,)
    low, high = node.low, node.high
    for n in factors:
        family = spans.get(n.name) if isinstance(n, Symbol) else None
        if family is None or not isinstance(n, Symbol) or len(n.index) != len(family.index):
            continue
        for condition in _exists(family, n.index):
            first, last = _bound(condition, node.index) or (None, None)
            if first is not None and lies(first - low, 0, None, around):
                low = first
            if last is not None and lies(high - last, 0, None, around):
                high = last
    return fold("sum", node.index, low, high, node.body)


def _exists(family: Entity, at: tuple[Whole, ...]) -> Iterator[Node]:
    """The conditions under which a family has a member at an index."""
    put = {w.name: i for w, i in zip(family.index, at, strict=True) if w.name}
    for r in family.ranges:
        place = put.get(r.name)
        if place is not None and r.low is not None and r.high is not None:
            yield test("≤", r.low.put(put), place)
            yield test("≤", place, r.high.put(put))
