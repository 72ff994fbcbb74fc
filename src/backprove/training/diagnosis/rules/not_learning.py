"""A training loss that hardly falls: nothing learnt, too slow, too small a network, a bad start."""

from __future__ import annotations

import math

import numpy as np

from backprove.training.diagnosis.findings import Finding, Kind, Mark
from backprove.training.diagnosis.signals.curve import Curve, jitter, ramp, rank_trend
from backprove.training.diagnosis.view import View, paired, settled_entropy


def flat(loss: Curve, start: float = 0.2) -> float:
    """From 0 to 1: the loss has no trend worth the name after a part of the run."""
    rest = loss.part(start, 1.0)
    if len(rest) < 4:
        return 0.0
    third = max(1, len(rest) // 3)
    early, late = float(np.median(rest[:third])), float(np.median(rest[-third:]))
    size = max(abs(late), 1e-12)
    sampling = loss.noise / math.sqrt(third) / size
    return ramp(abs(early - late) / size, 0.05 + 2 * sampling, 0.015 + sampling)


def creeping(loss: Curve | None) -> float:
    """From 0 to 1: a fall to the very end that is small and far clearer than its noise."""
    if loss is None or len(loss) < 8 or loss.first <= 0 or loss.last >= loss.first:
        return 0.0
    tau, _ = rank_trend(loss.y)
    fall = loss.first - loss.last
    late = (loss.level(0.45, 0.55) - loss.last) / fall
    return min(
        ramp(-tau, 0.85, 0.95),
        ramp(fall / loss.first, 0.001, 0.003),
        ramp(late, 0.27, 0.37),
        ramp(fall / max(jitter(loss.y), 1e-300), 5, 15),
    )


def nothing_learnt(view: View) -> Finding | None:
    """The loss stays where guessing has it, and so does the accuracy."""
    loss = view.train
    if loss is None or len(loss) < 4:
        return None
    steady = flat(loss)
    if steady == 0:
        return None
    level = loss.level(0.2, 1.0)
    if level <= 0:
        return None
    evidence = [f"the training loss stays at {level:.4g} after the first fifth of the run"]
    acc = view.train_acc or view.val_acc
    if view.classifies:
        classes = _plateau_classes(view, level)
        if classes is None:
            return None
        guess = math.log(classes)
        near = ramp(abs(level - guess) / guess, 0.16, 0.07)
        evidence.append(f"guessing among {classes} classes has ln {classes} = {guess:.4g}")
        sure = min(steady, near)
        if acc is not None:
            high = acc.level(0.4, 1.0)
            sure = min(sure, ramp(high, 1 / classes + 0.35, 1 / classes + 0.2))
            evidence.append(f"the accuracy is {high:.3f}, guessing has {1 / classes:.3f}")
        named = f"ln {classes}, that of guessing among {classes} classes"
    else:
        sure = min(steady, ramp(view.fall, 0.15, 0.06))
        named = f"{level:.4g}, where it began"
        sure *= 0.85
    # what had been learnt and was lost again is another matter
    sure = min(sure, ramp(float(loss.smooth.min()) / level, 0.75, 0.88))
    val = view.val
    if val is not None and len(val) >= 4:
        usual = max(abs(float(np.median(val.y))), 1e-12)
        # the same to some digits each time, whatever the level: the weights do not move
        same = ramp(float(np.ptp(val.y)) / usual, 0.003, 0.001)
        if same > sure and abs(view.fall) < 0.2:
            sure = same
            evidence.append(
                f"the validation loss stays at {usual:.6g}, to some digits the same each time"
            )
        # and where the weights jump about something is at work
        sure *= 1 - 0.6 * ramp(jitter(val.part(0.2, 1.0)) / usual, 0.03, 0.08)
    # a steady trend, however small, is slow learning
    sure *= 1 - 0.7 * max(creeping(loss), creeping(view.val))
    tau, chance = rank_trend(loss.part(0.1, 1.0))
    fallen = (loss.level(0.1, 0.3) - loss.last) / max(level, 1e-12)
    if tau < -0.5 and chance < 1e-4 and fallen > 0.012:
        sure *= 1 - 0.7 * ramp(tau, -0.5, -0.8) * ramp(fallen, 0.012, 0.03)
    if sure < 0.2:
        return None
    mark = Mark(loss.series.name, loss.x[0], loss.x[-1], level, "plateau")
    return Finding(Kind.NOTHING, 0.95 * sure, f"The training loss stays at {named}: nothing is learnt.",
                   evidence, [mark])  # fmt: skip


def _plateau_classes(view: View, level: float) -> int | None:
    """The number of classes that a plateau may be the guessing of."""
    if view.chance is not None:
        return view.chance.classes
    if not 0.6 < level < 7.5:
        return None
    return max(2, round(math.exp(level)))


def rate_too_low(view: View) -> Finding | None:
    """The loss falls steadily, little, and as fast at the end as before."""
    loss = view.train
    if loss is None or len(loss) < 5 or loss.first <= 0:
        return None
    val = view.val
    noisy = loss.noise > 0.5 * abs(loss.first - loss.last)
    if val is not None and len(val) >= 8 and (noisy or creeping(val) > creeping(loss)):
        # single batches are noisy: the validation loss is of the same examples each time
        loss = val
    fall, middle = (loss.first - loss.last) / loss.first, loss.level(0.45, 0.55)
    if fall <= 0:
        return None
    late_fall = (middle - loss.last) / (loss.first - loss.last)
    tau, chance = rank_trend(loss.y)
    # with batches of few examples the noise is large: then the smoothed trend has to be clear
    smooth_tau, _ = rank_trend(loss.smooth)
    steady = min(ramp(max(-tau, -smooth_tau - 0.1), 0.4, 0.75), ramp(chance, 1e-2, 1e-4))
    late = ramp(late_fall, 0.27, 0.37)
    little = ramp(fall, 0.72, 0.5)
    some = max(ramp(fall, 0.004, 0.015), creeping(loss))
    quarter = loss.level(0.7, 0.8) - loss.last
    going = ramp(quarter / max(loss.first - loss.last, 1e-12), 0.05, 0.14)
    sure = 0.92 * min(steady, late, little, some, going)
    acc = view.train_acc
    if acc is not None and len(acc) > 4:
        # a good accuracy comes before a good loss: then only a loss that has hardly moved is a sign
        good = ramp(acc.level(0.8, 1.0), 0.75, 0.88)
        sure = min(
            sure, max(1 - good, ramp(fall, 0.45, 0.3)), ramp(acc.level(0.8, 1.0), 0.995, 0.96)
        )
        # who begins with good answers was trained before
        sure = min(sure, ramp(acc.level(0.0, 0.1), 0.75, 0.55))
    if view.losses is not None and len(view.losses.x) > 4:
        gap = view.losses.val[-1] / max(view.losses.train[-1], 1e-12)
        sure = min(sure, ramp(gap, 2.2, 1.5))
    if sure < 0.2:
        return None
    evidence = [
        f"the loss falls by {100 * fall:.1f}% in the whole run",
        f"{100 * late_fall:.0f}% of that in its second half: it does not level off",
    ]
    if view.lr is not None:
        evidence.append(f"the learning rate is {view.lr.level(0, 1):.3g}")
    mark = Mark(loss.series.name, loss.x[0], loss.x[-1], loss.last, "still falling")
    return Finding(Kind.RATE_LOW, sure, f"The loss falls steadily but by {100 * fall:.1f}% only, "
                   "as fast at the end as before.", evidence, [mark])  # fmt: skip


def underfitting(view: View) -> Finding | None:
    """The loss fell, then levelled off high, for training and validation alike."""
    loss = view.train
    if loss is None or len(loss) < 5 or loss.last <= 0:
        return None
    settled = max(ramp(view.late_fall, 0.37, 0.28), flat(loss, 0.5))
    begin = max(loss.first, view.chance.loss if view.chance is not None else 0)
    left = loss.last / begin
    high = min(ramp(left, 0.22, 0.36), ramp(left, 0.99, 0.93))
    sure = min(settled, high)
    evidence = [
        f"the training loss levels off at {loss.last:.4g}, {100 * left:.0f}% of where it began"
    ]
    acc = view.train_acc or view.val_acc
    if acc is not None:
        level = max(c.level(0.7, 1.0) for c in (view.train_acc, view.val_acc) if c is not None)
        sure = min(sure, ramp(level, 0.9, 0.8))
        evidence.append(f"the accuracy levels off at {level:.3f}")
    if view.losses is not None:
        n = max(1, len(view.losses.x) // 4)
        gap = float(np.median(view.losses.val[-n:]) / max(np.median(view.losses.train[-n:]), 1e-12))
        # who has room to learn examples by heart does so, and is no longer too small
        sure = min(sure, ramp(gap, 1.35, 1.12))
        evidence.append(
            f"the validation loss is {gap:.2f} times the training loss: there is no gap to speak of"
        )
        if gap < 0.75:
            sure = min(sure, 0.45)
    if begin > 2.6:
        # among many classes, as words are, chance decides much that no network can know
        sure *= 1 - 0.5 * ramp(begin, 2.6, 2.9)
    elif not view.classifies:
        # how well a regression can be is not to be seen, since data have noise; but to explain next to
        # nothing is little, whatever is learnt
        sure *= 0.52 + 0.2 * ramp(left, 0.58, 0.68)
    if sure < 0.2:
        return None
    mark = Mark(
        loss.series.name, float(loss.x[len(loss) // 2]), loss.x[-1], loss.last, "levels off"
    )
    return Finding(Kind.UNDERFITTING, 0.9 * sure, f"The training loss levels off at {loss.last:.4g}, "
                   f"{100 * left:.0f}% of where it began.", evidence, [mark])  # fmt: skip


def bad_start(view: View) -> Finding | None:
    """The loss begins far above that of guessing, and comes down."""
    if not view.classifies:
        return None
    loss = view.train
    if loss is None:
        return None
    some = max(1, min(5, len(loss) // 40))
    first = float(loss.y[0])
    given = view.run.facts.classes
    acc = view.train_acc or view.val_acc
    if given is not None:
        guess, source = (
            math.log(given),
            f"ln {given} = {math.log(given):.4g}, of {given} classes as given",
        )
        times = first / guess
        sure = ramp(times, 1.25, 1.7)
    elif acc is not None and view.chance is None:
        said = float(np.mean(acc.y[: max(some, min(8, len(acc) // 40))]))
        guess = math.log(min(max(2.0, 1 / max(said, 0.001)), 1000.0))
        times = first / guess
        source = f"{guess:.3g}, of guessing with the accuracy {said:.3f} of the beginning"
        # nats for a wrong answer: who guesses evenly pays ln C / (1 − 1/C); confident mistakes cost more
        each = first / max(1 - said, 0.02)
        if view.stepped:
            sure = min(
                ramp(times, 1.3, 1.8), ramp(each / (guess / (1 - math.exp(-guess))), 1.6, 2.4)
            )
        else:
            # a mean over an epoch of learning: 2.6 for ten classes, and 4.7 for a hundred
            sure = min(ramp(times, 1.5, 2.2), ramp(each, 3.6, 4.8))
            # right and not yet sure of it costs as much as ln C, at most
            sure = min(sure, ramp(first, 1.2, 2.2))
    else:
        return None
    falls = ramp(loss.last / first, 0.8, 0.5)
    soon = ramp(loss.level(0.2, 0.4) / first, 0.85, 0.6)
    falls = min(falls, ramp(loss.last / guess, 1.1, 0.85))  # below that of guessing in the end
    sure = min(sure, falls, soon)
    if sure < 0.2:
        return None
    evidence = [f"the first loss is {first:.4g}, {times:.3g} times that of guessing ({source})"]
    mark = Mark(loss.series.name, loss.x[0], loss.x[0], first, "starts too high")
    return Finding(Kind.START, 0.9 * sure, f"The loss begins at {first:.4g}, {times:.3g} times as high as "
                   "guessing has it.", evidence, [mark])  # fmt: skip


def majority_only(view: View) -> Finding | None:
    """The accuracy is one and the same number: the share of the largest class."""
    acc = view.val_acc
    if acc is None or len(acc) < 4:
        return None
    share, same = constant(acc, 0.3)
    classes = view.chance.classes if view.chance is not None else 2
    usual = view.run.facts.majority
    # one answer for all examples gives one training accuracy, too, where it is of whole epochs
    train = view.train_acc
    also = constant(train, 0.4)[1] if train is not None and len(train) == len(acc) else None
    # and it stays one while the loss still moves, where what has settled has one accuracy anyway
    strong = max(ramp(also or 0.0, 0.65, 0.9), ramp(_moved(view, share), 0.12, 0.3))
    # from the beginning on, with a loss no better than that of such an answer
    entropy, _ = settled_entropy(share, max(classes, 2))
    level = _end_level(view)
    if level is not None:
        throughout = ramp(constant(acc, 0.0)[1], 0.85, 0.97)
        strong = max(strong, min(throughout, ramp(level / max(entropy, 1e-12), 0.85, 0.95)))
    whole = max(ramp(constant(acc, 0.1)[1], 0.85, 0.97), ramp(also or 0.0, 0.5, 0.8))
    if usual is not None:
        right = ramp(abs(share - usual), 0.02, 0.004)
    else:
        right = ramp(share, max(0.5, 1.2 / classes), max(0.58, 1.3 / classes))
        # a small validation set gives sound runs one number, too, but not one of many mistakes
        right = min(
            right, ramp(share, 0.985, 0.97) if also is not None else ramp(share, 0.975, 0.95)
        )
    sure = min(ramp(same, 0.6, 0.85), right)
    if usual is None:
        sure = min(sure, strong, ramp(also, 0.5, 0.8) if also is not None else 1.0)
    evidence = [
        f"the validation accuracy is exactly {share:.4g} in {100 * same:.0f}% of the evaluations"
    ]
    if usual is not None:
        evidence.append(f"the largest class has a share of {usual:.4g}")
    if level is not None and sure > 0:
        low, high = settled_entropy(share, max(classes, 2))
        least = (
            ramp(level, 0.5 * low, 0.65 * low) if whole > 0.5 else ramp(level, 0.7 * low, 0.9 * low)
        )
        sure = min(sure, least, ramp(level, 2.5 * high + 0.3, 1.5 * high + 0.2))
        # who climbs there by and by, and is surer than the share of the classes makes one, has learnt
        climb = len(np.unique(np.round(acc.y[acc.y < share - 0.015], 6)))
        sure *= 1 - 0.7 * ramp(climb, 2, 4) * ramp(level / max(low, 1e-12), 0.98, 0.9)
        if view.chance is not None and abs(level / view.chance.loss - 1) < 0.06:
            sure *= 0.5  # a plateau at ln C, of classes that are nearly even
        evidence.append(f"the training loss is {level:.3g}; that of always answering with one class is "
                        f"{low:.3g} at best")  # fmt: skip
    if train is not None and sure > 0:
        sure = min(sure, ramp(train.level(0.6, 1.0) - share, 0.1, 0.05))
    if view.balanced is not None:
        level = view.balanced.last
        evidence.append(f"{view.balanced.series.name} is {level:.3g}")
        poor = min(
            ramp(level, 1 / classes + 0.1, 1 / classes + 0.03), ramp(share - level, 0.1, 0.25)
        )
        sure = max(sure, 0.9 * poor)
    if sure < 0.2:
        return None
    mark = Mark(acc.series.name, float(acc.x[0]), float(acc.x[-1]), share, "one number")
    return Finding(Kind.MAJORITY, 0.93 * sure, f"The validation accuracy is {share:.4g}, time and again the "
                   "very same: the network answers with the largest class.", evidence, [mark])  # fmt: skip


def _end_level(view: View) -> float | None:
    """The training loss at the end, as a mean: that of single batches is lower in the median."""
    if view.train is None:
        return None
    level = float(np.mean(view.train.part(0.67, 1.0))) if view.stepped else float(view.train.last)
    return max(level, float(view.val.last)) if view.val is not None and view.stepped else level


def _moved(view: View, share: float) -> float:
    """By how much the validation loss falls while the accuracy is one number: a share of its level."""
    pair = paired(view.val, view.val_acc)
    if pair is None:
        return 0.0
    same = np.abs(pair.val - share) < 1e-6
    losses = pair.train[same]
    return float(1 - losses[-1] / losses[0]) if len(losses) > 2 and losses[0] > 0 else 0.0


def constant(acc: Curve, start: float) -> tuple[float, float]:
    """The most frequent accuracy after a part of the run, and the share of points that have it."""
    rest = acc.part(start, 1.0)
    values, count = np.unique(np.round(rest, 6), return_counts=True)
    return float(values[count.argmax()]), float(count.max() / len(rest))
