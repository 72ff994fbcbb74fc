"""What a person can put right in the log of a run."""

from __future__ import annotations

from backprove.errors import BackproveError


class LogError(BackproveError):
    """A log that cannot be read, or says nothing about training; the text says where and why."""
