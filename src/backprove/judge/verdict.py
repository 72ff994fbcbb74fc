"""What a judgement is: plain data, for people and machines (NOTATION, sections 5 to 7)."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """The verdicts, from best to worst; of several claims in one record the worst counts."""

    CORRECT = "correct"
    CONVENTION = "convention"
    NOTATION = "notation"
    SCALAR = "scalar"
    APPROXIMATE = "approximate"
    UNREADABLE = "unreadable"
    WRONG = "wrong"
    WITHHELD = "withheld"

    @property
    def rank(self) -> int:
        return list(Kind).index(self)

    @property
    def accepted(self) -> bool:
        """True for what a fair expert would accept: correct, convention or notation."""
        return self in (Kind.CORRECT, Kind.CONVENTION, Kind.NOTATION)

    @property
    def partly(self) -> bool:
        """True for what is right in part: the scalar problem, or a number rounded on the way."""
        return self in (Kind.SCALAR, Kind.APPROXIMATE)


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why a verdict was given.

    For an accepted claim: how many points at which sizes, and the largest relative difference.
    For a wrong one: one point, with the value of every symbol and of both sides as nested lists,
    and where it was asked for a short NumPy script that computes both (`replay`).
    """

    summary: str
    points: int = 0
    sizes: tuple[dict[str, int], ...] = ()
    difference: float | None = None
    values: dict[str, Any] = field(default_factory=dict)
    left: Any = None
    right: Any = None
    replay: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The judgement of one claim.

    `claim` is the text judged; `reading` says how it was read where not as written; `mistake` is
    a kind of NOTATION 6, for a wrong claim; `reason` is one sentence for a person; `corrected` is
    the right right-hand side in LaTeX; `place` is the half-open range of characters in `claim`
    that the reason points at; `repairs` say what was read through a scan's damage.
    """

    verdict: Kind
    claim: str
    reason: str = ""
    mistake: str | None = None
    reading: str | None = None
    corrected: str | None = None
    evidence: Evidence | None = None
    place: tuple[int, int] | None = None
    repairs: tuple[str, ...] = ()
    links: tuple[Verdict, ...] = ()
    seconds: float = 0.0

    @property
    def accepted(self) -> bool:
        return self.verdict.accepted

    def as_dict(self) -> dict[str, Any]:
        """As JSON-ready data, without empty entries."""
        full = asdict(self)
        full["verdict"] = str(self.verdict)
        full["links"] = [link.as_dict() for link in self.links]
        return {key: value for key, value in full.items() if value not in (None, "", (), [], {})}
