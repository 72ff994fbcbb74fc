"""Families in pieces: where a family's rule has conditions on its index, a rule for each case.

People write `δ_3 = …` for the last step, and `δ_t = …` for those before.
"""

from __future__ import annotations

from backprove.calculus.ranges import Ranges, gap_of
from backprove.model.entity import Entity, IndexRange
from backprove.tensor.build import substitute
from backprove.tensor.nodes import Node, Test, walk
from backprove.tensor.whole import Whole

#: the parts of a family's range: an index, and what is open in it
Cases = list[tuple[tuple[Whole, ...], Ranges]]
#: families are written in no more pieces than this
MOST_PIECES = 4


def pieces(entity: Entity) -> Cases:
    """The parts of a family's range over which all its conditions are decided, last first.

    Each is the index of a single member, or a shorter range. One part where it is better so.
    """
    whole: Cases = [(entity.index, entity.ranges)]
    if len(entity.ranges) != 1 or len(entity.index) != 1 or entity.body is None:
        return whole
    (r,) = entity.ranges
    if r.low is None or r.high is None:
        return whole
    cuts: set[Whole] = set()
    for part in walk(entity.body):
        if isinstance(part, Test) and r.name in part.free:
            found = _cuts(part, r.name)
            if found is None:
                return whole
            cuts.update(found)
    low, high = r.low, r.high
    first = sorted(
        (c for c in cuts if gap_of(low, c) is not None), key=lambda c: gap_of(low, c) or 0
    )
    last = sorted(
        (c for c in cuts if gap_of(c, high) is not None), key=lambda c: -(gap_of(c, high) or 0)
    )
    known = gap_of(r.low, r.high) is not None
    if not known and ((first and last) or set(first) | set(last) != cuts):
        return whole
    #: a cut c lies between c and c + 1
    ends = [c for c in (first if known else first or last) if _inside(c, r)]
    bounds = list(zip([r.low, *(c + 1 for c in ends)], [*ends, r.high], strict=True))
    if len(bounds) > MOST_PIECES:
        return whole
    return [
        ((low,), ()) if low == high else (entity.index, (IndexRange(r.name, low, high),))
        for low, high in reversed(bounds)
    ]


def _cuts(node: Test, name: str) -> list[Whole] | None:
    """The numbers after which the truth of a condition may change; None where that is not clear."""
    gap = node.right - node.left
    slope = gap.coefficient(name)
    if slope not in (1, -1):
        return None
    at = (gap - Whole.of(name) * slope) * -slope  # where both sides are equal
    if node.op in ("=", "≠"):
        return [at - 1, at]
    strict = node.op == "<"
    # slope −1: name ≤ at; slope 1: at ≤ name
    return [at - strict if slope < 0 else at - 1 + strict]


def _inside(cut: Whole, r: IndexRange) -> bool:
    """Whether a cut falls strictly inside a range, as far as one can tell."""
    assert r.low is not None
    assert r.high is not None
    after, before = gap_of(r.low, cut), gap_of(cut, r.high)
    return (after is None or after >= 0) and (before is None or before >= 1)


def piece(entity: Entity, index: tuple[Whole, ...], ranges: Ranges) -> Node:
    """The rule of a family on one of its pieces."""
    assert entity.body is not None
    if ranges:
        return entity.body
    return substitute(entity.body, {entity.index[0].name or "": index[0]})


def shortened(
    entity: Entity,
    low: tuple[tuple[Whole, ...], Ranges] | None = None,
    high: tuple[tuple[Whole, ...], Ranges] | None = None,
) -> Entity:
    """A family without the piece at its low or high end."""
    (r,) = entity.ranges
    first, last = r.low, r.high
    if low is not None:
        first = (low[1][0].high if low[1] else low[0][0]) or Whole.of(0)
        first = first + 1
    if high is not None:
        last = (high[1][0].low if high[1] else high[0][0]) or Whole.of(0)
        last = last - 1
    return Entity(
        entity.name,
        entity.index,
        (IndexRange(r.name, first, last),),
        entity.shape,
        entity.facts,
        entity.body,
        entity.line,
        entity.zero_outside,
    )
