"""A hard limit on time: it also ends what does not look at the clock itself."""

from __future__ import annotations

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

#: seconds after which it is raised again, where something swallowed it
AGAIN = 0.5


class TimeUp(BaseException):
    """The time is up. No `Exception`, so that nothing on its way takes it for its own."""


@contextmanager
def watched(seconds: float) -> Generator[None]:
    """Raises `TimeUp` in the block once the time is up.

    Signals do it, so outside the main thread, and where there is no interval timer, nothing does.
    """
    if not hasattr(signal, "setitimer") or (
        threading.current_thread() is not threading.main_thread()
    ):
        yield
        return
    before = signal.signal(signal.SIGALRM, _ring)
    signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _ring(number: int, frame: FrameType | None) -> None:
    raise TimeUp
