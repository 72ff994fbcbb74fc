"""What was found about one link of a claim."""

from __future__ import annotations

from dataclasses import dataclass

from backprove.judge.verdict import Evidence, Kind
from backprove.notation.syntax import Span


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was found about one link."""

    verdict: Kind
    reason: str = ""
    mistake: str | None = None
    reading: str | None = None
    corrected: str | None = None
    evidence: Evidence | None = None
    place: Span | None = None
