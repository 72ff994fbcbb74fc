"""Families member by member: the network as it is drawn unrolled in time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from backprove.errors import BackproveError
from backprove.model.entity import Entity, System
from backprove.tensor.whole import Whole

#: more boxes than these are no picture any more
MOST = 80


def unrolled(system: System) -> System:
    """A system with a name for every member; raises `BackproveError` where a range has no number."""
    found = System(sizes=dict(system.fixed()), size_names=system.all_size_names())
    for entity in system.all():
        for at, values in _members(entity, system.fixed()):
            chosen = system.find(entity.name, at, system.fixed())
            if chosen is None or chosen[0] is not entity:
                continue  # a member with a line of its own
            body = system.body(entity, values) if entity.body is not None else None
            index = tuple(Whole.of(i) for i in at)
            found.add(Entity(entity.name, index, (), entity.shape, entity.facts, body, entity.line))
    if sum(1 for _ in found.all()) > MOST:
        raise BackproveError(f"more than {MOST} members are too many to draw one by one")
    return found


def _members(
    entity: Entity, sizes: Mapping[str, int]
) -> Iterator[tuple[tuple[int, ...], dict[str, int]]]:
    """The indices of all members, each with the values of the rule's letters."""
    known: list[dict[str, int]] = [{}]
    for r in entity.ranges:
        grown: list[dict[str, int]] = []
        for values in known:
            bounds = [b.put({**sizes, **values}).constant if b else None for b in (r.low, r.high)]
            low, high = bounds
            if not isinstance(low, int) or not isinstance(high, int):
                letter = next(iter((r.high or Whole.of("T")).names), "T")
                raise BackproveError(
                    f"to draw every member of {entity.name}, {letter} needs a number"
                )
            grown += [{**values, r.name: number} for number in range(low, high + 1)]
            if len(grown) > MOST:
                raise BackproveError(f"more than {MOST} members are too many to draw one by one")
        known = grown
    for values in known:
        at = [w.put({**sizes, **values}).constant for w in entity.index]
        yield tuple(int(i) for i in at if i is not None), values
