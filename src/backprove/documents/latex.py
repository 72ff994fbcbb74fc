"""LaTeX submissions: the same lines as Markdown, so that they are read as every other document.

Only what gives a document its shape is translated: sections and items that carry numbers, tables,
text commands. Formulas stay as they are. No line is added or taken away, so line numbers hold.
"""

from __future__ import annotations

import re

_COMMENT = re.compile(r"(?<!\\)%.*")
_SECTION = re.compile(
    r"\\(?P<kind>part|chapter|section|subsection|subsubsection|paragraph|question|problem|exercise)"
    r"\*?\s*(?:\[[^\]]*\])?\s*\{(?P<title>(?:[^{}]|\{[^{}]*\})*)\}"
)
_LEVELS = {"part": 1, "chapter": 1, "section": 2, "subsection": 3, "subsubsection": 4}
_ITEM = re.compile(r"\\(?:item|part)\b\s*(?:\[(?P<label>[^\]]*)\])?")
_LIST = re.compile(
    r"\\(?P<way>begin|end)\s*\{(?P<kind>enumerate|itemize|parts|questions)\}(?:\[[^\]]*\])?"
)
_TABLE = re.compile(r"\\(?P<way>begin|end)\s*\{(?:tabular|array|longtable)\*?\}(?:\s*\{[^{}]*\})*")
_PICTURE = re.compile(r"\\includegraphics\s*(?:\[[^\]]*\])?\s*\{[^{}]*\}")
_TEXT = re.compile(
    r"\\(?:textbf|textit|emph|underline|texttt|textrm|textsf|textsc|mbox|footnote)\s*\{([^{}]*)\}"
)
_LAYOUT = re.compile(
    r"\\(?:maketitle|newpage|clearpage|pagebreak|noindent|centering|hline|toprule|midrule|bottomrule"
    r"|bigskip|medskip|smallskip|tableofcontents|indent|par)\b"
    r"|\\(?:vspace|hspace|label|vskip|usepackage|documentclass|author|date|input|bibliography)"
    r"\*?\s*(?:\[[^\]]*\])?\s*\{[^{}]*\}"
)
_ENVIRONMENT = re.compile(
    r"\\(?:begin|end)\s*\{(?:document|center|figure|table|proof|solution|answer|quote|flushleft"
    r"|abstract)\*?\}(?:\[[^\]]*\])?"
)
_TITLE = re.compile(r"\\title\s*\{(?P<title>(?:[^{}]|\{[^{}]*\})*)\}")
_VERBATIM = re.compile(r"\\(?P<way>begin|end)\s*\{(?P<kind>verbatim|lstlisting|minted|model)\}.*")
_DOLLARS = re.compile(r"\$\$.*?\$\$|\$[^$]*\$|\\\(.*?\\\)|\\\[.*?\\\]")
_NUMBERED_HEADING = re.compile(r"\s*(?:\d|\(|[A-Za-z]+\.?\s*\d)")


def as_markdown(text: str) -> str:
    """The document's lines, each translated on its own."""
    return "\n".join(_Translation().run(text.split("\n")))


def latex_title(text: str) -> str:
    """What `\\title` says; empty where there is none."""
    match = _TITLE.search(text)
    return _plain(match["title"]) if match else ""


class _Translation:
    """Follows the environments through the lines."""

    def __init__(self) -> None:
        self.lists: list[tuple[str, int]] = []
        self.counts: list[int] = [0] * 5
        self.table = False
        self.verbatim = ""

    def run(self, lines: list[str]) -> list[str]:
        begin = next((k for k, line in enumerate(lines) if r"\begin{document}" in line), -1)
        return ["" if k <= begin else self.line(line) for k, line in enumerate(lines)]

    def line(self, line: str) -> str:
        if match := _VERBATIM.search(line):
            self.verbatim = match["kind"] if match["way"] == "begin" else ""
            return "```" + (
                "model" if self.verbatim == "model" else "python" if self.verbatim else ""
            )
        if self.verbatim:
            return line
        line = _COMMENT.sub("", line)
        if match := _SECTION.search(line):
            return self._section(match) + _LAYOUT.sub(" ", line[match.end() :])
        for match in _TABLE.finditer(line):
            self.table = match["way"] == "begin"
        line = _TABLE.sub(" ", line)
        line = _PICTURE.sub(" ", _ENVIRONMENT.sub(" ", _LAYOUT.sub(" ", line)))
        for match in _LIST.finditer(line):
            if match["way"] == "end":
                self.lists = self.lists[:-1]
            else:
                self.lists.append((match["kind"], 0))
        line = _ITEM.sub(self._item, _LIST.sub(" ", line))
        line = _outside_formulas(line)
        if self.table and line.strip():
            cells = _cells(line)
            return "| " + " | ".join(cells) + " |" if len(cells) > 1 else line
        return line

    def _section(self, match: re.Match[str]) -> str:
        """A heading; one without a number of its own gets that of its place."""
        level = _LEVELS.get(match["kind"], 2)
        title = _plain(match["title"])
        self.counts[level:] = [self.counts[level] + 1, *[0] * (4 - level)]
        number = ""
        if "*" not in match.group().partition("{")[0] and not _NUMBERED_HEADING.match(title):
            number = ".".join(str(n) for n in self.counts[2 : level + 1] if n) + " "
        return f"{'#' * level} {number}{title}"

    def _item(self, match: re.Match[str]) -> str:
        """An item's mark: its own label, or the next letter or number of its list."""
        if match["label"] is not None:
            label = _plain(match["label"]).strip(" ().")
            return f"({label}) "
        if not self.lists or self.lists[-1][0] == "itemize":
            return "- "
        kind, count = self.lists[-1]
        self.lists[-1] = (kind, count + 1)
        depth = sum(1 for name, _ in self.lists if name != "itemize")
        if kind == "questions":
            return f"## {count + 1} "
        return f"({_mark(count, depth)}) "


def _mark(count: int, depth: int) -> str:
    """`a`, `b`, … in the first list, `i`, `ii`, … in one inside it."""
    if depth > 1:
        return ("i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x")[min(count, 9)]
    return "abcdefghijklmnopqrstuvwxyz"[min(count, 25)]


def _cells(line: str) -> list[str]:
    """What stands between the `&` of a table's row."""
    return [cell.strip() for cell in re.split(r"(?<!\\)&", re.sub(r"\\\\.*$", "", line))]


def _outside_formulas(line: str) -> str:
    """The line with its text commands undone where no formula stands."""
    parts: list[str] = []
    at = 0
    for match in _DOLLARS.finditer(line):
        parts += [_plain(line[at : match.start()]), match.group()]
        at = match.end()
    return "".join([*parts, _plain(line[at:])]) if at else _plain(line) if _is_text(line) else line


def _is_text(line: str) -> bool:
    """Whether a line without dollars is running text rather than a row of a display."""
    return (
        re.search(r"\\(?:frac|partial|sum|begin|end|times|cdot|left|right)\b|[&^_]", line) is None
    )


def _plain(text: str) -> str:
    text = _TEXT.sub(r"\1", text)
    return text.replace("~", " ").replace("``", '"').replace("''", '"')
