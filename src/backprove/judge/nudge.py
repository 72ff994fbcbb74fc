"""A model in which one name is moved a little: its derivatives are differences of the definitions.

By a name that is defined itself, such as the state h_2, a total derivative is one "by a new name
put in its place": so the new name is added to the definition of that one member.
"""

from __future__ import annotations

from dataclasses import replace

from backprove.model.entity import Entity, System, member, with_body
from backprove.tensor.build import add, literal, symbol, test, where, zero
from backprove.tensor.nodes import Node, Symbol
from backprove.tensor.whole import Whole

#: what is added, and what a declared family is called to which it is added
NUDGE = "nudge"
GIVEN = "_given"


def nudged(system: System, by: Symbol) -> tuple[System, Symbol]:
    """The system with a new declared name that is added to a name, or to a member of a family.

    Where a name that is no family is declared, that name itself is what can be moved.
    """
    if not by.index and all(e.body is None for e in system.named(by.name)):
        return system, by
    nudge = symbol(NUDGE, by.shape)
    assert isinstance(nudge, Symbol)
    moved = System(sizes=dict(system.fixed()), size_names=system.all_size_names())
    moved.add(Entity(NUDGE, (), (), by.shape))
    for entity in system.all():
        apart = len(entity.index) != len(by.index) or entity.shape != by.shape
        if entity.name != by.name or apart:
            moved.add(entity)
            continue
        own = entity.body
        if own is None:
            given = replace(entity, name=entity.name + GIVEN)
            moved.add(given)
            own = member(given)
        moved.add(with_body(entity, add([(1, own), (1, _at(entity, by, nudge))])))
    return moved, nudge


def _at(entity: Entity, by: Symbol, nudge: Node) -> Node:
    """The new name at the member in question, and nothing at the others."""
    nothing = zero(by.shape) if by.shape else literal(0)
    for own, there in zip(entity.index, by.index, strict=True):
        nudge = where(test("=", own, Whole.of(there)), nudge, nothing)
    return nudge
