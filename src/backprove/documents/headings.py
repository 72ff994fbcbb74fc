"""Question numbers: from `Q1)`, `### 1.2.1 Part 1`, `Solution 6.a`, `(c) (i)` to `1.2.1(c)(i)`.

A main number comes from a Markdown heading that begins with one, from a word for a question or an
answer with a number, or from a dotted number before a short title. Letters, Roman numerals and, in
a question, bare numbers with a bracket are its parts; a part of a kind that is already open
replaces it and what lies below: after `(c)(i)` comes `(c)(ii)`, and after that `(d)`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_ROMAN = r"(?:x{0,2}(?:ix|iv|v?i{1,3}|v)|x{1,2})"
_MARK = rf"(?:{_ROMAN}|[a-hA-H]|\d{{1,2}})"
# A part: `(a)`, `a)`; the brackets are what tells it from a word.
_PART = re.compile(rf"\s*(?:\(\s*(?P<closed>{_MARK})\s*\)|(?P<open>{_MARK})\s*\))")
_NOT_A_PART = re.compile(r"\s*(?:[-+*/=^_·×⊙≈∈]|\\(?:cdot|times|odot|in|approx)\b|\\?[)\]}])")
_QUESTION = (
    r"(?:question|quest|que|q|solution|soln|sol|solu|answer|ans|exercise|ex|problem|prob|task)"
)
_NUMBER = r"[1-9]\d?(?:\.\d{1,2})*"
_MAIN = re.compile(
    rf"(?:{_QUESTION}\.?\s*[-–—#.]?\s*\(?(?P<named>{_NUMBER})"
    rf"|(?P<before>{_NUMBER})\s*{_QUESTION}(?![a-z]))"
    rf"(?:[.\s]?\s*\(?(?P<part>[a-h])(?=[).:\s]|$)\)?)?[).:]*(?=\W|$)",
    re.IGNORECASE,
)
_NUMBERED = re.compile(
    rf"\s*(?P<number>{_NUMBER})(?:\.(?P<part>[a-h])(?=[).\s]))?[).:]*(?=[\s(]|$)"
)
_DOTTED_TITLE = re.compile(r"\s*(?P<number>\d+(?:\.\d+)+)[).:]*\s+(?=[A-Z][a-z])[^=.?!$]{1,80}$")
_DOTTED_PART = re.compile(r"\s*(?P<number>\d+)\.(?P<part>[a-h]|\d)\)")
_MARKDOWN = re.compile(r"\s{0,3}(?P<hashes>#{1,6})\s+(?P<title>.*?)\s*#*\s*$")
_BULLET = re.compile(r"\s*(?:[*•▪‣-]\s*(?=[(\w]))?")
_ITEM = re.compile(r"\s*(?P<number>\d{1,2})[.)]\s+(?=\S)")
_LONE_NUMBER = re.compile(r"\s*(?P<number>\d{1,2})[.)]\s*$")


@dataclass(frozen=True, slots=True)
class Heading:
    """A line that opens a question or a part of one.

    `rest` is what follows the marks on the line; a Markdown heading's rest is its title.
    """

    number: str
    label: str
    rest: str
    markdown: bool = False


def markdown_title(line: str) -> tuple[int, str] | None:
    """The level and title of a Markdown heading, without emphasis."""
    match = _MARKDOWN.match(line)
    if match is None:
        return None
    return len(match["hashes"]), match["title"].replace("**", "").strip()


def split_parts(text: str) -> tuple[list[str], str]:
    """The marks `(c) (i)` at the beginning of a text, and what follows them."""
    parts: list[str] = []
    while len(parts) < 3 and (match := _PART.match(text)):
        rest = text[match.end() :]
        if _NOT_A_PART.match(rest):
            break
        parts.append((match["closed"] or match["open"]).lower())
        text = rest
    return parts, text.strip() if parts else text


def split_number(title: str) -> tuple[str, list[str], str]:
    """The number, the parts and the rest of a title: `1.2 (a) Loss` is `1.2`, `a`, `Loss`."""
    match = _MAIN.match(title) or _NUMBERED.match(title)
    if match is None:
        return "", [], title
    groups = match.groupdict()
    number = groups.get("named") or groups.get("before") or groups.get("number") or ""
    parts = [groups["part"].lower()] if groups.get("part") else []
    more, rest = split_parts(title[match.end() :])
    return number, parts + more, rest.strip(" \t:-–—")


def normal_number(number: str, parts: list[str]) -> str:
    return number + "".join(f"({part})" for part in parts)


def _kind(part: str, after: str) -> str:
    """Whether a part is a letter, a Roman numeral or a number; `after` is the last letter."""
    if part.isdigit():
        return "digit"
    follows = len(part) == 1 and after == chr(ord(part) - 1)
    return "letter" if follows or not re.fullmatch(_ROMAN, part) else "roman"


@dataclass(slots=True)
class Numbering:
    """Follows the numbers through a document, line by line."""

    main: str = ""
    level: int = 0
    parts: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    explicit: bool = False

    @property
    def number(self) -> str:
        return normal_number(self.main, [part for _, part in self.parts])

    def read(self, line: str) -> Heading | None:
        """The heading that a line is, after which `number` is its number; None for other lines."""
        markdown = markdown_title(line)
        if markdown is not None:
            return self._markdown(*markdown)
        text = line[_BULLET.match(line).end() :]  # type: ignore[union-attr]
        if (main := _MAIN.match(text)) and not _NOT_A_PART.match(text[main.end() :]):
            number, parts, rest = split_number(text)
            return self._open(number, parts, rest)
        if match := _DOTTED_TITLE.match(text) or _DOTTED_PART.match(text):
            groups = match.groupdict()
            part = groups.get("part") or ""
            number = groups["number"] + (f".{part}" if part.isdigit() else "")
            more, rest = split_parts(text[match.end() :] if part else text[match.end("number") :])
            return self._open(number, ([part] if part.isalpha() else []) + more, rest)
        if match := _LONE_NUMBER.match(text):
            return self._part([match["number"]], "")
        if (item := _ITEM.match(text)) and self._is_next(int(item["number"])):
            return self._part([item["number"]], text[item.end() :])
        parts, rest = split_parts(text)
        return self._part(parts, rest) if parts else None

    def _is_next(self, number: int) -> bool:
        """Whether a bare number goes on with the numbered parts of the question."""
        if not self.explicit or (self.parts and self.parts[-1][0] != "digit"):
            return False
        return number == (int(self.parts[-1][1]) if self.parts else 0) + 1

    def _markdown(self, level: int, title: str) -> Heading:
        number, parts, rest = split_number(title)
        if number:
            self.level = level
            heading = self._open(number, parts, rest)
            return Heading(heading.number, "", title, markdown=True)
        parts, rest = split_parts(title)
        if parts:
            self._part(parts, rest)
        elif level <= self.level:
            self.main, self.parts, self.level = "", [], 0
        return Heading(self.number, "", title, markdown=True)

    def _open(self, number: str, parts: list[str], rest: str) -> Heading:
        self.main, self.parts, self.explicit = number, [], True
        self._add(parts)
        return Heading(self.number, parts[-1] if parts else "", rest)

    def _part(self, parts: list[str], rest: str) -> Heading:
        if parts[0].isdigit() and not self.explicit:
            self.main, self.parts = parts[0], []
            self._add(parts[1:])
        else:
            self._add(parts)
        return Heading(self.number, parts[-1], rest)

    def _add(self, parts: list[str]) -> None:
        for part in parts:
            letter = next((value for kind, value in self.parts if kind == "letter"), "")
            kind = _kind(part, letter)
            kinds = [kind for kind, _ in self.parts]
            del self.parts[kinds.index(kind) if kind in kinds else len(kinds) :]
            self.parts.append((kind, part))
