"""Whether a curve repeats itself with the epochs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import f as f_distribution  # pyright: ignore[reportMissingTypeStubs]

from backprove.training.diagnosis.reading.blocks import Floats
from backprove.training.diagnosis.signals.curve import spread


@dataclass(frozen=True, slots=True)
class Repetition:
    """A pattern of so many steps: the share of the detrended variance that it explains, and how
    likely as much would be by chance."""

    period: float
    share: float
    chance: float
    #: the share of that pattern which is one ramp or one fall over the epoch
    ramp: float


def repetition(points: Floats, period: float) -> Repetition | None:
    """How much of a curve's variance about its trend is a pattern with a given period.

    `points` (points, 2) are places and values; the analysis of variance by phase compares the bins'
    means with what is left (Whittaker and Robinson's periodogram, 1924). None where the points
    are too few for the question.
    """
    points = points[np.isfinite(points).all(1)]
    if period <= 0 or len(points) < 24:
        return None
    x, y = points[:, 0], points[:, 1]
    per_period = period / max(float(np.median(np.diff(x))), 1e-12)
    periods = (x[-1] - x[0]) / period
    if per_period < 3 or periods < 3:
        return None
    rest = _detrended(y, round(per_period))
    kept = np.isfinite(rest)
    rest, phase = rest[kept], (x[kept] - x[0]) % period / period
    # outliers count, but no more than a large value does
    bound = 5 * (spread(rest) or 1.0)
    rest = np.clip(rest, -bound, bound)
    bins = int(min(per_period, max(3, len(rest) / 8), 32))
    which = np.minimum((phase * bins).astype(int), bins - 1)
    count = np.bincount(which, minlength=bins)
    if (count < 2).any():
        return None
    mean = np.bincount(which, rest, minlength=bins) / count
    # a last batch of few examples is noisier than the others, and its mean with it: the noisiest
    # phase is left out, since a pattern has more than one
    square = np.bincount(which, (rest - mean[which]) ** 2, minlength=bins) / (count - 1)
    if bins > 3:
        calm = which != int(square.argmax())
        rest, which = rest[calm], which[calm]
        which = which - (which > int(square.argmax()))
        bins -= 1
        count = np.bincount(which, minlength=bins)
        mean = np.bincount(which, rest, minlength=bins) / count
    total = float(((rest - rest.mean()) ** 2).sum())
    between = float((count * (mean - rest.mean()) ** 2).sum())
    if total <= 0:
        return None
    inside = max(total - between, 1e-300)
    ratio = (between / (bins - 1)) / (inside / (len(rest) - bins))
    chance = float(f_distribution.sf(ratio, bins - 1, len(rest) - bins))
    line = np.corrcoef(np.arange(bins), mean)[0, 1] ** 2 if np.ptp(mean) > 0 else 0.0
    # of pure noise the pattern explains (bins − 1)/(points − 1): that much is taken off
    floor = (bins - 1) / (len(rest) - 1)
    share = max(0.0, (between / total - floor) / (1 - floor))
    return Repetition(period, share, chance, float(line))


def strongest(points: Floats) -> Repetition | None:
    """The clearest repetition among periods of whole numbers of points, by autocorrelation."""
    points = points[np.isfinite(points).all(1)]
    if len(points) < 48:
        return None
    gap = max(float(np.median(np.diff(points[:, 0]))), 1e-12)
    rest = np.nan_to_num(_detrended(points[:, 1], max(8, len(points) // 12)))
    bound = 5 * (spread(rest) or 1.0)
    rest = np.clip(rest, -bound, bound)
    power = np.abs(np.fft.rfft(rest, 2 * len(rest))) ** 2
    alike = np.fft.irfft(power)[: len(rest) // 3]
    low, high = 3, len(alike) - 1
    if alike[0] <= 0 or high - low < 3:
        return None
    peaks = [
        k for k in range(low + 1, high) if alike[k] >= alike[k - 1] and alike[k] >= alike[k + 1]
    ]
    if not peaks:
        return None
    best = max(peaks, key=lambda k: alike[k])
    return repetition(points, best * gap)


def _detrended(y: Floats, width: int) -> Floats:
    """Values less their mean over one period around them, scaled by its size, as loss and its swings
    shrink together."""
    width = max(3, min(width, len(y) // 3))
    kernel = np.ones(width) / width
    trend = np.convolve(y, kernel, mode="valid")
    start = (width - 1) // 2
    rest = np.full(len(y), np.nan)
    rest[start : start + len(trend)] = y[start : start + len(trend)] - trend
    size = np.convolve(np.abs(np.nan_to_num(rest)), kernel, mode="same")
    floor = 1e-3 * float(np.nanmax(np.abs(rest))) if np.isfinite(rest).any() else 1.0
    return rest / np.maximum(size, floor or 1.0)
