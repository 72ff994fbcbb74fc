"""models, explain and separable as a user meets them."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner, Result

from backprove.cli import app


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def test_models_are_listed_with_a_line_each() -> None:
    result = run("models")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert any(line.startswith("lstm ") and "forget gate" in line for line in lines)
    assert all(len(line.split(maxsplit=1)) == 2 for line in lines)


def test_a_model_is_shown_with_its_source() -> None:
    result = run("models", "show", "gru")
    assert result.exit_code == 0
    assert "# Source: K. Cho" in result.stdout
    assert "h_t = (1 - z_t)" in result.stdout


@pytest.mark.parametrize("arguments", [("models", "show", "lstmm"), ("derive", "lstmm", "E", "W")])
def test_an_unknown_model_suggests_the_nearest(arguments: tuple[str, ...]) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert "did you mean lstm?" in result.stderr


def test_derive_takes_a_shipped_model() -> None:
    result = run("derive", "lstm", "c_t", "c_{t-1}", "--immediate")
    assert result.exit_code == 0
    assert result.stdout.strip() == "∂⁺c_t/∂c_{t−1} = diag(f_t)"


def test_explain_shows_the_working() -> None:
    result = run("explain", "average_precision(TTFFFTTFFT, positives=5, points=11)")
    assert result.exit_code == 0
    assert "0.7532…" in result.stdout
    assert "rank" in result.stdout


def test_explain_takes_names_from_a_model() -> None:
    result = run("explain", "conv_matrix(W, input=[9])", "--model", "conv1d")
    assert result.exit_code == 2  # W is there, and it is no kernel of one channel
    assert "one rank" in result.stderr


@pytest.mark.parametrize(
    ("labels", "status", "said"),
    [("[0, 1, 1, 0]", 1, "not separable"), ("[0, 1, 1, 1]", 0, "w = ")],
)
def test_separable(labels: str, status: int, said: str) -> None:
    result = run("separable", "[[0, 0], [0, 1], [1, 0], [1, 1]]", labels)
    assert result.exit_code == status
    assert said in result.stdout


@pytest.mark.parametrize("points", ["[[0, x]]", "[[0, 1]", "3", "[[1], [2, 3]]"])
def test_separable_refuses_what_are_no_points(points: str) -> None:
    result = run("separable", points, "[1]")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "Traceback" not in result.stderr


def test_diagram_of_a_file(tmp_path) -> None:
    path, out = tmp_path / "own.model", tmp_path / "out.svg"
    path.write_text("x in R^n\ny = tanh(x)\n", encoding="utf-8")
    assert run("diagram", str(path), "-o", str(out)).exit_code == 0
    assert out.read_text(encoding="utf-8").startswith("<svg")
    assert "flowchart LR" in run("diagram", str(path), "--mermaid").stdout
    assert "overwrite" in run("diagram", str(path), "-o", str(path)).stderr


def test_diagram_unrolled() -> None:
    result = run("diagram", "rnn", "--unroll", "--size", "T=3", "--mermaid")
    assert result.exit_code == 0
    assert "h_3" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--unroll"], "T needs a number"),
        (["--size", "T"], "T=3"),
        (["--size", "T=3; x=1"], "T=3"),
    ],
)
def test_diagram_says_what_is_missing(arguments: list[str], said: str) -> None:
    result = run("diagram", "rnn", *arguments)
    assert result.exit_code == 2
    assert said in result.stderr


def test_show_draws_the_diagram_too(tmp_path) -> None:
    out = tmp_path / "lstm.svg"
    result = run("models", "show", "lstm", "--diagram", str(out))
    assert result.exit_code == 0
    assert "# Source" in result.stdout
    assert "<svg" in out.read_text(encoding="utf-8")
