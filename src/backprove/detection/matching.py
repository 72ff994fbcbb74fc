"""The matching core: which detection takes which box, for every threshold and range of areas.

A detection chooses among the boxes of its class and image that it meets well enough; better scores
choose first. All boxes rank detections alike, by score, so what choosing one after the other
gives is the one stable matching, and offers in rounds, all detections at once, reach it too
(Gale and Shapley 1962). Most boxes are nobody's second choice: there the first comer has it.

Sorting and looking up go class by class, whose columns fit into a processor's cache where all
detections would not: so time grows as their number does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

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

    Detections are sorted by class and falling score, ties as the protocol has them (`order` are
    their numbers in the predictions; those of class k begin at `start[k]`), and cut to the
    protocol's limit; `rank` counts from 0 within class and image. Boxes keep the numbers that they
    have in the truth.
    """

    def __init__(self, truth: Truth, predictions: Predictions, protocol: Protocol) -> None:
        self.truth = truth
        self.predictions = predictions
        self.protocol = protocol
        most = max(protocol.limits) if protocol.limits else len(predictions)
        order, rank = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
        for mine in _by_class(predictions.label, len(truth.classes)):
            image, score = predictions.image[mine], predictions.score[mine]
            falling, before = _ranked(image, score, protocol.ties_by_image)
            kept = before < most
            order.append(mine[falling[kept]])
            rank.append(before[kept])
        self.order: Ints = np.concatenate(order)
        self.rank: Ints = np.concatenate(rank)
        sizes = [len(part) for part in order]
        self.start: Ints = np.cumsum(sizes)
        self.label: Ints = np.repeat(np.arange(len(truth.classes)), sizes[1:])
        self.care_not: Bools = truth.crowd | truth.difficult
        #: boxes that any number of detections may take
        self.open: Bools = truth.crowd if protocol.second_choice else self.care_not
        self._made: dict[tuple[int, str], Bools] = {}
        self._simple: dict[int, Bools] = {}
        self._sorted: dict[str, Ints] = {}

    @cached_property
    def image(self) -> Ints:
        return self.predictions.image[self.order]

    @cached_property
    def score(self) -> Floats:
        return self.predictions.score[self.order]

    @cached_property
    def area(self) -> Floats:
        size = self.predictions.size
        return (size[:, 0] * size[:, 1])[self.order]

    def ignored(self, area: str) -> Bools:
        """The boxes that need not be found among those of a range of areas: (boxes,)."""
        low, high = self.protocol.areas[area]
        return self.care_not | (self.truth.area < low) | (self.truth.area > high)

    def in_range(self, area: str) -> Bools:
        """The detections that count, where they take no box, among a range of areas."""
        low, high = self.protocol.areas[area]
        return (self.area >= low) & (self.area <= high)

    def taken(self, threshold: int, area: str) -> tuple[Ints, Ints]:
        """The detections that take a box at the threshold of that number, sorted, and those boxes."""
        made = self.made(threshold, area)
        return self.candidates.detection[made], self.candidates.box[made]

    def made(self, threshold: int, area: str) -> Ints:
        """The same as numbers of candidates."""
        key = (threshold, area if len(self._contested) else "")
        if key not in self._made:
            self._made[key] = self._match(threshold, area)
        return np.flatnonzero(self._made[key])

    @cached_property
    def candidates(self) -> Pairs:
        """The pairs that meet well enough at the lowest threshold, sorted by detection."""
        pairs = self.meeting(float(self.protocol.reach.min()))
        if self.protocol.second_choice:
            return pairs
        return pairs[_best(pairs, self.protocol.last_of_equals)]

    @cached_property
    def _contested(self) -> Ints:
        """The candidates, by number, whose box is one that some detection has a choice about."""
        pairs = self.candidates
        again = np.flatnonzero(pairs.detection[1:] == pairs.detection[:-1])
        contested = np.zeros(len(self.truth), bool)
        contested[pairs.box[again]] = True
        contested[pairs.box[again + 1]] = True
        return np.flatnonzero(contested[pairs.box])

    def _match(self, threshold: int, area: str) -> Bools:
        """Which of the candidates are made."""
        least = self.protocol.reach[threshold]
        pairs, contested = self.candidates, self._contested
        if threshold not in self._simple:
            simple = pairs.overlap >= least
            simple[contested] = False
            able = np.flatnonzero(simple)
            simple[able] = _first(pairs[able], self.open)
            self._simple[threshold] = simple
        if not len(contested):
            return self._simple[threshold]
        made = self._simple[threshold].copy()
        hard = self._preferred(area)
        hard = hard[pairs.overlap[hard] >= least]
        made[hard[offers(pairs[hard], self.open)]] = True
        return made

    def _preferred(self, area: str) -> Ints:
        """Contested pairs by detection, the best liked first: one that counts, then by overlap."""
        if area not in self._sorted:
            pairs, contested = self.candidates, self._contested
            hard = pairs[contested]
            equals = -hard.box if self.protocol.last_of_equals else hard.box
            ignored = self.ignored(area)[hard.box]
            by_liking = np.lexsort((equals, -hard.overlap, ignored, hard.detection))
            self._sorted[area] = contested[by_liking]
        return self._sorted[area]

    def meeting(self, least: float, same_class: bool = True) -> Pairs:
        """All pairs of one image (and one class) whose overlap is at least `least`.

        They are sorted by detection, then by box.
        """
        parts: list[Pairs] = []
        image = self.truth.image
        if same_class:
            blocks = _by_class(self.truth.label, len(self.truth.classes))
            ends = [*pairwise(self.start.tolist())]
        else:
            blocks, ends = [np.arange(len(image))], [(0, len(self.order))]
        for mine, (first, last) in zip(blocks, ends, strict=True):
            boxes = mine[by_number(image[mine])]
            for detection, place in _equal(self.image[first:last], image[boxes]):
                parts.append(self._overlapping(detection + first, boxes[place], least))
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
        found, there = self.predictions.edges, self.truth.edges
        number = self.order[detection]
        wide, high = (
            np.minimum(found[number, k + 2], there[box, k + 2])
            - np.maximum(found[number, k], there[box, k])
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


def _by_class(label: Ints, classes: int) -> Sequence[Ints]:
    """The numbers of those of each class, rising."""
    order = by_number(label)
    ends = np.cumsum(np.bincount(label, minlength=classes))
    return np.split(order, ends[:-1])


def _ranked(image: Ints, score: Floats, ties_by_image: bool) -> tuple[Ints, Ints]:
    """One class's detections by falling score; and how many of its image stand before each."""
    ties = by_number(image) if ties_by_image else np.arange(len(image))
    order = ties[np.argsort(-score[ties], kind="stable")]
    image = image[order]
    together = by_number(image)
    before = np.empty_like(order)
    before[together] = _rank(image[together])
    return order, before


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
