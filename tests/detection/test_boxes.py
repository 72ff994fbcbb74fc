"""Conventions, areas, clipping, and the measures of overlap."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from backprove.detection.boxes import (
    CONVENTIONS,
    BoxError,
    area,
    clip,
    convert,
    to_normalised,
    to_pixels,
)
from backprove.detection.overlap import ciou, diou, giou, iou, pairwise

corners = arrays(np.float64, (5, 2), elements=st.floats(-100, 100))
sizes = arrays(np.float64, (5, 2), elements=st.floats(0.01, 100))
xyxy = st.builds(lambda low, size: np.hstack([low, low + size]), corners, sizes)


@given(xyxy)
def test_every_convention_goes_there_and_back(b: np.ndarray) -> None:
    for first in CONVENTIONS:
        for second in CONVENTIONS:
            there = convert(convert(b, "xyxy", first), first, second)
            np.testing.assert_allclose(convert(there, second, "xyxy"), b, atol=1e-12)


def test_conventions_of_one_box() -> None:
    assert convert([10, 20, 40, 80], "xyxy", "xywh").tolist() == [10, 20, 30, 60]
    assert convert([10, 20, 40, 80], "xyxy", "cxcywh").tolist() == [25, 50, 30, 60]


def test_pixels_and_shares_of_an_image() -> None:
    assert to_pixels([0.5, 0.5, 0.2, 0.1], 200, 100).tolist() == [100, 50, 40, 10]
    each = to_normalised([[10, 10, 20, 20]] * 2, [100, 200], [50, 40])
    assert each.tolist() == [[0.1, 0.2, 0.2, 0.4], [0.05, 0.25, 0.1, 0.5]]


def test_clipping_and_areas() -> None:
    assert clip([-5, 10, 30, 70], 20, 50).tolist() == [0, 10, 20, 50]
    assert area(clip([-5, -9, -1, -2], 20, 50)) == 0
    assert area([[0, 0, 2, 3], [5, 5, 4, 9]]).tolist() == [6, 0]


@pytest.mark.parametrize("wrong", [[1, 2, 3], [[1, 2, 3, 4, 5]]])
def test_what_is_no_box_is_refused(wrong: list[float]) -> None:
    with pytest.raises(BoxError, match="four numbers"):
        area(wrong)


def test_an_unknown_convention_is_refused() -> None:
    with pytest.raises(BoxError, match="xywh"):
        convert([1, 2, 3, 4], "yxyx", "xyxy")


def test_overlaps_by_hand() -> None:
    a, b = [0, 0, 2, 2], [1, 1, 3, 3]
    assert iou(a, b) == pytest.approx(1 / 7)
    assert giou(a, b) == pytest.approx(1 / 7 - 2 / 9)
    assert diou(a, b) == pytest.approx(1 / 7 - 2 / 18)
    assert ciou(a, b) == pytest.approx(diou(a, b))
    apart = giou([0, 0, 1, 1], [9, 0, 10, 1])
    assert apart == pytest.approx(-0.8)


def test_empty_boxes_overlap_nothing() -> None:
    assert iou([1, 1, 1, 5], [0, 0, 2, 6]) == 0
    assert iou([1, 1, 1, 1], [1, 1, 1, 1]) == 0


@given(xyxy, xyxy)
def test_what_holds_of_all_measures(a: np.ndarray, b: np.ndarray) -> None:
    for measure, least in ((iou, 0), (giou, -1), (diou, -1), (ciou, -2)):
        found = measure(a, b)
        assert (found >= least - 1e-9).all()
        assert (found <= 1 + 1e-9).all()
        np.testing.assert_allclose(measure(b, a), found, atol=1e-9)
        np.testing.assert_allclose(measure(a, a), 1, atol=1e-9)
        matrix = pairwise(measure, a, b)
        assert matrix.shape == (5, 5)
        np.testing.assert_allclose(np.diagonal(matrix), found)
    assert (giou(a, b) <= iou(a, b) + 1e-12).all()
    assert (ciou(a, b) <= diou(a, b) + 1e-12).all()


def test_one_distance_and_two_overlaps() -> None:
    """The sheet's question: the same L2 norm between corners, and another IoU."""
    true, moved, grown = np.array([[0, 0, 10, 10], [2, 0, 12, 10], [-2, 0, 12, 10]])
    assert np.linalg.norm(moved - true) == np.linalg.norm(grown - true)
    assert iou(true, moved) == pytest.approx(80 / 120)
    assert iou(true, grown) == pytest.approx(100 / 140)
