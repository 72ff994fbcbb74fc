"""Functions of candidates: what `diag`, `tanh` or `sum` make of a reading's values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from backprove.compute.floats import FLOATS
from backprove.judge.combine import Candidate, as_diagonal, einsum
from backprove.model.calls import ELEMENTWISE
from backprove.notation.syntax import Call


def on_arrays(expr: Call, c: Candidate, squeeze: bool) -> Iterable[Candidate]:
    """The candidates of a call on one argument's candidate; nothing where it does not apply."""
    name = expr.function
    text = f"{name}({c.text})"
    plain = replace(c, text=text, of=None, by=None)
    if name in ELEMENTWISE and not expr.primes:
        if name == "sqrt":
            yield replace(plain, arrays=tuple(np.sqrt(x) for x in c.arrays))
        else:
            yield replace(plain, arrays=tuple(np.asarray(FLOATS.apply(name, x)) for x in c.arrays))
    elif name == "diag":
        if c.rank == 1:
            yield replace(as_diagonal(c), cost=c.cost, text=text)
        elif c.rank == 2 and c.shape[0] == c.shape[1]:
            yield replace(plain, arrays=einsum("ii->i", c), shape=c.shape[:1])
        elif not c.rank and squeeze:
            yield plain
    elif name == "sum":
        axes = tuple(range(-c.rank, 0))
        yield replace(plain, arrays=tuple(x.sum(axis=axes) for x in c.arrays), shape=(), row=False)
    elif name in ("tr", "det", "vec", "dot") and not c.rank and squeeze:
        yield plain
    elif name == "tr" and c.rank == 2 and c.shape[0] == c.shape[1]:
        yield replace(plain, arrays=einsum("ii->", c), shape=())
    elif name in ("norm", "norm_F"):
        axes = tuple(range(-c.rank, 0))
        arrays = tuple(np.sqrt((x * x).sum(axis=axes)) for x in c.arrays)
        yield replace(plain, arrays=arrays, shape=(), row=False)
