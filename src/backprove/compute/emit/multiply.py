"""Sums and products as values: what stands still in a loop is multiplied outside of it.

Of a product of many factors the order is chosen that takes least work (`product.py`), and parts
of it that another product has computed are used again.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from fractions import Fraction
from typing import Any

from backprove.compute.emit.families import Families
from backprove.compute.emit.loops import Loop, key_of
from backprove.compute.emit.product import Labels, Tree, order
from backprove.compute.emit.scope import Axes, Scope
from backprove.compute.emit.values import COMPONENT, Axis, Label, Value
from backprove.tensor.nodes import (
    Add,
    Contract,
    Identity,
    Node,
    Symbol,
    walk,
)
from backprove.tensor.whole import Whole


class Products(Families):
    """Linear combinations and Einstein products, inside and outside of loops."""

    # --- sums and products --------------------------------------------------------------------

    def _add(self, node: Add, scope: Scope, summed: Axes) -> Value:
        loop = scope.loop
        if not node.terms:
            return self.graph.make("full", [], range(node.rank), node.shape, 0)
        if loop is not None:
            still = tuple((c, n) for c, n in node.terms if not self.goes_round(n, loop))
            if 1 < len(still) < len(node.terms):
                # what stands still is added up outside
                rest = [(c, n) for c, n in node.terms if self.goes_round(n, loop)]
                fixed = self.at_step(self._terms(still, scope.outside(), summed), scope)
                values = [self.low(n, scope, summed) for _, n in rest]
                return self.linear([Fraction(1), *(c for c, _ in rest)], [fixed, *values])
        return self._terms(node.terms, scope, summed)

    def _terms(self, terms: Sequence[tuple[Fraction, Node]], scope: Scope, summed: Axes) -> Value:
        return self.linear([c for c, _ in terms], [self.low(n, scope, summed) for _, n in terms])

    def _contract(self, node: Contract, scope: Scope, summed: Axes) -> Value:
        loop = scope.loop
        operands, labels, out = list(node.operands), list(node.labels), list(node.out)
        fresh = 1 + max((x for group in labels for x in group), default=-1)
        for position, label in enumerate(out):
            if label in out[:position]:  # placed on the diagonal: times an identity
                size = node.shape[position]
                operands.append(Identity.intern((size, size), frozenset(), ()))
                labels.append((label, fresh))
                out[position], fresh = fresh, fresh + 1
        outside = [loop is None or not self.goes_round(n, loop) for n in operands]
        final = {label: position for position, label in enumerate(out)}

        def leaf(k: int, where_: Scope) -> Value:
            value = self.low(operands[k], where_)
            own = labels[k]
            if len(set(own)) == len(own):
                return self.graph.relabel(value, dict(enumerate(own)))
            return self.diagonal(value, own)

        inner = scope if loop is None else scope.outside()
        sample = [leaf(k, inner if outside[k] else scope) for k in range(len(operands))]
        lengths: dict[Hashable, Whole] = {
            x: n for v in sample for x, n in zip(v.labels, v.lengths, strict=True)
        }
        gone = set(summed)
        if loop is not None:
            gone.add(loop.axis)
            factors = [frozenset(v.labels) - {loop.axis} for v in sample]
        else:
            factors = [frozenset(v.labels) for v in sample]
        every: set[Label] = set().union(*(v.labels for v in sample))
        wanted: set[Label] = {x for x in every if isinstance(x, Axis) and x not in gone} | set(out)
        plain = loop is None

        def known(group: frozenset[int], kept: Labels) -> bool:
            return plain and self._group(group, sample, kept)[0] in self.products

        tree = order(factors, frozenset(wanted), lengths, lambda k: outside[k], known)

        def members(part: Tree) -> list[int]:
            if isinstance(part, int):
                return [part]
            return (
                list(part) if isinstance(part, frozenset) else members(part[0]) + members(part[1])
            )

        def evaluate(part: Tree, place: Scope, rest: set[Label]) -> Value:
            here = members(part)
            if place.loop is not None and all(outside[k] for k in here):
                axis = place.loop.axis
                return self.at_step(evaluate(part, place.outside(), rest | {axis}), place)
            if isinstance(part, int):
                return self.only(leaf(part, place), rest)
            if isinstance(part, frozenset):
                key, names = self._group(part, sample, rest)
                back: dict[Label, Label] = {new: old for old, new in names.items()}
                return self.graph.relabel(self.products[key], back)
            left, right = (members(side) for side in part)
            need = [rest.union(*(sample[k].labels for k in other)) for other in (right, left)]
            both = [evaluate(side, place, n) for side, n in zip(part, need, strict=True)]
            kept = {x for v in both for x in v.labels if x in rest}
            result = sorted(
                kept, key=lambda x: (1, final.get(x, 99), x) if isinstance(x, int) else (0, 0, 0)
            )
            # axes of components as they lie, those of the larger factor first
            lie = [x for v in sorted(both, key=lambda v: -len(v.labels)) for x in v.labels]
            axes = sorted(
                (x for x in kept if isinstance(x, Axis)),
                key=lambda a: (a.kind, lie.index(a) if a.kind == COMPONENT else a.name),
            )
            found = self.dot(both[0], both[1], [*axes, *(x for x in result if isinstance(x, int))])
            if plain:
                key, names = self._group(frozenset(here), sample, rest)
                self.products.setdefault(key, self.graph.relabel(found, names))
            return found

        value = evaluate(tree, scope, wanted)
        value = self.graph.relabel(value, dict(final.items()))
        return self.repeated(value, [a for a in summed if a not in every])

    def _group(
        self, group: Iterable[int], sample: Sequence[Value], kept: Iterable[Any]
    ) -> tuple[object, dict[Label, Label]]:
        """A product of some factors, whatever their labels are called: a key, and the new names."""
        factors = [sample[k] for k in group]
        factors.sort(key=self._serial)
        names: dict[Label, Label] = {}
        for factor in factors:
            for label in factor.labels:
                if isinstance(label, int):
                    names.setdefault(label, len(names))
        here = {x for f in factors for x in f.labels}
        labels = frozenset(names.get(x, x) for x in kept if x in here)
        return (tuple(self.graph.relabel(f, names) for f in factors), labels), names

    # --- inside loops -------------------------------------------------------------------------

    def goes_round(self, node: Node, loop: Loop) -> bool:
        """Whether a node depends on what the loop computes."""
        known = self.rounds.setdefault(loop, {})
        found = known.get(node)
        if found is None:
            for part in walk(node):
                if part in known:
                    continue
                own = (
                    isinstance(part, Symbol)
                    and key_of(part) in loop.members
                    and self.circles.own_line(part) is None
                )
                known[part] = own or any(known[child] for child in part.children)
            found = known[node]
        return found

    def at_step(self, value: Value, scope: Scope) -> Value:
        """What was computed for all steps, at the step where the loop is."""
        loop = scope.loop
        assert loop is not None
        if loop.axis not in value.labels or scope.axes.get(loop.letter) == loop.axis:
            return value
        place = Whole.of(loop.letter) - loop.low
        inner = value.args[0] if value.op == "relabel" else value
        if inner.op == "slice" and inner.info[2] == 1:
            own, start, _ = inner.info
            if value.labels.index(loop.axis) == inner.args[0].labels.index(own):
                picked = self.pick(inner.args[0], own, place + start, loop)
                rest = [x for x in value.labels if x != loop.axis]
                return self.graph.relabel(picked, dict(zip(picked.labels, rest, strict=True)))
        if inner.wish is None and inner.args:
            inner.wish = f"{self.current}_in"
        return self.pick(value, loop.axis, place, loop)
