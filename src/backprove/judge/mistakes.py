"""The kind of a mistake (NOTATION 6), from the values of the two sides."""

from __future__ import annotations

import numpy as np

from backprove.judge.link import Side, agree
from backprove.judge.world import EQUAL


def quick_mistake(truth: Side, said: Side) -> str:
    """`sign` or `factor` where one side is a constant multiple of the other, else `other`."""
    if truth.shape != said.shape:
        return "other"
    if agree(truth.arrays, [-a for a in said.arrays], True) <= EQUAL:
        return "sign"
    with np.errstate(all="ignore"):
        ratios = [
            (a / b)[np.isfinite(a / b)]
            for a, b in zip(truth.arrays, said.arrays, strict=True)
            if a.shape == b.shape
        ]
    if ratios and all(r.size and np.ptp(r) <= 1e-8 * abs(r.flat[0]) for r in ratios):
        return "factor"
    return "other"
