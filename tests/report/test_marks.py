"""Marks for the terminal, as a page and as data, made without judging."""

from __future__ import annotations

import json
from fractions import Fraction
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from backprove.course.checking import ClaimResult
from backprove.course.marking import Item, Look, MarkReport, QuestionMark
from backprove.course.sheet import Question
from backprove.judge.verdict import Kind, Verdict
from backprove.report.marks_data import as_json
from backprove.report.marks_page import page
from backprove.report.marks_terminal import show
from backprove.report.marks_words import lines, marks, number

INERT = "<script>alert(1)</script>"


@pytest.fixture
def marked() -> MarkReport:
    claims = (
        ClaimResult(4, "1 One", "∂L/∂V = (p - t) h^T", Verdict(Kind.CORRECT, "")),
        ClaimResult(9, "1 One", "∂L/∂h = V^T (t - p)", Verdict(Kind.WRONG, "", mistake="sign")),
    )
    first = QuestionMark(
        Question("1", f"One {INERT}", 2, "", 1),
        (
            Item("∂L/∂V", Fraction(1), Fraction(1), "correct", "correct", (4,)),
            Item("∂L/∂h", Fraction(1), Fraction(1, 3), "started", "right until line 9", (4, 9)),
        ),
        claims,
    )
    second = QuestionMark(
        Question("2", "Two", 1, "", 8),
        (Item("for a person", Fraction(1), None, "manual", "", (12, 20), (INERT,), True),),
        (),
    )
    looks = (Look("2", (12, 20), "a person marks this"),)
    path, sheet = Path("homework.md"), Path("sheet.md")
    notes = (f"A note {INERT}.",)
    return MarkReport(path, "Homework", sheet, "Sheet", (first, second), claims, looks, notes)


def printed(report: MarkReport) -> str:
    out = StringIO()
    show(report, Console(file=out, width=90))
    return out.getvalue()


def test_the_sum_is_what_was_earned_and_what_is_open(marked) -> None:
    assert (marked.awarded, marked.pending, marked.of) == (Fraction(4, 3), 1, 3)
    assert printed(marked).rstrip().endswith("1.33 of 3 marks; 1 more awaits a person")


def test_the_terminal_says_why(marked) -> None:
    text = printed(marked)
    assert "✓ ∂L/∂V: correct (line 4)" in text
    assert "~ ∂L/∂h: right until line 9 (lines 4 to 9)" in text
    assert "☐ for a person (lines 12 to 20)" in text
    assert "wrong: sign" in text
    assert "2  lines 12 to 20: a person marks this." in text


def test_the_page_is_harmless_and_whole(marked) -> None:
    html = page(marked)
    assert INERT not in html
    assert html.count("&lt;script&gt;") == 4  # a title twice, a point and a note
    assert 'id="question-2"' in html
    assert "<math>" in html


def test_the_data(marked) -> None:
    data = json.loads(as_json(marked))
    assert data["marks"] == {"awarded": 1.3333, "pending": 1.0, "of": 3.0}
    first, second = data["questions"]
    assert [item["awarded"] for item in first["items"]] == [1.0, 0.3333]
    assert second["items"][0]["awarded"] is None
    assert second["items"][0]["points"] == [INERT]
    assert [(c["line"], c["verdict"]) for c in data["claims"]] == [(4, "correct"), (9, "wrong")]
    assert data["look"] == [{"question": "2", "lines": [12, 20], "what": "a person marks this"}]


def test_numbers_and_lines_in_words() -> None:
    assert [number(Fraction(n)) for n in ("1", "1/3", "2.50", "0")] == ["1", "0.33", "2.5", "0"]
    assert marks(None, Fraction(2)) == "? of 2"
    assert [lines(n, None) for n in ((), (3,), (3, 5), (3, 9), (3, 4, 9))] == [
        "",
        "line 3",
        "lines 3 and 5",
        "lines 3 to 9",
        "lines 3 to 9",
    ]
