"""One link of a claim, `left = right`: is it true as written, in another layout, read otherwise?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from typing import Any

import numpy as np

from backprove.judge.candidates import added, narrowed
from backprove.judge.combine import Array, Candidate, as_diagonal, times_identity
from backprove.judge.readings import Search
from backprove.judge.world import EQUAL, Grid, Setting, difference
from backprove.model.value import Value
from backprove.notation.syntax import Expr, Sum
from backprove.tensor.whole import Shape


@dataclass(frozen=True, slots=True)
class Side:
    """The values of one side of a link at every setting, with its shape."""

    arrays: tuple[Array, ...]
    shape: Shape
    row: bool = False
    #: number of axes that belong to the quantity differentiated, where this is a derivative
    outputs: int | None = None
    #: whether there is no derivative in it: then `A = A^T` is no other layout of one
    plain: bool = False

    @staticmethod
    def of(value: Value, settings: Sequence[Setting], grid: Grid) -> Side:
        arrays = tuple(s.array(value.node, grid) for s in settings)
        outputs = value.of.rank if value.of is not None else None
        return Side(arrays, value.shape, value.row, outputs)


@dataclass(frozen=True, slots=True)
class Layout:
    """A side with its axes in another order."""

    side: Side
    order: tuple[int, ...]
    turned: bool


def layouts(side: Side) -> Iterator[Layout]:
    """The side as it is, and in every other layout of the same derivative (verdict `convention`).

    A derivative's output and input axes may be swapped and its input axes permuted; anything else
    may be transposed. A vector may be written as a row.
    """
    rank = len(side.shape)
    seen: set[tuple[int, ...]] = set()
    orders: list[tuple[int, ...]] = [tuple(range(rank))]
    if rank == 2:
        orders.append((1, 0))
    elif rank > 2:
        split = side.outputs if side.outputs is not None else 0
        outputs, inputs = tuple(range(split)), tuple(range(split, rank))
        for moved in permutations(inputs):
            orders += [outputs + moved, moved + outputs]
        orders.append(tuple(range(rank))[::-1])
    for order in orders:
        if order in seen:
            continue
        seen.add(order)
        batch = [a.ndim - rank for a in side.arrays]
        arrays = tuple(
            a.transpose([*range(b), *(b + i for i in order)])
            for a, b in zip(side.arrays, batch, strict=True)
        )
        shape = tuple(side.shape[i] for i in order)
        turned = order != tuple(range(rank))
        if turned and side.plain:
            continue
        yield Layout(Side(arrays, shape, side.row), order, turned)
        if rank == 1:
            yield Layout(Side(arrays, shape, not side.row), order, True)


def agree(left: Sequence[Array], right: Sequence[Array], strict: bool) -> float:
    """The largest relative difference over all settings.

    With `strict` a place where only the left has a value counts as a difference; without, places
    where either side has none are not looked at (family members that do not exist).
    """
    worst = 0.0
    looked = False
    for a, b in zip(left, right, strict=True):
        if a.ndim != b.ndim:
            return float("inf")
        try:
            a, b = np.broadcast_arrays(a, b)
        except ValueError:
            return float("inf")
        if not strict:
            missing = np.isnan(a) | np.isnan(b)
            a, b = np.where(missing, np.nan, a), np.where(missing, np.nan, b)
        else:
            b = np.where(np.isnan(a), np.nan, b)
        if np.isnan(a).all():
            continue
        looked = True
        worst = max(worst, difference(a, b))
    return worst if looked else float("inf")


@dataclass(frozen=True, slots=True)
class Match:
    """A reading of the right side that equals the left, in some layout."""

    candidate: Candidate
    turned: bool
    gap: float
    #: how the left side was read, where it was not as written
    left: str = ""

    @property
    def words(self) -> str:
        return f"{self.left} = {self.candidate.text}" if self.left else self.candidate.text


def find_reading(
    search: Search, expr: Expr, left: Side, strict: bool
) -> tuple[Match | None, list[Candidate]]:
    """The cheapest reading of `expr` that equals `left` in any layout, and all readings looked at."""
    targets = list(layouts(left))
    found: list[Candidate] = []
    best: Match | None = None
    candidates = search.readings(expr)
    found += candidates
    for candidate in candidates:
        match = _matches(candidate, targets, strict, search)
        if match and (best is None or _price(match) < _price(best)):
            best = match
    if best is None and isinstance(expr, Sum) and len(expr.terms) > 1:
        best = _sum_to(search, expr, targets, strict)
    return best, found


def _price(match: Match) -> float:
    return match.candidate.cost + 0.5 * match.turned


def _matches(
    candidate: Candidate, targets: list[Layout], strict: bool, search: Search
) -> Match | None:
    for variant in whole_side(candidate, targets[0].side, search):
        for target in targets:
            if target.side.shape != variant.shape or target.side.row != variant.row:
                continue
            gap = gap_to(target.side, variant, strict)
            if gap <= EQUAL:
                return Match(variant, target.turned, gap)
    return None


def gap_to(side: Side, candidate: Candidate, strict: bool) -> float:
    """How far a candidate is from a side; the other settings only where the first agrees."""
    worst = 0.0
    for number, array in enumerate(side.arrays):
        worst = max(worst, agree([array], [candidate.at(number)], strict))
        if worst > EQUAL:
            break
    return worst


def whole_side(candidate: Candidate, target: Side, search: Search) -> Iterator[Candidate]:
    """A whole side beside a square matrix: a vector as its diagonal, a scalar as a multiple of I."""
    yield candidate
    shape = target.shape
    if len(shape) != 2 or shape[0] != shape[1]:
        return
    if candidate.rank == 1 and candidate.shape[0] == shape[0]:
        yield as_diagonal(candidate)
    elif not candidate.rank:
        lengths = tuple(a.shape[-1] for a in target.arrays)
        yield times_identity(candidate, shape[0], lengths)


def _sum_to(search: Search, expr: Sum, targets: list[Layout], strict: bool) -> Match | None:
    """Readings of a sum's terms that add up to a target, found by a linear fingerprint."""
    ways = [search] if search.free or _fits(search, expr) else [search, replace(search, free=True)]
    for way in ways:  # products that have a meaning keep it where their sum has one so
        terms = [way.readings(t) for _, t in expr.terms]
        fitting = [
            (target, fitted)
            for target in targets
            if all(fitted := [way.fit(c, target.side.shape, target.side.row) for c in terms])
        ]
        for target, fitted in fitting:
            match = _added_to(target, expr, fitted, strict)
            if match is not None:
                return match
        if fitting:
            return None
    return None


def _added_to(
    target: Layout, expr: Sum, fitted: list[list[Candidate]], strict: bool
) -> Match | None:
    """One reading of each term, such that they add up to a target."""
    goal, signs = target.side, [s for s, _ in expr.terms]
    fitted = narrowed(fitted, 4_000_000)
    shape = np.broadcast_shapes(goal.arrays[0].shape, *(c.first.shape for f in fitted for c in f))
    goal_array = np.broadcast_to(goal.arrays[0], shape)
    rng = np.random.default_rng(11)
    weights = np.where(np.isnan(goal_array), 0.0, rng.normal(size=shape))
    total: Any = np.zeros(())
    for sign, options in zip(signs, fitted, strict=True):
        marks = np.array([_mark(c.first, weights, shape) for c in options])
        total = np.add.outer(total, sign * marks)
    wanted = _mark(goal.arrays[0], weights, shape)
    scale = max(1.0, abs(wanted), float(np.max(np.nan_to_num(np.abs(total)), initial=1.0)))
    places = np.argwhere(np.abs(total - wanted) < 1e-7 * scale)
    ranked = sorted(places.tolist(), key=lambda p: sum(fitted[i][j].cost for i, j in enumerate(p)))
    for place in ranked[:20]:
        chosen = [fitted[i][j] for i, j in enumerate(place)]
        candidate = added(signs, chosen, goal.shape, goal.row)
        gap = gap_to(goal, candidate, strict)
        if gap <= EQUAL:
            return Match(candidate, target.turned, gap)
    return None


def _fits(search: Search, expr: Sum) -> bool:
    return search.as_written(expr) is not None


def _mark(array: Array, weights: Array, shape: tuple[int, ...]) -> float:
    full = np.broadcast_to(array, shape)
    return float(np.sum(np.where(weights == 0.0, 0.0, full * weights)))
