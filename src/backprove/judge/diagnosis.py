"""All that is said about a wrong claim: the mistake, the right line, and values that show it."""

from __future__ import annotations

from dataclasses import dataclass

from backprove.judge.correction import corrected
from backprove.judge.link import Side
from backprove.judge.mistakes import Mistake, name_mistake
from backprove.judge.trial import WrongClaim
from backprove.judge.verdict import Evidence


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What a wrong claim's verdict tells."""

    mistake: Mistake
    corrected: str | None
    evidence: Evidence


def diagnose(claim: WrongClaim) -> Diagnosis:
    """Name the mistake, correct it, and show where the claim fails."""
    mistake = name_mistake(claim)
    return Diagnosis(mistake, corrected(claim, mistake.fixed), evidence(claim))


def evidence(claim: WrongClaim) -> Evidence:
    """One point at which the two sides differ."""
    setting = claim.settings[0]
    right = None
    if claim.other is not None:
        right = Side.of(claim.other, claim.settings, claim.grid).arrays[0][0].tolist()
    values = {
        name + ("_" + ",".join(map(str, at)) if at else ""): array[0].tolist()
        for (name, at), array in setting.declared.items()
    }
    left = claim.truth.arrays[0][0].tolist()
    return Evidence("it fails at this point", 1, (dict(setting.sizes),), None, values, left, right)
