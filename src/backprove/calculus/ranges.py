"""Where conditions hold: over the range of an index a condition may be settled once and for all,
and a family whose rule has conditions on its index is written in pieces, as people do:
`δ_3 = …` for the last step, `δ_t = …` for those before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from backprove.calculus.adjoint import within
from backprove.model.entity import Entity, IndexRange
from backprove.tensor.build import UNIT, literal, rebuild, substitute, zero
from backprove.tensor.nodes import Build, Fold, Node, Symbol, Test, walk
from backprove.tensor.whole import ONE, Whole

Ranges = tuple[IndexRange, ...]
#: families are written in no more pieces than this
MOST_PIECES = 4


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
        same = all(a is b for a, b in zip(fresh, part.children, strict=True))
        return part if same else rebuild(part, fresh)

    if not any(_matters(part, spans) for part in walk(node)):
        return node
    return visit(node, ranges)


def _matters(part: Node, spans: dict[str, Entity]) -> bool:
    return isinstance(part, Test) or (isinstance(part, Symbol) and part.name in spans)


def _decided(test: Test, ranges: Ranges) -> Node:
    gap = test.right - test.left
    always, never = {
        "≤": ((0, None), (None, -1)),
        "<": ((1, None), (None, 0)),
        "=": (None, None),
        "≠": (None, None),
    }[test.op]
    if always is None:
        apart = _lies(gap, 1, None, ranges) or _lies(gap, None, -1, ranges)
        return (literal(0) if test.op == "=" else UNIT) if apart else test
    if _lies(gap, *always, ranges):
        return UNIT
    return literal(0) if never is not None and _lies(gap, *never, ranges) else test


def _lies(gap: Whole, low: int | None, high: int | None, ranges: Ranges) -> bool:
    """Whether a difference surely lies in a range of numbers."""
    return within(
        gap,
        gap,
        None if low is None else Whole.of(low),
        None if high is None else Whole.of(high),
        ranges,
    )


def _beyond(at: Whole, family: Entity, ranges: Ranges) -> bool:
    (r,) = family.ranges
    after = r.high is not None and _lies(at - r.high, 1, None, ranges)
    return after or (r.low is not None and _lies(at - r.low, None, -1, ranges))


# --- pieces ---------------------------------------------------------------------------------------


def pieces(entity: Entity) -> list[tuple[tuple[Whole, ...], Ranges]]:
    """The parts of a family's range over which all its conditions are decided, last first.

    Each is the index of a single member, or a shorter range. One part where it is better so.
    """
    whole: list[tuple[tuple[Whole, ...], Ranges]] = [(entity.index, entity.ranges)]
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
    first = sorted((c for c in cuts if _gap(low, c) is not None), key=lambda c: _gap(low, c) or 0)
    last = sorted(
        (c for c in cuts if _gap(c, high) is not None), key=lambda c: -(_gap(c, high) or 0)
    )
    known = _gap(r.low, r.high) is not None
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


def _cuts(test: Test, name: str) -> list[Whole] | None:
    """The numbers after which the truth of a condition may change; None where that is not clear."""
    gap = test.right - test.left
    slope = gap.coefficient(name)
    if slope not in (1, -1):
        return None
    at = (gap - Whole.of(name) * slope) * -slope  # where both sides are equal
    if test.op in ("=", "≠"):
        return [at - 1, at]
    strict = test.op == "<"
    # slope −1: name ≤ at; slope 1: at ≤ name
    return [at - strict if slope < 0 else at - 1 + strict]


def _gap(low: Whole, high: Whole) -> int | None:
    gap = (high - low).constant
    return int(gap) if gap is not None else None


def _inside(cut: Whole, r: IndexRange) -> bool:
    """Whether a cut falls strictly inside a range, as far as one can tell."""
    assert r.low is not None
    assert r.high is not None
    after, before = _gap(r.low, cut), _gap(cut, r.high)
    return (after is None or after >= 0) and (before is None or before >= 1)


def piece(entity: Entity, index: tuple[Whole, ...], ranges: Ranges) -> Node:
    """The rule of a family on one of its pieces."""
    assert entity.body is not None
    if ranges:
        return entity.body
    return substitute(entity.body, {entity.index[0].name or "": index[0]})


# --- what is used ---------------------------------------------------------------------------------


def trimmed(lines: list[Entity], result: Node, spans: Ranges) -> list[Entity]:
    """The families with a first step no earlier than what is used of them."""
    while True:
        shorter = [_trimmed(line, lines, result, spans) for line in lines]
        if all(a is b for a, b in zip(shorter, lines, strict=True)):
            return lines
        lines = shorter


def _trimmed(line: Entity, lines: Iterable[Entity], result: Node, spans: Ranges) -> Entity:
    if len(line.ranges) != 1 or line.ranges[0].low is None:
        return line
    (r,) = line.ranges
    assert r.low is not None
    used = list(_uses(result, line, spans))
    for other in lines:
        if other.body is not None:
            used += [
                use
                for use in _uses(other.body, line, other.ranges)
                if not (other is line and use[0] == line.index[0])
            ]
    low = r.low
    while (
        used
        and _gap(low, r.high or low) != 0
        and all(within(at, at, low + 1, None, around) for at, around in used)
    ):
        low = low + 1
    if low == r.low:
        return line
    return Entity(
        line.name,
        line.index,
        (IndexRange(r.name, low, r.high),),
        line.shape,
        line.facts,
        line.body,
        line.line,
        line.zero_outside,
    )


def _uses(node: Node, line: Entity, around: Ranges) -> Iterator[tuple[Whole, Ranges]]:
    """The indices at which a family is used, with the ranges there."""
    seen: set[tuple[Node, Ranges]] = set()
    pending = [(node, around)]
    while pending:
        part, ranges = pending.pop()
        if (part, ranges) in seen:
            continue
        seen.add((part, ranges))
        if isinstance(part, Symbol) and part.name == line.name and len(part.index) == 1:
            yield part.index[0], ranges
        if isinstance(part, Fold):
            ranges = (*ranges, IndexRange(part.index, part.low, part.high))
        pending += [(child, ranges) for child in part.children]
