from __future__ import annotations

import io

import pytest
from rich.console import Console

from backprove.course.checking import DocumentReport
from backprove.report.terminal import broken, excerpt, show


def shown(report: DocumentReport, width: int = 100) -> str:
    out = io.StringIO()
    show(report, Console(file=out, width=width, highlight=False, markup=False, emoji=False))
    return out.getvalue()


def test_every_claim_has_its_line_mark_and_verdict(report: DocumentReport) -> None:
    rows = [line.split()[:2] for line in shown(report).splitlines() if line[:2].isdigit()]
    assert rows == [
        ["12", "✓"],
        ["18", "✓"],
        ["20", "✓"],
        ["24", "✗"],
        ["30", "~"],
        ["31", "?"],
        ["42", "~"],
        ["50", "?"],
    ]


def test_a_wrong_claim_is_told_why_and_what_would_be_right(report: DocumentReport) -> None:
    text = shown(report)
    assert "wrong: missing path" in text
    assert "The path through h_1 is left out." in text
    assert "right: δ" in text


def test_an_unreadable_claim_is_shown_as_it_stands_with_its_place(report: DocumentReport) -> None:
    lines = shown(report).splitlines()
    carets = next(i for i, line in enumerate(lines) if line.strip() == "^")
    assert lines[carets - 1][lines[carets].index("^")] == ")"


def test_the_summary_counts(report: DocumentReport) -> None:
    assert "8 claims: 3 accepted, 2 partly, 3 not" in shown(report)


@pytest.mark.parametrize("width", [60, 80, 100, 160])
def test_no_line_is_wider_than_the_terminal(report: DocumentReport, width: int) -> None:
    assert max(map(len, shown(report, width).splitlines())) <= width


def test_what_a_writer_wrote_is_never_markup_or_an_escape() -> None:
    from backprove.report.typeset import printable

    assert printable("a \x1b[31m[red]b[/red]\n\tc") == "a [31m[red]b[/red] c"


def test_a_long_formula_breaks_before_an_operator_outside_brackets() -> None:
    formula = "((Vᵀ (o_2 − y_2)) ⊙ (1 − h_2²)) h_1ᵀ + ((Wᵀ d) ⊙ (1 − h_1²)) h_0ᵀ"
    assert broken(formula, 50) == [
        "((Vᵀ (o_2 − y_2)) ⊙ (1 − h_2²)) h_1ᵀ",
        "  + ((Wᵀ d) ⊙ (1 − h_1²)) h_0ᵀ",
    ]


def test_breaking_loses_nothing() -> None:
    formula = "a + (b − c) d = " + "e" * 90 + " + f"
    for width in range(12, 120):
        lines = broken(formula, width)
        assert "".join("".join(lines).split()) == "".join(formula.split())
        assert max(map(len, lines)) <= width


def test_an_excerpt_keeps_the_caret_under_its_place() -> None:
    text = "x" * 200 + "!" + "y" * 200
    line, carets = excerpt(text, (200, 201), 60).split("\n")
    assert line[carets.index("^")] == "!"
    assert len(line) <= 60
