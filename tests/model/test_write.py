"""What is written means the same when it is read again, and reads like a textbook."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backprove.compute.evaluate import Evaluator
from backprove.compute.points import sample, sizes_for
from backprove.model.meaning import meaning
from backprove.model.scope import Scope
from backprove.model.text import read_model
from backprove.model.value import fit_shapes
from backprove.model.write import (
    Letters,
    NoMatrixForm,
    written,
    written_components,
    written_index,
    written_name,
)
from backprove.notation.latex import to_latex
from backprove.notation.reader import read_expression
from backprove.notation.syntax import Expr
from backprove.notation.unicode import to_unicode
from backprove.tensor import build as b
from backprove.tensor.nodes import Node
from backprove.tensor.whole import Whole

MODEL = read_model(r"""
x, u, v, w in R^n
p, q, y in R^m
A, B, C in R^{n x n}
W, V in R^{m x n}
S in R^{n x n} invertible
F, G in R^{m x n x k}
h_t in R^m for t = 0..T
e_t in R for t = 1..T
M^{(l)} in R^{m x n} for l = 1..2
W_c in R^{m x n}
λ, ε in R positive
r in R^n positive
P in R^{m x n} positive
""")
SIZES = sizes_for(MODEL, 0)
VALUES = Evaluator(MODEL, SIZES, sample(MODEL, SIZES, 4, seed=1))


def read(text: str, indices: Sequence[str] = ()) -> Node:
    return understood(read_expression(text, MODEL.names()), indices)


def understood(expr: Expr, indices: Sequence[str] = ()) -> Node:
    value = meaning(expr, Scope(MODEL, {i: Whole.of(i) for i in indices}))
    assert not value.row, "a row is not a vector"
    return value.node


def same(node: Node, other: Node) -> None:
    """Equal shapes (where `other` knows its own) and equal values."""
    if not other.shape and node.shape:
        other = b.broadcast(other, node.shape)  # a number spreads
    fitted = fit_shapes(node, other)
    assert fitted is not None, f"{other.shape} for {node.shape}"
    np.testing.assert_allclose(
        VALUES.value(fitted[1]), VALUES.value(node), rtol=1e-8, atol=1e-8, equal_nan=True
    )


def entries(node: Node, indices: Sequence[str], entry: Node) -> None:
    same(node, b.build(indices, node.shape, entry) if indices else entry)


def check(node: Node) -> bool:
    """Write and read back, as a tree and as text; whether there was a matrix form."""
    indices = "ijls"[: node.rank]
    names = MODEL.names()
    try:
        expr = written(node)
    except NoMatrixForm:
        expr = None
    if expr is not None:
        same(node, understood(expr))
        same(node, understood(read_expression(to_latex(expr), names)))
        same(node, understood(read_expression(to_unicode(expr), names)))
    part = written_components(node, indices)
    entries(node, indices, understood(part, indices))
    entries(node, indices, understood(read_expression(to_latex(part), names), indices))
    return expr is not None
