"""Recurrences: which names go round in circles, and the loop that computes them.

Families that depend on each other at earlier (or later) steps are computed by one loop over their
index. All else is computed for all members at once, outside.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from backprove.compute.emit.ranges import not_negative
from backprove.compute.emit.values import FAMILY, Axis, NoCode, Value
from backprove.model.entity import Entity, IndexRange, System
from backprove.tensor.build import literal, substitute, test, where, zero
from backprove.tensor.nodes import Build, Contract, Fold, Node, Symbol, Test, Where, walk
from backprove.tensor.whole import Whole

#: a base name and its number of indices
Key = tuple[str, int]


@dataclass(eq=False, slots=True)
class Member:
    """One family inside a loop.

    `before[k-1]` is the value of the member k steps before the first, None where it is zero;
    `stored` is the array of all members, from position 0 for the index `first`. Where the members
    before the first are given as a family, `given` is the array of them.
    """

    key: Key
    entity: Entity
    body: Node
    before: list[Value | None] = field(default_factory=list["Value | None"])
    value: Value | None = None
    stored: Value | None = None
    given: Value | None = None


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
    #: the families that are looked at by another open index than the loop's
    history: set[Key] = field(default_factory=set["Key"])

    @property
    def axis(self) -> Axis:
        """The loop's index as an axis, for what is computed outside for all steps."""
        return Axis(self.letter, self.low, self.high, FAMILY)

    def zeros(self, key: Key) -> int:
        """How many members before the first are zeros, which are not stored."""
        before = self.members[key].before
        return len(before) if all(v is None for v in before) else 0

    def held(self, key: Key) -> Whole:
        """How many members before the first are stored with the others."""
        member = self.members[key]
        if member.given is not None:
            return member.given.length(0)
        return Whole.of(len(member.before) - self.zeros(key))

    def first(self, key: Key) -> Whole:
        """The index of the member at position 0 of the stored array."""
        return self.low - self.held(key) if self.step > 0 else self.low

    def last(self, key: Key) -> Whole:
        """The index of the last stored member."""
        return self.high if self.step > 0 else self.high + self.held(key)

    def start(self, key: Key) -> Whole:
        """The index of the first row while the loop runs, where zeros have rows as well."""
        return self.first(key) - self.zeros(key) if self.step > 0 else self.low


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
        if key not in self._group:
            self._visit(key)
        group = self._group[key]
        return group if len(group) > 1 or key in self._below(key) else None

    def known(self) -> list[Key]:
        """All names that are needed."""
        return sorted(self._group)

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
    rules = {key: [e for e in circles.rules(key) if e.body is not None] for key in sorted(keys)}
    for key, found in rules.items():
        if key[1] == 0:
            raise NoCode(f"{key[0]} is defined by itself")
        if len(found) != 1 or key[1] != 1:
            raise NoCode(f"no loop is known for {key[0]}: it needs one rule with one index")
    first = next(iter(rules.values()))[0]
    letter = first.ranges[0].name
    members: dict[Key, Member] = {}
    low, high = _hull([r for (e,) in rules.values() for r in e.ranges])
    for key, (entity,) in rules.items():
        (r,) = entity.ranges
        assert entity.body is not None
        body = substitute(entity.body, {r.name: letter})
        if (r.low, r.high) != (low, high):
            if not all(e.zero_outside for (e,) in rules.values()):
                raise NoCode(f"{key[0]} and {first.name} need each other but have different ranges")
            body = _within(r, letter, body)
        members[key] = Member(key, entity, body)
    loop = Loop(letter, low, high, 1, members)
    looks = Looks(circles, loop)
    loop.history = looks.history
    steps = {1 if gap < 0 else -1 for gap in looks.gaps.values() if gap} | looks.steps
    if len(steps) != 1:
        raise NoCode(f"{first.name} needs both earlier and later members")
    loop.step = steps.pop()
    return loop


def _hull(ranges: Iterable[IndexRange]) -> tuple[Whole, Whole]:
    """The first step that any of the ranges has, and the last."""
    low = high = None
    for r in ranges:
        if r.low is None or r.high is None:
            raise NoCode(f"the range of {r.name} is not known")
        low = r.low if low is None or not_negative(low - r.low) else low
        high = r.high if high is None or not_negative(r.high - high) else high
    assert low is not None
    assert high is not None
    return low, high


def _within(r: IndexRange, letter: str, body: Node) -> Node:
    """A rule that is zero outside of its range."""
    nothing = zero(body.shape) if body.shape else literal(0)
    assert r.low is not None
    assert r.high is not None
    body = where(test("≤", letter, r.high), body, nothing)
    return where(test("≤", r.low, letter), body, nothing)


def look_back(circles: Circles, loop: Loop) -> dict[Key, int]:
    """How many steps back each member of a loop is looked at."""
    back = dict.fromkeys(loop.members, 0)
    for part, gap in Looks(circles, loop).gaps.items():
        back[key_of(part)] = max(back[key_of(part)], abs(gap))
    return back


class Looks:
    """How a loop's members look at each other.

    `gaps` are the members at a fixed distance from the step; those in `history` are looked at by
    an open index, which lies before the step or after it by what is known where it is used: `steps`
    holds 1 for looks at what is before, -1 at what is after.
    """

    def __init__(self, circles: Circles, loop: Loop) -> None:
        self.circles, self.loop = circles, loop
        self.gaps: dict[Symbol, int] = {}
        self.history: set[Key] = set()
        self.steps: set[int] = set()
        self._seen: set[object] = set()
        letter = Whole.of(loop.letter)
        for member in loop.members.values():
            self._visit(member.body, frozenset({letter - loop.low, loop.high - letter}))

    def _visit(self, node: Node, known: frozenset[Whole]) -> None:
        """`known` are whole numbers that are not negative at this place."""
        if (node, known) in self._seen:
            return
        self._seen.add((node, known))
        match node:
            case Symbol():
                self._look(node, known)
            case Fold():
                at = Whole.of(node.index)
                self._visit(node.body, known | {at - node.low, node.high - at})
            case Build():
                letters = [Whole.of(i) for i in node.indices]
                ends = [n - i for i, n in zip(letters, node.shape, strict=False)]
                self._visit(node.body, known | {i - 1 for i in letters} | set(ends))
            case Where():
                self._visit(node.condition, known)
                self._visit(node.then, known | _met(node.condition))
                self._visit(node.otherwise, known)
            case _:
                for child in node.children:
                    self._visit(child, known)

    def _look(self, node: Symbol, known: frozenset[Whole]) -> None:
        if key_of(node) not in self.loop.members or self.circles.own_line(node) is not None:
            return
        gap = node.index[0] - self.loop.letter
        if isinstance(gap.constant, int):
            self.gaps[node] = gap.constant
            return
        self.history.add(key_of(node))
        for step, ahead in ((1, -gap), (-1, gap)):
            if any(not_negative(ahead - 1 - k) for k in known):
                self.steps.add(step)
                return
        raise NoCode(f"{node.name} looks at its own members by {node.index[0]}")


def _met(condition: Node) -> frozenset[Whole]:
    """What is not negative where a condition holds."""
    match condition:
        case Test(op="≤"):
            return frozenset({condition.right - condition.left})
        case Test(op="<"):
            return frozenset({condition.right - condition.left - 1})
        case Contract() if not condition.shape and not any(condition.labels):
            return frozenset[Whole]().union(*map(_met, condition.operands))
        case _:
            return frozenset()
