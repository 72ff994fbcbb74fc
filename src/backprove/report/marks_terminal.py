"""Marks for the terminal: what each question earned and why, and what a person must see."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from backprove.judge.verdict import Kind
from backprove.report.marks_words import lines, marks, of, sign, total
from backprove.report.summary import sentence
from backprove.report.terminal import claims_table, new_console
from backprove.report.typeset import printable

if TYPE_CHECKING:
    from backprove.course.checking import ClaimResult
    from backprove.course.marking import Item, MarkReport, QuestionMark

_STYLES = {"✓": "green", "~": "yellow", "✗": "bold red", "☐": "magenta"}


def show(report: MarkReport, console: Console | None = None) -> None:
    """Print a marked submission."""
    console = console or new_console()
    console.print(Text(str(report.path), "bold"), Text(printable(report.title), "dim"))
    console.print(Text(f"marked by {report.sheet}: {printable(report.sheet_title)}", "dim"))
    console.print()
    for question in report.questions:
        if question.items or _doubtful(question):
            _question(question, console, report)
    for note in report.notes:
        console.print(Text(f"Note: {sentence(printable(note))}", "dim"))
    if report.looks:
        console.print(Text("A human eye is needed", "bold"))
        for look in report.looks:
            where = lines(look.lines, report.document)
            console.print(Text(f"  {look.question}  {where}: {sentence(look.what)}"))
        console.print()
    console.print(Text(total(report), "bold"))


def _question(question: QuestionMark, console: Console, report: MarkReport) -> None:
    title = printable(f"{question.question.number} {question.question.title}")
    head = Table.grid(expand=True)
    head.add_column(ratio=1)
    head.add_column(justify="right", no_wrap=True)
    earned = of(question.awarded, question.of, question.pending) if question.items else ""
    head.add_row(Text(title, "bold"), Text(earned))
    console.print(head)
    for item in question.items:
        _item(item, console, report)
    doubtful = _doubtful(question)
    if doubtful:
        shown = claims_table([claim.unquestioned() for claim in doubtful], console.width - 2)
        console.print(Padding(shown, (0, 0, 0, 2)))
    console.print()


def _doubtful(question: QuestionMark) -> list[ClaimResult]:
    """The claims about which there is something to say."""
    return [claim for claim in question.claims if claim.verdict.verdict is not Kind.CORRECT]


def _item(item: Item, console: Console, report: MarkReport) -> None:
    mark = sign(item)
    row = Table.grid(padding=(0, 1), expand=True)
    row.add_column(no_wrap=True)
    row.add_column(ratio=1)
    row.add_column(justify="right", no_wrap=True)
    asked = Text(printable(item.asked))
    if item.reason:
        asked.append(f": {item.reason}", "dim")
    where = lines(item.lines, report.document)
    if where:
        asked.append(f" ({where})", "dim")
    row.add_row(Text(f"  {mark}", _STYLES[mark]), asked, marks(item.awarded, item.of))
    console.print(row)
    for point in item.points:
        console.print(Padding(Text(f"· {point}", "dim"), (0, 0, 0, 6)))
