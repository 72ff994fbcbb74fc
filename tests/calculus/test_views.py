"""Views of one derivation: every step written out, one expression, components, told in words."""

from __future__ import annotations

from unicodedata import normalize

import pytest

from backprove import BackproveError, Model

STATES = """
x_t in R^n for t = 1..T
h_0, v in R^m
U in R^{m x n}, W in R^{m x m}
h_t = tanh(U x_t + W h_{t-1}) for t = 1..T
L = v^T h_T
"""
LAYERS = """
x in R^n, t in R^k
W_1 in R^{m x n}, W_2 in R^{k x m}
h = tanh(W_1 x)
y = W_2 h
L = 1/2 ‖y - t‖^2
"""


@pytest.fixture
def states() -> Model:
    return Model(STATES)


@pytest.fixture
def layers() -> Model:
    return Model(LAYERS)


def test_steps_that_the_model_fixes_cannot_be_others():
    text = STATES.replace("1..T", "1..3").replace("h_T", "h_3")
    model = Model(text)
    assert model.derive("L", "W").unrolled(3).lines == model.derive("L", "W").unrolled().lines
    with pytest.raises(BackproveError, match="the model has 3 steps, not 2"):
        model.derive("L", "W").unrolled(2)


class TestUnrolled:
    LINES = (
        "δ_3 = v ⊙ (1 − h_3²)",
        "δ_2 = Wᵀ δ_3 ⊙ (1 − h_2²)",
        "δ_1 = Wᵀ δ_2 ⊙ (1 − h_1²)",
        "∂L/∂W = δ_1 h_0ᵀ + δ_2 h_1ᵀ + δ_3 h_2ᵀ",
    )

    def test_for_a_given_number_of_steps(self, states):
        assert str(states.derive("L", "W").unrolled(3)).split("\n") == [*self.LINES]

    def test_for_the_steps_of_the_model(self):
        derivation = Model(f"T = 3\n{STATES}").derive("L", "W")
        assert str(derivation.unrolled()).split("\n") == [*self.LINES]

    def test_an_open_number_has_to_be_said(self, states):
        with pytest.raises(BackproveError, match="number of steps T is not known"):
            states.derive("L", "W").unrolled()

    def test_too_many_are_refused(self, states):
        with pytest.raises(BackproveError, match="steps are too many to write out"):
            states.derive("L", "W").unrolled(10_000)

    def test_a_model_without_steps_has_none(self, layers):
        with pytest.raises(BackproveError, match="the model has no steps, not 3"):
            layers.derive("L", "W_1").unrolled(3)


class TestClosed:
    def test_definitions_are_put_in(self, layers):
        assert str(layers.derive("L", "W_1").closed) == "∂L/∂W_1 = (W_2ᵀ(y − t) ⊙ (1 − h²)) xᵀ"

    def test_a_state_by_an_earlier_one_is_a_product_of_jacobians(self, states):
        assert str(states.derive("h_T", "h_0").closed).split("\n") == [
            "∂⁺h_s/∂h_{s−1} = diag(1 − h_s²) W",
            "∂h_T/∂h_0 = Π_{s=1}^{T} ∂⁺h_s/∂h_{s−1}",
        ]

    def test_a_recurrence_has_none_and_says_so(self, states):
        with pytest.raises(BackproveError, match="no closed expression: δ is defined by"):
            _ = states.derive("L", "W").closed


class TestComponents:
    def test_entry_by_entry(self, layers):
        assert str(layers.derive("L", "y").components) == "(∂L/∂y)[i] = y_i − t_i"


class TestSteps:
    def test_through_layers(self, layers):
        told = normalize("NFC", str(layers.derive("L", "W_1").steps))
        assert told.split("\n") == [
            "1. Start at L: its derivative by itself is 1.",
            "2. In L = 1/2 ‖y − t‖²: times 1/2; then each entry of the sum gets the same; then "
            "through the power, multiply by 2 y − 2 t.",
            normalize("NFC", "    y\u0304 = y − t"),
            "3. In y = W_2 h: a product: multiply by the other factor W_2.",
            normalize("NFC", "    h\u0304 = W_2ᵀ y\u0304"),
            "4. In h = tanh(W_1 x): through tanh, multiply by 1 − h².",
            normalize("NFC", "    δ = h\u0304 ⊙ (1 − h²)"),
            "5. In W_1 x: a product: multiply by the other factor x. So the derivative is",
            "    ∂L/∂W_1 = (W_2ᵀ(y − t) ⊙ (1 − h²)) xᵀ",
        ]

    def test_paths_that_meet_are_added(self, states):
        told = str(states.derive("L", "W").steps)
        assert "through tanh, multiply by 1 − h_t²" in told
        assert "a product: multiply by the other factor W" in told
        assert told.endswith("∂L/∂W = Σ_{t=1}^{T} δ_t h_{t−1}ᵀ")

    def test_a_name_used_twice(self):
        told = str(Model("x in R^n\na = tanh(x)\nL = sum(a ⊙ sin(a))").derive("L", "x").steps)
        assert "through sin, multiply by cos(a)" in told


class TestImmediate:
    def test_other_steps_are_held_fixed(self, states):
        derivation = states.derive("h_t", "h_{t-1}", immediate=True)
        assert str(derivation) == "∂⁺h_t/∂h_{t−1} = diag(1 − h_t²) W"


class TestWhereAdjointsEnd:
    def test_one_step_uses_no_others(self, states):
        assert str(states.derive("h_t", "h_{t-1}")) == "∂h_t/∂h_{t−1} = diag(1 − h_t²) W"

    def test_what_comes_later_does_not_matter(self, states):
        assert str(states.derive("h_t", "U")).split("\n") == [
            "δ_t = diag(1 − h_t²)",
            "δ_s = δ_{s+1} W diag(1 − h_s²)                       s = t − 1..1",
            "(∂h_t/∂U)[i, j, k] = Σ_{s=1}^{t} δ_s[i, j] x_s[k]",
        ]


def test_members_with_two_indices_have_letters_of_their_own():
    model = Model(
        "x_t in R^n for t = 1..T\n"
        "a_{t,s} = sin(x_t^T x_s) for t = 1..T, s = 1..t\n"
        "L = sum_{t=1}^{T} sum_{s=1}^{t} a_{t,s}"
    )
    assert "_{s, s}" not in str(model.derive("L", "x_t"))
