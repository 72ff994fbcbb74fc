"""Is the doctor right? Diagnoses of real training runs with one known fault each, and of healthy ones.

    python benchmarks/doctor.py [--runs FOLDER] [--first]

The runs are made first where they are missing (`doctor_make.py`, some minutes). Half of the runs of
each kind is for development; the other half is held back and measured here. `--first` measures the
first half and keeps nothing; without it the table is kept in results/doctor.md. Once a half has been
looked at closely it is no longer held back: another `doctor_make.EDITION` draws new runs.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import backprove

HERE = Path(__file__).resolve().parent
RESULT = HERE / "results" / "doctor.md"
Judge = Callable[[Path, dict[str, Any]], str]


def doctor(given: bool) -> Judge:
    """The doctor's first finding; `given` says whether it is told the number of classes."""
    from backprove.training.diagnosis.doctor import diagnose
    from backprove.training.diagnosis.run import Facts

    def judge(path: Path, facts: dict[str, Any]) -> str:
        known = Facts(classes=facts["classes"] or None) if given else Facts()
        primary = diagnose(path, facts=known).primary
        return "healthy" if primary is None else primary.kind.value

    return judge


def thresholds(path: Path, facts: dict[str, Any]) -> str:
    """The plain way: one threshold after the other on first, last, least and greatest values.

    It is told the number of classes, and reads logs with the doctor's readers.
    """
    from backprove.training.diagnosis.columns import Role
    from backprove.training.diagnosis.run import Facts, load

    run = load(path, {}, Facts())
    chance = np.log(facts["classes"]) if facts["classes"] else None

    def values(role: Role) -> np.ndarray:
        series = run.get(role)
        return np.array([np.nan]) if series is None else series.y

    train, val = values(Role.TRAIN_LOSS), values(Role.VAL_LOSS)
    train_acc, val_acc = values(Role.TRAIN_ACC), values(Role.VAL_ACC)
    norm = values(Role.GRAD_NORM)
    layers = [s.y for s in run.layers.get(Role.LAYER_GRAD, {}).values()]
    with np.errstate(all="ignore"):
        means = np.array([np.nanmean(y) if np.isfinite(y).any() else 0.0 for y in layers])
        dead = [s.y[-1] for s in run.layers.get(Role.LAYER_DEAD, {}).values()]
        last, half = train[-1], len(val) // 2
        checks = [
            ("wrong_sign", last < 0),
            ("exploding_gradients", not np.isfinite(last) or np.nanmax(norm) > 100),
            ("learning_rate_too_high", last > 1.1 * train[0]),
            ("dead_relus", bool(dead) and max(dead) > 0.9),
            ("dead_relus", len(means) > 0 and (means == 0).any() and last > 0.9 * train[0]),
            ("frozen_layers", len(means) > 0 and bool((means == 0).any())),
            ("vanishing_gradients", len(means) > 2 and means[0] < 1e-3 * means[-1]),
            ("nothing_learnt", chance is not None and abs(last - chance) < 0.1 * chance),
            ("initial_loss_too_high", chance is not None and train[0] > 1.5 * chance),
            ("below_chance", bool(facts["classes"]) and val_acc[-1] < 0.7 / facts["classes"]),
            (
                "shuffled_labels",
                bool(facts["classes"])
                and val_acc[-1] < 1.3 / facts["classes"]
                and last < 0.5 * train[0],
            ),
            ("majority_class_only", len(val_acc) > 4 and np.ptp(val_acc[len(val_acc) // 2 :]) == 0
             and val_acc[-1] < 0.97),
            ("overfitting", val[-1] > 1.2 * np.nanmin(val)),
            ("validation_too_good", val[-1] < 0.6 * last),
            ("learning_rate_too_low", last > 0.7 * train[0]),
            ("underfitting", train_acc[-1] < 0.8),
            ("evaluated_in_training_mode", np.nanstd(np.diff(val[half:])) > 0.15 * np.nanmean(val[half:])),
            ("gradients_not_zeroed", norm[-1] > 5 * norm[0]),
        ]  # fmt: skip
    return next((name for name, holds in checks if holds), "healthy")


def measured(runs: list[tuple[Path, dict[str, Any]]], judge: Judge) -> Counter[tuple[str, str]]:
    """How often runs of a kind were given which name."""
    return Counter((note["kind"], judge(path, note["facts"])) for path, note in runs)


def scores(found: Counter[tuple[str, str]], kind: str) -> tuple[float, float, float]:
    """Recall, precision and F1 of a kind."""
    right = found[kind, kind]
    there = sum(n for (true, _), n in found.items() if true == kind)
    said = sum(n for (_, name), n in found.items() if name == kind)
    return (
        right / there if there else 0.0,
        right / said if said else 0.0,
        2 * right / (there + said) if there + said else 0.0,
    )


def macro(found: Counter[tuple[str, str]]) -> float:
    """The mean of the kinds' F1, healthy among them."""
    return float(np.mean([scores(found, kind)[2] for kind in sorted({true for true, _ in found})]))


def false_alarms(found: Counter[tuple[str, str]]) -> tuple[int, int]:
    """Healthy runs that are called ill, and healthy runs."""
    there = sum(n for (true, _), n in found.items() if true == "healthy")
    return there - found["healthy", "healthy"], there


def spread(runs: list[tuple[Path, dict[str, Any]]], judge: Judge) -> tuple[float, float]:
    """Macro-F1 between which it lies in 95% of resamplings of the runs (bootstrap, seed 0)."""
    rng = np.random.default_rng(0)
    said = [(note["kind"], judge(path, note["facts"])) for path, note in runs]
    values = [
        macro(Counter(said[i] for i in rng.integers(0, len(said), len(said)))) for _ in range(500)
    ]
    return float(np.quantile(values, 0.025)), float(np.quantile(values, 0.975))


HEAD = """# The doctor

{versions}.

{held} runs of small networks, {kinds} kinds, made in {made}: the half of {count} that is held back, chosen by a hash of
the runs' names. Development looked at the other half, and at earlier draws under other names and seeds. {times}

How it is counted: a run has one label, the fault that was put into it, or healthy. The doctor's answer is its
primary finding: the surest one, of at least 0.5, that is not explained by another one (so `nothing_learnt` behind
`dead_relus` is a consequence, and a fault that brings about several signs counts once). A run without such a
finding is healthy. F1 is of these answers, and macro-F1 the plain mean over the kinds with healthy among them.
Remarks (schedule steps, the point to stop at, trend, validation usually better) are no answers. What the logs have:
ten forms, epochs or steps, accuracy in 80%, gradient norms in 45%, learning rates in 60%, gradients by
layer in 20%; always what is the only sign of a kind (layers for `dead_relus`, `frozen_layers`,
`vanishing_gradients`; single steps for `no_shuffling`; accuracy for `below_chance`, `majority_class_only`,
`shuffled_labels`, `initial_loss_too_high`). A fault counts as put in where it bites by what is true of the network
(benchmarks/doctor_faults.py); other draws are drawn again.

The baseline is one threshold after another on first, last, least and greatest values, told the number of classes.
"""


def report(
    runs: list[tuple[Path, dict[str, Any]]], head: str, judges: dict[str, Judge]
) -> list[str]:
    found = {name: measured(runs, judge) for name, judge in judges.items()}
    lines = [head, "", f"| kind | runs | {' | '.join(judges)} | taken for |"]
    lines.append(f"| --- | ---: |{' ---: |' * len(judges)} --- |")
    first = next(iter(judges))
    for kind in sorted({true for true, _ in found[first]}):
        there = sum(n for (true, _), n in found[first].items() if true == kind)
        cells = [
            f"{f1:.2f} ({recall:.2f}, {precision:.2f})"
            for recall, precision, f1 in (scores(found[name], kind) for name in judges)
        ]
        taken = ", ".join(
            f"{name} {n}"
            for (true, name), n in sorted(found[first].items())
            if true == kind and name != kind
        )
        lines.append(f"| `{kind}` | {there} | {' | '.join(cells)} | {taken} |")
    cells = [f"**{macro(found[name]):.3f}**" for name in judges]
    lines.append(f"| macro-F1 | {len(runs)} | {' | '.join(cells)} | |")
    alarms = [false_alarms(found[name]) for name in judges]
    cells = [f"**{ill} of {there} ({100 * ill / max(there, 1):.1f}%)**" for ill, there in alarms]
    lines.append(f"| healthy called ill | | {' | '.join(cells)} | |")
    low, high = spread(runs, judges[first])
    lines += ["", "F1 (recall, precision). The last column is of the doctor with the log alone, whose macro-F1 has the "
              f"95% interval {low:.3f} to {high:.3f} (bootstrap over runs)."]  # fmt: skip
    return lines


def main() -> None:
    from doctor_faults import KINDS
    from doctor_make import make

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--runs", type=Path, default=Path(tempfile.gettempdir()) / "backprove-doctor"
    )
    parser.add_argument("--first", action="store_true")
    parser.add_argument(
        "--times", default="", help="a sentence on how often this half was measured"
    )
    chosen = parser.parse_args()
    seconds = make(chosen.runs, not chosen.first)
    notes = [
        (p.with_suffix(""), json.loads(p.read_text())) for p in sorted(chosen.runs.glob("*.json"))
    ]
    runs = [(path, note) for path, note in notes if note["held_back"] != chosen.first]
    judges = {
        "doctor": doctor(False),
        "doctor, classes given": doctor(True),
        "thresholds": thresholds,
    }
    begun = time.process_time()
    for path, note in runs:
        judges["doctor"](path, note["facts"])
    each = (time.process_time() - begun) / len(runs)
    import sklearn
    import torch

    versions = (
        f"Backprove {backprove.__version__}, PyTorch {torch.__version__}, scikit-learn {sklearn.__version__}, "
        f"Python {platform.python_version()}, {platform.machine()} with {os.cpu_count()} cores"
    )
    head = HEAD.format(
        versions=versions,
        count=sum(runs for _, _, runs in KINDS.values()),
        kinds=len({note["kind"] for _, note in notes}),
        made=f"{seconds / 60:.0f} minutes of one core's time",
        held=len(runs),
        times=chosen.times,
    )
    lines = report(runs, head, judges)
    lines.append(f"A diagnosis takes {1000 * each:.0f} ms of the processor's time in the mean.")
    print("\n".join(lines[1:] if chosen.first else lines))
    if not chosen.first:
        RESULT.write_text("\n".join(lines) + "\n", encoding="utf-8")
        print(f"kept in {RESULT.relative_to(HERE.parent)}", file=sys.stderr)


if __name__ == "__main__":
    main()
