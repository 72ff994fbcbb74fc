"""All networks on all tasks from several seeds, kept in a folder, one process a core."""

# PyTorch is not installed where types are checked, and types itself in part only
# pyright: basic, reportMissingImports=false

from __future__ import annotations

import json
import math
import multiprocessing
import os
import signal
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import torch

from backprove.errors import BackproveError
from backprove.training.sequences.learning import History, Setting, train
from backprove.training.sequences.networks import NETWORKS
from backprove.training.sequences.tasks import TASKS, Task, task

#: how often the progress of other processes is looked at, in seconds
LOOK = 0.3
#: what is told: epochs that are done, and how many there are
Told = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is trained. `budget` is the most parameters that a network may have.

    Each network has on each task the learning rate, among `rates`, that had the least loss on a
    part of the training data kept apart (a sixth), in a pilot of half the length from another seed.
    """

    seeds: int = 3
    epochs: int = 20
    training: int = 1200
    test: int = 400
    lag: int = 20
    budget: int = 4000
    rates: tuple[float, ...] = (3e-3, 1e-2, 3e-2)

    def pilots(self) -> list[Setting]:
        """The runs that choose learning rates."""
        epochs = max(1, self.epochs // 2)
        return [
            Setting(name, kind, self.seeds, epochs, self.budget, rate, pilot=True)
            for name in TASKS
            for kind in NETWORKS
            for rate in self.rates
        ]

    def settings(self, rates: Mapping[tuple[str, str], float]) -> list[Setting]:
        """Every run with its task's and network's rate, those of one seed before those of the next."""
        return [
            Setting(name, kind, seed, self.epochs, self.budget, rates[name, kind])
            for seed in range(self.seeds)
            for name in TASKS
            for kind in NETWORKS
        ]

    @property
    def total(self) -> int:
        """All epochs, those of the pilots among them."""
        pilots = sum(setting.epochs for setting in self.pilots())
        return pilots + self.seeds * len(TASKS) * len(NETWORKS) * self.epochs


#: longer lags, more data and larger networks
FULL = Plan(seeds=5, epochs=40, training=4000, test=1000, lag=60, budget=16_000)


@dataclass(frozen=True, slots=True)
class Facts:
    """What is to be known of a task."""

    name: str
    words: str
    steps: int
    classes: int
    best: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """The histories of all runs, and the tasks that they were about."""

    plan: Plan
    tasks: tuple[Facts, ...]
    runs: dict[Setting, History]
    pilots: dict[Setting, History]
    device: str

    def rate(self, name: str, kind: str) -> float:
        """The learning rate that a network was given on a task."""
        return next(s.rate for s in self.runs if (s.task, s.network) == (name, kind))

    def of(self, name: str, kind: str) -> list[History]:
        """The runs of a network on a task, seed by seed."""
        return [h for s, h in self.runs.items() if (s.task, s.network) == (name, kind)]

    def spread(
        self, name: str, kind: str, figure: Callable[[History], float]
    ) -> tuple[float, float]:
        """Mean and standard deviation of a figure over the seeds (NaN of one)."""
        values = [figure(h) for h in self.of(name, kind)]
        return mean(values), stdev(values) if len(values) > 1 else math.nan


def study(
    plan: Plan,
    folder: Path,
    *,
    resume: bool = False,
    jobs: int | None = None,
    told: Told = lambda _done, _of: None,
) -> Outcome:
    """Train every setting of a plan; weights and histories are kept in `folder`.

    `resume` goes on after an interruption, which costs every network at most one epoch. Raises
    `BackproveError` where what was saved does not belong to the plan.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _check_plan(plan, folder, resume)
    # what is missing (scikit-learn) is told before anything is trained
    tasks = [_whole(plan, name) for name in TASKS]
    gpu = torch.cuda.is_available()
    jobs = 1 if gpu else min(jobs or os.cpu_count() or 1, len(plan.pilots()))
    done = _Counter(lambda count: told(count, plan.total))
    pilots = _train(plan, plan.pilots(), folder, resume, jobs, done)
    runs = _train(plan, plan.settings(chosen(pilots)), folder, resume, jobs, done)
    facts = tuple(Facts(t.name, t.words, t.steps, t.classes, t.best) for t in tasks)
    where = torch.cuda.get_device_name() if gpu else f"{jobs} processor cores"
    made = Outcome(plan, facts, runs, pilots, where)
    data = {
        "plan": asdict(plan),
        "runs": [{**asdict(s), **asdict(h)} for s, h in (made.pilots | made.runs).items()],
    }
    (folder / "study.json").write_text(json.dumps(data), encoding="utf-8")
    return made


def chosen(pilots: Mapping[Setting, History]) -> dict[tuple[str, str], float]:
    """For each task and network the rate whose pilot ended with the least loss on data kept apart."""
    best: dict[tuple[str, str], tuple[float, float]] = {}
    for setting, history in pilots.items():
        loss = history.test[-1] if math.isfinite(history.test[-1]) else math.inf
        key = setting.task, setting.network
        if key not in best or loss < best[key][0]:
            best[key] = loss, setting.rate
    return {key: rate for key, (_, rate) in best.items()}


def _train(
    plan: Plan, settings: list[Setting], folder: Path, resume: bool, jobs: int, done: _Counter
) -> dict[Setting, History]:
    """Histories of settings, in their order."""
    if jobs == 1:
        return {s: train(s, _task(plan, s), folder, resume, done.more) for s in settings}
    before = done.count
    found = _side_by_side(plan, settings, folder, resume, jobs, lambda n: done.set(before + n))
    return {s: found[s] for s in settings}


class _Counter:
    """Epochs that are done."""

    def __init__(self, told: Callable[[int], None]) -> None:
        self.count = 0
        self._told = told

    def more(self) -> None:
        self.set(self.count + 1)

    def set(self, count: int) -> None:
        self.count = count
        self._told(count)


def _side_by_side(
    plan: Plan,
    settings: list[Setting],
    folder: Path,
    resume: bool,
    jobs: int,
    told: Callable[[int], None],
) -> dict[Setting, History]:
    """Several networks at once: small layers gain nothing from threads."""
    context = multiprocessing.get_context("spawn")
    epochs, stop = context.Value("i", 0), context.Event()
    found: dict[Setting, History] = {}
    with ProcessPoolExecutor(jobs, context, initializer=_begin, initargs=(epochs, stop)) as pool:
        pending: dict[Future[History], Setting] = {
            pool.submit(_run, plan, setting, folder, resume): setting for setting in settings
        }
        try:
            while pending:
                done, _ = wait(pending, timeout=LOOK, return_when=FIRST_COMPLETED)
                for future in done:
                    found[pending.pop(future)] = future.result()
                told(epochs.value)
        except BaseException:
            # what is being trained ends with its epoch, which is saved
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    return found


class Stopped(Exception):
    """The study was interrupted."""


_epochs: Any = None
_stop: Any = None


def _begin(epochs: Any, stop: Any) -> None:
    global _epochs, _stop
    _epochs, _stop = epochs, stop
    torch.set_num_threads(1)
    # an interruption is for the process that waits, which tells the others
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _count() -> None:
    with _epochs.get_lock():
        _epochs.value += 1
    _go_on()


def _go_on() -> None:
    if _stop.is_set():
        raise Stopped


def _run(plan: Plan, setting: Setting, folder: Path, resume: bool) -> History:
    _go_on()
    return train(setting, _task(plan, setting), folder, resume, _count)


def _task(plan: Plan, setting: Setting) -> Task:
    whole = _whole(plan, setting.task)
    return whole.pilot() if setting.pilot else whole


@cache
def _whole(plan: Plan, name: str) -> Task:
    return task(name, plan.training, plan.test, plan.lag)


def _check_plan(plan: Plan, folder: Path, going_on: bool) -> None:
    path = folder / "plan.json"
    text = json.dumps(asdict(plan), indent=2)
    if going_on and not path.exists():
        raise BackproveError(f"{folder} holds no study to go on with")
    if going_on and path.read_text(encoding="utf-8") != text:
        raise BackproveError(f"{folder} holds a study of another plan; see {path}")
    path.write_text(text, encoding="utf-8")
    if not going_on:
        # what an earlier study left, and nothing else that may be in the folder
        for name in (f"{name}_{kind}_*" for name in TASKS for kind in NETWORKS):
            for old in (*folder.glob(name + ".pt"), *folder.glob(name + ".json")):
                old.unlink()
