"""The report as Markdown, to keep beside one's notes: formulas in dollars, a heading a claim."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from backprove.notation import ReadError, read_expression, read_line
from backprove.notation.latex import to_latex
from backprove.report.summary import Counts, mark, sentence, words
from backprove.report.typeset import printable

if TYPE_CHECKING:
    from backprove.course.checking import ClaimResult, DocumentReport

#: what Markdown or HTML would take for its own
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|!$&])")


def written(report: DocumentReport, model: str = "") -> str:
    """The report's Markdown; `model` is shown before the claims, if it is given."""
    counts = Counts.of(result.verdict for result in report.results)
    parts = [f"# {plain(report.title or report.path.name)}", f"{counts}."]
    if model.strip():
        fence = "`" * max(3, 1 + max((len(run) for run in re.findall(r"`+", model)), default=0))
        parts.append(f"{fence}model\n{model.strip()}\n{fence}")
    question = ""
    for result in report.results:
        if result.question != question:
            question = result.question
            parts.append(f"## {plain(question)}")
        parts.append(claim(result))
    parts += [f"- {plain(sentence(note))}" for note in report.notes]
    return "\n\n".join(parts) + "\n"


def claim(result: ClaimResult) -> str:
    """A claim with its verdict, and what would be right."""
    verdict = result.verdict
    lines = [f"{mark(verdict.verdict)} **{words(verdict)}** ({result.place})", _math(result.text)]
    if verdict.reading and verdict.verdict != "scalar":
        lines.append(f"Read as: {plain(verdict.reading)}")
    if verdict.reason and verdict.verdict != "correct":
        lines.append(plain(sentence(verdict.reason)))
    if verdict.corrected and not verdict.accepted:
        lines.append(f"What would be right: {_math(verdict.corrected)}")
    return "\n\n".join(lines)


def _math(text: str) -> str:
    """LaTeX in dollars, or code where the text cannot be read."""
    try:
        return " ".join(f"${to_latex(statement)}$" for statement in read_line(text))
    except ReadError:
        pass
    try:
        return f"${to_latex(read_expression(text))}$"
    except ReadError:
        fence = "`" * (1 + max((len(run) for run in re.findall(r"`+", text)), default=0))
        return f"{fence} {printable(text)} {fence}"


def plain(text: str) -> str:
    """Words on one line, harmless in Markdown."""
    return _SPECIAL.sub(r"\\\1", printable(text))
