"""Operations on labelled arrays: elementwise, linear combinations, products of two, sums."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any

from backprove.compute.emit.values import Axis, Graph, Label, Value, canonical
from backprove.tensor.whole import Whole


def is_nothing(value: Value) -> bool:
    """Whether a value is zero."""
    return value.op in ("full", "number") and value.info[0] == 0


class Algebra:
    """Makes values; arrays meet by their labels, whatever the order of their axes."""

    def __init__(self) -> None:
        self.graph = Graph()
        self._dots: dict[tuple[Value, Value, frozenset[Label]], Value] = {}
        self._serials: dict[Value, int] = {}

    # --- elementwise --------------------------------------------------------------------------

    def elementwise(self, op: str, args: Sequence[Value], *info: Any) -> Value:
        """A function of each entry; an argument without an axis is repeated along it."""
        lengths: dict[Label, Whole] = {}
        for arg in args:
            lengths.update(zip(arg.labels, arg.lengths, strict=True))
        labels = next((a.labels for a in args if len(a.labels) == len(lengths)), canonical(lengths))
        slim = [self._slim(arg, args) for arg in args]
        return self.graph.make(op, slim, labels, [lengths[x] for x in labels], *info)

    def _slim(self, arg: Value, args: Sequence[Value]) -> Value:
        """A constant array as a number where another argument has its axes."""
        others = {
            x for other in args if other is not arg and other.op != "full" for x in other.labels
        }
        if arg.op == "full" and others.issuperset(arg.labels):
            return self.number(arg.info[0])
        return arg

    def number(self, value: int | Fraction) -> Value:
        return self.graph.make("number", [], [], [], Fraction(value))

    def linear(self, factors: Sequence[Fraction], values: Sequence[Value]) -> Value:
        """Σ factor · value."""
        full = {x for v in values if not is_nothing(v) for x in v.labels}
        kept = [
            (c, v)
            for c, v in zip(factors, values, strict=True)
            if not (is_nothing(v) and full.issuperset(v.labels))
        ]
        if kept and len(kept) < len(values):
            factors, values = [c for c, _ in kept], [v for _, v in kept]
        if len(values) == 1 and factors[0] == 1:
            return values[0]
        return self.elementwise("sum", values, tuple(factors))

    # --- sums ---------------------------------------------------------------------------------

    def reduced(self, value: Value, summed: Iterable[Axis]) -> Value:
        """Summed over axes; where it has no such axis, as often as the axis is long."""
        summed = list(summed)
        here = {a for a in summed if a in value.labels}
        value = self.only(value, set(value.labels) - here)
        return self.repeated(value, [a for a in summed if a not in here])

    def only(self, value: Value, labels: set[Label]) -> Value:
        """Summed over all labels but these."""
        kept = [x for x in value.labels if x in labels]
        if len(kept) == len(value.labels):
            return value
        lengths = [value.length(x) for x in kept]
        if value.op == "full":
            rest = [value.length(x) for x in value.labels if x not in labels]
            plain = self.graph.make("full", [], kept, lengths, value.info[0])
            return self._times(plain, rest)
        return self.graph.make("reduce", [value], kept, lengths)

    def repeated(self, value: Value, axes: Iterable[Axis]) -> Value:
        """The sum of as many copies as the axes are long."""
        return self._times(value, [a.length for a in sorted(axes, key=lambda a: a.name)])

    def _times(self, value: Value, lengths: Iterable[Whole]) -> Value:
        for length in lengths:
            if length != 1 and not is_nothing(value):
                value = self.dot(self.graph.whole(length, []), value, value.labels)
        return value

    def diagonal(self, value: Value, own: Sequence[int]) -> Value:
        """With own axes renamed, equal names meaning the diagonal."""
        while len(set(own)) < len(own):
            first = next(x for x in own if own.count(x) > 1)
            one, two = [k for k, x in enumerate(own) if x == first][:2]
            kept = [
                (x, n)
                for x, n in zip(value.labels, value.lengths, strict=True)
                if x not in (one, two)
            ]
            labels: list[Label] = [*(x for x, _ in kept), one]
            value = self.graph.make(
                "diagonal", [value], labels, [*(n for _, n in kept), value.length(one)], one, two
            )
            table: dict[Label, Label] = {k: k - (k > two) for k in range(len(own)) if k != two}
            value = self.graph.relabel(value, table)
            own = [x for k, x in enumerate(own) if k != two]
        return self.graph.relabel(value, dict(enumerate(own)))

    # --- products -----------------------------------------------------------------------------

    def dot(self, left: Value, right: Value, out: Sequence[Label]) -> Value:
        """The product of two, summed over all labels but `out`."""
        wanted = set(out)
        left = self.only(left, wanted | set(right.labels))
        right = self.only(right, wanted | set(left.labels))
        left, right = self._unit(left, right), self._unit(right, left)
        for one, other in ((left, right), (right, left)):
            if one.op == "number" and one.info[0] == 1 and set(other.labels) == wanted:
                return other
        # the same product under other labels is the same product
        if self._serial(right) < self._serial(left):
            left, right = right, left
        renamed: dict[Label, Label] = {}
        for label in (*left.labels, *right.labels):
            if isinstance(label, int):
                renamed.setdefault(label, len(renamed))
        back = {new: old for old, new in renamed.items()}
        left, right = self.graph.relabel(left, renamed), self.graph.relabel(right, renamed)
        key = (left, right, frozenset(renamed.get(x, x) for x in out))
        found = self._dots.get(key)
        if found is None:
            found = self._dots[key] = self._product(left, right, [renamed.get(x, x) for x in out])
        return self.graph.relabel(found, back)

    def _serial(self, value: Value) -> int:
        """A number for each array, in the order in which they were first multiplied."""
        value = value.args[0] if value.op == "relabel" else value
        return self._serials.setdefault(value, len(self._serials))

    def _product(self, left: Value, right: Value, out: Sequence[Label]) -> Value:
        lengths = {x: n for v in (left, right) for x, n in zip(v.labels, v.lengths, strict=True)}
        if len(out) == len(lengths):
            # elementwise: as the larger of the two lies
            out = next((v.labels for v in (left, right) if len(v.labels) == len(lengths)), out)
        return self.graph.make("dot", [left, right], out, [lengths[x] for x in out])

    def _unit(self, value: Value, other: Value) -> Value:
        """An array of ones that adds no axis as the number 1."""
        if value.op == "full" and value.info[0] == 1 and set(value.labels) <= set(other.labels):
            return self.number(1)
        return value

    # --- layout -------------------------------------------------------------------------------

    def in_order(self, value: Value, first: Axis | None = None) -> Value:
        """With the open axes in front (one of them first), and the own ones in order."""
        labels = canonical(value.labels)
        if first is not None:
            labels = (first, *(x for x in labels if x != first))
        return self.graph.permute(value, labels)
