"""`backprove judge` on whole files: processes, going on, stopping, and what a user did wrong."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from backprove.cli import app

MODEL = "x in R^n\nA in R^{n x n}\nE = x^T A x\n"
RIGHT = "∂E/∂x = A x + A^T x"
WRONG = "∂E/∂x = A x - A^T x"


def run(*arguments: object, input: str | None = None) -> Result:
    return CliRunner().invoke(app, ["judge", *(str(a) for a in arguments)], input=input)


def record(name: object, claim: str = RIGHT) -> str:
    return json.dumps({"id": name, "model": MODEL, "claim": claim}, ensure_ascii=False) + "\n"


@pytest.fixture
def claims(tmp_path: Path) -> Path:
    path = tmp_path / "claims.jsonl"
    path.write_text("".join(record(n, WRONG if n == 2 else RIGHT) for n in range(5)), "utf-8")
    return path


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "out.jsonl"


def answers(output: Path) -> list[tuple[object, object]]:
    found = map(json.loads, output.read_text(encoding="utf-8").splitlines())
    return [(answer.get("id"), answer.get("verdict")) for answer in found]


ALL = [(n, "wrong" if n == 2 else "correct") for n in range(5)]


@pytest.mark.parametrize("jobs", [0, 1, 2])
def test_all_processes_give_the_same(jobs: int, claims: Path, output: Path) -> None:
    result = run(claims, "-o", output, "--jobs", jobs)
    assert result.exit_code == 0
    assert result.stdout == ""
    assert result.stderr == "5 claims: 4 correct, 1 wrong\n"
    assert answers(output) == ALL


def test_standard_input_is_a_collection(claims: Path) -> None:
    result = run("-", input=claims.read_text(encoding="utf-8"))
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) == 5


def test_a_line_left_out_is_told_with_its_number(claims: Path, output: Path) -> None:
    with claims.open("ab") as stream:
        stream.write(b"\n{\n\xff\n" + b'{"claim": "' + b"x" * 1_100_000 + b'"}\n')
    result = run(claims, "-o", output)
    assert result.exit_code == 1
    for number, reason in ((7, "property name"), (8, "UTF-8"), (9, "longer than")):
        assert f"line {number} is left out" in result.stderr
        assert reason in result.stderr
    assert [json.loads(x).get("line") for x in output.read_text("utf-8").splitlines()][5:] == [
        7,
        8,
        9,
    ]


def test_many_lines_left_out_are_not_all_told(tmp_path: Path) -> None:
    file = tmp_path / "c.jsonl"
    file.write_text("{\n" * 50, encoding="utf-8")
    result = run(file)
    assert result.exit_code == 2
    assert result.stderr.count("is left out") == 20
    assert len(result.stdout.splitlines()) == 50


# --- going on ------------------------------------------------------------------------------------


def test_it_goes_on_after_the_last_whole_line(claims: Path, output: Path) -> None:
    first = '{"id": 0, "verdict": "correct", "mark": "kept"}\n'
    output.write_text(first + '{"id": 1, "verd', encoding="utf-8")
    result = run(claims, "-o", output, "--resume")
    assert result.exit_code == 0
    assert answers(output) == ALL
    assert output.read_text(encoding="utf-8").startswith(first)
    assert "5 claims" in result.stderr


def test_going_on_with_what_is_done_changes_nothing(claims: Path, output: Path) -> None:
    run(claims, "-o", output)
    before = output.read_bytes()
    result = run(claims, "-o", output, "--resume")
    assert result.exit_code == 0
    assert output.read_bytes() == before


def test_there_need_be_nothing_to_go_on_from(claims: Path, output: Path) -> None:
    assert run(claims, "-o", output, "--resume").exit_code == 0
    assert answers(output) == ALL


def test_another_collections_answers_are_not_added_to(claims: Path, output: Path) -> None:
    output.write_text('{"id": "other", "verdict": "wrong"}\n', encoding="utf-8")
    result = run(claims, "-o", output, "--resume")
    assert result.exit_code == 2
    assert "does not belong to this collection" in result.stderr
    assert "other" in output.read_text(encoding="utf-8")


def test_going_on_needs_an_output(claims: Path) -> None:
    result = run(claims, "--resume")
    assert result.exit_code == 2
    assert "--output" in result.stderr


def test_a_folder_is_no_collection(tmp_path: Path) -> None:
    result = run(tmp_path)
    assert result.exit_code == 2
    assert "directory" in result.stderr


@pytest.mark.parametrize(("option", "value"), [("--jobs", -1), ("--budget", 0)])
def test_options_have_bounds(option: str, value: object, claims: Path) -> None:
    assert run(claims, option, value).exit_code == 2


# --- budgets and stopping -------------------------------------------------------------------------


def test_the_budget_is_kept(tmp_path: Path) -> None:
    """A claim that no reading settles is given up in time."""
    product = " ".join(f"A_{{{n}}}" for n in range(1, 13))
    model = "".join(f"A_{{{n}}} in R^{{a_{n} x b_{n}}}\n" for n in range(1, 13)) + "y in R"
    file = tmp_path / "c.jsonl"
    file.write_text(json.dumps({"model": model, "claim": f"y = {product}"}), encoding="utf-8")
    start = time.process_time()
    result = run(file, "--budget", "0.2")
    assert json.loads(result.stdout)["verdict"] in ("unreadable", "wrong")
    assert time.process_time() - start < 5


def _heeds_ctrl_c() -> None:
    """Started in the background, as by a runner of tests, a process would ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.skipif(os.name == "nt", reason="signals")
@pytest.mark.parametrize("jobs", [1, 2])
def test_ctrl_c_loses_nothing(jobs: int, tmp_path: Path, output: Path) -> None:
    file = tmp_path / "many.jsonl"
    file.write_text("".join(record(n, f"{RIGHT} + {n} x - {n} x") for n in range(100_000)), "utf-8")
    program = Path(sys.executable).with_name("backprove")
    command = [program, "judge", file, "-o", output, "--jobs", str(jobs)]
    process = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=_heeds_ctrl_c,
    )
    until = time.monotonic() + 120
    while time.monotonic() < until and process.poll() is None:
        if output.exists() and output.stat().st_size > 20_000:
            break
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all processes
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "stopped; --resume" in said
    assert "Traceback" not in said
    text = output.read_text(encoding="utf-8")
    assert text.endswith("\n")
    found = answers(output)
    assert len(found) > 50
    assert found == [(n, "correct") for n in range(len(found))]
