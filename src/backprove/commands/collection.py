"""Judging a collection from file to file: progress, what cannot be used, stopping and going on."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from time import monotonic
from typing import Any, BinaryIO, Self, TextIO, cast

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from backprove.errors import BackproveError
from backprove.judge.collection import Line
from backprove.judge.crew import judge_lines
from backprove.judge.lines import Lines, answered
from backprove.report.data import dumps
from backprove.report.tally import Tally

#: lines that cannot be used and are named one by one
NAMED = 20


def judge_collection(
    file: Path, output: Path | None, jobs: int, budget: float, *, resume: bool = False
) -> tuple[Tally, bool]:
    """Write an answer for every claim of a file; the counts, and whether Ctrl-C ended it.

    Every answer is in the output as soon as it is known.
    """
    tally = Tally()
    with ExitStack() as stack:
        lines = Lines(_opened(file, stack))
        rest = iter(lines)
        try:
            progress = stack.enter_context(_Progress(_size(file), lines))
            goes_on = resume and output is not None and output.exists()
            if goes_on:
                for line, answer in answered(cast(Path, output), rest):
                    tally.add(line.text, answer)
                    progress.step(line, answer)
            first = next(rest, None)
            if first is None:
                return tally, False
            sink = _sink(output, goes_on, stack)
            for line, answer in judge_lines(chain([first], rest), jobs, budget):
                sink.write(dumps(answer) + "\n")
                sink.flush()
                tally.add(line.text, answer)
                progress.step(line, answer)
        except KeyboardInterrupt:
            return tally, True
    return tally, False


def _opened(file: Path, stack: ExitStack) -> BinaryIO:
    if str(file) == "-":
        return sys.stdin.buffer
    if file.is_dir():
        raise BackproveError(f"{file} is a directory; give a file")
    try:
        return stack.enter_context(file.open("rb"))
    except FileNotFoundError:
        raise BackproveError(f"{file} does not exist") from None


def _size(file: Path) -> int | None:
    return file.stat().st_size if file.is_file() else None


def _sink(output: Path | None, goes_on: bool, stack: ExitStack) -> TextIO:
    if output is None:
        return sys.stdout
    mode = "a" if goes_on else "w"
    return stack.enter_context(output.open(mode, encoding="utf-8", errors="replace", newline="\n"))


class _Progress:
    """What a person sees meanwhile, on standard error: a bar on a terminal, and unusable lines."""

    def __init__(self, size: int | None, lines: Lines) -> None:
        self.lines = lines
        self.claims = self.unusable = 0
        self.shown = 0.0
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:3.0f}%"),
            TextColumn("left:"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self.on = self.bar.console.is_terminal
        self.task = self.bar.add_task("judging", total=size)

    def __enter__(self) -> Self:
        if self.on:
            self.bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self.on:
            self.bar.stop()

    def step(self, line: Line, answer: Mapping[str, Any]) -> None:
        """One more line is answered."""
        self.claims += 1
        if "error" in answer:
            self.unusable += 1
            if self.unusable <= NAMED:
                self._say(f"line {line.number} is left out: {answer['error']}")
            elif self.unusable == NAMED + 1:
                self._say("more lines are left out; the answers name them all")
        if self.on and monotonic() - self.shown > 0.1:
            self.shown = monotonic()
            self.bar.update(
                self.task, completed=self.lines.read, description=f"{self.claims} claims"
            )

    def _say(self, text: str) -> None:
        self.bar.console.print(f"backprove: {text}", markup=False, highlight=False, soft_wrap=True)
