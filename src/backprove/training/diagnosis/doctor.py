"""From a run to findings in order, the one that explains most first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from backprove.training.diagnosis.columns import overrides
from backprove.training.diagnosis.findings import Finding, Kind
from backprove.training.diagnosis.rules import (
    blowing_up,
    generalising,
    layers,
    not_learning,
    remarks,
    stepping,
)
from backprove.training.diagnosis.run import Facts, Run, load
from backprove.training.diagnosis.view import View

#: a fault of less confidence is mentioned, and does not make a run ill
SURE = 0.5
#: a finding of less confidence is not mentioned
MENTIONED = 0.3

_RULES: tuple[Callable[[View], Finding | None], ...] = (
    blowing_up.exploding,
    blowing_up.rate_too_high,
    blowing_up.wrong_sign,
    not_learning.nothing_learnt,
    not_learning.rate_too_low,
    not_learning.underfitting,
    not_learning.bad_start,
    not_learning.majority_only,
    generalising.overfitting,
    generalising.shuffled_labels,
    generalising.below_chance,
    generalising.too_good,
    generalising.training_mode,
    stepping.no_shuffling,
    stepping.accumulating,
    stepping.swinging,
    layers.dead,
    layers.frozen,
    layers.vanishing,
)
_REMARKS: tuple[Callable[[View], list[Finding]], ...] = (
    remarks.schedule_steps,
    remarks.stopping_point,
    remarks.trend,
)

#: what a fault, where it is found, explains of the others: causes before what they bring about
_EXPLAINS: dict[Kind, frozenset[Kind]] = {
    Kind.DEAD: frozenset({Kind.NOTHING, Kind.UNDERFITTING, Kind.RATE_LOW, Kind.MAJORITY, Kind.VANISHING,
                          Kind.FROZEN, Kind.START, Kind.ACCUMULATING, Kind.SHUFFLED,
                          Kind.TOO_GOOD}),
    Kind.VANISHING: frozenset({Kind.NOTHING, Kind.UNDERFITTING, Kind.RATE_LOW, Kind.MAJORITY, Kind.TOO_GOOD}),
    Kind.FROZEN: frozenset({Kind.UNDERFITTING, Kind.RATE_LOW, Kind.OVERFITTING, Kind.VANISHING, Kind.TOO_GOOD,
                            Kind.TRAINING_MODE, Kind.ACCUMULATING, Kind.START, Kind.SHUFFLED}),
    Kind.EXPLODING: frozenset({Kind.START, Kind.OVERFITTING, Kind.UNDERFITTING, Kind.TRAINING_MODE,
                               Kind.TOO_GOOD, Kind.NOTHING, Kind.SHUFFLED, Kind.MAJORITY}),
    Kind.RATE_HIGH: frozenset({Kind.BELOW, Kind.START, Kind.OVERFITTING, Kind.UNDERFITTING, Kind.TRAINING_MODE,
                               Kind.TOO_GOOD, Kind.SHUFFLED, Kind.NOTHING, Kind.DEAD}),
    Kind.SIGN: frozenset({Kind.BELOW, Kind.RATE_HIGH, Kind.OVERFITTING, Kind.SHUFFLED, Kind.ACCUMULATING,
                          Kind.MAJORITY, Kind.EXPLODING, Kind.TOO_GOOD, Kind.NOTHING}),
    Kind.ORDER: frozenset({Kind.UNDERFITTING, Kind.OVERFITTING, Kind.TOO_GOOD, Kind.TRAINING_MODE, Kind.START,
                           Kind.ACCUMULATING, Kind.EXPLODING, Kind.RATE_LOW, Kind.NOTHING, Kind.RATE_HIGH,
                           Kind.SHUFFLED}),
    Kind.ACCUMULATING: frozenset({Kind.RATE_HIGH, Kind.OVERFITTING, Kind.EXPLODING, Kind.UNDERFITTING,
                                  Kind.NOTHING, Kind.TRAINING_MODE, Kind.SHUFFLED, Kind.TOO_GOOD, Kind.RATE_LOW}),
    Kind.BELOW: frozenset({Kind.OVERFITTING, Kind.SHUFFLED, Kind.TRAINING_MODE}),
    Kind.SHUFFLED: frozenset({Kind.OVERFITTING, Kind.TRAINING_MODE, Kind.UNDERFITTING}),
    Kind.MAJORITY: frozenset({Kind.NOTHING, Kind.UNDERFITTING, Kind.RATE_LOW, Kind.SHUFFLED, Kind.TRAINING_MODE,
                              Kind.TOO_GOOD}),
    Kind.START: frozenset({Kind.OVERFITTING, Kind.TRAINING_MODE, Kind.TOO_GOOD}),
    Kind.NOTHING: frozenset({Kind.UNDERFITTING, Kind.SHUFFLED, Kind.TRAINING_MODE, Kind.TOO_GOOD}),
    Kind.RATE_LOW: frozenset({Kind.UNDERFITTING, Kind.TOO_GOOD, Kind.TRAINING_MODE}),
    Kind.OVERFITTING: frozenset({Kind.TRAINING_MODE}),
    Kind.TRAINING_MODE: frozenset({Kind.UNDERFITTING}),
    Kind.TOO_GOOD: frozenset({Kind.UNDERFITTING, Kind.TRAINING_MODE}),
}  # fmt: skip


@dataclass(slots=True)
class Diagnosis:
    """The findings of a run: faults from the most to the least telling, then remarks."""

    run: Run
    view: View
    findings: list[Finding]
    remarks: list[Finding]
    #: what could not be judged for want of data
    silent: list[str] = field(default_factory=list[str])

    @property
    def ill(self) -> list[Finding]:
        """The faults that are sure enough."""
        return [f for f in self.findings if f.confidence >= SURE]

    @property
    def primary(self) -> Finding | None:
        """The fault to look at first; None for a healthy run."""
        return next(
            (f for f in self.findings if f.confidence >= SURE and f.follows_from is None), None
        )

    @property
    def short(self) -> bool:
        """Whether there is too little to call a run healthy."""
        curves = (self.view.train, self.view.val, self.view.acc)
        return self.healthy and max(len(c) if c is not None else 0 for c in curves) < 5

    @property
    def healthy(self) -> bool:
        """Whether no fault is sure enough."""
        return self.primary is None


def diagnose(path: Path, columns: str = "", facts: Facts | None = None) -> Diagnosis:
    """Read the log of a run and say what is wrong with it.

    `columns` names columns' roles, as in "train_loss=foo,val_loss=bar".

    Raises:
        LogError: if there is no log, or it cannot be read, or has no curve of training.
    """
    return examine(load(path, overrides(columns), facts or Facts()))


def examine(run: Run) -> Diagnosis:
    """Findings of a run that was read."""
    view = View(run)
    # losses of 1e300 and of 0 are data here, and ratios of them may be infinite
    with np.errstate(all="ignore"):
        found = [finding for rule in _RULES if (finding := rule(view)) is not None]
        said = [f for f in found if not f.kind.fault]
        for remark in _REMARKS:
            said += remark(view)
    return Diagnosis(run, view, arranged([f for f in found if f.kind.fault]), said, _silent(view))


def arranged(faults: list[Finding]) -> list[Finding]:
    """Faults in order: causes before what follows from them, then by confidence."""
    best: dict[Kind, Finding] = {}
    for fault in faults:
        if fault.kind not in best or fault.confidence > best[fault.kind].confidence:
            best[fault.kind] = fault
    order = sorted(best.values(), key=lambda f: -f.confidence)
    for effect in reversed(order):
        causes = [
            cause
            for cause in order
            if effect.kind in _EXPLAINS.get(cause.kind, frozenset())
            # a cause explains what is not much surer than itself, and is not explained by it
            and cause.confidence >= max(SURE, effect.confidence - _margin(cause))
            and not (
                cause.kind in _EXPLAINS.get(effect.kind, frozenset())
                and effect.confidence > cause.confidence
            )
        ]
        # of faults that explain each other in a circle, the surest follows from none
        causes = [cause for cause in causes if effect.kind not in _roots(cause, best)]
        if causes:
            effect.follows_from = causes[0].kind
    kept = [f for f in order if f.confidence >= MENTIONED]
    return sorted(kept, key=lambda f: (f.follows_from is not None, -f.confidence))


def _roots(fault: Finding, among: dict[Kind, Finding]) -> list[Kind]:
    """What a fault follows from, and what that follows from in turn."""
    found: list[Kind] = []
    while fault.follows_from is not None:
        found.append(fault.follows_from)
        fault = among[fault.follows_from]
    return found


def _margin(cause: Finding) -> float:
    """By how much a consequence may be surer than its cause."""
    return 0.15 if cause.kind is Kind.OVERFITTING else 0.35


def _silent(view: View) -> list[str]:
    """What the log does not let one judge."""
    found: list[str] = []
    points = len(view.train) if view.train is not None else 0
    if 0 < points < 5:
        found.append(
            f"the training loss has {points} {'point' if points == 1 else 'points'}: too few for most questions"
        )
    if view.train is None:
        found.append("there is no training loss: nothing is said about how training goes")
    if view.val is None and view.val_acc is None:
        found.append("there are no validation figures: nothing is said about overfitting")
    elif view.train is not None and view.val is not None and view.losses is None:
        found.append("the validation loss ends early: it is not compared with the training loss")
    if view.classifies and view.acc is None:
        found.append("there is no accuracy: nothing is said about guessing or the largest class")
    if not view.layer_gradients and not view.dead:
        found.append("there are no gradients by layer: nothing is said about single layers")
    if view.train is not None and stepping.epoch_length(view) is None:
        found.append("the length of an epoch in steps is not known")
    elif view.train is not None and len(view.train) < 3 * max(1, len(view.val or ())):
        found.append("there are no single steps: nothing is said about the order of the data")
    if view.classifies and view.chance is None:
        found.append("the number of classes is neither given nor to be seen; --classes says it")
    return found
