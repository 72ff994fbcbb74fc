"""What must hold of every log: order of columns, units of steps, and damage do not matter."""

from __future__ import annotations

import contextlib
import math
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.training.diagnosis.logs import (
    LN10,
    events,
    falling,
    kinds,
    lines,
    noise,
    rows,
    seen,
    sound,
    table,
)

from backprove.errors import BackproveError
from backprove.report.diagnosis import as_json
from backprove.training.diagnosis.doctor import diagnose
from backprove.training.diagnosis.findings import Kind


def runs() -> dict[str, dict[str, np.ndarray]]:
    """Runs of several kinds, in single steps."""
    n = 300
    step = np.arange(n)
    base = {"step": step, "epoch": step // 15}
    pattern = np.tile(np.random.default_rng(5).normal(0, 0.5, 15), 20)
    broken = falling(n, LN10, 0.5) * np.exp(noise(n, 0.1))
    broken[250:] = np.nan
    return {
        "healthy": base | {"loss": falling(n, LN10, 0.2) * np.exp(noise(n, 0.15))},
        "plateau": base | {"loss": LN10 + noise(n, 0.03), "acc": 0.1 + noise(n, 0.02, 1)},
        "order": base | {"loss": falling(n, LN10, 0.2) * np.exp(pattern + noise(n, 0.2))},
        "broken": base | {"loss": broken},
    }


@pytest.mark.parametrize("name", list(runs()))
@pytest.mark.parametrize("scale", [0.25, 7, 1000])
def test_the_unit_of_steps_does_not_matter(tmp_path: Path, name: str, scale: float) -> None:
    columns = runs()[name]
    scaled = columns | {"step": columns["step"] * scale}
    assert kinds(seen(tmp_path, columns)) == kinds(seen(tmp_path, scaled))


@pytest.mark.parametrize("name", list(runs()))
def test_the_order_of_columns_does_not_matter(tmp_path: Path, name: str) -> None:
    columns = runs()[name] | {"lr": np.full(300, 0.1), "seconds": np.arange(300.0)}
    expected = [(f.kind, f.confidence) for f in seen(tmp_path, columns).findings]
    for seed in range(3):
        names = list(columns)
        random.Random(seed).shuffle(names)
        made = seen(tmp_path, {key: columns[key] for key in names})
        assert [(f.kind, f.confidence) for f in made.findings] == expected


@pytest.mark.parametrize("factor", [1e-3, 50])
def test_a_regression_in_other_units_is_the_same(tmp_path: Path, factor: float) -> None:
    columns = {k: v for k, v in sound().items() if "acc" not in k}
    other = columns | {k: columns[k] * factor for k in ("train_loss", "val_loss")}
    assert kinds(seen(tmp_path, columns)) == kinds(seen(tmp_path, other)) == []


cells = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True),
    st.sampled_from(["", "nan", "inf", "-inf", "1e400", "none", "x", "0", "1"]),
    st.floats(0, 3),
)


@settings(max_examples=150)
@given(data=st.lists(st.tuples(*[cells] * 6), max_size=40), steps=st.booleans())
def test_no_table_crashes(
    tmp_path_factory: pytest.TempPathFactory, data: list[tuple[object, ...]], steps: bool
) -> None:
    head = ["step" if steps else "n", "train_loss", "val_loss", "train_acc", "val_acc", "grad_norm"]
    path = tmp_path_factory.mktemp("t") / "a.csv"
    path.write_text(
        ",".join(head) + "\n" + "".join(",".join(map(str, row)) + "\n" for row in data),
        encoding="utf-8",
    )
    try:
        made = diagnose(path)
    except BackproveError:
        return
    assert all(0 <= f.confidence <= 1 for f in made.findings + made.remarks)
    as_json(made)


@settings(max_examples=60)
@given(
    level=st.floats(1e-6, 1e6),
    rest=st.lists(st.floats(1e-300, 1e300), min_size=8, max_size=60),
    layers=st.integers(0, 4),
)
def test_no_run_of_any_size_crashes(
    tmp_path_factory: pytest.TempPathFactory, level: float, rest: list[float], layers: int
) -> None:
    n = len(rest)
    columns = {"epoch": np.arange(n), "loss": np.array(rest), "val_loss": np.full(n, level)}
    columns |= {f"grad/layer{k}": np.array(rest[::-1]) * k for k in range(layers)}
    made = seen(tmp_path_factory.mktemp("t"), columns)
    assert all(math.isfinite(f.confidence) for f in made.findings)


def test_logs_that_are_cut_off_anywhere_never_crash(tmp_path: Path) -> None:
    columns = sound(20)
    whole = {
        "a.csv": table(tmp_path / "a.csv", columns),
        "a.jsonl": lines(tmp_path / "a.jsonl", rows(columns)),
        "events.out.tfevents.1": events(
            tmp_path / "events.out.tfevents.1",
            [
                (k, tag, float(v))
                for tag in ("train_loss", "val_loss")
                for k, v in enumerate(columns[tag])
            ],
        ),
    }
    for name, path in whole.items():
        data = path.read_bytes()
        folder = tmp_path / f"cut {name}"
        folder.mkdir()
        for end in range(0, len(data), max(1, len(data) // 40)):
            part = folder / name
            part.write_bytes(data[:end])
            try:
                made = diagnose(part)
            except BackproveError:
                continue
            assert made.healthy or Kind.RATE_LOW in kinds(made), (name, end, kinds(made))


@settings(max_examples=60)
@given(
    noise_bytes=st.binary(min_size=1, max_size=400),
    name=st.sampled_from(["a.csv", "a.jsonl", "a.tfevents"]),
)
def test_no_bytes_crash(
    tmp_path_factory: pytest.TempPathFactory, noise_bytes: bytes, name: str
) -> None:
    path = tmp_path_factory.mktemp("t") / name
    path.write_bytes(noise_bytes)
    with contextlib.suppress(BackproveError):
        diagnose(path)
