"""What is shown of a quantity: its working, line by line, and its value."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

#: numbers are shown with so many decimals beside their fractions
DECIMALS = 4
#: larger fractions are hard to read, and only their decimals are shown
LARGEST_DENOMINATOR = 10_000


@dataclass(frozen=True, slots=True)
class Explanation:
    """The question as it was read, the lines of the working, and the value they end in.

    `exact` is the value as a fraction, where it is one.
    """

    question: str
    lines: tuple[str, ...]
    value: str
    exact: Fraction | None = None

    def __str__(self) -> str:
        body = "\n".join(f"  {line}".rstrip() for line in self.lines)
        if "\n" not in self.value:
            last = f"\n\n{self.question} = {self.value}"
        elif self.value in "\n".join(self.lines):
            last = ""  # an array that stands in the working is not shown again
        else:
            last = f"\n\n{self.question} =\n\n{indented(self.value)}"
        return f"{self.question}\n\n{body}{last}"


def indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.split("\n"))


def fraction(number: Fraction | int) -> str:
    """An exact number: `4/7`, `−2`."""
    return str(Fraction(number)).replace("-", "−")


def decimal(number: Fraction) -> str:
    """A number with its decimals: all of them where they end soon, else the first ones and `…`."""
    scale = 10**DECIMALS
    shown = Fraction(int(number * scale), scale)
    text = f"{abs(float(shown)):.{DECIMALS}f}"
    text = text if shown != number else text.rstrip("0").rstrip(".")
    return "−" * (number < 0) + text + "…" * (shown != number)


def both(number: Fraction) -> str:
    """A number as a fraction and with decimals: `4/7 = 0.5714…`."""
    if number.denominator == 1:
        return fraction(number)
    if number.denominator > LARGEST_DENOMINATOR:
        return decimal(number)
    return f"{fraction(number)} = {decimal(number)}"


def table(rows: Iterable[Sequence[object]], gap: str = "   ") -> list[str]:
    """Rows in columns, all aligned to the right; the first row is the heading."""
    texts = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[j]) for row in texts) for j in range(len(texts[0]))]
    return [
        gap.join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in texts
    ]


def matrix(rows: Sequence[Sequence[str]]) -> str:
    """A matrix in brackets, a line for each row."""
    widths = [max(len(row[j]) for row in rows) for j in range(len(rows[0]))]
    lines = ["  ".join(c.rjust(w) for c, w in zip(row, widths, strict=True)) for row in rows]
    if len(lines) == 1:
        return f"[ {lines[0]} ]"
    corners = ["⎡⎤", *["⎢⎥"] * (len(lines) - 2), "⎣⎦"]
    return "\n".join(
        f"{left} {line} {right}" for (left, right), line in zip(corners, lines, strict=True)
    )
