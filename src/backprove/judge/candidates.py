"""Work with whole candidates: multiplied as written, added, told apart, and the best of them kept."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from itertools import zip_longest

import numpy as np

from backprove.judge.combine import Array, Candidate, changed, products
from backprove.model.products import multiply
from backprove.model.value import NoMeaning, Value
from backprove.tensor.build import symbol
from backprove.tensor.whole import Shape

#: a matrix is multiplied by itself at most so often
MOST_TIMES = 64


def narrowed(lists: Sequence[list[Candidate]], most: int) -> list[list[Candidate]]:
    """The lists cut, the longest first, until there are at most so many combinations."""
    widths = [len(x) for x in lists]
    while math.prod(widths) > most:
        widths[widths.index(max(widths))] = max(1, max(widths) * 3 // 4)
    return [x[:w] for x, w in zip(lists, widths, strict=True)]


def by_turns(candidates: list[Candidate]) -> list[Candidate]:
    """Candidates in order of cost within each shape, the shapes taking turns."""
    groups: dict[tuple[Shape, bool], list[Candidate]] = {}
    for c in candidates:
        groups.setdefault((c.shape, c.row), []).append(c)
    if len(groups) == 1:
        return candidates
    rounds = zip_longest(*groups.values())
    return [c for turn in rounds for c in turn if c is not None]


def literal_product(a: Candidate, b: Candidate, sign: str) -> Candidate | None:
    """The product as written of two candidates, by the typed rules on symbols of their shapes."""
    left = Value(symbol("·a", a.shape), a.row, a.of, a.by)
    right = Value(symbol("·b", b.shape), b.row, b.of, b.by)
    try:
        value = multiply(left, right, sign, (0, 0))
    except NoMeaning:
        return None
    for c in products(a, b):
        if c.shape == value.shape:
            result = changed(c, lambda x: x, lambda t: t, row=value.row)
            result.cost = a.cost + b.cost
            result.of, result.by = value.of, value.by
            return result
    return None


def added(signs: Sequence[int], chosen: Sequence[Candidate], shape: Shape, row: bool) -> Candidate:
    """The sum of candidates of one shape."""

    def total(*arrays: Array) -> Array:
        result = arrays[0] if signs[0] > 0 else -arrays[0]
        for sign, x in zip(signs[1:], arrays[1:], strict=True):
            result = result + x if sign > 0 else result - x
        return result

    def words(*texts: str) -> str:
        shown = ("−" if signs[0] < 0 else "") + texts[0]
        for sign, t in zip(signs[1:], texts[1:], strict=True):
            shown += (" + " if sign > 0 else " − ") + t
        return shown

    first = chosen[0]
    shared = first.of is not None and all(c.of is first.of and c.by is first.by for c in chosen)
    return Candidate(
        total,
        words,
        tuple(chosen),
        shape,
        row=row,
        cost=sum(c.cost for c in chosen),
        of=first.of if shared else None,
        by=first.by if shared else None,
    )


def fingerprint(candidate: Candidate) -> float:
    """A number that tells values apart: a weighted sum, to ten digits."""
    array = candidate.first.ravel()
    total = float(array @ _weights(array.size))
    if total != total or total in (np.inf, -np.inf):
        array = np.nan_to_num(array, nan=0.123, posinf=1e9, neginf=-1e9)
        total = float(array @ _weights(array.size))
    return float(f"{total:.9e}")


_WEIGHTS: dict[int, Array] = {}


def _weights(size: int) -> Array:
    found = _WEIGHTS.get(size)
    if found is None:
        found = _WEIGHTS[size] = np.random.default_rng(5).normal(size=size)
    return found


def repeated(matrix: Array, times: Array) -> Array:
    """Matrix powers by whole numbers that differ from place to place; NaN for large ones."""
    front = np.broadcast_shapes(matrix.shape[:-2], times.shape)
    matrix = np.broadcast_to(matrix, front + matrix.shape[-2:])
    times = np.broadcast_to(times, front)
    found = np.full(matrix.shape, np.nan)
    for n in np.unique(times[np.isfinite(times)]):
        if abs(n) <= MOST_TIMES:
            here = times == n
            with suppress(np.linalg.LinAlgError):
                found[here] = np.linalg.matrix_power(matrix[here], int(n))
    return found
