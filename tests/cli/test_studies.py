"""`backprove study` as a user meets it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from backprove import studies
from backprove.cli import app


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["study", *arguments])


def test_alone_it_lists_the_studies_with_their_questions() -> None:
    result = run()
    assert result.exit_code == 0
    words = " ".join(result.stdout.split())
    for name in studies.names():
        assert f"{name} {studies.load(name).question}" in words
    assert "detector" in words


@pytest.mark.parametrize(
    ("name", "nearest"), [("vanish", "vanishing"), ("gated_explosion", "gated-explosion")]
)
def test_an_unknown_study_suggests_the_nearest(name: str, nearest: str) -> None:
    result = run(name)
    assert result.exit_code == 2
    assert f"did you mean {nearest}?" in result.stderr


def test_a_study_tells_its_conclusion_and_shows_its_tables() -> None:
    result = run("xor")
    assert result.exit_code == 0
    assert "XOR is not linearly separable" in result.stdout
    assert "w = [2, 2, −4], b = −1" in result.stdout


def test_json_has_the_numbers() -> None:
    data = json.loads(run("focal", "--easy", "100", "--hard", "10", "--json").stdout)
    assert data["settings"] == {"easy": 100, "hard": 10, "seed": 0}
    assert data["tables"]["by_gamma"]["rows"][0][4] == pytest.approx(9)


def test_a_page_is_self_contained_and_figures_are_files(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    page, slide = tmp_path / "page.html", tmp_path / "slide.png"
    result = run("box-loss", "--html", str(page), "--png", str(slide))
    assert result.exit_code == 0
    html = page.read_text(encoding="utf-8")
    assert html.count("data:image/svg+xml;base64,") == 2
    assert "<math" in html
    assert "<script" not in html
    assert "http" not in html.replace("http://www.w3.org", "").replace("http-equiv", "")
    for file in (slide, tmp_path / "slide-2.png"):
        assert file.read_bytes().startswith(b"\x89PNG")
        assert file.name in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("focal", "--easy", "0"),
        ("focal", "--easy", "many"),
        ("focal", "--seeds", "1"),
        ("filters", "--kernel", "5", "--rows", "3"),
        ("xor", "--html", "no/such/folder/page.html"),
    ],
)
def test_what_does_not_fit_is_refused_without_a_traceback(arguments: tuple[str, ...]) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


def test_without_matplotlib_figures_name_the_extra_and_words_still_come(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    refused = run("xor", "--png", str(tmp_path / "x.png"))
    assert refused.exit_code == 2
    assert "backprove[figures]" in refused.stderr
    assert run("xor").exit_code == 0
