"""The studies of losses: saturation, the focal loss's γ, and the loss at the start."""

from __future__ import annotations

import numpy as np
import pytest

from backprove.studies import run
from backprove.studies.focal import by_logit, focal
from backprove.studies.initial_loss import start
from backprove.studies.loss_saturation import losses


def sigmoid(z: float) -> float:
    return 1 / (1 + np.exp(-z))


def test_the_confident_mistake_of_the_course() -> None:
    """z = −5, t = 1: y = 0.0067, and the gradient is −0.0066."""
    rows = {(r[0], r[1]): r for r in run("loss-saturation").tables[0].rows}
    p = sigmoid(-5)
    _, _, y, _, slope = rows["sigmoid", "squared error"]
    assert y == pytest.approx(p)
    assert slope == pytest.approx((p - 1) * p * (1 - p))
    assert f"{y:.4f}, {slope:.4f}" == "0.0067, -0.0066"
    assert rows["sigmoid", "cross-entropy"][4] == pytest.approx(p - 1)
    assert rows["softmax", "cross-entropy"][4] == pytest.approx(p - 1)
    assert rows["softmax", "squared error"][4] == pytest.approx(2 * (p - 1) * p * (1 - p))
    assert rows["identity", "squared error"][4] == pytest.approx(-6)
    assert ("identity", "cross-entropy") not in rows


def test_it_is_said_where_the_gradient_is_lost_and_only_there() -> None:
    assert "lost" in run("loss-saturation").conclusion[0]
    assert "lost" not in run("loss-saturation", logit=0.0).conclusion[0]


@pytest.mark.parametrize("name", ["S", "C", "F"])
def test_softmax_gradients_against_jax(name: str) -> None:
    jax = pytest.importorskip("jax")
    gamma = 2.0

    def loss(z):
        p = jax.nn.softmax(jax.numpy.stack([z, 0.0]))
        return {
            "S": ((p[0] - 1) ** 2 + p[1] ** 2) / 2,
            "C": -jax.numpy.log(p[0]),
            "F": -((1 - p[0]) ** gamma) * jax.numpy.log(p[0]),
        }[name]

    logits = np.array([-5.0, -1.0, 0.5, 3.0])
    with jax.enable_x64(True):
        expected = [float(jax.grad(loss)(z)) for z in logits]
    np.testing.assert_allclose(losses("softmax", logits, gamma)[name][2], expected, rtol=1e-9)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0, 5.0])
def test_focal_loss_and_its_gradients_by_hand(gamma: float) -> None:
    p = np.array([0.01, 0.3, 0.9])
    loss, slope = focal(p, gamma)
    np.testing.assert_allclose(loss, -((1 - p) ** gamma) * np.log(p), rtol=1e-12)
    by_p = gamma * (1 - p) ** (gamma - 1) * np.log(p) - (1 - p) ** gamma / p
    np.testing.assert_allclose(slope, by_p, rtol=1e-9)
    np.testing.assert_allclose(by_logit(p, gamma), by_p * p * (1 - p), rtol=1e-9)


def test_the_ratio_of_hard_and_easy_grows_ninefold_with_each_unit() -> None:
    rows = run("focal", easy=200, hard=10).tables[0].rows
    ratios = {row[0]: row[3] for row in rows}
    assert ratios[0.0] == pytest.approx(np.log(0.1) / np.log(0.9))
    assert ratios[3.0] / ratios[2.0] == pytest.approx(9)
    assert ratios[5.0] / ratios[0.0] == pytest.approx(9**5)


def test_the_easy_ones_lose_their_share() -> None:
    shares = [row[5] for row in run("focal", easy=1000, hard=50).tables[0].rows]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > 0.4
    assert shares[-1] < 0.01


def test_where_the_focal_gradient_is_larger_than_that_of_cross_entropy() -> None:
    """By the logit it is (1 − p)^γ (1 − p − γ p ln p) against 1 − p."""
    table = next(t for t in run("focal", easy=10, hard=10).tables if t.key == "louder")
    for gamma, edge, at, times in table.rows:
        ratio = lambda p, g=gamma: (1 - p) ** g * (1 - p - g * p * np.log(p)) / (1 - p)  # noqa: E731
        assert ratio(edge) > 1 > ratio(edge + 0.003)
        assert times == pytest.approx(ratio(at), rel=1e-9)


@pytest.mark.parametrize("classes", [2, 4, 10])
def test_small_weights_start_at_the_logarithm(classes: int) -> None:
    found = start(classes, 0.01, 50, seed=3)
    assert found.loss == pytest.approx(np.log(classes), rel=1e-6)


def test_the_excess_is_half_the_variance_of_the_logits() -> None:
    """To second order: E[logsumexp z] − E[z_y] = ln C + σ²/2 (1 − 1/C)."""
    found = start(4, 0.7, 4000, seed=3)
    excess = found.spread**2 / 2 * (1 - 1 / 4)
    assert found.loss - np.log(4) == pytest.approx(excess, abs=4 * found.error + 0.05 * excess)
    assert excess > 0.01


def test_large_weights_start_far_above_and_no_better_than_chance() -> None:
    found = start(4, 2.0, 400, seed=3)
    assert found.loss > 2 * np.log(4)
    assert found.accuracy == pytest.approx(1 / 4, abs=0.08)
    assert found.swapped == pytest.approx(
        found.loss, abs=4 * np.hypot(found.error, found.swapped_error)
    )
