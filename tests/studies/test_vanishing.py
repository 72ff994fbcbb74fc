"""The norms that are fitted are those of the recurrences' own derivatives."""

from __future__ import annotations

import numpy as np
import pytest

from backprove.studies import run
from backprove.studies.numbers import Numbers
from backprove.studies.vanishing import CELLS, Cell, Rate, drawn, norms

jax = pytest.importorskip("jax")
jnp = jax.numpy

STEPS = 4


def cell(words: str) -> Cell:
    (found,) = (c for c in CELLS if c.words == words)
    return found


def given(numbers: Numbers, draw: int, *names: str) -> list[np.ndarray]:
    return [numbers.value(name)[draw] for name in names]


def tanh(numbers: Numbers, draw: int, t: int):
    U, W = given(numbers, draw, "U", "W")
    x = given(numbers, draw, *(f"x_{s}" for s in range(t + 1, STEPS + 3)))

    def last(h):
        for each in x:
            h = jnp.tanh(U @ each + W @ h)
        return h

    return jax.jacobian(last)(given(numbers, draw, f"h_{t}")[0])


def gru(numbers: Numbers, draw: int, t: int):
    names = ("W_r", "W_z", "W_n", "U_r", "U_z", "U_n")
    W_r, W_z, W_n, U_r, U_z, U_n = given(numbers, draw, *names)
    x = given(numbers, draw, *(f"x_{s}" for s in range(t + 1, STEPS + 3)))

    def last(h):
        for each in x:
            r = jax.nn.sigmoid(W_r @ each + U_r @ h)
            z = jax.nn.sigmoid(W_z @ each + U_z @ h)
            n = jnp.tanh(W_n @ each + r * (U_n @ h))
            h = (1 - z) * n + z * h
        return h

    return jax.jacobian(last)(given(numbers, draw, f"h_{t}")[0])


def attention_all(numbers: Numbers, draw: int, t: int):
    names = ("Q_x", "K_x", "V_x", "Q", "K", "V")
    Q_x, K_x, V_x, Q, K, V = given(numbers, draw, *names)
    x = given(numbers, draw, *(f"x_{s}" for s in range(t + 1, STEPS + 3)))
    before = given(numbers, draw, *(f"h_{s}" for s in range(1, t + 1)))

    def last(h):
        states = [*before[:-1], h]
        for each in x:
            scores = [(Q_x @ each) @ (K_x @ each), *((Q @ s) @ (K @ s) for s in states)]
            a = jax.nn.softmax(jnp.stack(scores))
            values = [V_x @ each, *(V @ s for s in states)]
            states.append(sum(w * v for w, v in zip(a, values, strict=True)))
        return states[-1]

    return jax.jacobian(last)(before[-1])


@pytest.mark.parametrize(
    ("words", "truth"),
    [("tanh", tanh), ("GRU", gru), ("attention (all)", attention_all)],
)
def test_norms_against_jax(words: str, truth) -> None:
    numbers = drawn(cell(words), 1.0, STEPS, 3, draws=2, seed=4)
    found = norms(cell(words), numbers)
    assert found.shape == (2, 1 + STEPS)
    with jax.enable_x64(True):
        # the second draw, at the ends and between them
        for t in (2, 4, STEPS + 2):
            expected = np.linalg.norm(np.asarray(truth(numbers, 1, t)), 2)
            assert found[1, STEPS + 2 - t] == pytest.approx(expected, rel=1e-9)


def test_a_rate_is_the_factor_of_a_geometric_sequence() -> None:
    powers = np.arange(9)
    rate = Rate.of(np.stack([3 * 0.5**powers, 0.7 * 0.8**powers, 1.0**powers]))
    assert (rate.middle, rate.low, rate.high) == pytest.approx((0.8, 0.5, 1.0))
    assert rate.verdict == "differs"


def test_what_leaves_the_numbers_has_no_rate() -> None:
    assert Rate.of(np.array([[1.0, 0.5, np.nan], [1.0, 0.5, 0.1]])).verdict == "overflows"
    assert Rate.of(np.array([[1.0, 0.5, 0.0], [1.0, 0.5, 0.1]])).verdict == "overflows"


def test_states_are_not_told_to_vanish_that_do_not() -> None:
    """The conclusion's lists are those of the rates."""
    result = run("vanishing", steps=8, width=4, draws=3)
    rates = result.data["rates"]
    line = next(c for c in result.conclusion if c.startswith("Weight scale 0.5"))
    vanishing = line.partition("shrinks for")[2].partition(";")[0]
    for name, by in rates.items():
        assert (name in vanishing) == (by["0.5"][2] < 1), name


def test_a_forget_gate_near_one_keeps_the_cell() -> None:
    result = run("vanishing", steps=8, width=4, draws=3)
    middles = [found[0] for found in result.data["forget_rates"].values()]
    gates = list(result.data["forget_gate"].values())
    assert middles == sorted(middles)
    assert gates == sorted(gates)
    assert gates[-1] > 0.99
