"""The commands as a user meets them: what they print, and above all what they say to a mistake."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from backprove.cli import app, main

MODEL = "x in R^n\nA in R^{n x n}\nE = x^T A x\n"
HOMEWORK = f"""# A homework

```model
{MODEL}```

$$\\frac{{\\partial E}}{{\\partial x}} = A x + A^T x$$
"""


def run(*arguments: object, input: str | None = None) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments], input=input)


def refused(result: Result) -> str:
    """The message of a run that could not use its input: one paragraph, status 2, no traceback."""
    assert result.exit_code == 2
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert result.stdout == ""
    message = result.stderr.strip()
    assert message
    assert "\n\n" not in message
    assert "Traceback" not in message
    return message


@pytest.fixture
def homework(tmp_path: Path) -> Path:
    path = tmp_path / "homework.md"
    path.write_text(HOMEWORK, encoding="utf-8")
    return path


def test_version() -> None:
    result = run("--version")
    assert result.exit_code == 0
    assert result.stdout.startswith("backprove 0.")


def test_help_names_the_commands() -> None:
    result = run("--help")
    assert result.exit_code == 0
    assert all(name in result.stdout for name in ("check", "derive", "judge"))


# --- check ---------------------------------------------------------------------------------------


def test_check_accepts_what_is_right(homework: Path) -> None:
    result = run("check", homework)
    assert result.exit_code == 0
    assert "1 claim: 1 accepted" in result.stdout


def test_check_ends_with_one_where_a_claim_is_wrong(homework: Path) -> None:
    homework.write_text(HOMEWORK.replace("A x +", "A x -"), encoding="utf-8")
    result = run("check", homework)
    assert result.exit_code == 1
    assert "wrong" in result.stdout


def test_check_writes_json(homework: Path) -> None:
    data = json.loads(run("check", homework, "--json").stdout)
    assert data["claims"][0]["verdict"] == "correct"
    assert data["claims"][0]["line"] == 9


def test_check_writes_a_page_beside_the_table(homework: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.html"
    assert run("check", homework, "--html", out).exit_code == 0
    assert "<math" in out.read_text(encoding="utf-8")


def test_check_writes_a_script_for_every_wrong_claim(homework: Path, tmp_path: Path) -> None:
    text = homework.read_text(encoding="utf-8")
    homework.write_text(text.replace("A x + A^T x", "A x"), encoding="utf-8")
    folder = tmp_path / "scripts"
    assert run("check", homework, "--replay", folder).exit_code == 1
    (script,) = folder.iterdir()
    assert script.name == "line-9.py"
    assert "import numpy as np" in script.read_text(encoding="utf-8")


def test_check_takes_the_models_from_a_sheet(tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.md"
    sheet.write_text(f"# Sheet\n\n## Question 1\n\n```model\n{MODEL}```\n", encoding="utf-8")
    answers = tmp_path / "answers.md"
    answers.write_text("## Question 1\n\n$$∂E/∂x = A x + A^T x$$\n", encoding="utf-8")
    result = run("check", answers, "--sheet", sheet)
    assert result.exit_code == 0
    assert "1 accepted" in result.stdout


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b" \n\n", "empty"),
        (b"\x89PNG\r\n\x00\x00", "binary"),
        (b"caf\xe9 $a = b$", "UTF-8"),
    ],
)
def test_check_refuses_what_is_no_document(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "bad.md"
    path.write_bytes(content)
    message = refused(run("check", path))
    assert said in message
    assert "bad.md" in message


def test_check_refuses_what_is_not_there(tmp_path: Path) -> None:
    assert "missing.md" in refused(run("check", tmp_path / "missing.md"))
    assert "directory" in refused(run("check", tmp_path))


def test_check_refuses_a_document_without_models(tmp_path: Path) -> None:
    path = tmp_path / "bare.md"
    path.write_text("$$a = b$$\n", encoding="utf-8")
    assert "model" in refused(run("check", path))


def test_check_refuses_a_sheet_without_models(homework: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.md"
    sheet.write_text("# A sheet\n\nNothing yet.\n", encoding="utf-8")
    assert "sheet.md" in refused(run("check", homework, "--sheet", sheet))


def test_check_points_into_a_model_that_does_not_fit(tmp_path: Path) -> None:
    path = tmp_path / "homework.md"
    path.write_text(HOMEWORK.replace("A in R^{n x n}", "A in R^{m x k}"), encoding="utf-8")
    message = refused(run("check", path))
    assert "^" in message
    assert "homework.md" in message


def test_check_does_not_overwrite_the_document(homework: Path) -> None:
    assert "overwrite" in refused(run("check", homework, "--html", homework))
    assert homework.read_text(encoding="utf-8") == HOMEWORK


def test_check_says_where_a_page_cannot_be_written(homework: Path, tmp_path: Path) -> None:
    assert "nowhere" in refused(run("check", homework, "--html", tmp_path / "nowhere" / "o.html"))


def test_check_finds_nothing_to_accept_where_there_are_no_claims(tmp_path: Path) -> None:
    path = tmp_path / "prose.md"
    path.write_text("# Only words\n\nNothing is claimed here.\n", encoding="utf-8")
    result = run("check", path)
    assert result.exit_code == 2
    assert "0 claims" in result.stdout


# --- derive --------------------------------------------------------------------------------------


def test_derive_reads_a_file_or_standard_input(tmp_path: Path) -> None:
    path = tmp_path / "model.txt"
    path.write_text(MODEL, encoding="utf-8")
    from_file = run("derive", path, "E", "x")
    assert from_file.exit_code == 0
    assert "∂E/∂x" in from_file.stdout
    assert run("derive", "-", "E", "x", input=MODEL).stdout == from_file.stdout


def test_derive_writes_latex() -> None:
    assert (
        r"\frac{\partial E}{\partial x}"
        in run("derive", "-", "E", "x", "--latex", input=MODEL).stdout
    )


@pytest.mark.parametrize("library", ["numpy", "torch", "jax"])
def test_derive_writes_code(library: str) -> None:
    """The library need not be there to write for it."""
    source = run("derive", "-", "E", "x", "--code", library, input=MODEL).stdout
    assert f"import {library}" in source
    assert "def gradient(x, A):" in source
    compile(source, "<emitted>", "exec")


@pytest.mark.parametrize("other", ["--latex", "--steps", "--immediate", "--components"])
def test_derive_writes_code_or_formulas(other: str) -> None:
    message = refused(run("derive", "-", "E", "x", "--code", "numpy", other, input=MODEL))
    assert "--code" in message


def test_derive_writes_for_known_libraries_only() -> None:
    message = refused(run("derive", "-", "E", "x", "--code", "fortran", input=MODEL))
    assert "numpy, torch, jax" in message


STEPS = "h_0 in R^m\nW in R^{m x m}\nh_t = tanh(W h_{t-1}) for t = 1..T\nE = sum(h_T)"


@pytest.mark.parametrize(
    ("by", "view", "shown"),
    [
        ("W", ["--unrolled", "2"], "∂E/∂W = δ_1 h_0ᵀ + δ_2 h_1ᵀ"),
        ("h_T", ["--closed"], "∂E/∂h_T = 𝟏"),
        ("h_T", ["--components"], "(∂E/∂h_T)[i] = 1"),
        ("W", ["--steps"], "through tanh, multiply by 1 − h_t²"),
        ("W", ["--unrolled", "2", "--latex"], r"\delta_1 h_0^\top"),
        ("W", ["--immediate"], "∂⁺E/∂W"),
    ],
)
def test_derive_has_views(by: str, view: list[str], shown: str) -> None:
    result = run("derive", "-", "E", by, *view, input=STEPS)
    assert result.exit_code == 0
    assert shown in result.stdout


def test_derive_shows_one_view_at_a_time() -> None:
    assert "views" in refused(run("derive", "-", "E", "W", "--closed", "--steps", input=STEPS))
    assert "words" in refused(run("derive", "-", "E", "W", "--latex", "--steps", input=STEPS))


def test_derive_says_why_a_view_is_not_to_be_had() -> None:
    assert "recurrence" in refused(run("derive", "-", "E", "W", "--closed", input=STEPS))
    assert "too many" in refused(run("derive", "-", "E", "W", "--unrolled", "99", input=STEPS))


@pytest.mark.parametrize(
    ("model", "of", "by"),
    [
        pytest.param("", "E", "x", id="no model"),
        pytest.param(MODEL, "F", "x", id="unknown of"),
        pytest.param(MODEL, "E", "F", id="unknown by"),
        pytest.param(MODEL, "E +", "x", id="unfinished of"),
        pytest.param(MODEL + "F = A A^", "E", "x", id="unfinished line"),
        pytest.param(MODEL + "F = E + \\nonsense{", "E", "x", id="unclosed brace"),
        pytest.param(MODEL + "E = 1", "E", "x", id="defined twice"),
        pytest.param("x in R^n\nh_t = x + h_t for t = 1..3", "h_2", "x", id="of itself"),
        pytest.param(f"{MODEL}F = {'(' * 10_000}1{')' * 10_000}", "F", "x", id="brackets"),
    ],
)
def test_derive_refuses_in_a_paragraph(model: str, of: str, by: str) -> None:
    refused(run("derive", "-", of, by, input=model))


# --- judge ---------------------------------------------------------------------------------------

RIGHT = {"id": "a", "model": MODEL, "claim": "∂E/∂x = A x + A^T x", "expect": "correct"}
WRONG = {"id": "b", "model": MODEL, "claim": "∂E/∂x = A x - A^T x", "expect": "wrong"}


def collection(path: Path, *lines: object) -> Path:
    path.write_text(
        "".join((x if isinstance(x, str) else json.dumps(x)) + "\n" for x in lines),
        encoding="utf-8",
    )
    return path


def test_judge_answers_one_line_a_claim(tmp_path: Path) -> None:
    result = run("judge", collection(tmp_path / "c.jsonl", RIGHT, WRONG))
    assert result.exit_code == 0
    answers = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(a["id"], a["verdict"]) for a in answers] == [("a", "correct"), ("b", "wrong")]
    assert "2 claims: 1 correct, 1 wrong" in result.stderr
    assert "2/2 (100.0%) on the verdict" in result.stderr


def test_judge_writes_to_a_file(tmp_path: Path) -> None:
    file, out = collection(tmp_path / "c.jsonl", RIGHT), tmp_path / "out.jsonl"
    result = run("judge", file, "-o", out)
    assert result.stdout == ""
    assert json.loads(out.read_text(encoding="utf-8"))["verdict"] == "correct"


def test_judge_goes_on_after_a_line_that_it_cannot_use(tmp_path: Path) -> None:
    result = run("judge", collection(tmp_path / "c.jsonl", "{", RIGHT, {"id": "c"}, [1], "3"))
    assert result.exit_code == 1
    answers = [json.loads(line) for line in result.stdout.splitlines()]
    assert [a.get("verdict") for a in answers] == [None, "correct", None, None, None]
    assert all(a["error"] for a in answers if "verdict" not in a)


def test_judge_refuses_what_is_no_collection(tmp_path: Path) -> None:
    assert "missing.jsonl" in refused(run("judge", tmp_path / "missing.jsonl"))
    assert "empty" in refused(run("judge", collection(tmp_path / "c.jsonl")))
    file = collection(tmp_path / "d.jsonl", RIGHT)
    assert "overwrite" in refused(run("judge", file, "-o", file))


def test_judge_ends_with_two_where_nothing_could_be_used(tmp_path: Path) -> None:
    assert run("judge", collection(tmp_path / "c.jsonl", "no json")).exit_code == 2


# --- faults --------------------------------------------------------------------------------------


def test_a_fault_of_ours_is_no_verdict(
    homework: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("BACKPROVE_DEBUG", raising=False)

    def broken(*_: object) -> None:
        raise KeyError("δ")

    monkeypatch.setattr("backprove.course.checking.check_document", broken)
    monkeypatch.setattr("sys.argv", ["backprove", "check", str(homework)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 3
    said = capsys.readouterr().err
    assert "a fault of Backprove, not of your input: KeyError" in said
    assert "Traceback" not in said
