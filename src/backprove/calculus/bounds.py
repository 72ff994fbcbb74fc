"""Where indices lie: the steps of a family, and whether a place is surely among them."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf

from backprove.model.entity import Entity, IndexRange, System
from backprove.tensor.nodes import Node, Symbol
from backprove.tensor.whole import ONE, Whole


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
    return (low is None or _least(first - low, spans) >= 0) and (
        high is None or _least(high - last, spans) >= 0
    )


def _least(gap: Whole, spans: tuple[IndexRange, ...]) -> float:
    """The least value of a whole number whose letters run over `spans`; −∞ where it is not told."""
    for r in reversed(spans):
        slope = gap.coefficient(r.name)
        if slope is None:
            return -inf
        end = r.low if slope >= 0 else r.high
        if slope and end is not None:
            gap = gap.put({r.name: end})
    return float(gap.constant) if gap.constant is not None else -inf


def least_sizes(system: System, asked: Iterable[Node] = ()) -> tuple[IndexRange, ...]:
    """What is known of the sizes: they are at least 1, families have a first member, and the
    members that are asked about exist.
    """
    lows: dict[str, list[Whole]] = {}

    def note(low: Whole | None, high: Whole | None) -> None:
        for name in high.names if low is not None and high is not None else ():
            if low is not None and high is not None and high.coefficient(name) == 1:
                lows.setdefault(name, []).append(low - (high - Whole.of(name)))

    for entity in system.all():
        for size in entity.shape:
            for name in size.names:
                lows.setdefault(name, []).append(ONE)
        for r in entity.ranges:
            note(r.low, r.high)
    for node in asked:
        if isinstance(node, Symbol):
            kin = [e for e in system.named(node.name) if len(e.index) == len(node.index)]
            rules = [e for e in kin if e.ranges]
            for rule in rules if len(rules) == 1 else ():  # of pieces it may be any
                at = {own.name: place for own, place in zip(rule.index, node.index, strict=True)}
                for r in rule.ranges:
                    note(at.get(r.name), r.high)
    indices = {r.name for entity in system.all() for r in entity.ranges}
    told: list[IndexRange] = []
    for name, bounds in lows.items():
        usable = [b for b in bounds if not b.names & (indices | {name})]
        numbers = [b for b in usable if b.constant is not None]
        letters = [b for b in usable if b.constant is None]
        most = max(numbers, key=lambda b: b.constant or 0, default=None)
        first = letters[0] if letters and most in (None, ONE) else most
        if first is not None and name not in indices:
            told.append(IndexRange(name, first, None))
    return tuple(sorted(told, key=lambda r: r.low is not None and r.low.constant is None))


def span(entities: list[Entity], position: int) -> tuple[Whole | None, Whole | None]:
    """The first and last index at which a family has members, where it can be told.

    Of pieces that follow each other (`h_t for t = 0..k-1`, `h_t for t = k..T`) the outer ends count.
    """
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
    starts = [low for low in lows if low - 1 not in highs]
    ends = [high for high in highs if high + 1 not in lows]
    return _extreme(starts, last=False), _extreme(ends, last=True)


def _extreme(bounds: list[Whole], last: bool) -> Whole | None:
    """The first or the last of some bounds; one with a name is taken for later than numbers."""
    numbers = sorted(int(b.constant) for b in bounds if isinstance(b.constant, int))
    names = [b for b in bounds if not isinstance(b.constant, int)]
    if names and (last or not numbers):
        return names[0]
    if numbers:
        return Whole.of(numbers[-1] if last else numbers[0])
    return None
