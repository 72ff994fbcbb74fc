"""How the steps are taken: data in the same order, gradients that pile up."""

from __future__ import annotations

import numpy as np

from backprove.training.diagnosis.findings import Finding, Kind, Mark
from backprove.training.diagnosis.reading.blocks import Floats
from backprove.training.diagnosis.signals.curve import Curve, ramp, rank_trend, smoothed
from backprove.training.diagnosis.signals.period import Repetition, repetition, strongest
from backprove.training.diagnosis.view import View


def no_shuffling(view: View) -> Finding | None:
    """The loss of single steps repeats itself with every epoch."""
    if view.train is None:
        return None
    series, period = view.train.series, epoch_length(view)
    if period is None and (view.run.axis == "epoch" or len(view.train) < 100):
        return None  # there are no single steps, or too few to find a length in
    found: list[tuple[Repetition, Floats]] = []
    for points in (series.head, series.tail):
        one = repetition(points, period) if period else strongest(points)
        if one is not None:
            found.append((one, points))
    if not found:
        return None
    best, points = max(found, key=lambda item: item[0].share)
    sure = min(ramp(best.share, 0.06, 0.16), ramp(best.chance, 1e-4, 1e-8))
    if not period:
        sure *= 0.85  # which period is an epoch is not in the log
    if best.ramp > 0.85:
        sure = min(sure, 0.45)  # a mean that begins anew with each epoch is a ramp
    if sure < 0.2:
        return None
    evidence = [
        f"a pattern of {best.period:.4g} {view.unit}s explains {100 * best.share:.0f}% of the loss's variance about "
        f"its trend (by chance: p = {best.chance:.1g})",
        "that is the length of an epoch" if period else "the log does not say how long an epoch is",
    ]
    start = float(points[0, 0])
    mark = Mark(
        series.name, start, start + best.period, float(np.nanmedian(points[:, 1])), "repeats"
    )
    return Finding(Kind.ORDER, 0.95 * sure, f"The training loss repeats itself every {best.period:.4g} "
                   f"{view.unit}s.", evidence, [mark])  # fmt: skip


def epoch_length(view: View) -> float | None:
    """Steps in an epoch: as known, else the regular distance of the evaluations."""
    if view.run.period:
        return view.run.period
    if view.run.axis == "epoch" and view.train is not None and len(view.train) > 3:
        return 1.0 if float(np.median(np.diff(view.train.x))) < 0.34 else None
    if view.val is None or len(view.val) < 4 or view.run.axis != "step":
        return None
    gaps = np.diff(view.val.x)
    gap = float(np.median(gaps))
    return gap if gap >= 3 and float(np.mean(np.abs(gaps - gap) <= 0.02 * gap)) > 0.8 else None


def accumulating(view: View) -> Finding | None:
    """Gradients that pile up: their norm grows smoothly, whatever the loss does."""
    gradient, loss = view.gradient, view.train
    if gradient is None and view.layer_gradients:
        gradient = max(
            (c for c in view.layer_gradients.values() if c is not None), key=len, default=None
        )
    if loss is None or gradient is None or len(gradient) < 8:
        return None
    y = np.maximum(gradient.y, 1e-300)
    # a sum of many gradients changes the less, the more there are
    step = float(np.median(np.abs(np.diff(np.log(y[len(y) // 3 :])))))
    start, end = float(np.median(y[: 2 if len(y) > 60 else 1])), gradient.level(0.5, 1.0)
    growth = end / start
    tau, _ = rank_trend(smoothed(y))
    fine = len(gradient) > 60
    # the norm of one batch's gradient differs from the next one's by tens of percent
    smooth = ramp(step, 0.15, 0.06) if fine else ramp(step, 0.5, 0.25)
    falls = max(view.fall, 0.0)
    useless = ramp(falls, 0.97, 0.8) if growth < 20 else ramp(falls, 1.2, 0.9)
    if fine:
        # no other way is known for a norm to grow that quietly
        useless = max(useless, ramp(step, 0.08, 0.04))
    grown = ramp(np.log(growth), np.log(2), np.log(5))
    if loss.y.max() > 1e4 * max(abs(loss.first), 1e-12):
        return None
    highest = max(float(y.max()), 1e-300)
    stays = ramp(gradient.last / highest, 0.1, 0.3)
    sure = min(smooth, useless, grown, stays)
    if not fine and growth < 20:
        # with a loss that falls smoothly all the way the norm may well grow: something is learnt by heart
        down, _ = rank_trend(loss.smooth)
        sure *= 1 - 0.6 * ramp(-down, 0.9, 0.98)
    if not fine:
        sure *= 0.9 * ramp(tau, 0.2, 0.5)
    # the gradient of what is learnt gets small: one that is at its greatest then is a sum of old ones
    end = gradient.last
    against = min(ramp(falls, 0.7, 0.9), ramp(np.log(end / start), np.log(2.5), np.log(6)),
                  ramp(end / highest, 0.5, 0.8), ramp(tau, 0.3, 0.6), ramp(step, 0.6, 0.3))  # fmt: skip
    # and it falls with the loss, more or less in proportion
    ratio = end / start / max(loss.last / max(abs(loss.first), 1e-300), 1e-300)
    kept = min(ramp(np.log10(max(ratio, 1e-300)), 2, 3), ramp(end / start, 0.9, 1.2),
               ramp(end / highest, 0.5, 0.8), ramp(step, 0.6, 0.3), ramp(loss.last, -1e-12, 0.0))  # fmt: skip
    sure = max(sure, 0.9 * against, 0.85 * kept)
    if sure < 0.2:
        return None
    evidence = [
        f"the gradient norm grows from {start:.3g} to {end:.3g}",
        f"it changes by {100 * step:.1f}% from one point to the next: gradients of single batches "
        "differ by more",
    ]  # fmt: skip
    mark = Mark(gradient.series.name, gradient.x[0], gradient.x[-1], end, "piles up")
    return Finding(Kind.ACCUMULATING, 0.93 * sure, f"The gradient norm grows smoothly, {growth:.3g} times, "
                   "while the loss does not settle.", evidence, [mark])  # fmt: skip


def swinging(view: View) -> Finding | None:
    """Where no gradients are logged: a loss that falls and then swings in long, growing waves."""
    loss = view.train
    if loss is None or len(loss) < 12 or view.gradient is not None or view.layer_gradients:
        return None
    if loss.series.broken or float(loss.smooth.max()) > 5 * abs(loss.first):
        return None
    smooth = loss.smooth
    low = float(smooth.min())
    best = int(smooth.argmin())
    after = smooth[best:]
    if len(after) < 4:
        return None
    back = (float(after.max()) - low) / max(loss.first - low, 1e-12)
    fell = ramp((loss.first - low) / max(abs(loss.first), 1e-12), 0.1, 0.3)
    size = waves(loss)
    # a mean over so many noisy points swings by itself
    own = float(np.std(loss.y - smooth)) / np.sqrt(max(3, len(loss) // 20))
    clear = ramp((float(after.max()) - low) / max(own, 1e-300), 4, 8)
    if view.val is not None and len(view.val) >= 8:
        size = min(size, 0.5 * waves(view.val))  # weights that swing take validation with them
    sure = 0.62 * min(ramp(back, 0.25, 0.7), fell, ramp(size, 0.1, 0.25), clear)
    if sure < 0.2:
        return None
    mark = Mark(
        loss.series.name, float(loss.x[best]), loss.x[-1], float(after.max()), "swings back"
    )
    return Finding(Kind.ACCUMULATING, sure, "The loss falls and swings back in long waves, as with steps that go on "
                   "in the old direction.", [f"after its best the smoothed loss wins back {100 * back:.0f}% of "
                   "what it had fallen; no gradient norms are logged to be sure"], [mark])  # fmt: skip


def waves(curve: Curve) -> float:
    """The size of long swings of a smoothed curve in its last two thirds, by its level."""
    rest = curve.smooth[len(curve) // 3 :]
    return float(np.ptp(rest) / max(abs(float(np.median(rest))), 1e-12))
