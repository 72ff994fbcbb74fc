"""A hard limit on time: it also ends what does not look at the clock itself."""

from __future__ import annotations

import signal
import threading
import weakref
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

#: seconds after which it is raised again, where something swallowed it
AGAIN = 0.5
#: seconds until the next try, where it would be lost
SOON = 0.001


class TimeUp(BaseException):
    """The time is up. No `Exception`, so that nothing on its way takes it for its own."""


@contextmanager
def watched(seconds: float) -> Generator[None]:
    """Raises `TimeUp` in the block once this much processor time is used up.

    Processor time, so that it depends neither on what else the machine does nor on its sleep.
    Signals do it: outside the main thread, and where there is no interval timer, nothing does.
    """
    if not hasattr(signal, "setitimer") or (
        threading.current_thread() is not threading.main_thread()
    ):
        yield
        return
    before = signal.signal(signal.SIGPROF, _ring)
    signal.setitimer(signal.ITIMER_PROF, seconds, AGAIN)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def _ring(number: int, frame: FrameType | None) -> None:
    above = frame and frame.f_back
    if any(f and f.f_code.co_filename == weakref.__file__ for f in (frame, above)):
        # what is raised while a dead object is seen off is printed and lost
        signal.setitimer(signal.ITIMER_PROF, SOON, AGAIN)
        return
    raise TimeUp
