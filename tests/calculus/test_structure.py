"""What a Jacobian with more axes than a matrix is said to be."""

from __future__ import annotations

import numpy as np
import pytest

from backprove import Model

MODEL = """
A in R^{m x n}, X in R^{n x p}, B in R^{p x q}, x in R^n, W in R^{k x n}
Y = A X B
S = X^T X
z = W x
h = tanh(z)
T = tanh(A X)
U = X ⊙ X
Z = -3 A X B
"""


@pytest.mark.parametrize(
    ("of", "by", "words"),
    [
        ("Y", "X", "Bᵀ ⊗ A, columns stacked"),
        ("Y", "A", "(Bᵀ Xᵀ) ⊗ I, columns stacked"),
        ("Y", "B", "I ⊗ (A X), columns stacked"),
        ("Z", "X", "-3 (Bᵀ ⊗ A), columns stacked"),
        ("z", "W", "xᵀ ⊗ I, columns stacked"),
        ("h", "W", "block diagonal, a block for each i"),
        ("T", "X", "block diagonal, a block for each j"),
        ("U", "X", "diagonal"),
        ("S", "X", ""),  # two terms, and neither is zero where the other is
        ("z", "x", ""),  # a matrix says what it is
    ],
)
def test_the_structure_is_told(of: str, by: str, words: str):
    assert Model(MODEL).derive(of, by).lines[-1].steps == words


def test_a_kronecker_product_is_the_jacobian_of_stacked_columns():
    function = Model(MODEL).derive("Y", "X").function("numpy")
    rng = np.random.default_rng(3)
    a, b, x = rng.normal(size=(2, 3)), rng.normal(size=(4, 5)), rng.normal(size=(3, 4))
    arrays = {"A": a, "B": b, "X": x}
    jacobian = function(**{k: v for k, v in arrays.items() if k in function.__code__.co_varnames})
    stacked = jacobian.transpose(1, 0, 3, 2).reshape(10, 12)
    assert np.allclose(stacked, np.kron(b.T, a))


def test_lines_of_an_inner_derivative_are_shown_with_those_of_the_outer():
    model = Model("""
        x_t in R^n for t = 1..T
        h_0, v in R^m
        U in R^{m x n}, W in R^{m x m}
        h_t = tanh(U x_t + W h_{t-1}) for t = 1..T
        L = v^T h_T
    """)
    lines = model.derive("∂L/∂W", "W").unicode.splitlines()
    defined = {line.partition("_")[0] for line in lines[:-1]}
    assert "δ" in defined  # the inner one's, which the Hessian is in terms of
    assert "δ̄" in defined  # what that depends on W by
    assert not any("δ_{T+1}" in line.partition("    ")[0] for line in lines)


def test_a_long_line_leaves_the_steps_of_the_others_where_they_are():
    lines = Model.load("lstm").derive("∂E/∂U_f", "W_f").unicode.splitlines()
    assert max(map(len, lines)) > 300
    assert len(next(line for line in lines if line.startswith("δ^{(g)}_t"))) < 130
