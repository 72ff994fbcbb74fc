"""What the doctor can find."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """Faults of a run, and after them what is worth a remark in a healthy one."""

    EXPLODING = "exploding_gradients"
    RATE_HIGH = "learning_rate_too_high"
    RATE_LOW = "learning_rate_too_low"
    NOTHING = "nothing_learnt"
    START = "initial_loss_too_high"
    BELOW = "below_chance"
    OVERFITTING = "overfitting"
    UNDERFITTING = "underfitting"
    TOO_GOOD = "validation_too_good"
    SHUFFLED = "shuffled_labels"
    ORDER = "no_shuffling"
    ACCUMULATING = "gradients_not_zeroed"
    DEAD = "dead_relus"
    FROZEN = "frozen_layers"
    VANISHING = "vanishing_gradients"
    TRAINING_MODE = "evaluated_in_training_mode"
    MAJORITY = "majority_class_only"
    SIGN = "wrong_sign"
    # remarks
    SCHEDULE = "schedule_step"
    STOPPING = "early_stopping_point"
    BETTER = "validation_better"
    TREND = "trend_at_the_end"

    @property
    def fault(self) -> bool:
        """Whether a run with it is ill."""
        return self not in _REMARKS


_REMARKS = frozenset({Kind.SCHEDULE, Kind.STOPPING, Kind.BETTER, Kind.TREND})


@dataclass(frozen=True, slots=True)
class Mark:
    """A place on a plot: on which curve, from where to where, and what is to be seen there."""

    curve: str
    start: float
    end: float
    value: float
    words: str


@dataclass(slots=True)
class Finding:
    """Something found: how sure, on what evidence."""

    kind: Kind
    #: from 0 to 1: as sure as the weakest of its signs
    confidence: float
    summary: str
    evidence: list[str] = field(default_factory=list[str])
    marks: list[Mark] = field(default_factory=list[Mark])
    #: the fault that this one follows from, where another is found that explains it
    follows_from: Kind | None = None
