"""Names as values: arguments of the function, definitions, families, and those that go round.

A family is stored as one array with its members along the first axis. One that is defined
without looking at its own members is computed for all of them at once; a circle of families that
do is computed by a loop.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from backprove.compute.emit.loops import Circles, Key, Loop, key_of, look_back, make_loop
from backprove.compute.emit.names import identifier, member_name
from backprove.compute.emit.places import Places
from backprove.compute.emit.ranges import at_most
from backprove.compute.emit.rotate import is_factor, rotate
from backprove.compute.emit.scope import TOP, Scope
from backprove.compute.emit.values import BATCH, FAMILY, Axis, Label, NoCode, Value
from backprove.model.entity import Entity, System
from backprove.tensor.nodes import Node, Symbol, walk
from backprove.tensor.whole import Whole


@dataclass(frozen=True, slots=True)
class Input:
    """An argument of the function: a declared name, member, or family along leading axes."""

    name: str
    value: Value
    batched: bool
    first: tuple[Whole, ...]
    facts: frozenset[str]


@dataclass(frozen=True, slots=True)
class Stored:
    """A family in one array: position 0 along axis k is the member at `first[k]`."""

    value: Value
    first: tuple[Whole, ...]
    last: tuple[Whole, ...]
    zero_outside: bool


class Families(Places):
    """What names mean; `batched` are the identifiers of arguments with a batch axis in front."""

    def __init__(self, system: System, roots: Iterable[Node], batched: frozenset[str]) -> None:
        super().__init__()
        # what loops need besides is put into a system of their own
        self.circles = Circles(System(base=system), roots)
        self.batched = batched
        self.inputs: dict[str, Input] = {}
        self.memo: dict[object, Value] = {}
        self.rounds: dict[Loop, dict[Node, bool]] = {}
        #: products of some factors that have been computed, by factors and labels
        self.products: dict[object, Value] = {}
        self.running: list[Loop] = []
        #: the member of a loop that is being worked on
        self.current = ""
        self._loops: dict[Key, Loop] = {}
        self._stored: dict[Key, Stored] = {}
        self._single: dict[Entity, Value] = {}
        self._with_batch: dict[Key, bool] = {}
        self._busy: set[object] = set()

    # --- a name -------------------------------------------------------------------------------

    def named(self, node: Symbol, scope: Scope) -> Value:
        """The value of a name, with an axis for each open index in its own."""
        key = key_of(node)
        loop = scope.loop
        if loop is not None and key in loop.members and self.circles.own_line(node) is None:
            gap = (node.index[0] - loop.letter).constant
            if isinstance(gap, int):
                return self._round(loop, key, gap)
            return self._looked_up(loop, key, node.index[0], scope)
        for entity in self.circles.entities(key):
            if not entity.ranges and entity.index == node.index:
                return self._alone(entity)
        stored = self._family(key)
        places = {k: w - stored.first[k] for k, w in enumerate(node.index)}
        value = stored.value
        if stored.zero_outside:
            value, places = self._padded(stored, places, scope)
        elif all(w.names.isdisjoint(scope.axes) for w in places.values()):
            for w, last in zip(node.index, stored.last, strict=True):
                if at_most(w, last, scope.ranges) is False:
                    raise NoCode(f"{node.name}_{w} does not exist")
        return self.take(value, places, scope)

    def _padded(
        self, stored: Stored, places: dict[int, Whole], scope: Scope
    ) -> tuple[Value, dict[int, Whole]]:
        """Room for the zeros outside of an adjoint's range, as far as it is looked at."""
        value = stored.value
        for own, place in list(places.items()):
            gaps: list[int] = []
            for least in (place, value.length(own) - 1 - place):
                for letter, (low, high) in scope.ranges.items():
                    factor = least.coefficient(letter) or 0
                    least = least.put({letter: low if factor > 0 else high})
                fixed = least.constant
                gaps.append(-int(fixed) if fixed is not None and fixed < 0 else 0)
            if any(gaps):
                lengths = list(value.lengths)
                at = value.labels.index(own)
                lengths[at] = lengths[at] + sum(gaps)
                value = self.graph.make("pad", [value], value.labels, lengths, own, *gaps)
                places[own] = place + gaps[0]
        return value, places

    def argument(self, entity: Entity) -> Input:
        """The argument that holds a declared name, whether or not it has been used."""
        if entity.ranges:
            self._family(key_of(entity))
            return self.inputs[identifier(entity.name)]
        self._alone(entity)
        return self.inputs[member_name(entity.name, entity.index)]

    # --- single names and arguments -----------------------------------------------------------

    def _alone(self, entity: Entity) -> Value:
        found = self._single.get(entity)
        if found is None:
            if entity in self._busy:
                raise NoCode(f"{entity.name} is defined by itself")
            self._busy.add(entity)
            if entity.body is None:
                found = self._input(entity, ())
            else:
                found = self.low(entity.body, TOP)
                if found.wish is None and found.op not in ("relabel", "input"):
                    found.wish = member_name(entity.name, entity.index)
            self._single[entity] = found
        return found

    def _input(self, entity: Entity, axes: tuple[tuple[Whole, Whole], ...]) -> Value:
        name = identifier(entity.name) if axes else member_name(entity.name, entity.index)
        batch = name in self.batched
        if name in self.inputs:
            raise NoCode(f"two arguments would have the name {name}")
        shape = [*(high - low + 1 for low, high in axes), *entity.shape]
        labels: list[Label] = [*([BATCH] if batch else []), *range(len(shape))]
        lengths = [*([BATCH.length] if batch else []), *shape]
        value = self.graph.make("input", [], labels, lengths, name)
        if batch and axes:  # inside, families come first, so that a loop reads what lies together
            own = [x for x in labels if x != BATCH]
            value = self.graph.permute(value, [*own[: len(axes)], BATCH, *own[len(axes) :]])
        self.inputs[name] = Input(
            name,
            value.args[0] if value.args else value,
            batch,
            tuple(low for low, _ in axes),
            entity.facts,
        )
        return value

    # --- families -----------------------------------------------------------------------------

    def _family(self, key: Key) -> Stored:
        found = self._stored.get(key)
        if found is None:
            if key in self._busy:
                raise NoCode(f"{key[0]} is defined by itself")
            self._busy.add(key)
            circle = self.circles.of(key)
            if circle is not None:
                self._run(circle)
                found = self._stored[key]
            else:
                found = self._stored[key] = self._at_once(key)
        return found

    def _at_once(self, key: Key) -> Stored:
        """All members of a family that does not look at its own."""
        rules = self.circles.rules(key)
        if not rules:
            return self._listed(key)
        if len(rules) > 1:
            raise NoCode(f"{key[0]} has several rules")
        entity = rules[0]
        axes: list[Axis] = []
        for place in entity.index:
            r = next((r for r in entity.ranges if r.name == place.name), None)
            if r is None or r.low is None or r.high is None:
                raise NoCode(f"the range of {key[0]} is not known")
            axes.append(Axis(r.name, r.low, r.high, FAMILY))
        if entity.body is None:
            value = self._input(entity, tuple((a.low, a.high) for a in axes))
        else:
            value = self.low(entity.body, TOP.opened(*axes))
            missing = [a for a in axes if a not in value.labels]
            rest = [x for x in value.labels if x not in axes]
            labels = [*axes, *rest]
            if missing:
                lengths = [x.length if isinstance(x, Axis) else value.length(x) for x in labels]
                value = self.graph.expand(value, labels, lengths)
            if value.wish is None and value.op not in ("relabel", "input"):
                value.wish = identifier(entity.name)
            table: dict[Label, Label] = {k: k + len(axes) for k in range(len(entity.shape))}
            table.update({a: k for k, a in enumerate(axes)})
            value = self.graph.relabel(value, table)
        stored = Stored(
            value,
            tuple(a.low for a in axes),
            tuple(a.high for a in axes),
            bool(entity.zero_outside),
        )
        return self._with_neighbours(key, stored)

    def _with_neighbours(self, key: Key, stored: Stored) -> Stored:
        """With the members that have a line of their own, right before or after the rule's."""
        if key[1] != 1:
            return stored
        lone = {e.index[0]: e for e in self.circles.entities(key) if not e.ranges}
        first, last = stored.first[0], stored.last[0]
        before: list[Value] = []
        after: list[Value] = []
        while first - 1 in lone:
            first = first - 1
            before.insert(0, self._alone(lone.pop(first)))
        while last + 1 in lone:
            last = last + 1
            after.append(self._alone(lone.pop(last)))
        if not before and not after:
            return stored
        return Stored(
            self._rows(before, stored.value, after), (first,), (last,), stored.zero_outside
        )

    def _listed(self, key: Key) -> Stored:
        """A family of single members, used by an open index: all of them in one array."""
        lone = {e.index[0]: e for e in self.circles.entities(key)} if key[1] == 1 else {}
        numbers = sorted(int(w.constant) for w in lone if w.constant is not None)
        if not numbers or len(numbers) < len(lone) or numbers[-1] - numbers[0] + 1 != len(numbers):
            raise NoCode(f"{key[0]} is used by an open index, but has no rule")
        values = [self._alone(lone[Whole.of(n)]) for n in numbers]
        zero = any(e.zero_outside for e in lone.values())
        ends = (Whole.of(numbers[0]),), (Whole.of(numbers[-1]),)
        return Stored(self._rows(values, None, []), *ends, zero)

    def _rows(self, before: list[Value], middle: Value | None, after: list[Value]) -> Value:
        """Single members, an array of members, and single members, in one array."""
        parts = [*before, *([middle] if middle is not None else []), *after]
        axes = sorted({a for v in parts for a in v.axes}, key=lambda a: a.name)
        count = Whole.of(len(before) + len(after))
        if middle is not None:
            count = count + middle.length(0)
        sample = before[0] if before else after[0]
        own = sorted(x for x in sample.labels if isinstance(x, int))
        inner: list[Label] = [*axes, *own]
        shape = [*(a.length for a in axes), *(sample.length(x) for x in own)]
        shifted: list[Label] = [0, *axes, *(x + 1 for x in own)]
        rows = [self.graph.expand(v, inner, shape) for v in (*before, *after)]
        if middle is None:
            return self.graph.make("stack", rows, shifted, [count, *shape], 0)
        wide = self.graph.expand(middle, shifted, [middle.length(0), *shape])
        ordered = [*rows[: len(before)], wide, *rows[len(before) :]]
        return self.graph.make("rows", ordered, shifted, [count, *shape], len(before))

    # --- circles ------------------------------------------------------------------------------

    def _run(self, circle: frozenset[Key]) -> None:
        """A loop for families that need each other's earlier (or later) members."""
        loop = make_loop(self.circles, circle)
        inside = [m.entity for m in loop.members.values()]
        for entity in rotate(loop, lambda n: is_factor(n, lambda x: self._is_zero(x, inside))):
            self.circles.system.add(entity)
        back = look_back(self.circles, loop)
        for key, member in loop.members.items():
            lone = {e.index[0]: e for e in self.circles.entities(key) if not e.ranges}
            edge = loop.low if loop.step > 0 else loop.high
            count = back[key]
            while key in loop.history and edge - (count + 1) * loop.step in lone:
                count += 1
            member.given = self._given(loop, key)
            for k in range(1, count + 1):
                if member.given is not None:
                    row = member.given.length(0) - k if loop.step > 0 else Whole.of(k - 1)
                    member.before.append(self.pick(member.given, 0, row, None))
                    continue
                entity = lone.get(edge - k * loop.step)
                if entity is None and not member.entity.zero_outside:
                    raise NoCode(f"{key[0]} needs a member {edge - k * loop.step} to start from")
                member.before.append(None if entity is None else self._alone(entity))
            axes: list[Label] = [BATCH] if self._is_batched(key) else []
            shape = member.entity.shape
            inner: list[Label] = [*axes, *range(len(shape))]
            sizes = [*(BATCH.length for _ in axes), *shape]
            if member.given is not None:  # the own axes of a row are numbered from 0
                down: dict[Label, Label] = {k + 1: k for k in inner if isinstance(k, int)}
                member.before = [v and self.graph.relabel(v, down) for v in member.before]
            member.before = [v and self.graph.expand(v, inner, sizes) for v in member.before]
            length = loop.last(key) - loop.first(key) + 1
            labels: list[Label] = [0, *axes, *range(1, len(shape) + 1)]
            lengths = [length, *(BATCH.length for _ in axes), *shape]
            member.stored = self.graph.make("stored", [], labels, lengths, loop, key)
            self._loops[key] = loop
            self._stored[key] = Stored(
                member.stored,
                (loop.first(key),),
                (loop.last(key),),
                bool(member.entity.zero_outside),
            )
        for key in loop.members:
            self._round(loop, key, 0)
        self.running.append(loop)

    def _given(self, loop: Loop, key: Key) -> Value | None:
        """The array of the members before the first, where they are declared as a family."""
        if not (found := [e for e in self.circles.rules(key) if e.body is None]):
            return None
        (r,) = found[0].ranges
        assert r.low is not None and r.high is not None  # noqa: PT018
        if len(found) > 1 or (r.high + 1 != loop.low if loop.step > 0 else r.low - 1 != loop.high):
            raise NoCode(
                f"the members of {key[0]} that are given do not lie right before the others"
            )
        value = self._input(found[0], ((r.low, r.high),))
        wide = [0, *([BATCH] if self._is_batched(key) else []), *range(1, len(found[0].shape) + 1)]
        sizes = {0: value.length(0), BATCH: BATCH.length}
        lengths = [sizes.get(x) or value.length(x) for x in wide]
        return self.graph.expand(value, wide, lengths)

    def _is_zero(self, node: Symbol, inside: Sequence[Entity]) -> bool:
        """Whether a symbol is one of the adjoints of a loop, which are zero outside its range."""
        return any(e.name == node.name and len(e.index) == len(node.index) for e in inside)

    def _round(self, loop: Loop, key: Key, gap: int) -> Value:
        """A member inside its loop: this step's, or one of those before."""
        member = loop.members[key]
        assert member.stored is not None
        shape = member.entity.shape
        axes: list[Label] = [x for x in member.stored.labels if isinstance(x, Axis)]
        labels: list[Label] = [*axes, *range(len(shape))]
        lengths = [*(BATCH.length for _ in axes), *shape]
        if gap:
            return self.graph.make("state", [], labels, lengths, loop, key, gap, loop=loop)
        if member.value is None:
            if (loop, key) in self._busy:
                raise NoCode(f"{key[0]} is defined by itself")
            self._busy.add((loop, key))
            before, self.current = self.current, identifier(key[0])
            value = self.graph.expand(self.low(member.body, Scope({}, loop)), labels, lengths)
            self.current = before
            if value.wish is None:
                value.wish = identifier(key[0])
            member.value = value
        return member.value

    def _looked_up(self, loop: Loop, key: Key, index: Whole, scope: Scope) -> Value:
        """Members of a loop at steps that an open index goes through, zero where there are none."""
        member = loop.members[key]
        assert member.stored is not None
        if loop.step > 0 and loop.zeros(key):
            raise NoCode(f"{key[0]} looks at its own members by {index}")
        stored = member.stored
        lie, place = (stored.labels, stored.lengths), index - loop.first(key)
        whole = self.graph.make("history", [], *lie, loop, key, loop=loop)
        found = self.take(whole, {0: place}, scope)
        if member.entity.zero_outside and not self._inside(place, stored.lengths[0], scope):
            numbers = self.graph.whole(place, list(scope.axes.values()), loop)
            held = self._within(numbers, stored.lengths[0])
            found = self.elementwise("where", [held, found, self.number(0)])
        return found

    def _is_batched(self, key: Key) -> bool:
        """Whether a name depends on an argument that has a batch axis."""
        found = self._with_batch.get(key)
        if found is None:
            reached: set[Key] = set()
            pending, found = [key], False
            while pending and not found:
                here = pending.pop()
                if here in reached:
                    continue
                reached.add(here)
                for entity in self.circles.entities(here):
                    if entity.body is None:
                        name = (
                            identifier(entity.name)
                            if entity.ranges
                            else member_name(entity.name, entity.index)
                        )
                        found = found or name in self.batched
                    else:
                        pending += [key_of(n) for n in walk(entity.body) if isinstance(n, Symbol)]
            self._with_batch[key] = found
        return found


def identifiers(system: System) -> Mapping[str, Entity]:
    """The arguments that a function of all declared names would have."""
    return {
        identifier(e.name) if e.ranges else member_name(e.name, e.index): e
        for e in system.all()
        if e.body is None
    }
