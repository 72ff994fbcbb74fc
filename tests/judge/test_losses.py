"""Mistakes that are found by taking something away from the truth."""

from __future__ import annotations

import pytest

from backprove import Model

NETWORK = Model("""
x_t in R^n for t = 1..2
h_0, y in R^m
W_c, W_x in R^{m x n}
c_t = sigmoid(W_c x_t) for t = 1..2
u_t = tanh(W_x x_t) for t = 1..2
h_t = c_t ⊙ h_{t-1} + (1 - c_t) ⊙ u_t for t = 1..2
E = (1/2) ‖h_2 - y‖^2
""")
SCALAR = Model("""
s_0, u, w, v, x, g in R
s_t = tanh(u x + w s_{t-1}) for t = 1..2
y = v s_2
L = (1/2) (y - g)^2
""")
LABELS = Model("""
z, y in R^4
p = softmax(z)
L = -sum(y * log(p))
""")
GROUPS = Model("""
x in R^{6 x 4}, W in R^{2 x 2 x 2 x 3}
y[r,g,o] = sum_{c=1}^{2} sum_{i=1}^{3} x[r+i-1, 2(g-1)+c] W[g,o,c,i] for r = 1..4, g = 1..2, o = 1..2
L = sum(exp(y))
""")


@pytest.mark.parametrize(
    ("model", "claim", "kind", "sentence"),
    [
        (NETWORK, "∂E/∂h_2 = -y", "missing-term", "the term h_2 is missing"),
        (NETWORK, "∂E/∂c_2 = h_1 - u_2", "missing-factor", "the factor h_2 − y is missing"),
        (SCALAR, "∂L/∂v = y - g", "missing-factor", "the factor s_2 is missing"),
        # a factor that is a sum, and that no name stands for
        (
            SCALAR,
            "∂L/∂w = v (y - g) (1 - s_2^2)",
            "missing-factor",
            "the factor w s_0 (1 − s_1²) + s_1 is missing",
        ),
        # of 1 − h² = (1 − h)(1 + h) one half
        (SCALAR, "∂y/∂u = v (1 + s_2) (w x (1 - s_1^2) + x)", "wrong-derivative", "1 − s_2²"),
        (LABELS, "∂L/∂z = p - y", "assumption", "this is true only if y sums to one"),
        # a component by component truth, whose short sum is looked at term by term
        (
            GROUPS,
            "∂L/∂x[1,3] = exp(y[1,2,1]) W[2,1,1,1]",
            "missing-term",
            "the term W[2, 2, 1, 1] exp(y[1, 2, 2]) is missing",
        ),
        # at every step alike
        (
            NETWORK,
            "∂E/∂W_x = ((h_2 - y) ⊙ (1 - c_2)) x_2^T + ((h_2 - y) ⊙ c_2 ⊙ (1 - c_1)) x_1^T",
            "missing-factor",
            "is missing",
        ),
    ],
)
def test_what_was_lost_is_named(model: Model, claim: str, kind: str, sentence: str):
    verdict = model.check(claim)
    assert (verdict.verdict, verdict.mistake) == ("wrong", kind)
    assert sentence in verdict.reason
    assert verdict.corrected
    left = claim.partition(" = ")[0]
    assert model.check(f"{left} = {verdict.corrected}").accepted


def test_a_formula_may_stand_before_what_it_is():
    right = NETWORK.check("h_2 - y = ∂E/∂h_2")
    wrong = NETWORK.check("c_1 ⊙ (h_2 - y) = ∂E/∂h_0")
    assert right.verdict == "correct"
    assert (wrong.mistake, wrong.reason) == ("missing-factor", "the factor c_2 is missing")
    assert wrong.corrected
    assert NETWORK.check(f"∂E/∂h_0 = {wrong.corrected}").accepted


STANDARDISED = Model("""
x, gamma in R^n, eps in R
m = mean(x)
s2 = mean((x - m)^2)
u = (x - m)/sqrt(s2 + eps)
y = gamma ⊙ u
""")


def test_points_at_which_a_side_has_no_value_do_not_hide_the_mistake():
    # eps may be negative, and the root without a value
    verdict = STANDARDISED.check("∂y/∂x = diag(gamma)/sqrt(s2 + eps)")
    assert (verdict.verdict, verdict.mistake) == ("wrong", "missing-term")
    verdict = STANDARDISED.check("∂u/∂x = 1/sqrt(s2 + eps) (I - 1/n ones ones^T)")
    assert (verdict.mistake, verdict.reason) == ("missing-path", "the path through s_2 is left out")


def test_sizes_of_ones_and_of_the_identity_tell_each_other():
    assert STANDARDISED.check("∂(x - m)/∂x = I - 1/n ones ones^T").verdict == "correct"
    # it has a meaning, so that it is no scalar problem that is true at size 1
    assert STANDARDISED.check("∂u/∂x = I - ones ones^T").verdict == "wrong"


def test_the_correction_of_one_step_is_its_jacobian():
    model = Model.load("gru")
    verdict = model.check("∂h_t/∂h_{t-1} = diag(1 - z_t)")
    assert verdict.verdict == "wrong"
    assert verdict.corrected
    assert "partial" not in verdict.corrected
    assert model.check(f"∂h_t/∂h_{{t-1}} = {verdict.corrected}").verdict == "correct"
