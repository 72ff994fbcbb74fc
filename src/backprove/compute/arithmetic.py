"""What an arithmetic offers: the few operations in which every expression is evaluated.

An array is whatever the arithmetic computes with: float64 NumPy arrays (`floats.py`), NumPy arrays
of balls (`ball.py`), or pairs of a value and a tangent over another arithmetic (`dual.py`). Arrays
support `+ - * /` and negation, with each other and with numbers.

Layout. The last axes of an array are those of the expression; before them come the axes of open
indices (in a sum taken all at once), before these the points P, and before P one axis for each
level of differentiation, the innermost farthest to the left. Axes to the left may be missing or
have length 1: all operations broadcast over them, as NumPy does. An array always has its own
axes in full, the open ones and P.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from fractions import Fraction
from typing import Any, Protocol

Array = Any
Linear = Callable[..., Any]


class Pairing(Protocol):
    """How two operands are multiplied and summed (see `contraction.py`)."""

    @property
    def formula(self) -> str: ...

    @property
    def summed(self) -> tuple[int, ...]: ...

    def aligned(self, left: Any, right: Any) -> tuple[Any, Any]: ...


class Arithmetic(Protocol):
    """The operations; `zero` and `nan` are the leaf's scalars for filling arrays."""

    zero: Any
    nan: Any
    level: int

    def context(self) -> AbstractContextManager[Any]:
        """What has to be in force while computing (precision, silence about NaN)."""
        ...

    def declared(self, values: Any) -> Array:
        """An array given by the caller."""
        ...

    def exact(self, values: Any) -> Array:
        """The array of these whole or rational numbers (an `ndarray`, any dtype)."""
        ...

    def number(self, value: Fraction) -> Any:
        """A rational number to multiply arrays by."""
        ...

    def constant(self, name: str) -> Array:
        """`e` or `π`, of one axis (P)."""
        ...

    def linear(self, function: Linear, *arrays: Array) -> Array:
        """A function on NumPy arrays that is linear in their entries (moving, picking, summing)."""
        ...

    def truth(self, condition: Array) -> tuple[Any, Any]:
        """Where a condition is certainly not 0, and where that is unknown (boolean arrays)."""
        ...

    def pair(self, how: Pairing, left: Array, right: Array) -> Array:
        """The product of two operands, summed over the labels that end there."""
        ...

    def matmul(self, left: Array, right: Array) -> Array: ...

    def apply(self, function: str, *args: Array) -> Array:
        """An elementwise function."""
        ...

    def power(self, base: Array, exponent: Array | Fraction) -> Array:
        """An elementwise power; an exponent array has as many axes as the base."""
        ...

    def along(self, function: str, arg: Array) -> Array:
        """softmax, logsumexp, max or min along the last axis."""
        ...

    def hardmax(self, arg: Array) -> Array:
        """1 at the largest entry along the last axis, 0 elsewhere."""
        ...

    def inverse(self, arg: Array) -> Array: ...

    def determinant(self, arg: Array, log: bool) -> Array: ...
