"""Sheets: questions, marks and models."""

from __future__ import annotations

from pathlib import Path

import pytest

from backprove.course.sheet import Sheet, SheetError, parse_sheet, read_sheet

SHEET = """---
title: Losses
---

# Homework on losses

## 1 Squares [3 marks]

```model
x in R
y = x^2
```

### 1 (a) Slope [1 mark]

### (b) Curvature (1.5 points)

## 2 Cubes

```model
x in R
y = x^3
```

## 3 Squares again

model: 1
"""


def questions(text: str) -> dict[str, str]:
    return {question.number: question.model for question in parse_sheet(text).questions}


def test_a_sheet() -> None:
    sheet = parse_sheet(SHEET)
    assert sheet.title == "Losses"
    assert [(q.number, q.title, q.marks, q.line) for q in sheet.questions] == [
        ("1", "Squares", 3.0, 7),
        ("1(a)", "Slope", 1.0, 14),
        ("1(b)", "Curvature", 1.5, 16),
        ("2", "Cubes", None, 18),
        ("3", "Squares again", None, 25),
    ]


def test_models_are_inherited_and_named() -> None:
    models = questions(SHEET)
    assert models["1"] == models["1(a)"] == models["1(b)"] == models["3"] == "x in R\ny = x^2"
    assert models["2"] == "x in R\ny = x^3"
    assert {q.number: q.model_line for q in parse_sheet(SHEET).questions}["1(b)"] == 10


def test_a_model_for_all() -> None:
    text = "# Sheet\n\n```model\nx in R\n```\n\n## 1 One\n\n## 2 Two\n"
    assert questions(text) == {"1": "x in R", "2": "x in R"}
    assert parse_sheet(text).title == "Sheet"


def test_the_nearest_question_of_a_number() -> None:
    sheet = Sheet("", tuple(q for q in parse_sheet(SHEET).questions if q.number != "2"))
    found = {n: q.number for n in ("1(a)(ii)", "1(c)", "1.2", "3") if (q := sheet.question(n))}
    assert found == {"1(a)(ii)": "1(a)", "1(c)": "1", "1.2": "1", "3": "3"}
    assert sheet.question("2(a)") is None
    assert sheet.question("(a)") is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("## 1 One\n\nprose\n", "no models"),
        ("```model\nx in R\n```\n", "no questions"),
        ("## 1 One\n```model\nx in R\n", "line 2"),
        ("## 1 One\n```model\nx in R\n```\n```model\nx in R\n```\n", "line 5"),
        ("## 1 One\n```model\n\n```\n", "line 2"),
        ("## 1 One\n```model\nx in R\n```\n## 1 Two\n", "line 5"),
        ("## 1 One\n```model\nx in R\n```\n## 2 Two\nmodel: 7\n", "line 6"),
    ],
)
def test_what_cannot_be_used(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "sheet.md"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SheetError, match=reason) as caught:
        read_sheet(path)
    assert str(path) in str(caught.value)


def test_a_missing_sheet(tmp_path: Path) -> None:
    with pytest.raises(SheetError, match="does not exist"):
        read_sheet(tmp_path / "none.md")


SHIPPED = sorted((Path(__file__).parents[2] / "courses").glob("*/sheet.md"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.parent.name)
def test_the_shipped_sheets(path: Path) -> None:
    sheet = read_sheet(path)
    assert sheet.questions
    assert sheet.marks == sum(part.marks or 0 for part in sheet.questions if "(" not in part.number)
