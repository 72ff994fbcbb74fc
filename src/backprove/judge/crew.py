"""Several processes judge one collection; the answers come in its order.

Each worker is given a run of consecutive lines, so that claims about one model mostly meet the
same worker, and sends its answers one by one. A worker that falls silent or dies (a claim may
need more memory than there is) is replaced; the claim that it was at is answered `unreadable`.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from time import monotonic
from typing import Any

from backprove.judge.collection import Line, Worlds, judge_line, name_of
from backprove.judge.session import BUDGET

#: lines, and characters, that a worker is given at a time
CHUNK = 32
CHUNK_SIZE = 500_000
#: runs of lines for each worker that are handed out before the first of them is answered
AHEAD = 4
#: bytes of memory that a worker may take beyond what it starts with
MEMORY = 4 << 30
#: seconds beyond a claim's budgets after which a worker is taken for lost
PATIENCE = 10.0

Answers = Iterator[tuple[Line, dict[str, Any]]]


def judge_lines(lines: Iterable[Line], jobs: int = 1, budget: float = BUDGET) -> Answers:
    """Every line with its answer, in order; one that goes wrong does not end the run."""
    if jobs > 1:
        yield from _Crew(jobs, budget).run(iter(lines))
        return
    worlds = Worlds()
    for line in lines:
        yield line, judge_line(line, worlds, budget, guard=True)


@dataclass(slots=True)
class _Worker:
    process: BaseProcess
    pipe: Connection
    #: what it was given and has not answered
    given: deque[Line] = field(default_factory=deque[Line])
    #: when it was last heard of
    heard: float = 0.0


class _Crew:
    def __init__(self, jobs: int, budget: float) -> None:
        self.jobs = jobs
        self.budget = budget
        self.context = get_context("spawn")
        self.workers: list[_Worker] = []
        self.answers: dict[int, dict[str, Any]] = {}

    def run(self, lines: Iterator[Line]) -> Answers:
        """Hand lines out, and give their answers back in order."""
        order: deque[Line] = deque()
        most = self.jobs * AHEAD * CHUNK
        more = True
        try:
            while True:
                for worker in [w for w in self.workers if not w.given]:
                    if more and len(order) < most:
                        more = self._hand_out(lines, order, worker)
                while more and len(self.workers) < self.jobs:
                    more = self._hand_out(lines, order, None)
                while order and order[0].number in self.answers:
                    line = order.popleft()
                    yield line, self.answers.pop(line.number)
                if order:
                    self._listen()
                elif not more:
                    return
        finally:
            for worker in self.workers:
                self._end(worker)

    def _hand_out(self, lines: Iterator[Line], order: deque[Line], worker: _Worker | None) -> bool:
        """Give the next lines to a worker, or to a new one; False where there are none."""
        chunk = _chunk(lines)
        if not chunk:
            return False
        if worker is None:
            worker = self._start()
            self.workers.append(worker)
        order.extend(chunk)
        self._give(worker, chunk)
        return True

    def _start(self) -> _Worker:
        here, there = self.context.Pipe()
        process = self.context.Process(target=_work, args=(there, self.budget), daemon=True)
        with _deaf():
            process.start()
        there.close()
        return _Worker(process, here)

    def _give(self, worker: _Worker, chunk: list[Line]) -> None:
        worker.given.extend(chunk)
        # until it says something it may be starting up
        worker.heard = monotonic() + 5 * PATIENCE
        with suppress(OSError):  # it is gone: that is seen to where it is listened to
            worker.pipe.send(chunk)

    def _listen(self) -> None:
        """Take in what workers have to say, and replace those that say nothing any more."""
        busy = [worker for worker in self.workers if worker.given]
        ready = set(wait([worker.pipe for worker in busy], 1.0))
        for worker in busy:
            if worker.pipe in ready:
                try:
                    while worker.given and worker.pipe.poll():
                        answer = worker.pipe.recv()
                        self.answers[worker.given.popleft().number] = answer
                        worker.heard = monotonic()
                except (EOFError, OSError):
                    self._replace(worker, "this ended the process that judged it: too much memory?")
            elif monotonic() - worker.heard > 2 * self.budget + PATIENCE:
                self._replace(worker, "this takes too long")

    def _replace(self, worker: _Worker, reason: str) -> None:
        self._end(worker)
        guilty = worker.given.popleft()
        self.answers[guilty.number] = {
            **name_of(guilty),
            "verdict": "unreadable",
            "reason": reason,
            "seconds": round(2 * self.budget, 6),
        }
        rest = list(worker.given)
        fresh = self._start()
        self.workers[self.workers.index(worker)] = fresh
        if rest:
            self._give(fresh, rest)

    def _end(self, worker: _Worker) -> None:
        worker.process.kill()
        worker.process.join()
        worker.pipe.close()


def _chunk(lines: Iterator[Line]) -> list[Line]:
    found: list[Line] = []
    size = 0
    for line in lines:
        found.append(line)
        size += len(line.text)
        if len(found) >= CHUNK or size >= CHUNK_SIZE:
            break
    return found


@contextmanager
def _deaf() -> Generator[None]:
    """What is started here does not hear Ctrl-C, from its beginning on."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _work(pipe: Connection, budget: float) -> None:
    """A worker's life: it ends with the pipe, and leaves Ctrl-C to the process that started it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    limit_memory()
    worlds = Worlds()
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            for line in pipe.recv():
                pipe.send(judge_line(line, worlds, budget, guard=True))


def limit_memory(most: int = MEMORY) -> None:
    """Let this process fail where it asks for too much memory, where the system has such limits."""
    if sys.platform.startswith("linux"):
        import resource

        pages = int(Path("/proc/self/statm").read_text().split()[0])
        now = pages * resource.getpagesize()
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        limit = now + most if hard == resource.RLIM_INFINITY else min(now + most, hard)
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
