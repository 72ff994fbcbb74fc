"""Worker processes: they do what is asked, and are ended when that takes too long or too much.

A worker is a Python process with the library loaded. It is given one task at a time, a JSON line on
its standard input, and answers with a line: a status (as of HTTP) and JSON. One that does not answer in
time, or dies of its limits, is replaced; the others go on meanwhile. Nothing of a request is ever
written to a file: workers cannot.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from contextlib import nullcontext, suppress
from dataclasses import dataclass

from backprove.web.settings import Settings

#: seconds that a worker may take to be ready, and beyond a task's own limit before it is ended
START = 60.0
GRACE = 2.0
#: bytes of an answer
LONGEST = 64 << 20
#: what workers are for, in the words of who waits in vain
BUSY = "the server is busy; try again in a moment"


@dataclass(frozen=True, slots=True)
class Answer:
    """A status as of HTTP, and JSON."""

    status: int
    body: bytes

    @staticmethod
    def error(status: int, message: str) -> Answer:
        return Answer(status, json.dumps({"detail": message}, ensure_ascii=False).encode())


@dataclass(eq=False, slots=True)
class _Worker:
    process: asyncio.subprocess.Process
    #: the model that it was last asked about
    model: str = ""


class Pool:
    """A few workers, and the answers that were given lately."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._idle: list[_Worker] = []
        self._all: set[_Worker] = set()
        self._free = asyncio.Condition()
        #: heavy tasks leave a worker for the others
        self._heavy = asyncio.Semaphore(max(1, settings.workers - 1))
        self._waiting = 0
        self._kept: OrderedDict[tuple[str, str], Answer] = OrderedDict()
        self._kept_bytes = 0
        self._closed = False
        self._renewals: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Start all workers; returns when they are ready."""
        started = await asyncio.gather(*(self._start() for _ in range(self.settings.workers)))
        self._all.update(started)
        self._idle.extend(started)

    async def close(self) -> None:
        self._closed = True
        for task in self._renewals:
            task.cancel()
        for worker in list(self._all):
            await self._end(worker)

    async def ask(
        self,
        task: str,
        payload: str,
        seconds: float,
        *,
        model: str = "",
        heavy: bool = False,
        keep: bool = True,
        gone: Callable[[], Awaitable[bool]] | None = None,
    ) -> Answer:
        """The answer to a task, from what is kept or by a worker.

        `gone` says whether who asked has left meanwhile: then nothing is done.
        """
        key = (task, payload)
        known = self._kept.get(key) if keep else None
        if known is not None:
            self._kept.move_to_end(key)
            return known
        if self._waiting >= self.settings.queue:
            return Answer.error(503, BUSY)
        async with self._heavy if heavy else nullcontext():
            self._waiting += 1
            try:
                worker = await self._take(model)
            finally:
                self._waiting -= 1
            try:
                left = gone is not None and await gone()
            except BaseException:
                await self._put(worker)
                raise
            if left:
                await self._put(worker)
                return Answer.error(499, "nobody waits for this any more")
            worker.model = model
            answer = await self._asked(worker, task, payload, seconds)
        if keep and answer.status == 200:
            self._keep(key, answer)
        return answer

    # --- what is kept ---------------------------------------------------------------------------

    def _keep(self, key: tuple[str, str], answer: Answer) -> None:
        size = len(key[1]) + len(answer.body)
        if size > self.settings.kept // 8 or key in self._kept:
            return
        self._kept[key] = answer
        self._kept_bytes += size
        while self._kept_bytes > self.settings.kept:
            (_, text), old = self._kept.popitem(last=False)
            self._kept_bytes -= len(text) + len(old.body)

    # --- workers --------------------------------------------------------------------------------

    async def _take(self, model: str) -> _Worker:
        """A worker that is free, best one that has this model ready."""
        async with self._free:
            await self._free.wait_for(lambda: self._idle)
            found = next((w for w in self._idle if model and w.model == model), self._idle[0])
            self._idle.remove(found)
            return found

    async def _put(self, worker: _Worker) -> None:
        async with self._free:
            self._idle.append(worker)
            self._free.notify()

    async def _asked(self, worker: _Worker, task: str, payload: str, seconds: float) -> Answer:
        stdin, stdout = worker.process.stdin, worker.process.stdout
        assert stdin is not None
        assert stdout is not None
        line = json.dumps({"task": task, "seconds": seconds, "payload": payload})
        try:
            stdin.write(line.encode() + b"\n")
            async with asyncio.timeout(seconds + GRACE):
                await stdin.drain()
                said = await stdout.readline()
            status, _, body = said.rstrip(b"\n").partition(b" ")
            answer = Answer(int(status), body)
        except TimeoutError:
            self._replace(worker)
            return Answer.error(503, f"this takes too long: more than {seconds:g} seconds")
        except (OSError, ValueError):
            self._replace(worker)
            return Answer.error(503, "this ended the process that worked on it: too much memory?")
        except BaseException:
            self._replace(worker)  # its answer would be taken for the next one's
            raise
        await self._put(worker)
        return answer

    async def _start(self) -> _Worker:
        threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "backprove.web.worker",
            str(self.settings.memory),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, **threads},
            limit=LONGEST,
            start_new_session=True,  # Ctrl-C is for the server alone
        )
        assert process.stdout is not None
        async with asyncio.timeout(START):
            said = await process.stdout.readline()
        if said != b"ready\n":
            raise RuntimeError("a worker process could not be started")
        return _Worker(process)

    def _replace(self, worker: _Worker) -> None:
        """End a worker now, and start another one for it beside what else goes on."""
        if self._closed:
            return
        with suppress(ProcessLookupError):
            worker.process.kill()
        renewal = asyncio.get_running_loop().create_task(self._renew(worker))
        self._renewals.add(renewal)
        renewal.add_done_callback(self._renewals.discard)

    async def _renew(self, worker: _Worker) -> None:
        await self._end(worker)
        fresh = await self._start()
        self._all.add(fresh)
        await self._put(fresh)

    async def _end(self, worker: _Worker) -> None:
        self._all.discard(worker)
        with suppress(ProcessLookupError):
            worker.process.kill()
        await worker.process.wait()
