"""What watching a training run costs: steps with `backprove.watch` and without, side by side.

    python benchmarks/watching.py [--seconds N]

Five small models on one core, the worst case for a watcher that is written in Python: a
perceptron, with its activations as modules and as functions, a convolutional network, an LSTM and
a transformer. Blocks of steps with the watcher
at its default sampling and without it alternate, from the same state, and the overhead is the
median over pairs of blocks; a block has as many steps as lie between two that are looked at, so
that each has its share. The losses of both are compared bit by bit. The table is kept in
results/watching.md.
"""

from __future__ import annotations

import argparse
import copy
import os
import platform
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import nn

from backprove import watch
from backprove.training.watching.watcher import EVERY, TrainingWarning

RESULT = Path(__file__).resolve().parent / "results" / "watching.md"
#: an overhead of at most so much is the target
TARGET = 0.05


class Last(nn.Module):
    """A recurrent layer, read at its last step."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.out = nn.LSTM(16, 64, batch_first=True), nn.Linear(64, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(self.layer(x)[0][:, -1])


class Transformer(nn.Module):
    """Two encoder layers, read as their mean."""

    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(64, 4, 128, batch_first=True)
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.out = nn.Linear(64, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(self.layers(x).mean(1))


def perceptron() -> nn.Module:
    return nn.Sequential(
        nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 10)
    )


class Functions(nn.Module):
    """The same perceptron, its activations called as functions."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.out = (
            nn.Linear(64, 128),
            nn.Linear(128, 128),
            nn.Linear(128, 10),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(nn.functional.relu(self.second(nn.functional.relu(self.first(x)))))


def convolutions() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(4),
        nn.Flatten(),
        nn.Linear(512, 10),
    )


MODELS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "perceptron, 64 examples": (perceptron, (64, 64)),
    "perceptron of functions, 64 examples": (Functions, (64, 64)),
    "convolutions, 16 pictures": (convolutions, (16, 3, 24, 24)),
    "LSTM, 32 sequences of 40": (Last, (32, 40, 16)),
    "transformer, 16 sequences of 32": (Transformer, (16, 32, 64)),
}


class Run:
    """A model in training; `block` takes some steps and gives the processor seconds that each took."""

    def __init__(self, make: Callable[[], nn.Module], shape: tuple[int, ...], seed: int) -> None:
        torch.manual_seed(seed)
        self.model = make()
        self.optimizer = torch.optim.Adam(self.model.parameters(), 1e-3)
        self.x, self.y = torch.randn(shape), torch.randint(10, (shape[0],))
        self.losses: list[float] = []

    def block(self, steps: int, watcher: Any = None) -> float:
        began = time.process_time()
        for _ in range(steps):
            self.optimizer.zero_grad()
            loss = nn.functional.cross_entropy(self.model(self.x), self.y)
            loss.backward()
            self.optimizer.step()
            if watcher is not None:
                watcher.step(loss)
            self.losses.append(loss.item())
        return (time.process_time() - began) / steps


def measure(name: str, seconds: float) -> tuple[str, float, float, bool]:
    """A model's step in milliseconds of the processor, the share that watching adds, and whether losses agree."""
    make, shape = MODELS[name]
    alone, watched = Run(make, shape, 1), Run(make, shape, 1)
    watched.model.load_state_dict(copy.deepcopy(alone.model.state_dict()))
    # both draw their dropout from the same numbers
    state = torch.get_rng_state()
    watcher = watch(watched.model, classes=10)
    plain: list[float] = []
    ratios: list[float] = []
    began = time.perf_counter()
    while time.perf_counter() - began < seconds or len(ratios) < 4:
        first = len(ratios) % 2
        times: dict[bool, float] = {}
        states: dict[bool, torch.Tensor] = {}
        for with_watcher in (bool(first), not first):
            torch.set_rng_state(state)
            run = watched if with_watcher else alone
            times[with_watcher] = run.block(EVERY, watcher if with_watcher else None)
            states[with_watcher] = torch.get_rng_state()
        if not torch.equal(states[True], states[False]):
            raise SystemExit(f"{name}: watching drew random numbers")
        state = states[True]
        ratios.append(times[True] / times[False])
        plain.append(times[False])
    watcher.close()
    return name, 1000 * median(plain), median(ratios) - 1, alone.losses == watched.losses


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=15, help="for each model")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", TrainingWarning)
    lines = [
        f"PyTorch {torch.__version__}, Python {platform.python_version()}, {platform.machine()} with "
        f"{os.cpu_count()} cores, one of them used. One step in {EVERY} is looked at.",
        "",
        "| model | a step, ms | watching adds | losses |",
        "| --- | --- | --- | --- |",
    ]
    worst = 0.0
    for name in MODELS:
        _, step, share, equal = measure(name, arguments.seconds)
        worst = max(worst, share)
        agree = "the same bits" if equal else "DIFFER"
        lines.append(f"| {name} | {step:.2f} | {100 * share:+.1f} % | {agree} |")
        print(lines[-1], flush=True)
    lines += ["", f"Worst: {100 * worst:.1f} %; the target is at most {100 * TARGET:.0f} %."]
    text = "# Watching\n\n" + "\n".join(lines) + "\n"
    print(text)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(text, encoding="utf-8")
    return int(worst > TARGET)


if __name__ == "__main__":
    sys.exit(main())
