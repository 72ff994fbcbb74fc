"""The studies whose answers are exact: boxes, matrices of convolutions, separability, null spaces."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from scipy.signal import convolve2d, correlate2d

from backprove.errors import BackproveError
from backprove.studies import run
from backprove.studies.box_loss import WANTED, errors, exact_iou, shifted, squared_distance
from backprove.studies.filters import boards, null_space
from backprove.studies.numbers import Numbers
from backprove.studies.transposed_convolution import layer
from backprove.studies.xor import signs, three

# --- boxes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("overlap", WANTED, ids=str)
def test_squares_at_one_distance_have_the_overlap_they_are_made_for(overlap: Fraction) -> None:
    first, second = pair = shifted(overlap)
    common = max(first[2] - second[0], Fraction(0)) * first[3]
    union = 2 * first[2] * first[3] - common
    assert common / union == overlap == exact_iou(pair)
    assert squared_distance(pair) == 2


def test_all_whole_errors_of_a_distance_are_found() -> None:
    truth = {e for e in product(range(-5, 6), repeat=4) if sum(v * v for v in e) == 25}
    assert sorted(errors(25)) == sorted(truth)


def test_one_true_box_has_predictions_of_any_overlap_between_two_ends() -> None:
    result = run("box-loss")
    worst, best = next(t for t in result.tables if t.key == "one_truth").rows
    assert (worst[2], best[2]) == (100, 100)
    # inside by 5 on every side: 10² of 20²; larger by 10 on one side: 20² of 20 · 30
    assert (worst[3], best[3]) == (Fraction(1, 4), Fraction(2, 3))
    assert result.data["pairs_hold_exactly"]


def test_gradients_of_boxes_that_do_not_meet() -> None:
    rows = next(t for t in run("box-loss").tables if t.key == "gradients").rows
    overlap, of_distance, of_iou, of_giou = rows[0]
    assert (overlap, of_iou) == (0, 0)
    assert of_distance == pytest.approx(1)
    assert of_giou > 0.1


# --- transposed convolution -----------------------------------------------------------------------


@pytest.mark.parametrize(("input", "kernel"), [(3, 7), (2, 2), (4, 1)])
def test_the_matrix_and_the_layer_against_scipy(input: int, kernel: int) -> None:
    rng = np.random.default_rng(1)
    x, k = rng.normal(size=(1, input, input)), rng.normal(size=(1, kernel, kernel))
    numbers = Numbers(layer(input, kernel, 1), {}, {"X": x, "K": k})
    expected = convolve2d(x[0], k[0])
    np.testing.assert_allclose(numbers.value("Y")[0], expected, atol=1e-12)
    flat = numbers.value("C")[0].T @ x.reshape(-1)
    np.testing.assert_allclose(flat.reshape(expected.shape), expected, atol=1e-12)
    # backwards: the correlation with the same kernel
    back = correlate2d(expected, k[0], "valid")
    np.testing.assert_allclose(numbers.derivative("E", "X")[0], back, atol=1e-10)


def test_the_nine_by_nine_result_of_ones() -> None:
    result = run("transposed-convolution")
    edge = np.array([1, 2, 3, 3, 3, 3, 3, 2, 1])
    np.testing.assert_array_equal(result.data["result"], np.outer(edge, edge))
    assert np.shape(result.data["matrix"]) == (9, 81)
    assert result.data["layer_equals_product"]
    assert result.data["backward_is_convolution"]


def test_strides_that_leave_holes_or_an_uneven_result_are_told() -> None:
    assert "holes" in run("transposed-convolution", kernel=2, stride=3).conclusion[1]
    uneven = run("transposed-convolution", input=6, kernel=3, stride=2).conclusion[1]
    assert "checkerboard" in uneven
    even = run("transposed-convolution", input=6, kernel=4, stride=2).conclusion[1]
    assert "checkerboard" not in even


def test_a_matrix_too_large_to_show_is_refused() -> None:
    with pytest.raises(BackproveError, match="too large to show"):
        run("transposed-convolution", input=12, kernel=12, stride=6)


# --- separability ---------------------------------------------------------------------------------


def test_which_features_make_xor_separable() -> None:
    separable = run("xor").data["separable"]
    assert separable == {
        "nothing": False,
        "(2 x_1 − 1)²": False,
        "x_1²": False,
        "x_1 x_2": True,
        "(x_1 − x_2)²": True,
    }


def test_the_weights_that_are_shown_classify_xor() -> None:
    weights = run("xor").data["weights"]
    for x_1, x_2 in product((0, 1), repeat=2):
        seen = {"x_1 x_2": x_1 * x_2, "(x_1 − x_2)²": (x_1 - x_2) ** 2}
        for name, (a, b, c, bias) in weights.items():
            assert (a * x_1 + b * x_2 + c * seen[name] + bias > 0) == (x_1 != x_2)


def test_signs_that_can_classify_the_three_points() -> None:
    """By hand: w_0 > 0, w_0 + w_1 < 0 and w_0 + w_1 + w_2 > 0 leave one choice of signs."""
    _, seen, labels = three()
    assert seen.tolist() == [[1, 0, 0], [1, 1, 1], [1, 1, 0]]
    found = signs(seen, labels)
    assert [choice for choice, each in found.items() if each.separable] == [(1, -1, 1)]
    grid = [w for w in product(range(-3, 4), repeat=3) if all(w)]
    right = [w for w in grid if ((seen @ w > 0) == (np.array(labels) == 1)).all()]
    assert {tuple(np.sign(w)) for w in right if seen[2] @ w < 0} == {(1, -1, 1)}


def test_three_points_are_separable_but_not_through_the_origin() -> None:
    rows = next(t for t in run("xor").tables if t.key == "three").rows
    assert [row[1] for row in rows] == ["yes", "no", "yes"]


# --- null spaces ----------------------------------------------------------------------------------


def patches(board: np.ndarray, kernel: int, stride: int) -> np.ndarray:
    rows, columns = board.shape
    return np.array(
        [
            board[r : r + kernel, c : c + kernel].reshape(-1)
            for r in range(0, rows - kernel + 1, stride)
            for c in range(0, columns - kernel + 1, stride)
        ]
    )


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("kernel", [1, 2, 3])
@pytest.mark.parametrize("name", boards(5, 7))
def test_the_null_space_is_whole(name: str, kernel: int, stride: int) -> None:
    board = boards(5, 7)[name]
    seen = patches(board, kernel, stride)
    rank, basis = null_space(board, kernel, stride)
    assert rank == np.linalg.matrix_rank(seen)
    assert len(basis) == kernel * kernel - rank
    for each in basis:
        assert not (seen @ each.reshape(-1)).any()
    if basis:
        assert np.linalg.matrix_rank(np.stack([b.reshape(-1) for b in basis])) == len(basis)


def test_the_kernel_of_the_course_is_blind_to_its_board() -> None:
    """[[1, 0], [0, −1]] on the board with an even rim, stride 2; a line of one sign is not."""
    _, basis = null_space(boards(5, 7)["with an even rim"], 2, 2)
    span = np.stack([b.reshape(-1) for b in basis])
    for kernel, blind in (([1, 0, 0, -1], True), ([1, -1, 0, 0], False)):
        assert (np.linalg.matrix_rank(np.vstack([span, kernel])) == len(basis)) == blind


def test_a_kernel_larger_than_the_board_is_refused() -> None:
    with pytest.raises(BackproveError, match="does not fit"):
        run("filters", rows=2, columns=3, kernel=3)
