"""Trend, noise and period, measured on curves of which they are known."""

from __future__ import annotations

import numpy as np
import pytest
from tests.training.diagnosis.logs import noise

from backprove.training.diagnosis.series import BINS, Collector, superseded
from backprove.training.diagnosis.signals.curve import jitter, ramp, rank_trend, smoothed
from backprove.training.diagnosis.signals.period import repetition, strongest


def test_jitter_is_the_noise_whatever_the_trend() -> None:
    trend = 5 * np.linspace(0, 1, 2000) ** 2
    assert jitter(trend + noise(2000, 0.3)) == pytest.approx(0.3, rel=0.1)
    assert jitter(trend) < 1e-5


def test_smoothing_keeps_steps_and_drops_spikes() -> None:
    y = np.where(np.arange(200) < 100, 2.0, 1.0)
    y[[30, 150]] = 50
    smooth = smoothed(y)
    assert smooth[20:40] == pytest.approx(2)
    assert smooth[140:160] == pytest.approx(1)


def test_rank_trend() -> None:
    assert rank_trend(np.arange(50.0))[0] == pytest.approx(1)
    tau, chance = rank_trend(noise(400, 1.0))
    assert abs(tau) < 0.2
    assert chance > 0.01
    assert rank_trend(np.ones(50)) == (0.0, 1.0)


def test_ramp() -> None:
    assert [ramp(v, 1, 3) for v in (0, 1, 2, 3, 4)] == [0, 0, 0.5, 1, 1]
    assert [ramp(v, 3, 1) for v in (0, 2, 4)] == [1, 0.5, 0]
    assert [ramp(float("inf"), 1, 3), ramp(float("-inf"), 1, 3), ramp(float("nan"), 1, 3)] == [
        1,
        0,
        0,
    ]


def test_a_pattern_is_found_with_its_share_of_the_variance() -> None:
    x = np.arange(600.0)
    y = np.sin(2 * np.pi * x / 25) + noise(600, np.sqrt(0.5))  # half of the variance each
    known = repetition(np.stack([x, y], 1), 25)
    assert known is not None
    assert known.share == pytest.approx(0.5, abs=0.12)
    assert known.chance < 1e-10
    found = strongest(np.stack([x, y], 1))
    assert found is not None
    assert found.period == pytest.approx(25, abs=1)


def test_by_chance_nothing_is_found() -> None:
    small = 0
    for seed in range(100):
        found = repetition(np.stack([np.arange(300.0), noise(300, 1.0, seed)], 1), 20)
        assert found is not None
        small += found.chance < 0.01
    assert small <= 5


def test_too_few_epochs_tell_nothing() -> None:
    points = np.stack([np.arange(50.0), noise(50, 1.0)], 1)
    assert repetition(points, 25) is None
    assert repetition(points, 2) is None


@pytest.mark.parametrize("chunk", [1, 1000, 8192])
def test_bins_do_not_depend_on_how_a_log_is_read(chunk: int) -> None:
    n = 20_000 if chunk > 1 else 9_000
    value = noise(n, 1.0)
    value[1234] = np.inf
    collector = Collector("loss")
    x = np.arange(n, dtype=float)
    for start in range(0, n, chunk):
        part = slice(start, start + chunk)
        collector.add(x[part], x[part], np.full(len(x[part]), np.nan), value[part])
    table = collector.table()
    assert len(table) <= 2 * BINS + 1
    assert table[:, 6:].sum() == n
    assert table[:, 7].sum() == 1
    mean = np.average(table[:, 3], weights=table[:, 6])
    assert mean == pytest.approx(value[np.isfinite(value)].mean())


def test_what_was_written_again_is_superseded() -> None:
    assert superseded(np.array([0, 1, 2, 3, 2, 3, 4.0])).tolist() == [
        False,
        False,
        True,
        True,
        False,
        False,
        False,
    ]
