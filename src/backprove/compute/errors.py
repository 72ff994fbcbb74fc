"""What can go wrong when an expression is given a value."""

from __future__ import annotations


class EvaluationError(Exception):
    """An expression has no value for a reason that a person can act on; the message says which."""


class NoValue(EvaluationError):
    """A family member, or another part, that does not exist (the `h_7` of three steps)."""
