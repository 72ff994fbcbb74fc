"""A document's text to passages, line by line.

Why no Markdown parser: a scan's text is Markdown by accident only. Four spaces before a formula are
no code, `* (a)` no list, `(i)` under `$$…$$` no loose paragraph, `a_1 * b_1` no emphasis and
`[1]` no link, and a CommonMark parser gives lines for blocks, not for the formulas in them. What we
need of Markdown is little (headings, fences, tables, dollars), so it is read here directly, with
the line of every formula.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from backprove.documents.chains import Chains
from backprove.documents.delimiters import Segment, joined_lines, segments
from backprove.documents.displays import Fragment, fragments
from backprove.documents.formula import is_bare_operator, is_claim
from backprove.documents.headings import Numbering
from backprove.documents.passage import DocumentError, Passage, PassageKind, Piece
from backprove.documents.runs import run_fragments
from backprove.documents.shapes import shape_claims

_FENCE = re.compile(r"\s{0,3}(?P<mark>`{3,}|~{3,})\s*(?P<info>[^`]*)$")
_MATHEMATICAL_FENCES = {"", "math", "maths", "latex", "tex", "text", "txt", "katex", "asciimath"}
_TABLE_ROW = re.compile(r"\s*\|.*\|\s*$")
_TABBED_ROW = re.compile(r"[^\t]*\t[^\t]*\t")
_PAIR = re.compile(r"\s*\S[^\t]*\t\s*\S[^\t]*$")
_RULE = re.compile(r"\s*(?:[-=_*~]\s*){3,}$")
_HTML = (
    (re.compile(r"<sup>([^<>]{0,80})</sup>", re.IGNORECASE), r"^{\1}"),
    (re.compile(r"<sub>([^<>]{0,80})</sub>", re.IGNORECASE), r"_{\1}"),
    (re.compile(r"</?(?:u|b|i|em|strong|span|center|p|br|mark)\b[^<>]*>", re.IGNORECASE), " "),
    (re.compile(r"&nbsp;"), " "),
    # Words that were struck out are not claimed, and emphasis is not part of a formula.
    (re.compile(r"~~[^~]*~~"), " "),
    (re.compile(r"(?<!\S)\*\*(\S(?:[^*]*\S)?)\*\*(?!\w)"), r"\1"),
)
_DRESS = re.compile(
    r"\s*(?:(?:[-*•▪‣>→⇒⟹↳∴➔➢]|\\(?:Rightarrow|rightarrow|therefore|implies)\b|=>|-->|->)\s+)+"
)


@dataclass(slots=True)
class _Scan:
    lines: list[str]
    numbering: Numbering = field(default_factory=Numbering)
    chains: Chains = field(default_factory=Chains)
    passages: list[Passage] = field(default_factory=list[Passage])

    def run(self) -> list[Passage]:
        i = front_matter_length(self.lines)
        while i < len(self.lines):
            line = self.lines[i]
            if not line.strip():
                i += 1
            elif fence := _FENCE.match(line):
                i = self._fence(i, fence)
            elif self._is_table(i):
                i = self._table(i)
            elif _RULE.match(line):
                i += 1
            else:
                i = self._text(i)
        self.chains.end()
        passages = [*self.passages, *self.chains.claims]
        return sorted(passages, key=lambda passage: passage.line)

    def _fence(self, start: int, fence: re.Match[str]) -> int:
        mark = fence["mark"]
        closing = re.compile(rf"\s{{0,3}}{re.escape(mark[0])}{{{len(mark)},}}\s*$")
        end = next(
            (i for i in range(start + 1, len(self.lines)) if closing.match(self.lines[i])), None
        )
        info = fence["info"].strip().lower().split(maxsplit=1)
        kind = info[0] if info else ""
        if end is None:
            if kind == "model":
                raise DocumentError(f"line {start + 1}: this model block is never closed")
            return start + 1
        inside = self.lines[start + 1 : end]
        if kind == "model":
            self.chains.end()
            self._passage("model", "\n".join(inside), start + 2, end)
        elif kind in _MATHEMATICAL_FENCES:
            self.chains.end()
            for offset, line in enumerate(inside):
                heading = self.numbering.read(line)
                label = ""
                if heading is not None and not heading.markdown and heading.rest:
                    line, label = heading.rest, heading.label
                if line.strip():
                    self._body(line, start + 2 + offset, 1, label, bullets=False)
            self.chains.end()
        else:
            self._passage("prose", "\n".join(inside), start + 2, end)
        return end + 1

    def _is_table(self, i: int) -> bool:
        """A row between bars needs a second one below it: `|a| = |b|` is a formula.

        So does a row of two columns.
        """
        following = self.lines[i + 1] if i + 1 < len(self.lines) else ""
        if _TABLE_ROW.match(self.lines[i]):
            return _TABLE_ROW.match(following) is not None
        if _PAIR.match(self.lines[i]):
            return _is_row(following)
        return _TABBED_ROW.match(self.lines[i]) is not None

    def _table(self, start: int) -> int:
        """A table is kept whole; only formulas marked as such are claims in it."""
        end = start
        while end < len(self.lines) and _is_row(self.lines[end]):
            end += 1
        self.chains.end()
        self._passage("table", "\n".join(self.lines[start:end]), start + 1, end)
        for i in range(start, end):
            for segment in segments(_without_html(self.lines[i]), i + 1):
                if segment.kind != "text":
                    self._add(fragments(segment.text, segment.line, sole=False))
            self.chains.end()
        return end

    def _text(self, start: int) -> int:
        line = _without_html(self.lines[start])
        label = ""
        heading = self.numbering.read(line)
        if heading is not None:
            self.chains.end()
            title = heading.rest if heading.markdown else line.strip()
            self._passage("heading", title, start + 1, start + 1, heading.label)
            if heading.markdown or not heading.rest:
                return start + 1
            line, label = heading.rest, heading.label
        count = joined_lines([line, *self.lines[start + 1 : start + 60]], 0)
        following = [_without_html(other) for other in self.lines[start + 1 : start + count]]
        self._body("\n".join([line, *following]), start + 1, count, label)
        return start + count

    def _body(
        self, text: str, line: int, count: int, label: str = "", *, bullets: bool = True
    ) -> None:
        """Lines of text with formulas in them: claims, or else prose."""
        if bullets:
            text = _DRESS.sub("", text, count=1) if _DRESS.match(text) else text
        found = segments(text, line)
        claimed = False
        if any(segment.kind != "text" for segment in found) or "\n" not in text:
            shapes = shape_claims(found)
            for claim in shapes:
                self.chains.end()
                self._claim(claim, line, label)
            if shapes:
                return
        stretch: list[Segment] = []
        for segment in found:
            if segment.kind == "display":
                claimed |= self._stretch(stretch, label)
                stretch = []
                rows = fragments(segment.text, segment.line)
                claimed |= self._add([replace(row, display=True) for row in rows], label)
            else:
                stretch.append(segment)
        claimed |= self._stretch(stretch, label)
        if not claimed and not self._is_heading(line):
            self._prose(text, line, line + count - 1)

    def _stretch(self, stretch: list[Segment], label: str) -> bool:
        if not stretch:
            return False
        found = run_fragments(stretch)
        claimed = self._add(found, label)
        if not claimed and not any(is_bare_operator(fragment.text) for fragment in found):
            self.chains.prose()
        return claimed

    def _add(self, found: list[Fragment], label: str = "") -> bool:
        claimed = False
        for fragment in found:
            if label and not fragment.label:
                fragment = replace(fragment, label=label)
            claimed |= self.chains.add(fragment, self.numbering.number)
        return claimed

    def _claim(self, text: str, line: int, label: str) -> None:
        if is_claim(text):
            pieces = (Piece(text, line),)
            number = self.numbering.number
            self.passages.append(Passage("claim", text, line, line, label, number, pieces))

    def _is_heading(self, line: int) -> bool:
        """True where the line is kept already, as a heading."""
        return bool(self.passages) and (
            self.passages[-1].kind == "heading" and self.passages[-1].line == line
        )

    def _prose(self, text: str, line: int, last: int) -> None:
        before = self.passages[-1] if self.passages else None
        if before is not None and before.kind == "prose" and before.last == line - 1:
            self.passages.pop()
            text, line = f"{before.text}\n{text}", before.line
        self._passage("prose", text, line, last)

    def _passage(self, kind: PassageKind, text: str, line: int, last: int, label: str = "") -> None:
        number = self.numbering.number
        self.passages.append(Passage(kind, text, line, last, label, number))


def scan(text: str) -> list[Passage]:
    """The passages of a document, in order."""
    return _Scan(text.split("\n")).run()


def front_matter(lines: list[str]) -> dict[str, str]:
    """The `key: value` lines between the two `---` lines with which a document may begin."""
    pairs = [line.partition(":") for line in lines[1 : max(1, front_matter_length(lines) - 1)]]
    return {key.strip().lower(): value.strip().strip("\"'") for key, sign, value in pairs if sign}


def front_matter_length(lines: list[str]) -> int:
    """How many lines the front matter takes; 0 where there is none."""
    if not lines or lines[0].strip() != "---":
        return 0
    for i, line in enumerate(lines[1:], 1):
        if line.strip() == "---":
            return i + 1
        if line.strip() and not re.match(r"\s*(?:#|[\w-]+\s*:|-\s)", line):
            return 0
    return 0


def _is_row(line: str) -> bool:
    return any(row.match(line) for row in (_TABLE_ROW, _TABBED_ROW, _PAIR))


def _without_html(line: str) -> str:
    if "<" in line or "~~" in line or "**" in line or "&nbsp" in line:
        for pattern, replacement in _HTML:
            line = pattern.sub(replacement, line)
    return line
