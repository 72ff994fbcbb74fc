"""`explain`: the working of every named quantity, which ends in the quantity's own value."""

from __future__ import annotations

import re
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.roads import Roads

from backprove import BackproveError, Model
from backprove.explain import explain
from backprove.explain.question import EXPLAINERS
from backprove.model.quantities import QUANTITIES


def worth(text: str):
    """The value of a quantity by the model's own arithmetic."""
    return Roads("n in N", {"n": 1}).value(text)


def cells(value: str) -> np.ndarray:
    """The numbers of an array as it is shown."""
    rows = [re.findall(r"−?\d+(?:/\d+)?", line) for line in value.split("\n")]
    return np.array([[float(Fraction(c.replace("−", "-"))) for c in row] for row in rows])


def test_every_named_quantity_is_explained():
    assert set(EXPLAINERS) == set(QUANTITIES)


# --- the value at the end is the quantity's value -------------------------------------------------

wholes = st.integers(1, 4)
boxes = st.tuples(*[st.fractions(0, 5, max_denominator=4)] * 2, wholes, wholes).map(
    lambda b: f"[{b[0]}, {b[1]}, {b[0]} + {b[2]}, {b[1]} + {b[3]}]"
)
words = st.text("TF", min_size=1, max_size=9)
questions = st.one_of(
    st.builds("conv_size({}, {}, stride={})".format, st.integers(5, 30), wholes, wholes),
    st.builds("conv_transpose_size({}, {}, {}, 0, 1)".format, st.integers(1, 9), wholes, wholes),
    st.builds("receptive_field([[{}, {}], [3, 2, {}]])".format, wholes, wholes, wholes),
    st.builds("parameters([{}, 3], {}, {}, bias=0)".format, wholes, wholes, wholes),
    st.builds("iou({}, {})".format, boxes, boxes),
    st.builds("giou({}, {})".format, boxes, boxes),
    st.builds("precision({0}, 1)".format, words),
    st.builds("recall({0}, 1, positives=9)".format, words),
    st.builds(
        "average_precision({}, positives=9, points={})".format, words, st.sampled_from([11, "all"])
    ),
)


@given(questions)
@settings(max_examples=60, deadline=None)
def test_numbers(text):
    found = explain(text)
    assert found.exact is not None
    assert float(found.exact) == pytest.approx(worth(text))
    assert str(found).startswith(text)
    assert str(found).endswith(f"{text} = {found.value}")


@pytest.mark.parametrize("options", ["", ", stride=2", ", padding=1", ", dilation=2, padding=2"])
@pytest.mark.parametrize("name", ["conv", "conv_transpose"])
def test_arrays(name, options):
    x, k = "[[1, 2, 0], [4, -1, 1], [3, 3, 2]]", "[[2, -1], [1/2, 5]]"
    text = f"{name}({x}, {k}{options})"
    np.testing.assert_allclose(cells(explain(text).value), worth(text))
    text = f"{name}_matrix({k}, input=[3, 3]{options})"
    np.testing.assert_allclose(cells(explain(text).value), worth(text))


# --- the working ----------------------------------------------------------------------------------


def test_average_precision_of_the_course():
    found = explain("average_precision(TTFFFTTFFT, positives=5, points=11)")
    assert found.exact == Fraction(58, 77)
    assert found.value == "58/77 = 0.7532…"
    lines = [" ".join(line.split()) for line in found.lines]
    assert "3 F 2 2/3 0.6666… 2/5 0.4" in lines
    assert "7 T 4 4/7 0.5714… 4/5 0.8" in lines
    assert "0.5 to 0.8 4 4/7 0.5714…" in lines
    assert "AP = (5·1 + 4·4/7 + 2·1/2)/11 = 58/77 = 0.7532…" in lines


def test_the_area_under_the_curve():
    found = explain("average_precision(TFT, positives=2, points=all)")
    assert found.exact == Fraction(5, 6)
    assert "AP = 1/2 + 1/3 = 5/6 = 0.8333…" in found.lines


def test_the_matrix_of_a_transposed_convolution():
    text = str(explain("conv_transpose_matrix(K, input=[2,2])"))
    assert "K is not declared and is taken to be 2×2." in text
    assert "C is 4 × 9" in text
    assert "⎣   0    0    0    0  K₁₁  K₁₂    0  K₂₁  K₂₂ ⎦" in text
    assert "5: K₂₂ X₁₁ + K₂₁ X₁₂ + K₁₂ X₂₁ + K₁₁ X₂₂" in text


def test_the_product_with_the_matrix_is_the_transposed_convolution():
    """The nine entries that are shown are those of conv_transpose(X, K)."""
    model = Model.load("transposed-conv")
    lines = explain("conv_transpose_matrix(K, input=[2, 2])").lines
    shown = [line.partition(": ")[2] for line in lines if re.match(r"\d: ", line)]
    ascii_ = str.maketrans("₁₂", "12")
    entries = [re.sub(r"([KX])(\d)(\d)", r"\1[\2,\3]", entry.translate(ascii_)) for entry in shown]
    assert len(entries) == 9
    for at, entry in enumerate(entries):
        assert model.check(f"Y[{at // 3 + 1},{at % 3 + 1}] = {entry}").verdict == "correct"


def test_the_formula_with_its_numbers():
    lines = explain("conv_size(21, 4, stride=4)").lines
    assert lines == (
        "n = 21, k = 4, s = 4, p = 0, d = 1",
        "  ⌊(n + 2p − d(k − 1) − 1)/s⌋ + 1",
        "= ⌊(21 + 2·0 − 1·(4 − 1) − 1)/4⌋ + 1",
        "= ⌊17/4⌋ + 1",
        "= 4 + 1",
        "= 5",
    )


def test_several_axes():
    found = explain("conv_size([21, 12], [4, 5], stride=4)")
    assert found.value == "[5, 2]"
    assert "axis 2: n = 12, k = 5, s = 4, p = 0, d = 1" in found.lines


def test_boxes_that_do_not_meet():
    found = explain("giou([0, 0, 1, 1], [2, 0, 3, 1])")
    assert "intersection: 0, they do not overlap" in found.lines
    assert "GIoU = 0 − 1/3 = −1/3" in found.lines


def test_names_of_a_model():
    assert explain("conv_size(n, 3)", "n = 9").value == "7"
    assert "2×2" not in str(explain("conv(X, K)", "X in R^{4 x 4}, K in R^{3 x 3}"))


# --- bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("conv_sise(3, 2)", "did you mean conv_size\\?"),
        ("iuo([0, 0, 1, 1], [0, 0, 1, 1])", "did you mean iou\\?"),
        ("conv_size(3, 2) + 1", "one named quantity"),
        ("x", "one named quantity"),
        ("", "expected a term"),
        ("conv_size(3", "never closed"),
        ("conv_size(3)", "needs kernel"),
        ("conv_size(3, 5)", "larger"),
        ("conv_size([3, 4, 5], [1, 2])", "3 axes"),
        ("conv_size(7, 3, stride=0)", "at least 1"),
        ("conv_size(n, 3)", "n is not declared"),
        ("conv_matrix(K, input=[30, 30])", "too many"),
        ("iou([0, 0, 0, 0], [1, 1, 1, 1])", "empty"),
        ("iou([1, 0, 0, 1], [0, 0, 1, 1])", "x1 ≤ x2"),
        ("iou([0, 0, 1], [0, 0, 1, 1])", "two boxes"),
        ("precision(TFT, 5)", "from 1 to 3"),
        ("precision(TXT, 1)", "T and F"),
        ("recall(TTT, 1, positives=2)", "no fewer positives"),
        ("average_precision(TF, positives=0)", "at least 1"),
        ("receptive_field([[0, 1]])", "at least 1"),
        ("receptive_field(3)", "list of layers"),
        ("parameters(3, -1, 2)", "at least 1"),
    ],
)
def test_bad_input(text, said):
    with pytest.raises(BackproveError, match=said):
        explain(text)
