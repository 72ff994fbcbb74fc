"""NOTATION, section 2, *Products, as written* and *Reading text*: every rule with an example."""

from __future__ import annotations

import numpy as np
import pytest

from backprove.model.value import NoMeaning

MODEL = r"""
a, b, c in R
x, y in R^n
u, v in R^m
A in R^{m x n}, B in R^{n x k}
P, Q in R^{m x n}
S, R in R^{n x n}
X in R^{m x k x n}
Y in R^{n x l x q}
c_1 in R^{1 x n}
"""


@pytest.fixture(scope="module")
def m(reader):
    return reader(MODEL)


CASES = {
    # a matrix product first
    "A x": lambda A, x, **_: A @ x,
    "A B": lambda A, B, **_: A @ B,
    "S R": lambda S, R, **_: S @ R,
    "A * x": lambda A, x, **_: A @ x,
    r"A \cdot B": lambda A, B, **_: A @ B,
    "A × B": lambda A, B, **_: A @ B,
    "u^T A": lambda u, A, **_: u @ A,
    "u^T A x": lambda u, A, x, **_: u @ A @ x,
    # a vector is a column
    "x^T y": lambda x, y, **_: x @ y,
    "u x^T": lambda u, x, **_: np.outer(u, x),
    "x x^T y": lambda x, y, **_: np.outer(x, x) @ y,
    "x^T x y": lambda x, y, **_: (x @ x) * y,
    "u c_1": lambda u, c_1, **_: np.outer(u, c_1[0]),
    # the last axis over the first, between arrays of higher order
    "X y": lambda X, y, **_: np.einsum("mkn,n->mk", X, y),
    "X Y": lambda X, Y, **_: np.einsum("mkn,nlq->mklq", X, Y),
    "u^T X": lambda u, X, **_: np.einsum("m,mkn->kn", u, X),
    # scaling
    "a x": lambda a, x, **_: a * x,
    "A a": lambda A, a, **_: A * a,
    "a b": lambda a, b, **_: a * b,
    # elementwise, when both have the same shape
    "x y": lambda x, y, **_: x * y,
    "P Q": lambda P, Q, **_: P * Q,
    "x * y": lambda x, y, **_: x * y,
    # from the left
    "a b x y": lambda a, b, x, y, **_: a * b * x * y,
    "x y^T y": lambda x, y, **_: x * (y @ y),
    # elementwise where it is written so
    "S ⊙ R": lambda S, R, **_: S * R,
    r"S \odot R": lambda S, R, **_: S * R,
    r"S \circ R": lambda S, R, **_: S * R,
    "S .* R": lambda S, R, **_: S * R,
    "S ∘ R": lambda S, R, **_: S * R,
    "S ⊘ R": lambda S, R, **_: S / R,
    "S ./ R": lambda S, R, **_: S / R,
    "x / y": lambda x, y, **_: x / y,
    # outer and Kronecker
    "u ⊗ x": lambda u, x, **_: np.outer(u, x),
    "A ⊗ S": lambda A, S, **_: np.kron(A, S),
    r"A \otimes S": lambda A, S, **_: np.kron(A, S),
    # juxtaposition binds tighter than the signs, which bind alike
    "x ⊙ A^T u": lambda x, A, u, **_: x * (A.T @ u),
    "(1-x^2) ⊙ S^T y": lambda x, S, y, **_: (1 - x**2) * (S.T @ y),
    "S x ⊙ y": lambda S, x, y, **_: (S @ x) * y,
    "x ⊙ y * a": lambda x, y, a, **_: x * y * a,
    # a scalar may be added to an array
    "x + a": lambda x, a, **_: x + a,
    "1 - A": lambda A, **_: 1 - A,
    # `/` binds to the next factor only
    "a/b c": lambda a, b, c, **_: a / b * c,
    "a / (b c)": lambda a, b, c, **_: a / (b * c),
    "1/2 x": lambda x, **_: x / 2,
    "a / x": lambda a, x, **_: a / x,
    # transposes
    "A^T": lambda A, **_: A.T,
    r"A^\top": lambda A, **_: A.T,
    "Aᵀ": lambda A, **_: A.T,
    "A'": lambda A, **_: A.T,
    "(A B)^T": lambda A, B, **_: (A @ B).T,
    "S^{-1}": lambda S, **_: np.linalg.inv(S),
    "S^{-T}": lambda S, **_: np.linalg.inv(S).T,
    # powers
    "x^2": lambda x, **_: x**2,
    "S^2": lambda S, **_: S**2,
    "S S": lambda S, **_: S @ S,
    "-x^2": lambda x, **_: -(x**2),
    "2^a": lambda a, **_: 2**a,
}


@pytest.mark.parametrize("text", CASES)
def test_what_is_written_is_worth(m, text):
    m.is_worth(text, CASES[text](**m.given))


@pytest.mark.parametrize(
    ("text", "first", "second"),
    [
        ("A u", "m×n", "m"),
        ("B A", "n×k", "m×n"),
        ("x A", "n", "m×n"),
        ("x u", "n", "m"),
        ("x^T u", "n", "m"),
        ("x ⊙ u", "n", "m"),
        ("x + u", "n", "m"),
        ("A + A^T", "m×n", "n×m"),
        ("x + x^T", "n", "n"),
        ("A ⊘ S", "m×n", "n×n"),
        ("A ⊗ x", "m×n", "n"),
    ],
)
def test_what_does_not_fit_has_no_meaning_as_written(m, text, first, second):
    with pytest.raises(NoMeaning) as error:
        m.meaning(text)
    assert error.value.kind == "shape"
    assert first in error.value.message
    assert second in error.value.message


def test_a_transpose_is_never_a_power(reader):
    model = reader("T = 3\nx in R^n\nA in R^{m x n}")
    assert model.shape("A^T") == "n×m"
    assert model.shape("x^T x") == "scalar"


def test_two_sizes_fit_when_they_are_the_same_product(reader):
    model = reader("A in R^{p x 2n}, x in R^{2n}, y in R^{n}")
    assert model.shape("A x") == "p"
    with pytest.raises(NoMeaning):
        model.meaning("A y")


def test_a_matrix_product_goes_before_an_elementwise_one(m):
    np.testing.assert_allclose(m.value("S R"), m.given["S"] @ m.given["R"])
    assert not np.allclose(m.value("S R"), m.value("S ⊙ R"))


class TestSums:
    """`Σ` reaches to the next + or - of its level; a minus right after it belongs to its body."""

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("sum_{i=1}^{n} x_i + a", lambda x, a, **_: x.sum() + a),
            ("sum_{i=1}^{n} x_i - a", lambda x, a, **_: x.sum() - a),
            ("sum_{i=1}^{n} x_i y_i", lambda x, y, **_: x @ y),
            ("sum_{i=1}^{n} (x_i + y_i)", lambda x, y, **_: (x + y).sum()),
            ("sum_{i=1}^{n} -x_i + a", lambda x, a, **_: -x.sum() + a),
            ("a sum_{i=1}^{n} x_i y_i", lambda a, x, y, **_: a * (x @ y)),
            (r"\sum_i x_i", lambda x, **_: x.sum()),
            (r"\sum_{i,j} S_{ij} x_j", lambda S, x, **_: (S @ x).sum()),
            (r"\sum_{k \ne 2} x_k", lambda x, **_: x.sum() - x[1]),
            ("sum(x)", lambda x, **_: x.sum()),
            ("sum(A)", lambda A, **_: A.sum()),
            (r"\prod_{i=1}^{n} x_i", lambda x, **_: x.prod()),
            (r"\sum_{i=1}^{0} x_i", lambda **_: 0.0),
            (r"\prod_{i=1}^{0} x_i", lambda **_: 1.0),
            (r"\sum_{i=1}^{2} i S", lambda S, **_: 3 * S),
        ],
    )
    def test_sums(self, m, text, expected):
        m.is_worth(text, expected(**m.given))

    def test_a_sum_whose_range_cannot_be_told(self, m):
        with pytest.raises(NoMeaning, match="cannot be told"):
            m.meaning(r"\sum_i a")


def test_latex_dressing_means_nothing(m):
    plain = m.meaning("A (x + y)").node
    assert m.meaning(r"\mathbf{A} \, \left( x + y \right)").node is plain
    assert m.meaning(r"\mathrm{A}\!\bigl(x + y\bigr)").node is plain
    assert m.meaning(r"\operatorname{tr}(S)").node is m.meaning("tr(S)").node
