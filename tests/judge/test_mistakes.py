"""Naming mistakes (NOTATION 6): what the writer did, also deep inside a right side."""

import pytest

DENSE = """x in R^n, y in R^k
W in R^{m x n}, V in R^{k x m}
h = tanh(W x)
o = V h
E = (1/2) sum((o - y)^2)"""
ATTENTION = """Q in R^{n x d}, K in R^{m x d}, V in R^{m x p}, D in R^{n x p}
P = softmax(Q K^T)
O = P V
L = (1/2) ‖O - D‖_F^2"""
PADDED = """x in R^8, k in R^3, c in R^4
y = conv(x, k, stride=2, padding=1)
L = sum(c * tanh(y))"""


@pytest.mark.parametrize(
    ("claim", "term"),
    [
        ("∂E/∂V = (-y) h^T", "the term o is missing beside −y"),
        ("∂E/∂V = o h^T", "the term −y is missing beside o"),
        ("∂E/∂x = W^T (V^T o ⊙ (1 - h^2))", "the term −Vᵀ y ⊙ (1 − h²) is missing"),
    ],
)
def test_a_term_forgotten_inside_a_bracket_is_found(judge, claim, term):
    found = judge(DENSE, claim)
    assert (found.verdict.value, found.mistake) == ("wrong", "missing-term")
    assert term in found.reason


def test_the_correction_has_the_forgotten_term(judge):
    # the writer's line mended or, where the search for that was cut short, the truth written out
    right = judge(DENSE, "∂E/∂V = (-y) h^T").corrected
    assert right in ("(-y + o) h^\\top", "(o - y) h^\\top")


def test_indices_exchanged_in_runs_of_letters(judge):
    found = judge(ATTENTION, "∂L/∂V_{jk} = sum_{i=1}^{n} (O_{ij} - D_{ij}) P_{ik}")
    assert (found.verdict.value, found.mistake) == ("wrong", "wrong-index")


def test_a_shifted_component_that_lies_outside_counts_as_nothing(judge):
    line = "∂L/∂k_1 = sum_{r=1}^{4} c_r (1 - tanh(y_r)^2) x[2r - 1]"
    found = judge(PADDED, line)
    assert (found.verdict.value, found.mistake) == ("wrong", "wrong-index")
