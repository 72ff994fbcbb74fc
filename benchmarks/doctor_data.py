"""The data that the doctor's runs learn: scikit-learn's bundled sets, and generated ones."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from sklearn import datasets

SEQUENCES = ("first symbol", "digit rows", "adding")
REGRESSION = ("diabetes", "waves", "adding")
FLAT = ("iris", "wine", "cancer", "digits", "spirals")


@dataclass(frozen=True)
class Data:
    """Standardised inputs and labels in random order; `classes` is 0 for a regression."""

    x: np.ndarray
    y: np.ndarray
    classes: int


@cache
def _bundled(name: str) -> tuple[np.ndarray, np.ndarray]:
    found = {
        "iris": datasets.load_iris,
        "wine": datasets.load_wine,
        "cancer": datasets.load_breast_cancer,
        "digits": datasets.load_digits,
        "diabetes": datasets.load_diabetes,
    }[name](return_X_y=True)
    x = np.asarray(found[0], float)
    return (x - x.mean(0)) / (x.std(0) + 1e-6), np.asarray(found[1])


def load(name: str, seed: int, samples: int = 0) -> Data:
    """The data set, shuffled; `samples` of it where that is not 0, 700 at most."""
    rng = np.random.default_rng(seed + 1)
    classes = 0
    if name == "spirals":
        y = rng.integers(0, 3, 600)
        r = rng.uniform(0.2, 1, 600)
        angle = 4 * r + 2 * np.pi / 3 * y + rng.normal(0, 0.12, 600)
        x = 2 * np.stack([r * np.cos(angle), r * np.sin(angle)], 1)
    elif name == "waves":
        x = rng.uniform(-2, 2, (600, 2))
        y = np.sin(2 * x[:, 0]) + 0.5 * x[:, 1] ** 2 + rng.normal(0, 0.1, 600)
    elif name == "first symbol":  # which of four symbols came first in ten
        symbols = rng.integers(0, 4, (600, 10))
        x, y = np.eye(4)[symbols], symbols[:, 0]
    elif name == "adding":  # two of ten numbers are marked: their sum
        values, marks = rng.uniform(0, 1, (600, 10)), np.zeros((600, 10))
        for row in marks:
            row[rng.choice(10, 2, replace=False)] = 1
        x, y = np.stack([values, marks], -1), (values * marks).sum(1)
    else:
        x, y = _bundled("digits" if name == "digit rows" else name)
        x = x.reshape(-1, 8, 8) if name == "digit rows" else x
    if name in REGRESSION:
        y = (y - y.mean()) / y.std()
    else:
        classes = int(y.max()) + 1
    rows = rng.permutation(len(x))[: samples or 700]
    return Data(x[rows], y[rows], classes)
