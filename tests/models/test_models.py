"""The shipped models: found by name, with a source, and true to what is said of them."""

from __future__ import annotations

import numpy as np
import pytest
from tests.roads import Roads

from backprove import BackproveError, Model, models


@pytest.mark.parametrize("name", models.names())
def test_every_model_says_what_it_is_and_where_it_is_from(name: str) -> None:
    assert models.summary(name).endswith(".")
    assert len(models.summary(name)) <= 100
    assert "# Source: " in models.text(name)
    assert Model.load(name).system.names()


def test_sizes_may_be_given_numbers() -> None:
    lines = Model.load("rnn", T=3).derive("E", "W").unicode
    assert "t = 3..1" in lines
    assert "Σ_{t=1}^{3}" in lines


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("lstmm", "lstm"),
        ("LSTM", "lstm"),
        ("gated_cell", "gated-cell"),
        ("convolution2d", "conv2d"),
    ],
)
def test_an_unknown_name_suggests_the_nearest(name: str, nearest: str) -> None:
    with pytest.raises(BackproveError, match=f"did you mean {nearest}\\?"):
        Model.load(name)


class TestTheConstantErrorCarousel:
    """Within a step the cell is carried on by the forget gate alone (Hochreiter, Schmidhuber)."""

    @pytest.mark.parametrize(
        ("claim", "verdict"),
        [
            ("∂⁺c_t/∂c_{t-1} = diag(f_t)", "correct"),
            ("∂c_t/∂c_{t-1} = f_t", "notation"),
            ("∂⁺c_t/∂c_{t-1} = diag(f_t) diag(i_t)", "wrong"),
        ],
    )
    def test_claims(self, claim: str, verdict: str) -> None:
        assert Model.load("lstm", T=3).check(claim).verdict == verdict

    def test_exactly_one_where_the_forget_gate_is_one(self) -> None:
        gate = "f_t = σ(W_f x_t + U_f h_{t-1} + b_f)       for t = 1..T"
        text = models.text("lstm")
        assert gate in text
        given = text.replace(gate, "f_t in R^m    for t = 1..T")
        roads = Roads(given, {"n": 2, "m": 3, "T": 3})
        for t in (1, 2, 3):
            roads.declared["f", (t,)][...] = 1
            for road in (roads.forward, roads.reverse, roads.tidy):
                one_step = road(f"c_{t}", f"c_{t - 1}", "immediate")
                np.testing.assert_array_equal(one_step, np.eye(3), strict=True)

    def test_the_other_paths_are_there_all_the_same(self) -> None:
        roads = Roads(models.text("lstm", T=3), {"n": 2, "m": 3})
        through_cells = np.diag(roads.value("f_2"))
        np.testing.assert_array_equal(
            roads.forward("c_2", "c_1", "immediate"), through_cells, strict=True
        )
        assert np.abs(roads.forward("c_2", "c_1") - through_cells).max() > 1e-3


def test_the_jacobian_of_stacked_blocks() -> None:
    model = Model.load("stacked-blocks")
    for claim in ("J_x ∈ R^{k×n}", "J_x = ∂y_0/∂x_0", "∂L/∂x_0 = J_x^T E_y", "∂L/∂y_0 = E_y"):
        assert model.check(claim).verdict == "correct", claim
    assert model.check("J_x = J_B × W_B^T × J_A × W_A^T").verdict == "wrong"


def test_the_transposed_convolution_is_a_product_with_a_matrix() -> None:
    model = Model.load("transposed-conv")
    assert model.check("C ∈ R^{4×9}").verdict == "correct"
    assert model.check("vec(Y^T) = C^T vec(X^T)").verdict == "correct"
