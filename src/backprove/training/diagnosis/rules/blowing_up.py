"""Loss or gradients that grow: exploding gradients, too high a learning rate, the wrong sign."""

from __future__ import annotations

import math

import numpy as np
from scipy.ndimage import median_filter  # pyright: ignore[reportMissingTypeStubs]

from backprove.training.diagnosis.findings import Finding, Kind, Mark
from backprove.training.diagnosis.signals.curve import Curve, jitter, ramp, rank_trend
from backprove.training.diagnosis.view import View, below

#: a gradient norm before the first step that is large for any usual initialisation
_LARGE_START = (20.0, 100.0)


def exploding(view: View) -> Finding | None:
    """Spikes of gradients or loss far above their surroundings, or values that are no numbers."""
    loss, gradient = view.train or view.val, view.gradient
    signs: list[tuple[float, str, Mark | None]] = []
    broken = _broken(view)
    start = start_gradient(view)
    if broken is not None:
        signs.append(_break_sign(view, *broken))
    if gradient is not None and not _from_the_first_step(view):
        signs += _spike(gradient, "gradient norm", 20, 90, view)
    if loss is not None and view.fall > -0.5 and float(loss.y.min()) > 0:
        # a loss near nothing has spikes of many times nothing: these count by the first loss, too
        high, place = _spikes(loss)
        size = float(loss.series.high[np.isfinite(loss.series.y)][place]) / max(loss.first, 1e-12)
        sure = min(ramp(high, 10, 50), ramp(size, 3, 10))
        if sure > 0 and place > 2:
            words = (f"the loss leaps to {size:.3g} times its first value at {view.unit} "
                     f"{loss.x[place]:g}, {high:.3g} times what is around it")  # fmt: skip
            mark = Mark(loss.series.name, loss.x[place], loss.x[place], loss.y[place], "spike")
            signs.append((0.85 * sure, words, mark))
    collapse = _collapse(view)
    if collapse is not None:
        signs.append((0.62, *collapse))
    harmless = broken is None and view.fall > 0.7
    if harmless:
        # gradients leapt and the loss did not mind
        signs = [
            (sure if "loss leaps" in words else 0.5 * sure, words, mark)
            for sure, words, mark in signs
        ]
    if start is not None and loss is not None:
        grows = broken is not None or view.fall < 0.3
        sure = ramp(np.log10(max(start, 1e-9)), *np.log10(_LARGE_START)) * (0.95 if grows else 0.45)
        if sure > 0:
            signs.append((sure, f"the gradient norm is {start:.3g} at the very start", None))
    if not signs:
        return None
    if large_rate(view):
        signs = [(0.8 * sure, words, mark) for sure, words, mark in signs]
    signs.sort(key=lambda sign: -sign[0])
    if signs[0][0] < 0.2:
        return None
    return Finding(
        Kind.EXPLODING,
        signs[0][0],
        signs[0][1][0].upper() + signs[0][1][1:] + ".",
        [words for _, words, _ in signs],
        [mark for *_, mark in signs if mark is not None],
    )


def large_rate(view: View) -> bool:
    """Whether a learning rate is logged that hardly any optimiser bears."""
    return view.lr is not None and float(np.max(view.lr.y)) >= 0.5


def _collapse(view: View) -> tuple[str, Mark] | None:
    """A loss that had come down and is back where it began, at once and for good."""
    loss = view.train
    if loss is None or len(loss) < 20 or loss.first <= 0 or loss.series.broken:
        return None
    low = int(loss.smooth.argmin())
    after = loss.smooth[low:]
    if loss.smooth[low] > 0.75 * loss.first or loss.last < 0.93 * loss.first or len(after) < 5:
        return None
    place = low + int((after > 0.9 * loss.first).argmax())
    words = (f"the loss had come down to {loss.smooth[low]:.4g} and is back at {loss.last:.4g}, where it "
             f"began, from {view.unit} {loss.x[place]:g} on")  # fmt: skip
    return words, Mark(
        loss.series.name, loss.x[low], loss.x[place], float(loss.smooth[low]), "collapse"
    )


def _broken(view: View) -> tuple[float, int] | None:
    """Where loss or gradients first are no numbers and stay so, and finite points before it."""
    found: list[tuple[float, int]] = []
    for role_series in (view.run.series.values(),):
        for series in role_series:
            if series.broken_at is None or "lr" in series.name.lower():
                continue
            if series.ends_broken or series.broken > 0.5 * len(series):
                before = int((np.isfinite(series.y) & (series.x < series.broken_at)).sum())
                found.append((series.broken_at, before))
    return min(found) if found else None


def _break_sign(view: View, place: float, before: int) -> tuple[float, str, Mark | None]:
    loss = view.train or view.val
    if loss is None or before == 0:
        return 0.55, (f"the values are no numbers (NaN or inf) from the first one, at {view.unit} "
                      f"{place:g}"), None  # fmt: skip
    words = f"the values are no numbers (NaN or inf) from {view.unit} {place:g} on"
    mark = Mark(loss.series.name, place, place, float(loss.y[-1]), "NaN")
    learnt = loss.smooth.min() < 0.93 * loss.first or (view.fall > -0.3 and before > 12)
    start = start_gradient(view)
    if start is not None:
        if start > _LARGE_START[1]:
            return 0.95, words, mark
        if start < _LARGE_START[0] and not learnt:
            return 0.55, words, mark
    return (0.9 if learnt else 0.72), words, mark


def start_gradient(view: View) -> float | None:
    """The gradient norm at the start, where it is logged early enough to be about the start."""
    gradient = view.gradient
    if gradient is None:
        parts = [c.y[0] for c in view.layer_gradients.values() if c is not None and _early(view, c)]
        return float(np.sqrt(np.sum(np.square(parts)))) if parts else None
    return float(gradient.y[0]) if _early(view, gradient) else None


def _early(view: View, curve: Curve) -> bool:
    """Whether single steps are logged, from the first one on."""
    period = view.run.period
    gap = float(np.median(np.diff(curve.x))) if len(curve) > 1 else 0.0
    return view.run.axis == "step" and gap > 0 and (period is None or gap < 0.7 * period) and (
        view.train is None or curve.x[0] <= view.train.x[0] + gap
    )  # fmt: skip


def _spikes(curve: Curve) -> tuple[float, int]:
    """The greatest value by the running median before and around it, and its place."""
    high = curve.series.high[np.isfinite(curve.series.y)]
    width = max(5, len(high) // 10) | 1
    around = median_filter(curve.y, min(width, max(1, len(high))), mode="nearest")
    before = np.concatenate([[around[0]], np.maximum.accumulate(around)[:-1]])
    usual = np.maximum(np.minimum(around, before), 1e-300)
    over = high / usual
    place = int(over.argmax())
    return float(over[place]), place


def _spike(
    curve: Curve, called: str, low: float, high: float, view: View
) -> list[tuple[float, str, Mark | None]]:
    if len(curve) < 6 or float(curve.y.max()) <= 0:
        return []
    y = curve.series.high[np.isfinite(curve.series.y)]
    usual = float(np.median(curve.y[: max(6, len(curve) // 2)]))
    if usual <= 0:
        return []
    over, place = float(y.max()) / usual, int(y.argmax())
    # what falls from a large start to nothing is no spike, what stays small, or what takes its time
    early = float(np.median(curve.y[:3]))
    local = float(np.median(y[max(0, place - 6) : place + 7]))
    sure = min(ramp(np.log10(max(over, 1e-9)), np.log10(low), np.log10(high)),
               ramp(float(y.max()) / max(early, 1e-300), 8, 30),
               ramp(float(y.max()) / max(local, 1e-300), 2, 8) if len(curve) > 40 else 1.0)  # fmt: skip
    if sure <= 0 or place < 2:
        return []
    words = f"the {called} leaps to {y[place]:.3g} at {view.unit} {curve.x[place]:g}, usual is {usual:.3g}"
    return [
        (
            0.9 * sure,
            words,
            Mark(curve.series.name, curve.x[place], curve.x[place], y[place], "spike"),
        )
    ]


def _from_the_first_step(view: View) -> bool:
    """Whether the loss grows from the first step on, without having learnt anything."""
    loss = view.train
    if loss is None or len(loss) < 4:
        return False
    lowest = int(loss.y.argmin())
    return bool(lowest <= max(2, len(loss) // 50) and loss.last > 1.15 * abs(loss.first))


def rate_too_high(view: View) -> Finding | None:
    """The loss rises from the start, or stays far above what guessing has, and is erratic there."""
    loss = view.train or view.val
    broken = _broken(view)
    if loss is None:
        if broken is None or not large_rate(view):
            return None
        return Finding(Kind.RATE_HIGH, 0.6, "There is no finite loss, and the learning rate is large.",
                       ["no value of the loss is a number"])  # fmt: skip
    signs: list[tuple[float, str]] = []
    start = start_gradient(view)
    large = ramp(np.log10(max(start or 1e-9, 1e-9)), *np.log10(_LARGE_START))
    after = loss.level(0.3, 1.0)
    # single small batches may have next to no loss: the very first point counts, too
    first = max(abs(loss.first), abs(float(loss.y[0]))) or 1e-12
    rise = max(loss.last, after) / first
    if broken is not None and broken[1] > 0:
        learnt = loss.smooth.min() < 0.93 * first or broken[1] > 30
        sure = 0.35 if learnt else 0.75 if start is not None else 0.65
        signs.append((sure * (1 - 0.6 * large), f"the loss is no number from {view.unit} {broken[0]:g} on, "
                      "and nothing was learnt before"))  # fmt: skip
    if len(loss) >= (4 if broken is None else 2) and loss.y[-1] > 0:
        sure = ramp(np.log(max(rise, 1e-9)), np.log(1.1), np.log(1.6))
        words = f"the training loss goes from {loss.first:.4g} to {loss.last:.4g}, {rise:.3g} times as much"
        if sure > 0:
            signs.append((0.92 * sure * (1 - 0.6 * large), words))
    for sign in (_far_above_chance(view, loss), _overshoot(view, loss), _restless(view, loss)):
        if sign is not None:
            signs.append(sign)
    if not signs:
        return None
    sure, words = max(signs)
    if broken is not None:
        sure *= 0.78  # values that are no numbers are rather a matter of the gradients' size
    if large_rate(view) and view.lr is not None:
        words = f"{words}, with a learning rate of {float(np.max(view.lr.y)):.3g}"
        sure = max(sure, 0.85 if sure > 0.4 else sure)
    steady = steadily_up(loss)
    wild = float(loss.y.max()) / max(first, 1e-12)
    if broken is None and wild < 1e6:
        sure *= 1 - 0.5 * steady
    if sure < 0.2:
        return None
    mark = Mark(loss.series.name, loss.x[0], loss.x[-1], float(loss.y.max()), "rises")
    return Finding(
        Kind.RATE_HIGH, sure, words[0].upper() + words[1:] + ".", [w for _, w in signs], [mark]
    )


def _far_above_chance(view: View, loss: Curve) -> tuple[float, str] | None:
    """A cross-entropy that stays above that of guessing for most of the run."""
    if not view.classifies or len(loss) < 4:
        return None
    guess = view.chance.loss if view.chance is not None else None
    acc = view.train_acc
    if guess is None:
        if acc is None:
            return None
        guess = float(np.log(max(2.0, 1 / max(acc.level(0, 0.1), 0.02))))
    level = loss.level(0.5, 1.0)
    sure = ramp(level / guess, 1.25, 2.2)
    if acc is not None:
        end = float(acc.level(0.5, 1.0))
        sure = min(sure, ramp(end, 0.97, 0.85))
        if len(loss) >= 8:
            # who answers no better than by chance, and with a worse loss, is thrown about
            sure = max(
                sure, min(ramp(level / guess, 1.1, 1.45), ramp(end - math.exp(-guess), 0.1, 0.04))
            )
    return (
        (0.85 * sure, f"the loss stays at {level:.4g}, where guessing has {guess:.4g}")
        if sure
        else None
    )


def _restless(view: View, loss: Curve) -> tuple[float, str] | None:
    """A loss of many examples that jumps by a good part of what there was to learn, to the end."""
    curve = view.val if view.val is not None and len(view.val) >= 6 else loss
    if (curve is loss and view.stepped) or len(curve) < 6 or curve.y.min() <= 0:
        return None
    begin = max(float(curve.y[0]), float(loss.first))
    if view.chance is not None:
        begin = max(view.chance.loss, min(begin, 2 * view.chance.loss))
    rough = min(jitter(curve.part(0.3, 1.0)), jitter(curve.part(0.5, 1.0)))
    level = curve.level(0.4, 1.0)
    sure = 0.75 * min(ramp(rough / begin, 0.1, 0.22), ramp(level / begin, 0.35, 0.6))
    # where the training loss came down the jumps are of what was learnt by heart
    sure = min(sure, ramp(loss.level(0.5, 1.0) / begin, 0.25, 0.45))
    words = (f"{curve.series.name} jumps by {rough:.3g} from one {'evaluation' if curve is view.val else 'epoch'} to "
             f"the next, and stays about {level:.3g}")  # fmt: skip
    return (sure, words) if sure else None


def _overshoot(view: View, loss: Curve) -> tuple[float, str] | None:
    """A loss that leaps up in the first steps, however it comes down again."""
    if len(loss) < 3 or loss.y[0] <= 0 or loss.y.min() < 0:
        return None
    first = float(loss.y[0])
    if view.stepped:
        early = loss.y[: max(5, len(loss) // 5)]
        # of three points in a row, so that no single odd batch counts
        top = max(
            (float(np.median(early[k : k + 3])) for k in range(len(early) - 2)), default=first
        )
        sure = 0.8 * ramp(top / first, 2.5, 5)
        return (
            (sure, f"the loss goes from {first:.4g} up to {top:.4g} in the first steps")
            if sure
            else None
        )
    top = float(np.max(loss.y[: max(3, len(loss) // 4)]))
    if top > 2.5 * first:
        return 0.8 * ramp(
            top / first, 2.5, 8
        ), f"the loss goes from {first:.4g} up to {top:.4g} in the first epochs"
    if not view.classifies:
        return None
    # the mean of the first epoch: networks begin near guessing, at some times that where scaled badly
    guess = view.chance.loss if view.chance is not None else 1.5
    # and one that is soon as low as others has begun badly, and no more
    sure = 0.8 * ramp(first / guess, 6, 16) * ramp(loss.last / guess, 0.15, 0.4)
    if view.lr is not None and float(np.max(view.lr.y)) >= 0.1:
        sure = max(sure, 0.8 * ramp(first / guess, 2.5, 5))
    words = f"the first epoch has a mean loss of {first:.4g}, {first / guess:.3g} times that of guessing"
    return (sure, words) if sure else None


def steadily_up(loss: Curve) -> float:
    """From 0 to 1: a rise over the whole run, smooth at first and never done, as of an ascent."""
    if len(loss) < 5 or loss.last <= loss.first:
        return 0.0
    tau, _ = rank_trend(loss.smooth)
    half = loss.level(0.45, 0.55)
    # a step that is too long throws the loss up at once; an ascent is under way half the time
    late = (loss.last - half) / max(loss.last - loss.first, 1e-300)
    early = abs(loss.level(0, 0.04) - loss.first) / max(loss.last - loss.first, 1e-300)
    return min(ramp(tau, 0.7, 0.9), ramp(late, 0.1, 0.3), ramp(early, 0.25, 0.1))


def wrong_sign(view: View) -> Finding | None:
    """The loss is ascended: it rises steadily with accuracy falling, or falls below any bound."""
    loss = view.train or view.val
    if loss is None or len(loss) < 4:
        return None
    acc = view.acc
    worse = wrong = 0.0
    if acc is not None:
        worse = max(ramp(acc.last - acc.first, 0.08, -0.05), ramp(acc.last, 0.3, 0.1))
        worse = min(worse, ramp(acc.last, 0.75, 0.5))
        if view.chance is not None and (view.val_acc is not None or not view.stepped):
            acc = view.val_acc or acc
            # an ascent passes through answers that are worse than guessing
            lowest = float(np.min(acc.smooth))
            worse = max(worse, ramp(below(lowest, view.chance.accuracy, acc), 1.8, 2.6))
            usual = acc.level(0.0, 0.8)
            wrong = min(
                ramp(usual / view.chance.accuracy, 0.7, 0.4),
                ramp(below(usual, view.chance.accuracy, acc), 1.8, 2.6),
            )
    if loss.last < 0:
        first = abs(loss.first) or 1.0
        deeper = ramp(abs(loss.last) / first, 1.2, 2.5)
        unbounded = ramp(
            (loss.level(0.45, 0.55) - loss.last) / max(loss.first - loss.last, 1e-300), 0.1, 0.3
        )
        negative = 1.0 if view.classifies or loss.first < 0 else 0.8
        sure = min(deeper, unbounded, negative) * (0.65 + 0.3 * worse if acc is not None else 0.7)
        if acc is not None and worse == 0:
            sure = 0.0  # a likelihood's density may be greater than one, and its loss below nothing
        words = (f"the loss falls below nothing, to {loss.last:.4g}, and goes on falling; "
                 "losses such as cross-entropy and squared error are bounded by 0")  # fmt: skip
    else:
        steady = steadily_up(loss)
        far = ramp(loss.last / max(abs(loss.first), 1e-12), 1.15, 1.6)
        # an ascent of cross-entropy speeds up with the weights, and no faster
        grown = np.log10(max(loss.last, 1e-300) / max(abs(loss.first), 1e-300))
        pace = grown / len(loss)
        if worse <= 0.8:
            # of many steps each is short, as one that is too long never is
            far = min(far, max(ramp(grown, 8, 5), ramp(pace, 0.06, 0.03) if view.stepped else 0.0))
        elif view.stepped or len(loss) < 20:
            # answers that are wrong far more often than by chance are learnt, not stumbled upon
            far = min(far, max(ramp(pace, 0.6, 0.3), wrong))
        sure = min(steady, far) * (0.55 + 0.4 * worse if acc is not None else 0.72)
        if _broken(view) is not None and acc is None:
            sure *= 0.6
        words = (
            f"the loss rises steadily over the whole run, from {loss.first:.4g} to {loss.last:.4g}"
        )
    if sure < 0.2:
        return None
    evidence = [words]
    if acc is not None:
        evidence.append(f"the accuracy goes from {acc.first:.3f} to {acc.last:.3f}")
    mark = Mark(loss.series.name, loss.x[0], loss.x[-1], loss.last, "ascent")
    return Finding(Kind.SIGN, sure, words[0].upper() + words[1:] + ".", evidence, [mark])
