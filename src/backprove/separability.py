"""Whether labelled points are linearly separable: a hyperplane that does it, or a proof of none.

A hyperplane is sought by linear programming. Where there is none, Farkas' lemma (1902) has a
certificate: weights λ ≥ 0, one a point, with Σ λ_i x_i over one class equal to Σ λ_i x_i over the
other, a point where the convex hulls of the classes meet. Either answer is verified in rational
arithmetic, so that it does not rest on floating point.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from backprove.errors import BackproveError

Vector = tuple[Fraction, ...]
#: weights are tried with denominators up to these, the smallest first
DENOMINATORS = (1, 2, 4, 10, 100, 10**4, 10**9)
#: a weight of the linear program below this is zero
NOTHING = 1e-9


@dataclass(frozen=True, slots=True)
class Separation:
    """The answer: `weights` and `bias` where there is a hyperplane, otherwise `combination`.

    Points of the first class (label 1) lie where weights · x + bias > 0, the others where it is
    < 0. `combination` has a weight for each point; those of each class add up to 1 (without a bias:
    all together), and Σ over the first class equals Σ over the second, the point `meeting`.
    """

    points: tuple[Vector, ...]
    labels: tuple[bool, ...]
    weights: Vector | None = None
    bias: Fraction = Fraction(0)
    combination: Vector | None = None

    @property
    def separable(self) -> bool:
        return self.weights is not None

    @property
    def meeting(self) -> Vector | None:
        """The point that both classes can be combined to, where they cannot be separated."""
        if self.combination is None:
            return None
        chosen = [
            (c, x)
            for c, x, label in zip(self.combination, self.points, self.labels, strict=True)
            if label
        ]
        return tuple(sum((c * x[j] for c, x in chosen), Fraction(0)) for j in self._axes)

    @property
    def _axes(self) -> range:
        return range(len(self.points[0]))

    def __str__(self) -> str:
        if self.weights is not None:
            at = ", ".join(_shown(_dot(self.weights, x) + self.bias) for x in self.points)
            return (
                f"separable: w = {_listed(self.weights)}, b = {_shown(self.bias)}\n"
                f"w · x + b at the points: {at}"
            )
        assert self.combination is not None
        assert self.meeting is not None
        return f"not separable: {self._sum(True)} = {_listed(self.meeting)} = {self._sum(False)}"

    def _sum(self, first: bool) -> str:
        assert self.combination is not None
        terms = [
            (f"{_shown(c)} " if c != 1 else "") + _listed(x)
            for c, x, label in zip(self.combination, self.points, self.labels, strict=True)
            if c and label == first
        ]
        return " + ".join(terms) or "0"


def separate(
    points: Sequence[Sequence[Any]], labels: Sequence[Any], bias: bool = True
) -> Separation:
    """Decide whether a hyperplane separates the points with label 1 from those with label 0 or −1.

    `points` are N vectors of one length, of numbers or fractions; without `bias` the hyperplane
    must go through the origin. Raises `BackproveError` where the input is no such set of points,
    and where neither answer could be verified.
    """
    rows, first = _checked(points, labels)
    signed = [
        tuple((1 if label else -1) * v for v in (*x, *([Fraction(1)] if bias else [])))
        for x, label in zip(rows, first, strict=True)
    ]
    found = _weights(signed)
    if found is not None:
        b = found[-1] if bias else Fraction(0)
        return Separation(rows, first, found[: len(rows[0])], b)
    return Separation(rows, first, combination=_combination(signed, first, bias))


def _checked(
    points: Sequence[Sequence[Any]], labels: Sequence[Any]
) -> tuple[tuple[Vector, ...], tuple[bool, ...]]:
    try:
        rows = tuple(tuple(Fraction(v) for v in x) for x in points)
    except (TypeError, ValueError, OverflowError):
        raise BackproveError("the points must be rows of numbers") from None
    if not rows or not rows[0] or len({len(x) for x in rows}) > 1:
        raise BackproveError("the points must be rows of one length, at least one of them")
    if len(labels) != len(rows):
        raise BackproveError(f"there are {len(rows)} points and {len(labels)} labels")
    if any(label not in (0, 1, -1) for label in labels):
        raise BackproveError("a label is 1 for one class, and 0 or -1 for the other")
    return rows, tuple(label == 1 for label in labels)


def _weights(signed: list[Vector]) -> Vector | None:
    """A vector with a positive product with every row, in small fractions where these do."""
    matrix = np.array(signed, dtype=float)
    scale = np.abs(matrix).max() or 1.0
    sizes = np.ones(2 * matrix.shape[1])
    both = np.hstack([matrix, -matrix]) / scale
    # the smallest weights w = u − v with u, v ≥ 0 and w · row ≥ 1
    found = _program(sizes, A_ub=-both, b_ub=-np.ones(len(matrix)))
    if found is None:
        return None
    u, v = np.split(found / scale, 2)
    for most in DENOMINATORS:
        weights = tuple(Fraction(w).limit_denominator(most) for w in (u - v))
        if all(_dot(weights, row) > 0 for row in signed):
            return weights
    return None


def _combination(signed: list[Vector], first: tuple[bool, ...], bias: bool) -> Vector:
    """Weights that are not negative and combine the rows to zero."""
    matrix = np.array(signed, dtype=float)
    conditions = np.vstack([matrix.T, np.ones(len(matrix))])
    target = np.append(np.zeros(matrix.shape[1]), 1.0)
    found = _program(np.zeros(len(matrix)), A_eq=conditions, b_eq=target)
    used = [i for i, w in enumerate(found) if w > NOTHING] if found is not None else []
    exact = _null_vector([signed[i] for i in used])
    if exact is None or any(w <= 0 for w in exact):
        raise BackproveError("the points are too close to being separable to decide")
    total = sum((w for w, i in zip(exact, used, strict=True) if first[i] or not bias), Fraction(0))
    weights = dict(zip(used, exact, strict=True))
    return tuple(weights.get(i, Fraction(0)) / total for i in range(len(signed)))


def _program(cost: Any, **conditions: Any) -> Any:
    """The vertex x ≥ 0 of least cost, by the simplex method; None where there is none."""
    from scipy.optimize import linprog  # pyright: ignore[reportMissingTypeStubs]

    return linprog(cost, method="highs-ds", **conditions).x


def _null_vector(rows: list[Vector]) -> Vector | None:
    """The weights, the last of them 1, that combine rows to zero; None where there are not just one.

    By elimination in fractions, on the columns of weights.
    """
    if not rows:
        return None
    table = [[row[j] for row in rows] for j in range(len(rows[0]))]
    pivots: list[int] = []
    for column in range(len(rows)):
        at = len(pivots)
        below = next((r for r in range(at, len(table)) if table[r][column]), None)
        if below is None:
            break
        table[at], table[below] = table[below], table[at]
        lead = table[at][column]
        table[at] = [v / lead for v in table[at]]
        for r in range(len(table)):
            if r != at and table[r][column]:
                factor = table[r][column]
                table[r] = [v - factor * p for v, p in zip(table[r], table[at], strict=True)]
        pivots.append(column)
    if len(pivots) != len(rows) - 1:
        return None
    return (*(-table[r][-1] for r in range(len(pivots))), Fraction(1))


def _dot(a: Vector, b: Vector) -> Fraction:
    return sum((x * y for x, y in zip(a, b, strict=False)), Fraction(0))


def _shown(number: Fraction) -> str:
    return str(number).replace("-", "−")


def _listed(vector: Vector) -> str:
    return f"[{', '.join(map(_shown, vector))}]"
