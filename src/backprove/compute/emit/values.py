"""The intermediate program: a graph of array operations whose axes have labels.

A `Value` is an array with one label for each of its axes. An axis of the expression itself is
labelled by its number (0, 1, …); an axis that runs over an open index (the time of a family, the
letter of a sum) is labelled by an `Axis`. So a family's definition becomes one operation on all
members at once, and a transposition is a change of labels until the text is printed.

Values are interned: equal operations on equal arguments are one object, which is how common
sub-expressions come to be computed once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from backprove.errors import BackproveError
from backprove.tensor.whole import ONE, Whole

if TYPE_CHECKING:
    from backprove.compute.emit.loops import Loop


class NoCode(BackproveError):
    """There is no code for an expression; the message says why."""


FAMILY, BATCH_KIND, COMPONENT = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Axis:
    """An open index that has become an axis: its letter, and its first and last value.

    `kind` orders axes: those of families come first, then the batch, then components.
    """

    name: str
    low: Whole
    high: Whole
    kind: int = COMPONENT

    @property
    def length(self) -> Whole:
        return self.high - self.low + 1


BATCH_SIZE = "batch·"
BATCH = Axis("batch·", ONE, Whole.of(BATCH_SIZE), BATCH_KIND)

Label = Axis | int


def canonical(labels: Iterable[Label]) -> tuple[Label, ...]:
    """Labels in the order that arrays have unless there is a reason for another."""
    return tuple(sorted(set(labels), key=_rank))


def _rank(label: Label) -> tuple[int, str, int]:
    return (3, "", label) if isinstance(label, int) else (label.kind, label.name, 0)


class Value:
    """One operation: `op` on `args`; `info` is whatever else it needs to know.

    `loop` is the loop inside which it has to be computed, None outside.
    """

    __slots__ = ("args", "info", "labels", "lengths", "loop", "op", "wish")

    def __init__(
        self,
        op: str,
        args: tuple[Value, ...],
        info: tuple[Any, ...],
        labels: tuple[Label, ...],
        lengths: tuple[Whole, ...],
        loop: Loop | None,
    ) -> None:
        self.op, self.args, self.info = op, args, info
        self.labels, self.lengths, self.loop = labels, lengths, loop
        #: the name that it would like to have in the source
        self.wish: str | None = None

    @property
    def axes(self) -> list[Axis]:
        """The labels that are open indices."""
        return [x for x in self.labels if isinstance(x, Axis)]

    @property
    def number(self) -> bool:
        """Whether this is made of numbers and sizes only, hence a plain Python number."""
        if self.op in ("number", "constant", "whole"):
            return not self.labels
        return self.op in ("apply", "power", "sum", "dot") and all(a.number for a in self.args)

    def length(self, label: Label) -> Whole:
        """How long the axis with this label is."""
        return self.lengths[self.labels.index(label)]

    def __repr__(self) -> str:
        return f"Value({self.op}, {self.info}, {self.labels})"


class Graph:
    """Where values are made, each once."""

    def __init__(self) -> None:
        self._table: dict[tuple[Any, ...], Value] = {}

    def make(
        self,
        op: str,
        args: Sequence[Value],
        labels: Sequence[Label],
        lengths: Sequence[Whole],
        *info: Any,
        loop: Loop | None = None,
    ) -> Value:
        """The one value of this kind; it belongs into the loop that an argument belongs into."""
        for arg in args:
            if arg.loop is not None:
                loop = arg.loop
        key = (op, tuple(map(id, args)), info, tuple(labels), tuple(lengths), loop and id(loop))
        found = self._table.get(key)
        if found is None:
            found = Value(op, tuple(args), info, tuple(labels), tuple(lengths), loop)
            self._table[key] = found
        return found

    # --- changes of layout, which cost nothing or little ----------------------------------------

    def relabel(self, value: Value, table: dict[Label, Label]) -> Value:
        """The same array with other labels."""
        labels = tuple(table.get(x, x) for x in value.labels)
        if labels == value.labels:
            return value
        origin = value.args[0] if value.op == "relabel" else value
        if labels == origin.labels:
            return origin
        return self.make("relabel", [origin], labels, value.lengths)

    def permute(self, value: Value, labels: Sequence[Label]) -> Value:
        """The same array with its axes in the order of these labels."""
        if tuple(labels) == value.labels:
            return value
        return self.make("permute", [value], labels, [value.length(x) for x in labels])

    def expand(self, value: Value, labels: Sequence[Label], lengths: Sequence[Whole]) -> Value:
        """With an axis for each of these labels in this order, repeated along new ones."""
        if tuple(labels) == value.labels:
            return value
        if set(labels) == set(value.labels):
            return self.permute(value, labels)
        return self.make("expand", [value], labels, lengths)

    def whole(self, whole: Whole, axes: Sequence[Axis], loop: Loop | None = None) -> Value:
        """A whole-number expression as numbers along those of the axes that it depends on."""
        used = [a for a in axes if a.name in whole.names]
        inside = loop if loop is not None and loop.letter in whole.names - _names(used) else None
        return self.make("whole", [], used, [a.length for a in used], whole, loop=inside)


def _names(labels: Iterable[Label]) -> set[str]:
    return {x.name for x in labels if isinstance(x, Axis)}


def below(*roots: Value, inside: Loop | None = None) -> Iterator[Value]:
    """Every value below the roots once, arguments first, without entering loops.

    With `inside` only those that are computed in this loop.
    """
    seen: set[Value] = set()
    stack: list[tuple[Value, bool]] = [(root, False) for root in reversed(roots)]
    while stack:
        value, done = stack.pop()
        if done:
            yield value
        elif value not in seen and (inside is None or value.loop is inside):
            seen.add(value)
            stack.append((value, True))
            stack.extend((arg, False) for arg in reversed(value.args))
