"""Indices as axes: sums and products over an index, arrays by components, and conditions.

A condition that only shortens the range of an index becomes its bounds; one that holds wherever
it matters is left out; any other chooses between two values.
"""

from __future__ import annotations

from fractions import Fraction

from backprove.compute.emit.loops import key_of
from backprove.compute.emit.multiply import Products
from backprove.compute.emit.ranges import decided, extreme
from backprove.compute.emit.scope import Axes, Scope
from backprove.compute.emit.values import COMPONENT, FAMILY, Axis, Label, NoCode, Value, canonical
from backprove.tensor.build import literal, rebuild, test, where, zero
from backprove.tensor.nodes import (
    Add,
    Apply,
    Build,
    Contract,
    Determinant,
    Fold,
    Identity,
    Inverse,
    Literal,
    Node,
    Ones,
    Power,
    Symbol,
    Test,
    Where,
    walk,
)
from backprove.tensor.whole import ONE, Whole


class Binders(Products):
    """What opens an index, and what holds for some of its values only."""

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
        if isinstance(node.then, Where) and node.then.condition is node.condition:
            once = where(node.condition, node.then.then, node.otherwise)
            return self.low(once, scope, summed)
        if _is_nothing(node.otherwise):
            if self._vanishes(node.then, node.condition):
                return self.low(node.then, scope, summed)
            if summed and isinstance(node.then, Add) and node.then.terms:
                terms = [(c, where(node.condition, n, node.otherwise)) for c, n in node.then.terms]
                values = [self.low(n, scope, summed) for _, n in terms]
                return self.linear([c for c, _ in terms], values)
            inner = _moved_in(node) if summed else None
            if inner is not None:
                return self.low(inner, scope, summed)
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


def _moved_in(node: Where) -> Node | None:
    """A sum's terms under a condition as products, one factor of which is under it.

    So the products can be summed as products. It is sound where the other factors are finite,
    whatever the condition says.
    """
    condition, then = node.condition, node.then
    if not isinstance(then, Contract) or len(then.operands) < 2 or not _is_tame(then):
        return None
    factors = list(then.operands)
    k = min(range(len(factors)), key=lambda k: factors[k].rank)
    nothing = zero(factors[k].shape) if factors[k].shape else literal(0)
    factors[k] = where(condition, factors[k], nothing)
    found = rebuild(then, factors)
    return found if isinstance(found, Contract) else None


def _is_tame(node: Node) -> bool:
    """Whether a node surely has a finite value where its parts have one."""
    for part in walk(node):
        match part:
            case Power():
                power = part.exponent.value if isinstance(part.exponent, Literal) else Fraction(-1)
                if power < 0 or power.denominator != 1:
                    return False
            case Apply():
                if part.function in ("log", "exp", "sinh", "cosh"):
                    return False
            case Inverse() | Determinant() | Fold(op="prod" | "prod-up" | "prod-down"):
                return False
            case _:
                pass
    return True


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
