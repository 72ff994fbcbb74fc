"""Kinds of error and their costs, the confusion of classes, and calibration."""

from __future__ import annotations

import numpy as np
import pytest
from tests.detection.cases import case

from backprove.detection.breakdown import Error, breakdown
from backprove.detection.confusion import calibration, confusion
from backprove.detection.data import predictions, truth
from backprove.detection.evaluation import Evaluation, mean
from backprove.detection.protocols import COCO, VOC07, VOC10, Protocol

BOX = [0, 0, 10, 10]
FAR = [50, 50, 60, 60]
#: IoU 1/3 with BOX, and 0 with all else
OFF = [0, 5, 10, 15]


def evaluation(
    there: list[tuple[int, list[int]]],
    found: list[tuple[int, list[int], float]],
    protocol: Protocol = VOC10,
    classes: int = 2,
) -> Evaluation:
    """Boxes as (class, box) and detections as (class, box, score), on one image."""
    labels, boxes = [k for k, _ in there], [b for _, b in there]
    names = [f"class {k}" for k in range(classes)]
    about = truth(["image"], names, [0] * len(there), labels, boxes)
    kinds, edges, scores = ([row[i] for row in found] for i in range(3))
    return Evaluation(about, predictions(about, [0] * len(found), kinds, edges, scores), protocol)


@pytest.mark.parametrize(
    ("found", "error", "costs"),
    [
        # moved onto its box it would be the hit that is missing
        ([(0, OFF, 0.9)], Error.LOCALISATION, 1.0),
        ([(1, BOX, 0.9)], Error.CLASS, 1.0),
        ([(0, BOX, 0.9), (0, BOX, 0.8)], Error.DUPLICATE, 0.0),
        ([(0, FAR, 0.9), (0, BOX, 0.8)], Error.BACKGROUND, 0.5),
        ([(1, OFF, 0.9), (0, BOX, 0.8)], Error.BOTH, 0.0),
        ([], Error.MISSED, float("nan")),
    ],
)
def test_each_kind_of_error(
    found: list[tuple[int, list[int], float]], error: Error, costs: float
) -> None:
    made = breakdown(evaluation([(0, BOX)], found))
    counts = {c.error: c.count for c in made.costs}
    assert counts == {kind: int(kind is error) for kind in Error}
    if not np.isnan(costs):
        (cost,) = (c.cost for c in made.costs if c.error is error)
        assert cost == pytest.approx(costs)


def test_a_missed_box_costs_what_its_recall_is_worth() -> None:
    made = breakdown(evaluation([(0, BOX), (0, FAR)], [(0, BOX, 0.9)]))
    (cost,) = (c for c in made.costs if c.error is Error.MISSED)
    assert (cost.count, cost.cost) == (1, pytest.approx(0.5))
    assert made.missed.tolist() == [1]
    assert made.false_negatives == pytest.approx(0.5)
    assert made.false_positives == 0


def test_of_two_that_could_be_a_box_the_better_score_becomes_it() -> None:
    made = breakdown(evaluation([(0, BOX)], [(0, OFF, 0.9), (0, OFF, 0.8), (0, FAR, 0.7)]))
    (cost,) = (c for c in made.costs if c.error is Error.LOCALISATION)
    assert (cost.count, cost.cost) == (2, pytest.approx(1.0))


@pytest.mark.parametrize("protocol", [VOC07, VOC10, COCO], ids=lambda p: p.name)
def test_what_holds_of_every_breakdown(protocol: Protocol) -> None:
    for seed in range(60):
        given = case(seed)
        made = Evaluation(given.truth, given.predictions, protocol)
        found = breakdown(made)
        assert found.ap == pytest.approx(mean(made.ap()[0]), nan_ok=True)
        assert all(cost.cost >= 0 for cost in found.costs)
        # every detection is a hit, ignored, or wrong in one way; every box found, aimed at or missed
        outcomes = np.concatenate([made.ranked(k).outcome for k in range(len(given.truth.classes))])
        assert (found.kinds >= 0).sum() == (outcomes >= 2).sum()
        assert sum(c.count for c in found.costs[:-1]) == (outcomes >= 2).sum()
        assert found.costs[-1].count == len(found.missed) <= made.positives().sum()


def test_confusion_counts_every_box_and_every_detection_once() -> None:
    for seed in range(60):
        given = case(seed)
        made = Evaluation(given.truth, given.predictions, COCO)
        table = confusion(made)
        assert table[:-1].sum(axis=1).tolist() == made.positives().tolist()
        assert table[-1, -1] == 0
        assert table[:, :-1].sum() <= len(given.predictions)
        assert confusion(made, least_score=2.0)[:-1, -1].sum() == made.positives().sum()


def test_a_box_goes_to_the_best_score_whatever_its_class() -> None:
    found = [(1, BOX, 0.9), (0, BOX, 0.8), (0, FAR, 0.7)]
    table = confusion(evaluation([(0, BOX), (1, FAR)], found))
    assert table.tolist() == [[0, 1, 0], [1, 0, 0], [1, 0, 0]]
    strong = confusion(evaluation([(0, BOX), (1, FAR)], found), least_score=0.85)
    assert strong.tolist() == [[0, 1, 0], [0, 0, 1], [0, 0, 0]]


def test_calibration_by_hand() -> None:
    found = [(0, BOX, 0.95), (0, FAR, 0.92), (0, OFF, 0.05), (1, FAR, 0.05)]
    made = calibration(evaluation([(0, BOX), (1, FAR)], found))
    assert made.count.tolist() == [2, 0, 0, 0, 0, 0, 0, 0, 0, 2]
    assert made.score[[0, 9]] == pytest.approx([0.05, 0.935])
    assert made.share[[0, 9]] == pytest.approx([0.5, 0.5])
    assert made.error == pytest.approx((2 * 0.45 + 2 * 0.435) / 4)
    assert np.isnan(calibration(evaluation([(0, BOX)], [])).error)
