"""What a model is made of: declared and defined names, single or in families.

A `System` is a set of entities with sizes; the reader's text, a writer's own definitions and a
derivation are all Systems, and a System may stand on another (a claim's definitions stand on the
model that it is about).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from backprove.tensor.build import substitute, symbol
from backprove.tensor.nodes import Node, Symbol
from backprove.tensor.whole import Shape, Whole


@dataclass(frozen=True, slots=True)
class IndexRange:
    """An index of a family with its first and last value, inclusive; low ≤ high.

    Where a bound is None the family exists wherever its definition has a value.
    """

    name: str
    low: Whole | None
    high: Whole | None


@dataclass(frozen=True, slots=True, eq=False)
class Entity:
    """One declaration (`body` is None) or definition.

    `index` is empty for a single name; for a family each entry is a whole number (`h_0`) or the
    name of one of `ranges` (`h_t`). `shape` is that of one member. A definition's `body` has that
    shape, with the names of `ranges` open. `zero_outside` marks adjoints: a member outside the
    range is zero; "after", a writer's, which end in zeros but begin where they are said to.
    """

    name: str
    index: tuple[Whole, ...]
    ranges: tuple[IndexRange, ...]
    shape: Shape
    facts: frozenset[str] = frozenset()
    body: Node | None = None
    line: int = 0
    zero_outside: bool | Literal["after"] = False

    def match(self, at: tuple[int, ...], sizes: Mapping[str, int]) -> dict[str, int] | None:
        """The values of the open indices for which this is the member `at`, or None."""
        if len(at) != len(self.index):
            return None
        values: dict[str, int] = {}
        for pattern, number in zip(self.index, at, strict=True):
            name = pattern.name
            if name is not None and any(r.name == name for r in self.ranges):
                values[name] = number
            elif pattern.value(sizes) != number:
                return None
        known = {**sizes, **values}
        for r in self.ranges:
            if r.low is not None and values[r.name] < r.low.value(known):
                return None
            if r.high is not None and values[r.name] > r.high.value(known):
                return None
        return values


@dataclass(slots=True, eq=False, weakref_slot=True)
class System:
    """Entities by base name, and the sizes that have a number; `base` is what it stands on.

    Names of one base with different numbers of indices (`E` and `E_t`) are different names.
    """

    entities: dict[str, list[Entity]] = field(default_factory=dict[str, list[Entity]])
    sizes: dict[str, int] = field(default_factory=dict[str, int])
    base: System | None = None
    size_names: set[str] = field(default_factory=set[str])
    _bodies: dict[tuple[Entity, tuple[int, ...]], Node] = field(
        default_factory=dict[tuple[Entity, tuple[int, ...]], Node]
    )

    def add(self, entity: Entity) -> None:
        """Put an entity in; the names in its shape and bounds become known sizes."""
        self.entities.setdefault(entity.name, []).append(entity)
        indices = {r.name for r in entity.ranges}
        wholes = [*entity.shape, *entity.index]
        for r in entity.ranges:
            wholes += [b for b in (r.low, r.high) if b is not None]
        for whole in wholes:
            self.size_names |= whole.names - indices

    def copy(self) -> System:
        """This system as it is now, whatever is added to either later."""
        entities = {name: [*group] for name, group in self.entities.items()}
        return System(entities, dict(self.sizes), self.base, set(self.size_names))

    def is_size(self, name: str) -> bool:
        """Whether a name is known as a size."""
        return name in self.size_names or (self.base is not None and self.base.is_size(name))

    def fixed(self) -> dict[str, int]:
        """The sizes that the text gives a number."""
        return {**self.base.fixed(), **self.sizes} if self.base else self.sizes

    def all_size_names(self) -> set[str]:
        """The names of sizes, here and below."""
        return self.size_names | (self.base.all_size_names() if self.base else set[str]())

    def names(self) -> frozenset[str]:
        """All base names, for the reader."""
        here = frozenset(self.entities)
        return here | self.base.names() if self.base else here

    def named(self, name: str) -> list[Entity]:
        """All entities of a base name, here and below."""
        here = self.entities.get(name, [])
        return here + self.base.named(name) if self.base else here

    def all(self) -> Iterator[Entity]:
        """Every entity, those below first."""
        if self.base:
            yield from self.base.all()
        for group in self.entities.values():
            yield from group

    def find(
        self, name: str, at: tuple[int, ...], sizes: Mapping[str, int]
    ) -> tuple[Entity, dict[str, int]] | None:
        """The entity that gives the member `at`, with its open indices' values.

        A member with an index of its own (`δ_3 = …`) comes before a rule for all (`δ_t = …`).
        """
        best: tuple[Entity, dict[str, int]] | None = None
        for entity in self.named(name):
            values = entity.match(at, sizes)
            if values is not None and (best is None or len(values) < len(best[1])):
                best = (entity, values)
        return best

    def body(self, entity: Entity, values: Mapping[str, int]) -> Node:
        """An entity's definition with its open indices put in; kept for the next time."""
        assert entity.body is not None
        if not values:
            return entity.body
        key = (entity, tuple(values.values()))
        found = self._bodies.get(key)
        if found is None:
            found = self._bodies[key] = substitute(entity.body, values)
        return found


def member(entity: Entity, at: tuple[Whole, ...] | None = None) -> Symbol:
    """The symbol of an entity's member, by default with its own open indices."""
    return symbol(entity.name, entity.shape, entity.index if at is None else at, entity.facts)


def with_body(entity: Entity, body: Node | None) -> Entity:
    """The entity with another right-hand side."""
    return replace(entity, body=body)
