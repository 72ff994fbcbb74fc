"""Tables that people write: which of their rows or columns answers what, and the claims they make.

A cell becomes the claim that the key's expression is what stands there. A table may stand on its
side, and its headings may be as a scan has left them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from fractions import Fraction

from backprove.course.key import Column, Key
from backprove.documents import Passage

#: how alike a heading must be to a column's name, from 0 to 1
ALIKE = 0.6
_TYPESET = re.compile(r"\$([^$]+)\$")
_MARKUP = re.compile(r"</?\w+[^<>]*>|\*\*|~~[^~]*~~")
_RULE = re.compile(r"[\s|:=-]*")
_LOST_SLASH = re.compile(r"(\d{1,3})\s+(\d{1,3})")


@dataclass(frozen=True, slots=True)
class Cell:
    text: str
    line: int

    @property
    def content(self) -> str:
        """What is claimed: the last formula that is typeset, or else all of it."""
        typeset = _TYPESET.findall(self.text)
        return (typeset[-1] if typeset else self.text).strip()

    @property
    def options(self) -> list[str]:
        """The content, and what it may have been before a scan lost a fraction's bar."""
        content = self.content
        found = [content]
        if match := _LOST_SLASH.fullmatch(content):
            found.append(f"{match[1]}/{match[2]}")
        elif content.isdigit() and 2 <= len(content) <= 4:
            found += [f"{content[:at]}/{content[at:]}" for at in range(1, len(content))]
        return [text for text in found if not text.endswith("/0")]


@dataclass(frozen=True, slots=True)
class Row:
    """The cells that answer one column of a key, each with the value of the index."""

    column: int
    cells: tuple[tuple[str, Cell], ...]


def grid(passage: Passage) -> list[list[Cell]]:
    """The cells of a table, row by row, without rules."""
    rows: list[list[Cell]] = []
    for offset, line in enumerate(passage.text.split("\n")):
        if _RULE.fullmatch(line):
            continue
        bare = _MARKUP.sub(" ", line)
        parts = bare.strip().strip("|").split("|") if "|" in bare and "\t" not in bare else None
        texts = parts if parts is not None else bare.split("\t")
        rows.append([Cell(text.strip(), passage.line + offset) for text in texts])
    return rows


def answers(passage: Passage, key: Key) -> tuple[float, list[Row]]:
    """The rows of a table that answer a key, and how well its headings fit, from 0."""
    rows = grid(passage)
    best: tuple[float, list[Row]] = (0.0, [])
    for cells in (rows, _turned(rows)):
        for at in range(min(3, len(cells))):
            score, found = _below(cells[at], cells[at + 1 :], key)
            if score > best[0]:
                best = (score, found)
    return best


def _below(head: list[Cell], body: list[list[Cell]], key: Key) -> tuple[float, list[Row]]:
    """With a row of headings: how well they fit, and what stands below."""
    places: dict[int, int] = {}
    score = 0.0
    index, likeness = _find(head, key.index, set())
    if index is None:
        return 0.0, []
    score += likeness
    for number, column in enumerate(key.columns):
        at, likeness = _find_column(head, column, {index, *places.values()})
        if at is not None:
            places[number] = at
            score += likeness
    if not places:
        return 0.0, []
    body = [row for row in body if any(cell.text for cell in row)]
    found: list[Row] = []
    for number, at in places.items():
        pairs = list(_pairs(body, index, at, key))
        if pairs:
            found.append(Row(number, tuple(pairs)))
    return (score, found) if found else (0.0, [])


def _pairs(body: list[list[Cell]], index: int, at: int, key: Key) -> Iterator[tuple[str, Cell]]:
    """Each cell with the value of the index: by its place where all rows are there, or by name."""
    whole = len(body) == len(key.values)
    for number, row in enumerate(body):
        if at >= len(row) or not row[at].text:
            continue
        value = key.values[number] if whole else None
        if value is None and index < len(row):
            value = next((v for v in key.values if _equal(v, row[index].content)), None)
        if value is not None:
            yield value, row[at]


def _find_column(head: list[Cell], column: Column, taken: set[int]) -> tuple[int | None, float]:
    function = re.split(r"[({\[]", column.text, maxsplit=1)[0]
    ways = [_find(head, name, taken) for name in dict.fromkeys((column.name, function))]
    return max(ways, key=lambda way: way[1])


def _find(head: list[Cell], name: str, taken: set[int]) -> tuple[int | None, float]:
    """The heading most like a name, and how alike they are."""
    best: tuple[int | None, float] = (None, 0.0)
    for at, cell in enumerate(head):
        likeness = SequenceMatcher(None, _bare(cell.text), _bare(name)).ratio()
        if at not in taken and likeness >= ALIKE and likeness > best[1]:
            best = (at, likeness)
    return best


def _bare(text: str) -> str:
    return re.sub(r"[\W_]", "", text).lower()


def _turned(rows: list[list[Cell]]) -> list[list[Cell]]:
    width = max((len(row) for row in rows), default=0)
    empty = Cell("", rows[0][0].line if rows and rows[0] else 0)
    return [[row[k] if k < len(row) else empty for row in rows] for k in range(width)]


def _equal(value: str, text: str) -> bool:
    try:
        return Fraction(value) == Fraction(text)
    except (ValueError, ZeroDivisionError):
        return False


def numeric_array(passage: Passage) -> str | None:
    """A table of numbers as a literal array; None for a table of anything else."""
    rows = [[cell.content for cell in row if cell.content] for row in grid(passage)]
    rows = [row for row in rows if row]
    if len({len(row) for row in rows}) != 1:
        return None
    if not all(re.fullmatch(r"-?\d+(?:\.\d+)?", text) for row in rows for text in row):
        return None
    return f"[{', '.join('[' + ', '.join(row) + ']' for row in rows)}]"
