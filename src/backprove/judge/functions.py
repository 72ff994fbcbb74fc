"""Functions of candidates: what `diag`, `tanh` or `sum` make of a reading's values."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from backprove.compute.floats import FLOATS
from backprove.judge.combine import Array, Candidate, as_diagonal, changed
from backprove.model.calls import ELEMENTWISE
from backprove.notation.syntax import Call


def on_arrays(expr: Call, c: Candidate, squeeze: bool) -> Iterable[Candidate]:
    """The candidates of a call on one argument's candidate; nothing where it does not apply."""
    name = expr.function
    axes = tuple(range(-c.rank, 0))
    square = c.rank == 2 and c.shape[0] == c.shape[1]

    def words(text: str) -> str:
        return f"{name}({text})"

    if name in ELEMENTWISE and not expr.primes:
        yield changed(c, lambda x: _entrywise(name, x), words)
    elif name == "diag" and c.rank == 1:
        spread = as_diagonal(c)
        spread.cost = c.cost
        yield spread
    elif name == "diag" and square:
        yield changed(c, lambda x: np.einsum("...ii->...i", x), words, c.shape[:1])
    elif name in ("diag", "tr", "det", "vec", "dot") and not c.rank and squeeze:
        yield c
    elif name == "sum":
        yield changed(c, lambda x: x.sum(axis=axes), words, (), row=False)
    elif name == "tr" and square:
        yield changed(c, lambda x: np.einsum("...ii->...", x), words, ())
    elif name in ("norm", "norm_F"):
        yield changed(c, lambda x: np.sqrt((x * x).sum(axis=axes)), words, (), row=False)


def _entrywise(name: str, x: Array) -> Array:
    return np.sqrt(x) if name == "sqrt" else np.asarray(FLOATS.apply(name, x))
