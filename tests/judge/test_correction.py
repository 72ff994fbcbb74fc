"""The right line, as a person would write it."""

from __future__ import annotations

import pytest

from backprove.mathematics import Model
from backprove.notation.reader import read_expression
from backprove.notation.unicode import to_unicode

RECURRENT = """
x_t in R^n for t = 1..3
y_t in R^k one-hot for t = 1..3
h_0 in R^m
U in R^{m x n}, W in R^{m x m}, V in R^{k x m}
h_t = tanh(U x_t + W h_{t-1}) for t = 1..3
o_t = softmax(V h_t) for t = 1..3
E_t = -y_t^T log(o_t) for t = 1..3
E = sum_{t=1}^3 E_t
"""
DENSE = """
x in R^n, y in R^m
W in R^{m x n}, b in R^m
p = sigmoid(W x + b)
L = 1/2 sum((p - y)^2)
"""


def corrected(model: str, claim: str) -> str:
    verdict = Model(model).check(claim)
    assert verdict.corrected is not None
    right = verdict.corrected
    return "\n".join(
        to_unicode(read_expression(part)) if "=" not in part else part
        for part in right.split(r" \quad \text{where }")
    )


def test_the_writer_s_own_line_with_the_mistake_undone() -> None:
    assert corrected(DENSE, "∂L/∂b = (y - p) ⊙ p ⊙ (1 - p)") == "−(y − p) ⊙ p ⊙ (1 − p)"


def test_a_name_is_corrected_to_its_definition() -> None:
    assert corrected(DENSE, "L = sum((p - y)^3)") == "1/2 ‖p − y‖²"


def test_missing_paths_are_added_as_matrices() -> None:
    assert corrected(RECURRENT, "∂E_2/∂W = (V^T (o_2 - y_2) ⊙ (1 - h_2^2)) h_1^T") == (
        "(Wᵀ(Vᵀ(o_2 − y_2) ⊙ (1 − h_2²)) ⊙ (1 − h_1²)) h_0ᵀ + (Vᵀ(o_2 − y_2) ⊙ (1 − h_2²)) h_1ᵀ"
    )


def test_a_jacobian_by_a_matrix_is_one_step_of_its_recursion() -> None:
    right = Model(RECURRENT).check("∂h_t/∂U = (1 - h_t^2) x_t").corrected
    assert right is not None
    for part in (r"\frac{\partial h_t}{\partial U} \right)[i, j, k]", r"h_{t-1}[l]", "x_t[k]"):
        assert part in right


@pytest.mark.parametrize(
    ("model", "claim"),
    [
        (DENSE, "∂L/∂W = (y - p) x^T"),
        (DENSE, "∂p/∂b = p ⊙ (1 - p) + 1"),
        (RECURRENT, "∂E_2/∂W = (V^T (o_2 - y_2) ⊙ (1 - h_2^2)) h_1^T"),
        (RECURRENT, "∂E_3/∂U = (V^T (o_3 - y_3) ⊙ (1 - h_3^2)) x_3^T"),
        (RECURRENT, "∂E/∂V = sum_{t=1}^{2} (o_t - y_t) h_t^T"),
    ],
)
def test_a_correction_is_itself_a_true_claim(model: str, claim: str) -> None:
    right = Model(model).check(claim).corrected
    assert right is not None
    left = claim.split("=")[0]
    assert Model(model).check(f"{left} = {right}").accepted
