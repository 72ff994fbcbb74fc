"""Which families of a model are carried from step to step, and how far each looks back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from backprove.model.entity import Entity, System
from backprove.tensor.nodes import Symbol, walk
from backprove.tensor.whole import Whole


@dataclass(frozen=True, slots=True)
class Carried:
    """A family whose members depend on earlier ones of it.

    `entity` is the rule for its members, `index` the letter that counts steps, `lag` the furthest
    step that anything looks back to it (None: as far as there are steps).
    """

    name: str
    entity: Entity
    index: str
    lag: int | None


def carried(system: System) -> list[Carried]:
    """The families that a later step refers to, and that depend on such references themselves."""
    rules = [e for e in system.all() if e.body is not None]
    uses = {e: list(_uses(system, e)) for e in rules}
    found: list[Carried] = []
    for entity in rules:
        index = _counter(entity)
        if index is None or len(entity.index) != 1:
            continue
        lags: list[int | None] = []
        for user in rules:
            if not _reaches(entity, user, uses):
                continue
            lags += [lag for used, lag in uses[user] if used is entity and (lag is None or lag > 0)]
        if lags:
            known = [lag for lag in lags if lag is not None]
            found.append(
                Carried(entity.name, entity, index, max(known) if len(known) == len(lags) else None)
            )
    return found


def _counter(entity: Entity) -> str | None:
    """The letter that counts a family's members: its first index."""
    return entity.index[0].name if entity.ranges else None


def _uses(system: System, user: Entity) -> Iterator[tuple[Entity, int | None]]:
    """The rules that a definition uses, and how many steps back; None where that varies."""
    assert user.body is not None
    counter = _counter(user)
    for part in walk(user.body):
        if not isinstance(part, Symbol):
            continue
        for entity in system.named(part.name):
            if entity.body is None or len(entity.index) != len(part.index):
                continue
            if not entity.index or counter is None:
                yield entity, 0
                continue
            step = Whole.of(counter) - part.index[0]
            if counter not in part.index[0].names:
                # one member for all steps, such as the last state in a loss
                yield entity, 0
            else:
                yield entity, None if step.constant is None else int(step.constant)


def _reaches(
    first: Entity, last: Entity, uses: dict[Entity, list[tuple[Entity, int | None]]]
) -> bool:
    """Whether `first` depends on `last`, or is it."""
    seen, pending = {first}, [first]
    while pending:
        for used, _ in uses[pending.pop()]:
            if used not in seen:
                seen.add(used)
                pending.append(used)
    return last in seen
