"""A hard limit on time: it also ends what does not look at the clock itself."""

from __future__ import annotations

import signal
import threading
import weakref
from types import FrameType

#: seconds after which it is raised again, where something swallowed it
AGAIN = 0.5
#: seconds until the next try, where it would be lost
SOON = 0.001


class TimeUp(BaseException):
    """The time is up. No `Exception`, so that nothing on its way takes it for its own."""


class watched:
    """Raises `TimeUp` in the block once this much processor time is used up.

    Processor time, so that it depends neither on what else the machine does nor on its sleep.
    Signals do it: outside the main thread, and where there is no interval timer, nothing does.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.works = hasattr(signal, "setitimer") and (
            threading.current_thread() is threading.main_thread()
        )

    def __enter__(self) -> None:
        if self.works:
            _install()
            _state.armed = True
            signal.setitimer(signal.ITIMER_PROF, self.seconds, AGAIN)

    def __exit__(self, *error: object) -> None:
        if self.works:
            disarm()


class _State:
    """Whether a block is being watched: a signal that comes late means nothing."""

    armed = False


_state = _State()


def disarm() -> None:
    """Watch no longer; also for who catches `TimeUp`, which may come at the end of the block."""
    _state.armed = False
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_PROF, 0)


def _install() -> None:
    # the handler stays: without one, a signal that comes late would end the process
    if signal.getsignal(signal.SIGPROF) is not _ring:
        signal.signal(signal.SIGPROF, _ring)


def _ring(number: int, frame: FrameType | None) -> None:
    if not _state.armed:
        return
    above = frame and frame.f_back
    if any(f and f.f_code.co_filename == weakref.__file__ for f in (frame, above)):
        # what is raised while a dead object is seen off is printed and lost
        signal.setitimer(signal.ITIMER_PROF, SOON, AGAIN)
        return
    raise TimeUp
