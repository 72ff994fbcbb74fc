"""Recurrences: which names go round in circles, and the loop that computes them.

Families that depend on each other at earlier (or later) steps are computed by one loop over their
index. All else is computed for all members at once, outside.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from backprove.compute.emit.values import FAMILY, Axis, NoCode, Value
from backprove.model.entity import Entity, System
from backprove.tensor.build import substitute
from backprove.tensor.nodes import Node, Symbol, walk
from backprove.tensor.whole import Whole

#: a base name and its number of indices
Key = tuple[str, int]


@dataclass(eq=False, slots=True)
class Member:
    """One family inside a loop.

    `before[k-1]` is the value of the member k steps before the first, None where it is zero;
    `stored` is the array of all members, from position 0 for the index `first`.
    """

    key: Key
    entity: Entity
    body: Node
    before: list[Value | None] = field(default_factory=list["Value | None"])
    value: Value | None = None
    stored: Value | None = None


@dataclass(eq=False, slots=True)
class Loop:
    """A loop over `letter` from `low` to `high` (upwards, or downwards where `step` is -1)."""

    letter: str
    low: Whole
    high: Whole
    step: int
    members: dict[Key, Member]
    #: values inside that are wanted outside as well, kept for every step
    kept: dict[Value, Value] = field(default_factory=dict)
    #: what has been computed inside, by expression
    known: dict[Node, Value] = field(default_factory=dict)

    @property
    def axis(self) -> Axis:
        """The loop's index as an axis, for what is computed outside for all steps."""
        return Axis(self.letter, self.low, self.high, FAMILY)

    def held(self, key: Key) -> int:
        """How many members before the first are stored with the others; zeros are not."""
        before = self.members[key].before
        return 0 if all(v is None for v in before) else len(before)

    def first(self, key: Key) -> Whole:
        """The index of the member at position 0 of the stored array."""
        return self.low - self.held(key) if self.step > 0 else self.low

    def last(self, key: Key) -> Whole:
        """The index of the last stored member."""
        return self.high if self.step > 0 else self.high + self.held(key)

    def start(self, key: Key) -> Whole:
        """The index of the first row while the loop runs, where zeros have rows as well."""
        return self.low - len(self.members[key].before) if self.step > 0 else self.low


def key_of(node: Symbol | Entity) -> Key:
    return node.name, len(node.index)


class Circles:
    """The strongly connected groups of names (Tarjan 1972), found once for a system."""

    def __init__(self, system: System, roots: Iterable[Node]) -> None:
        self.system = system
        self._group: dict[Key, frozenset[Key]] = {}
        self._number: dict[Key, int] = {}
        self._low: dict[Key, int] = {}
        self._stack: list[Key] = []
        for root in roots:
            for key in self._uses(root):
                self._visit(key)

    def of(self, key: Key) -> frozenset[Key] | None:
        """The names that go round in a circle with this one, None where it stands alone."""
        group = self._group[key]
        return group if len(group) > 1 or key in self._below(key) else None

    def rules(self, key: Key) -> list[Entity]:
        """The definitions of a family for a range of indices."""
        return [e for e in self.entities(key) if e.ranges]

    def entities(self, key: Key) -> list[Entity]:
        found = [e for e in self.system.named(key[0]) if len(e.index) == key[1]]
        if not found:
            raise NoCode(f"nothing defines {key[0]}")
        return found

    def _uses(self, node: Node) -> set[Key]:
        """The names that an expression uses, but for members that have a line of their own."""
        return {
            key_of(part)
            for part in walk(node)
            if isinstance(part, Symbol) and self.own_line(part) is None
        } | {
            key
            for part in walk(node)
            if isinstance(part, Symbol) and (e := self.own_line(part)) and e.body is not None
            for key in self._uses(e.body)
        }

    def own_line(self, node: Symbol) -> Entity | None:
        if not node.index:
            return None
        found = [e for e in self.entities(key_of(node)) if not e.ranges and e.index == node.index]
        return found[0] if found else None

    def _below(self, key: Key) -> set[Key]:
        bodies = [
            e.body for e in self.entities(key) if e.body is not None and (e.ranges or not e.index)
        ]
        return set[Key]().union(*map(self._uses, bodies))

    def _visit(self, key: Key) -> None:
        if key in self._number:
            return
        self._number[key] = self._low[key] = len(self._number)
        self._stack.append(key)
        for other in sorted(self._below(key)):
            if other not in self._number:
                self._visit(other)
                self._low[key] = min(self._low[key], self._low[other])
            elif other in self._stack:
                self._low[key] = min(self._low[key], self._number[other])
        if self._low[key] == self._number[key]:
            at = self._stack.index(key)
            group = frozenset(self._stack[at:])
            del self._stack[at:]
            for name in group:
                self._group[name] = group


def make_loop(circles: Circles, keys: frozenset[Key]) -> Loop:
    """The loop for a circle of families."""
    rules = {key: circles.rules(key) for key in sorted(keys)}
    for key, found in rules.items():
        if key[1] == 0:
            raise NoCode(f"{key[0]} is defined by itself")
        if len(found) != 1 or key[1] != 1:
            raise NoCode(f"no loop is known for {key[0]}: it needs one rule with one index")
    first = next(iter(rules.values()))[0]
    letter = first.ranges[0].name
    members: dict[Key, Member] = {}
    low = high = None
    for key, (entity,) in rules.items():
        r = entity.ranges[0]
        if r.low is None or r.high is None:
            raise NoCode(f"the range of {key[0]} is not known")
        if low is None or high is None:
            low, high = r.low, r.high
        if (r.low, r.high) != (low, high):
            raise NoCode(f"{key[0]} and {first.name} need each other but have different ranges")
        assert entity.body is not None
        members[key] = Member(key, entity, substitute(entity.body, {r.name: letter}))
    assert low is not None
    assert high is not None
    loop = Loop(letter, low, high, 1, members)
    steps = {1 if gap < 0 else -1 for gap in _gaps(circles, loop).values() if gap}
    if len(steps) != 1:
        raise NoCode(f"{first.name} needs both earlier and later members")
    loop.step = steps.pop()
    return loop


def look_back(circles: Circles, loop: Loop) -> dict[Key, int]:
    """How many steps back each member of a loop is looked at."""
    back = dict.fromkeys(loop.members, 0)
    for part, gap in _gaps(circles, loop).items():
        back[key_of(part)] = max(back[key_of(part)], abs(gap))
    return back


def _gaps(circles: Circles, loop: Loop) -> dict[Symbol, int]:
    """The loop's own members that it looks at, and how far from its step they are."""
    found: dict[Symbol, int] = {}
    for member in loop.members.values():
        for part in walk(member.body):
            if not isinstance(part, Symbol) or key_of(part) not in loop.members:
                continue
            gap = (part.index[0] - loop.letter).constant
            if isinstance(gap, int):
                found[part] = gap
            elif circles.own_line(part) is None:
                raise NoCode(f"{part.name} looks at its own members by {part.index[0]}")
    return found
