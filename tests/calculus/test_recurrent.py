"""Recurrent models: several coupled families, any number of steps, every road against JAX."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backprove.calculus.pullback import NoDerivative

jax = pytest.importorskip("jax")
jax.config.update("jax_enable_x64", True)
import jax.numpy as jnp  # noqa: E402

SIZES = {"n": 2, "m": 3}

#: ways to write the next state of either family from x_t, both earlier states and the parameters;
#: `{s}` is the partner's newest state: h_t may use c_t, c_t only h_{t-1}
UPDATES: list[tuple[str, Any]] = [
    ("tanh(U x_t + W h_{t-1} + {s})", lambda p, x, h, c, s: jnp.tanh(p["U"] @ x + p["W"] @ h + s)),
    (
        "c_{t-1} ⊙ σ(W {s}) + U x_t",
        lambda p, x, h, c, s: c * jax.nn.sigmoid(p["W"] @ s) + p["U"] @ x,
    ),
    ("tanh(W (h_{t-1} ⊙ {s})) + c_{t-1}", lambda p, x, h, c, s: jnp.tanh(p["W"] @ (h * s)) + c),
    (
        "W^T tanh({s}) - b ⊙ sin(h_{t-1})",
        lambda p, x, h, c, s: p["W"].T @ jnp.tanh(s) - p["b"] * jnp.sin(h),
    ),
    (
        "softmax({s} + U x_t) + 1/2 c_{t-1}",
        lambda p, x, h, c, s: jax.nn.softmax(s + p["U"] @ x) + c / 2,
    ),
    ("sin({s}) ⊙ h_{t-1} + b", lambda p, x, h, c, s: jnp.sin(s) * h + p["b"]),
    ("tanh(h_{t-1}^T {s}) b + U x_t", lambda p, x, h, c, s: jnp.tanh(h @ s) * p["b"] + p["U"] @ x),
]
LOSSES: list[tuple[str, Any]] = [
    (
        "sum_{t=1}^{T} 1/2 ‖h_t - b‖^2",
        lambda p, hs, cs: sum(((h - p["b"]) ** 2).sum() / 2 for h in hs[1:]),
    ),
    ("sum(sin(h_T))", lambda p, hs, cs: jnp.sin(hs[-1]).sum()),
    (
        "sum_{t=1}^{T} t (h_t^T c_{t-1})",
        lambda p, hs, cs: sum(t * (hs[t] @ cs[t - 1]) for t in range(1, len(hs))),
    ),
    ("logsumexp(h_T + c_T)", lambda p, hs, cs: jax.scipy.special.logsumexp(hs[-1] + cs[-1])),
]


class Pair:
    """Two coupled families, as text and in JAX."""

    def __init__(self, steps: int, symbolic: bool, cell: int, state: int, loss: int) -> None:
        self.steps, self.cell, self.state = steps, UPDATES[cell], UPDATES[state]
        self.loss = LOSSES[loss]
        last = "T" if symbolic else str(steps)
        self.sizes = {**SIZES, "T": steps}
        self.text = "\n".join(
            [
                f"x_t in R^n for t = 1..{last}",
                "h_0, c_0, b in R^m",
                "U in R^{m x n}, W in R^{m x m}",
                f"c_t = {self.cell[0].replace('{s}', 'h_{t-1}')} for t = 1..{last}",
                f"h_t = {self.state[0].replace('{s}', 'c_t')} for t = 1..{last}",
                "E = " + self.loss[0].replace("{T}", f"{{{last}}}").replace("_T", f"_{last}"),
            ]
        )

    def states(self, p: dict[str, Any]) -> tuple[list[Any], list[Any]]:
        hs, cs = [p["h_0"]], [p["c_0"]]
        for t in range(1, self.steps + 1):
            x, h, c = p[f"x_{t}"], hs[-1], cs[-1]
            cs.append(self.cell[1](p, x, h, c, h))
            hs.append(self.state[1](p, x, h, c, cs[-1]))
        return hs, cs

    def run(self, p: dict[str, Any]) -> Any:
        return self.loss[1](p, *self.states(p))


pairs = st.builds(
    Pair,
    st.integers(1, 5),
    st.booleans(),
    st.integers(0, len(UPDATES) - 1),
    st.integers(0, len(UPDATES) - 1),
    st.integers(0, len(LOSSES) - 1),
)


@settings(max_examples=8, deadline=None)
@given(pairs)
def test_the_gradient_through_time(roads, pair):
    model = roads(pair.text, pair.sizes)
    p = model.given
    np.testing.assert_allclose(model.value("E"), pair.run(p), rtol=1e-9)
    names = ["U", "W", "b", "h_0", "c_0", "x_1", f"x_{pair.steps}"]
    gradients = jax.grad(lambda q: pair.run({**p, **q}))({n: p[n] for n in names})
    for name in names:
        model.agree("E", name, gradients[name])


@settings(max_examples=8, deadline=None)
@given(pairs)
def test_the_jacobian_of_a_state(roads, pair):
    model = roads(pair.text, pair.sizes)
    p = model.given
    last = pair.steps
    for name in ("W", "h_0"):
        expected = jax.jacrev(lambda v, n=name: pair.states({**p, n: v})[0][-1])(p[name])
        model.agree(f"h_{last}", name, expected)


# --- a plain recurrence, whose derivatives are known ------------------------------------------------

CHAIN = """
x_t in R^m for t = 1..{T}
h_0, v in R^m
W in R^{m x m}
h_t = tanh(W h_{t-1} + x_t) for t = 1..{T}
E_t = v^T h_t for t = 1..{T}
E = sum_{t=1}^{{T}} E_t
"""


@pytest.fixture(params=["4", "T"])
def chain(request, roads):
    return roads(CHAIN.replace("{T}", request.param).replace("^4", "^{4}"), {"m": 3, "T": 4})


def step(model, t):
    """∂⁺h_t/∂h_{t-1}."""
    h, w = model.value(f"h_{t}"), model.given["W"]
    return (1 - h**2)[:, None] * w


class TestTotalDerivatives:
    def test_a_state_by_an_earlier_one_is_the_product_of_steps(self, chain):
        chain.agree("h_3", "h_1", step(chain, 3) @ step(chain, 2))

    def test_a_state_by_itself_is_the_identity(self, chain):
        chain.agree("h_2", "h_2", np.eye(3))

    def test_a_state_by_a_later_one_is_zero(self, chain):
        chain.agree("h_2", "h_3", np.zeros((3, 3)))

    def test_the_loss_by_a_state_goes_through_all_later_ones(self, chain):
        v = chain.given["v"]
        expected = v + v @ step(chain, 4)
        chain.agree("E", "h_3", expected)

    def test_one_term_of_the_loss(self, chain):
        v = chain.given["v"]
        chain.agree("E_3", "h_1", v @ step(chain, 3) @ step(chain, 2))


class TestImmediateDerivatives:
    """Members of families at other steps are held fixed."""

    def test_the_one_step_jacobian(self, chain):
        chain.agree("h_3", "h_2", step(chain, 3), "immediate")

    def test_two_steps_apart_there_is_none(self, chain):
        chain.agree("h_3", "h_1", np.zeros((3, 3)), "immediate")

    def test_a_parameter_inside_one_step(self, chain):
        h3, h2 = chain.value("h_3"), chain.value("h_2")
        expected = np.einsum("i,ij,k->ijk", 1 - h3**2, np.eye(3), h2)
        chain.agree("h_3", "W", expected, "immediate")

    def test_the_loss_by_a_state_stays_in_its_step(self, chain):
        chain.agree("E", "h_2", chain.given["v"], "immediate")

    def test_in_the_first_step_immediate_is_total(self, chain):
        h1 = chain.value("h_1")
        expected = np.einsum("i,ij,k->ijk", 1 - h1**2, np.eye(3), chain.given["h_0"])
        chain.agree("h_1", "W", expected, "immediate")
        chain.agree("h_1", "W", expected)

    def test_through_another_family_of_the_same_step(self, roads):
        model = roads(
            "c_0, h_0 in R^m\nW in R^{m x m}\n"
            "c_t = c_{t-1} ⊙ σ(W h_{t-1}) for t = 1..3\nh_t = tanh(c_t) for t = 1..3",
            {"m": 3},
        )
        c2 = model.value("c_2")
        gate = 1 / (1 + np.exp(-model.given["W"] @ np.tanh(model.value("c_1"))))
        expected = np.diag((1 - np.tanh(c2) ** 2) * gate)
        model.agree("h_2", "c_1", expected, "immediate")


class TestByAnExpression:
    """By a new name put in its place."""

    def test_a_product(self, roads):
        model = roads("V in R^{k x m}, h in R^m, w in R^k\nE = w^T tanh(V h)", {"k": 2, "m": 3})
        z = model.given["V"] @ model.given["h"]
        model.agree("E", "V h", model.given["w"] * (1 - np.tanh(z) ** 2))

    def test_used_twice(self, roads):
        model = roads("V in R^{k x m}, h in R^m\nE = sum(sin(V h) ⊙ cos(V h))", {"k": 2, "m": 3})
        z = model.given["V"] @ model.given["h"]
        model.agree("E", "V h", np.cos(2 * z))

    @pytest.mark.parametrize("loss", ["b^T (V h)", "sum((V h) ⊙ b)", "sum(tanh(V h) + b ⊙ (V h))"])
    def test_as_a_factor_of_a_product(self, roads, loss):
        model = roads(f"V in R^{{k x m}}, h in R^m, b in R^k\nE = {loss}", {"k": 2, "m": 3})
        inner = 1 - np.tanh(model.given["V"] @ model.given["h"]) ** 2 if "tanh" in loss else 0
        model.agree("E", "V h", model.given["b"] + inner)

    def test_more_than_once_in_a_product(self, roads):
        model = roads(
            "V in R^{k x m}, h in R^m, A in R^{k x k}\nE = (V h)^T A (V h)", {"k": 2, "m": 3}
        )
        a = model.given["A"]
        model.agree("E", "V h", (a + a.T) @ model.given["V"] @ model.given["h"])

    def test_some_terms_of_a_sum(self, roads):
        model = roads(
            "V in R^{k x m}, h, c in R^m, b in R^k\nE = b^T V (2 h - 2 c)", {"k": 2, "m": 3}
        )
        model.agree("E", "h - c", 2 * model.given["V"].T @ model.given["b"])

    def test_what_does_not_occur_is_refused(self, roads):
        model = roads("V in R^{k x m}, h in R^m\nE = sum(V h)", {"k": 2, "m": 3})
        with pytest.raises(NoDerivative, match="does not occur"):
            model.tidy("E", "V^T V")

    def test_of_one_step(self, chain):
        z = chain.given["W"] @ chain.given["h_0"] + chain.given["x_1"]
        d = 1 - np.tanh(z) ** 2
        chain.agree("h_1", "W h_0 + x_1", np.diag(d))

    def test_an_elementwise_function(self, roads):
        model = roads("x in R^n\nE = sum(exp(x)^2)", {"n": 3})
        model.agree("E", "exp(x)", 2 * np.exp(model.given["x"]))


class TestHessians:
    def agree(self, model, of, by, expected):
        model.agree(f"∂{of}/∂{by}", by, expected)

    def test_of_a_quadratic_form(self, roads):
        model = roads("A in R^{n x n}, x in R^n\nf = x^T A x", {"n": 3})
        a = model.given["A"]
        self.agree(model, "f", "x", a + a.T)

    def test_of_log_sum_exp(self, roads):
        model = roads("x in R^n\nf = logsumexp(x)", {"n": 3})
        p = np.exp(model.given["x"]) / np.exp(model.given["x"]).sum()
        self.agree(model, "f", "x", np.diag(p) - np.outer(p, p))

    def test_of_logistic_regression(self, roads):
        model = roads("X in R^{N x d}, w in R^d\nf = sum(softplus(X w))", {"N": 4, "d": 3})
        x, w = model.given["X"], model.given["w"]
        s = 1 / (1 + np.exp(-x @ w))
        self.agree(model, "f", "w", x.T @ np.diag(s * (1 - s)) @ x)

    def test_mixed(self, roads):
        model = roads("A in R^{m x n}, x in R^n, u in R^m\nf = u^T A tanh(x)", {"m": 2, "n": 3})
        g = model.given
        expected = g["A"] * (1 - np.tanh(g["x"]) ** 2)
        model.agree("∂f/∂u", "x", expected)

    def test_through_definitions(self, roads):
        model = roads("W in R^{m x n}, x in R^n\nh = tanh(W x)\nf = sum(h^3)", {"m": 2, "n": 3})
        g = model.given
        expected = jax.hessian(lambda x: (jnp.tanh(g["W"] @ x) ** 3).sum())(g["x"])
        self.agree(model, "f", "x", expected)

    def test_through_time(self, chain):
        g = chain.given

        def loss(h):
            total = 0.0
            for t in range(1, 5):
                h = jnp.tanh(g["W"] @ h + g[f"x_{t}"])
                total = total + g["v"] @ h
            return total

        self.agree(chain, "E", "h_0", jax.hessian(loss)(g["h_0"]))


class TestFactsDoNotBindADerivative:
    """A symmetric matrix or a simplex vector is differentiated as if its entries were independent."""

    def test_a_symmetric_matrix(self, roads):
        model = roads("S in R^{n x n} symmetric, x, y in R^n\nf = x^T S y", {"n": 3})
        model.agree("f", "S", np.outer(model.given["x"], model.given["y"]))

    def test_a_one_hot_vector(self, roads):
        model = roads("y in R^n one-hot, z in R^n\nf = -y^T log softmax(z)", {"n": 3})
        z = model.given["z"]
        model.agree("f", "y", -(z - np.log(np.exp(z).sum())))

    def test_a_transposed_symmetric_matrix(self, roads):
        model = roads("S in R^{n x n} symmetric, x, y in R^n\nf = x^T S^T y", {"n": 3})
        model.agree("f", "S", np.outer(model.given["y"], model.given["x"]))

    def test_the_sum_of_a_simplex_vector(self, roads):
        model = roads("p in R^n simplex\nf = 2 sum(p)", {"n": 3})
        model.agree("f", "p", 2 * np.ones(3))


class TestFamiliesWithSeveralRules:
    """`v_{1,s}` and `v_{2,s}`, each with a rule of its own, are members of one family."""

    def test_only_the_rule_that_uses_the_variable_counts(self, roads):
        model = roads(
            "h_0, h_1 in R^n, A, B in R^{n x n}\n"
            "v_{1,s} = A h_{s-1} for s = 2..3\n"
            "v_{2,s} = B h_{s-2} for s = 2..3\n"
            "h_s = v_{1,s} + v_{2,s} for s = 2..3",
            {"n": 3},
        )
        model.agree("v_{1,3}", "h_2", model.given["A"])
        model.agree("v_{2,3}", "h_2", np.zeros((3, 3)))
        model.agree("h_3", "h_1", model.given["A"] @ model.given["A"] + model.given["B"])
