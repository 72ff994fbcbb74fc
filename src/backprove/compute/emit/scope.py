"""The open indices at a place in an expression."""

from __future__ import annotations

from dataclasses import dataclass, field

from backprove.compute.emit.loops import Loop
from backprove.compute.emit.ranges import Ranges
from backprove.compute.emit.values import Axis
from backprove.tensor.nodes import Node

Axes = frozenset[Axis]
NONE: Axes = frozenset()


@dataclass(frozen=True, eq=False)
class Scope:
    """The open indices at a place: those that are axes, and the loop around it."""

    axes: dict[str, Axis] = field(default_factory=dict[str, Axis])
    loop: Loop | None = None

    def opened(self, *axes: Axis) -> Scope:
        return Scope({**self.axes, **{a.name: a for a in axes}}, self.loop)

    def outside(self) -> Scope:
        """The scope before the loop, for all of its steps at once."""
        assert self.loop is not None
        return Scope({self.loop.letter: self.loop.axis, **self.axes})

    @property
    def ranges(self) -> Ranges:
        found = {a.name: (a.low, a.high) for a in self.axes.values()}
        if self.loop is not None:
            found.setdefault(self.loop.letter, (self.loop.low, self.loop.high))
        return found

    def of(self, node: Node) -> tuple[tuple[str, Axis], ...]:
        """What of it a node depends on."""
        return (
            tuple(sorted((n, a) for n, a in self.axes.items() if n in node.free))
            if node.free
            else ()
        )


TOP = Scope()
