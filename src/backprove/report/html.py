"""The report as one self-contained page: typeset mathematics, no scripts, no network."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, cast

from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from backprove.judge.verdict import Kind
from backprove.report.summary import Counts, mark, sentence, words
from backprove.report.typeset import printable, reading, typeset

if TYPE_CHECKING:
    from backprove.course.checking import DocumentReport

_GROUPS = {"✓": "accepted", "~": "partly", "✗": "wrong", "?": "unclear"}
_LARGEST = 8


def page(report: DocumentReport, fragment: bool = False) -> str:
    """The page's HTML; as a fragment without its frame, to stand in another page."""
    counts = Counts.of(result.verdict for result in report.results)
    template = environment().get_template("report.html")
    return template.render(report=report, counts=counts, fragment=fragment)


@cache
def environment() -> Environment:
    """The templates of all pages, with what they show verdicts by."""
    made = Environment(
        loader=PackageLoader("backprove.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Any] = made.filters
    filters.update(
        typeset=typeset,
        reading=reading,
        printable=printable,
        sentence=sentence,
        mark=mark,
        group=group,
        words=words,
        pointed=pointed,
        asked=asked,
        value=value,
    )
    return made


def group(kind: Kind) -> str:
    """The style of a verdict."""
    return _GROUPS[mark(kind)]


def asked(text: str) -> Markup:
    """What a key asks for: a formula where it is one, or words."""
    if text.startswith("sizes ") or " by " in text:
        return Markup("{}").format(text)
    found = typeset(text)
    return Markup("{}").format(text) if "raw" in found else found


def pointed(text: str, place: tuple[int, int]) -> Markup:
    """The text with a mark on the half-open range of characters `place`."""
    start, end = place
    end = max(end, start + 1)
    at = text[start:end] or "⟨end⟩"
    return Markup('<code class="raw">{}<mark>{}</mark>{}</code>').format(
        text[:start], at, text[end:]
    )


def value(data: Any) -> Markup:
    """A number, a vector (as a column) or a matrix in MathML; anything larger as text."""
    rows = _rows(data)
    if rows is None:
        return Markup("<code>{}</code>").format(_shortened(str(data)))
    if not isinstance(data, list):
        return Markup(f"<math>{_number(data)}</math>")
    cells = "".join(
        f"<mtr>{''.join(f'<mtd>{_number(entry)}</mtd>' for entry in row)}</mtr>" for row in rows
    )
    table = f"<mtable>{cells}</mtable>"
    return Markup(f"<math><mrow><mo>[</mo>{table}<mo>]</mo></mrow></math>")


def _rows(data: Any) -> list[list[float]] | None:
    """A scalar, a vector or a matrix of at most 8 × 8 as rows of numbers."""
    if isinstance(data, int | float):
        return [[data]]
    if not isinstance(data, list) or not data or len(cast(list[Any], data)) > _LARGEST:
        return None
    entries = cast(list[Any], data)
    rows = [cast(list[Any], e) if isinstance(e, list) else [e] for e in entries]
    plain = all(
        len(row) <= _LARGEST and all(isinstance(entry, int | float) for entry in row)
        for row in rows
    )
    return rows if plain and len({len(row) for row in rows}) == 1 else None


def _number(entry: float) -> str:
    """A number in MathML, of which nothing needs to be escaped."""
    text = f"{entry:.4g}".replace("-", "−")
    mantissa, exponent, power = text.partition("e")
    if not exponent:
        return f"<mn>{text}</mn>"
    power = power.replace("−0", "−").removeprefix("+").lstrip("0")
    raised = f"<msup><mn>10</mn><mn>{power}</mn></msup>"
    return f"<mrow><mn>{mantissa}</mn><mo>·</mo>{raised}</mrow>"


def _shortened(text: str, most: int = 300) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
