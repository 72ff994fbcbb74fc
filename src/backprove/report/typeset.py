"""What a person wrote, as it is shown: one plain line for the terminal, MathML for a page.

Text that does not read as mathematics is shown as it stands, harmless: without control characters,
and escaped on a page.
"""

from __future__ import annotations

from markupsafe import Markup

from backprove.notation import ReadError, Statement, read_line, to_mathml, to_unicode


def printable(text: str) -> str:
    """The text on one line, without control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def plain(text: str) -> str:
    """The formula in Unicode on one line; of several lines, with semicolons between them."""
    statements = _read(text)
    if statements is None:
        return printable(text)
    return "; ".join(printable(to_unicode(statement)) for statement in statements)


def typeset(text: str) -> Markup:
    """MathML for a page, a block for each statement; what cannot be read as escaped text."""
    statements = _read(text)
    if statements is None:
        return Markup('<code class="raw">{}</code>').format(text.strip())
    return Markup("\n").join(Markup(to_mathml(statement)) for statement in statements)


def _read(text: str) -> list[Statement] | None:
    """The statements of a text's lines, or None where some line is no mathematics."""
    try:
        found = [statement for line in text.split("\n") for statement in read_line(line)]
    except ReadError:
        return None
    return found or None
