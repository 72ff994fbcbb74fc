"""The arithmetic of float64 NumPy arrays; outside a function's domain the value is NaN."""

# NumPy's types say nothing about arrays of objects, and arrays here are of either kind.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownLambdaType=false

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from fractions import Fraction
from typing import Any

import numpy as np

from backprove.compute.arithmetic import Linear, Pairing

_erf_objects = np.frompyfunc(math.erf, 1, 1)


def _erf(x: Any) -> Any:
    # NumPy has no erf; one call an entry is fast enough for the small arrays here
    return np.asarray(_erf_objects(x), dtype=np.float64)


def _sigmoid(x: Any) -> Any:
    # exp of a negative number only, so that nothing overflows
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1.0, small) / (1.0 + small)


def _normal_cdf(x: Any) -> Any:
    return 0.5 * (1.0 + _erf(x * math.sqrt(0.5)))


def _flag(relation: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def flag(a: Any, b: Any) -> Any:
        held = relation(a, b).astype(np.float64)
        unknown = np.isnan(a) | np.isnan(b)
        return np.where(unknown, np.nan, held) if unknown.any() else held

    return flag


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "exp": np.exp,
    "log": np.log,
    "tanh": np.tanh,
    "sigmoid": _sigmoid,
    "relu": lambda x: np.maximum(x, 0.0),
    "softplus": lambda x: np.logaddexp(x, 0.0),
    "gelu": lambda x: x * _normal_cdf(x),
    "silu": lambda x: x * _sigmoid(x),
    "erf": _erf,
    "sin": np.sin,
    "cos": np.cos,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "abs": np.abs,
    "sign": np.sign,
    "step": lambda x: np.heaviside(x, 0.0),
    "max": np.maximum,
    "min": np.minimum,
    "greater": _flag(np.greater),
    "greater-equal": _flag(np.greater_equal),
    "equal": _flag(np.equal),
    # for derivatives only
    "erf-slope": lambda x: (2.0 / math.sqrt(math.pi)) * np.exp(-x * x),
    "normal-cdf": _normal_cdf,
    "normal-density": lambda x: np.exp(-0.5 * x * x) / math.sqrt(2.0 * math.pi),
}


class Floats:
    """float64 arrays, all points at once."""

    zero = 0.0
    nan = math.nan
    level = 0

    def context(self) -> AbstractContextManager[Any]:
        return np.errstate(all="ignore")

    def declared(self, values: Any) -> Any:
        return np.asarray(values, dtype=np.float64)

    def exact(self, values: Any) -> Any:
        try:
            return np.asarray(values, dtype=np.float64)
        except OverflowError:
            return np.vectorize(self.number, otypes=[np.float64])(values)

    def number(self, value: Fraction) -> float:
        try:
            return float(value)
        except OverflowError:  # a literal such as 1e400
            return math.inf if value > 0 else -math.inf

    def constant(self, name: str) -> Any:
        return np.array([math.e if name == "e" else math.pi])

    def linear(self, function: Linear, *arrays: Any) -> Any:
        return function(*arrays)

    def truth(self, condition: Any) -> tuple[Any, Any]:
        return condition != 0, np.isnan(condition)

    def pair(self, how: Pairing, left: Any, right: Any) -> Any:
        if how.summed:
            return np.einsum(how.formula, left, right)
        left, right = how.aligned(left, right)
        return left * right

    def matmul(self, left: Any, right: Any) -> Any:
        return np.matmul(left, right)

    def apply(self, function: str, *args: Any) -> Any:
        return FUNCTIONS[function](*args)

    def power(self, base: Any, exponent: Any) -> Any:
        if isinstance(exponent, Fraction):
            if exponent == 2:
                return base * base
            if exponent == -1:
                return 1.0 / base
            if exponent == Fraction(1, 2):
                return np.sqrt(base)
            exponent = float(exponent)
        return np.power(base, exponent)

    def along(self, function: str, arg: Any) -> Any:
        if function == "max":
            return arg.max(axis=-1)
        if function == "min":
            return arg.min(axis=-1)
        top = arg.max(axis=-1, keepdims=True)
        weights = np.exp(arg - top)
        total = weights.sum(axis=-1, keepdims=True)
        if function == "softmax":
            return weights / total
        return (top + np.log(total))[..., 0]

    def hardmax(self, arg: Any) -> Any:
        return (arg == arg.max(axis=-1, keepdims=True)).astype(np.float64)

    def inverse(self, arg: Any) -> Any:
        try:
            return np.linalg.inv(arg)
        except np.linalg.LinAlgError:
            regular = np.linalg.det(arg)[..., None, None] != 0
            safe = np.where(regular, arg, np.eye(arg.shape[-1]))
            return np.where(regular, np.linalg.inv(safe), np.nan)

    def determinant(self, arg: Any, log: bool) -> Any:
        return np.linalg.slogdet(arg)[1] if log else np.linalg.det(arg)


FLOATS = Floats()
