"""Greedy and soft suppression."""

from __future__ import annotations

import numpy as np
import pytest

from backprove.detection.boxes import BoxError
from backprove.detection.overlap import iou
from backprove.detection.suppression import nms, soft_nms

BOXES = [[0, 0, 10, 10], [1, 0, 11, 10], [20, 0, 30, 10], [0, 0, 10, 5]]
SCORES = [0.7, 0.9, 0.5, 0.6]


def test_the_best_of_those_that_overlap_remains() -> None:
    assert nms(BOXES, SCORES, 0.5).tolist() == [1, 3, 2]
    assert nms(BOXES, SCORES, 0.4).tolist() == [1, 2]


def test_classes_do_not_suppress_each_other() -> None:
    assert nms(BOXES, SCORES, 0.4, labels=[1, 2, 1, 1]).tolist() == [1, 0, 2]


def test_an_overlap_at_the_threshold_remains_and_ties_go_to_the_first() -> None:
    assert nms([[0, 0, 2, 2], [0, 0, 2, 1]], [1, 1], 0.5).tolist() == [0, 1]


def one_by_one(boxes: np.ndarray, scores: np.ndarray, threshold: float) -> list[int]:
    kept: list[int] = []
    for i in sorted(range(len(boxes)), key=lambda i: -scores[i]):
        if all(iou(boxes[i], boxes[j]) <= threshold for j in kept):
            kept.append(i)
    return kept


@pytest.mark.parametrize("seed", range(10))
def test_it_is_what_one_gets_one_by_one(seed: int) -> None:
    random = np.random.default_rng(seed)
    low = random.integers(0, 12, (40, 2))
    boxes = np.hstack([low, low + random.integers(1, 9, (40, 2))]).astype(float)
    scores = random.integers(0, 10, 40) / 10
    for threshold in (0.0, 0.3, 0.7):
        assert nms(boxes, scores, threshold).tolist() == one_by_one(boxes, scores, threshold)


def test_soft_suppression_lowers_scores_by_the_overlap() -> None:
    kept, scores = soft_nms(BOXES[:3], SCORES[:3], sigma=0.5)
    assert kept.tolist() == [1, 2, 0]
    overlap = float(iou(BOXES[0], BOXES[1]))
    assert scores == pytest.approx([0.9, 0.5, 0.7 * np.exp(-(overlap**2) / 0.5)])
    kept, scores = soft_nms(BOXES[:3], SCORES[:3], threshold=0.3)
    assert scores == pytest.approx([0.9, 0.5, 0.7 * (1 - overlap)])
    assert soft_nms(BOXES[:3], SCORES[:3], least=0.3)[0].tolist() == [1, 2]


def test_nothing_in_nothing_out() -> None:
    assert nms([], []).tolist() == []
    assert soft_nms([], [])[0].tolist() == []


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(BoxError, match="do not match"):
        nms(BOXES, SCORES[:2])
    with pytest.raises(BoxError, match="not a number"):
        nms(BOXES, [1, 2, np.nan, 3])
