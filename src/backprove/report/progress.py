"""How far a long piece of work is, on standard error, with the time that is left."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

#: without a terminal a line is printed for each of so many parts
PARTS = 10


@contextmanager
def progress(what: str) -> Generator[Callable[[int, int], None]]:
    """A function that is told how many are done, and of how many; a bar in a terminal, else lines."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _lines(console, what)
        return
    columns = (
        TextColumn(what),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, of: bar.update(task, completed=done, total=of)


def _lines(console: Console, what: str) -> Callable[[int, int], None]:
    told = 0

    def tell(done: int, of: int) -> None:
        nonlocal told
        part = done * PARTS // max(of, 1)
        if part > told:
            told = part
            console.print(f"{done} of {of} {what}", highlight=False)

    return tell
