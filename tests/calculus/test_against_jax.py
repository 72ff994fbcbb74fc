"""Every derivative rule agrees with JAX, on random models.

A recipe is a tree of operations drawn at random. It is written as a model in the notation, and,
from the same tree and by a table of its own, run by JAX: nothing of Backprove is used for that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

jax = pytest.importorskip("jax")
jax.config.update("jax_enable_x64", True)
import jax.numpy as jnp  # noqa: E402
import jax.scipy.special as special  # noqa: E402

SIZES = {"n": 4, "m": 3}
Kind = tuple[str, ...]
S: Kind = ()
N: Kind = ("n",)
M: Kind = ("m",)
MN: Kind = ("m", "n")
NM: Kind = ("n", "m")
NN: Kind = ("n", "n")
ARRAYS = (N, M, MN, NM, NN)
KINDS = (S, *ARRAYS)


@dataclass(frozen=True)
class Op:
    """An operation: how it is written, and how JAX does it."""

    written: str
    takes: tuple[Kind, ...]
    gives: Kind
    done: Callable[..., Any]


def everywhere(written: str, done: Callable[..., Any], places: int = 1, kinds=KINDS) -> list[Op]:
    """An operation on arrays of one kind."""
    return [Op(written, (kind,) * places, kind, done) for kind in kinds]


def softmax(z):
    return jax.nn.softmax(z, axis=-1)


def relu(z):
    return jnp.where(z > 0, z, 0.0)


eye = jnp.eye(SIZES["n"])
steps = jnp.arange(1.0, SIZES["n"] + 1)

OPS: list[Op] = [
    # sums and products
    *everywhere("({} + {})", jnp.add, 2),
    *everywhere("({} - {})", jnp.subtract, 2),
    *everywhere("({} ⊙ {})", jnp.multiply, 2),
    *everywhere("({} ⊘ (1 + {}^2))", lambda a, b: a / (1 + b**2), 2, ARRAYS),
    *everywhere("(-2/3 {})", lambda a: -2 / 3 * a),
    *everywhere("(1.5 - {})", lambda a: 1.5 - a),
    *[Op("({} {})", (S, kind), kind, jnp.multiply) for kind in KINDS],
    *[
        Op("({} / (2 + cos({})))", (kind, S), kind, lambda a, s: a / (2 + jnp.cos(s)))
        for kind in KINDS
    ],
    Op("({} {})", (MN, N), M, jnp.matmul),
    Op("({} {})", (NN, N), N, jnp.matmul),
    Op("({} {})", (MN, NN), MN, jnp.matmul),
    Op("({} {})", (NM, MN), NN, jnp.matmul),
    Op("({}^T {})", (MN, M), N, lambda a, x: a.T @ x),
    Op("({}^T {})", (N, N), S, jnp.dot),
    Op("⟨{}, {}⟩", (M, M), S, jnp.dot),
    Op("({} {}^T)", (M, N), MN, jnp.outer),
    Op("({} ⊗ {})", (N, M), NM, jnp.outer),
    Op("({})^T", (MN,), NM, jnp.transpose),
    Op("({})^T", (NN,), NN, jnp.transpose),
    Op("sum(sin({} ⊗ {}))", (MN, NN), S, lambda a, b: jnp.sin(jnp.kron(a, b)).sum()),
    Op("sum(cos([{}; {}]))", (N, M), S, lambda x, y: jnp.cos(jnp.concatenate([x, y])).sum()),
    # elementwise functions
    *everywhere("tanh({})", jnp.tanh),
    *everywhere("exp(sin({}))", lambda a: jnp.exp(jnp.sin(a))),
    *everywhere("log(1 + {}^2)", lambda a: jnp.log(1 + a**2)),
    *everywhere("sqrt(2 + sin({}))", lambda a: jnp.sqrt(2 + jnp.sin(a))),
    *everywhere("sinh(tanh({}))", lambda a: jnp.sinh(jnp.tanh(a))),
    *everywhere("cosh(tanh({}))", lambda a: jnp.cosh(jnp.tanh(a))),
    *everywhere("σ({})", jax.nn.sigmoid),
    *everywhere("softplus({})", jax.nn.softplus),
    *everywhere("relu({})", relu),
    *everywhere("gelu({})", lambda a: jax.nn.gelu(a, approximate=False)),
    *everywhere("silu({})", jax.nn.silu),
    *everywhere("erf({})", special.erf),
    *everywhere("max({} + 0.3, sin({}))", lambda a, b: jnp.maximum(a + 0.3, jnp.sin(b)), 2),
    *everywhere("min({} + 0.3, sin({}))", lambda a, b: jnp.minimum(a + 0.3, jnp.sin(b)), 2),
    *everywhere("({})^3", lambda a: a**3),
    *everywhere("(1 + {}^2)^{{-1/2}}", lambda a: (1 + a**2) ** -0.5, 1, (S, N, M)),
    *everywhere("tanh'({})", lambda a: 1 - jnp.tanh(a) ** 2),
    *everywhere("σ'({})", lambda a: jax.nn.sigmoid(a) * (1 - jax.nn.sigmoid(a))),
    Op("(2 + sin({}))^{{cos({})}}", (N, S), N, lambda a, s: (2 + jnp.sin(a)) ** jnp.cos(s)),
    # of vectors
    *everywhere("softmax({})", softmax, 1, (N, M, MN)),
    *everywhere("log_softmax({})", lambda a: jax.nn.log_softmax(a, axis=-1), 1, (N, M)),
    Op("logsumexp({})", (N,), S, special.logsumexp),
    *[Op("mean({})", (kind,), S, jnp.mean) for kind in ARRAYS],
    *[Op("var({})", (kind,), S, jnp.var) for kind in (N, M)],
    *[Op("sum({})", (kind,), S, jnp.sum) for kind in ARRAYS],
    Op("‖{} + 1.7‖", (N,), S, lambda a: jnp.sqrt(((a + 1.7) ** 2).sum())),
    Op("‖{} + 1.7‖_F^2", (MN,), S, lambda a: ((a + 1.7) ** 2).sum()),
    Op("‖{} + 0.1‖_1", (M,), S, lambda a: jnp.abs(a + 0.1).sum()),
    Op("max(tanh({}) + c)", (N,), S, lambda a: jnp.max(jnp.tanh(a) + 3 * steps)),
    # of matrices
    Op("tr({})", (NN,), S, jnp.trace),
    Op("diag({})", (N,), NN, jnp.diag),
    Op("diag({})", (NN,), N, jnp.diag),
    Op("sum(sin(vec({})) ⊙ vec({}))", (MN, MN), S, lambda a, b: (jnp.sin(a) * b).sum()),
    Op("({0} {0}^T + I)^{{-1}}", (NN,), NN, lambda a: jnp.linalg.inv(a @ a.T + eye)),
    Op("logdet({0} {0}^T + I)", (NN,), S, lambda a: jnp.linalg.slogdet(a @ a.T + eye)[1]),
    Op("det(sin({}))", (NN,), S, lambda a: jnp.linalg.det(jnp.sin(a))),
    # by components
    Op("({})[2]", (MN,), N, lambda a: a[1]),
    Op("({})[3]", (N,), S, lambda a: a[2]),
    Op("({})[2,4]", (MN,), S, lambda a: a[1, 3]),
    Op("(sum_{{i=1}}^{{n}} i ({})[i])", (N,), S, lambda a: (steps * a).sum()),
    Op("(sum_{{i=1}}^{{n}} ({})[i] sin(({})[i]))", (N, N), S, lambda a, b: (a * jnp.sin(b)).sum()),
    Op("(prod_{{i=1}}^{{m}} (2 + sin(({})[i])))", (M,), S, lambda a: jnp.prod(2 + jnp.sin(a))),
    Op("(sum_{{i=2}}^{{n}} ({0})[i] ({0})[i-1])", (N,), S, lambda a: (a[1:] * a[:-1]).sum()),
    Op("(sum_{{i≠2}} ({})[i]^2)", (N,), S, lambda a: (a**2).sum() - a[1] ** 2),
    *everywhere(
        "{{{} if {} > 0.05; {} otherwise}}", lambda a, b, c: jnp.where(b > 0.05, a, c), 3, (S, N)
    ),
    Op("sum(sin(conv({}, {})))", (N, M), S, lambda a, k: jnp.sin(jnp.correlate(a, k)).sum()),
    Op(
        "sum(sin(conv_transpose({}, {})))",
        (N, M),
        S,
        lambda a, k: jnp.sin(jnp.convolve(a, k)).sum(),
    ),
]
BY_KIND = {kind: [op for op in OPS if op.gives == kind] for kind in KINDS}

Tree = tuple[Op, tuple[Any, ...]] | str


@dataclass
class Recipe:
    """Declared names by kind, then definitions in order."""

    declared: dict[str, Kind]
    defined: dict[str, tuple[Kind, Tree]] = field(default_factory=dict)

    def text(self) -> str:
        lines = [
            f"{name} in R" + (f"^{{{' x '.join(kind)}}}" if kind else "")
            for name, kind in self.declared.items()
        ]
        lines += ["c[i] = 3 i for i = 1..n"]
        lines += [f"{name} = {written(tree)}" for name, (_, tree) in self.defined.items()]
        return "\n".join(lines)

    def run(self, of: str, given: dict[str, Any]) -> Any:
        """The value of a defined name, by JAX."""
        values = dict(given)
        for name, (_, tree) in self.defined.items():
            if name not in values:
                values[name] = done(tree, values)
        return values[of]


def written(tree: Tree) -> str:
    if isinstance(tree, str):
        return tree
    op, args = tree
    return op.written.format(*map(written, args))


def done(tree: Tree, values: dict[str, Any]) -> Any:
    if isinstance(tree, str):
        return values[tree]
    op, args = tree
    return op.done(*(done(a, values) for a in args))


DECLARED = {"a": S, "b": S, "x": N, "y": N, "u": M, "A": MN, "B": NM, "Q": NN}


@st.composite
def recipes(draw: Any, kinds: tuple[Kind, ...] = (N, M, S, NN), depth: int = 2) -> Recipe:
    """A few definitions, each of the names before it, and a scalar loss of the last ones."""
    recipe = Recipe(dict(DECLARED))
    known = dict(DECLARED)

    def tree(kind: Kind, left: int) -> Tree:
        names = [n for n, k in known.items() if k == kind]
        if left == 0 or (left < depth and draw(st.integers(0, 3)) == 0):
            return draw(st.sampled_from(names[-3:]))
        op = draw(st.sampled_from(BY_KIND[kind]))
        return op, tuple(tree(k, left - 1) for k in op.takes)

    for number, kind in enumerate(kinds):
        name = "fghk"[number]
        recipe.defined[name] = (kind, tree(kind, depth))
        known[name] = kind
    parts = tuple(recipe.defined)
    recipe.defined["L"] = (S, (sum_of_sines(tuple(known[p] for p in parts)), parts))
    return recipe


def sum_of_sines(kinds: tuple[Kind, ...]) -> Op:
    text = " + ".join("sin(sum({}))" if k else "sin({})" for k in kinds)
    return Op(text, kinds, S, lambda *parts: sum(jnp.sin(jnp.sum(p)) for p in parts))


@settings(max_examples=40, deadline=None)
@given(recipes())
def test_the_gradient_of_a_random_loss(roads, recipe):
    model = roads(recipe.text(), SIZES)
    np.testing.assert_allclose(model.value("L"), recipe.run("L", model.given), rtol=1e-9, atol=1e-9)
    names = list(DECLARED)
    gradients = jax.grad(
        lambda *values: recipe.run("L", dict(zip(names, values, strict=True))), range(len(names))
    )(*(model.given[n] for n in names))
    for name, expected in zip(names, gradients, strict=True):
        model.agree("L", name, expected)


@settings(max_examples=10, deadline=None)
@given(recipes(kinds=(N, S), depth=2))
def test_the_hessian_of_a_random_loss(roads, recipe):
    model = roads(recipe.text(), SIZES)
    given_ = model.given
    expected = jax.hessian(lambda v: recipe.run("L", {**given_, "x": v}))(given_["x"])
    model.agree("∂L/∂x", "x", expected)


# --- one operation at a time ----------------------------------------------------------------------


def single(op: Op) -> Recipe:
    """A recipe with one operation on different names, sin of each."""
    args: list[Tree] = []
    sine = {kind: Op("sin({})", (kind,), kind, jnp.sin) for kind in KINDS}
    for position, kind in enumerate(op.takes):
        names = [n for n, k in DECLARED.items() if k == kind]
        args.append((sine[kind], (names[position % len(names)],)))
    return Recipe(dict(DECLARED), {"f": (op.gives, (op, tuple(args)))})


EACH = {op.written: op for op in sorted(OPS, key=lambda op: op.gives == N)}


@pytest.mark.parametrize("op", EACH.values(), ids=EACH.keys())
def test_the_jacobian_of_every_operation(roads, op):
    recipe = single(op)
    model = roads(recipe.text(), SIZES)
    assert model.value("f") == pytest.approx(recipe.run("f", model.given))
    for name in DECLARED:
        given_ = model.given
        jacobian = jax.jacrev(lambda v, n=name, g=given_: recipe.run("f", {**g, n: v}))(
            given_[name]
        )
        if np.any(jacobian):
            model.agree("f", name, jacobian)
