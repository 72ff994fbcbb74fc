"""PASCAL VOC's procedure, step by step as its development kit has it, on random cases."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pytest
from tests.detection.cases import case

from backprove.detection.data import Predictions, Truth, predictions, truth
from backprove.detection.evaluation import Evaluation, Outcome
from backprove.detection.protocols import VOC07, VOC10
from backprove.model.quantities import average_precision


@dataclass
class Published:
    """What VOCevaldet does with one class; hits, and what its two AP formulas give."""

    outcomes: list[Outcome]
    positives: int

    @property
    def hits(self) -> list[bool]:
        """Of the detections that count."""
        return [o is Outcome.HIT for o in self.outcomes if o is not Outcome.IGNORED]

    def precision_recall(self) -> list[tuple[Fraction, Fraction]]:
        found, curve = 0, []
        for rank, hit in enumerate(self.hits, 1):
            found += hit
            curve.append((Fraction(found, rank), Fraction(found, self.positives)))
        return curve

    def eleven(self) -> Fraction:
        curve = self.precision_recall()
        levels = [Fraction(t, 10) for t in range(11)]
        best = [max((p for p, r in curve if r >= t), default=Fraction(0)) for t in levels]
        return sum(best, Fraction(0)) / 11

    def every(self) -> Fraction:
        curve = self.precision_recall()
        recall = [Fraction(0), *(r for _, r in curve), Fraction(1)]
        precision = [Fraction(0), *(p for p, _ in curve), Fraction(0)]
        for i in range(len(precision) - 2, -1, -1):
            precision[i] = max(precision[i], precision[i + 1])
        steps = range(1, len(recall))
        return sum(((recall[i] - recall[i - 1]) * precision[i] for i in steps), Fraction(0))


def published(truth: Truth, found: Predictions, label: int) -> Published:
    """The development kit's loop over one class's detections, by falling confidence."""
    mine = [i for i in range(len(found)) if found.label[i] == label]
    mine.sort(key=lambda i: -found.score[i])
    there = [j for j in range(len(truth)) if truth.label[j] == label]
    easy = {j: not (truth.difficult[j] or truth.crowd[j]) for j in there}
    taken: set[int] = set()
    outcomes: list[Outcome] = []
    for i in mine:
        best, which = -1.0, None
        for j in there:
            if truth.image[j] != found.image[i]:
                continue
            ov = overlap(found.edges[i], truth.edges[j])
            if ov > max(best, 0):
                best, which = ov, j
        if which is None or best < 0.5:
            outcomes.append(Outcome.MISS)
        elif not easy[which]:
            outcomes.append(Outcome.IGNORED)
        elif which in taken:
            outcomes.append(Outcome.DUPLICATE)
        else:
            outcomes.append(Outcome.HIT)
            taken.add(which)
    return Published(outcomes, sum(easy.values()))


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    common = width * height
    return common / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common)


@pytest.mark.parametrize("block", range(10))
def test_outcomes_and_both_precisions_are_the_published_ones(block: int) -> None:
    for seed in range(30 * block, 30 * block + 30):
        given = case(seed)
        seven = Evaluation(given.truth, given.predictions, VOC07)
        ten = Evaluation(given.truth, given.predictions, VOC10)
        for label in range(len(given.truth.classes)):
            want = published(given.truth, given.predictions, label)
            rows = seven.rows(label)
            assert [row.outcome for row in rows] == want.outcomes
            if want.positives:
                assert seven.ap()[0, label] == pytest.approx(float(want.eleven()), abs=1e-12)
                assert ten.ap()[0, label] == pytest.approx(float(want.every()), abs=1e-12)
            else:
                assert np.isnan(seven.ap()[0, label])
                assert np.isnan(ten.ap()[0, label])


@pytest.mark.parametrize("seed", range(60))
def test_the_numbers_are_those_of_the_notation(seed: int) -> None:
    """`average_precision` of NOTATION 2, which reckons in fractions."""
    given = case(seed)
    seven = Evaluation(given.truth, given.predictions, VOC07)
    ten = Evaluation(given.truth, given.predictions, VOC10)
    for label in range(len(given.truth.classes)):
        positives = int(seven.positives()[label])
        if positives:
            rows = [r for r in seven.rows(label) if r.outcome is not Outcome.IGNORED]
            hits = [r.outcome is Outcome.HIT for r in rows]
            for evaluation, points in ((seven, 11), (ten, None)):
                exact = float(average_precision(hits, positives, points))
                assert evaluation.ap()[0, label] == pytest.approx(exact, abs=1e-12)


def ranked(word: str, positives: int) -> Evaluation:
    """Detections that are hits (T) and not (F), in this order, of so many boxes to find."""
    boxes = [[20 * i, 0, 20 * i + 10, 10] for i in range(positives)]
    about = truth(["image"], ["rose"], [0] * positives, [0] * positives, boxes)
    left = iter(boxes)
    found = [next(left) if letter == "T" else [0, 50, 10, 60] for letter in word]
    scores = [1 - i / 100 for i in range(len(word))]
    zeros = [0] * len(word)
    return Evaluation(about, predictions(about, zeros, zeros, found, scores), VOC07)


def test_the_roses_of_the_sheet() -> None:
    """Five roses, ten predictions: TTFFFTTFFT; by hand AP = (5 · 1 + 4 · 4/7 + 2 · 5/10) / 11."""
    evaluation = ranked("TTFFFTTFFT", 5)
    assert evaluation.ap()[0, 0] == pytest.approx((5 * 1 + 4 * 4 / 7 + 2 * 5 / 10) / 11)


def test_three_of_ten_reach_a_recall_of_three_tenths() -> None:
    # 3 · 0.1 is above 0.3 in floating point, and the recall 3/10 must not miss it
    assert ranked("TTT", 10).ap()[0, 0] == pytest.approx(4 / 11)


def test_the_best_box_being_taken_makes_a_duplicate_and_no_second_choice() -> None:
    boxes = [[0, 0, 10, 10], [0, 2, 10, 12]]
    about = truth(["image"], ["rose"], [0, 0], [0, 0], boxes)
    found = predictions(about, [0, 0], [0, 0], [[0, 0, 10, 10], [0, 0.5, 10, 10.5]], [0.9, 0.8])
    rows = Evaluation(about, found, VOC07).rows(0)
    assert [row.outcome for row in rows] == [Outcome.HIT, Outcome.DUPLICATE]


def test_an_overlap_of_exactly_half_is_a_hit() -> None:
    about = truth(["image"], ["rose"], [0], [0], [[0, 0, 10, 10]])
    found = predictions(about, [0], [0], [[0, 0, 10, 5]], [0.5])
    assert Evaluation(about, found, VOC07).ap()[0, 0] == 1


def test_a_difficult_box_is_neither_to_find_nor_a_mistake_to_find_twice() -> None:
    about = truth(["image"], ["rose"], [0], [0], [[0, 0, 10, 10]], difficult=[True])
    found = predictions(about, [0, 0], [0, 0], [[0, 0, 10, 10]] * 2, [0.9, 0.8])
    evaluation = Evaluation(about, found, VOC07)
    assert [row.outcome for row in evaluation.rows(0)] == [Outcome.IGNORED] * 2
    assert np.isnan(evaluation.ap()).all()
    assert evaluation.positives().tolist() == [0]
