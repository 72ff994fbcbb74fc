"""A column of a log of any length in bounded memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from backprove.training.diagnosis.reading.blocks import Flags, Floats

#: bins that a column is summed up in, and single points kept from its beginning and its end
BINS, KEPT = 4096, 4096


@dataclass(frozen=True, slots=True)
class Series:
    """A curve: bins of consecutive points, in order.

    `x` (bins,) is where each bin begins on the run's axis, `epoch` (bins,) the epoch there or NaN,
    `y` the mean of its finite values (NaN where there are none), `low` and `high` the least and the
    greatest, `count` the points. `head` and `tail` are single points (points, 2) of x and value from
    the beginning and from the end: what is periodic in a few steps shows in these alone.
    """

    name: str
    x: Floats
    epoch: Floats
    y: Floats
    low: Floats
    high: Floats
    count: Floats
    head: Floats
    tail: Floats
    #: where the first value that is not finite stands, how many there are, and if the last is one
    broken_at: float | None
    broken: int
    ends_broken: bool

    @property
    def single(self) -> bool:
        """Whether every bin is one point."""
        return bool((self.count <= 1).all())

    def __len__(self) -> int:
        return len(self.x)


class Collector:
    """Sums a column up while it is read."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.stride = 1
        #: how often a point stands before the one logged before it
        self.backwards = 0
        self._last = -np.inf
        # row, step, epoch, mean, low, high, finite values, other values
        self._bins = np.empty((0, 8))
        self._rest = np.empty((0, 4))
        self._head: list[Floats] = []
        self._head_size = 0
        self._tail = np.empty((0, 4))

    def add(self, row: Floats, step: Floats, epoch: Floats, value: Floats) -> None:
        """Add points, in the order of the log; `step` and `epoch` are NaN where there is none."""
        points = np.stack([row, step, epoch, value], 1)
        place = np.where(np.isfinite(step), step, epoch)
        place = np.append(self._last, place[np.isfinite(place)])
        self.backwards += int((np.diff(place) < 0).sum())
        self._last = float(place[-1])
        if self._head_size < KEPT:
            self._head.append(points[: KEPT - self._head_size])
            self._head_size += len(self._head[-1])
        self._tail = np.concatenate([self._tail, points])[-KEPT:]
        points = np.concatenate([self._rest, points])
        whole = len(points) // self.stride * self.stride
        self._rest = points[whole:]
        self._bins = np.concatenate([self._bins, _binned(points[:whole], self.stride)])
        while len(self._bins) > 2 * BINS:
            even = len(self._bins) // 2 * 2
            left = self._bins[even:]
            self._bins = np.concatenate([_paired(self._bins[:even]), left])
            self.stride *= 2

    def table(self) -> Floats:
        """The bins (bins, 8): row, step, epoch, mean, low, high, finite values, other values."""
        rest = _binned(self._rest, len(self._rest)) if len(self._rest) else np.empty((0, 8))
        return np.concatenate([self._bins, rest])

    def head(self) -> Floats:
        """The first points (points, 4): row, step, epoch, value."""
        return np.concatenate(self._head) if self._head else np.empty((0, 4))

    def tail(self) -> Floats:
        """The last points (points, 4)."""
        return self._tail


def _binned(points: Floats, stride: int) -> Floats:
    if not len(points):
        return np.empty((0, 8))
    groups = points.reshape(-1, stride, 4)
    value = groups[:, :, 3]
    finite = np.isfinite(value)
    count = finite.sum(1)
    with np.errstate(all="ignore"):
        mean = np.where(finite, value, 0).sum(1) / count
    low = np.where(finite, value, np.inf).min(1)
    high = np.where(finite, value, -np.inf).max(1)
    none = count == 0
    low[none] = high[none] = np.nan
    return np.column_stack([groups[:, 0, :3], mean, low, high, count, stride - count])


def _paired(bins: Floats) -> Floats:
    a, b = bins[::2], bins[1::2]
    count = a[:, 6] + b[:, 6]
    with np.errstate(all="ignore"):
        mean = (np.nan_to_num(a[:, 3]) * a[:, 6] + np.nan_to_num(b[:, 3]) * b[:, 6]) / count
    low, high = np.fmin(a[:, 4], b[:, 4]), np.fmax(a[:, 5], b[:, 5])
    return np.column_stack([a[:, :3], mean, low, high, count, a[:, 7] + b[:, 7]])


def superseded(position: Floats) -> Flags:
    """Points that a later part of the log has written again: a run that was resumed.

    `position` (points,) in the order of the log; a point is superseded where a later one stands at
    the same place or before it.
    """
    if not len(position):
        return np.zeros(0, bool)
    later = np.minimum.accumulate(position[::-1])[::-1]
    return np.append(position[:-1] >= later[1:], False)
