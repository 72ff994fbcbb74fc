"""Where mathematics is marked: `$…$`, `$$…$$`, `\\(…\\)`, `\\[…\\]`, environments, backticks.

A mark that is never closed is ordinary text, so that one lost dollar does not swallow a document.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

_ENVIRONMENTS = "equation|align|gather|multline|eqnarray|displaymath|flalign"
_OPENING = re.compile(
    rf"(?P<escape>\\[$\\])|(?P<double>\$\$)|(?P<single>\$)|(?P<square>\\\[)|(?P<round>\\\()"
    rf"|(?P<code>`+)|\\begin\{{(?P<environment>(?:{_ENVIRONMENTS})\*?)\}}"
)
# A display in which the marks stand on lines of their own may have blank lines, but not pages.
LONGEST_DISPLAY = 60


@dataclass(frozen=True, slots=True)
class Segment:
    kind: Literal["text", "inline", "display"]
    text: str
    line: int


def segments(text: str, line: int) -> list[Segment]:
    """The text in order, cut into running text, inline formulas and displays."""
    found: list[Segment] = []
    position = plain = 0

    def at(index: int) -> int:
        return line + text.count("\n", 0, index)

    def add(kind: Literal["inline", "display"], start: int, inner: int, stop: int, end: int) -> int:
        if text[plain:start].strip():
            found.append(Segment("text", text[plain:start], at(plain)))
        found.append(Segment(kind, text[inner:stop], at(inner)))
        return end

    while opening := _OPENING.search(text, position):
        start, inner = opening.span()
        position = inner
        if opening.lastgroup == "escape":
            continue
        closing = _closing(text, opening)
        if closing is None:
            continue
        kind: Literal["inline", "display"] = (
            "inline" if opening.lastgroup in ("single", "round", "code") else "display"
        )
        position = plain = add(kind, start, inner, *closing)
    if text[plain:].strip():
        found.append(Segment("text", text[plain:], at(plain)))
    return found


def _closing(text: str, opening: re.Match[str]) -> tuple[int, int] | None:
    """Where the formula stops and where its closing mark ends; None where it is never closed."""
    inner = opening.end()
    kind = opening.lastgroup
    if kind == "single":
        return _closing_dollar(text, inner)
    if kind == "environment":
        mark = f"\\end{{{opening['environment']}}}"
    else:
        mark = {"double": "$$", "square": "\\]", "round": "\\)"}.get(kind or "", opening.group())
    stop = text.find(mark, inner)
    if stop < 0 or not text[inner:stop].strip():
        return None
    return stop, stop + len(mark)


def _closing_dollar(text: str, inner: int) -> tuple[int, int] | None:
    """The dollar that closes an inline formula, which money (`$5 and $10`) never has."""
    closing = re.compile(r"(?<!\\)\$").search(text, inner)
    if closing is None:
        return None
    content = text[inner : closing.start()]
    after = text[closing.end() : closing.end() + 1]
    lopsided = content[:1].isspace() != content[-1:].isspace()
    if not content.strip() or after.isdigit() or (lopsided and content[:1].isdigit()):
        return None
    return closing.start(), closing.end()


def joined_lines(lines: list[str], start: int) -> int:
    """How many lines from `start` belong together, because a formula runs over their ends."""
    text = lines[start]
    if text.strip() in ("$$", "\\["):
        mark = "$$" if text.strip() == "$$" else "\\]"
        for count, line in enumerate(lines[start + 1 : start + LONGEST_DISPLAY], 2):
            if mark in line:
                return count
        return 1
    count = 1
    while (open_mark := _unclosed(text)) and count < LONGEST_DISPLAY:
        following = lines[start + count] if start + count < len(lines) else ""
        if not following.strip() or (open_mark == "single" and following.count("$") % 2 == 0):
            return 1
        text += "\n" + following
        count += 1
    return 1 if open_mark else count


def _unclosed(text: str) -> str | None:
    """The kind of mark that is still open at the end of the text."""
    position = 0
    while opening := _OPENING.search(text, position):
        position = opening.end()
        kind = opening.lastgroup
        if kind in ("escape", "code", "round"):
            continue
        closing = _closing(text, opening)
        if closing is not None:
            position = closing[1]
        elif kind != "single" or _may_open(text[position:]):
            return kind
    return None


def _may_open(rest: str) -> bool:
    """True where what follows a lone dollar may be the first half of a formula."""
    return "$" not in rest and re.search(r"[=\\^_]", rest) is not None
