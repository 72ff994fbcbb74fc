"""What the rules look at: a run's curves, measured once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from backprove.training.diagnosis.columns import Role, words
from backprove.training.diagnosis.reading.blocks import Floats
from backprove.training.diagnosis.run import Run
from backprove.training.diagnosis.signals.curve import Curve

_ENTROPIES = frozenset({"ce", "nll", "xent", "crossentropy", "entropy", "bce", "logloss"})
_DISTANCES = frozenset({"mse", "mae", "rmse", "l1", "huber"})


@dataclass(frozen=True, slots=True)
class Chance:
    """What guessing would reach: loss ln C and accuracy 1/C of C classes, and how C is known."""

    classes: int
    source: str

    @property
    def loss(self) -> float:
        """ln C, in nats."""
        return math.log(self.classes)

    @property
    def accuracy(self) -> float:
        """1/C."""
        return 1 / self.classes


@dataclass(frozen=True, slots=True)
class Pair:
    """Training and validation side by side, at the places of the validation points: (points,) each.

    A training value is the mean since the validation before.
    """

    x: Floats
    train: Floats
    val: Floats


class View:
    """A run's curves. Where something is not in the log it is None, and no rule speaks of it."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.train = Curve.of(run.get(Role.TRAIN_LOSS))
        self.val = Curve.of(run.get(Role.VAL_LOSS))
        self.train_acc = Curve.of(run.get(Role.TRAIN_ACC))
        self.val_acc = Curve.of(run.get(Role.VAL_ACC))
        self.balanced = Curve.of(run.get(Role.VAL_BALANCED))
        self.lr = Curve.of(run.get(Role.LR))
        self.gradient = Curve.of(run.get(Role.GRAD_NORM))

    @cached_property
    def classifies(self) -> bool:
        """Whether it is a classification, with cross-entropy as far as one can tell."""
        named = {w for c in (self.train, self.val) if c is not None for w in words(c.series.name)}
        if named & _DISTANCES:
            return False
        known = self.run.facts.classes is not None or bool(named & _ENTROPIES)
        return known or self.train_acc is not None or self.val_acc is not None

    @cached_property
    def losses(self) -> Pair | None:
        """Training and validation loss."""
        return paired(self.train, self.val)

    @cached_property
    def accuracies(self) -> Pair | None:
        """Training and validation accuracy."""
        return paired(self.train_acc, self.val_acc)

    @property
    def acc(self) -> Curve | None:
        """The training accuracy, or the validation's where there is none."""
        return self.train_acc or self.val_acc

    @cached_property
    def chance(self) -> Chance | None:
        """The number of classes as given, else from where loss and accuracy begin."""
        given = self.run.facts.classes
        if given is not None:
            return Chance(given, "given")
        if not self.classifies:
            return None
        loss, acc = (self.val, self.val_acc) if self.train is None else (self.train, self.train_acc)
        if loss is None or not 0.6 < loss.y[0] < 7.5:
            return None
        # at a sane start the outputs are near zero for every example: even one batch has ln C
        classes = max(2, round(math.exp(loss.y[0])))
        if abs(math.log(classes) - loss.y[0]) > 0.12 * math.log(classes):
            return None
        if acc is not None:
            away = min(abs(float(said) - 1 / classes) for said in (acc.y[0], np.mean(acc.y[:5])))
            # a batch of some sixteen says it roughly, an epoch well, but learns meanwhile
            single = 0.03 + 3 * math.sqrt((1 - 1 / classes) / classes / 16)
            if away > (single if self.stepped else 0.06 + 0.5 / classes):
                return None
        return Chance(
            classes, f"assumed: the loss begins near ln {classes} = {math.log(classes):.3f}"
        )

    @cached_property
    def layer_gradients(self) -> dict[str, Curve | None]:
        """Gradient norms by layer, in the order of the log; None for a layer with no finite value."""
        return {k: Curve.of(s) for k, s in self.run.layers.get(Role.LAYER_GRAD, {}).items()}

    @cached_property
    def dead(self) -> dict[str, Curve]:
        """Fractions of dead units by layer."""
        found = {k: Curve.of(s) for k, s in self.run.layers.get(Role.LAYER_DEAD, {}).items()}
        return {k: c for k, c in found.items() if c is not None}

    @cached_property
    def fall(self) -> float:
        """The share of the first training loss that is gone at the end; negative where it rose."""
        if self.train is None:
            return 0.0
        first, last = self.train.first, self.train.last
        return (first - last) / abs(first) if first else 0.0

    @cached_property
    def late_fall(self) -> float:
        """Of what the training loss fell, the share that fell in the second half of the run."""
        if self.train is None or len(self.train) < 4:
            return 0.0
        first, middle, last = self.train.first, self.train.level(0.45, 0.55), self.train.last
        return (middle - last) / (first - last) if first > last else 0.0

    @cached_property
    def stepped(self) -> bool:
        """Whether single steps are logged, not means of epochs."""
        if self.train is None or len(self.train) < 20:
            return False
        return self.val is None or len(self.train) > 2.5 * len(self.val)

    @property
    def unit(self) -> str:
        """What the axis counts, for sentences."""
        return self.run.axis


def paired(train: Curve | None, val: Curve | None) -> Pair | None:
    """Two curves at the places of the second; None where it covers too little of the first."""
    if train is None or val is None:
        return None
    if val.x[-1] - train.x[0] < 0.6 * (train.x[-1] - train.x[0]):
        return None
    sums = np.concatenate([[0.0], np.cumsum(train.y)])
    end = np.searchsorted(train.x, val.x, side="right")
    start = np.concatenate([[0], end[:-1]])
    few = end - start < 1
    with np.errstate(all="ignore"):
        mean = (sums[end] - sums[start]) / (end - start)
    mean[few] = np.interp(val.x[few], train.x, train.y)
    return Pair(val.x, mean, val.y)


def settled_entropy(accuracy: float, classes: int) -> tuple[float, float]:
    """The losses that a constant answer of a given accuracy can have at best, in nats.

    With majority share p the entropy lies between h(p), where one other class has all the rest,
    and h(p) + (1 − p) ln(C − 1), where all others share it alike.
    """
    p = min(max(accuracy, 1e-9), 1 - 1e-9)
    h = -p * math.log(p) - (1 - p) * math.log(1 - p)
    return h, h + (1 - p) * math.log(max(classes - 1, 1))


def below(level: float, guess: float, curve: Curve) -> float:
    """How far an accuracy lies below that of guessing, in standard deviations of guessing."""
    return (guess - level) / (guess * (1 - guess) / examples(curve)) ** 0.5


def examples(curve: Curve) -> float:
    """How many examples an accuracy is of, by the least difference of its values; 30 at least."""
    gaps = np.diff(np.unique(np.round(curve.y, 9)))
    gaps = gaps[gaps > 1e-6]
    return float(np.clip(1 / gaps.min(), 30, 1e5)) if len(gaps) else 30.0
