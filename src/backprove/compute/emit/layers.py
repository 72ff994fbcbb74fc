"""Families of two indices, the first of which takes a few values, as a family for each: layers.

The states h_{l,t} of three recurrent layers are three families of one index, each with a loop of its
own. Where the layer is an open index, its members are put together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import replace as changed

from backprove.compute.emit.loops import Circles, Key, key_of
from backprove.compute.emit.values import NoCode
from backprove.model.entity import Entity, System
from backprove.tensor.build import literal, replace, select, stack, substitute, symbol, zero
from backprove.tensor.nodes import Node, Symbol, walk
from backprove.tensor.whole import Shape, Whole

#: a family with more layers stays as it is
MOST = 16


@dataclass(frozen=True, slots=True)
class Layers:
    """The families `name·l` for l = low..high."""

    name: str
    low: int
    high: int
    shape: Shape
    zero_outside: bool

    def family(self, layer: int) -> str:
        return f"{self.name}·{layer}"

    def member(self, node: Symbol) -> Node:
        """What stands for a member."""
        at, rest = node.index[0], node.index[1:]
        layer = at.constant
        if layer is not None:
            return self._one(int(layer), rest)
        every = [self._one(k, rest) for k in range(self.low, self.high + 1)]
        return select(stack(every), [at - self.low + 1, *([None] * len(self.shape))])

    def _one(self, layer: int, rest: Sequence[Whole]) -> Node:
        if self.low <= layer <= self.high:
            return symbol(self.family(layer), self.shape, rest)
        if not self.zero_outside:
            raise NoCode(f"{self.name} has no layer {layer}")
        return zero(self.shape) if self.shape else literal(0)


def as_layers(system: System, roots: Sequence[Node]) -> tuple[System, list[Node]]:
    """The system, and expressions over it, with layers in the place of such families in circles."""
    circles = Circles(system, roots)
    found: dict[Key, Layers] = {}
    for key in circles.known():
        if key[1] == 2 and circles.of(key) is not None:
            layers = _layers(key, circles.entities(key))
            if layers is not None:
                found[key] = layers
    if not found:
        return system, list(roots)
    fresh = System(sizes=dict(system.fixed()), size_names=set(system.all_size_names()))
    for entity in system.all():
        layers = found.get(key_of(entity))
        if layers is None:
            body = entity.body and _put(entity.body, found)
            fresh.add(changed(entity, body=body))
            continue
        for k in range(layers.low, layers.high + 1):
            one = _layer(entity, layers, k, found)
            if one is not None:
                fresh.add(one)
    return fresh, [_put(root, found) for root in roots]


def _layers(key: Key, entities: Sequence[Entity]) -> Layers | None:
    """The layers of a family, None where its first index takes no few known values."""
    values: list[int] = []
    for entity in entities:
        first, second = entity.index
        ranges = {r.name: r for r in entity.ranges}
        r = ranges.get(first.name or "")
        ends = (first, first) if r is None else (r.low, r.high)
        other = ranges.get(second.name or "")
        if r is not None and other is not None:
            bounds = [b for b in (other.low, other.high) if b is not None]
            if any(r.name in b.names for b in bounds):
                return None
        for end in ends:
            if end is None or end.constant is None or entity.body is None:
                return None
            values.append(int(end.constant))
    low, high = min(values), max(values)
    if high - low >= MOST:
        return None
    return Layers(key[0], low, high, entities[0].shape, bool(entities[0].zero_outside))


def _layer(entity: Entity, layers: Layers, k: int, found: Mapping[Key, Layers]) -> Entity | None:
    """An entity's part in one layer."""
    first, second = entity.index
    own = next((r for r in entity.ranges if r.name == first.name), None)
    assert entity.body is not None
    if own is None:
        if first.constant != k:
            return None
        body = entity.body
    else:
        assert own.low is not None
        assert own.high is not None
        if not int(own.low.constant or 0) <= k <= int(own.high.constant or 0):
            return None
        body = substitute(entity.body, {own.name: k})
    ranges = tuple(r for r in entity.ranges if r is not own)
    name = layers.family(k)
    return changed(entity, name=name, index=(second,), ranges=ranges, body=_put(body, found))


def _put(node: Node, found: Mapping[Key, Layers]) -> Node:
    table: dict[Node, Node] = {
        part: found[key_of(part)].member(part)
        for part in walk(node)
        if isinstance(part, Symbol) and key_of(part) in found
    }
    return replace(node, table)
