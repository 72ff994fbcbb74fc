"""Answers without a left side: `ℝ³`, `output size = 9`, a formula alone under its question's number.

Each becomes the claim that what the question asks for is that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from backprove.course.asked import Asked
from backprove.documents.delimiters import segments
from backprove.documents.formula import is_numeric, relations, sides
from backprove.documents.headings import split_parts
from backprove.documents.words import is_word
from backprove.judge.stated import shape_of, sizes_of, stated

#: words before a sign of equality that still name a quantity
MOST_WORDS = 5
_SPACE = re.compile(
    r"(?:\\mathbb\s*\{?\s*R\s*\}?|[Rℝ])\s*(?:\^\s*(\{[^{}]*\}|[^\s{},.;]+)|(?=\d))"
    r"(?P<lost>\d+(?:\s*[×x]\s*\d+)+)?"
)
_LENGTH = re.compile(r"(?:len|dim|size|length)\s*\(\s*([A-Za-z]+(?:_\{?\w+\}?)?)\s*\)")
_LENGTHS = re.compile(rf"[\[(]\s*{_LENGTH.pattern}(?:\s*[,×x]\s*{_LENGTH.pattern})+\s*[\])]")
_CROSS = re.compile(r"\\mathbf\s*\{\s*x\s*\}|\\times(?![a-z])|×|\s[xX]\s")
_SUPERSCRIPT = re.compile(r"<sup>([^<>]*)</sup>", re.IGNORECASE)
_TEXT = re.compile(r"\\text\s*\{[^{}]*\}")
_EDGES = " \t.,;:!?"


def bare_answers(lines: list[str], asked: Asked, several: bool) -> Iterator[tuple[str, int]]:
    """The claims that lines make about what is asked, each with the place of its line.

    With `several` keys of a kind, only what names this one in words counts.
    """
    kind = asked.key.kind
    for place, raw in enumerate(lines):
        line = _SUPERSCRIPT.sub(r"^{\1}", raw)
        if kind == "value" or (kind == "statement" and asked.other is None):
            found = _values(line, asked.text if several else "")
            yield from ((f"{asked.text} = {text}", place) for text in found)
        elif several:
            continue
        elif kind == "shape":
            spaces = (*_spaces(line), *_lengths(line, asked))
            yield from ((f"{asked.text} \\in {space}", place) for space in spaces)
        elif kind == "size" and (text := size_text(line)):
            yield text, place


def _spaces(line: str) -> Iterator[str]:
    match = _SPACE.search(line.replace("$", " "))
    if match is None:
        return
    if match["lost"]:  # a scan has lost the superscript
        yield "R^{" + re.sub(r"\s*[×x]\s*", r" \\times ", match["lost"]) + "}"
    elif match[1]:
        inner = match[1].strip("{}")
        yield "R^{" + inner.replace("×", r" \times ") + "}"


def _lengths(line: str, asked: Asked) -> Iterator[str]:
    """`[len(y), len(x)]`: the lengths of vectors that the model has."""
    bare = re.sub(r"\\(?:text|mathrm|operatorname)\s*\{\s*(\w+)\s*\}", r"\1", line)
    match = _LENGTHS.search(bare)
    if match is None:
        return
    found: list[str] = []
    for name in _LENGTH.findall(match.group()):
        vector = stated(f"{name} = {name}", asked.session)
        if not vector or vector[0].about is None or len(sizes_of(vector[0].about)) != 1:
            return
        found.append(shape_of(vector[0].about))
    yield "R^{" + r" \times ".join(found) + "}"


def size_text(line: str) -> str:
    """Sizes with a cross between them, without the words before them; empty where there are none."""
    text = line.replace("$", " ").replace("\\*", "*")
    if not _CROSS.search(text):
        return ""
    chunks = text.split()
    start = 0
    for at, chunk in enumerate(chunks):
        if is_word(chunk) and chunk.lower() != "floor" and chunk not in ("x", "X"):
            start = at + 1
    return " ".join(chunks[start:]).strip(_EDGES)


def _values(line: str, name: str) -> Iterator[str]:
    """The right side of `words = number`, or a formula that stands alone.

    With a name only the first, where it is among the words.
    """
    found = segments(line, 1)
    formulas = [s.text.strip() for s in found if s.kind != "text"]
    bare = " ".join(s.text.strip() for s in found)
    if relations(bare):
        left, *right = sides(bare)
        words = [word.strip(_EDGES).lower() for word in split_parts(left)[1].split()]
        in_words = len(words) <= MOST_WORDS and all(map(str.isalpha, words))
        named = not name or name.lower() in words
        if in_words and named and right and all(map(is_numeric, right)):
            yield " = ".join(right)
        return
    text = (formulas[0] if len(formulas) == 1 else line).strip(_EDGES)
    text = text[len(text) - len(split_parts(text)[1]) :]
    if name or not re.search(r"[\\∂Σ∑^_]", text):
        return
    if not any(is_word(chunk) for chunk in _TEXT.sub(" ", text).split()):
        yield text
