"""Products of a loop that share a factor as one product: the gates of a cell.

W_f h, W_i h and W_o h are parts of [W_f; W_i; W_o] h, and R_f^T δ^f + R_i^T δ^i is a product of two
joined arrays. Joining the matrices is done once, outside; every step has one product for several.
Values are changed in place, so this comes after everything has been lowered.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from backprove.compute.emit.joint import multiply_joined, store_joined
from backprove.compute.emit.loops import Loop
from backprove.compute.emit.reach import origin, reach
from backprove.compute.emit.values import Graph, Label, Value, below
from backprove.tensor.whole import ZERO, Whole


@dataclass(frozen=True, slots=True)
class Factors:
    """A product in a loop: `inside` times the matrix `outside`, summed over one axis of each.

    `place` is the summed axis of the matrix; that of the other factor is its last.
    """

    inside: Value
    outside: Value
    place: int

    @property
    def free(self) -> Whole:
        """How long the matrix is along the axis that stays."""
        return self.outside.lengths[1 - self.place]


def fuse(graph: Graph, loops: Iterable[Loop], values: Sequence[Value]) -> None:
    """Join the products of each loop that can be joined."""
    for loop in loops:
        _Fusion(graph, loop, values).run()
        store_joined(graph, loop, values)
    multiply_joined(graph, values)


class _Fusion:
    def __init__(self, graph: Graph, loop: Loop, values: Sequence[Value]) -> None:
        self.graph = graph
        self.loop = loop
        found = reach(values)
        self.uses = found.uses
        members = (loop.members[key].value for key in found.members.get(loop, {}))
        kept = (v.info[1] for v in found.kept.get(loop, []))
        roots = [origin(v) for v in (*members, *kept) if v is not None]
        self.inside = list(dict.fromkeys(map(origin, below(*roots, inside=loop))))

    def run(self) -> None:
        groups: dict[object, list[tuple[Value, Value, Value]]] = {}
        for value in self.inside:
            if value.op == "sum":
                self._gather(value)
        for value in self.inside:
            found = self._shifted(value)
            if found is not None:
                given, product = found
                factors = self._factors(product)
                assert factors is not None
                key = (factors.inside, factors.place, value.labels[:-1], given.info[1:])
                groups.setdefault(key, []).append((value, given, product))
        for group in groups.values():
            if len(group) > 1:
                self._spread(group)

    def _factors(self, value: Value) -> Factors | None:
        """The factors of a product with one matrix that stands outside, in the usual layout."""
        value = origin(value)
        if value.op != "dot":
            return None
        for inside, outside in (value.args, value.args[::-1]):
            if inside.loop is None or outside.loop is not None or len(outside.labels) != 2:
                continue
            summed = [x for x in inside.labels if x in outside.labels and x not in value.labels]
            if len(summed) != 1 or inside.labels[-1] != summed[0]:
                continue
            place = outside.labels.index(summed[0])
            if value.labels == (*inside.labels[:-1], outside.labels[1 - place]):
                return Factors(origin(inside), origin(outside), place)
        return None

    # --- Σ_k v_k M_k ---

    def _gather(self, total: Value) -> None:
        """Terms that are products become one product of joined factors."""
        groups: dict[object, list[int]] = {}
        found = [self._factors(arg) for arg in total.args]
        for k, (arg, factors) in enumerate(zip(total.args, found, strict=True)):
            alone = self.uses.get(origin(arg), 0) == 1 and arg.labels == total.labels
            if factors is not None and alone and total.info[0][k] == 1:
                rank = len(factors.inside.labels)
                groups.setdefault((rank, factors.place, factors.free), []).append(k)
        for group in groups.values():
            if len(group) < 2 or len(total.labels) < 2:
                continue
            chosen = [f for k in group if (f := found[k]) is not None]
            product = self._product(
                self._joined([f.inside for f in chosen], -1),
                self._joined([f.outside for f in chosen], chosen[0].place),
                chosen[0].place,
                total.labels,
            )
            rest = [k for k in range(len(total.args)) if k not in group]
            if rest:
                factors = (*(total.info[0][k] for k in rest), 1)
                total.args = (*(total.args[k] for k in rest), product)
                total.info = (factors,)
            else:
                total.op, total.args, total.info = "dot", product.args, product.info
            return

    # --- v M_k + b_k ---

    def _shifted(self, value: Value) -> tuple[Value, Value] | None:
        """What is read at this step and the product, where a value is their sum."""
        if value.op != "sum" or len(value.args) != 2 or set(value.info[0]) != {1}:
            return None
        for given, product in (value.args, value.args[::-1]):
            if given.op != "pick" or given.labels != value.labels or given.info[0] in value.labels:
                continue
            source = given.args[0]
            alone = self.uses.get(given, 0) == 1 == self.uses.get(origin(product), 0)
            if alone and source.loop is None and source.labels == (given.info[0], *given.labels):
                plain = product.labels == value.labels and len(value.labels) > 1
                if plain and self._factors(product) is not None:
                    return given, product
        return None

    def _spread(self, group: list[tuple[Value, Value, Value]]) -> None:
        """The sums become parts of one sum."""
        chosen = [f for _, _, product in group if (f := self._factors(product)) is not None]
        sizes = tuple(f.free for f in chosen)
        first = chosen[0]
        whole = self._joined([f.outside for f in chosen], 1 - first.place)
        source = self._joined([given.args[0] for _, given, _ in group], -1)
        lead = group[0][0].labels[:-1]
        last = 1 + max((x for x in first.inside.labels if isinstance(x, int)), default=0)
        labels: list[Label] = [*lead, last]
        product = self._product(first.inside, whole, first.place, labels)
        _, place, clip = group[0][1].info
        source = self.graph.relabel(
            source, dict(zip(source.labels, (group[0][1].info[0], *labels), strict=True))
        )
        given = self.graph.make(
            "pick", [source], labels, product.lengths, group[0][1].info[0], place, clip,
            loop=self.loop,
        )  # fmt: skip
        one = group[0][0].info[0][0]
        total = self.graph.make("sum", [given, product], labels, product.lengths, (one, one))
        for k, (value, _, _) in enumerate(group):
            value.op, value.args = "part", (total,)
            value.info = (k, sizes, len(labels) - 1)

    # --- the joined parts ---

    def _joined(self, parts: Sequence[Value], axis: int) -> Value:
        """Arrays of one layout below each other along an axis."""
        first = parts[0]
        axis %= len(first.labels)
        through = self._through(parts, axis)
        if through is not None:
            return through
        lengths = list(first.lengths)
        lengths[axis] = sum((p.lengths[axis] for p in parts), ZERO)
        return self.graph.make("concat", parts, first.labels, lengths, axis)

    def _through(self, parts: Sequence[Value], axis: int) -> Value | None:
        """Products with one factor in common, and sums of such, are joined in what differs."""
        first = parts[0]
        if first.loop is not None or any(self.uses.get(p, 0) != 1 for p in parts):
            return None
        rows = [row for p in parts if (row := self._spread_args(p, first, axis)) is not None]
        if len(rows) < len(parts):
            return None
        label = first.labels[axis]
        args: list[Value] = []
        for k, arg in enumerate(first.args):
            column = [row[k] for row in rows]
            if label not in arg.labels:
                if any(a.labels != arg.labels or origin(a) is not origin(arg) for a in column):
                    return None
                args.append(arg)
                continue
            if any(a.labels != arg.labels for a in column):
                return None
            joined = self._joined([origin(a) for a in column], arg.labels.index(label))
            table = dict(zip(joined.labels, arg.labels, strict=True))
            args.append(self.graph.relabel(joined, table))
        lengths = list(first.lengths)
        lengths[axis] = sum((p.lengths[axis] for p in parts), ZERO)
        return self.graph.make(first.op, args, first.labels, lengths, *first.info)

    def _spread_args(self, value: Value, first: Value, axis: int) -> list[Value] | None:
        """The arguments in the order and under the labels of another value of this form."""
        if value.op != first.op or value.op not in ("sum", "dot") or value.info != first.info:
            return None
        if value.op == "sum":
            same = value.labels == first.labels and len(value.args) == len(first.args)
            return list(value.args) if same else None
        label = value.labels[axis]
        args = list(value.args)
        if (label in args[0].labels) != (first.labels[axis] in first.args[0].labels):
            args.reverse()
        if any(len(a.labels) != len(b.labels) for a, b in zip(args, first.args, strict=True)):
            return None
        table = dict(zip(value.labels, first.labels, strict=True))
        for mine, other in zip(args, first.args, strict=True):
            if label not in mine.labels:
                table.update(zip(mine.labels, other.labels, strict=True))
        return [self.graph.relabel(a, table) for a in args]

    def _product(self, inside: Value, outside: Value, place: int, labels: Sequence[Label]) -> Value:
        """inside · outside, summed over the last axis of the one and `place` of the other."""
        summed = 1 + max((x for x in labels if isinstance(x, int)), default=0)
        own: list[Label] = [*labels[:-1], summed]
        left = self.graph.relabel(inside, dict(zip(inside.labels, own, strict=True)))
        pair: list[Label] = [labels[-1], summed] if place else [summed, labels[-1]]
        right = self.graph.relabel(outside, dict(zip(outside.labels, pair, strict=True)))
        lengths = [*inside.lengths[:-1], outside.lengths[1 - place]]
        return self.graph.make("dot", [left, right], labels, lengths)
