"""What is drawn for every kind of run: what is wrong in it, and whether the fault bites."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import TypeVar

import numpy as np
from doctor_data import REGRESSION, SEQUENCES
from doctor_runs import Setting, Trace, all_values, last

Rng = np.random.Generator
T = TypeVar("T")
Draw = Callable[[Rng], Setting]
Bites = Callable[[Trace], bool]


def pick(rng: Rng, *of: T) -> T:
    return of[int(rng.integers(len(of)))]


def sound(rng: Rng, *of: str) -> Setting:
    """A setting that learns."""
    data = pick(rng, *(of or ("iris", "wine", "cancer", "digits", "spirals", *SEQUENCES[:2])))
    s = Setting(data, optimiser=pick(rng, "adam", "sgd", "momentum"))
    s.batch = pick(rng, 8, 16, 32, 64)
    if data in SEQUENCES:
        s.net, s.hidden = pick(rng, "gru", "lstm", "rnn"), (pick(rng, 16, 24, 32),)
        s.clip, s.epochs = 1.0, int(rng.integers(20, 40))
        s.optimiser = "adam"
    elif data == "digits" and rng.random() < 0.4:
        s.net, s.hidden, s.epochs = "cnn", (4, pick(rng, 4, 8)), int(rng.integers(10, 20))
    else:
        width = pick(rng, 8, 16, 32, 64)
        s.hidden = (width,) * pick(rng, 1, 1, 2, 3)
        s.activation = pick(rng, "relu", "relu", "tanh", "gelu")
        s.epochs = int(rng.integers(15, 50))
    if data == "spirals":
        s.hidden, s.epochs = (48, 48), int(rng.integers(40, 80))
    s.lr = rate(s, rng)
    s.train_after = bool(rng.random() < 0.2)
    return s


def rate(s: Setting, rng: Rng) -> float:
    low, high = {"adam": (2e-3, 1e-2), "momentum": (0.01, 0.05), "sgd": (0.05, 0.3)}[s.optimiser]
    return float(np.exp(rng.uniform(math.log(low), math.log(high))))


# --- healthy runs, also of unusual kinds -------------------------------------------------------


def healthy(rng: Rng) -> Setting:
    kind = pick(
        rng, "plain", "plain", "plain", "noisy", "steps", "cosine", "warmup", "restarts", "dropout",
        "dropout", "stopped", "unbalanced", "regression", "regression", "norm", "sequence",
    )  # fmt: skip
    if kind == "regression":
        s = sound(rng, *REGRESSION)
    elif kind == "sequence":
        s = sound(rng, *SEQUENCES[:2])
    else:
        s = sound(rng)
    if kind == "noisy":
        s.batch, s.label_noise = 4, pick(rng, 0.0, 0.05, 0.1)
        s.lr, s.epochs = s.lr * 0.6, min(s.epochs, 25)
    elif kind in ("steps", "cosine", "warmup", "restarts"):
        s.schedule = kind
    elif kind == "dropout":
        s.dropout, s.hidden = float(rng.uniform(0.2, 0.5)), (max(32, s.hidden[0]),) * len(s.hidden)
        s.train_after = False
    elif kind == "stopped":
        s.patience, s.epochs = int(rng.integers(3, 8)), 120
    elif kind == "unbalanced":
        s = sound(rng, "cancer", "digits", "wine")
        s.majority = float(rng.uniform(0.8, 0.93))
    elif kind == "norm" and s.net == "mlp":
        s.norm = True
    return s


def is_healthy(t: Trace) -> bool:
    """It learnt, and its validation loss ends near its best."""
    value = all_values(t, "val_loss")
    if not all(map(math.isfinite, value)) or last(t, "val_loss") > 1.1 * min(value) + 0.01:
        return False
    if t.classes:
        share = t.truth["majority"]
        return last(t, "val_acc") > max(0.85, share + 0.5 * (1 - share))
    return last(t, "val_loss") < 0.6


# --- faults ------------------------------------------------------------------------------------


def exploding(rng: Rng) -> Setting:
    if rng.random() < 0.65:
        s = sound(rng, *SEQUENCES)
        s.net, s.clip, s.activation = "rnn", 0.0, pick(rng, "relu", "relu", "tanh")
        s.init_scale = float(rng.uniform(1.05, 2.0))
        s.optimiser, s.lr = "sgd", float(rng.uniform(0.01, 0.2))
    else:
        s = sound(rng, "wine", "digits", "cancer", "waves", "diabetes")
        s.net, s.activation, s.hidden = "mlp", "relu", (pick(rng, 16, 32, 48),) * pick(rng, 4, 6, 8)
        s.init_scale = float(rng.uniform(1.5, 4))
        s.optimiser, s.lr = pick(rng, "sgd", "momentum"), float(rng.uniform(0.003, 0.05))
    return s


def spiked(t: Trace) -> bool:
    """Gradients far above those around them, after some steps that were sound; or from the start."""
    norms = np.array([row["grad_norm"] for row in t.steps])
    if len(norms) < 12:
        return False
    if np.nanmedian(norms[:3]) > 50:
        return bool(~np.isfinite(norms).all() or np.nanmax(norms) > 300)
    jump = np.nanmax(norms[8:]) > 100 * np.nanmedian(norms[:8])
    return bool(jump and math.isfinite(norms[7]))


def too_fast(rng: Rng) -> Setting:
    s = sound(rng, "wine", "iris", "cancer", "digits", "spirals", "waves", "diabetes")
    s.optimiser = pick(rng, "adam", "adam", "sgd", "momentum")
    low, high = {"adam": (0.1, 3), "sgd": (1, 10), "momentum": (0.3, 3)}[s.optimiser]
    s.lr = float(np.exp(rng.uniform(math.log(low), math.log(high))))
    if s.data in REGRESSION:
        s.lr *= 0.3
    return s


def diverged(t: Trace) -> bool:
    """It ends above where it began, though its gradients began as others do."""
    first = np.mean([row["loss"] for row in t.steps[:2]])
    if t.steps[0]["grad_norm"] > 20:
        return False
    with np.errstate(over="ignore", invalid="ignore"):
        end = last(t, "loss", 0.3)
        return not math.isfinite(end) or end > 1.2 * first


def too_slow(rng: Rng) -> Setting:
    s = sound(rng, "wine", "iris", "cancer", "digits", "diabetes", *SEQUENCES[:2])
    s.lr /= float(np.exp(rng.uniform(math.log(20), math.log(1000))))
    return s


def creeping(t: Trace) -> bool:
    after = [row["true_train"] for row in t.epochs]
    fall = (after[0] - after[-1]) / after[0]
    late = (after[len(after) // 2] - after[-1]) / after[0]
    return 0.04 < fall < 0.5 and late > 0.35 * fall


def learning_nothing(rng: Rng) -> Setting:
    s = sound(rng, "wine", "iris", "digits", "spirals", *SEQUENCES[:2])
    kind = pick(rng, "inputs", "rate", "decay", "frozen")
    if kind == "inputs":
        s.train_labels = "constant inputs"
    elif kind == "rate":
        s.lr *= 1e-7
    elif kind == "decay":
        s.decay, s.optimiser, s.lr = float(rng.uniform(1, 5)), "sgd", 0.05
    else:  # the optimiser was given other parameters than the network's
        s.lr = 0.0
    return s


def flat_at_chance(t: Trace) -> bool:
    level = math.log(t.classes)
    tail = [row["true_train"] for row in t.epochs[2:]]
    return all(abs(v - level) < 0.12 * level for v in tail)


def bad_start(rng: Rng) -> Setting:
    s = sound(rng, "wine", "digits", "cancer", "iris")
    s.activation = pick(rng, "relu", "tanh")
    kind = pick(rng, "head", "head", "inputs")
    if kind == "head":
        s.output_scale = float(rng.uniform(10, 50))
    else:
        s.input_scale, s.activation = float(rng.uniform(15, 60)), "relu"
    return s


def started_high(t: Trace) -> bool:
    first, early = t.steps[0]["loss"], all_values(t, "loss")[0]
    end = last(t, "loss")
    high = first > 2.2 * math.log(t.classes) and early > 1.4 * math.log(t.classes)
    return high and math.isfinite(end) and end < min(0.5 * early, 0.7 * math.log(t.classes))


def swapped(rng: Rng) -> Setting:
    s = sound(rng, "iris", "wine", "cancer", "digits", "spirals", "digit rows")
    if rng.random() < 0.7:
        s.val_labels = "swapped"
    else:
        s.metrics_swapped = True
    return s


def worse_than_chance(t: Trace) -> bool:
    return last(t, "val_acc") < 0.55 / t.classes


def memorising(rng: Rng) -> Setting:
    s = sound(rng, "digits", "cancer", "wine", "spirals", "diabetes", "waves", "digit rows")
    s.samples = int(rng.integers(80, 200))
    s.label_noise = float(rng.uniform(0.05, 0.3))
    s.epochs, s.batch = int(rng.integers(50, 110)), pick(rng, 8, 16)
    if s.net == "mlp":
        s.hidden = (pick(rng, 64, 128),) * pick(rng, 1, 2)
    return s


def overfitted(t: Trace) -> bool:
    value = np.array(all_values(t, "val_loss"))
    best = int(value.argmin())
    end = last(t, "true_train", 0.1)
    bad = np.median(value[-5:]) > 1.3 * value[best] and end < 0.6 * t.epochs[best]["true_train"]
    useful = value[best] < 0.93 * (math.log(t.classes) if t.classes else 1.0)
    return bool(bad and useful)


def too_small(rng: Rng) -> Setting:
    s = sound(rng, "digits", "spirals", "waves", "adding", "first symbol")
    s.dropout, s.epochs = 0.0, int(rng.integers(30, 70))
    if s.data in ("adding", "first symbol"):
        s.hidden, s.net = (pick(rng, 1, 2),), "rnn"
        s.data = "digit rows"
    else:
        s.net, s.hidden = "mlp", (1,) if s.data in ("digits", "waves") else pick(rng, (1,), (2,))
        s.activation = "tanh"
    return s


def underfitted(t: Trace) -> bool:
    after = np.array(all_values(t, "true_train"))
    value = last(t, "val_loss")
    settled = abs(np.mean(after[-8:-4]) - np.mean(after[-4:])) < 0.03 * after[-1]
    end = after[-4:].mean()
    base = math.log(t.classes) if t.classes else 1.0
    return bool(settled and 0.35 * base < end < 0.92 * base and value < 1.15 * end)


def too_easy(rng: Rng) -> Setting:
    s = sound(rng, "digits", "wine", "iris", "spirals", "cancer")
    if rng.random() < 0.5:
        s.val_inputs, s.label_noise = "easy", pick(rng, 0.0, 0.1, 0.2)
    else:
        s.val_inputs, s.label_noise = "leaked", float(rng.uniform(0.15, 0.35))
        s.epochs = min(s.epochs, 20)
    return s


def better_on_validation(t: Trace) -> bool:
    half = t.epochs[len(t.epochs) // 2 :]
    return bool(np.mean([row["val_loss"] / row["true_train"] for row in half]) < 0.6)


def permuted(rng: Rng) -> Setting:
    s = sound(rng, "digits", "wine", "iris", "spirals", "digit rows")
    s.train_labels = "permuted"
    s.samples = int(rng.integers(150, 300))
    s.epochs, s.batch = int(rng.integers(50, 100)), pick(rng, 8, 16)
    s.hidden = (pick(rng, 48, 96),) * len(s.hidden) if s.net != "cnn" else (8, 16)
    return s


def memorised_noise(t: Trace) -> bool:
    chance = max(1 / t.classes, t.truth["majority"])
    fell = t.epochs[-1]["true_train"] < 0.7 * math.log(t.classes)
    return fell and last(t, "val_acc", 0.5) < chance + 0.08


def in_order(rng: Rng) -> Setting:
    s = sound(rng, "digits", "wine", "iris", "cancer", "spirals", "digit rows")
    s.order, s.batch = "sorted", pick(rng, 4, 8, 16)
    s.epochs = min(s.epochs, 25)
    return s


def accumulating(rng: Rng) -> Setting:
    s = sound(rng)
    s.zero_grad, s.clip = False, 0.0
    if s.optimiser == "momentum":
        s.optimiser = "sgd"
    s.lr *= float(rng.uniform(0.3, 1))
    return s


def piled_up(t: Trace) -> bool:
    """The sums of gradients outgrow the gradients, or the run swings back."""
    norms = np.array([row["grad_norm"] for row in t.steps])
    if not np.isfinite(norms).all():
        return True
    after = all_values(t, "true_train")
    late = float(np.median(norms[len(norms) // 2 :]))
    return late > 3 * float(np.median(norms[:3])) or after[-1] > 1.5 * min(after)


def gone_dead(rng: Rng) -> Setting:
    s = sound(rng, "digits", "wine", "cancer", "iris", "spirals")
    s.activation, s.norm = "relu", False
    if rng.random() < 0.6:
        s.bias_shift = float(rng.uniform(5, 12))
    else:
        s.optimiser, s.lr = "sgd", float(rng.uniform(2, 8))
    return s


def is_dead(t: Trace) -> bool:
    tail = np.array([row["loss"] for row in t.steps[len(t.steps) // 2 :]])
    return t.truth["dead"] > 0.97 and bool(np.isfinite(tail).all())


def partly_frozen(rng: Rng) -> Setting:
    s = sound(rng, "digits", "wine", "cancer", "spirals")
    if s.net == "mlp":
        s.hidden = (s.hidden[0],) * pick(rng, 2, 3, 4)
        s.frozen = int(rng.integers(1, len(s.hidden)))
    else:
        s.frozen = 1
    return s


def vanished(rng: Rng) -> Setting:
    s = sound(rng, "digits", "wine", "cancer", "iris")
    s.net, s.hidden = "mlp", (pick(rng, 8, 16, 32),) * pick(rng, 5, 7, 9)
    s.activation = pick(rng, "sigmoid", "sigmoid", "tanh")
    s.init_scale = float(rng.uniform(0.15, 0.35)) if s.activation == "tanh" else 1.0
    s.optimiser, s.lr = "sgd", float(rng.uniform(0.01, 0.2))
    return s


def has_vanished(t: Trace) -> bool:
    names = [k for k in t.steps[0] if k.startswith("grad:")]
    middle = t.steps[len(t.steps) // 2]
    return 0 < middle[names[0]] < 1e-3 * middle[names[-1]]


def evaluated_in_training(rng: Rng) -> Setting:
    s = sound(rng, "digits", "wine", "cancer", "iris", "spirals")
    s.net = "mlp"
    s.hidden = (pick(rng, 32, 64),) * pick(rng, 1, 2)
    s.dropout, s.evaluating = float(rng.uniform(0.4, 0.7)), False
    s.train_after = bool(rng.random() < 0.7)
    return s


def noisily_evaluated(t: Trace) -> bool:
    """The figures are others than in evaluation mode, by more than a few per cent."""
    half = t.epochs[len(t.epochs) // 2 :]
    said, true = (float(np.median([row[k] for row in half])) for k in ("val_loss", "true_val"))
    return abs(said - true) > max(0.15 * abs(true), 0.02)


def majority_only(rng: Rng) -> Setting:
    s = sound(rng, "cancer", "digits", "wine", "iris")
    s.majority, s.epochs = float(rng.uniform(0.8, 0.96)), int(rng.integers(10, 30))
    if rng.random() < 0.5:
        s.lr *= 0.1
    else:
        s.decay, s.optimiser, s.lr = 0.3, "sgd", 0.05
    return s


def says_one_class(t: Trace) -> bool:
    return (
        last(t, "val_balanced", 0.6) <= 0.5 and abs(last(t, "val_acc") - t.truth["majority"]) < 1e-6
    )


def upside_down(rng: Rng) -> Setting:
    s = sound(rng)
    s.sign, s.clip = -1.0, 0.0
    s.logged_sign = pick(rng, 1.0, -1.0)
    s.train_after = False
    return s


def climbing(t: Trace) -> bool:
    return abs(last(t, "loss")) > 1.5 * abs(t.steps[0]["loss"])


def always(_: Trace) -> bool:
    return True


#: kind: (draw, does it bite, runs)
KINDS: dict[str, tuple[Draw, Bites, int]] = {
    "healthy": (healthy, is_healthy, 120),
    "exploding_gradients": (exploding, spiked, 20),
    "learning_rate_too_high": (too_fast, diverged, 20),
    "learning_rate_too_low": (too_slow, creeping, 20),
    "nothing_learnt": (learning_nothing, flat_at_chance, 20),
    "initial_loss_too_high": (bad_start, started_high, 20),
    "below_chance": (swapped, worse_than_chance, 20),
    "overfitting": (memorising, overfitted, 20),
    "underfitting": (too_small, underfitted, 20),
    "validation_too_good": (too_easy, better_on_validation, 20),
    "shuffled_labels": (permuted, memorised_noise, 20),
    "no_shuffling": (in_order, always, 20),
    "gradients_not_zeroed": (accumulating, piled_up, 20),
    "dead_relus": (gone_dead, is_dead, 20),
    "frozen_layers": (partly_frozen, always, 20),
    "vanishing_gradients": (vanished, has_vanished, 20),
    "evaluated_in_training_mode": (evaluated_in_training, noisily_evaluated, 20),
    "majority_class_only": (majority_only, says_one_class, 20),
    "wrong_sign": (upside_down, climbing, 20),
}


def described(setting: Setting) -> dict[str, object]:
    return dataclasses.asdict(setting)
