"""Families of two indices that go round in a circle or are no rectangle, as families of arrays.

The weights a_{t,i} of an attention over all earlier states become a_t, an array with an entry for
each i. A step then works out one array, as it does for any other family. The second index runs over
the widest of its ranges; where a narrower one ends there are zeros, which nothing looks at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import replace as changed

from backprove.compute.emit.loops import Circles, Key, key_of
from backprove.compute.emit.ranges import extreme, not_negative
from backprove.compute.emit.values import NoCode
from backprove.model.entity import Entity, IndexRange, System
from backprove.tensor.build import (
    build,
    literal,
    replace,
    select,
    substitute,
    symbol,
    test,
    where,
    zero,
)
from backprove.tensor.nodes import Node, Symbol, walk
from backprove.tensor.whole import Shape, Whole


@dataclass(frozen=True, slots=True)
class Column:
    """A family of two indices as one of arrays `name`, whose entries are for low..high."""

    name: str
    low: Whole
    high: Whole
    shape: Shape
    zero_outside: bool

    @property
    def whole_shape(self) -> Shape:
        return (self.high - self.low + 1, *self.shape)

    def member(self, node: Symbol) -> Node:
        """What stands for a member."""
        time, at = node.index
        nothing = _nothing(self.shape)
        entry = select(
            symbol(self.name, self.whole_shape, [time]),
            [at - self.low + 1, *([None] * len(self.shape))],
        )
        if self.zero_outside:
            entry = where(
                test("≤", self.low, at), where(test("≤", at, self.high), entry, nothing), nothing
            )
        return entry


def as_arrays(system: System, roots: Sequence[Node]) -> tuple[System, list[Node]]:
    """The system, and expressions over it, without circles of families with two indices."""
    circles = Circles(system, roots)
    keys = [key for key in circles.known() if key[1] == 2 and _is_involved(circles, key)]
    if not keys:
        return system, list(roots)
    taken = system.names()
    columns: dict[Key, Column] = {}
    for key in keys:
        entities = circles.entities(key)
        low, high = _hull(key, entities)
        name = key[0]
        while (name, 1) in columns or any(len(e.index) == 1 for e in system.named(name)):
            name += "′"
        if name != key[0] and name in taken:
            raise NoCode(f"{key[0]} has two indices, and no name is left for its rows")
        first = entities[0]
        columns[key] = Column(name, low, high, first.shape, bool(first.zero_outside))
    # the entities of these names have to be hidden: a fresh system takes all the others over
    fresh = System(sizes=dict(system.fixed()), size_names=_size_names(system))
    for entity in system.all():
        key = key_of(entity)
        if key in columns:
            if entity is circles.entities(key)[0]:
                fresh.add(_rows(columns[key], circles.entities(key), columns))
        elif entity.body is None:
            fresh.add(entity)
        else:
            fresh.add(changed(entity, body=_put(entity.body, columns)))
    return fresh, [_put(root, columns) for root in roots]


def _is_involved(circles: Circles, key: Key) -> bool:
    """Whether a family goes round in a circle, or is no rectangle: i = 1..t."""
    if circles.of(key) is not None:
        return True
    for entity in circles.entities(key):
        letters = {r.name for r in entity.ranges}
        ends = [end for r in entity.ranges for end in (r.low, r.high) if end is not None]
        if any(letters & end.names for end in ends):
            return True
    return False


def _put(node: Node, columns: Mapping[Key, Column]) -> Node:
    table: dict[Node, Node] = {
        part: columns[key_of(part)].member(part)
        for part in walk(node)
        if isinstance(part, Symbol) and key_of(part) in columns
    }
    return replace(node, table)


def _hull(key: Key, entities: Sequence[Entity]) -> tuple[Whole, Whole]:
    """The first and the last value of the second index."""
    ends: list[tuple[Whole, Whole]] = []
    for entity in entities:
        time, at = entity.index
        ranges = {
            r.name: (r.low, r.high)
            for r in entity.ranges
            if r.low is not None and r.high is not None
        }
        if time.name not in ranges:
            raise NoCode(f"no loop is known for {key[0]}: its first index does not run over steps")
        first, last = extreme(at, ranges, low=True), extreme(at, ranges, low=False)
        if first is None or last is None:
            raise NoCode(f"the second index of {key[0]} has too involved a range")
        ends.append((first, last))
    low, high = ends[0]
    for first, last in ends[1:]:
        low = first if not_negative(low - first) else low
        high = last if not_negative(last - high) else high
    return low, high


def _rows(column: Column, entities: Sequence[Entity], columns: Mapping[Key, Column]) -> Entity:
    """The family of arrays: each entry by the rule that is for it."""
    first = entities[0]
    time = first.ranges[0].name if first.index[0].name is None else first.index[0].name
    assert time is not None
    letter = "column·"
    at = Whole.of(letter) + column.low - 1
    body = _nothing(column.shape)
    spans = [next(r for r in e.ranges if r.name == e.index[0].name) for e in entities]
    for entity, span in zip(entities, spans, strict=True):
        if entity.body is None:
            raise NoCode(
                f"{column.name} has members that are given, beside members that are worked out"
            )
        if (span.low, span.high) != (spans[0].low, spans[0].high):
            raise NoCode(f"{column.name} has rules for different steps")
        own = entity.index[1]
        inner = next((r for r in entity.ranges if r.name == own.name), None)
        rule = _put(substitute(entity.body, {span.name: time}), columns)
        if inner is None:
            body = where(test("=", own, at), rule, body)
            continue
        rule = substitute(rule, {inner.name: at})
        for bound, is_low in ((inner.low, True), (inner.high, False)):
            assert bound is not None
            bound = bound.put({span.name: Whole.of(time)})
            rule = where(test("≤", bound, at) if is_low else test("≤", at, bound), rule, body)
        body = rule
    whole = build((letter,), (column.whole_shape[0],), body)
    ranges = (IndexRange(time, spans[0].low, spans[0].high),)
    return Entity(
        column.name, (Whole.of(time),), ranges, column.whole_shape,
        body=whole, zero_outside=first.zero_outside,
    )  # fmt: skip


def _nothing(shape: Shape) -> Node:
    return zero(shape) if shape else literal(0)


def _size_names(system: System | None) -> set[str]:
    found: set[str] = set()
    while system is not None:
        found |= system.size_names
        system = system.base
    return found
