"""Runs of other networks and logs: what only looks like a fault, and faults that logs show sideways."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tests.training.diagnosis.logs import LN10, falling, kinds, lines, noise, primary, seen, sound

from backprove.training.diagnosis.doctor import diagnose
from backprove.training.diagnosis.findings import Kind
from backprove.training.diagnosis.signals.curve import Curve
from backprove.training.diagnosis.signals.period import repetition


def accuracies(loss: np.ndarray) -> np.ndarray:
    return np.clip(1 - 0.4 * loss, 0.1, 1)


# --- sound, though it looks otherwise -----------------------------------------------------------


def test_smoothed_labels_in_the_training_loss_are_no_leakage(tmp_path: Path) -> None:
    val = falling(30, 2.2, 0.08)
    made = seen(
        tmp_path,
        {
            "epoch": np.arange(30),
            "loss": np.maximum(falling(30, 2.3, 0.5), 0.5) + noise(30, 0.004),
            "val_loss": val + noise(30, 0.003, 1),
            "accuracy": np.clip(1 - 0.35 * val, 0.1, 1),
            "val_accuracy": np.clip(0.995 - 0.35 * val, 0.1, 1),
        },
    )
    assert made.healthy, kinds(made)
    assert Kind.BETTER in [remark.kind for remark in made.remarks]


def test_without_accuracies_a_late_gap_may_be_leakage_and_is_not_said_to_be(tmp_path: Path) -> None:
    made = seen(
        tmp_path,
        {
            "epoch": np.arange(30),
            "train_loss": falling(30, 2.3, 0.9) + noise(30, 0.01),
            "val_loss": falling(30, 2.2, 0.4) + noise(30, 0.01, 1),
        },
    )
    assert Kind.TOO_GOOD not in kinds(made)


def test_a_fine_tuned_network_begins_with_good_answers(tmp_path: Path) -> None:
    loss = np.linspace(0.9, 0.5, 10)
    made = seen(
        tmp_path,
        {
            "epoch": np.arange(10),
            "train_loss": loss,
            "val_loss": loss + 0.03,
            "train_acc": np.linspace(0.78, 0.87, 10),
            "val_acc": np.linspace(0.77, 0.86, 10),
        },
    )
    assert made.healthy, kinds(made)


def test_ten_points_have_a_middle(tmp_path: Path) -> None:
    """A short log that still falls has not levelled off, though no point lies at its very middle."""
    columns = {"epoch": np.arange(10), "train_loss": np.linspace(2.3, 1.2, 10)}
    curve = Curve.of(seen(tmp_path, columns).run.series["train_loss"])  # type: ignore[index]
    assert curve is not None
    assert curve.level(0.45, 0.55) == pytest.approx(1.75)


def test_among_many_classes_a_loss_that_stays_high_may_be_chance(tmp_path: Path) -> None:
    loss = falling(20, 3.2, 1.6, 12)
    made = seen(tmp_path, {"epoch": np.arange(20), "train_loss": loss, "val_loss": loss + 0.1})
    assert made.healthy, kinds(made)


def test_a_last_batch_of_few_examples_is_no_pattern() -> None:
    """Fifteen batches in an epoch, of which the last has two examples, with a mean by bad luck."""
    rng = np.random.default_rng(1)
    steps = np.arange(25 * 15)
    loss = 0.5 + 0.05 * rng.normal(size=len(steps))
    loss[14::15] = 0.5 + 0.6 * np.abs(rng.normal(size=25))
    found = repetition(np.stack([steps, loss], 1), 15.0)
    assert found is not None
    assert found.chance > 1e-4 or found.share < 0.06
    # the same of several phases is one
    pattern = 0.5 + 0.3 * np.sin(2 * np.pi * steps / 15) + 0.05 * rng.normal(size=len(steps))
    clear = repetition(np.stack([steps, pattern], 1), 15.0)
    assert clear is not None
    assert clear.share > 0.5


def test_an_accuracy_that_was_climbed_to_is_not_that_of_the_largest_class(tmp_path: Path) -> None:
    acc = np.array([0.622, 0.63, 0.69, 0.78, 0.85, 0.9, 0.94, 0.958] + [0.965] * 17)
    loss = np.concatenate([np.linspace(0.66, 0.16, 8), np.linspace(0.14, 0.128, 17)])
    made = seen(
        tmp_path,
        {
            "epoch": np.arange(25),
            "loss": loss,
            "val_loss": loss + 0.008,
            "accuracy": acc,
            "val_accuracy": acc,
        },
    )
    assert made.healthy, kinds(made)


# --- ill, though the log is of another kind -------------------------------------------------------


@pytest.mark.parametrize("form", ["csv", "json lines", "keras"])
def test_a_layer_whose_column_is_always_empty_is_frozen(form: str, tmp_path: Path) -> None:
    columns = {name: np.asarray(column).tolist() for name, column in sound().items()}
    columns |= {
        "grad_norm/first": [None] * 40,
        "grad_norm/last": np.exp(noise(40, 0.2)).tolist(),
    }  # fmt: skip
    if form == "csv":
        made = seen(tmp_path, columns)
    elif form == "json lines":
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        made = diagnose(lines(tmp_path / "log.jsonl", rows))
    else:
        path = tmp_path / "history.json"
        path.write_text(json.dumps(columns), encoding="utf-8")
        made = diagnose(path)
    assert primary(made) == Kind.FROZEN
    assert made.primary is not None
    assert "first" in made.primary.summary


def test_a_validation_loss_that_never_moves_is_nothing_learnt_whatever_its_level(
    tmp_path: Path,
) -> None:
    made = seen(
        tmp_path,
        {
            "epoch": np.arange(20),
            "train_loss": 1.47 + noise(20, 0.004),
            "val_loss": np.full(20, 1.4602),
        },
    )
    assert primary(made) == Kind.NOTHING


def test_jumps_about_the_level_of_guessing_are_too_long_steps(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    acc = rng.choice([0.08, 0.1, 0.12], 30)
    made = seen(
        tmp_path,
        {
            "epoch": np.arange(30),
            "train_loss": LN10 * (1.35 + 0.1 * rng.normal(size=30)),
            "val_loss": LN10 * (1.4 + 0.25 * rng.normal(size=30)),
            "train_acc": acc,
            "val_acc": acc[::-1],
        },
    )
    assert primary(made) == Kind.RATE_HIGH


def test_a_regression_that_is_thrown_about(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    made = seen(
        tmp_path,
        {
            "epoch": np.arange(30),
            "train_loss": 3 * np.exp(0.6 * rng.normal(size=30)),
            "val_loss": 3 * np.exp(0.7 * rng.normal(size=30)),
        },
    )
    assert primary(made) == Kind.RATE_HIGH


def test_a_smooth_rise_over_hundreds_of_steps_is_an_ascent(tmp_path: Path) -> None:
    """As Adam ascends a squared error: too long a step would have leapt within a few steps."""
    steps = np.arange(400)
    loss = np.exp(16 * (steps / 400) ** 0.8) * np.exp(noise(400, 0.2))
    made = seen(tmp_path, {"step": steps, "train_loss": loss})
    assert primary(made) == Kind.SIGN


def test_easier_validation_data_show_in_the_first_epochs(tmp_path: Path) -> None:
    train, val = falling(20, 2.2, 0.01, 9), falling(20, 1.6, 0.001, 22)
    made = seen(
        tmp_path,
        {
            "epoch": np.arange(20),
            "train_loss": train,
            "val_loss": val,
            "train_acc": accuracies(train),
            "val_acc": accuracies(val),
        },
    )
    assert primary(made) == Kind.TOO_GOOD


def test_sums_of_gradients_that_grow_until_the_loss_breaks(tmp_path: Path) -> None:
    """Each step's norm is nearly that of the step before it, all the way up."""
    steps = np.arange(240)
    norm = 1.5 * (1 + steps / 12) * np.exp(noise(240, 0.02))
    loss = 1.4 + 0.1 * np.sin(steps / 9) + noise(240, 0.05)
    loss[200:], norm[200:] = np.nan, np.nan
    made = seen(tmp_path, {"step": steps, "train_loss": loss, "grad_norm": norm})
    assert primary(made) == Kind.ACCUMULATING


def test_values_that_are_no_numbers_are_told_though_the_run_goes_on(tmp_path: Path) -> None:
    columns = sound()
    columns["train_loss"][21] = np.nan
    made = seen(tmp_path, columns)
    assert made.healthy
    assert any(
        "1 value that is no number (NaN or inf), the first at epoch 21" in n for n in made.run.notes
    )
