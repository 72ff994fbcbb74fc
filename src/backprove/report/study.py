"""A study for the terminal: the conclusion, the derived lines, and the tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from backprove.studies.frame import shown

if TYPE_CHECKING:
    from backprove.studies import Result


def show(result: Result) -> None:
    """Print a study's answer."""
    console = _console()
    console.print(Text(result.question, style="bold"))
    console.print()
    for line in result.conclusion:
        marked = Table.grid(padding=(0, 1))
        marked.add_row("•", line)
        console.print(marked)
    for formula in result.formulas:
        console.print(f"\n{formula.words}:")
        for line in formula.view.unicode.splitlines():
            console.print(Padding(Text(line.rstrip()), (0, 0, 0, 2)))
    for table in result.tables:
        printed = Table(box=None, pad_edge=False, header_style="dim")
        for number, name in enumerate(table.head):
            words = any(isinstance(row[number], str) for row in table.rows)
            printed.add_column(name, justify="left" if words else "right")
        for row in table.rows:
            printed.add_row(*map(shown, row))
        console.print(f"\n{table.title}")
        console.print(Padding(printed, (0, 0, 0, 2)))


def show_list(studies: list[tuple[str, str]]) -> None:
    """Print every study's name with its question."""
    printed = Table.grid(padding=(0, 2))
    for name, question in studies:
        printed.add_row(name, question)
    _console().print(printed)


def _console() -> Console:
    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = 120
    return console
