"""The arithmetic of balls (midpoint ± radius): what it says about a number is certain.

Arrays are NumPy arrays of `flint.arb`. A comparison is decided only where it is certain; where it
is not, the result is the ball NaN, which contains everything. Importing this module imports
python-flint; nothing else in the package does.
"""

# NumPy's types say nothing about arrays of objects, and arrays here are of either kind.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownLambdaType=false

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from fractions import Fraction
from functools import reduce
from typing import Any

import numpy as np
from flint import arb, arb_mat, ctx, fmpq  # pyright: ignore[reportMissingTypeStubs]

from backprove.compute.arithmetic import Linear, Pairing
from backprove.compute.errors import NoValue

PRECISION = 128  # bits; about 38 decimal digits

NAN = arb("nan")
ZERO = arb(0)
ONE = arb(1)


def _ball(value: Any) -> Any:
    """The ball of a number; exact for whole numbers and floats."""
    if isinstance(value, arb):
        return value
    if isinstance(value, Fraction):
        return arb(fmpq(value.numerator, value.denominator))
    if isinstance(value, (float, np.floating)):
        return arb(float(value))
    return arb(int(value))


def _max(a: Any, b: Any) -> Any:
    return a if a is b or a >= b else b if a < b else arb.max(a, b)


def _min(a: Any, b: Any) -> Any:
    return a if a is b or a <= b else b if a > b else arb.min(a, b)


def _relu(x: Any) -> Any:
    return x if x > 0 else ZERO if x <= 0 else arb.max(x, ZERO)


def _sign(x: Any) -> Any:
    return ONE if x > 0 else -ONE if x < 0 else ZERO if x == 0 else NAN


def _step(x: Any) -> Any:
    return ONE if x > 0 else ZERO if x <= 0 else NAN


# One object stands for one number (copies of it are made by broadcasting only), so an object
# equals itself though its ball has a width.


def _greater(a: Any, b: Any) -> Any:
    if a is b:
        return NAN if a.is_nan() else ZERO
    return ONE if a > b else ZERO if a <= b else NAN


def _greater_equal(a: Any, b: Any) -> Any:
    if a is b:
        return NAN if a.is_nan() else ONE
    return ONE if a >= b else ZERO if a < b else NAN


def _equal(a: Any, b: Any) -> Any:
    if a is b:
        return NAN if a.is_nan() else ONE
    return ONE if a == b else ZERO if a != b else NAN


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + (-x).exp())


def _normal_cdf(x: Any) -> Any:
    return (-x / arb(2).sqrt()).erfc() / 2


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "exp": lambda x: x.exp(),
    "log": lambda x: x.log(),
    "tanh": lambda x: x.tanh(),
    "sigmoid": _sigmoid,
    "relu": _relu,
    "softplus": lambda x: x.exp().log1p(),
    "gelu": lambda x: x * _normal_cdf(x),
    "silu": lambda x: x * _sigmoid(x),
    "erf": lambda x: x.erf(),
    "sin": lambda x: x.sin(),
    "cos": lambda x: x.cos(),
    "sinh": lambda x: x.sinh(),
    "cosh": lambda x: x.cosh(),
    "abs": abs,
    "sign": _sign,
    "step": _step,
    "max": _max,
    "min": _min,
    "greater": _greater,
    "greater-equal": _greater_equal,
    "equal": _equal,
    # for derivatives only
    "erf-slope": lambda x: 2 * (-x * x).exp() / arb.pi().sqrt(),
    "normal-cdf": _normal_cdf,
    "normal-density": lambda x: (-x * x / 2).exp() / (2 * arb.pi()).sqrt(),
}

OF_TWO = frozenset({"max", "min", "greater", "greater-equal", "equal"})


def _everywhere(function: Callable[..., Any], count: int = 1) -> Callable[..., Any]:
    """A function of balls as a function of arrays, which broadcast."""
    return np.frompyfunc(function, count, 1)


_to_balls = _everywhere(_ball)
_apply = {name: _everywhere(f, 2 if name in OF_TWO else 1) for name, f in FUNCTIONS.items()}
_power = _everywhere(lambda a, b: a**b, 2)
_is_not_zero = _everywhere(lambda x: bool(x != 0))
_is_unknown = _everywhere(lambda x: not (x == 0 or x != 0))
_differs = _everywhere(lambda a, b: bool(a != b), 2)
_middle = _everywhere(lambda x: x.mid())


class Balls:
    """Arrays of balls, at a precision of so many bits."""

    zero = ZERO
    nan = NAN
    level = 0

    def __init__(self, precision: int = PRECISION) -> None:
        self.precision = precision

    def context(self) -> AbstractContextManager[Any]:
        return ctx.workprec(self.precision)

    def declared(self, values: Any) -> Any:
        return self.exact(values)

    def exact(self, values: Any) -> Any:
        return np.asarray(_to_balls(np.asarray(values)), dtype=object)

    def number(self, value: Fraction) -> Any:
        return _ball(value)

    def constant(self, name: str) -> Any:
        return np.array([arb.const_e() if name == "e" else arb.pi()], dtype=object)

    def linear(self, function: Linear, *arrays: Any) -> Any:
        return function(*arrays)

    def truth(self, condition: Any) -> tuple[Any, Any]:
        return _is_not_zero(condition).astype(bool), _is_unknown(condition).astype(bool)

    def pair(self, how: Pairing, left: Any, right: Any) -> Any:
        left, right = how.aligned(left, right)
        product = left * right
        return product.sum(axis=how.summed) if how.summed else product

    def matmul(self, left: Any, right: Any) -> Any:
        return np.matmul(left, right)

    def apply(self, function: str, *args: Any) -> Any:
        return _apply[function](*args)

    def power(self, base: Any, exponent: Any) -> Any:
        if isinstance(exponent, Fraction):
            if exponent == 2:
                # the square of one number is never negative, the product of two may be
                return _power(base, arb(2))
            exponent = _ball(exponent)
        return _power(base, exponent)

    def along(self, function: str, arg: Any) -> Any:
        if function in ("max", "min"):
            return _along(lambda row: [reduce(_max if function == "max" else _min, row)], arg)[
                ..., 0
            ]
        # any exact shift gives the same value; the largest midpoint keeps the numbers small
        shift = _along(lambda row: [reduce(_max, row)], _middle(arg))
        weights = _apply["exp"](arg - shift)
        total = weights.sum(axis=-1, keepdims=True)
        if function == "softmax":
            return weights / total
        return (shift + _apply["log"](total))[..., 0]

    def hardmax(self, arg: Any) -> Any:
        return _along(_hardmax, arg)

    def inverse(self, arg: Any) -> Any:
        return _matrices(_inverse, arg, arg.shape)

    def determinant(self, arg: Any, log: bool) -> Any:
        found = _matrices(lambda rows: arb_mat(rows).det(), arg, arg.shape[:-2])
        return _apply["log"](abs(found)) if log else found


def _along(function: Callable[[list[Any]], list[Any]], a: Any) -> Any:
    """A function from lists to lists for every row along the last axis."""
    rows = [function(list(row)) for row in a.reshape(-1, a.shape[-1])]
    found = np.empty((len(rows), len(rows[0])), dtype=object)
    found[:] = rows
    return found.reshape(a.shape[:-1] + found.shape[1:])


def _hardmax(row: list[Any]) -> list[Any]:
    for k, x in enumerate(row):
        if all(x > y for i, y in enumerate(row) if i != k):
            return [ONE if i == k else ZERO for i in range(len(row))]
    return [NAN] * len(row)


def _matrices(function: Callable[[list[list[Any]]], Any], a: Any, shape: tuple[int, ...]) -> Any:
    """A function of a matrix for all matrices in the last two axes."""
    found = np.empty(shape, dtype=object)
    for at in np.ndindex(*a.shape[:-2]):
        found[at] = function(a[at].tolist())
    return found


def _inverse(rows: list[list[Any]]) -> Any:
    size = len(rows)
    try:
        entries = arb_mat(rows).inv().entries()
    except ZeroDivisionError:  # not certainly invertible
        entries = [NAN] * (size * size)
    found = np.empty(size * size, dtype=object)
    found[:] = entries
    return found.reshape(size, size)


# --- from floats and back ---------------------------------------------------------------------


def balls(declared: Mapping[Any, Any]) -> dict[Any, Any]:
    """Declared float64 values as balls of radius 0: every float is a rational number."""
    return {key: np.asarray(_to_balls(np.asarray(a)), dtype=object) for key, a in declared.items()}


def interval(x: Any) -> tuple[Any, Any]:
    """Midpoints and radii of an array of balls, as float64 arrays (rounded; for showing)."""
    a = np.asarray(x, dtype=object)
    middle = np.array([float(b.mid()) for b in a.flat]).reshape(a.shape)
    radius = np.array([float(b.rad()) for b in a.flat]).reshape(a.shape)
    return middle, radius


def certainly_different(a: Any, b: Any) -> bool:
    """Whether some entry of one array certainly differs from the other's; NaN decides nothing."""
    return bool(np.any(np.asarray(_differs(a, b), dtype=bool)))


def enclosure(x: Any) -> tuple[Fraction, Fraction]:
    """Exact bounds of one ball (or an array that holds one): lower ≤ x ≤ upper.

    Raises `NoValue` where the ball has no bounds.
    """
    ball = x.item() if isinstance(x, np.ndarray) else x
    if not ball.is_finite():
        raise NoValue("the number could not be enclosed")
    with ctx.workprec(max(PRECISION, ctx.prec)):
        return _fraction(ball.lower()), _fraction(ball.upper())


def _fraction(exact: Any) -> Fraction:
    mantissa, exponent = exact.man_exp()
    return Fraction(int(mantissa)) * Fraction(2) ** int(exponent)
