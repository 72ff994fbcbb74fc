"""An evaluation: predictions against the truth under a protocol, in figures and in rows."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from backprove.detection.boxes import BoxError, Floats, Ints
from backprove.detection.data import Predictions, Truth
from backprove.detection.matching import Matching
from backprove.detection.protocols import ALL, Protocol
from backprove.detection.ranking import Ranking, average_precision, interpolated


class Outcome(StrEnum):
    """What a detection turned out to be."""

    HIT = "hit"
    MISS = "no hit"
    DUPLICATE = "duplicate"
    IGNORED = "ignored"


#: outcomes by number
OUTCOMES = (Outcome.IGNORED, Outcome.HIT, Outcome.DUPLICATE, Outcome.MISS)
_NUMBERS = range(len(OUTCOMES))


@dataclass(frozen=True, slots=True)
class Ranked:
    """The detections of one class by falling score, as columns.

    `prediction` numbers into the predictions, `image` into the images, `near` into the boxes (−1:
    none) and `outcome` into `OUTCOMES`; see `Row`.
    """

    prediction: Ints
    image: Ints
    score: Floats
    near: Ints
    overlap: Floats
    outcome: Ints
    precision: Floats
    recall: Floats
    positives: int


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the ranked table of one class.

    `met` is the box of its class and image that the detection overlaps most, with `overlap`; where
    it took a box, that one. `box` is xyxy. An ignored row has no share in precision and recall.
    """

    rank: int
    prediction: int
    image: str
    score: float
    box: tuple[float, ...]
    met: int | None
    met_box: tuple[float, ...] | None
    overlap: float
    outcome: Outcome
    precision: float
    recall: float


class Evaluation:
    """Predictions against the truth under a protocol.

    Figures are arrays over (thresholds, classes) of the protocol, NaN for a class of which there
    is nothing to find. A range of areas is named as in `protocol.areas`; `limit` is the number of
    detections an image and class, one of `protocol.limits` (None: the largest).
    """

    def __init__(self, truth: Truth, predictions: Predictions, protocol: Protocol) -> None:
        if len(predictions) and int(predictions.image.max()) >= len(truth.images):
            raise BoxError("the predictions are about images that the truth lacks")
        self.truth = truth
        self.predictions = predictions
        self.protocol = protocol
        self.matching = Matching(truth, predictions, protocol)
        self.ranking = Ranking(self.matching)

    def positives(self, area: str = ALL) -> Ints:
        """How many boxes of every class have to be found: (classes,)."""
        wanted = self.truth.label[~self.matching.ignored(area)]
        return np.bincount(wanted, minlength=len(self.truth.classes))

    def ap(self, area: str = ALL, limit: int | None = None) -> Floats:
        """Average precision: (thresholds, classes)."""
        positives = self.positives(area)
        return np.stack(
            [
                average_precision(self.ranking.hits(t, area, limit), self.protocol, positives)
                for t in range(len(self.protocol.thresholds))
            ]
        )

    def precision(self, area: str = ALL, limit: int | None = None) -> Floats:
        """Interpolated precision at the protocol's recalls: (thresholds, recalls, classes)."""
        positives = self.positives(area)
        parts = [
            interpolated(self.ranking.hits(t, area, limit), self.protocol, positives).T
            for t in range(len(self.protocol.thresholds))
        ]
        return np.where(positives > 0, np.stack(parts), np.nan)

    def recall(self, area: str = ALL, limit: int | None = None) -> Floats:
        """The recall of all detections together: (thresholds, classes)."""
        positives = self.positives(area)
        found = np.stack(
            [self.ranking.found(t, area, limit) for t in range(len(self.protocol.thresholds))]
        )
        return np.where(positives > 0, found / np.maximum(positives, 1), np.nan)

    def summary(self) -> dict[str, float]:
        """The protocol's own figures by name; NaN where there is nothing to find."""
        limits, areas = self.protocol.limits, self.protocol.areas
        if limits is None:
            return {"mAP": mean(self.ap())}
        every, *sizes = areas
        whole = self.ap(every)
        figures = {"AP": mean(whole)}
        for share in (0.5, 0.75):
            where = np.isclose(self.protocol.thresholds, share)
            figures[f"AP{100 * share:.0f}"] = mean(whole[where])
        figures |= {f"AP {size}": mean(self.ap(size)) for size in sizes}
        figures |= {f"AR {limit}": mean(self.recall(every, limit)) for limit in limits}
        return figures | {f"AR {size}": mean(self.recall(size)) for size in sizes}

    def ranked(self, label: int, threshold: int = 0, area: str = ALL) -> Ranked:
        """The detections of one class by rank, at a threshold; both by number."""
        matching = self.matching
        low, high = matching.start[label : label + 2]
        mine = np.arange(low, high)
        detection, box = matching.taken(threshold, area)
        first, last = np.searchsorted(detection, (low, high))
        took = np.full(len(mine), -1)
        took[detection[first:last] - low] = box[first:last]
        near = np.where(took >= 0, took, matching.nearest[mine])
        overlap = np.zeros(len(mine))
        some = np.flatnonzero(near >= 0)
        overlap[some] = matching.overlaps(mine[some], near[some])
        need_not = matching.ignored(area)
        given = np.zeros(len(mine), bool) if not len(need_not) else need_not[took]
        ignored = np.where(took >= 0, given, ~matching.in_range(area)[mine])
        hit = (took >= 0) & ~ignored
        again = (took < 0) & (overlap >= matching.protocol.reach[threshold])
        found, counted = np.cumsum(hit), np.cumsum(~ignored)
        positives = int(self.positives(area)[label])
        return Ranked(
            matching.order[mine],
            matching.image[mine],
            matching.score[mine],
            near,
            overlap,
            np.select([ignored, hit, again], [*_NUMBERS[:3]], _NUMBERS[3]),
            found / np.maximum(counted, 1),
            found / positives if positives else np.full(len(mine), np.nan),
            positives,
        )

    def rows(
        self, label: int, threshold: int = 0, area: str = ALL, most: int | None = None
    ) -> list[Row]:
        """The first lines of the ranked table of one class at a threshold (None: all)."""
        ranked = self.ranked(label, threshold, area)
        rows: list[Row] = []
        for i in range(len(ranked.score) if most is None else min(most, len(ranked.score))):
            near, prediction = int(ranked.near[i]), int(ranked.prediction[i])
            rows.append(
                Row(
                    i + 1,
                    prediction,
                    self.truth.images[int(ranked.image[i])],
                    float(ranked.score[i]),
                    tuple(self.predictions.edges[prediction].tolist()),
                    near if near >= 0 else None,
                    tuple(self.truth.edges[near].tolist()) if near >= 0 else None,
                    float(ranked.overlap[i]),
                    OUTCOMES[int(ranked.outcome[i])],
                    float(ranked.precision[i]),
                    float(ranked.recall[i]),
                )
            )
        return rows

    def reached(self, label: int, threshold: int = 0) -> list[tuple[float, float]]:
        """The recalls at which a class's AP is read off, with the interpolated precisions.

        For a protocol of all recalls these are the recalls of its hits.
        """
        hits = self.ranking.hits(threshold, ALL, None)
        positives = self.positives()
        if self.protocol.recalls is None:
            envelope = hits.envelope[hits.start[label] : hits.start[label + 1]]
            found = np.arange(1, len(envelope) + 1) / max(int(positives[label]), 1)
            return list(zip(found.tolist(), envelope.tolist(), strict=True))
        values = interpolated(hits, self.protocol, positives)[label]
        levels = [float(r) for r in self.protocol.recalls]
        return list(zip(levels, values.tolist(), strict=True))


def mean(values: Floats) -> float:
    """The mean of what there is; NaN of nothing."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")
