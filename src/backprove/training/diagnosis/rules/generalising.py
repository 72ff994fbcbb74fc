"""Training and validation beside each other."""

from __future__ import annotations

import numpy as np

from backprove.training.diagnosis.findings import Finding, Kind, Mark
from backprove.training.diagnosis.reading.blocks import Floats
from backprove.training.diagnosis.signals.curve import jitter, ramp, smoothed, spread
from backprove.training.diagnosis.view import Pair, View, below


def overfitting(view: View) -> Finding | None:
    """The validation loss rises after its best while the training loss goes on falling."""
    pair = view.losses
    if pair is None or len(pair.x) < 5:
        return _gap_only(view)
    val, train = smoothed(pair.val, 0.08), smoothed(pair.train, 0.08)
    best = int(val.argmin())
    end = float(np.median(pair.val[-max(1, len(val) // 10) :]))
    rise = (end - val[best]) / max(abs(val[best]), 1e-12)
    noise = spread(pair.val - val)
    clear = ramp((end - val[best]) / max(noise, 1e-12) * max(1, len(val) // 10) ** 0.5, 2.5, 5)
    begin = _first_level(view, pair)
    matter = (end - val[best]) / max(abs(begin), 1e-12)
    still = (train[best] - train[-1]) / max(abs(train[best]), 1e-12)
    gap = (end - train[-1]) / max(abs(train[0] - train[-1]), 1e-12)
    rest = 1 - best / max(len(val) - 1, 1)
    useful = ramp(val[best] / max(pair.val[0], 1e-12), 0.99, 0.93)
    useful = max(useful, ramp(val[best] / begin, 0.97, 0.9))
    sure = min(
        ramp(matter, 0.02, 0.06),
        ramp(rise, 0.08, 0.24), clear, ramp(still, 0.05, 0.3), ramp(gap, 0.03, 0.12),
               ramp(rest, 0.08, 0.2), useful)  # fmt: skip
    other = _gap_only(view)
    if sure < 0.2 or (other is not None and other.confidence > sure):
        return other
    x = float(pair.x[best])
    evidence = [
        f"the validation loss is least at {view.unit} {x:g} ({val[best]:.4g}) and ends "
        f"{100 * rise:.0f}% higher ({end:.4g})",
        f"the training loss falls by another {100 * still:.0f}% after that, to {train[-1]:.4g}",
    ]
    name = view.val.series.name if view.val is not None else ""
    marks = [Mark(name, x, x, float(val[best]), "best"), Mark(name, x, pair.x[-1], end, "rises")]
    return Finding(Kind.OVERFITTING, 0.95 * sure, f"From {view.unit} {x:g} on the validation loss rises, by "
                   f"{100 * rise:.0f}%, while the training loss falls.", evidence, marks)  # fmt: skip


def _first_level(view: View, pair: Pair) -> float:
    """The loss before anything was learnt, as far as it is known."""
    if view.chance is not None:
        return view.chance.loss
    return max(float(pair.val[0]), float(pair.train[0]))


def _gap_only(view: View) -> Finding | None:
    """Training accuracy near one, validation accuracy far below it and above chance."""
    pair = view.accuracies
    if pair is None or len(pair.x) < 5:
        return None
    n = max(1, len(pair.x) // 5)
    train, val = float(np.mean(pair.train[-n:])), float(np.mean(pair.val[-n:]))
    least = 1.4 / view.chance.classes if view.chance is not None else 0.4
    sure = min(
        ramp(train - val, 0.08, 0.18), ramp(train, 0.85, 0.95), ramp(val, least, least + 0.1)
    )
    sure = min(sure, ramp(float(np.mean(pair.val[-n:] - pair.val[:n])), -0.3, 0.0) + 0.5)
    if sure < 0.2:
        return None
    words = f"the training accuracy ends at {train:.3f}, the validation accuracy at {val:.3f}"
    name = view.val_acc.series.name if view.val_acc is not None else ""
    return Finding(Kind.OVERFITTING, 0.75 * sure, words[0].upper() + words[1:] + ".", [words],
                   [Mark(name, float(pair.x[-n]), float(pair.x[-1]), val, "stays behind")])  # fmt: skip


def shuffled_labels(view: View) -> Finding | None:
    """The training loss falls by much, and validation never gets better than guessing."""
    train = view.train
    if train is None or len(train) < 4:
        return None
    learnt = ramp(view.fall, 0.12, 0.25)
    signs: list[float] = [learnt]
    evidence = [f"the training loss falls by {100 * view.fall:.0f}%"]
    acc, loss = view.val_acc, view.losses
    if acc is None and loss is None:
        return None
    guess = view.chance.accuracy if view.chance is not None else None
    if acc is not None and len(acc) >= 4:
        level = acc.level(0.4, 1.0)
        if guess is None:
            guess = min(0.5, max(acc.first, 0.02))
        signs.append(ramp(level, guess + 0.2, guess + 0.1))
        signs.append(max(ramp(below(level, guess, acc), 2.6, 1.6), ramp(level / guess, 0.5, 0.65)))
        signs.append(ramp(acc.last - max(acc.first, guess), 0.25, 0.12))
        evidence.append(f"the validation accuracy stays at {level:.3f}, guessing has {guess:.3f}")
    if loss is not None and len(loss.x) >= 4:
        begin = max(float(loss.train[0]), view.chance.loss if view.chance is not None else 0)
        if acc is None:
            begin = max(begin, float(loss.val[0]))
        best, end = float(smoothed(loss.val, 0.08).min()), float(np.median(loss.val[-3:]))
        signs.append(ramp(best / max(begin, 1e-12), 0.78, 0.93))
        signs.append(ramp(end / max(begin, 1e-12), 1.0, 1.08))
        evidence.append(f"the validation loss is never below {best:.4g}; it ends at {end:.4g}")
        if acc is None:
            signs.append(0.75)
    sure = min(signs)
    if sure < 0.2:
        return None
    curve = acc or view.val
    assert curve is not None
    mark = Mark(curve.series.name, curve.x[0], curve.x[-1], curve.last, "at chance")
    return Finding(Kind.SHUFFLED, 0.95 * sure, "The training loss falls, and validation stays at chance: the "
                   "network learns its examples by heart.", evidence, [mark])  # fmt: skip


def below_chance(view: View) -> Finding | None:
    """An accuracy clearly below that of guessing, while the training loss falls."""
    signs: list[tuple[float, str, Mark]] = []
    for curve in (view.val_acc, view.train_acc):
        if curve is None or len(curve) < 3:
            continue
        guess = (
            view.chance.accuracy if view.chance is not None else 0.5 if curve.first > 0.4 else 0.33
        )
        level = curve.level(0.6, 1.0)
        guess = min(guess, 0.5)
        # a validation set of few examples lies below chance now and then, but not far below
        sure = min(ramp(level / guess, 0.8, 0.5), ramp(below(level, guess, curve), 1.6, 2.4))
        if view.chance is None and view.train is not None and view.run.facts.classes is None:
            # classes unknown: only an accuracy of next to nothing is below the chance of any number
            sure = min(sure, max(ramp(level, 0.25, 0.1), ramp(curve.first - level, 0.1, 0.3)))
        words = f"{curve.series.name} is {level:.3f}, guessing has {guess:.3f}"
        mark = Mark(curve.series.name, curve.x[0], curve.x[-1], level, "below chance")
        signs.append((sure, words, mark))
    if not signs:
        return None
    sure, words, mark = max(signs, key=lambda sign: sign[0])
    if view.train is not None:
        sure = min(sure, ramp(view.fall, 0.05, 0.2))
    if view.train_acc is not None and view.val_acc is not None and view.chance is not None:
        # a loss that comes down from far above guessing has not learnt anything yet
        learnt = abs(view.train_acc.level(0.6, 1.0) - view.chance.accuracy)
        sure = min(sure, ramp(learnt, 0.03, 0.1))
    if sure < 0.2:
        return None
    evidence = [words for s, words, _ in signs if s > 0]
    evidence.append(f"the training loss falls by {100 * view.fall:.0f}%: something is learnt")
    if view.losses is not None:
        evidence.append(f"the validation loss ends at {view.losses.val[-1]:.4g}")
    return Finding(
        Kind.BELOW, 0.95 * sure, f"The accuracy is below chance ({words}).", evidence, [mark]
    )


def too_good(view: View) -> Finding | None:
    """Validation better than training by more than dropout and running means explain; or by less."""
    pair = view.losses
    if pair is None or len(pair.x) < 4 or float(pair.train[0]) <= 0:
        return None
    # a running mean lags by half an epoch: the next epoch's mean is the fair one
    later = np.append(pair.train[1:], pair.train[-1])
    fair = np.minimum(pair.train, 0.5 * (pair.train + later))
    half = slice(len(pair.x) // 3, None)
    first = float(view.train.first) if view.train is not None else 0.0
    begin = max(_first_level(view, pair), first, 1e-12)
    ratio = float(np.median(pair.val[half] / np.maximum(fair[half], 1e-12)))
    matter = float(np.median((fair[half] - pair.val[half]) / begin))
    better = float(np.mean(pair.val < fair))
    soon = slice(0, max(2, len(pair.x) // 3))
    early = float(np.quantile(pair.val[soon] / np.maximum(later[soon], 1e-12), 0.25))
    if not 0 < ratio < 0.9 or better < 0.7:
        return None
    # before anything is learnt, dropout and augmentation cost next to nothing: easier data cost less at
    # once, less even than the next epoch's training data
    gain = float(np.max((later[soon] - pair.val[soon]) / begin))
    at_once = min(
        ramp(ratio, 0.72, 0.5),
        ramp(gain, 0.08, 0.18),
        ramp(early, 0.5, 0.3),
    )
    # later on they do cost, but seldom a sixth of what there was to learn; smoothed labels may cost as
    # much, and without accuracies they cannot be told from it
    later_on = min(ramp(ratio, 0.75, 0.55), ramp(matter, 0.09, 0.17))
    sure = max(at_once, later_on if view.accuracies is not None else 0.5 * later_on)
    sure = min(sure, ramp(better, 0.75, 0.9))
    evidence = [f"the validation loss is {ratio:.2f} times the training loss in the median, and lower in "
                f"{100 * better:.0f}% of the evaluations"]  # fmt: skip
    if view.accuracies is not None:
        n = len(view.accuracies.x) // 2
        ahead = float(np.mean(view.accuracies.val[n:] - view.accuracies.train[n:]))
        evidence.append(f"the validation accuracy is {ahead:+.3f} beside the training accuracy")
        # a loss of training alone may have a penalty or smoothed labels in it: accuracies have not
        after = np.append(view.accuracies.train[1:], view.accuracies.train[-1])
        before = float(np.max((view.accuracies.val - after)[soon])) - 0.04
        sure = min(sure, ramp(max(ahead, before), 0.0, 0.02))
    name = view.val.series.name if view.val is not None else ""
    mark = Mark(name, float(pair.x[0]), float(pair.x[-1]), float(pair.val[-1]), "better")
    if sure >= 0.5:
        return Finding(Kind.TOO_GOOD, 0.85 * sure, f"The validation loss is {ratio:.2f} times the training loss: "
                       "more than running means and dropout explain.", evidence, [mark])  # fmt: skip
    return Finding(Kind.BETTER, 0.6, f"The validation loss is {ratio:.2f} times the training loss. That is usual "
                   "with dropout, augmentation or penalties in the training loss.", evidence, [mark])  # fmt: skip


def training_mode(view: View) -> Finding | None:
    """Validation figures that jump from one evaluation to the next while training is settled."""
    pair = view.losses
    if pair is None or len(pair.x) < 12:
        return None
    n = len(pair.x) // 3
    val, train = pair.val[n:], pair.train[n:]
    level = max(float(np.median(val)), 1e-12)
    # in the later half: what converges gets quiet, what is random does not
    rough = min(jitter(val), jitter(val[len(val) // 3 :]))
    begin = max(float(pair.train[0]), float(pair.val[0]), 1e-12)
    rest = val - smoothed(val, 0.3)
    # noise of evaluating is new each time; what the weights do is shared with the training loss
    alike = _correlation(rest[1:], rest[:-1])
    shared = _correlation(np.diff(val), np.diff(train))
    own = jitter(train) / max(float(np.median(train)), 1e-12)
    sure = min(ramp(rough / begin, 0.006, 0.018), ramp(rough / level, 0.02, 0.045), ramp(alike, 0.5, 0.2),
               ramp(shared, 0.8, 0.55), ramp(level / max(float(np.median(train)), 1e-12), 0.5, 0.75))  # fmt: skip
    # while the loss still falls by much its steps are of many sizes
    third = max(1, len(pair.x) // 3)
    settled = float(np.median(val[-third:]) / max(float(np.median(val[:third])), 1e-12))
    sure = min(sure, max(ramp(settled, 0.4, 0.6), ramp(rough / begin, 0.02, 0.035)))
    sure = min(sure, ramp(level / begin, 2, 1.2))  # what runs away does not merely jump
    if view.val_acc is not None and len(view.val_acc) >= 8:
        sure = min(sure, ramp(jitter(view.val_acc.part(0.33, 1.0)), 0.006, 0.013))
    else:
        sure = min(sure, ramp(rough / level, 0.04, 0.09))
    rough /= level
    if sure < 0.2:
        return None
    evidence = [f"the validation loss jumps by {100 * rough:.0f}% from one evaluation to the next, "
                f"the training loss by {100 * own:.0f}%"]  # fmt: skip
    name = view.val.series.name if view.val is not None else ""
    mark = Mark(name, float(pair.x[n]), float(pair.x[-1]), level, "jumps")
    return Finding(Kind.TRAINING_MODE, 0.85 * sure, "The validation figures jump as if something random were at "
                   "work when evaluating.", evidence, [mark])  # fmt: skip


def _correlation(a: Floats, b: Floats) -> float:
    """Pearson's; 1 where one of them does not vary or they are short."""
    return float(np.corrcoef(a, b)[0, 1]) if len(a) > 3 and np.ptp(a) > 0 and np.ptp(b) > 0 else 1.0
