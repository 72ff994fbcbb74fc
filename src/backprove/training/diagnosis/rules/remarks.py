"""What is worth a remark and is no fault: schedule steps, the best epoch, trend against noise."""

from __future__ import annotations

import numpy as np

from backprove.training.diagnosis.findings import Finding, Kind, Mark
from backprove.training.diagnosis.signals.curve import Curve, ramp, rank_trend, smoothed, spread
from backprove.training.diagnosis.view import View

#: a learning rate that changes by less from one point to the next is a smooth schedule
_JUMP = 0.25


def schedule_steps(view: View) -> list[Finding]:
    """Steps of the learning rate: as logged, else seen in a sudden fall of loss and noise together."""
    if view.lr is not None:
        return _logged_steps(view, view.lr)
    return _seen_step(view)


def _logged_steps(view: View, lr: Curve) -> list[Finding]:
    before, after = lr.y[:-1], lr.y[1:]
    moves = np.abs(np.diff(lr.y))
    # a smooth schedule moves before and after, too
    beside = np.maximum(np.append(0.0, moves[:-1]), np.append(moves[1:], 0.0))
    alone = moves > 4 * beside
    change = np.flatnonzero(alone & (moves > _JUMP * np.maximum(before, after)) & (before > 0))
    if not 0 < len(change) <= max(6, len(lr) // 20):
        return []
    found: list[Finding] = []
    for k in change[:6].tolist():
        x, ratio = float(lr.x[k + 1]), float(after[k] / before[k])
        words = (
            f"the learning rate goes from {before[k]:.3g} to {after[k]:.3g} at {view.unit} {x:g}"
        )
        evidence = [words]
        if view.train is not None:
            near = 0.08 * (view.train.x[-1] - view.train.x[0])
            left = view.train.y[(view.train.x < x) & (view.train.x >= x - near)]
            right = view.train.y[(view.train.x > x) & (view.train.x <= x + near)]
            if len(left) and len(right) and np.median(left) > 0:
                drop = 1 - float(np.median(right) / np.median(left))
                evidence.append(
                    f"the training loss is {100 * abs(drop):.0f}% {'lower' if drop > 0 else 'higher'} after it"
                )
        name = view.train.series.name if view.train is not None else lr.series.name
        value = (
            float(np.interp(x, view.train.x, view.train.y))
            if view.train is not None
            else float(after[k])
        )
        found.append(Finding(Kind.SCHEDULE, 1.0 if ratio != 1 else 0.5, words[0].upper() + words[1:] + ".",
                             evidence, [Mark(name, x, x, value, "schedule step")]))  # fmt: skip
    return found


def _seen_step(view: View) -> list[Finding]:
    loss = view.train
    if loss is None or len(loss) < 40 or loss.y.min() <= 0:
        return []
    y, n = np.log(loss.y), len(loss)
    width = max(6, n // 12)
    score = np.zeros(n)
    for k in range(width, n - width, max(1, width // 6)):
        left, right = y[k - width : k], y[k : k + width]
        noise = max(spread(left - np.median(left)), spread(right - np.median(right)), 1e-3)
        # against the trend: what the curve was doing before the place goes on
        slope = np.polyfit(np.arange(width), left, 1)[0] * width
        fall = float(np.median(left) - np.median(right)) + min(slope, 0.0)
        quiet = spread(np.diff(right)) / max(spread(np.diff(left)), 1e-12)
        score[k] = min(ramp(fall / noise, 2, 5), ramp(fall, 0.1, 0.3), ramp(quiet, 2, 1.3))
    k = int(score.argmax())
    if score[k] < 0.5:
        return []
    x = float(loss.x[k])
    return [Finding(Kind.SCHEDULE, 0.6 * float(score[k]), f"The training loss falls suddenly near {view.unit} {x:g}, "
                    "as at a step of the learning rate; the log has no learning rate.",
                    [f"the level before and after {view.unit} {x:g} differs by more than the trend and the noise"],
                    [Mark(loss.series.name, x, x, float(loss.y[k]), "sudden fall")])]  # fmt: skip


def stopping_point(view: View) -> list[Finding]:
    """Where the validation loss was least, if that is not the end."""
    pair = view.losses
    if pair is None or len(pair.x) < 5:
        return []
    val = smoothed(pair.val, 0.05)
    best = int(val.argmin())
    noise = spread(pair.val - val)
    end = float(np.median(val[-max(1, len(val) // 20) :]))
    if best >= len(val) - max(2, len(val) // 20) or end - val[best] < max(
        noise, 0.02 * abs(val[best])
    ):
        return []
    x = float(pair.x[best])
    name = view.val.series.name if view.val is not None else ""
    return [Finding(Kind.STOPPING, ramp(end - val[best], noise, 3 * noise + 1e-12), f"The validation loss is least at "
                    f"{view.unit} {x:g}, {val[best]:.4g}: the point to stop at.",
                    [f"it ends at {end:.4g}"], [Mark(name, x, x, float(val[best]), "best")])]  # fmt: skip


def trend(view: View) -> list[Finding]:
    """Whether the training loss still moves at the end by more than its noise."""
    loss = view.train
    if loss is None or len(loss) < 12:
        return []
    rest = loss.part(0.75, 1.0)
    if len(rest) < 6:
        return []
    tau, chance = rank_trend(rest)
    n = max(2, len(rest) // 3)
    change = (float(np.median(rest[-n:])) - float(np.median(rest[:n]))) / max(
        abs(float(np.median(rest))), 1e-12
    )
    share = loss.noise / max(abs(loss.last), 1e-12)
    if chance < 0.01 and abs(change) > 0.02:
        words = (f"In its last quarter the training loss still {'falls' if change < 0 else 'rises'}, by "
                 f"{100 * abs(change):.0f}% (Mann–Kendall p = {chance:.1g}).")  # fmt: skip
    else:
        words = "In its last quarter the training loss shows no trend beyond its noise."
    mark = Mark(loss.series.name, float(loss.x[-len(rest)]), loss.x[-1], loss.last, "last quarter")
    evidence = f"the noise is {100 * share:.0f}% of the level; Kendall's τ is {tau:.2f}"
    return [Finding(Kind.TREND, 1.0, words, [evidence], [mark])]
