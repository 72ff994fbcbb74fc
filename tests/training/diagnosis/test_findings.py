"""Each fault on a small log that shows it, and what looks like it and is sound."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.training.diagnosis.logs import LN10, falling, kinds, noise, primary, seen, sound

from backprove.training.diagnosis.doctor import arranged
from backprove.training.diagnosis.findings import Finding, Kind

STEPS = np.arange(400)


def steps(loss: np.ndarray, **more: np.ndarray) -> dict[str, np.ndarray]:
    """A log of single steps, twenty in an epoch."""
    return {
        "step": np.arange(len(loss)),
        "epoch": np.arange(len(loss)) // 20,
        "train_loss": loss,
    } | more


def batches(n: int = 400) -> np.ndarray:
    """A sound loss of single batches."""
    return falling(n, LN10, 0.2) * np.exp(noise(n, 0.15))


def test_a_sound_run_is_healthy(tmp_path: Path) -> None:
    made = seen(tmp_path, sound())
    assert made.healthy, kinds(made)
    assert made.findings == []


# --- what grows --------------------------------------------------------------------------------


def test_a_spike_and_then_nan(tmp_path: Path) -> None:
    loss = batches()
    loss[300:303] = [8, 300, 1e5]
    loss[303:] = np.nan
    made = seen(tmp_path, steps(loss))
    assert primary(made) == Kind.EXPLODING
    assert made.primary is not None
    assert any(mark.start == 303 for mark in made.primary.marks)


def test_gradients_that_leap_while_the_loss_suffers(tmp_path: Path) -> None:
    norm = np.exp(noise(400, 0.2))
    norm[[150, 260, 330]] = [900, 2000, 5000]
    loss = np.full(400, LN10) + noise(400, 0.1)
    loss[150:] += 0.5
    made = seen(tmp_path, steps(loss, grad_norm=norm))
    assert Kind.EXPLODING in kinds(made)


def test_gradients_that_leap_once_without_harm_are_no_fault(tmp_path: Path) -> None:
    norm = np.exp(noise(400, 0.3))
    norm[200] = 40
    made = seen(tmp_path, steps(batches(), grad_norm=norm))
    assert made.healthy, kinds(made)


def test_a_loss_that_rises_from_the_first_step(tmp_path: Path) -> None:
    loss = 2.3 + 20 * (1 - np.exp(-STEPS / 8)) * np.exp(noise(400, 0.4))
    acc = 0.1 + np.abs(noise(400, 0.03, 2))
    assert primary(seen(tmp_path, steps(loss, train_acc=acc))) == Kind.RATE_HIGH


def test_the_wrong_sign_of_a_logged_loss(tmp_path: Path) -> None:
    columns = sound()
    t = np.linspace(0, 1, 40)
    columns["train_loss"] = -2.3 - 90 * t**2 + noise(40, 0.1)
    columns["val_loss"] = columns["train_loss"] + 0.3
    columns["train_acc"] = columns["val_acc"] = 0.1 * (1 - t)
    assert primary(seen(tmp_path, columns)) == Kind.SIGN


def test_an_ascent_of_a_positive_loss(tmp_path: Path) -> None:
    columns = sound()
    t = np.linspace(0, 1, 40)
    columns["train_loss"] = 2.3 + 30 * t**1.5
    columns["val_loss"] = columns["train_loss"] + 0.3
    columns["train_acc"] = columns["val_acc"] = 0.1 * (1 - t)
    assert primary(seen(tmp_path, columns)) == Kind.SIGN


def test_a_likelihood_below_nothing_is_no_fault(tmp_path: Path) -> None:
    # the density of a continuous variable may exceed one
    columns = sound()
    for name in ("train_loss", "val_loss"):
        columns[name] = 4 * columns[name] - 3
    made = seen(tmp_path, columns)
    assert Kind.SIGN not in kinds(made)


# --- what does not learn -----------------------------------------------------------------------


def test_a_plateau_at_ln_c(tmp_path: Path) -> None:
    columns = {"epoch": np.arange(30), "train_loss": np.full(30, LN10) + noise(30, 0.004)}
    columns |= {"val_loss": np.full(30, LN10) + noise(30, 0.004, 1)}
    columns |= {"train_acc": 0.1 + noise(30, 0.01, 2), "val_acc": 0.1 + noise(30, 0.01, 3)}
    made = seen(tmp_path, columns)
    assert primary(made) == Kind.NOTHING
    assert made.primary is not None
    assert "ln 10" in made.primary.summary


def test_a_slow_fall_is_no_plateau(tmp_path: Path) -> None:
    columns = sound()
    columns["train_loss"] = np.linspace(2.3, 2.0, 40) + noise(40, 0.004)
    columns["val_loss"] = np.linspace(2.31, 2.02, 40) + noise(40, 0.004, 1)
    columns["train_acc"] = columns["val_acc"] = np.linspace(0.1, 0.35, 40)
    assert primary(seen(tmp_path, columns)) == Kind.RATE_LOW


def test_a_high_level_that_both_curves_reach_is_underfitting(tmp_path: Path) -> None:
    columns = sound()
    columns["train_loss"] = falling(40, 2.3, 1.4, 12) + noise(40, 0.008)
    columns["val_loss"] = columns["train_loss"] + 0.03
    columns["train_acc"] = columns["val_acc"] = 0.5 - 0.4 * np.exp(-STEPS[:40] / 4)
    assert primary(seen(tmp_path, columns)) == Kind.UNDERFITTING


def test_a_start_above_ln_c(tmp_path: Path) -> None:
    columns = sound()
    columns["train_loss"] = falling(40, 14.0, 0.3, 14)
    columns["val_loss"] = columns["train_loss"] + 0.1
    assert primary(seen(tmp_path, columns, classes=10)) == Kind.START


def test_a_start_at_ln_c_of_many_classes_is_sound(tmp_path: Path) -> None:
    columns = sound()
    columns["train_loss"] = falling(40, np.log(1000), 0.3, 8)
    columns["val_loss"] = columns["train_loss"] + 0.1
    columns["train_acc"] = columns["val_acc"] = np.clip(1 - columns["train_loss"] / 7, 0.001, 1)
    made = seen(tmp_path, columns)
    assert Kind.START not in kinds(made)


def test_an_accuracy_that_is_the_majority_share(tmp_path: Path) -> None:
    columns = {"epoch": np.arange(30), "train_loss": falling(30, 0.69, 0.33, 10)}
    columns |= {"val_loss": columns["train_loss"] + 0.01}
    columns |= {"train_acc": np.full(30, 0.895), "val_acc": np.full(30, 0.9)}
    assert primary(seen(tmp_path, columns)) == Kind.MAJORITY


def test_one_accuracy_of_a_settled_run_is_no_fault(tmp_path: Path) -> None:
    # a small validation set has few accuracies
    columns = {"epoch": np.arange(30), "train_loss": falling(30, 0.69, 0.3, 30)}
    columns |= {"val_loss": columns["train_loss"] + 0.01}
    columns |= {"train_acc": np.round(0.9 + noise(30, 0.004), 3), "val_acc": np.full(30, 0.9)}
    columns["val_acc"][:2] = 0.7, 0.85
    made = seen(tmp_path, columns)
    assert Kind.MAJORITY not in kinds(made)


# --- training and validation -------------------------------------------------------------------


def overfitted() -> dict[str, np.ndarray]:
    columns = sound(60)
    best = 15
    columns["val_loss"] = falling(60, 2.3, 0.7, 12) + 0.02 * np.maximum(np.arange(60) - best, 0)
    columns["train_loss"] = falling(60, 2.3, 0.01, 8)
    return columns


def test_overfitting_with_the_point_to_stop_at(tmp_path: Path) -> None:
    made = seen(tmp_path, overfitted())
    assert primary(made) == Kind.OVERFITTING
    assert made.primary is not None
    assert 10 <= made.primary.marks[0].start <= 22
    stopping = [r for r in made.remarks if r.kind is Kind.STOPPING]
    assert len(stopping) == 1
    assert 10 <= stopping[0].marks[0].start <= 22


def test_nothing_is_said_about_overfitting_without_validation(tmp_path: Path) -> None:
    columns = overfitted()
    del columns["val_loss"], columns["val_acc"]
    made = seen(tmp_path, columns)
    assert made.healthy
    assert any("overfitting" in line for line in made.silent)


def test_a_run_that_was_stopped_early_is_healthy(tmp_path: Path) -> None:
    columns = {name: column[:22] for name, column in overfitted().items()}
    made = seen(tmp_path, columns)
    assert made.healthy, kinds(made)


def test_shuffled_labels(tmp_path: Path) -> None:
    columns = sound(60)
    columns["val_loss"] = LN10 + 0.08 * np.arange(60)
    columns["val_acc"] = 0.1 + noise(60, 0.01)
    assert primary(seen(tmp_path, columns)) == Kind.SHUFFLED


def test_labels_that_are_swapped_in_validation(tmp_path: Path) -> None:
    columns = sound(60)
    columns["val_loss"] = LN10 + 0.2 * np.arange(60)
    columns["val_acc"] = np.round(0.5 * np.exp(-np.arange(60) / 4), 2)
    made = seen(tmp_path, columns, classes=2)
    assert primary(made) == Kind.BELOW


def test_dropout_makes_validation_better_and_is_no_fault(tmp_path: Path) -> None:
    columns = sound()
    columns["train_loss"] = falling(40, 2.3, 0.5, 6)
    columns["val_loss"] = falling(40, 2.2, 0.33, 7)
    made = seen(tmp_path, columns)
    assert made.healthy, kinds(made)
    assert Kind.BETTER in [r.kind for r in made.remarks]


def test_validation_that_is_far_too_good_from_the_start(tmp_path: Path) -> None:
    columns = sound()
    columns["train_loss"] = falling(40, 2.0, 0.5, 6)
    columns["val_loss"] = falling(40, 0.6, 0.05, 6)
    columns["val_acc"] = np.clip(columns["train_acc"] + 0.1, 0, 1)
    assert primary(seen(tmp_path, columns)) == Kind.TOO_GOOD


def test_evaluation_in_training_mode_jumps(tmp_path: Path) -> None:
    columns = sound(60)
    columns["val_loss"] = falling(60, 2.3, 0.5, 8) + noise(60, 0.06, 3)
    columns["val_acc"] = np.round(0.85 - 0.4 * np.exp(-np.arange(60) / 6) + noise(60, 0.02, 4), 3)
    assert primary(seen(tmp_path, columns)) == Kind.TRAINING_MODE


# --- steps and layers --------------------------------------------------------------------------


def test_a_pattern_that_comes_again_with_each_epoch(tmp_path: Path) -> None:
    pattern = np.random.default_rng(5).normal(0, 0.5, 20)
    loss = falling(400, LN10, 0.2) * np.exp(np.tile(pattern, 20) + noise(400, 0.2))
    made = seen(tmp_path, steps(loss))
    assert primary(made) == Kind.ORDER
    assert made.primary is not None
    assert "20 steps" in made.primary.summary


def test_the_same_pattern_where_rows_name_their_epoch_alone(tmp_path: Path) -> None:
    pattern = np.random.default_rng(5).normal(0, 0.5, 20)
    loss = falling(400, LN10, 0.2) * np.exp(np.tile(pattern, 20) + noise(400, 0.2))
    made = seen(tmp_path, {"epoch": STEPS // 20, "loss": loss})
    assert primary(made) == Kind.ORDER


def test_epochs_alone_tell_nothing_of_the_order(tmp_path: Path) -> None:
    wave = np.tile([1.0, 1.5, 2.0, 1.5], 25)
    made = seen(tmp_path, {"epoch": np.arange(100), "loss": falling(100, 3, 1) * wave})
    assert Kind.ORDER not in kinds(made)


def test_noise_alone_has_no_period(tmp_path: Path) -> None:
    for seed in range(5):
        loss = falling(400, LN10, 0.2) * np.exp(noise(400, 0.5, seed))
        made = seen(tmp_path, steps(loss))
        assert Kind.ORDER not in kinds(made)


def test_running_means_that_begin_anew_are_no_order(tmp_path: Path) -> None:
    # Keras' progress: the mean of the epoch so far
    raw = falling(400, LN10, 0.2).reshape(20, 20)
    loss = (np.cumsum(raw, 1) / np.arange(1, 21)).ravel()
    assert Kind.ORDER not in kinds(seen(tmp_path, steps(loss)))


def test_gradients_that_pile_up(tmp_path: Path) -> None:
    norm = 0.5 + 0.05 * STEPS * np.exp(noise(400, 0.005))
    loss = 1.2 + 0.6 * np.sin(STEPS / 40) + 0.002 * STEPS + noise(400, 0.1)
    assert primary(seen(tmp_path, steps(loss, grad_norm=norm))) == Kind.ACCUMULATING


def layered(loss: np.ndarray, *levels: float | np.ndarray) -> dict[str, np.ndarray]:
    size = np.exp(noise(len(loss), 0.3))
    grads = {f"grad_norm/layer{k}.weight": level * size for k, level in enumerate(levels, 1)}
    return steps(loss, **grads)


def test_dead_units_by_their_gradients(tmp_path: Path) -> None:
    loss = np.full(400, LN10) + noise(400, 0.05)
    late = (STEPS < 60) * 1.0
    assert primary(seen(tmp_path, layered(loss, late, late, 0.1 + late))) == Kind.DEAD


def test_dead_units_by_their_fraction(tmp_path: Path) -> None:
    loss = np.full(400, LN10) + noise(400, 0.05)
    made = seen(tmp_path, steps(loss, **{"dead_fraction/relu1": np.full(400, 0.98)}))
    assert primary(made) == Kind.DEAD
    assert Kind.NOTHING in kinds(made)
    assert next(f for f in made.ill if f.kind is Kind.NOTHING).follows_from is Kind.DEAD


@pytest.mark.parametrize("missing", [0.0, np.nan])
def test_frozen_layers(tmp_path: Path, missing: float) -> None:
    made = seen(tmp_path, layered(batches(), missing, missing, 1.0))
    assert primary(made) == Kind.FROZEN
    assert made.primary is not None
    assert "layer1.weight" in made.primary.summary


def test_vanishing_gradients(tmp_path: Path) -> None:
    loss = np.full(400, LN10) + noise(400, 0.05)
    made = seen(tmp_path, layered(loss, 1e-6, 1e-4, 1e-2, 1.0))
    assert primary(made) == Kind.VANISHING


def test_layers_of_like_gradients_are_sound(tmp_path: Path) -> None:
    made = seen(tmp_path, layered(batches(), 0.3, 0.5, 0.4, 1.0))
    assert made.healthy, kinds(made)


# --- remarks -------------------------------------------------------------------------------------


def test_steps_of_the_schedule_are_remarked(tmp_path: Path) -> None:
    rate = np.where(STEPS < 250, 0.1, 0.01)
    made = seen(tmp_path, steps(batches(), lr=rate))
    found = [r for r in made.remarks if r.kind is Kind.SCHEDULE]
    assert [r.marks[0].start for r in found] == [250]
    assert made.healthy


def test_a_smooth_schedule_has_no_steps(tmp_path: Path) -> None:
    rate = 0.05 * (1 + np.cos(np.pi * STEPS / 400))
    made = seen(tmp_path, steps(batches(), lr=rate))
    assert Kind.SCHEDULE not in [r.kind for r in made.remarks]


def test_a_step_is_seen_where_the_rate_is_not_logged(tmp_path: Path) -> None:
    loss = np.where(STEPS < 200, 1.0, 0.45) * np.exp(noise(400, 0.05)) + falling(400, 1.3, 0, 40)
    made = seen(tmp_path, steps(loss))
    found = [r for r in made.remarks if r.kind is Kind.SCHEDULE]
    assert len(found) == 1
    assert found[0].marks[0].start == pytest.approx(200, abs=20)


def test_trend_and_noise_at_the_end(tmp_path: Path) -> None:
    flat = seen(tmp_path, steps(1 + noise(400, 0.1)))
    moving = seen(tmp_path, steps(np.linspace(2, 1, 400) + noise(400, 0.02)))
    words = [
        next(r.summary for r in made.remarks if r.kind is Kind.TREND) for made in (flat, moving)
    ]
    assert "no trend" in words[0]
    assert "still falls" in words[1]


# --- too little to say anything --------------------------------------------------------------


def test_a_single_epoch_is_too_short(tmp_path: Path) -> None:
    made = seen(tmp_path, {"epoch": [0], "loss": [1.2], "val_loss": [1.3]})
    assert made.healthy
    assert made.short


def test_nothing_but_nan(tmp_path: Path) -> None:
    made = seen(tmp_path, {"epoch": range(4), "loss": ["nan"] * 4})
    assert primary(made) == Kind.EXPLODING
    assert made.primary is not None
    assert "from the first one" in made.primary.summary


# --- what explains what ------------------------------------------------------------------------


@pytest.mark.parametrize("surest", [Kind.DEAD, Kind.ACCUMULATING, Kind.RATE_HIGH])
def test_of_faults_that_explain_each_other_in_a_circle_the_surest_comes_first(surest: Kind) -> None:
    circle = (Kind.DEAD, Kind.ACCUMULATING, Kind.RATE_HIGH)
    found = arranged([Finding(kind, 0.9 if kind is surest else 0.8, "…") for kind in circle])
    assert [f.kind for f in found if f.follows_from is None] == [surest]
