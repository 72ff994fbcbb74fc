"""What an answer is worth: the share of a question's marks for each way of being right.

A sheet sets it in its front matter:

    policy:
      scalar: 1/2
      follow-through: 3/4

What a sheet does not set is as in `SHARES`. A share is a number from 0 to 1, a fraction or a percentage.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fractions import Fraction

from backprove.judge.verdict import Kind

#: `unfinished` is right, but derivatives are left in it that are worked out nowhere; `started` is
#: right until a later step is not; `recovered` is right in the end, behind a step that is wrong;
#: `follow-through` uses an earlier wrong result rightly
SHARES = {
    "correct": Fraction(1),
    "convention": Fraction(1),
    "notation": Fraction(1),
    "scalar": Fraction(1, 2),
    "approximate": Fraction(3, 4),
    "follow-through": Fraction(1, 2),
    "unfinished": Fraction(1, 2),
    "recovered": Fraction(3, 4),
    "started": Fraction(1, 4),
}
_SHARE = re.compile(r"(\d+)\s*/\s*(\d+)|(\d+(?:\.\d+)?)\s*(%?)")


@dataclass(frozen=True, slots=True)
class Policy:
    """Shares of a question's marks, from 0 to 1."""

    shares: dict[str, Fraction] = field(default_factory=lambda: dict(SHARES))

    def of(self, what: Kind | str) -> Fraction:
        """The share for a verdict, or for an outcome that is none; 0 for what earns nothing."""
        return self.shares.get(str(what), Fraction(0))

    @staticmethod
    def read(settings: dict[str, str]) -> Policy:
        """A policy from its lines; raises ValueError, ready to show, for one that cannot be used."""
        shares = dict(SHARES)
        for name, text in settings.items():
            if name not in SHARES:
                raise ValueError(f"the policy has no {name!r}; it has {', '.join(SHARES)}")
            share = read_share(text)
            if share is None or share > 1:
                raise ValueError(f"{name}: {text!r} is no share between 0 and 1")
            shares[name] = share
        return Policy(shares)


def read_share(text: str) -> Fraction | None:
    """`1/2`, `0.5` or `50%`; None for anything else."""
    match = _SHARE.fullmatch(text.strip())
    if match is None:
        return None
    over, under, number, percent = match.groups()
    if over is not None:
        return Fraction(int(over), int(under)) if int(under) else None
    return Fraction(number) / (100 if percent else 1)
