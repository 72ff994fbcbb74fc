"""Forward mode: arrays with a tangent for every direction, over any other arithmetic.

The rules of differentiation stand here once, written in the operations of the arithmetic below;
a dual over a dual therefore gives second derivatives, a dual over balls enclosures of
derivatives. They are written down independently of `tensor/functions.py`, which the symbolic
derivatives use, so that a mistake in one shows against the other.

A tangent has one axis more than its value, for the directions, to the left of all others
(`level` places left of P). None is the tangent 0.
"""

# NumPy's types say nothing about arrays of objects, and arrays here are of either kind.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownLambdaType=false

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from backprove.compute.arithmetic import Arithmetic, Array, Linear, Pairing


def _plus(a: Any, b: Any) -> Any:
    return b if a is None else a if b is None else a + b


@dataclass(frozen=True, slots=True, eq=False)
class Dual:
    """A value and its tangent, each an array of the arithmetic below."""

    value: Any
    tangent: Any

    __array_ufunc__ = None  # NumPy leaves mixed operations to this class

    def __add__(self, other: Any) -> Dual:
        if isinstance(other, Dual):
            return Dual(self.value + other.value, _plus(self.tangent, other.tangent))
        return Dual(self.value + other, self.tangent)

    __radd__ = __add__

    def __neg__(self) -> Dual:
        return Dual(-self.value, None if self.tangent is None else -self.tangent)

    def __sub__(self, other: Any) -> Dual:
        return self + -other

    def __rsub__(self, other: Any) -> Dual:
        return -self + other

    def __mul__(self, other: Any) -> Dual:
        if isinstance(other, Dual):
            left = None if self.tangent is None else self.tangent * other.value
            right = None if other.tangent is None else self.value * other.tangent
            return Dual(self.value * other.value, _plus(left, right))
        return Dual(self.value * other, None if self.tangent is None else self.tangent * other)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Dual:
        if not isinstance(other, Dual):
            return Dual(self.value / other, None if self.tangent is None else self.tangent / other)
        value = self.value / other.value
        tangent = self.tangent
        if other.tangent is not None:
            tangent = _plus(tangent, -(value * other.tangent))
        return Dual(value, None if tangent is None else tangent / other.value)

    def __rtruediv__(self, other: Any) -> Dual:
        value = other / self.value
        if self.tangent is None:
            return Dual(value, None)
        return Dual(value, -(value * self.tangent) / self.value)


Function = Callable[..., Any]

# f: (elementwise functions, f(x), x) -> f'(x)
SLOPES: dict[str, Callable[[Function, Any, Any], Any]] = {
    "exp": lambda f, y, x: y,
    "log": lambda f, y, x: 1 / x,
    "tanh": lambda f, y, x: 1 - y * y,
    "sigmoid": lambda f, y, x: y * (1 - y),
    "relu": lambda f, y, x: f("step", x),
    "softplus": lambda f, y, x: f("sigmoid", x),
    "gelu": lambda f, y, x: f("normal-cdf", x) + x * f("normal-density", x),
    "silu": lambda f, y, x: f("sigmoid", x) + y * (1 - f("sigmoid", x)),
    "erf": lambda f, y, x: f("erf-slope", x),
    "sin": lambda f, y, x: f("cos", x),
    "cos": lambda f, y, x: -f("sin", x),
    "sinh": lambda f, y, x: f("cosh", x),
    "cosh": lambda f, y, x: f("sinh", x),
    "abs": lambda f, y, x: f("sign", x),
    "erf-slope": lambda f, y, x: -2 * x * y,
    "normal-cdf": lambda f, y, x: f("normal-density", x),
    "normal-density": lambda f, y, x: -x * y,
}
FLAT = frozenset({"sign", "step", "greater", "greater-equal", "equal"})


class Duals:
    """The arithmetic of duals over `below`."""

    def __init__(self, below: Arithmetic) -> None:
        self.below = below
        self.zero = below.zero
        self.nan = below.nan
        self.level = below.level + 1

    def context(self) -> AbstractContextManager[Any]:
        return self.below.context()

    def lift(self, value: Array) -> Dual:
        """An array of the arithmetic below as a constant."""
        return Dual(value, None)

    def seed(self, value: Array, sizes: tuple[int, ...]) -> Dual:
        """An array [P, *sizes] to differentiate by: a direction for each of its entries."""
        count = int(np.prod(sizes, dtype=int))
        directions = np.eye(count, dtype=int).reshape(count, *(1,) * self.level, *sizes)
        return Dual(value, self.below.exact(directions))

    def unseed(self, tangent: Array, rank: int, sizes: tuple[int, ...]) -> Array:
        """The tangent of an array of `rank` axes as [..., P, its axes, *sizes]."""
        count = int(np.prod(sizes, dtype=int))
        place = -(rank + 1 + self.level)

        def move(a: Any) -> Any:
            if a.ndim < -place:
                a = a.reshape((1,) * (-place - a.ndim) + a.shape)
            a = np.broadcast_to(a, (*a.shape[:place], count, *a.shape[a.ndim + place + 1 :]))
            a = np.moveaxis(a, place, -1)
            return a.reshape(a.shape[:-1] + sizes)

        return self.below.linear(move, tangent)

    def declared(self, values: Any) -> Dual:
        return self.lift(self.below.declared(values))

    def exact(self, values: Any) -> Dual:
        return self.lift(self.below.exact(values))

    def number(self, value: Fraction) -> Any:
        return self.below.number(value)

    def constant(self, name: str) -> Dual:
        return self.lift(self.below.constant(name))

    def linear(self, function: Linear, *arrays: Dual) -> Dual:
        value = self.below.linear(function, *(a.value for a in arrays))
        if all(a.tangent is None for a in arrays):
            return Dual(value, None)
        tangents = (self._zeros(a.value) if a.tangent is None else a.tangent for a in arrays)
        return Dual(value, self.below.linear(function, *tangents))

    def _zeros(self, value: Array) -> Array:
        zero = self.zero
        return self.below.linear(lambda a: np.full_like(a, zero), value)

    def truth(self, condition: Dual) -> tuple[Any, Any]:
        return self.below.truth(condition.value)

    def pair(self, how: Pairing, left: Dual, right: Dual) -> Dual:
        return self._product(lambda a, b: self.below.pair(how, a, b), left, right)

    def matmul(self, left: Dual, right: Dual) -> Dual:
        return self._product(self.below.matmul, left, right)

    def _product(self, multiply: Function, left: Dual, right: Dual) -> Dual:
        """The product rule for any bilinear operation."""
        a = None if left.tangent is None else multiply(left.tangent, right.value)
        b = None if right.tangent is None else multiply(left.value, right.tangent)
        return Dual(multiply(left.value, right.value), _plus(a, b))

    def apply(self, function: str, *args: Dual) -> Dual:
        values = [a.value for a in args]
        f = self.below.apply
        y = f(function, *values)
        if function in FLAT or all(a.tangent is None for a in args):
            return Dual(y, None)
        if function in ("max", "min"):
            first, second = f("greater", *values), f("greater", *values[::-1])
            if function == "min":
                first, second = second, first
            parts = [
                None if a.tangent is None else taken * a.tangent
                for taken, a in zip((first, second), args, strict=True)
            ]
            return Dual(y, _plus(*parts))
        return Dual(y, SLOPES[function](f, y, values[0]) * args[0].tangent)

    def power(self, base: Dual, exponent: Any) -> Dual:
        # d(x^c) = c x^(c-1) dx + x^c log(x) dc
        below = self.below
        if isinstance(exponent, Fraction):
            value = below.power(base.value, exponent)
            if base.tangent is None:
                return Dual(value, None)
            front = below.number(exponent)
            return Dual(value, below.power(base.value, exponent - 1) * base.tangent * front)
        value = below.power(base.value, exponent.value)
        tangent = None
        if base.tangent is not None:
            slope = exponent.value * below.power(base.value, exponent.value - 1)
            tangent = slope * base.tangent
        if exponent.tangent is not None:
            growth = value * below.apply("log", base.value)
            tangent = _plus(tangent, growth * exponent.tangent)
        return Dual(value, tangent)

    def along(self, function: str, arg: Dual) -> Dual:
        below = self.below
        value = below.along(function, arg.value)
        if arg.tangent is None:
            return Dual(value, None)
        if function == "softmax":
            # dy = y ⊙ (dx - y·dx)
            mean = below.linear(_sum_last_kept, value * arg.tangent)
            return Dual(value, value * (arg.tangent - mean))
        if function == "logsumexp":
            weights = below.along("softmax", arg.value)
        else:
            weights = below.hardmax(arg.value if function == "max" else -arg.value)
        return Dual(value, below.linear(_sum_last, weights * arg.tangent))

    def hardmax(self, arg: Dual) -> Dual:
        return self.lift(self.below.hardmax(arg.value))

    def inverse(self, arg: Dual) -> Dual:
        # d(A⁻¹) = -A⁻¹ dA A⁻¹
        below = self.below
        value = below.inverse(arg.value)
        if arg.tangent is None:
            return Dual(value, None)
        return Dual(value, -below.matmul(below.matmul(value, arg.tangent), value))

    def determinant(self, arg: Dual, log: bool) -> Dual:
        # d log|A| = tr(A⁻¹ dA), d|A| = |A| tr(A⁻¹ dA)
        below = self.below
        value = below.determinant(arg.value, log)
        if arg.tangent is None:
            return Dual(value, None)
        change = below.matmul(below.inverse(arg.value), arg.tangent)
        rate = below.linear(_trace, change)
        return Dual(value, rate if log else value * rate)


def _sum_last(a: Any) -> Any:
    return a.sum(axis=-1)


def _sum_last_kept(a: Any) -> Any:
    return a.sum(axis=-1, keepdims=True)


def _trace(a: Any) -> Any:
    return np.diagonal(a, 0, -2, -1).sum(axis=-1)
