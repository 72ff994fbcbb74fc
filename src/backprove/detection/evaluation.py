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
        self.ranking = Ranking(self.matching, len(truth.classes))

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
            [self.ranking.hits(t, area, limit).found for t in range(len(self.protocol.thresholds))]
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

    def rows(self, label: int, threshold: int = 0, area: str = ALL) -> list[Row]:
        """The ranked table of one class at a threshold, both by number."""
        matching = self.matching
        low, high = self.ranking.start[label : label + 2]
        mine = self.ranking.order[low:high]
        chosen = np.full(len(matching.order), -1)
        detection, box = matching.taken(threshold, area)
        chosen[detection] = box
        met, overlap = matching.nearest
        positives = int(self.positives(area)[label])
        ignored, in_range = matching.ignored(area), matching.in_range(area)
        least = matching.protocol.reach[threshold]
        there_of = np.where(chosen >= 0, chosen, met)[mine]
        overlaps = (
            np.where(there_of >= 0, matching.overlaps(mine, np.maximum(there_of, 0)), 0.0).tolist()
            if len(self.truth)
            else [0.0] * len(mine)
        )
        hits = counted = 0
        rows: list[Row] = []
        for rank, d in enumerate(mine.tolist(), 1):
            took = int(chosen[d])
            there = took if took >= 0 else int(met[d])
            if took >= 0:
                outcome = Outcome.IGNORED if ignored[took] else Outcome.HIT
            elif not in_range[d]:
                outcome = Outcome.IGNORED
            else:
                near = there >= 0 and overlap[d] >= least
                outcome = Outcome.DUPLICATE if near else Outcome.MISS
            hits += outcome is Outcome.HIT
            counted += outcome is not Outcome.IGNORED
            rows.append(
                Row(
                    rank,
                    int(matching.order[d]),
                    self.truth.images[int(matching.group[d]) % len(self.truth.images)],
                    float(matching.score[d]),
                    tuple(matching.edges[d].tolist()),
                    there if there >= 0 else None,
                    tuple(self.truth.edges[there].tolist()) if there >= 0 else None,
                    overlaps[rank - 1],
                    outcome,
                    hits / counted if counted else 0.0,
                    hits / positives if positives else float("nan"),
                )
            )
        return rows


def mean(values: Floats) -> float:
    """The mean of what there is; NaN of nothing."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")
