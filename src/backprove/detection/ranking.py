"""Ranked detections to precision, recall and average precision.

Between two hits precision falls and recall stands still, so a curve is known from its hits alone:
the k-th of a class, reached after c detections that count, has recall k / n and precision k / c.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from backprove.detection.boxes import Bools, Floats, Ints
from backprove.detection.matching import Matching
from backprove.detection.protocols import Protocol


@dataclass(frozen=True, slots=True)
class Hits:
    """The hits of all classes at one threshold, by class and falling score.

    `counted` detections of their class stand at or before each; `envelope` is the best precision
    at that recall or above. `start` (classes + 1,) says where each class begins.
    """

    start: Ints
    counted: Ints
    envelope: Floats

    @property
    def found(self) -> Ints:
        """How many each class has: (classes,)."""
        return np.diff(self.start)

    @property
    def precision(self) -> Floats:
        index = np.arange(len(self.counted)) - np.repeat(self.start[:-1], self.found)
        return (index + 1) / self.counted


class Ranking:
    """The hits among a matching's detections, which stand in the order of their ranks."""

    def __init__(self, matching: Matching) -> None:
        self.matching = matching
        self._bases: dict[tuple[str, int | None], tuple[Bools, Ints, Ints]] = {}

    def hits(self, threshold: int, area: str, limit: int | None) -> Hits:
        """The hits at a threshold (by number) among a range of areas, of the best `limit`."""
        made, hit = self._made(threshold, area, limit)
        counts, upto, before = self._base(area, limit)
        # a detection that takes a box counts if that does, whatever its own size
        change = np.concatenate([[0], np.cumsum(hit.astype(np.int64) - counts[made])])
        place = self.matching.candidates.detection[made]
        first = np.searchsorted(place, self.matching.start)
        before = before + change[first]
        counted = upto[made] + change[1:] - np.repeat(before[:-1], np.diff(first))
        start = np.concatenate([[0], np.cumsum(hit)])[first]
        kept_counts = counted[hit]
        return Hits(start, kept_counts, _envelope(start, kept_counts))

    def found(self, threshold: int, area: str, limit: int | None) -> Ints:
        """How many hits each class has: (classes,)."""
        made, hit = self._made(threshold, area, limit)
        place = self.matching.candidates.detection[made[hit]]
        return np.diff(np.searchsorted(place, self.matching.start))

    def _made(self, threshold: int, area: str, limit: int | None) -> tuple[Ints, Bools]:
        """The candidates that are made, by number, and which of them are hits."""
        matching = self.matching
        made = matching.made(threshold, area)
        if limit is not None:
            made = made[matching.rank[matching.candidates.detection[made]] < limit]
        return made, ~matching.ignored(area)[matching.candidates.box[made]]

    def _base(self, area: str, limit: int | None) -> tuple[Bools, Ints, Ints]:
        """If none took a box: whether the detection of each candidate would count, and how many
        up to it; how many before each class.
        """
        key = (area, limit)
        if key not in self._bases:
            counts = self.matching.in_range(area)
            if limit is not None:
                counts &= self.matching.rank < limit
            upto = np.concatenate([[0], np.cumsum(counts)])
            place = self.matching.candidates.detection
            self._bases[key] = counts[place], upto[place + 1], upto[self.matching.start]
        return self._bases[key]


def hits_of(label: Ints, score: Floats, hit: Bools, classes: int) -> Hits:
    """The hits of detections that all count, given as columns; equal scores in their order."""
    order = np.lexsort((-score, label))
    label, hit = label[order], hit[order]
    first = np.searchsorted(label, np.arange(classes + 1))
    counted = np.arange(1, len(label) + 1) - first[label] if len(label) else label
    start = np.concatenate([[0], np.cumsum(hit)])[first]
    return Hits(start, counted[hit], _envelope(start, counted[hit]))


def _envelope(start: Ints, counted: Ints) -> Floats:
    found = np.diff(start)
    index = np.arange(len(counted)) - np.repeat(start[:-1], found)
    precision = (index + 1) / counted
    for low, high in zip(start[:-1][found > 0], start[1:][found > 0], strict=True):
        part = precision[low:high]
        np.maximum.accumulate(part[::-1], out=part[::-1])
    return precision


def interpolated(hits: Hits, protocol: Protocol, positives: Ints) -> Floats:
    """The interpolated precision at the protocol's recalls, (classes, recalls)."""
    wanted = np.maximum(protocol.needed(positives), 1)
    reached = wanted <= hits.found[:, None]
    if not len(hits.envelope):
        return np.zeros(wanted.shape)
    place = np.where(reached, hits.start[:-1, None] + wanted - 1, 0)
    return np.where(reached, hits.envelope[place], 0.0)


def average_precision(hits: Hits, protocol: Protocol, positives: Ints) -> Floats:
    """Of every class, (classes,); NaN where there is nothing to find."""
    if protocol.recalls is None:
        label = np.repeat(np.arange(len(positives)), hits.found)
        total = np.bincount(label, hits.envelope, len(positives))
        mean = total / np.maximum(positives, 1)
    else:
        mean = interpolated(hits, protocol, positives).mean(axis=1)
    return np.where(positives > 0, mean, np.nan)
