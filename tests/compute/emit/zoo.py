"""Models with the same quantity written by hand in JAX, which differentiates it itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

sigmoid = jax.nn.sigmoid
#: the sizes at which the models are tried
SIZES = {"n": 4, "m": 3, "k": 5, "d": 2, "T": 6, "N": 7}


def shapes(**named: str) -> dict[str, str]:
    return named


@dataclass(frozen=True)
class Case:
    """A quantity `of` of a model, and the arguments by which it is differentiated.

    `given` are the shapes of the arguments (letters are sizes), a family's members along the
    first axis; `direct` is the quantity as a function of all of them.
    """

    text: str
    of: str
    by: tuple[str, ...]
    given: Mapping[str, str]
    direct: Callable[[Any], Any]
    facts: Mapping[str, str] = field(default_factory=dict)

    def values(self, seed: int = 0) -> dict[str, np.ndarray]:
        """Random arguments that respect the facts, each in float64."""
        rng = np.random.default_rng(seed)
        return {name: self._value(name, rng) for name in self.given}

    def _value(self, name: str, rng: np.random.Generator) -> np.ndarray:
        shape = [SIZES.get(s) or int(s) for s in self.given[name].split()]
        match self.facts.get(name):
            case "one-hot":
                return np.eye(shape[-1])[rng.integers(shape[-1], size=shape[:-1])]
            case "bits":
                return rng.integers(2, size=shape).astype(float)
            case "probabilities":
                return rng.uniform(0.2, 0.8, shape)
            case _:
                return rng.normal(size=shape)

    @cached_property
    def value(self) -> np.ndarray:
        """The quantity."""
        return np.asarray(self._direct(self._variables))

    @cached_property
    def truth(self) -> list[np.ndarray]:
        """The derivatives by the arguments, as JAX works them out."""
        return [np.asarray(v) for v in jax.jit(jax.jacrev(self._direct))(self._variables)]

    @cached_property
    def hessian(self) -> np.ndarray:
        """The Hessian by the only variable."""
        return np.asarray(jax.jit(jax.hessian(self._direct))(self._variables)[0][0])

    @property
    def arguments(self) -> list[str]:
        """The arguments that hold the variables."""
        spoken = (n.replace("γ", "gamma") for n in self.by)
        return [n if n in self.given else n[: n.index("_")] for n in spoken]

    @property
    def _variables(self) -> list[Any]:
        values = self.values()
        return [values[name] for name in self.arguments]

    def _direct(self, variables: list[Any]) -> Any:
        named = dict(zip(self.arguments, variables, strict=True))
        return self.direct(SimpleNamespace(**{**self.values(), **named}))


def cross_entropy(z: Any, y: Any) -> Any:
    return -(y * jax.nn.log_softmax(z)).sum()


# --- layers after each other ----------------------------------------------------------------------


def _perceptron(a: Any) -> Any:
    hidden = jnp.tanh(a.A @ a.x + a.a)
    hidden = jax.nn.relu(a.B @ hidden + a.b)
    return cross_entropy(a.C @ hidden + a.c, a.y)


PERCEPTRON = Case(
    """x in R^n, y in R^k one-hot
    A in R^{m x n}, a in R^m, B in R^{m x m}, b in R^m, C in R^{k x m}, c in R^k
    u = tanh(A x + a)
    v = relu(B u + b)
    o = softmax(C v + c)
    L = -sum(y * log(o))""",
    "L",
    ("A", "B", "C", "a", "b", "c", "x"),
    shapes(x="n", y="k", A="m n", a="m", B="m m", b="m", C="k m", c="k"),
    _perceptron,
    {"y": "one-hot"},
)


def _attention(a: Any) -> Any:
    weights = jax.nn.softmax(a.X @ a.Q @ (a.X @ a.K).T / 2, axis=-1)
    return ((weights @ (a.X @ a.V) - a.D) ** 2).sum() / 2


ATTENTION = Case(
    """X in R^{N x n}, D in R^{N x m}
    Q, K in R^{n x d}, V in R^{n x m}
    A = softmax(X Q (X K)^T / 2)
    Y = A (X V)
    L = 1/2 ‖Y - D‖_F^2""",
    "L",
    ("Q", "K", "V", "X"),
    shapes(X="N n", D="N m", Q="n d", K="n d", V="n m"),
    _attention,
)


def _blocks(a: Any) -> Any:
    x = a.X
    for layer in range(2):
        weights = jax.nn.softmax(x @ a.Q[layer] @ (x @ a.K[layer]).T / 2, axis=-1)
        u = x + weights @ (x @ a.V[layer])
        x = u + jnp.tanh(u @ a.W[layer]) @ a.P[layer]
    return ((x - a.D) ** 2).sum() / 2


BLOCKS = Case(
    """X_0, D in R^{N x n}
    Q_l, K_l in R^{n x d}, V_l in R^{n x n}, W_l in R^{n x m}, P_l in R^{m x n} for l = 1..2
    A_l = softmax(X_{l-1} Q_l (X_{l-1} K_l)^T / 2) for l = 1..2
    U_l = X_{l-1} + A_l (X_{l-1} V_l) for l = 1..2
    X_l = U_l + tanh(U_l W_l) P_l for l = 1..2
    L = 1/2 ‖X_2 - D‖_F^2""",
    "L",
    ("Q_l", "K_l", "V_l", "W_l", "P_l", "X_0"),
    shapes(X_0="N n", D="N n", Q="2 n d", K="2 n d", V="2 n n", W="2 n m", P="2 m n"),
    lambda a: _blocks(SimpleNamespace(**{**vars(a), "X": a.X_0})),
)


def _layer_norm(a: Any) -> Any:
    return a.g * (a.x - a.x.mean()) / jnp.sqrt(a.x.var() + 0.01) + a.b


LAYER_NORM = Case(
    """x, g, b in R^n
    y = g ⊙ (x - mean(x)) / sqrt(var(x) + 0.01) + b""",
    "y",
    ("x", "g", "b"),
    shapes(x="n", g="n", b="n"),
    _layer_norm,
)

# --- recurrences ----------------------------------------------------------------------------------


def _network(a: Any) -> Any:
    def step(h: Any, given: Any) -> Any:
        x, y = given
        h = jnp.tanh(a.U @ x + a.W @ h)
        return h, cross_entropy(a.V @ h, y)

    return lax.scan(step, a.h_0, (a.x, a.y))[1].sum()


def _network_text(last: str) -> str:
    return f"""x_t in R^n, y_t in R^k one-hot for t = 1..{last}
    h_0 in R^m
    U in R^{{m x n}}, W in R^{{m x m}}, V in R^{{k x m}}
    h_t = tanh(U x_t + W h_{{t-1}}) for t = 1..{last}
    o_t = softmax(V h_t) for t = 1..{last}
    E_t = -sum(y_t * log(o_t)) for t = 1..{last}
    E = sum_{{t=1}}^{{{last}}} E_t"""


NETWORK, NETWORK_OF_6 = (
    Case(
        _network_text(last),
        "E",
        ("U", "W", "V", "h_0"),
        shapes(x=f"{last} n", y=f"{last} k", h_0="m", U="m n", W="m m", V="k m"),
        _network,
        {"y": "one-hot"},
    )
    for last in ("T", "6")
)


def _last_step(a: Any) -> Any:
    h = a.h_0
    for t in range(SIZES["T"]):
        h = jnp.tanh(a.U @ a.x[t] + a.W @ h)
    return ((a.V @ h - a.y) ** 2).sum() / 2


LAST_STEP = Case(
    """x_t in R^n for t = 1..T
    h_0 in R^m, y in R^k
    U in R^{m x n}, W in R^{m x m}, V in R^{k x m}
    h_t = tanh(U x_t + W h_{t-1}) for t = 1..T
    E = 1/2 ‖V h_T - y‖^2""",
    "E",
    ("U", "W", "V", "h_0", "x_t"),
    shapes(x="T n", h_0="m", y="k", U="m n", W="m m", V="k m"),
    _last_step,
)


def _lstm(a: Any) -> Any:
    def step(carry: Any, x: Any) -> Any:
        h, c = carry
        f, i, o, g = (a.__dict__[f"W_{s}"] @ x + a.__dict__[f"R_{s}"] @ h for s in "fiog")
        c = sigmoid(f + a.b_f) * c + sigmoid(i + a.b_i) * jnp.tanh(g + a.b_g)
        h = sigmoid(o + a.b_o) * jnp.tanh(c)
        return (h, c), h

    return ((lax.scan(step, (a.h_0, a.c_0), a.x)[1] - a.y) ** 2).sum() / 2


LSTM = Case(
    """x_t in R^n, y_t in R^m for t = 1..T
    h_0, c_0 in R^m
    W_f, W_i, W_o, W_g in R^{m x n}, R_f, R_i, R_o, R_g in R^{m x m}, b_f, b_i, b_o, b_g in R^m
    f_t = σ(W_f x_t + R_f h_{t-1} + b_f) for t = 1..T
    i_t = σ(W_i x_t + R_i h_{t-1} + b_i) for t = 1..T
    o_t = σ(W_o x_t + R_o h_{t-1} + b_o) for t = 1..T
    g_t = tanh(W_g x_t + R_g h_{t-1} + b_g) for t = 1..T
    c_t = f_t ⊙ c_{t-1} + i_t ⊙ g_t for t = 1..T
    h_t = o_t ⊙ tanh(c_t) for t = 1..T
    L = 1/2 sum_{t=1}^{T} ‖h_t - y_t‖^2""",
    "L",
    (*(f"{kind}_{gate}" for kind in "WRb" for gate in "fiog"), "h_0", "c_0"),
    shapes(x="T n", y="T m", h_0="m", c_0="m")
    | {f"W_{s}": "m n" for s in "fiog"}
    | {f"R_{s}": "m m" for s in "fiog"}
    | {f"b_{s}": "m" for s in "fiog"},
    _lstm,
)


def _gated(a: Any) -> Any:
    def step(h: Any, x: Any) -> Any:
        gate = sigmoid(a.W_c @ x + a.W_h @ h)
        return gate * h + (1 - gate) * (a.W_x @ x), None

    return ((lax.scan(step, a.h_0, a.x)[0] - a.y) ** 2).sum() / 2


GATED = Case(
    """x_t in R^n for t = 1..T
    h_0, y in R^m
    W_c, W_x in R^{m x n}, W_h in R^{m x m}
    c_t = σ(W_c x_t + W_h h_{t-1}) for t = 1..T
    h_t = c_t ⊙ h_{t-1} + (1 - c_t) ⊙ (W_x x_t) for t = 1..T
    E = 1/2 ‖h_T - y‖^2""",
    "E",
    ("W_c", "W_x", "W_h", "h_0"),
    shapes(x="T n", h_0="m", y="m", W_c="m n", W_x="m n", W_h="m m"),
    _gated,
)


def _two_back(a: Any) -> Any:
    def step(carry: Any, x: Any) -> Any:
        h, before = carry
        fresh = jnp.tanh(a.U @ x + a.W @ h + a.V @ before)
        return (fresh, h), (fresh**2).sum()

    return lax.scan(step, (a.h_0, jnp.zeros_like(a.h_0) + a.h_m), a.x)[1].sum()


TWO_BACK = Case(
    """x_t in R^n for t = 2..T
    h_0, h_1 in R^m
    U in R^{m x n}, W, V in R^{m x m}
    h_t = tanh(U x_t + W h_{t-1} + V h_{t-2}) for t = 2..T
    E = sum_{t=2}^{T} ‖h_t‖^2""",
    "E",
    ("U", "W", "V", "h_0", "h_1"),
    shapes(x="5 n", h_0="m", h_1="m", U="m n", W="m m", V="m m"),
    lambda a: _two_back(SimpleNamespace(**{**vars(a), "h_0": a.h_1, "h_m": a.h_0})),
)


def _all_back(a: Any) -> Any:
    h = [a.h_0]
    for t in range(1, 5):
        earlier = jnp.stack(h)
        weights = jnp.exp(earlier @ (a.Q @ a.x[t - 1]))
        h.append(jnp.tanh(a.U @ a.x[t - 1] + weights @ earlier / weights.sum()))
    return (h[-1] ** 2).sum()


ALL_BACK = Case(
    """x_t in R^n for t = 1..4
    h_0 in R^m
    U, Q in R^{m x n}
    Z_t = sum_{s=0}^{t-1} exp(h_s^T (Q x_t)) for t = 1..4
    h_t = tanh(U x_t + (sum_{s=0}^{t-1} exp(h_s^T (Q x_t)) h_s) / Z_t) for t = 1..4
    E = ‖h_4‖^2""",
    "E",
    ("U", "Q", "h_0"),
    shapes(x="4 n", h_0="m", U="m n", Q="m n"),
    _all_back,
)


# --- convolutions ---------------------------------------------------------------------------------


def _strided(a: Any) -> Any:
    f = lax.conv_general_dilated(a.x.T[None], a.W, (2,), "VALID")[0].T
    return ((f - a.q) ** 2).sum() / 2


STRIDED = Case(
    """x in R^{9 x 5}, W in R^{2 x 5 x 3}, q in R^{4 x 2}
    f[r,c] = sum_{k=1}^{5} sum_{i=1}^{3} x[2(r-1)+i, k] W[c,k,i] for r = 1..4, c = 1..2
    l = 1/2 sum((f - q)^2)""",
    "l",
    ("x", "W"),
    shapes(x="9 5", W="2 5 3", q="4 2"),
    _strided,
)


def _padded(a: Any) -> Any:
    f = lax.conv_general_dilated(a.x.T[None], a.W, (2,), [(1, 1)])[0].T
    return jnp.log(jnp.cosh(f)).sum()


PADDED = Case(
    """x in R^{7 x 3}, W in R^{2 x 3 x 3}
    p[j,k] = {x[j-1,k] if 2 <= j <= 8; 0 otherwise} for j = 1..9, k = 1..3
    f[r,c] = sum_{k=1}^{3} sum_{i=1}^{3} p[2(r-1)+i, k] W[c,k,i] for r = 1..4, c = 1..2
    l = sum(log(cosh(f)))""",
    "l",
    ("x", "W"),
    shapes(x="7 3", W="2 3 3"),
    _padded,
)

DILATED = Case(
    """x in R^{11}, w in R^3
    f[r] = sum_{i=1}^{3} x[3(r-1)+2(i-1)+1] w[i] for r = 1..3
    L = sum(log(cosh(f)))""",
    "L",
    ("x", "w"),
    shapes(x="11", w="3"),
    lambda a: jnp.log(
        jnp.cosh(
            lax.conv_general_dilated(
                a.x[None, None], a.w[None, None], (3,), "VALID", rhs_dilation=(2,)
            )
        )
    ).sum(),
)


def _image(a: Any) -> Any:
    y = lax.conv_general_dilated(a.X[None], a.K, (1, 1), "VALID")[0] + a.b[:, None, None]
    return jax.nn.softplus(y).sum()


IMAGE = Case(
    """X in R^{2 x 5 x 6}, K in R^{3 x 2 x 2 x 3}, b in R^3
    S[o,p,q] = sum_{c=1}^{2} sum_{i=1}^{2} sum_{j=1}^{3} X[c,p+i-1,q+j-1] K[o,c,i,j]  for o = 1..3, p = 1..4, q = 1..4
    Y[o,p,q] = b[o] + S[o,p,q] for o = 1..3, p = 1..4, q = 1..4
    L = sum(softplus(Y))""",
    "L",
    ("X", "K", "b"),
    shapes(X="2 5 6", K="3 2 2 3", b="3"),
    _image,
)

PLANE = Case(
    """X in R^{3 x 4}, K in R^{2 x 2}, D in R^{2 x 3}
    Y = conv(X, K)
    L = 1/2 ‖Y - D‖_F^2""",
    "L",
    ("X", "K"),
    shapes(X="3 4", K="2 2", D="2 3"),
    lambda a: (
        (
            (lax.conv_general_dilated(a.X[None, None], a.K[None, None], (1, 1), "VALID") - a.D) ** 2
        ).sum()
        / 2
    ),
)

# --- losses ---------------------------------------------------------------------------------------

SOFTMAX = Case(
    "z in R^n, y in R^n one-hot\np = softmax(z)\nL = -sum(y * log(p))",
    "L",
    ("z",),
    shapes(z="n", y="n"),
    lambda a: cross_entropy(a.z, a.y),
    {"y": "one-hot"},
)
FOCAL = Case(
    "z, γ in R\np = sigmoid(z)\nL = -(1 - p)^γ log(p)",
    "L",
    ("z",),
    shapes(z="", gamma=""),
    lambda a: -((1 - sigmoid(a.z)) ** a.gamma) * jnp.log(sigmoid(a.z)),
)


def _logistic(a: Any) -> Any:
    p = sigmoid(a.X @ a.w)
    return -(a.t * jnp.log(p) + (1 - a.t) * jnp.log(1 - p)).sum()


LOGISTIC = Case(
    """X in R^{N x d}, w in R^d, t in R^N
    y = σ(X w)
    L = -sum(t * log(y) + (1 - t) * log(1 - y))""",
    "L",
    ("w", "X"),
    shapes(X="N d", w="d", t="N"),
    _logistic,
    {"t": "bits"},
)
RIDGE = Case(
    "X in R^{N x d}, y in R^N, w in R^d\nγ in R\nJ = mean((X w - y)^2) + γ ‖w‖^2",
    "J",
    ("w", "X", "γ"),
    {"X": "N d", "y": "N", "w": "d", "gamma": ""},
    lambda a: ((a.X @ a.w - a.y) ** 2).mean() + a.gamma * (a.w**2).sum(),
)
MEMBERS = Case(
    """x_i in R^d, t_i in R for i = 1..N
    w in R^d
    y_i = σ(w^T x_i) for i = 1..N
    L = -sum_{i=1}^{N} (t_i log(y_i) + (1 - t_i) log(1 - y_i))""",
    "L",
    ("w", "x_i"),
    shapes(x="N d", t="N", w="d"),
    lambda a: _logistic(SimpleNamespace(X=a.x, t=a.t, w=a.w)),
    {"t": "bits"},
)

# --- of second order, and Jacobians ---------------------------------------------------------------

QUADRATIC = Case(
    "A in R^{n x n}, b in R^n\nx in R^n\nq = x^T A x + b^T x",
    "q",
    ("x",),
    shapes(A="n n", b="n", x="n"),
    lambda a: a.x @ a.A @ a.x + a.b @ a.x,
)
LOGSUMEXP = Case(
    "A in R^{m x n}, x in R^n\nf = logsumexp(A x)",
    "f",
    ("x",),
    shapes(A="m n", x="n"),
    lambda a: jax.scipy.special.logsumexp(a.A @ a.x),
)
FACTORS = Case(
    "X in R^{N x m}, U in R^{N x d}, V in R^{m x d}\nL = 1/2 ‖X - U V^T‖_F^2",
    "L",
    ("U",),
    shapes(X="N m", U="N d", V="m d"),
    lambda a: ((a.X - a.U @ a.V.T) ** 2).sum() / 2,
)
LOGDET = Case(
    "X in R^{n x n} invertible\nf = log det X",
    "f",
    ("X",),
    shapes(X="n n"),
    lambda a: jnp.linalg.slogdet(a.X)[1],
)


def _gru(a: Any) -> Any:
    z = sigmoid(a.W_z @ a.x + a.U_z @ a.h)
    r = sigmoid(a.W_r @ a.x + a.U_r @ a.h)
    return (1 - z) * a.h + z * jnp.tanh(a.W @ a.x + a.U @ (r * a.h))


GRU = Case(
    """x in R^n, h in R^m
    W_z, W_r, W in R^{m x n}, U_z, U_r, U in R^{m x m}
    z = σ(W_z x + U_z h)
    r = σ(W_r x + U_r h)
    g = (1 - z) ⊙ h + z ⊙ tanh(W x + U (r ⊙ h))""",
    "g",
    ("h", "x"),
    shapes(x="n", h="m", W_z="m n", W_r="m n", W="m n", U_z="m m", U_r="m m", U="m m"),
    _gru,
)
CONVOLVED = Case(
    """x in R^{9 x 5}, W in R^{2 x 5 x 3}
    f[r,c] = sum_{k=1}^{5} sum_{i=1}^{3} x[2(r-1)+i, k] W[c,k,i] for r = 1..4, c = 1..2""",
    "f",
    ("x", "W"),
    shapes(x="9 5", W="2 5 3"),
    lambda a: lax.conv_general_dilated(a.x.T[None], a.W, (2,), "VALID")[0].T,
)

GRADIENTS = {
    "three-layer perceptron": PERCEPTRON,
    "attention": ATTENTION,
    "two attention blocks": BLOCKS,
    "recurrent network": NETWORK,
    "recurrent network of six steps": NETWORK_OF_6,
    "loss at the last step": LAST_STEP,
    "lstm": LSTM,
    "gated cell": GATED,
    "two steps back": TWO_BACK,
    "all steps back": ALL_BACK,
    "strided convolution": STRIDED,
    "padded convolution": PADDED,
    "dilated convolution": DILATED,
    "convolution of an image": IMAGE,
    "convolution of a plane": PLANE,
    "softmax and cross-entropy": SOFTMAX,
    "focal loss": FOCAL,
    "logistic regression": LOGISTIC,
    "logistic regression by members": MEMBERS,
    "ridge regression": RIDGE,
    "logarithm of a determinant": LOGDET,
}
JACOBIANS = {
    "gated recurrent unit": GRU,
    "layer norm": LAYER_NORM,
    "strided convolution": CONVOLVED,
}
HESSIANS = {
    name: replace(case, by=case.by[:1])
    for name, case in {
        "quadratic": QUADRATIC,
        "logistic regression": LOGISTIC,
        "matrix factorisation": FACTORS,
        "logarithm of a sum of exponentials": LOGSUMEXP,
        "softmax and cross-entropy": SOFTMAX,
        "ridge regression": RIDGE,
    }.items()
}
