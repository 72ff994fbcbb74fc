"""All that is said about a wrong claim: the mistake, the right line, and values that show it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from backprove.judge.certainty import surely_differ
from backprove.judge.combine import Array
from backprove.judge.correction import corrected
from backprove.judge.link import Side
from backprove.judge.mistakes import name_mistake
from backprove.judge.outcome import Outcome
from backprove.judge.ratios import Mistake
from backprove.judge.trial import WrongClaim
from backprove.judge.verdict import Evidence
from backprove.judge.world import EQUAL, Setting

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
    return Diagnosis(mistake, mistake.latex or corrected(claim, mistake.fixed), shown)


def with_script(outcome: Outcome, claim: WrongClaim) -> Outcome:
    """A wrong number with a script that computes the right one."""
    found = outcome.evidence or Evidence("")
    return dataclasses.replace(outcome, evidence=dataclasses.replace(found, replay=_script(claim)))


def _script(claim: WrongClaim) -> str | None:
    from backprove.judge.replay import script  # only where it is asked for: the writer of code

    return script(claim)


def certain(claim: WrongClaim, left: Array, right: Array, setting: Setting) -> str:
    """How sure it is that two sides differ, in words.

    A difference far above rounding is sure as it is; a small one is decided in ball arithmetic,
    where every step of the computation carries its error.
    """
    gap, size = _gap(left, right)
    if gap > SMALL * size:
        return "the sides differ far beyond rounding"
    assert claim.other is not None
    nodes = claim.value.node, claim.other.node
    if surely_differ(*nodes, claim.system, setting, claim.grid):
        return "the sides certainly differ, as ball arithmetic shows"
    return "the sides differ by little more than rounding"


def _gap(left: Array, right: Array) -> tuple[float, float]:
    """The largest difference where both have a value, and how large the left side is there."""
    if left.shape != right.shape:
        return math.inf, 1.0
    known = np.isfinite(left) & np.isfinite(right)
    if not known.any():
        return math.inf, 1.0
    size = max(float(np.abs(left[known]).max()), 1e-12)
    return float(np.abs(left[known] - right[known]).max()), size


def evidence(claim: WrongClaim) -> Evidence:
    """One point at which the two sides differ, of the first sizes at which they do."""
    truth = claim.truth.arrays
    if claim.other is None:
        place, point, right = 0, 0, None
        left = truth[0][0]
        summary = "it fails at this point"
    else:
        said = Side.of(claim.other, claim.settings, claim.grid).arrays
        place, point = _where(truth, said)
        # what depends on no symbol has one value for all points
        left, right = (side[place][point % len(side[place])] for side in (truth, said))
        sure = certain(claim, left, right, claim.settings[place])
        summary = f"it fails at this point: {sure}"
    setting = claim.settings[place]
    values = {
        name + ("_" + ",".join(map(str, at)) if at else ""): array[point].tolist()
        for (name, at), array in setting.declared.items()
    }
    sizes = (dict(setting.sizes),)
    return Evidence(
        summary, 1, sizes, None, values, left.tolist(), None if right is None else right.tolist()
    )


def _where(truth: Sequence[Array], said: Sequence[Array]) -> tuple[int, int]:
    """The setting and the point at which two sides differ, the first that will do."""
    for place, (a, b) in enumerate(zip(truth, said, strict=True)):
        for point in range(max(len(a), len(b))):
            gap, size = _gap(a[point % len(a)], b[point % len(b)])
            if gap > EQUAL * size:
                return place, point
    return 0, 0
