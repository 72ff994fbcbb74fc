"""Recurrences whose families look at all earlier members, have two indices, or begin with a family."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from tests.compute.emit.zoo import Case, shapes


def shipped(name: str) -> str:
    """The text of a model that comes with the package."""
    return (files("backprove.models") / f"{name}.model").read_text(encoding="utf-8")


def _attention_over_all(a: Any) -> Any:
    states: list[Any] = []
    for x in a.x:
        scores = [(a.Q_x @ x) @ (a.K_x @ x), *((a.Q @ h) @ (a.K @ h) for h in reversed(states))]
        weights = jax.nn.softmax(jnp.stack(scores))
        h = weights[0] * (a.V_x @ x)
        for weight, before in zip(weights[1:], reversed(states), strict=True):
            h = h + weight * (a.V @ before)
        states.append(h)
    return ((states[-1] - a.y) ** 2).sum() / 2


ATTENTION_OVER_ALL = Case(
    shipped("attention-all"),
    "E",
    ("Q_x", "K_x", "V_x", "Q", "K", "V"),
    shapes(x="T n", y="m", Q_x="d n", K_x="d n", V_x="m n", Q="d m", K="d m", V="m m"),
    _attention_over_all,
)


def _attention_over_two(a: Any) -> Any:
    one, two = a.h_1, a.h_0
    for x in a.x:
        scores = [(a.Q_0 @ x) @ (a.K_0 @ x), (a.Q_1 @ one) @ (a.K_1 @ one)]
        weights = jax.nn.softmax(jnp.stack([*scores, (a.Q_2 @ two) @ (a.K_2 @ two)]))
        new = weights[0] * (a.V_0 @ x) + weights[1] * (a.V_1 @ one) + weights[2] * (a.V_2 @ two)
        one, two = new, one
    return ((one - a.y) ** 2).sum() / 2


ATTENTION_OVER_TWO = Case(
    shipped("attention-two"),
    "E",
    ("Q_0", "K_1", "V_2", "h_0", "h_1"),
    shapes(x="T n", y="m", h_0="m", h_1="m", Q_0="d n", K_0="d n", V_0="m n")
    | {f"{kind}_{k}": "m m" if kind == "V" else "d m" for kind in "QKV" for k in (1, 2)},
    _attention_over_two,
)


def _given_start(a: Any) -> Any:
    def step(carry: Any, x: Any) -> Any:
        before, last = carry
        new = jnp.tanh(a.W @ last + a.R @ before + x)
        return (last, new), jnp.sin(new).sum()

    return lax.scan(step, (a.h[0], a.h[1]), a.x)[1].sum()


GIVEN_START = Case(
    """h_t in R^m for t = 0..1
    x_t in R^m for t = 2..T
    W, R in R^{m x m}
    h_t = tanh(W h_{t-1} + R h_{t-2} + x_t) for t = 2..T
    E = sum_{t=2}^{T} sum(sin(h_t))""",
    "E",
    ("W", "R"),
    shapes(h="2 m", x="T m", W="m m", R="m m"),
    _given_start,
)


def _causal_attention(a: Any) -> Any:
    total = 0.0
    for t in range(len(a.x)):
        scores = jnp.stack([(a.Q @ a.x[t]) @ (a.K @ a.x[i]) for i in range(t + 1)])
        weights = jax.nn.softmax(scores)
        total += jnp.sin(weights @ (a.x[: t + 1] @ a.V.T)).sum()
    return total


CAUSAL_ATTENTION = Case(
    """x_t in R^n for t = 1..T
    Q, K, V in R^{n x n}
    w_{t,i} = exp((Q x_t)^T (K x_i)) for t = 1..T, i = 1..t
    s_t = sum_{i=1}^{t} w_{t,i} for t = 1..T
    o_t = sum_{i=1}^{t} (w_{t,i} / s_t) V x_i for t = 1..T
    E = sum_{t=1}^{T} sum(sin(o_t))""",
    "E",
    ("Q", "K", "V", "x_t"),
    shapes(x="T n", Q="n n", K="n n", V="n n"),
    _causal_attention,
)


def _layers(a: Any) -> Any:
    below = a.x
    for u, v in zip(a.U, a.V, strict=True):
        state, states = jnp.zeros(below.shape[1]), []
        for x in below:
            state = jnp.tanh(u @ x + v @ state)
            states.append(state)
        below = jnp.stack(states)
    return jnp.sin(below).sum()


LAYERS = Case(
    """x_t in R^n for t = 1..T
    U_l, V_l in R^{n x n} for l = 1..3
    h_{0,t} = x_t for t = 1..T
    h_{l,0} = 0 x_1 for l = 1..3
    h_{l,t} = tanh(U_l h_{l-1,t} + V_l h_{l,t-1}) for l = 1..3, t = 1..T
    E = sum_{t=1}^{T} sum(sin(h_{3,t}))""",
    "E",
    ("U_l", "V_l", "x_t"),
    shapes(x="T n", U="3 n n", V="3 n n"),
    _layers,
)

INVOLVED = {
    "attention over all earlier states": ATTENTION_OVER_ALL,
    "attention over two earlier states": ATTENTION_OVER_TWO,
    "members given as a family": GIVEN_START,
    "causal attention": CAUSAL_ATTENTION,
    "three recurrent layers": LAYERS,
}
