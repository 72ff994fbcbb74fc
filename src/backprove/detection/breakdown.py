"""Why an average precision is not 1: errors by their kind, and what each kind costs.

After TIDE (Bolya et al. 2020, "TIDE: a general toolbox for identifying object detection errors").
An error's cost is what the mean AP at the same threshold gains when an oracle puts all of its kind
right: a mislocated or misnamed detection becomes the hit that it could be (the best-scoring one
of each box), any other goes; a missed box need not be found.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from backprove.detection.boxes import Bools, Floats, Ints
from backprove.detection.evaluation import Evaluation, mean
from backprove.detection.matching import Pairs
from backprove.detection.protocols import ALL
from backprove.detection.ranking import average_precision, hits_of

#: what overlaps all boxes less than this is background
BACKGROUND = 0.1


class Error(StrEnum):
    """The kinds of error, in the order in which they are looked for."""

    LOCALISATION = "localisation"
    CLASS = "class"
    DUPLICATE = "duplicate"
    BACKGROUND = "background"
    BOTH = "both"
    MISSED = "missed"


_MEANINGS = {
    Error.LOCALISATION: "right class, box too far off",
    Error.CLASS: "right box, wrong class",
    Error.DUPLICATE: "right, but a better detection has the box",
    Error.BACKGROUND: "on no box of any class",
    Error.BOTH: "wrong class, and box too far off",
    Error.MISSED: "a box that nothing points to",
}


@dataclass(frozen=True, slots=True)
class Cost:
    """How many errors of a kind there are, and the mean AP that they cost."""

    error: Error
    count: int
    cost: float

    @property
    def meaning(self) -> str:
        return _MEANINGS[self.error]


@dataclass(frozen=True, slots=True)
class Breakdown:
    """The costs of all kinds of error at one threshold.

    `kinds` has the kind of each detection in the matching's order (−1: a hit, or ignored), as a
    number into `Error`; `false_positives` and `false_negatives` are what all of them cost.
    """

    threshold: float
    ap: float
    costs: tuple[Cost, ...]
    kinds: Ints
    missed: Ints
    false_positives: float
    false_negatives: float


def breakdown(evaluation: Evaluation, threshold: int = 0) -> Breakdown:
    """The errors of an evaluation at a threshold, by number."""
    return _Breakdown(evaluation, threshold).run()


class _Breakdown:
    def __init__(self, evaluation: Evaluation, threshold: int) -> None:
        self.evaluation = evaluation
        self.threshold = threshold
        matching = evaluation.matching
        self.label = matching.label
        self.score = matching.score
        self.positives = evaluation.positives()
        detection, box = matching.taken(threshold, ALL)
        ignored = matching.ignored(ALL)
        self.hit = np.zeros(len(self.label), bool)
        self.hit[detection[~ignored[box]]] = True
        self.wrong = matching.in_range(ALL) & ~self.hit
        self.wrong[detection] = False
        self.wanted = ~ignored
        self.used = np.zeros(len(self.wanted), bool)
        self.used[box] = True

    def run(self) -> Breakdown:
        least = float(self.evaluation.protocol.reach[self.threshold])
        kinds, aim = self._kinds(least)
        best = self._best(aim)
        missed = self.wanted & ~self.used
        missed[aim[aim >= 0]] = False
        before = self._ap(self.label, self.hit, np.ones(len(self.hit), bool))
        costs: list[Cost] = []
        for number, error in enumerate(Error):
            mine = kinds == number
            if error is Error.MISSED:
                lost = np.bincount(self._labels(missed), minlength=len(self.positives))
                after = self._ap(self.label, self.hit, positives=self.positives - lost)
                count = int(missed.sum())
            else:
                fixed = mine & best
                label = (
                    np.where(fixed, self.evaluation.truth.label[aim], self.label)
                    if len(self.evaluation.truth)
                    else self.label
                )
                after = self._ap(label, self.hit | fixed, ~mine | fixed)
                count = int(mine.sum())
            # fewer detections can lower an AP at given recalls by a hair: that is no gain
            costs.append(Cost(error, count, max(0.0, after - before)))
        found = np.bincount(self._labels(self.wanted & ~self.used), minlength=len(self.positives))
        return Breakdown(
            self.evaluation.protocol.thresholds[self.threshold],
            before,
            tuple(costs),
            kinds,
            np.flatnonzero(missed),
            max(0.0, self._ap(self.label, self.hit, ~self.wrong) - before),
            max(0.0, self._ap(self.label, self.hit, positives=self.positives - found) - before),
        )

    def _kinds(self, least: float) -> tuple[Ints, Ints]:
        """Every wrong detection's kind, and the box that it could have been (−1: none)."""
        matching = self.evaluation.matching
        pairs = matching.meeting(BACKGROUND, same_class=False)
        pairs = pairs[self.wanted[pairs.box] & self.wrong[pairs.detection]]
        same = self.evaluation.truth.label[pairs.box] == self.label[pairs.detection]
        near, near_box = self._most(pairs[same])
        other, other_box = self._most(pairs[~same])
        taken, _ = self._most(pairs[same & self.used[pairs.box]])
        any_ = np.maximum(near, other)
        order = list(Error)
        kinds = np.select(
            [
                ~self.wrong,
                (near >= BACKGROUND) & (near < least),
                other >= least,
                taken >= least,
                any_ < BACKGROUND,
            ],
            [-1, *(order.index(e) for e in order[:4])],
            order.index(Error.BOTH),
        )
        aim = np.where(kinds == order.index(Error.LOCALISATION), near_box, -1)
        aim = np.where(kinds == order.index(Error.CLASS), other_box, aim)
        # a box that somebody has cannot be won
        free = (aim >= 0) & ~self.used[aim] if len(self.used) else np.zeros(len(aim), bool)
        return kinds, np.where(free, aim, -1)

    def _most(self, pairs: Pairs) -> tuple[Floats, Ints]:
        """Each detection's greatest overlap, and with which box."""
        overlap, box = np.zeros(len(self.label)), np.full(len(self.label), -1)
        order = np.argsort(pairs.overlap, kind="stable")
        overlap[pairs.detection[order]] = pairs.overlap[order]
        box[pairs.detection[order]] = pairs.box[order]
        return overlap, box

    def _best(self, aim: Ints) -> Bools:
        """Of the detections that could be one box, that with the best score."""
        best = np.zeros(len(aim), bool)
        some = np.flatnonzero(aim >= 0)
        order = some[np.lexsort((-self.score[some], aim[some]))]
        best[order[np.r_[True, aim[order][1:] != aim[order][:-1]][: len(order)]]] = True
        return best

    def _labels(self, boxes: Bools) -> Ints:
        return self.evaluation.truth.label[boxes]

    def _ap(
        self, label: Ints, hit: Bools, there: Bools | None = None, positives: Ints | None = None
    ) -> float:
        counts = self.hit | self.wrong
        if there is not None:
            counts = counts & there
        wanted = self.positives if positives is None else positives
        hits = hits_of(label[counts], self.score[counts], hit[counts], len(wanted))
        return mean(average_precision(hits, self.evaluation.protocol, wanted))
