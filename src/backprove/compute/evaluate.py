"""Giving values to expressions, over any arithmetic.

`Evaluator` reads like the meaning of the nodes in `tensor/nodes.py`: one case a kind. Members of
families are evaluated when they are asked for, and kept. A sum or an array over an open index is
taken all at once, with an axis for the index, where its body allows it; where the index chooses
members of families or what is differentiated, the body is evaluated for one value after another.
"""

# NumPy's types say nothing about arrays of objects, and arrays here are of either kind.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownLambdaType=false

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from backprove.compute import structure
from backprove.compute.arithmetic import Arithmetic, Array
from backprove.compute.contraction import plan
from backprove.compute.errors import EvaluationError, enough
from backprove.compute.floats import FLOATS
from backprove.compute.forward import Key, Perturbation, differentiate
from backprove.compute.members import Members
from backprove.model.entity import System
from backprove.tensor.build import build, substitute
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
from backprove.tensor.whole import Whole

RELATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "=": lambda a, b: a == b,
    "≠": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "≤": lambda a, b: a <= b,
}


class Scope:
    """The open indices at a place, as arrays along their axes, and what is known there."""

    __slots__ = ("count", "index", "memo", "names")

    def __init__(self, sizes: Mapping[str, Any], index: Mapping[str, Any], count: int) -> None:
        self.index = index
        self.count = count
        self.names = {**sizes, **index}
        self.memo: dict[Node, Any] = {}

    @property
    def places(self) -> int:
        """How many combinations of the open indices' values there are."""
        return math.prod(np.size(a) for a in self.index.values())

    def opened(self, sizes: Mapping[str, int], values: Mapping[str, Any]) -> Scope:
        """This scope with further indices, each with an axis of its own, in order."""
        more = len(values)
        index = {n: a.reshape(a.shape + (1,) * more) for n, a in self.index.items()}
        for k, (name, numbers) in enumerate(values.items()):
            index[name] = numbers.reshape((1,) * (self.count + k) + (-1,) + (1,) * (more - k - 1))
        return Scope(sizes, index, self.count + more)


class Evaluator(Members):
    """The values of expressions for given sizes and values of the declared names.

    `declared` has an array [P, *shape] for every declared member, by name and index: P points,
    evaluated together. `sizes` has a number for every size. Values are worked out when asked
    for and kept, so one evaluator serves many expressions about one model.
    """

    def __init__(
        self,
        system: System,
        sizes: Mapping[str, int],
        declared: Mapping[Key, Any],
        arithmetic: Arithmetic = FLOATS,
        perturbation: Perturbation | None = None,
    ) -> None:
        super().__init__(system, sizes, declared, arithmetic, perturbation)
        self._root = Scope(self.sizes, {}, 0)

    def tidy(self, most: int, most_bytes: int) -> None:
        """Forget the values of expressions where they are many or large; members' are kept.

        Between questions only: an evaluation under way relies on what it has found.
        """
        memo = self._root.memo
        if len(memo) > most or sum(getattr(a, "nbytes", 0) for a in memo.values()) > most_bytes:
            memo.clear()
            self.children.clear()
            self._keys.clear()

    # --- what is asked for --------------------------------------------------------------------

    def value(self, node: Node) -> Array:
        """The value [P, *shape] of a node without open indices.

        Raises `NoValue` where a member is used that does not exist, `EvaluationError` where a
        name is defined by itself or a size has no number. Outside a function's domain, and for
        a component outside its array, the value is NaN.
        """
        with self.arithmetic.context():
            result = self.settled(self.concrete(node))
            sizes = (self.points, *self.sizes_of(node.shape))
            return self.arithmetic.linear(lambda a: _full(a, sizes), result)

    def member(self, name: str, at: tuple[int, ...] = ()) -> Array:
        """The value [P, *shape] of a member; raises as `value` does."""
        with self.arithmetic.context():
            result = self.settled_member((name, at))
            entity = self.entity((name, at))
            sizes = (self.points, *self.sizes_of(entity.shape))
            return self.arithmetic.linear(lambda a: _full(a, sizes), result)

    def perturbed(self, perturbation: Perturbation, arithmetic: Arithmetic) -> Evaluator:
        return Evaluator(self.system, self.sizes, self.declared, arithmetic, perturbation)

    # --- nodes --------------------------------------------------------------------------------

    def compute(self, node: Node) -> Array:
        return self._value(node, self._root)

    def unperturbed(self, node: Node) -> Array:
        return self._evaluate(node, self._root)

    def _value(self, node: Node, scope: Scope) -> Array:
        """The value in a scope: [..., P, an axis for each open index, *shape]."""
        if scope.count and node.free.isdisjoint(scope.index):
            rank, count = node.rank, scope.count
            hoisted = self._value(node, self._root)
            return self.arithmetic.linear(lambda a: structure.open_axes(a, rank, count), hoisted)
        found = scope.memo.get(node)
        if found is None:
            self.depth += 1
            found = self.perturbed_node(node) if self.by_value else None
            if found is None:
                apart = self.regrouped(node) if self.by_value else None
                found = self._evaluate(node, scope) if apart is None else self._value(apart, scope)
            self.depth -= 1
            scope.memo[node] = found
        return found

    def _evaluate(self, node: Node, scope: Scope) -> Array:
        arithmetic = self.arithmetic
        match node:
            case Symbol():
                return self.found_member(self.key(node))
            case Contract():
                operands = [self._value(a, scope) for a in node.operands]
                return plan(node.labels, node.out).run(arithmetic, operands)
            case Add():
                return self._sum(node, scope)
            case Apply():
                return arithmetic.apply(node.function, *(self._value(a, scope) for a in node.args))
            case Literal():
                return self._numbers(node.value, scope)
            case Count():
                return self._numbers(self._whole(node.whole, scope), scope)
            case Test():
                left, right = self._whole(node.left, scope), self._whole(node.right, scope)
                return self._numbers(RELATIONS[node.op](left, right), scope)
            case Constant():
                return arithmetic.constant(node.name)
            case Ones():
                return arithmetic.exact(np.ones((1, *self.sizes_of(node.shape)), dtype=int))
            case Identity():
                return arithmetic.exact(np.eye(self.sizes_of(node.shape)[0], dtype=int)[None])
            case Power():
                return self._power(node, scope)
            case Along():
                return arithmetic.along(node.function, self._value(node.arg, scope))
            case Inverse():
                return arithmetic.inverse(self._value(node.arg, scope))
            case Determinant():
                return arithmetic.determinant(self._value(node.arg, scope), node.log)
            case Select():
                at, count, nan = self._places(node.at, scope), scope.count, arithmetic.nan
                arg = self._value(node.arg, scope)
                return arithmetic.linear(lambda a: structure.select(a, at, count, nan), arg)
            case Scatter():
                at, zero = self._places(node.at, scope), arithmetic.zero
                sizes = self.sizes_of(node.shape)
                arg = self._value(node.arg, scope)
                return arithmetic.linear(lambda a: structure.scatter(a, at, sizes, zero), arg)
            case Where():
                return self._where(node, scope)
            case Fold():
                return self._fold(node, scope)
            case Build():
                return self._build(node, scope)
            case Stack():
                rank, parts = node.rank - 1, [self._value(p, scope) for p in node.parts]
                return arithmetic.linear(lambda *a: structure.stack(a, rank), *parts)
            case Concat():
                rank, parts = node.rank, [self._value(p, scope) for p in node.parts]
                return arithmetic.linear(lambda *a: structure.concat(a, rank), *parts)
            case Reshape():
                rank, sizes = node.arg.rank, self.sizes_of(node.shape)
                arg = self._value(node.arg, scope)
                return arithmetic.linear(lambda a: a.reshape(a.shape[: a.ndim - rank] + sizes), arg)
            case Derivative():
                return differentiate(self, node)
            case _:
                raise EvaluationError(f"no value is known for {type(node).__name__}")

    def _numbers(self, value: Any, scope: Scope) -> Array:
        """Exact numbers, one or one for each value of the open indices, as a scalar."""
        numbers = np.asarray(value)
        axes = numbers.shape or (1,) * scope.count
        return self.arithmetic.exact(numbers.reshape((1, *axes)))

    def _sum(self, node: Add, scope: Scope) -> Array:
        total: Any = None
        for coefficient, part in node.terms:
            term = self._value(part, scope)
            whole = coefficient.numerator if coefficient.denominator == 1 else 0
            if whole == -1:
                term = -term
            elif whole != 1:
                term = self.arithmetic.number(coefficient) * term
            total = term if total is None else total + term
        return self.zeros(self.sizes_of(node.shape)) if total is None else total

    def _opened(self, value: Array, node: Node, scope: Scope) -> Array:
        rank, count = node.rank, scope.count
        if not count:
            return value
        return self.arithmetic.linear(lambda a: structure.open_axes(a, rank, count), value)

    def _power(self, node: Power, scope: Scope) -> Array:
        base = self._value(node.base, scope)
        if isinstance(node.exponent, Literal):
            return self.arithmetic.power(base, node.exponent.value)
        rank = node.rank
        exponent = self.arithmetic.linear(
            lambda a: a.reshape(a.shape + (1,) * rank), self._value(node.exponent, scope)
        )
        return self.arithmetic.power(base, exponent)

    def _where(self, node: Where, scope: Scope) -> Array:
        held, unknown = self.arithmetic.truth(self._value(node.condition, scope))
        if not unknown.any():
            # the case that is nowhere taken may use what does not exist
            if held.all():
                return self._value(node.then, scope)
            if not held.any():
                return self._value(node.otherwise, scope)
        rank, nan = node.rank, self.arithmetic.nan
        return self.arithmetic.linear(
            lambda a, b: structure.choose(held, unknown, a, b, rank, nan),
            self._value(node.then, scope),
            self._value(node.otherwise, scope),
        )

    # --- indices ------------------------------------------------------------------------------

    def _whole(self, whole: Whole, scope: Scope) -> Any:
        try:
            return whole.value(scope.names)
        except KeyError as missing:
            raise EvaluationError(f"{missing.args[0]} has no number here") from None

    def _places(self, at: tuple[Whole | None, ...], scope: Scope) -> list[Any]:
        return [
            None if whole is None else structure.whole_numbers(self._whole(whole, scope))
            for whole in at
        ]

    def _fold(self, node: Fold, scope: Scope) -> Array:
        low, high = self._whole(node.low, scope), self._whole(node.high, scope)
        bounded = isinstance(low, np.ndarray) or isinstance(high, np.ndarray)
        first = math.ceil(np.min(low) if bounded else low)
        last = math.floor(np.max(high) if bounded else high)
        if first > last:
            return self._opened(self._empty(node), node, scope)
        enough((last - first + 1) * scope.places)
        if not bounded and (self.by_value or chooses(node.body, node.index)):
            parts = [
                self._value(put(node.body, node.index, k), scope) for k in range(first, last + 1)
            ]
            if node.op == "sum":
                return _accumulate(parts, lambda a, b: a + b)
        else:
            numbers = np.arange(first, last + 1)
            inner = scope.opened(self.sizes, {node.index: numbers})
            rank, count = node.rank, len(numbers)
            body = self._value(node.body, inner)
            body = self.arithmetic.linear(lambda a: structure.widen(a, [count], rank), body)
            if bounded:
                body = self._within(node, inner, body)
            if node.op == "sum":
                return self.arithmetic.linear(lambda a: a.sum(axis=-rank - 1), body)
            parts = [self.arithmetic.linear(_taken, body) for _taken in _takers(count, rank)]
        if node.op == "prod-down":
            parts.reverse()
        multiply = self.arithmetic.matmul if node.rank == 2 else lambda a, b: a * b
        return _accumulate(parts, multiply)

    def _within(self, node: Fold, inner: Scope, body: Array) -> Array:
        """The body with the neutral element where the index is outside its bounds."""
        index = inner.names[node.index]
        low, high = self._whole(node.low, inner), self._whole(node.high, inner)
        held = ((index >= low) & (index <= high))[None]
        neutral = self._opened(self._empty(node), node, inner)
        rank, unknown = node.rank, np.False_
        return self.arithmetic.linear(
            lambda a, b: structure.choose(held, unknown, a, b, rank, None), body, neutral
        )

    def _empty(self, node: Fold) -> Array:
        """The value of a sum or product over nothing."""
        sizes = self.sizes_of(node.shape)
        if node.op == "sum":
            return self.zeros(sizes)
        if node.rank == 2:
            return self.arithmetic.exact(np.eye(sizes[0], sizes[1], dtype=int)[None])
        return self.arithmetic.exact(np.ones((1, *sizes), dtype=int))

    def _build(self, node: Build, scope: Scope) -> Array:
        sizes = self.sizes_of(node.shape[: len(node.indices)])
        enough(math.prod(sizes) * scope.places)
        rank = node.rank - len(sizes)
        if self.by_value or any(chooses(node.body, name) for name in node.indices):
            first, *rest = node.indices
            row = build(rest, node.shape[1 : len(sizes)], node.body)
            rows = [self._value(put(row, first, k), scope) for k in range(1, sizes[0] + 1)]
            return self.arithmetic.linear(lambda *a: structure.stack(a, node.rank - 1), *rows)
        inner = scope.opened(
            self.sizes, {n: np.arange(1, s + 1) for n, s in zip(node.indices, sizes, strict=True)}
        )
        body = self._value(node.body, inner)
        return self.arithmetic.linear(lambda a: structure.widen(a, sizes, rank), body)


def _accumulate(parts: list[Array], combine: Callable[[Any, Any], Any]) -> Array:
    total = parts[0]
    for part in parts[1:]:
        total = combine(total, part)
    return total


def _takers(count: int, rank: int) -> list[Callable[[Any], Any]]:
    """Functions that take the k-th entry of the axis before the last `rank`."""
    tail = (slice(None),) * rank
    return [lambda a, k=k: a[(..., k, *tail)] for k in range(count)]


def _full(a: Any, sizes: tuple[int, ...]) -> Any:
    lead = a.shape[: a.ndim - len(sizes)]
    wanted = lead + sizes
    return a if a.shape == wanted else np.broadcast_to(a, wanted).copy()


@lru_cache(maxsize=4096)
def chooses(body: Node, index: str) -> bool:
    """Whether an index chooses members or what is differentiated, so that it needs a number."""
    for node in walk(body):
        if index in node.free:
            if isinstance(node, (Symbol, Derivative)):
                return True
            if isinstance(node, Fold) and chooses(node.body, node.index):
                # the inner index needs numbers, so its bounds must be numbers too
                return True
    return False


@lru_cache(maxsize=16384)
def put(body: Node, index: str, value: int) -> Node:
    """The body with a number in the place of an index."""
    return substitute(body, {index: value})
