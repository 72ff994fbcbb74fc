"""Linear separability: the answer is a hyperplane that separates, or weights that prove there is none."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.roads import Roads

from backprove import BackproveError, models
from backprove.separability import Separation, separate

SQUARE = [[0, 0], [0, 1], [1, 0], [1, 1]]
XOR = [0, 1, 1, 0]


def verify(found: Separation, bias: bool) -> None:
    """Either answer proves itself, in rational numbers."""
    axes = range(len(found.points[0]))
    signs = [1 if label else -1 for label in found.labels]
    if found.weights is not None:
        assert bias or found.bias == 0
        for x, sign in zip(found.points, signs, strict=True):
            assert sign * (sum(found.weights[j] * x[j] for j in axes) + found.bias) > 0
        return
    weights = found.combination
    assert weights is not None
    assert all(w >= 0 for w in weights)
    for j in axes:
        terms = zip(signs, weights, found.points, strict=True)
        assert sum(s * w * x[j] for s, w, x in terms) == 0
    if bias:
        assert sum(w for s, w in zip(signs, weights, strict=True) if s > 0) == 1
        assert sum(w for s, w in zip(signs, weights, strict=True) if s < 0) == 1
    else:
        assert sum(weights) == 1


@given(st.data(), st.integers(1, 3), st.integers(1, 8), st.booleans())
@settings(max_examples=60, deadline=None)
def test_every_answer_proves_itself(data, axes, count, bias):
    row = st.lists(st.integers(-3, 3), min_size=axes, max_size=axes)
    points = data.draw(st.lists(row, min_size=count, max_size=count))
    labels = data.draw(st.lists(st.sampled_from([0, 1]), min_size=count, max_size=count))
    verify(separate(points, labels, bias), bias)


def test_fractions_and_floats_are_taken_as_they_are():
    points = [[0.1], [Fraction(1, 3)]]
    found = separate(points, [1, 0])
    assert found.points[0][0] == Fraction(0.1) != Fraction(1, 10)
    verify(found, True)


def test_what_floating_point_cannot_tell_apart_is_not_decided():
    with pytest.raises(BackproveError, match="too close"):
        separate([[0.1], [Fraction(1, 10)]], [1, 0])


class TestXor:
    def test_the_classes_meet_in_the_middle_of_the_square(self):
        found = separate(SQUARE, XOR)
        assert not found.separable
        assert found.meeting == (Fraction(1, 2), Fraction(1, 2))
        assert "not separable" in str(found)
        verify(found, True)

    def test_a_product_as_a_feature_separates_them(self):
        found = separate([[x, y, x * y] for x, y in SQUARE], XOR)
        assert found.separable
        verify(found, True)


def test_and_or_and_three_points_in_the_plane_are_separable():
    assert separate(SQUARE, [0, 0, 0, 1]).separable
    assert separate(SQUARE, [0, 1, 1, 1]).separable
    assert separate([[0, 0], [1, 1], [1, 0]], [1, 1, 0]).separable


def test_one_class_is_separable_with_a_bias_and_may_not_be_without():
    points = [[1, 0], [-2, 0]]
    assert separate(points, [1, 1]).separable
    found = separate(points, [1, 1], bias=False)
    assert not found.separable
    verify(found, False)


def test_a_point_with_both_labels_is_not_separable():
    found = separate([[2, 3], [2, 3]], [1, -1])
    assert found.meeting == (2, 3)


def test_the_perceptron_of_the_course():
    """Its quadratic feature is 1 at all three points: it is a bias, and they are separable."""
    roads = Roads(models.text("perceptron"), {})
    features = [roads.value(f"φ_{i}").tolist() for i in (1, 2, 3)]
    found = separate(features, roads.value("z").tolist(), bias=False)
    assert found.weights is not None
    verify(found, False)
    (weights,) = roads.declared.values()
    weights[...] = np.array(found.weights, dtype=float)
    np.testing.assert_array_equal(roads.value("y"), roads.value("z"))
    assert roads.value("E") == 0


@pytest.mark.parametrize(
    ("points", "labels", "said"),
    [
        ([], [], "at least one"),
        ([[1, 2], [3]], [0, 1], "one length"),
        ([[1, 2], [3, 4]], [0], "2 points and 1 labels"),
        ([[1], [2]], [0, 2], "label"),
        ([["a"], ["b"]], [0, 1], "numbers"),
        ([[float("inf")]], [1], "numbers"),
        ([[float("nan")]], [1], "numbers"),
        ([1, 2], [0, 1], "rows"),
    ],
)
def test_bad_input(points, labels, said):
    with pytest.raises(BackproveError, match=said):
        separate(points, labels)
