"""Whole-number expressions: sizes (`n`, `2 m`, `T - 1`) and indices (`t - 1`, `2(r-1) + i`).

One small polynomial type serves both, since both are made of names and whole numbers. Two sizes
are the same when their polynomials are.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache
from typing import Any

Monomial = tuple[str, ...]
#: so many results of arithmetic are remembered
KEPT = 4096


class Whole:
    """An immutable polynomial in names with rational coefficients; `()` is the constant term."""

    __slots__ = ("_hash", "name", "names", "terms")

    terms: tuple[tuple[Monomial, Fraction | int], ...]
    names: frozenset[str]
    #: the name when this is one name and nothing else
    name: str | None

    def __init__(self, terms: Mapping[Monomial, Fraction | int]) -> None:
        kept = tuple(sorted((m, c) for m, c in terms.items() if c))
        self.terms = kept
        self.names = frozenset(name for m, _ in kept for name in m)
        alone = len(kept) == 1 and len(kept[0][0]) == 1 and kept[0][1] == 1
        self.name = kept[0][0][0] if alone else None
        self._hash = hash(kept)

    @staticmethod
    def of(value: WholeLike) -> Whole:
        """A whole from a number, a name or a whole."""
        if isinstance(value, Whole):
            return value
        if isinstance(value, str):
            return Whole({(value,): 1})
        return _CONSTANTS.get(value) or Whole({(): value})

    @property
    def constant(self) -> int | Fraction | None:
        """The value when no name is left, else None."""
        if not self.terms:
            return 0
        if len(self.terms) == 1 and not self.terms[0][0]:
            value = self.terms[0][1]
            return int(value) if value == int(value) else value
        return None

    def coefficient(self, name: str) -> Fraction | int | None:
        """The constant factor of `name`, or None where `name` also occurs in a product."""
        found: Fraction | int = 0
        for monomial, coefficient in self.terms:
            if monomial == (name,):
                found = coefficient
            elif name in monomial:
                return None
        return found

    def __add__(self, other: WholeLike) -> Whole:
        return _sum(self, Whole.of(other))

    __radd__ = __add__

    def __neg__(self) -> Whole:
        return Whole({m: -c for m, c in self.terms})

    def __sub__(self, other: WholeLike) -> Whole:
        return _difference(self, Whole.of(other))

    def __rsub__(self, other: WholeLike) -> Whole:
        return _difference(Whole.of(other), self)

    def __mul__(self, other: WholeLike) -> Whole:
        total: dict[Monomial, Fraction | int] = {}
        for m, c in self.terms:
            for n, d in Whole.of(other).terms:
                key = tuple(sorted(m + n))
                total[key] = total.get(key, 0) + c * d
        return Whole(total)

    __rmul__ = __mul__

    def divide(self, number: int | Fraction) -> Whole:
        """This, divided by a number that is not 0."""
        return Whole({m: Fraction(c) / number for m, c in self.terms})

    def put(self, values: Mapping[str, WholeLike]) -> Whole:
        """With wholes in the place of names."""
        if self.names.isdisjoint(values):
            return self
        return _put(self, tuple((n, Whole.of(values[n])) for n in self.names if n in values))

    def value(self, values: Mapping[str, Any]) -> Any:
        """The number, or array of numbers, for given values of the names.

        Raises `KeyError` naming the first name that has no value.
        """
        total: Any = 0
        for monomial, coefficient in self.terms:
            term: Any = coefficient
            for name in monomial:
                term = term * values[name]
            total = total + term
        if isinstance(total, Fraction) and total.denominator == 1:
            return total.numerator
        return total

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Whole):
            return self is other or self.terms == other.terms
        return isinstance(other, (int, str)) and self.terms == Whole.of(other).terms

    def __hash__(self) -> int:
        return self._hash

    def __str__(self) -> str:
        parts: list[str] = []
        for monomial, coefficient in sorted(self.terms, key=lambda t: (not t[0], t[0])):
            size = abs(coefficient)
            body = " ".join(([] if size == 1 and monomial else [str(size)]) + list(monomial))
            sign = "-" if coefficient < 0 else "+"
            parts.append(
                body if not parts and sign == "+" else f"{sign} {body}" if parts else f"-{body}"
            )
        return " ".join(parts) or "0"

    def __repr__(self) -> str:
        return f"Whole({self})"


# Index arithmetic does the same few sums over and over again.


@lru_cache(maxsize=KEPT)
def _sum(a: Whole, b: Whole) -> Whole:
    total = dict(a.terms)
    for monomial, coefficient in b.terms:
        total[monomial] = total.get(monomial, 0) + coefficient
    return Whole(total)


@lru_cache(maxsize=KEPT)
def _difference(a: Whole, b: Whole) -> Whole:
    return _sum(a, -b)


@lru_cache(maxsize=KEPT)
def _put(whole: Whole, values: tuple[tuple[str, Whole], ...]) -> Whole:
    table = dict(values)
    total = Whole({})
    for monomial, coefficient in whole.terms:
        term = Whole.of(coefficient)
        for name in monomial:
            term = term * table.get(name, Whole.of(name))
        total = total + term
    return total


WholeLike = Whole | int | Fraction | str
Shape = tuple[Whole, ...]
_CONSTANTS: dict[Any, Whole] = {n: Whole({(): n}) for n in range(-16, 65)}
ONE = Whole.of(1)
ZERO = Whole.of(0)


def shape(*sizes: WholeLike) -> Shape:
    """A shape from numbers and names: `shape("m", "n")`."""
    return tuple(Whole.of(size) for size in sizes)


def show_shape(sizes: Shape) -> str:
    """A shape as a person writes it: `scalar`, `n`, `m×n`, `(T-1)×n`."""
    if not sizes:
        return "scalar"
    return "×".join(str(s) if len(s.terms) <= 1 else f"({s})" for s in sizes)
