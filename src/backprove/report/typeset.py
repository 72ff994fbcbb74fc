"""What a person wrote, as it is shown: one plain line for the terminal, MathML for a page.

Text that does not read as mathematics is shown as it stands, harmless: without control characters,
and escaped on a page.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from xml.etree import ElementTree

from markupsafe import Markup

from backprove.notation import ReadError, read_line
from backprove.notation.mathml import to_mathml
from backprove.notation.reader import read_expression
from backprove.notation.syntax import Expr, Statement
from backprove.notation.unicode import to_unicode

_RELATIONS = ("=", "≈", "∈")
_SIGNS = ("+", "−")
#: characters of a formula that is remembered
_SHORT = 500
_WORDS = re.compile(r"\b[A-Za-z]{2,} [A-Za-z]{2,}\b")


def printable(text: str) -> str:
    """The text on one line, without control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def plain(text: str) -> str:
    """The formula in Unicode on one line; of several statements, with semicolons between them."""
    nodes = _read(text)
    if nodes is None:
        return printable(text)
    return "; ".join(printable(to_unicode(node)) for node in nodes)


def typeset(text: str, place: tuple[int, int] | None = None) -> Markup:
    """MathML for a page, a line for each statement; what cannot be read as escaped text.

    A formula is set in pieces, so that it can go on in the next line before a relation or a sign.
    `place` is the half-open range of characters that is pointed at in it (of one line of text).
    """
    # while one writes, most formulas are those of a moment ago
    return (_typeset if len(text) <= _SHORT else _typeset.__wrapped__)(text, place)


@lru_cache(maxsize=1024)
def _typeset(text: str, place: tuple[int, int] | None) -> Markup:
    nodes = _read(text)
    if nodes is None:
        return Markup('<code class="raw">{}</code>').format(text.strip())
    place = None if "\n" in text else place
    line = Markup('<div class="formula">{}</div>')
    return Markup("\n").join(
        line.format(Markup("<wbr>").join(_pieces(to_mathml(node, place=place)))) for node in nodes
    )


def reading(text: str) -> Markup:
    """How a claim was read: a formula, or a remark in words."""
    return Markup("{}").format(text) if _WORDS.search(text) else typeset(text)


def _read(text: str) -> list[Statement | Expr] | None:
    """The statements of a text's lines, or None where some line is no mathematics."""
    found: list[Statement | Expr] = []
    for line in filter(str.strip, text.split("\n")):
        try:
            found += read_line(line)
        except ReadError:
            try:
                found.append(read_expression(line))
            except ReadError:
                return None
    return found or None


def _pieces(mathml: str) -> Iterator[Markup]:
    """A `<math>` element cut before the relations and signs of its outermost levels."""
    root = ElementTree.fromstring(mathml.replace(' xmlns="http://www.w3.org/1998/Math/MathML"', ""))
    piece = ElementTree.Element("math")
    for element in _outermost(root):
        sign = element.text if element.tag == "mo" else None
        if sign in _RELATIONS or (sign in _SIGNS and element.get("form") != "prefix"):
            if len(piece):
                yield _written(piece)
            piece = ElementTree.Element("math")
            element.set("form", "infix")
        piece.append(element)
    yield _written(piece)


def _outermost(element: ElementTree.Element) -> Iterator[ElementTree.Element]:
    """The elements of a row, and those of the sums that stand in it as a whole side."""
    for number, child in enumerate(element):
        if child.tag == "mrow" and (element.tag == "math" or _is_sum(child)):
            child.set("class", child.get("class") or element.get("class", ""))
            yield from _outermost(child)
        else:
            if child.tag == "mo" and child.text in _SIGNS and number == 0:
                child.set("form", "prefix")
            if element.get("class"):  # a row that is pointed at, and taken apart
                child.set("class", element.get("class", ""))
            yield child


def _is_sum(row: ElementTree.Element) -> bool:
    return any(child.tag == "mo" and child.text in _SIGNS for child in row)


def _written(piece: ElementTree.Element) -> Markup:
    return Markup(ElementTree.tostring(piece, encoding="unicode"))
