"""Answer keys: what a question asks for, one thing a line; what is right is computed, never typed.

In a question's block marked `answer`:

    ∂E_2/∂W                                         a value: a derivative, a number, a matrix
    AP = average_precision(TTF, positives=2)        a value with a name that answers may use
    FL = CE                                         a statement about names that the model has
    chain ∂ℓ/∂h[T]                                  a derivative; others may be left in the answer
    shape ∂ℓ/∂W_x                                   a shape
    size F × conv_size(H, K, stride=S)              sizes with a cross between them, for all sizes
    table rank = 1..3: precision(TTF, rank)         a table: a row for each value of the index

Each line may end in its marks (`[1 mark]`). A block marked `manual` holds what a person should look
for, a point a line; its marks stand behind the word.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from backprove.course.policy import read_share
from backprove.documents.formula import relations, sides

KeyKind = Literal["value", "statement", "shape", "size", "table"]

_MARKS = re.compile(
    r"\s*[\[(]\s*(?P<marks>\d+(?:\.\d+|\s*/\s*\d+)?)\s*(?:marks?|points?|pts?)\s*[\])]\s*$"
)
_TABLE = re.compile(r"(?P<index>[^\W\d]\w*)\s*=\s*(?P<values>[^:]+):(?P<columns>.+)")
_RANGE = re.compile(r"(-?\d+)\s*(?:\.\.|…)\s*(-?\d+)")
_PROGRESSION = re.compile(r"(.+?)\s*,\s*(.+?)\s*,\s*(?:\.{2,3}|…)\s*,\s*(.+)")
_CROSS = re.compile(r"\s*(?:×|\\times(?![a-z]))\s*|\s+x\s+")
LONGEST_TABLE = 1000


class BadKey(ValueError):
    """A key that cannot be read; the message is ready to show, without its line."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: what it is called, and its value as an expression of the index."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Key:
    """One thing that is asked. `text` is what an answer is compared with.

    `name` is a value's own name (or a statement's left side); `parts` are the factors of a size;
    `index`, `values` and `columns` are a table's.
    """

    kind: KeyKind
    text: str
    line: int
    marks: Fraction | None = None
    name: str = ""
    parts: tuple[str, ...] = ()
    index: str = ""
    values: tuple[str, ...] = ()
    columns: tuple[Column, ...] = ()
    chain: bool = False

    @property
    def asked(self) -> str:
        """What is asked, as it is shown to people."""
        if self.kind == "table":
            return ", ".join(column.name for column in self.columns) + f" by {self.index}"
        if self.kind == "size":
            return "sizes " + " × ".join(self.parts)
        if self.kind == "shape":
            return f"shape of {self.text}"
        if self.kind == "statement":
            return f"{self.name} = {self.text}"
        return self.name or self.text

    def cell(self, column: Column, value: str) -> str:
        """A column's expression with the index put in."""
        return re.sub(rf"(?<![\w\\]){re.escape(self.index)}(?!\w)", value, column.text)


@dataclass(frozen=True, slots=True)
class Manual:
    """What a person marks: the points to look for."""

    points: tuple[str, ...]
    line: int
    marks: Fraction | None = None


def split_marks(text: str) -> tuple[str, Fraction | None]:
    """A text without the marks in brackets at its end, and these."""
    match = _MARKS.search(text)
    if match is None:
        return text, None
    number = match["marks"]
    share = Fraction(number) if "/" not in number else read_share(number)
    return text[: match.start()], share


def read_key(line: str, number: int) -> Key:
    """The key on a line of an `answer` block; raises BadKey."""
    text, marks = split_marks(line.strip())
    text = text.strip()
    word, _, rest = text.partition(" ")
    rest = rest.strip()
    if word == "shape" and rest:
        return Key("shape", rest, number, marks)
    if word == "size" and rest:
        parts = tuple(_CROSS.split(rest))
        if not all(parts):
            raise BadKey("a size is missing beside a cross")
        return Key("size", rest, number, marks, parts=parts)
    if word == "table":
        return _table(rest, number, marks)
    chain = word == "chain" and bool(rest)
    text = rest if chain else text
    if not text:
        raise BadKey("nothing is asked here")
    if not relations(text):
        return Key("value", text, number, marks, chain=chain)
    left, *right = sides(text)
    if len(right) != 1 or not left or not right[0]:
        raise BadKey("a key is one expression, or one name with its meaning")
    return Key("statement", right[0], number, marks, name=left)


def _table(text: str, number: int, marks: Fraction | None) -> Key:
    match = _TABLE.fullmatch(text)
    if match is None:
        raise BadKey("a table is written `table rank = 1..10: column, column`")
    columns = tuple(_column(part.strip()) for part in _split(match["columns"]))
    if not all(column.text for column in columns):
        raise BadKey("a column of this table is empty")
    values = _values(match["values"].strip())
    return Key("table", text, number, marks, index=match["index"], values=values, columns=columns)


def _column(text: str) -> Column:
    """`name = expression`, or an expression, which is then called by its function."""
    if re.match(r"[^\W\d]\w*\s*=", text) and (parts := sides(text)) and len(parts) == 2:
        return Column(parts[0], parts[1])
    return Column(re.split(r"[({\[]", text, maxsplit=1)[0].strip() or text, text)


def _split(text: str) -> list[str]:
    """The parts between commas outside all brackets."""
    parts = [""]
    depth = 0
    for char in text:
        depth += (char in "([{") - (char in ")]}")
        if char == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += char
    return parts


def _values(text: str) -> tuple[str, ...]:
    """`1..10`, `0, 0.1, …, 1`, or a list."""
    if match := _RANGE.fullmatch(text):
        low, high = int(match[1]), int(match[2])
        if not 0 <= high - low < LONGEST_TABLE:
            raise BadKey(f"{text} is no range of a table's rows")
        return tuple(str(value) for value in range(low, high + 1))
    if match := _PROGRESSION.fullmatch(text):
        try:
            first, second, last = (Fraction(part.strip()) for part in match.groups())
        except ValueError:
            raise BadKey(f"{text} is no row of numbers") from None
        step = second - first
        count = (last - first) / step if step else Fraction(-1)
        if count.denominator != 1 or not 0 < count < LONGEST_TABLE:
            raise BadKey(f"{text} does not come out even")
        return tuple(_decimal(first + k * step) for k in range(int(count) + 1))
    return tuple(part.strip() for part in text.split(","))


def _decimal(value: Fraction) -> str:
    """A fraction as a person writes it: 0.1 rather than 1/10, where that is exact."""
    text = f"{float(value):.12g}"
    return text if Fraction(text) == value else str(value)
