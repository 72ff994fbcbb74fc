"""From expressions to the intermediate program: every node over all values of its open indices.

An open index is an axis of the arrays (a family's members are computed all at once), except for
the index of a recurrence, which a loop steps through. What a loop's body needs of things that do
not go round in the circle is computed outside, for all steps at once, and picked.
Sums are pushed inwards, so that a sum of outer products over time is one matrix product.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from fractions import Fraction
from typing import Any

from backprove.compute.emit.families import Families
from backprove.compute.emit.loops import Loop, key_of
from backprove.compute.emit.product import Labels, Tree, order
from backprove.compute.emit.ranges import decided, extreme
from backprove.compute.emit.scope import NONE, Axes, Scope
from backprove.compute.emit.values import COMPONENT, FAMILY, Axis, Label, NoCode, Value, canonical
from backprove.tensor.build import literal, test, where, zero
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
    walk,
)
from backprove.tensor.whole import ONE, Whole


class Lower(Families):
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
            if inside is None or scope.axes.get(loop.letter) != loop.axis or inside.axes[1:]:
                continue
            found = loop.kept.get(inside)
            if found is None:
                labels = (loop.axis, *inside.labels)
                lengths = (loop.axis.length, *inside.lengths)
                found = self.graph.make("kept", [], labels, lengths, loop, inside)
                loop.kept[inside] = found
            return found
        return None

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

    # --- conditions ---------------------------------------------------------------------------

    def _condition(self, node: Node, scope: Scope) -> Value:
        """A scalar as something true or false."""
        if isinstance(node, Test):
            axes, loop = list(scope.axes.values()), scope.loop
            sides = [self.graph.whole(w, axes, loop) for w in (node.left, node.right)]
            return self.elementwise("test", sides, node.op)
        if isinstance(node, Contract) and not any(node.labels) and not node.shape:
            found = [self._condition(part, scope) for part in node.operands]
            result = found[0]
            for other in found[1:]:
                result = self.elementwise("and", [result, other])
            return result
        return self.elementwise("test", [self.low(node, scope), self.low(literal(0), scope)], "≠")

    def _where(self, node: Where, scope: Scope, summed: Axes) -> Value:
        known = decided(node.condition, scope.ranges)
        if known is not None:
            return self.low(node.then if known else node.otherwise, scope, summed)
        if _is_nothing(node.otherwise) and self._vanishes(node.then, node.condition):
            return self.low(node.then, scope, summed)
        parts = [self.low(n, scope) for n in (node.then, node.otherwise)]
        result = self.elementwise("where", [self._condition(node.condition, scope), *parts])
        return self.reduced(result, summed)

    def _vanishes(self, node: Node, condition: Node) -> bool:
        """Whether a node is zero by itself where a condition does not hold.

        It is when an adjoint that is zero outside its range is a factor, and the condition says
        no more than that its index lies in the range.
        """
        if isinstance(node, Add):
            return all(self._vanishes(part, condition) for _, part in node.terms)
        if isinstance(node, Contract):
            return any(self._vanishes(part, condition) for part in node.operands)
        if not isinstance(node, Symbol) or len(node.index) != 1 or not isinstance(condition, Test):
            return False
        rules = [e for e in self.circles.entities(key_of(node)) if e.ranges and e.zero_outside]
        if len(rules) != 1 or condition.op != "≤":
            return False
        gap, r = condition.right - condition.left, rules[0].ranges[0]
        ends = [node.index[0] - r.low] if r.low is not None else []
        ends += [r.high - node.index[0]] if r.high is not None else []
        return gap in ends

    # --- binders ------------------------------------------------------------------------------

    def _fold(self, node: Fold, scope: Scope, summed: Axes) -> Value:
        ranges, index = scope.ranges, node.index
        low, high, body = node.low, node.high, node.body
        if node.op == "sum":
            low, high, body = self._narrowed(node, scope)
        if not (low.names | high.names).isdisjoint(ranges):
            # bounds that depend on other indices: the whole hull, under a condition
            first, last = extreme(low, ranges, low=True), extreme(high, ranges, low=False)
            if first is None or last is None:
                raise NoCode(f"the bounds of {index} are too involved")
            other = _neutral(node)
            for bound, met in (
                (first != low, test("≤", low, index)),
                (last != high, test("≤", index, high)),
            ):
                body = where(met, body, other) if bound else body
            low, high = first, last
        axis = Axis(index, low, high, letter_kind(body, index))
        inner = scope.opened(axis)
        if node.op == "sum":
            return self.low(body, inner, summed | {axis})
        value = self.low(body, inner)
        labels = [axis, *(x for x in value.labels if x != axis)]
        lengths = [axis.length if x == axis else value.length(x) for x in labels]
        value = self.graph.expand(value, labels, lengths)
        how = "chain" if node.rank == 2 else "prod"
        if how == "chain":
            value = self.in_order(value, first=axis)
        down = node.op == "prod-down"
        return self.reduced(
            self.graph.make(how, [value], value.labels[1:], value.lengths[1:], down), summed
        )

    def _narrowed(self, node: Fold, scope: Scope) -> tuple[Whole, Whole, Node]:
        """Conditions on the index that only shorten its range become its bounds."""
        low, high, body = node.low, node.high, node.body
        ranges = scope.ranges
        while isinstance(body, Where) and _is_nothing(body.otherwise):
            condition = body.condition
            parts = (
                condition.operands
                if isinstance(condition, Contract) and not any(condition.labels)
                else (condition,)
            )
            left: list[Node] = []
            for part in parts:
                bound = _bound(part, node.index)
                if bound is None or not (bound[0].names.isdisjoint(ranges)):
                    left.append(part)
                    continue
                value, lower = bound
                gap = (value - low) if lower else (high - value)
                if gap.constant is None:
                    left.append(part)
                elif gap.constant > 0:
                    low, high = (value, high) if lower else (low, value)
            if len(left) == len(parts):
                break
            body = body.then
            for part in left:
                body = where(part, body, zero(body.shape) if body.shape else literal(0))
            if left:
                break
        return low, high, body

    def _build(self, node: Build, scope: Scope) -> Value:
        count = len(node.indices)
        axes = [
            Axis(i, ONE, size, letter_kind(node.body, i))
            for i, size in zip(node.indices, node.shape, strict=False)
        ]
        value = self.low(node.body, scope.opened(*axes))
        missing = [a for a in axes if a not in value.labels]
        if missing:
            labels = canonical([*value.labels, *missing])
            lengths = [x.length if isinstance(x, Axis) else value.length(x) for x in labels]
            value = self.graph.expand(value, labels, lengths)
        table: dict[Label, Label] = {j: j + count for j in range(node.body.rank)}
        table.update({a: k for k, a in enumerate(axes)})
        return self.graph.relabel(value, table)

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
                    and loop.letter in part.index[0].names
                )
                known[part] = own or any(known[child] for child in part.children)
            found = known[node]
        return found


def letter_kind(body: Node, letter: str) -> int:
    """Whether a letter numbers members of families, or components."""
    for part in walk(body):
        if isinstance(part, Symbol) and letter in part.free:
            return FAMILY
    return COMPONENT


def _is_nothing(node: Node) -> bool:
    return (isinstance(node, Add) and not node.terms) or (
        isinstance(node, Literal) and not node.value
    )


def _neutral(node: Fold) -> Node:
    """The value of a sum or product of nothing."""
    if node.op == "sum":
        return zero(node.shape) if node.shape else literal(0)
    if node.rank == 2:
        return Identity.intern(node.shape, frozenset(), ())
    return Ones.intern(node.shape, frozenset(), ()) if node.shape else literal(1)


def _bound(condition: Node, letter: str) -> tuple[Whole, bool] | None:
    """A condition as a bound of a letter (and whether it is the lower one), or None."""
    if not isinstance(condition, Test) or condition.op not in ("≤", "<"):
        return None
    gap = condition.right - condition.left - (1 if condition.op == "<" else 0)  # gap ≥ 0
    factor = gap.coefficient(letter)
    if factor not in (1, -1):
        return None
    rest = gap - Whole.of(letter) * factor
    return (-rest, True) if factor == 1 else (rest, False)
