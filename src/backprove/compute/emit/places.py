"""Components: picking them out of arrays and putting them back, by affine places.

A place such as `2 r + i - 3` is a whole-number expression, counted from 0 here. Where it moves
with one open index it is a slice with a stride, where with several (the window of a convolution)
a gather, and the transposes of both put back and add up.
"""

from __future__ import annotations

from collections.abc import Mapping

from backprove.compute.emit.algebra import Algebra
from backprove.compute.emit.loops import Loop
from backprove.compute.emit.ranges import at_most, not_negative
from backprove.compute.emit.scope import NONE, Axes, Scope
from backprove.compute.emit.values import FAMILY, Axis, Label, NoCode, Value, canonical
from backprove.tensor.nodes import Node, Scatter
from backprove.tensor.whole import ZERO, Whole


class Places(Algebra):
    """Selecting and scattering."""

    def low(self, node: Node, scope: Scope, summed: Axes = NONE) -> Value:
        """The value of a node (see `Lower`)."""
        raise NotImplementedError

    # --- picking ------------------------------------------------------------------------------

    def pick(
        self, value: Value, label: Label, place: Whole, loop: Loop | None, clip: bool = False
    ) -> Value:
        """The entry at one place along an axis."""
        kept = [x for x in value.labels if x != label]
        inside = loop if loop is not None and loop.letter in place.names else None
        lengths = [value.length(x) for x in kept]
        return self.graph.make("pick", [value], kept, lengths, label, place, clip, loop=inside)

    def take(self, value: Value, places: Mapping[int, Whole], scope: Scope) -> Value:
        """The components of own axes at places; the own axes that stay are numbered anew."""
        moving: dict[int, list[Axis]] = {}
        for own, place in places.items():
            axes = [scope.axes[n] for n in sorted(place.names) if n in scope.axes]
            if axes:
                moving[own] = axes
            else:
                clip = not self._inside(place, value.length(own), scope)
                value = self.pick(value, own, place, scope.loop, clip)
        rest = {own: places[own] for own in moving}
        for own, axes in moving.items():
            alone = sum(axes[0] in other for other in moving.values()) == 1
            if len(axes) == 1 and alone and axes[0] not in value.labels:
                if self._is_slice(rest[own], axes[0], value.length(own), scope):
                    value = self._slice(value, own, rest.pop(own), axes[0])
                elif over := self._overhang(rest[own], axes[0], value.length(own)):
                    value = self._edged(value, own, *over)
                    value = self._slice(value, own, rest.pop(own) + over[0], axes[0])
        if rest:
            value = self._gather(value, rest, scope)
        left = sorted(x for x in value.labels if isinstance(x, int))
        return self.graph.relabel(value, {old: new for new, old in enumerate(left)})

    def _inside(self, place: Whole, length: Whole, scope: Scope) -> bool:
        ranges = scope.ranges
        return bool(at_most(ZERO, place, ranges) and at_most(place, length - 1, ranges))

    def _is_slice(self, place: Whole, axis: Axis, length: Whole, scope: Scope) -> bool:
        step = place.coefficient(axis.name)
        loose = scope.loop is not None and scope.loop.letter in place.names - {axis.name}
        return (
            isinstance(step, int) and step > 0 and not loose and self._inside(place, length, scope)
        )

    def _overhang(self, place: Whole, axis: Axis, length: Whole) -> tuple[int, int] | None:
        """How far a run of places goes beyond the ends of an array, where that is a few steps."""
        if place.coefficient(axis.name) != 1 or axis.kind != FAMILY:
            return None
        first, last = place.put({axis.name: axis.low}), place.put({axis.name: axis.high})
        before, after = (-first).constant, (last - length + 1).constant
        if not isinstance(before, int) or not isinstance(after, int) or max(before, after) > 8:
            return None
        return max(before, 0), max(after, 0)

    def _edged(self, value: Value, own: int, before: int, after: int) -> Value:
        """With the first and last entry repeated: what is read there does not count."""
        at = value.labels.index(own)
        lengths = list(value.lengths)
        lengths[at] = lengths[at] + before + after
        return self.graph.make("edge", [value], value.labels, lengths, own, before, after)

    def _slice(self, value: Value, own: int, place: Whole, axis: Axis) -> Value:
        step, start = place.coefficient(axis.name), place.put({axis.name: axis.low})
        if step == 1 and start == 0 and axis.length == value.length(own):
            return self.graph.relabel(value, {own: axis})
        labels = [axis if x == own else x for x in value.labels]
        lengths = [
            axis.length if x == own else n for x, n in zip(value.labels, value.lengths, strict=True)
        ]
        return self.graph.make("slice", [value], labels, lengths, own, start, step)

    def _gather(self, value: Value, places: Mapping[int, Whole], scope: Scope) -> Value:
        names = {n for w in places.values() for n in w.names}
        # outer indices first: what is summed over comes last, as products want it
        axes = [axis for name, axis in scope.axes.items() if name in names]
        axes.sort(key=lambda axis: axis.kind)
        indexed: list[tuple[Label, Value, bool]] = []
        for axis in axes:  # an index that the array runs along itself
            if axis in value.labels:
                indexed.append(
                    (axis, self.graph.whole(Whole.of(axis.name) - axis.low, [axis]), False)
                )
        for own, place in places.items():
            clip = not self._inside(place, value.length(own), scope)
            numbers = self.graph.whole(place, axes, scope.loop)
            indexed.append((own, numbers, clip))
        gone = {label for label, _, _ in indexed}
        rest: list[Label] = [x for x in value.labels if x not in gone]
        # one index leaves the other axes where they are, several put theirs in front; one of
        # the last axis would pick single entries, in front it picks rows
        at = value.labels.index(indexed[0][0]) if len(indexed) == 1 else 0
        if at == len(rest):
            at = 0
        labels: list[Label] = [*rest[:at], *axes, *rest[at:]]
        lengths = [
            x.length if isinstance(x, Axis) and x in axes else value.length(x) for x in labels
        ]
        return self.graph.make(
            "gather",
            [value, *(numbers for _, numbers, _ in indexed)],
            labels,
            lengths,
            tuple(label for label, _, _ in indexed),
            tuple(clip for _, _, clip in indexed),
            tuple(axes),
            at,
        )

    # --- putting back -------------------------------------------------------------------------

    def scattered(self, node: Scatter, scope: Scope, summed: Axes) -> Value:
        """Entries put at their places in an array of zeros, added up over summed axes."""
        places = {k: w - 1 for k, w in enumerate(node.at) if w is not None}
        axes = {scope.axes[n] for w in places.values() for n in w.names if n in scope.axes}
        loose = axes - summed
        value = self.low(node.arg, scope, summed - axes)
        kept = [k for k, w in enumerate(node.at) if w is None]
        value = self.graph.relabel(value, dict(enumerate(kept)))
        if scope.loop is not None and any(scope.loop.letter in w.names for w in places.values()):
            raise NoCode("a component is put back at a place that a loop steps through")
        for axis in axes & summed:
            if axis not in value.labels:
                value = self._spread(value, axis)
        for own in [k for k, w in places.items() if w.names & {a.name for a in loose}]:
            place = places.pop(own)
            others = {n for w in places.values() for n in w.names}
            moving = [
                a
                for a in axes & summed
                if place.coefficient(a.name) in (1, -1) and a.name not in others
            ]
            if moving:
                value = self._shifted(value, own, node.shape[own], place, moving[0], scope)
            else:
                value = self._one_hot(value, own, node.shape[own], place, scope)
        summed = frozenset(a for a in summed if a not in axes or a in value.labels)
        over = {a for a in axes & summed if any(a.name in w.names for w in places.values())}
        value = self.reduced(value, [a for a in (axes & summed) - over if a in value.labels])
        if not places:
            return value
        return self._put(value, places, over, node, scope)

    def _spread(self, value: Value, axis: Axis) -> Value:
        labels = canonical([*value.labels, axis])
        lengths = [axis.length if x == axis else value.length(x) for x in labels]
        return self.graph.expand(value, labels, lengths)

    def _shifted(
        self, value: Value, own: int, size: Whole, place: Whole, axis: Axis, scope: Scope
    ) -> Value:
        """A new own axis, along which an axis that is summed is laid from a place that moves.

        Σ_i v(i) at the place i + r is at the place p the entry v(p − r), where there is one.
        """
        column = Axis(f"{own}·", ZERO, size - 1)
        sign = int(place.coefficient(axis.name) or 1)
        rest = place.put({axis.name: ZERO})
        at = (Whole.of(column.name) - rest) * sign - axis.low
        inner = scope.opened(column)
        fresh = 1 + max((x for x in value.labels if isinstance(x, int)), default=own)
        found = self._gather(self.graph.relabel(value, {axis: fresh}), {fresh: at}, inner)
        numbers = self.graph.whole(at, list(inner.axes.values()), scope.loop)
        found = self.elementwise(
            "where", [self._within(numbers, axis.length), found, self.number(0)]
        )
        return self.graph.relabel(found, {column: own})

    def _within(self, numbers: Value, length: Whole) -> Value:
        """Whether places are in an array."""
        last = self.graph.whole(length - 1, [])
        return self.elementwise(
            "and",
            [
                self.elementwise("test", [self.number(0), numbers], "≤"),
                self.elementwise("test", [numbers, last], "≤"),
            ],
        )

    def _one_hot(self, value: Value, own: int, size: Whole, place: Whole, scope: Scope) -> Value:
        """A new own axis, zero but at the place, which moves with an axis that stays."""
        column = Axis(f"{own}·", ZERO, size - 1)
        wheres = self.graph.whole(Whole.of(column.name), [column])
        at = self.graph.whole(place, list(scope.axes.values()), scope.loop)
        here = self.elementwise("test", [wheres, at], "=")
        return self.graph.relabel(
            self.elementwise("where", [here, value, self.number(0)]), {column: own}
        )

    def _put(
        self, value: Value, places: dict[int, Whole], over: set[Axis], node: Scatter, scope: Scope
    ) -> Value:
        rest = [x for x in value.labels if x not in over]
        own = sorted([*places, *(x for x in rest if isinstance(x, int))])
        axes = [x for x in rest if isinstance(x, Axis)]
        labels: list[Label] = [*axes, *own]
        lengths = [*(a.length for a in axes), *(node.shape[k] for k in own)]
        letters = {a.name: a for a in over}
        single = [[letters[n] for n in w.names if n in letters] for w in places.values()]
        used = [a for group in single for a in group]
        if all(len(group) <= 1 for group in single) and len(used) == len(set(used)):
            ways: dict[int, tuple[Whole, int, Axis | None]] = {}
            for k, group in zip(places, single, strict=True):
                if not group:
                    if not self._inside(places[k], node.shape[k], scope):
                        break
                    ways[k] = (places[k], 0, None)
                elif self._is_slice(places[k], group[0], node.shape[k], scope):
                    start = places[k].put({group[0].name: group[0].low})
                    ways[k] = (start, int(places[k].coefficient(group[0].name) or 1), group[0])
                else:
                    break
            else:
                order = [
                    *axes,
                    *(ways[k][2] if k in ways else k for k in own if k not in ways or ways[k][2]),
                ]
                arg = self.graph.permute(value, [x for x in order if x is not None])
                if all(
                    axis is not None and (start, step) == (0, 1) and axis.length == node.shape[k]
                    for k, (start, step, axis) in ways.items()
                ):  # every place is filled
                    return self.graph.relabel(arg, {ways[k][2] or k: k for k in ways})
                return self.graph.make(
                    "place", [arg], labels, lengths, tuple(sorted(ways.items(), key=lambda p: p[0]))
                )
        return self._add_up(value, places, over, labels, lengths, scope)

    def _add_up(
        self,
        value: Value,
        places: dict[int, Whole],
        over: set[Axis],
        labels: list[Label],
        lengths: list[Whole],
        scope: Scope,
    ) -> Value:
        """By index arrays; what lies outside of the array is dropped."""
        sizes = dict(zip(labels, lengths, strict=True))
        indices: list[Value] = []
        clips: list[bool] = []
        for own, place in places.items():
            numbers = self.graph.whole(place, list(over))
            inside = self._inside(place, sizes[own], scope)
            clips.append(not inside)
            if not inside:
                held = self._within(numbers, sizes[own])
                value = self.elementwise("where", [held, value, self.number(0)])
            indices.append(numbers)
        front = canonical(over)
        rest = [x for x in labels if x not in places]
        arg = self.graph.permute(value, [*front, *rest])
        return self.graph.make(
            "add_up",
            [arg, *indices],
            [*places, *rest],
            [*(sizes[k] for k in places), *(sizes[x] for x in rest)],
            tuple(clips),
            tuple(front),
        )


def fits(first: Whole, last: Whole, low: Whole, high: Whole) -> bool:
    """Whether first..last surely lies in low..high."""
    return not_negative(first - low) and not_negative(high - last)
