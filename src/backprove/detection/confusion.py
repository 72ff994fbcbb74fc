"""Which classes are taken for which, and whether scores mean what they say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from backprove.detection.boxes import Floats, Ints
from backprove.detection.evaluation import Evaluation
from backprove.detection.matching import offers
from backprove.detection.protocols import ALL


def confusion(evaluation: Evaluation, threshold: int = 0, least_score: float = 0.0) -> Ints:
    """How often a box of one class (row) is detected as another (column).

    The last row is background (detections on no box) and the last column is missed: shape
    (classes + 1, classes + 1). Detections of at least `least_score` choose among all boxes of
    their image, whatever their class, the better score first; boxes that need not be found, and
    what takes them, are left out.
    """
    matching, truth = evaluation.matching, evaluation.truth
    classes = len(truth.classes)
    # numbers by falling score, since who comes first chooses first
    by_score = np.lexsort((matching.order, -matching.score))
    turn = np.empty_like(by_score)
    turn[by_score] = np.arange(len(by_score))
    strong = matching.score >= least_score
    pairs = matching.meeting(float(evaluation.protocol.reach[threshold]), same_class=False)
    pairs = pairs[strong[pairs.detection]]
    ignored = matching.ignored(ALL)
    order = np.lexsort((-pairs.overlap, ignored[pairs.box], turn[pairs.detection]))
    pairs = pairs[order]
    made = pairs[offers(pairs, matching.care_not)]
    taken, found = np.full(len(truth), -1), np.full(len(matching.order), -1)
    found[made.detection] = made.box
    real = ~ignored[made.box]
    taken[made.box[real]] = matching.label[made.detection[real]]
    table = np.zeros((classes + 1, classes + 1), dtype=np.int64)
    column = np.where(taken >= 0, taken, classes)
    np.add.at(table, (truth.label[~ignored], column[~ignored]), 1)
    alone = strong & (found < 0) & matching.in_range(ALL)
    np.add.at(table, (np.full(alone.sum(), classes), matching.label[alone]), 1)
    return table


@dataclass(frozen=True, slots=True)
class Calibration:
    """Scores by bins: how many detections, their mean score, and the share that are hits.

    `error` is the expected calibration error, the mean of |share − score| over detections (Guo et
    al. 2017); arrays have a place for each bin, NaN where it is empty.
    """

    edges: Floats
    count: Ints
    score: Floats
    share: Floats
    error: float


def calibration(evaluation: Evaluation, threshold: int = 0, bins: int = 10) -> Calibration:
    """Of the detections that count and whose score is in [0, 1]."""
    matching = evaluation.matching
    detection, box = matching.taken(threshold, ALL)
    ignored = matching.ignored(ALL)
    hit = np.zeros(len(matching.order), bool)
    hit[detection[~ignored[box]]] = True
    counts = matching.in_range(ALL)
    counts[detection] = ~ignored[box]
    counts &= (matching.score >= 0) & (matching.score <= 1)
    score, hit = matching.score[counts], hit[counts]
    place = np.minimum((score * bins).astype(np.int64), bins - 1)
    count = np.bincount(place, minlength=bins)
    some = np.maximum(count, 1)
    mean_score = np.bincount(place, score, bins) / some
    share = np.bincount(place, hit, bins) / some
    total = max(int(count.sum()), 1)
    error = float((count * np.abs(mean_score - share)).sum() / total) if len(score) else np.nan
    empty = count == 0
    return Calibration(
        np.linspace(0, 1, bins + 1),
        count,
        np.where(empty, np.nan, mean_score),
        np.where(empty, np.nan, share),
        float(error),
    )
