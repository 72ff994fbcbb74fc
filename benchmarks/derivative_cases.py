"""What `derivatives.py` measures: models, and the same written for PyTorch and JAX by hand.

The hand-written code is what a practised person writes: products that do not go round in a
recurrence stand outside of it, and the frameworks' own convolution, softmax and scan are used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

try:
    import torch
    import torch.nn.functional as nn
except ImportError:  # its columns stay empty
    torch = nn = None

Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Case:
    """A model, what is differentiated by what, and how the frameworks would be given it.

    `shapes` are those of the arguments; those in `one_hot` are one-hot along the last axis.
    `torch` and `jax` are the quantity, summed over the batch, of a namespace of the arguments.
    """

    name: str
    text: str
    of: str
    by: tuple[str, ...]
    shapes: Shapes
    torch: Callable[[Any], Any] | None
    jax: Callable[[Any], Any]
    batch: tuple[str, ...] = ()
    one_hot: frozenset[str] = frozenset()
    bits: frozenset[str] = frozenset()
    #: how many times as fast it is meant to be
    aims: Mapping[str, float] = field(default_factory=dict)

    def values(self) -> dict[str, np.ndarray]:
        rng = np.random.default_rng(1)
        found: dict[str, np.ndarray] = {}
        for name, shape in self.shapes.items():
            value = rng.normal(size=shape) / np.sqrt(shape[-1] if shape else 1)
            if name in self.one_hot:
                value = np.eye(shape[-1])[rng.integers(shape[-1], size=shape[:-1])]
            if name in self.bits:
                value = rng.integers(2, size=shape)
            found[name] = value.astype(np.float32)
        return found


def batched(size: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    return shape if size == 1 else (size, *shape)


# --- recurrences ----------------------------------------------------------------------------------

NETWORK = """x_t in R^n, y_t in R^k one-hot for t = 1..T
h_0 in R^m
U in R^{m x n}, W in R^{m x m}, V in R^{k x m}
h_t = tanh(U x_t + W h_{t-1}) for t = 1..T
o_t = softmax(V h_t) for t = 1..T
E_t = -sum(y_t * log(o_t)) for t = 1..T
E = sum_{t=1}^{T} E_t"""


def network(steps: int, size: int, hidden: int) -> Case:
    n, k = 32, 10

    def by_torch(a: Any) -> Any:
        given = (a.x @ a.U.T).unbind(-2)
        h = a.h_0.expand(size, hidden) if size > 1 else a.h_0
        states = []
        for part in given:
            h = torch.tanh(part + h @ a.W.T)
            states.append(h)
        logits = torch.stack(states, -2) @ a.V.T
        return -(a.y * torch.log_softmax(logits, -1)).sum()

    def by_jax(a: Any) -> Any:
        def step(h: Any, part: Any) -> Any:
            h = jnp.tanh(part + h @ a.W.T)
            return h, h

        given = jnp.moveaxis(a.x @ a.U.T, -2, 0)
        start = jnp.broadcast_to(a.h_0, given.shape[1:])
        states = lax.scan(step, start, given)[1]
        y = jnp.moveaxis(a.y, -2, 0)
        return -(y * jax.nn.log_softmax(states @ a.V.T)).sum()

    return Case(
        f"recurrent network, T = {steps}, batch {size}, hidden {hidden}",
        NETWORK,
        "E",
        ("U", "W", "V"),
        {
            "x": batched(size, (steps, n)),
            "y": batched(size, (steps, k)),
            "h_0": (hidden,),
            "U": (hidden, n),
            "W": (hidden, hidden),
            "V": (k, hidden),
        },
        by_torch,
        by_jax,
        ("x", "y") if size > 1 else (),
        frozenset({"y"}),
        aims={"torch": 2.0 if hidden < 512 else 1.0, "jax": 1.0},
    )


LSTM = """x_t in R^n for t = 1..T
h_0, c_0, y in R^m
W_f, W_i, W_o, W_g in R^{m x n}, R_f, R_i, R_o, R_g in R^{m x m}, b_f, b_i, b_o, b_g in R^m
f_t = σ(W_f x_t + R_f h_{t-1} + b_f) for t = 1..T
i_t = σ(W_i x_t + R_i h_{t-1} + b_i) for t = 1..T
o_t = σ(W_o x_t + R_o h_{t-1} + b_o) for t = 1..T
g_t = tanh(W_g x_t + R_g h_{t-1} + b_g) for t = 1..T
c_t = f_t ⊙ c_{t-1} + i_t ⊙ g_t for t = 1..T
h_t = o_t ⊙ tanh(c_t) for t = 1..T
L = 1/2 ‖h_T - y‖^2"""
GATES = "fiog"
PARAMETERS = tuple(f"{kind}_{gate}" for kind in "WRb" for gate in GATES)


def lstm(steps: int, size: int, hidden: int) -> Case:
    n = 32

    def by_torch(a: Any) -> Any:
        w, r, b = (torch.cat([vars(a)[f"{kind}_{g}"] for g in GATES]) for kind in "WRb")
        h, c = a.h_0.expand(size, hidden), a.c_0.expand(size, hidden)
        for part in (a.x @ w.T + b).unbind(-2):
            f, i, o, g = (part + h @ r.T).chunk(4, -1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
        return ((h - a.y) ** 2).sum() / 2

    def by_jax(a: Any) -> Any:
        w, r, b = (jnp.concatenate([vars(a)[f"{kind}_{g}"] for g in GATES]) for kind in "WRb")

        def step(carry: Any, part: Any) -> Any:
            h, c = carry
            f, i, o, g = jnp.split(part + h @ r.T, 4, -1)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
            return (jax.nn.sigmoid(o) * jnp.tanh(c), c), None

        start = tuple(jnp.broadcast_to(v, (size, hidden)) for v in (a.h_0, a.c_0))
        (h, _), _ = lax.scan(step, start, jnp.moveaxis(a.x @ w.T + b, -2, 0))
        return ((h - a.y) ** 2).sum() / 2

    return Case(
        f"LSTM, T = {steps}, batch {size}, hidden {hidden}",
        LSTM,
        "L",
        PARAMETERS,
        {"x": (size, steps, n), "y": (size, hidden), "h_0": (hidden,), "c_0": (hidden,)}
        | {f"W_{g}": (hidden, n) for g in GATES}
        | {f"R_{g}": (hidden, hidden) for g in GATES}
        | {f"b_{g}": (hidden,) for g in GATES},
        by_torch,
        by_jax,
        ("x", "y"),
        aims={"torch": 2.0, "jax": 1.0},
    )


GATED = """x_t in R^n for t = 1..T
h_0, y in R^m
W_c, W_x in R^{m x n}, W_h in R^{m x m}
c_t = σ(W_c x_t + W_h h_{t-1}) for t = 1..T
h_t = c_t ⊙ h_{t-1} + (1 - c_t) ⊙ (W_x x_t) for t = 1..T
E = 1/2 ‖h_T - y‖^2"""


def gated(steps: int, size: int, hidden: int) -> Case:
    n = 32

    def by_torch(a: Any) -> Any:
        h = a.h_0.expand(size, hidden)
        for part, new in zip((a.x @ a.W_c.T).unbind(-2), (a.x @ a.W_x.T).unbind(-2), strict=True):
            c = torch.sigmoid(part + h @ a.W_h.T)
            h = c * h + (1 - c) * new
        return ((h - a.y) ** 2).sum() / 2

    def by_jax(a: Any) -> Any:
        def step(h: Any, given: Any) -> Any:
            part, new = given
            c = jax.nn.sigmoid(part + h @ a.W_h.T)
            return c * h + (1 - c) * new, None

        given = tuple(jnp.moveaxis(a.x @ w.T, -2, 0) for w in (a.W_c, a.W_x))
        h, _ = lax.scan(step, jnp.broadcast_to(a.h_0, (size, hidden)), given)
        return ((h - a.y) ** 2).sum() / 2

    return Case(
        f"gated cell, T = {steps}, batch {size}, hidden {hidden}",
        GATED,
        "E",
        ("W_c", "W_x", "W_h"),
        {
            "x": (size, steps, n),
            "h_0": (hidden,),
            "y": (size, hidden),
            "W_c": (hidden, n),
            "W_x": (hidden, n),
            "W_h": (hidden, hidden),
        },
        by_torch,
        by_jax,
        ("x", "y"),
        aims={"torch": 2.0, "jax": 1.0},
    )


# --- layers ---------------------------------------------------------------------------------------


def attention(size: int, tokens: int, width: int) -> Case:
    def by_torch(a: Any) -> Any:
        scores = a.X @ a.Q @ (a.X @ a.K).transpose(-1, -2) / 8
        return ((torch.softmax(scores, -1) @ (a.X @ a.V) - a.D) ** 2).sum() / 2

    def by_jax(a: Any) -> Any:
        scores = a.X @ a.Q @ jnp.swapaxes(a.X @ a.K, -1, -2) / 8
        return ((jax.nn.softmax(scores) @ (a.X @ a.V) - a.D) ** 2).sum() / 2

    return Case(
        f"attention, batch {size}, {tokens} tokens of width {width}",
        """X, D in R^{N x n}
        Q, K, V in R^{n x n}
        A = softmax(X Q (X K)^T / 8)
        L = 1/2 ‖A (X V) - D‖_F^2""",
        "L",
        ("Q", "K", "V"),
        {"X": (size, tokens, width), "D": (size, tokens, width)}
        | dict.fromkeys("QKV", (width, width)),
        by_torch,
        by_jax,
        ("X", "D"),
        aims={"torch": 1.0, "jax": 1.0},
    )


BLOCKS = """X_0, D in R^{N x n}
Q_l, K_l, V_l, W_l, P_l in R^{n x n} for l = 1..2
A_l = softmax(X_{l-1} Q_l (X_{l-1} K_l)^T / 8) for l = 1..2
U_l = X_{l-1} + A_l (X_{l-1} V_l) for l = 1..2
X_l = U_l + tanh(U_l W_l) P_l for l = 1..2
L = 1/2 ‖X_2 - D‖_F^2"""


def _window(channels: int, width: int) -> str:
    return f"sum_{{k=1}}^{{{channels}}} sum_{{i=1}}^{{{width}}} x[2(r-1)+i, k] W[c,k,i]"


def convolution(size: int, length: int, channels: int, filters: int) -> Case:
    out = (length - 5) // 2 + 1

    def by_torch(a: Any) -> Any:
        f = nn.conv1d(a.x.transpose(1, 2), a.W, stride=2).transpose(1, 2)
        return nn.softplus(f).sum()

    def by_jax(a: Any) -> Any:
        f = lax.conv_general_dilated(
            a.x, a.W, (2,), "VALID", dimension_numbers=("NWC", "OIW", "NWC")
        )
        return jax.nn.softplus(f).sum()

    return Case(
        f"1-D convolution, stride 2, batch {size}, length {length}, {channels} to {filters} channels",
        f"""x in R^{{{length} x {channels}}}, W in R^{{{filters} x {channels} x 5}}
        f[r,c] = {_window(channels, 5)} for r = 1..{out}, c = 1..{filters}
        L = sum(softplus(f))""",
        "L",
        ("W",),
        {"x": (size, length, channels), "W": (filters, channels, 5)},
        by_torch,
        by_jax,
        ("x",),
        aims={"torch": 1.0, "jax": 1.0},
    )


def perceptron(size: int, *widths: int) -> Case:
    n, p, q, k = widths

    def logits(a: Any, act: Any) -> Any:
        return act(act(a.x @ a.A.T + a.a) @ a.B.T + a.b) @ a.C.T + a.c

    return Case(
        f"3-layer perceptron, batch {size}, {'-'.join(map(str, widths))}",
        """x in R^n, y in R^k one-hot
        A in R^{p x n}, a in R^p, B in R^{q x p}, b in R^q, C in R^{k x q}, c in R^k
        u = relu(A x + a)
        v = relu(B u + b)
        o = softmax(C v + c)
        L = -sum(y * log(o))""",
        "L",
        ("A", "B", "C", "a", "b", "c"),
        {
            "x": (size, n),
            "y": (size, k),
            "A": (p, n),
            "a": (p,),
            "B": (q, p),
            "b": (q,),
            "C": (k, q),
            "c": (k,),
        },
        lambda a: -(a.y * torch.log_softmax(logits(a, torch.relu), -1)).sum(),
        lambda a: -(a.y * jax.nn.log_softmax(logits(a, jax.nn.relu))).sum(),
        ("x", "y"),
        frozenset({"y"}),
        aims={"torch": 1.0, "jax": 1.0},
    )


def gradients() -> list[Case]:
    return [
        network(100, 1, 128),
        network(1000, 16, 64),
        network(200, 64, 512),
        lstm(100, 16, 64),
        gated(100, 16, 64),
        attention(8, 128, 64),
        convolution(32, 256, 16, 32),
        perceptron(64, 784, 256, 128, 10),
    ]


# --- of second order, and Jacobians ---------------------------------------------------------------


def quadratic(n: int) -> Case:
    return Case(
        f"Hessian of a quadratic, n = {n}",
        "A in R^{n x n}, b, x in R^n\nq = x^T A x + b^T x",
        "q",
        ("x",),
        {"A": (n, n), "b": (n,), "x": (n,)},
        None,
        lambda a: a.x @ a.A @ a.x + a.b @ a.x,
        aims={"jax": 5.0},
    )


def logistic(rows: int, n: int) -> Case:
    def by_jax(a: Any) -> Any:
        z = a.X @ a.w
        return (jax.nn.softplus(z) - a.t * z).sum()

    return Case(
        f"Hessian of a logistic loss, {rows} examples, n = {n}",
        """X in R^{N x n}, w in R^n, t in R^N
        y = σ(X w)
        L = -sum(t * log(y) + (1 - t) * log(1 - y))""",
        "L",
        ("w",),
        {"X": (rows, n), "w": (n,), "t": (rows,)},
        None,
        by_jax,
        bits=frozenset({"t"}),
        aims={"jax": 2.5},
    )


def factorisation(rows: int, rank: int, columns: int) -> Case:
    return Case(
        f"Hessian of a matrix factorisation, {rows} x {rank} factor",
        "X in R^{N x m}, U in R^{N x d}, V in R^{m x d}\nL = 1/2 ‖X - U V^T‖_F^2",
        "L",
        ("U",),
        {"X": (rows, columns), "U": (rows, rank), "V": (columns, rank)},
        None,
        lambda a: ((a.X - a.U @ a.V.T) ** 2).sum() / 2,
        aims={"jax": 8.0},
    )


def convolved(length: int, channels: int, filters: int) -> Case:
    out = (length - 3) // 2 + 1

    def by_jax(a: Any) -> Any:
        return lax.conv_general_dilated(
            a.x[None], a.W, (2,), "VALID", dimension_numbers=("NWC", "OIW", "NWC")
        )[0]

    return Case(
        f"Jacobian of a 1-D convolution by x, length {length}, {channels} to {filters} channels",
        f"""x in R^{{{length} x {channels}}}, W in R^{{{filters} x {channels} x 3}}
        f[r,c] = {_window(channels, 3)} for r = 1..{out}, c = 1..{filters}""",
        "f",
        ("x",),
        {"x": (length, channels), "W": (filters, channels, 3)},
        None,
        by_jax,
        aims={"jax": 3.0},
    )


def exponentials(rows: int, n: int) -> Case:
    return Case(
        f"Hessian of logsumexp(A x), {rows} x {n}",
        "A in R^{m x n}, x in R^n\nf = logsumexp(A x)",
        "f",
        ("x",),
        {"A": (rows, n), "x": (n,)},
        None,
        lambda a: jax.scipy.special.logsumexp(a.A @ a.x),
        aims={"jax": 1.0},
    )


def hessians() -> list[Case]:
    return [
        quadratic(1000),
        logistic(1000, 200),
        factorisation(60, 5, 40),
        exponentials(300, 200),
    ]


def jacobians() -> list[Case]:
    return [convolved(64, 8, 8)]


def namespace(names: Mapping[str, Any]) -> SimpleNamespace:
    return SimpleNamespace(**names)
