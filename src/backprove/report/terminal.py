"""The report for the terminal: a line a claim, and below it what is wrong and what would be right.

It reads well at 80 to 100 columns, without colour, and when piped.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from backprove.judge.verdict import Kind, Verdict
from backprove.report.summary import Counts, mark, sentence, words
from backprove.report.typeset import plain, printable

if TYPE_CHECKING:
    from backprove.course.checking import ClaimResult, DocumentReport

_PIPED_WIDTH = 100
_STYLES = {"✓": "green", "~": "yellow", "✗": "bold red", "?": "magenta"}
_OPERATORS = ("+", "-", "−", "=", "≈")


def show(report: DocumentReport, console: Console | None = None) -> None:
    """Print a report."""
    console = console or new_console()
    title = printable(report.title) if report.title else ""
    console.print(Text(str(report.path), "bold"), Text(title, "dim"))
    console.print()
    if report.results:
        console.print(claims_table(report.results, console.width))
        console.print()
    for note in report.notes:
        console.print(Text(f"Note: {sentence(printable(note))}", "dim"))
    console.print(Text(str(Counts.of(r.verdict for r in report.results)), "bold"))


def claims_table(results: Sequence[ClaimResult], total: int) -> Table:
    """Claims with their verdicts, under their questions, in `total` columns."""
    width = _claim_width(total, results)
    table = Table.grid(padding=(0, 1, 0, 1))
    table.add_column(justify="right", style="dim", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(width=width)
    table.add_column(no_wrap=True)
    question = ""
    for result in results:
        if result.question != question:
            question = result.question
            table.add_row("", "", Text(printable(question), "bold"), "")
        sign = mark(result.verdict.verdict)
        table.add_row(
            result.where or str(result.line),
            Text(sign, _STYLES[sign]),
            _cell(result, width),
            Text(words(result.verdict), _STYLES[sign]),
        )
    return table


def new_console() -> Console:
    """A console that is wide enough where nobody looks."""
    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _PIPED_WIDTH
    return console


def _claim_width(total: int, results: Sequence[ClaimResult]) -> int:
    """What the other columns leave."""
    verdict = max((len(words(r.verdict)) for r in results), default=0)
    line = max((len(r.where or str(r.line)) for r in results), default=1)
    return max(24, total - verdict - line - 1 - 8)


def _cell(result: ClaimResult, width: int) -> RenderableType:
    """The claim on one line, and the remarks on it below."""
    claim = Text(plain(result.text), no_wrap=True, overflow="ellipsis")
    return Group(claim, *_remarks(result.verdict, width))


def _remarks(verdict: Verdict, width: int) -> Iterator[Text]:
    kind = verdict.verdict
    if kind is Kind.UNREADABLE and verdict.place is not None:
        for line in excerpt(verdict.claim, verdict.place, width).split("\n"):
            yield Text(line, "magenta", no_wrap=True)
    if verdict.reading and kind is not Kind.SCALAR:
        yield Text(f"Read as: {printable(verdict.reading)}", "dim")
    if verdict.reason and kind is not Kind.CORRECT:
        yield Text(sentence(printable(verdict.reason)))
    if verdict.corrected and not verdict.accepted:
        lines = broken("right: " + plain(verdict.corrected), width, indent=7)
        yield Text("\n".join(lines), "cyan")
    for repair in verdict.repairs:
        yield Text(f"Repaired: {printable(repair)}", "dim")


def excerpt(text: str, place: tuple[int, int], width: int) -> str:
    """The part of `text` around a place, with carets below it."""
    start, end = place
    low = max(0, min(start - width // 2, len(text) - width + 2))
    high = min(len(text), low + width - 2)
    before, after = "…" if low else "", "…" if high < len(text) else ""
    shown = "".join(c if c.isprintable() else " " for c in text[low:high])
    carets = "^" * max(1, min(end, high) - start)
    return f"{before}{shown}{after}\n{' ' * (len(before) + start - low)}{carets}"


def broken(formula: str, width: int, indent: int = 2) -> list[str]:
    """A formula in lines of at most `width`, broken where it hurts least.

    A line ends in its last two thirds, at a blank in as few brackets as can be, and rather before
    a `+`, `−` or `=` than elsewhere; only a word longer than a line is cut.
    """
    lines: list[str] = []
    rest, margin = formula, ""
    while len(margin) + len(rest) > width:
        room = width - len(margin)
        at = _best_break(rest, room)
        lines.append(margin + rest[:at].rstrip())
        rest, margin = rest[at:].lstrip(), " " * indent
    return [*lines, margin + rest]


def _best_break(text: str, room: int) -> int:
    best, least = room, len(text)
    depth = 0
    for at, sign in enumerate(text[: room + 1]):
        depth += (sign in "([{") - (sign in ")]}")
        if sign == " " and (at >= room // 3 or best == room):
            cost = depth + (text[at + 1 : at + 2] not in _OPERATORS)
            if cost <= least:
                best, least = at, cost
    return best
