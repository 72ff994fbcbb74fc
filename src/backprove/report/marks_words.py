"""What the faces of marking say alike: marks, lines and signs."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from backprove.course.marking import Item, MarkReport
    from backprove.documents import Document


def number(value: Fraction) -> str:
    """Marks with at most two decimals."""
    return f"{float(value):.2f}".rstrip("0").rstrip(".") or "0"


def marks(awarded: Fraction | None, full: Fraction) -> str:
    """`0.5 of 1`, or `? of 1` where a person decides."""
    return f"{'?' if awarded is None else number(awarded)} of {number(full)}"


def of(awarded: Fraction, full: Fraction, pending: Fraction) -> str:
    """The marks of a question, with those that await a person."""
    if pending == full and full:
        return marks(None, full)
    return marks(awarded, full) + (f", {number(pending)} open" if pending else "")


def total(report: MarkReport) -> str:
    """The sum in a sentence."""
    text = f"{number(report.awarded)} of {number(report.of)} marks"
    if report.pending:
        verb = "awaits" if report.pending == 1 else "await"
        text += f"; {number(report.pending)} more {verb} a person"
    return text


def sign(item: Item) -> str:
    """✓ full marks, ~ some, ✗ none, ☐ for a person."""
    if item.awarded is None:
        return "☐"
    if item.awarded == item.of:
        return "✓"
    return "~" if item.awarded else "✗"


def lines(numbers: tuple[int, ...], document: Document | None) -> str:
    """`line 4`, `lines 4 and 6`, `lines 165 to 174`; a notebook's with their cells."""
    found = sorted(set(numbers))
    if not found:
        return ""
    if document is not None and document.cells:
        ends = dict.fromkeys((found[0], found[-1]))
        return " to ".join(document.where(line) for line in ends)
    if len(found) == 1:
        return f"line {found[0]}"
    if len(found) == 2 and found[1] - found[0] < 4:
        return f"lines {found[0]} and {found[1]}"
    return f"lines {found[0]} to {found[-1]}"
