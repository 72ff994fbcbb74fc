"""Products of a loop that share a factor as one product: the gates of a cell.

W_f h, W_i h and W_o h are parts of [W_f; W_i; W_o] h, and R_f^T δ^f + R_i^T δ^i is a product of two
joined arrays. Joining the matrices is done once, outside; every step has one product for several.
Values are changed in place, so this comes after everything has been lowered.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

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
            value.op, value.args, value.info = "part", (total,), (k, sizes)

    # --- the joined parts ---

    def _joined(self, parts: Sequence[Value], axis: int) -> Value:
        """Arrays of one layout below each other along an axis."""
        first = parts[0]
        axis %= len(first.labels)
        lengths = list(first.lengths)
        lengths[axis] = sum((p.lengths[axis] for p in parts), ZERO)
        return self.graph.make("concat", parts, first.labels, lengths, axis)

    def _product(self, inside: Value, outside: Value, place: int, labels: Sequence[Label]) -> Value:
        """inside · outside, summed over the last axis of the one and `place` of the other."""
        summed = 1 + max((x for x in labels if isinstance(x, int)), default=0)
        own: list[Label] = [*labels[:-1], summed]
        left = self.graph.relabel(inside, dict(zip(inside.labels, own, strict=True)))
        pair: list[Label] = [labels[-1], summed] if place else [summed, labels[-1]]
        right = self.graph.relabel(outside, dict(zip(outside.labels, pair, strict=True)))
        lengths = [*inside.lengths[:-1], outside.lengths[1 - place]]
        return self.graph.make("dot", [left, right], labels, lengths)
