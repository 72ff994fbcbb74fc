"""`backprove mark` as a user meets it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from backprove.cli import app

EXAMPLES = Path(__file__).parents[2] / "examples"
SHEET = "## 1 One [1 mark]\n```model\nx in R\ny = x^2\n```\n```answer\n∂y/∂x\n```\n"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["mark", *map(str, arguments)])


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    sheet, homework = tmp_path / "sheet.md", tmp_path / "homework.md"
    sheet.write_text(SHEET, encoding="utf-8")
    homework.write_text("## 1\n\n$∂y/∂x = 2 x$\n", encoding="utf-8")
    return sheet, homework


def test_full_marks_end_with_status_0(files: tuple[Path, Path]) -> None:
    result = run(*files)
    assert result.exit_code == 0
    assert "1 of 1 marks" in result.stdout


def test_less_ends_with_status_1(files: tuple[Path, Path]) -> None:
    files[1].write_text("## 1\n\n$∂y/∂x = x$\n", encoding="utf-8")
    result = run(*files)
    assert result.exit_code == 1
    assert "0 of 1 marks" in result.stdout


def test_an_impossible_key_ends_with_status_2(files: tuple[Path, Path]) -> None:
    files[0].write_text(SHEET.replace("∂y/∂x", "∂y/∂z"), encoding="utf-8")
    result = run(*files)
    assert result.exit_code == 2
    assert f"{files[0]}, line 7: `∂y/∂z` cannot be asked" in result.stderr


def test_the_submission_is_never_overwritten(files: tuple[Path, Path]) -> None:
    before = files[1].read_text(encoding="utf-8")
    assert run(*files, "--html", files[1]).exit_code == 2
    assert files[1].read_text(encoding="utf-8") == before


def test_the_example_of_the_readme(tmp_path: Path) -> None:
    html = tmp_path / "marks.html"
    result = run(EXAMPLES / "sheet.md", EXAMPLES / "submission.md", "--json", "--html", html)
    data = json.loads(result.stdout)
    assert data["marks"] == {"awarded": 6.0, "pending": 1.0, "of": 10.0}
    outcomes = [item["outcome"] for q in data["questions"] for item in q["items"]]
    assert outcomes == [
        "notation",
        "correct",
        "wrong",
        "follow-through",
        "correct",
        "wrong",
        "correct",
        "correct",
        "manual",
    ]
    assert "<script" not in html.read_text(encoding="utf-8")
