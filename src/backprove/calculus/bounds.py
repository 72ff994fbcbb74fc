"""Where indices lie: the steps of a family, and whether a place is surely among them."""

from __future__ import annotations

from backprove.model.entity import Entity, IndexRange
from backprove.tensor.whole import Whole


def within(
    first: Whole,
    last: Whole,
    low: Whole | None,
    high: Whole | None,
    spans: tuple[IndexRange, ...],
) -> bool:
    """Whether first and last, whose letters run over `spans`, surely lie between low and high.

    A bound that is None is not asked for; with neither, nothing is known. The bounds of a span may
    name letters of those before it.
    """
    if low is None and high is None:
        return False
    lowest, highest = first, last
    for r in reversed(spans):
        slope, other = lowest.coefficient(r.name), highest.coefficient(r.name)
        if slope is None or other is None:
            return False
        if r.low is None or r.high is None:
            continue  # the letter stays, and the difference below is no number
        lowest = lowest.put({r.name: r.low if slope >= 0 else r.high})
        highest = highest.put({r.name: r.high if other >= 0 else r.low})
    gaps = [(lowest - low).constant] if low is not None else []
    gaps += [(high - highest).constant] if high is not None else []
    return all(gap is not None and gap >= 0 for gap in gaps)


def span(entities: list[Entity], position: int) -> tuple[Whole | None, Whole | None]:
    """The first and last index at which a family has members, where it can be told."""
    lows: list[Whole] = []
    highs: list[Whole] = []
    for entity in entities:
        pattern = entity.index[position]
        found = next((r for r in entity.ranges if r.name == pattern.name), None)
        low, high = (found.low, found.high) if found else (pattern, pattern)
        if low is not None:
            lows.append(low)
        if high is not None:
            highs.append(high)
    return _extreme(lows, min), _extreme(highs, max)


def _extreme(bounds: list[Whole], choose: object) -> Whole | None:
    numbers = [b for b in bounds if isinstance(b.constant, int)]
    names = [b for b in bounds if not isinstance(b.constant, int)]
    if names and choose is max:
        return names[0]
    if numbers:
        return choose(numbers, key=lambda w: w.constant)  # type: ignore[operator,no-any-return]
    return names[0] if names else None
