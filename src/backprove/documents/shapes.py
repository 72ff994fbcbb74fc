"""Shapes said in words: `The shape of X is S`, `X has the same dimension as Y, which is S`.

They become the claims `X ∈ S`. A shape is a space (`R^m`), or sizes with a cross between them or
in brackets (`m × n`, `(m, n)`); a lone number is not one, for it may be any other size.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from backprove.documents.delimiters import Segment
from backprove.documents.words import is_word

# Formulas stand in the line as `⟦…⟧`, so that the phrases around them can be matched.
_MARKED = r"⟦[^⟧]*⟧"
# From the beginning of a chunk, so that a long one is not tried from each of its characters.
_PLAIN = r"(?<![^\s⟦⟧,;:])[^\s⟦⟧,;:]{1,200}(?![^\s⟦⟧,;:])"
_THING = rf"(?P<thing>{_MARKED}|{_PLAIN})"
_OTHER = rf"(?P<other>{_MARKED}|{_PLAIN})"
_SHAPE = (
    rf"(?P<shape>{_MARKED}|[Rℝ]\s*\^\s*[^\s.,;]+"
    rf"|\S{{1,80}}(?:\s*[x×]\s*\S{{1,80}})+|\([^()]{{1,80}},[^()]{{1,80}}\))"
)
_MENTIONED = re.compile(r"dimension|shape|size", re.IGNORECASE)
_NOUN = r"(?:dimension|dimensionality|shape|size)s?"
_IS = r"(?:is|are|=|:|equals|will\s+be|must\s+be|should\s+be)"
_SAME = rf"the\s+same\s+(?:{_NOUN}\s+)?as\s+(?:that\s+of\s+|the\s+{_NOUN}\s+of\s+)?(?:the\s+)?"
_WHICH = r"\s*,?\s*(?:which|that)\s+is\s+"
_PHRASES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\b{_NOUN}\s+of\s+(?:the\s+)?{_THING}\s+{_IS}\s+{_SAME}{_OTHER}{_WHICH}{_SHAPE}",
        rf"{_THING}\s+(?:has|have)\s+{_SAME}{_OTHER}{_WHICH}{_SHAPE}",
        rf"\b{_NOUN}\s+of\s+(?:the\s+)?{_THING}\s*{_IS}\s*{_SHAPE}",
        rf"{_THING}\s+(?:has|have)\s+(?:the\s+|a\s+)?{_NOUN}\s*(?:of\s+|:\s*)?{_SHAPE}",
        rf"{_THING}\s+(?:is|are)\s+of\s+(?:the\s+)?{_NOUN}\s+{_SHAPE}",
    )
)
_SPACE = re.compile(r"(?:\\mathbb\s*\{?\s*R\s*\}?|\\R\b|[Rℝ])\s*\^")
_CROSS = re.compile(r"\s*(?:\\times(?![a-z])|×|,)\s*|\s+x\s+|(?<=\d)x(?=\d)")
_SIZE = re.compile(r"\(?(?:[A-Za-z]|\d{1,9})[A-Za-z0-9_]{0,3}\)?")


def shape_claims(line: Iterable[Segment]) -> list[str]:
    """The claims about shapes that a line makes in words; none for other lines."""
    line = list(line)
    if not any(segment.kind == "text" and _MENTIONED.search(segment.text) for segment in line):
        return []
    text = " ".join(
        " ".join((segment.text if segment.kind == "text" else f"⟦{segment.text}⟧").split())
        for segment in line
    )
    for phrase in _PHRASES:
        match = phrase.search(text)
        if match is None:
            continue
        space = _space(_bare(match["shape"]))
        things = [_bare(match["thing"]), _bare(match.groupdict().get("other") or "")]
        if space and not is_word(things[0]):
            return [f"{thing} \\in {space}" for thing in things if thing and not is_word(thing)]
    return []


def _bare(text: str) -> str:
    return text.strip("⟦⟧ ").rstrip(".,; ")


def _space(shape: str) -> str:
    """A shape as a space; empty if it is none."""
    if _SPACE.match(shape):
        return shape
    shape = shape.strip()
    if shape.startswith("(") and shape.endswith(")"):
        shape = shape[1:-1].strip()
    sizes = _CROSS.split(shape)
    if len(sizes) > 1 and all(_SIZE.fullmatch(size) for size in sizes):
        return "R^{" + r" \times ".join(sizes) + "}"
    return ""
