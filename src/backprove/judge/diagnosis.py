"""All that is said about a wrong claim: the mistake, the right line, and values that show it."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import numpy as np

from backprove.judge.certainty import surely_differ
from backprove.judge.combine import Array
from backprove.judge.correction import corrected
from backprove.judge.link import Side
from backprove.judge.mistakes import Mistake, name_mistake
from backprove.judge.outcome import Outcome
from backprove.judge.trial import WrongClaim
from backprove.judge.verdict import Evidence

#: a relative difference below this is decided in ball arithmetic
SMALL = 1e-4


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What a wrong claim's verdict tells."""

    mistake: Mistake
    corrected: str | None
    evidence: Evidence


def diagnose(claim: WrongClaim, replay: bool = False) -> Diagnosis:
    """Name the mistake, correct it, and show where the claim fails, with `replay` by a script."""
    mistake = name_mistake(claim)
    shown = evidence(claim)
    if replay:
        shown = dataclasses.replace(shown, replay=_script(claim))
    return Diagnosis(mistake, corrected(claim, mistake.fixed), shown)


def with_script(outcome: Outcome, claim: WrongClaim) -> Outcome:
    """A wrong number with a script that computes the right one."""
    found = outcome.evidence or Evidence("")
    return dataclasses.replace(outcome, evidence=dataclasses.replace(found, replay=_script(claim)))


def _script(claim: WrongClaim) -> str | None:
    from backprove.judge.replay import script  # only where it is asked for: the writer of code

    return script(claim)


def certain(claim: WrongClaim, left: Array, right: Array) -> str:
    """How sure it is that two sides differ, in words.

    A difference far above rounding is sure as it is; a small one is decided in ball arithmetic,
    where every step of the computation carries its error.
    """
    gap, size = math.inf, 1.0
    if left.shape == right.shape:
        known = np.isfinite(left) & np.isfinite(right)
        if known.any():
            gap = float(np.abs(left[known] - right[known]).max())
            size = max(float(np.abs(left[known]).max()), 1e-12)
    if gap > SMALL * size:
        return "the sides differ far beyond rounding"
    assert claim.other is not None
    nodes = claim.value.node, claim.other.node
    if surely_differ(*nodes, claim.system, claim.settings[0], claim.grid):
        return "the sides certainly differ, as ball arithmetic shows"
    return "the sides differ by little more than rounding"


def evidence(claim: WrongClaim) -> Evidence:
    """One point at which the two sides differ."""
    setting = claim.settings[0]
    left = claim.truth.arrays[0][0]
    right = None
    summary = "it fails at this point"
    if claim.other is not None:
        said = Side.of(claim.other, claim.settings, claim.grid).arrays[0][0]
        right = said.tolist()
        summary += ": " + certain(claim, left, said)
    values = {
        name + ("_" + ",".join(map(str, at)) if at else ""): array[0].tolist()
        for (name, at), array in setting.declared.items()
    }
    return Evidence(summary, 1, (dict(setting.sizes),), None, values, left.tolist(), right)
