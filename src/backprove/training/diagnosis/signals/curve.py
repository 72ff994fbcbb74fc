"""A curve's trend and its noise, told apart without regard to units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.ndimage import median_filter, uniform_filter1d  # pyright: ignore[reportMissingTypeStubs]
from scipy.stats import kendalltau  # pyright: ignore[reportMissingTypeStubs]

from backprove.training.diagnosis.reading.blocks import Floats
from backprove.training.diagnosis.series import Series


@dataclass(frozen=True, slots=True)
class Curve:
    """The finite part of a series: `x`, `y`, `smooth` (points,), and `noise`, the spread about it.

    Levels are NumPy's numbers, so that a ratio to a loss of 0 is infinite and no error.
    """

    series: Series
    x: Floats
    y: Floats
    smooth: Floats
    noise: float

    @classmethod
    def of(cls, series: Series | None) -> Curve | None:
        """The curve of a series, or None where it has no finite value."""
        if series is None:
            return None
        known = np.isfinite(series.y)
        if not known.any():
            return None
        y = series.y[known]
        smooth = smoothed(y)
        return cls(series, series.x[known], y, smooth, spread(y - smooth))

    def __len__(self) -> int:
        return len(self.y)

    @property
    def first(self) -> np.float64:
        """The level at the beginning: the median of the first points, a hundredth of them."""
        return np.median(self.y[: max(1, min(len(self) // 100, 50))])

    @property
    def last(self) -> np.float64:
        """The level at the end: the median of the last tenth."""
        return np.median(self.y[-max(1, len(self) // 10) :])

    @property
    def progress(self) -> Floats:
        """How much of the run is over at each point, from 0 to 1."""
        span = self.x[-1] - self.x[0]
        return (self.x - self.x[0]) / span if span > 0 else np.zeros(len(self))

    def part(self, start: float, end: float) -> Floats:
        """Values of a part of the run, such as (0.5, 1) for its second half; at least one.

        Where no point lies in it, the value between those beside it.
        """
        inside = (self.progress >= start) & (self.progress <= end)
        if inside.any():
            return self.y[inside]
        return np.array([np.interp((start + end) / 2, self.progress, self.y)])

    def level(self, start: float, end: float) -> np.float64:
        """The median of a part of the run."""
        return np.median(self.part(start, end))


def smoothed(y: Floats, share: float = 0.05) -> Floats:
    """A running median and then a running mean over a share of the points.

    The median keeps steps and drops spikes (Tukey, Exploratory Data Analysis, 1977, ch. 7).
    """
    width = max(3, int(len(y) * share)) | 1
    if len(y) < 6:
        return y.copy()
    return uniform_filter1d(median_filter(y, width, mode="nearest"), width, mode="nearest")


def spread(values: Floats) -> float:
    """A standard deviation that outliers do not move: 1.4826 times the median absolute value."""
    return float(1.4826 * np.median(np.abs(values))) if len(values) else 0.0


def jitter(y: Floats) -> float:
    """The spread of what changes from point to point, whatever the trend: by second differences.

    For independent noise of standard deviation s about any slow trend this is s (von Neumann's
    ratio with second differences, whose variance is 6 s²).
    """
    if len(y) < 4:
        return 0.0
    return spread(np.diff(y, 2)) / float(np.sqrt(6))


def rank_trend(y: Floats, most: int = 200) -> tuple[float, float]:
    """Kendall's τ against time, and its p-value, of block medians of a curve (Mann–Kendall test)."""
    if len(y) < 4:
        return 0.0, 1.0
    blocks = [float(np.median(part)) for part in np.array_split(y, min(most, len(y)))]
    found: Any = kendalltau(np.arange(len(blocks)), blocks)
    tau, chance = float(found[0]), float(found[1])
    return (tau, chance) if np.isfinite(tau) else (0.0, 1.0)


def ramp(value: float, low: float, high: float) -> float:
    """0 at `low`, 1 at `high`, linear between; `low` may be the greater."""
    if not np.isfinite(value):
        return 0.0 if np.isnan(value) else float((value > 0) == (high > low))
    return float(min(1.0, max(0.0, (value - low) / (high - low))))
