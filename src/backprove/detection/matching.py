"""The matching core: which detection takes which box, for every threshold and range of areas.

A detection chooses among the boxes of its class and image that it meets well enough; better scores
choose first. All boxes rank detections alike, by score, so what choosing one after the other
gives is the one stable matching, and offers in rounds, all detections at once, reach it too
(Gale and Shapley 1962). Most boxes are nobody's second choice: there the first comer has it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from backprove.detection.boxes import Bools, Floats, Ints
from backprove.detection.data import Predictions, Truth
from backprove.detection.protocols import Protocol
from backprove.detection.sorting import by_number

#: pairs whose overlap is worked out at once, which bounds the memory
CHUNK = 1_000_000


@dataclass(frozen=True, slots=True)
class Pairs:
    """Detections and boxes that meet: numbers of detections, of boxes, and their overlaps."""

    detection: Ints
    box: Ints
    overlap: Floats

    def __getitem__(self, kept: Bools | Ints) -> Pairs:
        return Pairs(self.detection[kept], self.box[kept], self.overlap[kept])

    def __len__(self) -> int:
        return len(self.detection)


class Matching:
    """Who takes whom under a protocol.

    Detections are sorted by class, image and falling score (`order` are their numbers in the
    predictions) and cut to the protocol's limit; `rank` counts from 0 within class and image.
    Boxes keep the numbers that they have in the truth.
    """

    def __init__(self, truth: Truth, predictions: Predictions, protocol: Protocol) -> None:
        self.truth = truth
        self.protocol = protocol
        group = predictions.label * len(truth.images) + predictions.image
        falling = np.argsort(-predictions.score, kind="stable")
        order = by_number(by_number(falling, predictions.image), predictions.label)
        rank = _rank(group[order])
        if protocol.limits is not None:
            kept = rank < max(protocol.limits)
            order, rank = order[kept], rank[kept]
        self.order: Ints = order
        self.rank: Ints = rank
        self.group: Ints = group[order]
        self.label: Ints = predictions.label[order]
        self.score: Floats = predictions.score[order]
        self.edges: Floats = predictions.edges[order]
        self.size: Floats = predictions.size[order]
        self.care_not: Bools = truth.crowd | truth.difficult
        #: boxes that any number of detections may take
        self.open: Bools = truth.crowd if protocol.second_choice else self.care_not
        self._taken: dict[tuple[int, str], tuple[Ints, Ints]] = {}
        self._sorted: dict[str, Pairs] = {}

    @cached_property
    def area(self) -> Floats:
        return self.size[:, 0] * self.size[:, 1]

    def ignored(self, area: str) -> Bools:
        """The boxes that need not be found among those of a range of areas: (boxes,)."""
        low, high = self.protocol.areas[area]
        return self.care_not | (self.truth.area < low) | (self.truth.area > high)

    def in_range(self, area: str) -> Bools:
        """The detections that count, where they take no box, among a range of areas."""
        low, high = self.protocol.areas[area]
        return (self.area >= low) & (self.area <= high)

    def taken(self, threshold: int, area: str) -> tuple[Ints, Ints]:
        """The detections that take a box at the threshold of that number, and those boxes."""
        key = (threshold, area if self._contested else "")
        if key not in self._taken:
            self._taken[key] = self._match(threshold, area)
        return self._taken[key]

    @cached_property
    def _candidates(self) -> tuple[Pairs, Pairs]:
        """Pairs that meet at the lowest threshold: simple ones, and contested ones."""
        pairs = self.meeting(float(self.protocol.reach.min()))
        if not self.protocol.second_choice:
            return pairs[_best(pairs, self.protocol.last_of_equals)], pairs[np.zeros(0, np.int64)]
        # contested is every box that some detection has a choice about
        choice = np.bincount(pairs.detection, minlength=1)[pairs.detection] > 1
        contested = np.zeros(len(self.truth), bool)
        contested[pairs.box[choice]] = True
        hard = contested[pairs.box]
        return pairs[~hard], pairs[hard]

    @property
    def _contested(self) -> bool:
        return len(self._candidates[1]) > 0

    def _match(self, threshold: int, area: str) -> tuple[Ints, Ints]:
        least = self.protocol.reach[threshold]
        simple, hard = self._candidates
        simple = simple[simple.overlap >= least]
        simple = simple[_first(simple, self.open)]
        if not len(hard):
            return simple.detection, simple.box
        hard = self._preferred(area, hard)
        hard = hard[hard.overlap >= least]
        hard = hard[offers(hard, self.open)]
        return (
            np.concatenate([simple.detection, hard.detection]),
            np.concatenate([simple.box, hard.box]),
        )

    def _preferred(self, area: str, pairs: Pairs) -> Pairs:
        """Pairs by detection, the box that it likes best first: one that counts, then overlap."""
        if area not in self._sorted:
            equals = -pairs.box if self.protocol.last_of_equals else pairs.box
            ignored = self.ignored(area)[pairs.box]
            by_liking = np.lexsort((equals, -pairs.overlap, ignored, pairs.detection))
            self._sorted[area] = pairs[by_liking]
        return self._sorted[area]

    def meeting(self, least: float, same_class: bool = True) -> Pairs:
        """All pairs of one image (and one class) whose overlap is at least `least`.

        They are sorted by detection, then by box.
        """
        images = len(self.truth.images)
        keys = self.truth.image + (self.truth.label * images if same_class else 0)
        wanted = self.group if same_class else self.group % max(images, 1)
        by_key = np.argsort(keys, kind="stable")
        parts = [
            self._overlapping(detection, by_key[place], least)
            for detection, place in _equal(wanted, keys[by_key])
        ]
        if not parts:
            return Pairs(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
        return Pairs(
            np.concatenate([p.detection for p in parts]),
            np.concatenate([p.box for p in parts]),
            np.concatenate([p.overlap for p in parts]),
        )

    @cached_property
    def nearest(self) -> Ints:
        """The box of its class and image that each detection meets best (−1: none)."""
        pairs = self.meeting(0.0)
        pairs = pairs[_best(pairs, self.protocol.last_of_equals)]
        box = np.full(len(self.order), -1)
        box[pairs.detection] = pairs.box
        return box

    def _overlapping(self, detection: Ints, box: Ints, least: float) -> Pairs:
        overlap = self.overlaps(detection, box)
        kept = (overlap > 0) & (overlap >= least)
        return Pairs(detection[kept], box[kept], overlap[kept])

    def overlaps(self, detection: Ints, box: Ints) -> Floats:
        """How well detections meet boxes, pair by pair, as the protocol measures it."""
        # column by column, and with sizes as they were given: the figures that are published
        # are worked out in this order
        found, there = self.edges, self.truth.edges
        wide, high = (
            np.minimum(found[detection, k + 2], there[box, k + 2])
            - np.maximum(found[detection, k], there[box, k])
            for k in (0, 1)
        )
        overlap = np.zeros(len(detection))
        meet = np.flatnonzero((wide > 0) & (high > 0))
        detection, box = detection[meet], box[meet]
        common = wide[meet] * high[meet]
        own = self.area[detection]
        size = self.truth.size
        union = own + size[box, 0] * size[box, 1] - common
        if self.protocol.crowd_regions:
            union = np.where(self.truth.crowd[box], own, union)
        overlap[meet] = common / union
        return overlap


def _rank(group: Ints) -> Ints:
    """How many of its group stand before each, where groups stand together."""
    count = len(group)
    starts = np.flatnonzero(np.r_[True, group[1:] != group[:-1]]) if count else group
    lengths = np.diff(np.r_[starts, count])
    return np.arange(count) - np.repeat(starts, lengths)


def _equal(wanted: Ints, keys: Ints) -> Iterator[tuple[Ints, Ints]]:
    """All (i, j) with wanted[i] = keys[j], the keys sorted, in portions of bounded size."""
    start = np.searchsorted(keys, wanted, "left")
    count = np.searchsorted(keys, wanted, "right") - start
    some = np.flatnonzero(count)
    ends = np.cumsum(count[some])
    first = 0
    while first < len(some):
        before = ends[first - 1] if first else 0
        last = max(first + 1, int(np.searchsorted(ends, before + CHUNK, "right")))
        rows = some[first:last]
        many = count[rows]
        steps = np.arange(many.sum()) - np.repeat(np.cumsum(many) - many, many)
        yield np.repeat(rows, many), np.repeat(start[rows], many) + steps
        first = last


def _best(pairs: Pairs, last_of_equals: bool) -> Ints:
    """Each detection's pair of greatest overlap."""
    equals = -pairs.box if last_of_equals else pairs.box
    order = np.lexsort((equals, -pairs.overlap, pairs.detection))
    return order[_rank(pairs.detection[order]) == 0]


def _first(pairs: Pairs, open_: Bools) -> Bools:
    """The pairs in which a box gets its first comer; an open box gets all. Sorted by detection."""
    holder = np.full(len(open_), -1)
    holder[pairs.box[::-1]] = pairs.detection[::-1]
    return (holder[pairs.box] == pairs.detection) | open_[pairs.box]


def offers(pairs: Pairs, open_: Bools) -> Ints:
    """The pairs that are made, as numbers of pairs.

    They are given in the order in which detections choose, each one's most liked box first;
    `open_` boxes, (boxes,), may be taken by any number.
    """
    count = len(pairs)
    nobody = count  # beyond every pair
    first = np.flatnonzero(np.r_[True, pairs.detection[1:] != pairs.detection[:-1]])
    if not count:
        return np.zeros(0, np.int64)
    last = np.r_[pairs.detection[1:] != pairs.detection[:-1], True]
    held = np.full(len(open_), nobody)
    made: list[Ints] = []
    asking = first
    while len(asking):
        box = pairs.box[asking]
        into_open = open_[box]
        made.append(asking[into_open])
        asking, box = asking[~into_open], box[~into_open]
        before = held[box]
        # pairs are sorted by turn, so a lower number is an earlier one
        held[box[::-1]] = asking[::-1]
        better = np.minimum(held[box], before)
        held[box] = better
        refused = asking[better != asking]
        displaced = before[(better == asking) & (before != nobody)]
        again = np.concatenate([refused, displaced])
        asking = np.sort(again[~last[again]] + 1)
    made.append(held[held != nobody])
    return np.concatenate(made)
