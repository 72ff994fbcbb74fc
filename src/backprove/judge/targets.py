"""Values to compare with, and a few of a setting's points to compare at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from backprove.compute.evaluate import Evaluator
from backprove.judge.combine import Array
from backprove.judge.world import EQUAL, Setting
from backprove.tensor.whole import Shape


@dataclass(frozen=True, slots=True)
class Target:
    """The truth at the place looked at, in one layout."""

    shape: Shape
    row: bool
    array: Array
    size: float
    turned: bool

    def equals(self, array: Array) -> bool:
        """Whether values are these up to rounding."""
        with np.errstate(all="ignore"):
            gap = float(np.abs(self.array - array).max()) if self.array.size else 0.0
        return gap <= 10 * EQUAL * self.size


def few(setting: Setting, chosen: list[int]) -> Setting:
    """Some of a setting's points, with an evaluator that is forgotten after the claim."""
    declared = {key: values[chosen] for key, values in setting.declared.items()}
    evaluator = Evaluator(setting.system, setting.sizes, declared)
    evaluator.adopt(setting.evaluator, frozenset(), chosen)
    return Setting(setting.system, setting.sizes, declared, len(chosen), evaluator)


def size_of(array: Array) -> float:
    kept = np.abs(array[np.isfinite(array)])
    return max(float(kept.max()) if kept.size else 0.0, 1e-12)


def spread(array: Array, lengths: Sequence[int]) -> Array:
    """With every axis of the grid at its full length."""
    count = len(lengths)
    return np.broadcast_to(array, (array.shape[0], *lengths, *array.shape[1 + count :]))
