"""Generalised Einstein products as a sequence of products of two operands, planned once.

A plan depends on labels only, so it is made once for a pattern of labels and kept. Each step
either folds one operand (a repeated label means its diagonal; a label that occurs nowhere else
is summed), or multiplies two operands and sums over the labels that end with them.
"""

# NumPy's types say nothing about arrays of objects, and arrays here are of either kind.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownLambdaType=false

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from string import ascii_letters
from typing import Any

import numpy as np

from backprove.compute.arithmetic import Arithmetic, Array

Labels = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Alignment:
    """Brings the last axes of an array in an order, with axes of length 1 put in between."""

    order: tuple[int, ...] | None
    index: tuple[Any, ...] | None

    def __call__(self, a: Any) -> Any:
        if self.order is not None:
            lead = a.ndim - len(self.order)
            a = a.transpose(*range(lead), *(lead + k for k in self.order))
        return a if self.index is None else a[self.index]


def alignment(labels: Labels, target: Labels) -> Alignment:
    """From axes `labels` (all different, all in `target`) to axes `target`."""
    order = tuple(labels.index(name) for name in target if name in labels)
    index = tuple(slice(None) if name in labels else None for name in target)
    return Alignment(
        None if order == tuple(range(len(labels))) else order,
        None if None not in index else (Ellipsis, *index),
    )


@dataclass(frozen=True, slots=True)
class Pair:
    """Two operands multiplied: labels `left`, `right` to `out`, the rest summed."""

    left: Alignment
    right: Alignment
    summed: tuple[int, ...]
    formula: str

    def aligned(self, left: Any, right: Any) -> tuple[Any, Any]:
        """Both operands with the axes of the result, then the summed ones."""
        return self.left(left), self.right(right)


def _pair(left: Labels, right: Labels, out: Labels) -> Pair:
    gone = tuple(dict.fromkeys(name for name in left + right if name not in out))
    letters = {name: ascii_letters[k] for k, name in enumerate(dict.fromkeys(left + right))}
    spell = ["..." + "".join(letters[name] for name in names) for names in (left, right, out)]
    return Pair(
        alignment(left, out + gone),
        alignment(right, out + gone),
        tuple(range(-len(gone), 0)),
        f"{spell[0]},{spell[1]}->{spell[2]}",
    )


@dataclass(frozen=True, slots=True)
class Reduction:
    """One operand: diagonals taken, labels summed that occur nowhere else."""

    rank: int
    diagonals: tuple[tuple[int, int], ...]
    summed: tuple[int, ...]
    labels: Labels

    def __call__(self, a: Any) -> Any:
        for first, second in self.diagonals:
            a = np.diagonal(a, 0, first, second)
        return a.sum(axis=self.summed) if self.summed else a


def _reduction(labels: Labels, kept: set[int]) -> Reduction | None:
    """How an operand is folded, or None where there is nothing to do."""
    diagonals: list[tuple[int, int]] = []
    now = list(labels)
    for name in dict.fromkeys(labels):
        while now.count(name) > 1:
            first = now.index(name)
            second = now.index(name, first + 1)
            diagonals.append((first - len(now), second - len(now)))
            del now[second], now[first]
            now.append(name)
    summed = tuple(k - len(now) for k, name in enumerate(now) if name not in kept)
    if not diagonals and not summed:
        return None
    left = tuple(name for name in now if name in kept)
    return Reduction(len(labels), tuple(diagonals), summed, left)


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps of a product. A pair's result takes the left one's place, the right one leaves."""

    reductions: tuple[Reduction | None, ...]
    pairs: tuple[tuple[int, int, Pair], ...]
    final: Alignment
    repeated: tuple[tuple[int, int], ...]
    rank: int

    def run(self, arithmetic: Arithmetic, operands: Sequence[Array]) -> Array:
        """The product of operands in the layout of `arithmetic.py`."""
        now = [
            a if how is None else arithmetic.linear(how, a)
            for how, a in zip(self.reductions, operands, strict=True)
        ]
        for i, j, how in self.pairs:
            now[i] = arithmetic.pair(how, now[i], now[j])
            del now[j]
        result = now[0]
        if self.final.order is not None or self.final.index is not None:
            result = arithmetic.linear(self.final, result)
        if self.repeated:
            zero = arithmetic.zero
            result = arithmetic.linear(lambda a: self._on_diagonals(a, zero), result)
        return result

    def _on_diagonals(self, a: Any, zero: Any) -> Any:
        """Axes of length 1 stand where a label of the result is repeated; fill them out."""
        for first, second in self.repeated:
            size = a.shape[first]
            place = np.arange(size)
            here = place.reshape(-1, *(1,) * (-first - 1))
            there = place.reshape(-1, *(1,) * (-second - 1))
            a = np.where(here == there, a, zero)
        return a


@lru_cache(maxsize=4096)
def plan(labels: tuple[Labels, ...], out: Labels) -> Plan:
    """The steps for operands with these labels (see `nodes.Contract`)."""
    reductions: list[Reduction | None] = []
    now: list[Labels] = []
    for k, names in enumerate(labels):
        others = set(out).union(*(n for i, n in enumerate(labels) if i != k))
        how = _reduction(names, others)
        reductions.append(how)
        now.append(names if how is None else how.labels)
    unique = tuple(dict.fromkeys(out))
    pairs: list[tuple[int, int, Pair]] = []
    while len(now) > 1:
        i, j, left = min(_candidates(now, set(out)), key=lambda c: (len(c[2]), c[0], c[1]))
        if len(now) == 2:
            left = unique
        pairs.append((i, j, _pair(now[i], now[j], left)))
        now[i] = left
        del now[j]
    # a repeated label of the result becomes an axis of length 1, filled out afterwards
    final = alignment(now[0], unique)
    repeated: tuple[tuple[int, int], ...] = ()
    if len(unique) < len(out):
        seen: set[int] = set()
        index = tuple(
            None if name in seen or seen.add(name) else slice(None)  # type: ignore[func-returns-value]
            for name in out
        )
        final = Alignment(final.order, (Ellipsis, *index))
        repeated = tuple(
            (out.index(name) - len(out), k - len(out))
            for k, name in enumerate(out)
            if out.index(name) < k
        )
    return Plan(tuple(reductions), tuple(pairs), final, repeated, len(out))


def _candidates(now: list[Labels], out: set[int]) -> list[tuple[int, int, Labels]]:
    """Every pair of operands with the labels its product would keep."""
    found: list[tuple[int, int, Labels]] = []
    for j in range(len(now)):
        for i in range(j):
            needed = out.union(*(n for k, n in enumerate(now) if k not in (i, j)))
            kept = tuple(dict.fromkeys(name for name in now[i] + now[j] if name in needed))
            found.append((i, j, kept))
    return found
