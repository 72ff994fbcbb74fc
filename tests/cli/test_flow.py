"""`backprove flow` as a user meets it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from backprove.cli import app

TEXT = "x in R^n, t in R^k one-hot\nW in R^{k x n}\np = softmax(W x)\nE = -sum(t * log(p))\n"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["flow", *(str(a) for a in arguments)])


def test_the_first_line_is_the_answer() -> None:
    result = run("rnn")
    assert result.exit_code == 0, result.output
    assert result.output.startswith("rnn: the gradient of h vanishes: it halves every")
    for words in ("Lyapunov exponents", "ln 10 = 2.3", "saturated", "gradient's norm"):
        assert words in result.output


def test_a_file_with_given_values(tmp_path: Path) -> None:
    model = tmp_path / "own.model"
    model.write_text(TEXT, encoding="utf-8")
    values = tmp_path / "values.json"
    values.write_text(json.dumps({"W": [[0.0, 0.0]] * 4}))
    data = json.loads(run(model, "--values", values, "--json").output)
    assert data["name"] == "own.model"
    assert data["sizes"] == {"n": 2, "k": 4}
    assert data["start"]["loss"] == pytest.approx(data["start"]["expected"])
    assert "reach all parameters" in data["verdict"]


def test_a_page_and_a_picture(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    page, picture = tmp_path / "flow.html", tmp_path / "flow.png"
    assert run("lstm", "--steps", 6, "--html", page, "--png", picture).exit_code == 0
    text = page.read_text("utf-8")
    assert "data:image/svg+xml;base64," in text
    assert "What would change it" in text or "(h, c)" in text
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_names_are_escaped(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    model = tmp_path / "a<b>.model"
    model.write_text(TEXT, encoding="utf-8")
    page = tmp_path / "flow.html"
    assert run(model, "--html", page).exit_code == 0
    assert "a&lt;b&gt;.model" in page.read_text("utf-8")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nothing",), "there is no model nothing"),
        (("rnn", "--size", "m"), "--size is written like n=32, not m"),
        (("rnn", "--size", "q=3"), "no size q; its sizes: T, k, m, n"),
        (("rnn", "--scale", "-1"), "--scale must be more than 0"),
        (("rnn", "--loss", "h"), "no scalar h; its scalars: E"),
        (("rnn", "--values", "nowhere.json"), "nowhere.json: No such file"),
    ],
)
def test_mistakes_end_with_status_2_and_a_sentence(arguments: tuple[str, ...], words: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert words in result.output
    assert "Traceback" not in result.output


def test_the_model_is_not_overwritten(tmp_path: Path) -> None:
    model = tmp_path / "own.model"
    model.write_text(TEXT, encoding="utf-8")
    assert run(model, "--html", model).exit_code == 2
    assert model.read_text("utf-8") == TEXT
