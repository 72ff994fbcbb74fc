"""The certificate holds, and so does the bound."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from backprove.studies import run
from backprove.studies.gated_explosion import Cycle, best_cycle, bound, constant_input, replayed
from backprove.studies.numbers import Numbers, shipped


def test_the_certificate_holds_without_the_library() -> None:
    """The cell and its derivative in plain Python: σ' = σ (1 − σ) is all that is used."""
    w, h, slope = 4.0, 1.0, 1.0
    for t in range(20):
        x = (-1.0) ** t
        c = 1 / (1 + np.exp(-(-w * x + w * h)))
        slope *= c + c * (1 - c) * w * (h - -3 * x)
        h = c * h + (1 - c) * -3 * x
    assert abs(slope) == pytest.approx(15.75**10, rel=1e-12)
    assert h == 1
    assert replayed(w, 20) == pytest.approx(slope, rel=1e-12)
    assert float(Cycle(Fraction(4)).product(20)) == pytest.approx(slope, rel=1e-15)


def test_the_certificate_holds_in_jax() -> None:
    jax = pytest.importorskip("jax")

    def last(h):
        for t in range(10):
            x = (-1.0) ** t
            c = jax.nn.sigmoid(-4 * x + 4 * h)
            h = c * h + (1 - c) * -3 * x
        return h

    with jax.enable_x64(True):
        assert float(jax.grad(last)(1.0)) == pytest.approx(replayed(4.0, 10), rel=1e-9)


@pytest.mark.parametrize(("weight", "grows"), [("1", False), ("1.118", False), ("1.119", True)])
def test_the_cycle_grows_where_its_square_is_above_five_quarters(weight: str, grows: bool) -> None:
    cycle = Cycle(Fraction(weight))
    assert (abs(cycle.product(2)) > 1) == grows
    assert cycle.product(6) == cycle.product(2) ** 3


def jacobians(kappa: float, points: int, seed: int, m: int = 3) -> np.ndarray:
    """Random cells with ‖h_0‖_∞, ‖W_x x‖_∞ ≤ 1 and ‖W_h‖_∞ = κ/2, anything else at random."""
    rng = np.random.default_rng(seed)
    W_h = rng.normal(size=(points, m, m))
    W_h *= kappa / 2 / np.abs(W_h).sum(axis=2).max(axis=1)[:, None, None]
    numbers = Numbers(
        shipped("gated-cell"),
        {"T": 1, "n": m, "m": m},
        {
            "x": rng.uniform(-1, 1, (points, 1, m)),
            "h_0": rng.uniform(-1, 1, (points, m)),
            "W_x": np.eye(m)[None],
            "W_c": 3 * rng.normal(size=(points, m, m)),
            "W_h": W_h,
        },
    )
    return numbers.derivative("h_T", "h_0")


@pytest.mark.parametrize("kappa", [0.3, 1.0, 1.5, 4.0, 20.0])
def test_no_jacobian_exceeds_the_bound(kappa: float) -> None:
    rows = np.abs(jacobians(kappa, 3000, 5)).sum(axis=2).max(axis=1)
    assert rows.max() <= bound(kappa) + 1e-12


def test_without_a_recurrent_matrix_the_jacobian_is_the_gate() -> None:
    found = jacobians(0.0, 100, 6)
    assert (np.abs(found - found * np.eye(3)) == 0).all()
    assert np.linalg.norm(found, 2, axis=(1, 2)).max() < 1


@pytest.mark.parametrize("kappa", [8.0, 24.0])
def test_the_search_stays_below_the_bound_and_finds_the_exact_cycle(kappa: float) -> None:
    # which has κ = 6 w and the factor √(w² − 1/4)
    found = best_cycle(kappa, 2, seed=1)
    assert np.sqrt((kappa / 6) ** 2 - 0.25) - 1e-9 < found <= bound(kappa)


def test_a_constant_input_does_not_explode() -> None:
    found = constant_input(4.0, 12)
    assert found.max() == found[0] == pytest.approx(4.5)
    assert found[-1] < 1e-6


def test_the_claim_is_called_false_and_the_model_agrees() -> None:
    result = run("gated-explosion", steps=8)
    assert result.data["exact_agrees"]
    assert "false" in result.conclusion[0]
    assert "15.75^(T/2)" in result.conclusion[1]
    assert result.data["largest_without_W_h"] < 1
