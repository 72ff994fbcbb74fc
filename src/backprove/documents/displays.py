"""From a marked formula to fragments: rows, labels and dressing taken apart."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from backprove.documents.formula import (
    relations,
    without_prose_sides,
)
from backprove.documents.headings import split_parts
from backprove.documents.passage import Piece

_GAP = r"(?:\s|\\[,;:! ]|\\q?quad\b|\\hspace\*?\{[^{}]*\}|~|&)"
_ARROWS = (
    r"(?:\\(?:Rightarrow|Longrightarrow|implies|rightarrow|to|therefore|because|iff)(?![A-Za-z])"
    r"|[→⇒⟹↳∴➔➢►•]|=>|-->|->|\*\s*(?=\())"
)
_LEADING = re.compile(rf"(?:{_GAP}|{_ARROWS})+")
_LEADING_WORDS = re.compile(
    r"\\text(?:rm|normal|it|bf)?\s*\{\s*(?:as|so|if|thus|hence|then|now|and|also|therefore|since|we"
    r"|similarly|finally|given|for)\b[^{}=]*\}",
    re.IGNORECASE,
)
_TAGS = re.compile(r"\\(?:tag\*?|label)\s*\{[^{}]*\}|\\(?:nonumber|notag|hfill|displaystyle)\b")
_TRAILING = re.compile(
    rf"(?:{_GAP}|[.,;:]|//|\\\\|\\(?:square|blacksquare|qed|checkmark)\b"
    r"|\\text\s*\{\s*(?:because|since|as|and|so|by)\s*\})+$"
)
_TRAILING_NUMBER = re.compile(rf"\\q?quad{_GAP}*[(\[]\s*[\w*]{{1,3}}\s*[)\]]\s*$")
_THEREFORE = re.compile(r"\\(?:Rightarrow|Longrightarrow|implies|iff)(?![A-Za-z])|[⇒⟹]|=>")
_ARROW = re.compile(r"\\(?:rightarrow|to|longrightarrow|leftarrow)(?![A-Za-z])|[→←]|->")
_ROWS = r"(?:aligned|alignedat|align|split|gathered|gather|multlined|eqnarray|equation)\*?"
_ROW_MARKS = re.compile(rf"\\(?:begin|end)\s*\{{{_ROWS}\}}(?:\[[a-z]\])?")
_SPLITTERS = re.compile(r"\\begin\s*\{|\\end\s*\{|\\\\(?:\[[^\]]*\])?|\\.|[{}&;]", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Fragment:
    """A formula as it stands in one place: a claim, the beginning of one, or a continuation.

    `condition` is set apart in the third column of aligned rows; `sole` says that the line holds
    nothing else, so that a later `= …` may go on from it; `display` that it was set off by itself.
    """

    pieces: tuple[Piece, ...]
    label: str = ""
    condition: str = ""
    sole: bool = False
    display: bool = False

    @property
    def text(self) -> str:
        return " ".join(piece.text for piece in self.pieces)

    @property
    def line(self) -> int:
        return self.pieces[0].line


def fragments(text: str, line: int, *, sole: bool = True) -> list[Fragment]:
    """The formulas of a display: its rows, and what arrows and semicolons set apart in them."""
    found: list[Fragment] = []
    for row, row_line in _rows(_TAGS.sub(" ", text), line):
        cells = [cell for cell, _ in _split(row, "&", row_line)]
        condition = ""
        if len(cells) > 2 and relations(cells[0] + cells[1]):
            condition = _trim(cells.pop())
        row = "".join(cells)
        for part, part_line in _split(row, ";", row_line):
            for clause, clause_line in _conclusions(part, part_line):
                fragment = _fragment(clause, clause_line, sole)
                if fragment is not None:
                    found.append(replace(fragment, condition=condition))
    return found


def _fragment(text: str, line: int, sole: bool) -> Fragment | None:
    """A formula without its label and dressing, its lines kept apart; None if nothing is left."""
    body = text.rstrip()
    label = ""
    while True:
        shorter = _LEADING.sub("", body, count=1) if _LEADING.match(body) else body
        parts, rest = split_parts(shorter)
        if parts:
            label, shorter = parts[-1], rest
        if match := _LEADING_WORDS.match(shorter):
            shorter = shorter[match.end() :]
        if shorter == body:
            break
        body = shorter
    line += text.count("\n", 0, len(text.rstrip()) - len(body))
    body = without_prose_sides(_trim(_without_remark(body)))
    rows = body.split("\n")
    pieces = tuple(
        Piece(row.strip(), line + offset) for offset, row in enumerate(rows) if row.strip()
    )
    return Fragment(pieces, label, sole=sole) if pieces else None


def _trim(text: str) -> str:
    text = _LEADING.sub("", text, count=1) if _LEADING.match(text) else text
    text = _TRAILING_NUMBER.sub("", text)
    return _TRAILING.sub("", text).rstrip()


def _without_remark(text: str) -> str:
    """The relation without an arrow behind it: what it tends to, or a remark."""
    places = relations(text)
    if not places:
        return text
    arrow = _top_level(_ARROW, text, places[0][1])
    return text[:arrow] if arrow is not None else text


def _conclusions(text: str, line: int) -> list[tuple[str, int]]:
    """What arrows of conclusion separate."""
    found: list[tuple[str, int]] = []
    while True:
        start = match.end() if (match := _LEADING.match(text)) else 0
        arrow = _top_level(_THEREFORE, text, start)
        if arrow is None:
            return [*found, (text, line)]
        found.append((text[:arrow], line))
        line += text.count("\n", 0, arrow)
        text = text[arrow:]


def _top_level(pattern: re.Pattern[str], text: str, start: int) -> int | None:
    for match in pattern.finditer(text, start):
        before = text[: match.start()]
        if before.count("{") - before.count("\\{") <= before.count("}") - before.count("\\}"):
            return match.start()
    return None


def _rows(text: str, line: int) -> list[tuple[str, int]]:
    return _split(_ROW_MARKS.sub(" ", text), "\\\\", line)


# How deep a token of _SPLITTERS leads: `\\begin{` opens an environment and a brace.
_DEPTHS = {"{": 1, "}": -1, "\\begin": 2, "\\end": 0}


def _split(text: str, mark: str, line: int) -> list[tuple[str, int]]:
    """The parts between marks outside all braces and environments, each with its line."""
    parts: list[tuple[str, int]] = []
    depth = start = 0
    for match in _SPLITTERS.finditer(text):
        token = match.group()
        step = _DEPTHS.get(token.rstrip("{ ") or "{")
        if step is not None:
            depth = max(0, depth + step)
        elif depth == 0 and token.startswith(mark):
            parts.append((text[start : match.start()], line + text.count("\n", 0, start)))
            start = match.end()
    parts.append((text[start:], line + text.count("\n", 0, start)))
    return parts
