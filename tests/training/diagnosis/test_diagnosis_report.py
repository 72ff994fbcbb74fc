"""The diagnosis for people and programs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tests.training.diagnosis.logs import falling, sound, table
from typer.testing import CliRunner, Result

from backprove.cli import app
from backprove.report.diagnosis import as_json, headline
from backprove.training.diagnosis.doctor import diagnose
from backprove.training.diagnosis.findings import Finding, Kind


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["diagnose", *(str(a) for a in arguments)])


@pytest.fixture
def ill(tmp_path: Path) -> Path:
    columns = sound(60)
    columns["val_loss"] = falling(60, 2.3, 0.7, 12) + 0.02 * np.maximum(np.arange(60) - 15, 0)
    columns["train_loss"] = falling(60, 2.3, 0.01, 8)
    return table(tmp_path / "ill <b>.csv", columns)


@pytest.fixture
def well(tmp_path: Path) -> Path:
    return table(tmp_path / "well.csv", sound())


def test_a_healthy_run(well: Path) -> None:
    result = run(well)
    assert result.exit_code == 0, result.output
    assert "looks healthy" in result.output


def test_what_is_only_perhaps_wrong_is_not_called_healthy_in_words(well: Path) -> None:
    made = diagnose(well)
    assert headline(made) == "Nothing wrong is to be seen: the run looks healthy."
    made.findings = [Finding(Kind.OVERFITTING, 0.4, "…")]
    assert headline(made) == "Nothing is certainly wrong; one thing to look at."
    made.findings.append(Finding(Kind.RATE_LOW, 0.35, "…"))
    assert headline(made) == "Nothing is certainly wrong; 2 things to look at."
    # for programs it counts as before
    data = json.loads(as_json(made))
    assert (data["verdict"], data["primary"], len(data["findings"])) == ("healthy", None, 2)
    assert made.healthy


def test_an_ill_run_with_evidence_causes_and_what_to_try(ill: Path) -> None:
    result = run(ill)
    assert result.exit_code == 1, result.output
    for words in (
        "✗ Overfitting",
        "validation loss is least at epoch",
        "Likely causes",
        "Try",
        "Not judged",
    ):
        assert words.lower() in result.output.lower()


def test_json_has_all_numbers(ill: Path) -> None:
    data = json.loads(run(ill, "--json").output)
    assert (data["verdict"], data["primary"]) == ("ill", "overfitting")
    first = data["findings"][0]
    assert first["confidence"] >= 0.5
    assert {"causes", "try", "evidence", "marks"} <= set(first)
    assert len(data["curves"]["val_loss"]["x"]) == 60
    assert data["columns"]["val_loss"] == "val_loss"


def test_json_of_values_that_are_no_numbers(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", {"step": range(4), "loss": [1, 2, "nan", "inf"]})
    data = json.loads(run(path, "--json").output)
    assert data["curves"]["train_loss"]["mean"] == [1, 2, None, None]
    assert data["curves"]["train_loss"]["first_not_finite"] == 2


def test_the_page_is_self_contained_and_escapes_names(ill: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    page = tmp_path / "out.html"
    assert run(ill, "--html", page).exit_code == 1
    text = page.read_text(encoding="utf-8")
    assert "<svg" in text
    assert "ill &lt;b&gt;.csv" in text
    assert "<script" not in text
    assert "http://" not in text.replace("http://www.w3.org/", "").replace(
        "http://purl.org/", ""
    ).replace("http://creativecommons.org/", "")
    again = tmp_path / "again.html"
    run(ill, "--html", again)
    assert again.read_text(encoding="utf-8") == text


def test_the_picture(ill: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    out = tmp_path / "out.png"
    run(ill, "--png", out)
    assert out.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_figures_of_odd_runs_are_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    logs = {
        "one": {"epoch": [0], "loss": [1.0], "val_loss": [1.1]},
        "nan": {"epoch": range(3), "loss": ["nan"] * 3},
        "zero": {"epoch": range(9), "loss": [0.0] * 9, "grad_norm": [0.0] * 9},
        "huge": {"epoch": range(6), "loss": [1, 2, 1e300, -1e300, 5, "inf"]},
    }
    for name, columns in logs.items():
        path = table(tmp_path / f"{name}.csv", columns)
        result = run(path, "--png", tmp_path / f"{name}.png", "--html", tmp_path / f"{name}.html")
        assert result.exit_code in (0, 1), result.output


def test_mistakes_are_told_with_status_2(tmp_path: Path, well: Path) -> None:
    for arguments, words in (
        ((tmp_path / "no.csv",), "no such file"),
        ((well, "--columns", "foo=bar"), "no role 'foo'"),
        ((well, "--html", well), "overwrite"),
    ):
        result = run(*arguments)
        assert result.exit_code == 2
        assert words in result.output
