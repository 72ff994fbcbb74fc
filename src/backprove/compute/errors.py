"""What can go wrong when an expression is given a value."""

from __future__ import annotations

from backprove.errors import BackproveError

#: so many places of open indices, or members of a family, are evaluated at once at most
MOST_PLACES = 1_000_000


class EvaluationError(BackproveError):
    """An expression has no value for a reason that a person can act on; the message says which."""


class NoValue(EvaluationError):
    """A family member, or another part, that does not exist (the `h_7` of three steps)."""


def enough(places: int) -> int:
    """The number of places, where it is not too large; raises `EvaluationError`."""
    if places > MOST_PLACES:
        raise EvaluationError(f"{places} places are too many to try")
    return places
