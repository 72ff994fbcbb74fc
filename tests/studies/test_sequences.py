"""What the experiments on sequences are turned into: words, tables and pictures."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("torch")

from typer.testing import CliRunner

from backprove.cli import app
from backprove.studies.sequences import result
from backprove.studies.style import rendered
from backprove.training.sequences.learning import History
from backprove.training.sequences.networks import NETWORKS
from backprove.training.sequences.study import Facts, Outcome, Plan, chosen

PLAN = Plan(seeds=2, epochs=2)
FACTS = (
    Facts("words", "the next word", 10, 15, 0.6),
    Facts("recall", "one of 8 symbols", 22, 8, 1.0),
    Facts("digits", "a digit", 8, 10, 1.0),
)
#: with the middle one of three rates the loss is least
PILOTS = {s: History(test=[2.0, 1 + abs(s.rate - 0.01)]) for s in PLAN.pilots()}


def outcome(accuracy: dict[str, tuple[float, float]], start: dict[str, float]) -> Outcome:
    """An outcome in which each network has these accuracies by seed, and this gradient left."""
    runs = {
        setting: History(
            train=[2.0, 1.0],
            test=[2.0, 1.1],
            accuracy=[0.1, accuracy[setting.network][setting.seed]],
            seconds=[1.0, 1.0],
            start=[start[setting.network], 1.0],
            end=[0.5, 1.0],
            width=9,
            parameters=3999,
        )
        for setting in PLAN.settings(chosen(PILOTS))
    }
    return Outcome(PLAN, FACTS, runs, PILOTS, "2 processor cores")


def same(value: float) -> dict[str, tuple[float, float]]:
    return dict.fromkeys(NETWORKS, (value, value))


def test_the_best_are_named_and_so_is_what_was_not_learnt() -> None:
    accuracy = same(0.95) | {"gru": (1.0, 1.0), "lstm": (0.999, 0.997), "tanh": (0.2, 0.3)}
    said = result(outcome(accuracy, dict.fromkeys(NETWORKS, 0.5))).conclusion
    recall = next(line for line in said if line.startswith("recall"))
    assert "best are GRU, LSTM (1.000), which do not differ beyond what the seeds make" in recall
    assert "not learnt in this time by tanh RNN (0.250)" in recall


def test_nothing_learnt_is_said() -> None:
    said = result(outcome(same(0.2), dict.fromkeys(NETWORKS, 0.5))).conclusion
    assert any(line.startswith("recall: learnt by none in this time") for line in said)


def test_a_gradient_that_was_gone_and_a_task_that_was_learnt_all_the_same() -> None:
    start = dict.fromkeys(NETWORKS, 0.5) | {"tanh": 1e-6, "gated": 1e-5}
    accuracy = same(1.0) | {"gated": (0.1, 0.1)}
    said = result(outcome(accuracy, start)).conclusion
    gone = next(line for line in said if line.startswith("Before training"))
    assert "is left for tanh RNN, gated cell; not so for ReLU RNN" in gone
    slow = next(line for line in said if line.startswith("A gradient that is small"))
    assert "tanh RNN learnt to recall over 20 steps" in slow
    assert "gated" not in slow


def test_tables_numbers_and_pictures() -> None:
    pytest.importorskip("matplotlib")
    made = result(outcome(same(0.9), dict.fromkeys(NETWORKS, 0.5)))
    data = json.loads(made.as_json())
    assert set(data["tables"]) == {"words", "recall", "digits", "sizes", "rates"}
    assert all(len(t["rows"]) == len(NETWORKS) for t in data["tables"].values())
    assert len(data["data"]["runs"]) == (2 + len(PLAN.rates)) * 3 * len(NETWORKS)
    assert all(
        cell.startswith("0.01") for row in data["tables"]["rates"]["rows"] for cell in row[1:]
    )
    assert data["settings"]["lag"] == 20
    for picture in made.pictures:
        assert rendered(picture, "svg").startswith(b"<?xml")


def test_the_command_trains_and_goes_on(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    out = tmp_path / "out"
    asked = ["study", "sequences", "--out", str(out), "--seeds", "1", "--epochs", "1"]
    asked += ["--training", "32", "--lag", "3", "--budget", "500", "--jobs", "1"]
    first = CliRunner().invoke(app, [*asked, "--json"])
    assert first.exit_code == 0, first.output
    data = json.loads(first.stdout)
    assert data["study"] == "sequences"
    again = CliRunner().invoke(app, [*asked, "--resume", "--json"])
    assert json.loads(again.stdout)["data"]["runs"] == data["data"]["runs"]
    other = CliRunner().invoke(app, [*asked, "--resume", "--lag", "4"])
    assert other.exit_code == 2
    assert "another plan" in other.output
