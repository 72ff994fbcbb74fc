"""From expressions to the intermediate program: every node over all values of its open indices.

An open index is an axis of the arrays (a family's members are computed all at once), except for
the index of a recurrence, which a loop steps through. What a loop's body needs of things that do
not go round in the circle is computed outside, for all steps at once, and picked.
Sums are pushed inwards, so that a sum of outer products over time is one matrix product.
"""

from __future__ import annotations

from backprove.compute.emit.binders import Binders
from backprove.compute.emit.scope import NONE, Axes, Scope
from backprove.compute.emit.values import BATCH, Axis, Label, NoCode, Value, canonical
from backprove.tensor.nodes import (
    Add,
    Along,
    Apply,
    Build,
    Concat,
    Constant,
    Contract,
    Count,
    Derivative,
    Determinant,
    Fold,
    Identity,
    Inverse,
    Literal,
    Node,
    Ones,
    Power,
    Reshape,
    Scatter,
    Select,
    Stack,
    Symbol,
    Test,
    Where,
)


class Lower(Binders):
    """Expressions as values; names are in `Families`, components in `Places`, below it."""

    # --- any node -----------------------------------------------------------------------------

    def low(self, node: Node, scope: Scope, summed: Axes = NONE) -> Value:
        """The value, summed over some axes; its own axes are labelled 0, 1, …"""
        loop = scope.loop
        if loop is not None and not self.goes_round(node, loop):
            return self.at_step(self.low(node, scope.outside(), summed), scope)
        key = (node, scope.of(node), loop, summed)
        found = self.memo.get(key)
        if found is None:
            found = self._kept(node, scope) if not summed and loop is None else None
            if found is None:
                found = self._fresh(node, scope, summed)
            self.memo[key] = found
            if loop is not None and not summed and isinstance(node, Apply | Along):
                loop.known.setdefault(node, found)
        return found

    def _kept(self, node: Node, scope: Scope) -> Value | None:
        """The value for all steps of what a loop has computed anyway."""
        if not isinstance(node, Apply | Along):
            return None
        for loop in self.running:
            inside = loop.known.get(node)
            if (
                inside is None
                or scope.axes.get(loop.letter) != loop.axis
                or set(inside.axes) - {BATCH}
            ):
                continue
            found = loop.kept.get(inside)
            if found is None:
                labels = (loop.axis, *inside.labels)
                lengths = (loop.axis.length, *inside.lengths)
                found = self.graph.make("kept", [], labels, lengths, loop, inside)
                loop.kept[inside] = found
                about = inside.args[0].wish if inside.args else None
                if inside.wish is None and about:
                    inside.wish = f"{_word(node)}_{about}"
            return found
        return None

    def _fresh(self, node: Node, scope: Scope, summed: Axes) -> Value:
        match node:
            case Contract():
                return self._contract(node, scope, summed)
            case Add() if summed and any(
                isinstance(n, Contract | Fold | Where) for _, n in node.terms
            ):
                return self._add(node, scope, summed)
            case Fold():
                return self._fold(node, scope, summed)
            case Where():
                return self._where(node, scope, summed)
            case Scatter():
                return self.scattered(node, scope, summed)
            case _:
                return self.reduced(self._plain(node, scope), summed)

    def _plain(self, node: Node, scope: Scope) -> Value:
        graph = self.graph
        match node:
            case Symbol():
                return self.named(node, scope)
            case Add():
                return self._add(node, scope, NONE)
            case Literal():
                return graph.make("number", [], [], [], node.value)
            case Constant():
                return graph.make("constant", [], [], [], node.name)
            case Count():
                return graph.whole(node.whole, list(scope.axes.values()), scope.loop)
            case Test():
                return self.elementwise("flag", [self._condition(node, scope)])
            case Ones():
                return graph.make("full", [], range(node.rank), node.shape, 1)
            case Identity():
                return graph.make("eye", [], (0, 1), node.shape)
            case Apply():
                return self.elementwise(
                    "apply", [self.low(a, scope) for a in node.args], node.function
                )
            case Power():
                return self._power(node, scope)
            case Along():
                return self._along(node, scope)
            case Inverse():
                arg = self.in_order(self.low(node.arg, scope))
                return graph.make("inverse", [arg], arg.labels, arg.lengths)
            case Determinant():
                arg = self.in_order(self.low(node.arg, scope))
                return graph.make("det", [arg], arg.labels[:-2], arg.lengths[:-2], node.log)
            case Select():
                arg = self.low(node.arg, scope)
                places = {k: w - 1 for k, w in enumerate(node.at) if w is not None}
                return self.take(arg, places, scope)
            case Build():
                return self._build(node, scope)
            case Stack() | Concat():
                return self._joined(node, scope)
            case Reshape():
                arg = self.in_order(self.low(node.arg, scope))
                axes = arg.axes
                labels = [*axes, *range(node.rank)]
                return graph.make(
                    "reshape", [arg], labels, [*(a.length for a in axes), *node.shape]
                )
            case Derivative():
                raise NoCode("a derivative has to be worked out before there is code for it")
            case _:
                raise NoCode(f"no code is known for {type(node).__name__}")

    def _power(self, node: Power, scope: Scope) -> Value:
        base = self.low(node.base, scope)
        if isinstance(node.exponent, Literal):
            return self.elementwise("power", [base], node.exponent.value)
        return self.elementwise("power", [base, self.low(node.exponent, scope)])

    def _along(self, node: Along, scope: Scope) -> Value:
        arg = self.low(node.arg, scope)
        last = node.arg.rank - 1
        if node.function == "softmax":
            return self.graph.make("along", [arg], arg.labels, arg.lengths, "softmax", last)
        kept = [(x, n) for x, n in zip(arg.labels, arg.lengths, strict=True) if x != last]
        return self.graph.make(
            "along", [arg], [x for x, _ in kept], [n for _, n in kept], node.function, last
        )

    def _joined(self, node: Stack | Concat, scope: Scope) -> Value:
        values = [self.low(part, scope) for part in node.parts]
        axes = canonical(a for v in values for a in v.axes)
        inner = node.parts[0].rank
        labels: list[Label] = [*axes, *range(inner)]
        parts = [
            self.graph.expand(
                v, labels, [*(a.length for a in axes if isinstance(a, Axis)), *part.shape]
            )
            for v, part in zip(values, node.parts, strict=True)
        ]
        op = "stack" if isinstance(node, Stack) else "concat"
        result = [*axes, *range(node.rank)]
        lengths = [*(a.length for a in axes if isinstance(a, Axis)), *node.shape]
        return self.graph.make(op, parts, result, lengths, len(axes))


def _word(node: Apply | Along) -> str:
    return node.function.replace("-", "_")
