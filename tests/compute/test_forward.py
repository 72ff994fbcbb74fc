"""Derivatives by forward mode: against differences, against JAX, and by NOTATION's rules."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backprove.compute.errors import EvaluationError, NoValue
from backprove.compute.evaluate import Evaluator
from backprove.compute.points import sample
from backprove.tensor.build import (
    add,
    along,
    apply,
    build,
    concat,
    contract,
    count,
    derivative,
    determinant,
    diagonal_matrix,
    fold,
    hadamard,
    inverse,
    literal,
    matmul,
    outer,
    permute,
    power,
    reshape,
    scale,
    scatter,
    select,
    stack,
    sum_axes,
    symbol,
    times,
    transpose,
    where,
)
from backprove.tensor.build import test as relation
from backprove.tensor.nodes import Node
from backprove.tensor.whole import Whole, shape

SIZES = {"n": 3, "m": 4}
RNN = {"n": 3, "m": 4, "k": 5, "T": 3}
x, z, a = symbol("x", shape("n")), symbol("z", shape("n")), symbol("a", ())
A, S = symbol("A", shape("m", "n")), symbol("S", shape("n", "n"))
i, j, t = Whole.of("i"), Whole.of("j"), Whole.of("t")
W = symbol("W", shape("m", "m"))
V = symbol("V", shape("k", "m"))
E = symbol("E", ())


def h(at) -> Node:
    return symbol("h", shape("m"), [at])


def o(at) -> Node:
    return symbol("o", shape("k"), [at])


def differences(value, declared, key, step=1e-6):
    """Central differences of `value(declared)` [P, …] by the declared array at `key`."""
    columns = []
    base = declared[key]
    for place in np.ndindex(*base.shape[1:]):
        moved = []
        for sign in (1, -1):
            other = base.copy()
            other[(slice(None), *place)] += sign * step
            moved.append(value({**declared, key: other}))
        columns.append((moved[0] - moved[1]) / (2 * step))
    stacked = np.stack(columns, axis=-1)
    return stacked.reshape(stacked.shape[:-1] + base.shape[1:])


@pytest.fixture
def plain(make_book):
    book = make_book()
    for node in (x, z, a, A, S):
        book.declare(node.name, *node.shape)
    return book.system, sample(book.system, SIZES, 3, seed=5)


def agrees(plain, node: Node, by: Node) -> None:
    system, declared = plain
    got = Evaluator(system, SIZES, declared).value(derivative(node, by))
    want = differences(lambda d: Evaluator(system, SIZES, d).value(node), declared, (by.name, ()))
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


EXPRESSIONS = {
    "linear": add([(2, x), (Fraction(-1, 3), matmul(S, x))]),
    "quadratic": matmul(x, matmul(S, x)),
    "outer": outer(matmul(A, x), x),
    "diag": diagonal_matrix(power(x, literal(2))),
    "norm": power(matmul(x, x), literal(Fraction(1, 2))),
    "negative power": power(x, literal(-3)),
    "exponent": power(add([(1, literal(3)), (1, power(x, literal(2)))][:1]), matmul(x, z)),
    "softmax": along("softmax", matmul(S, x)),
    "softmax of rows": along("softmax", outer(matmul(A, x), x)),
    "logsumexp": along("logsumexp", outer(z, x)),
    "max": along("max", outer(z, x)),
    "min": along("min", matmul(A, x)),
    "larger": apply("max", matmul(S, x), x),
    "smaller": apply("min", matmul(S, x), x),
    "inverse": matmul(inverse(add([(4, S), (1, outer(x, z))])), z),
    "det": determinant(add([(1, S), (1, outer(x, x))])),
    "logdet": determinant(add([(1, S), (1, outer(x, x))]), log=True),
    "component": select(outer(x, x), [2, None]),
    "scatter": scatter(hadamard(x, x), [None, 2], shape("n", "n")),
    "where": where(apply("greater", a, literal(0)), hadamard(x, x), scale(3, x)),
    "stack": stack([hadamard(x, x), z, x]),
    "concat": concat([outer(z, x), S]),
    "reshape": reshape(outer(x, x), shape(Whole.of("n") * "n")),
    "product": fold("prod", "i", 1, "n", select(x, [i])),
    "product of matrices": fold(
        "prod", "i", 1, 2, add([(1, S), (1, times(count(i), outer(x, z)))])
    ),
    "build": build(["i", "j"], ["n", 2], power(select(x, [i]), count(j + 1))),
    "triangle": fold(
        "sum", "i", 1, "n", fold("sum", "j", 1, i, hadamard(select(x, [i]), select(x, [j])))
    ),
    "gather": build(["i"], ["n"], where(relation("<", i, 3), select(hadamard(x, x), [i + 1]), a)),
    "scatter open": fold(
        "sum", "i", 1, "n", scatter(power(select(x, [i]), literal(2)), [4 - i], shape("n"))
    ),
    "layer norm": matmul(S, times(power(sum_axes(hadamard(x, x)), literal(Fraction(-1, 2))), x)),
}


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_against_differences(plain, name):
    agrees(plain, EXPRESSIONS[name], x)


@pytest.mark.parametrize("by", [S, A, a, z], ids=lambda n: n.name)
def test_by_other_shapes(plain, by):
    node = apply("tanh", add([(1, matmul(A, matmul(S, z))), (1, times(a, matmul(A, x)))]))
    agrees(plain, node, by)


@pytest.mark.parametrize(
    "name",
    [
        "exp",
        "tanh",
        "sigmoid",
        "relu",
        "softplus",
        "gelu",
        "silu",
        "erf",
        "sin",
        "cos",
        "sinh",
        "cosh",
        "abs",
        "sign",
        "step",
    ],
)
def test_elementwise_first_and_second(plain, name):
    agrees(plain, apply(name, scale(Fraction(3, 2), x)), x)
    agrees(plain, derivative(sum_axes(apply(name, x)), x), x)


@pytest.mark.parametrize("name", ["log"])
def test_elementwise_positive(plain, name):
    agrees(plain, apply(name, power(x, literal(2))), x)


@st.composite
def vectors(draw, depth=3):
    """A random expression of shape n in x, z, S and a."""
    if depth == 0 or draw(st.integers(0, 5)) == 0:
        return draw(st.sampled_from([x, z, matmul(S, x)]))
    one = draw(vectors(depth - 1))
    kind = draw(st.integers(0, 9))
    if kind < 2:
        return apply(draw(st.sampled_from(["tanh", "sigmoid", "sin", "softplus", "silu"])), one)
    if kind == 2:
        return along("softmax", one)
    if kind == 3:
        return matmul(draw(st.sampled_from([S, transpose(S)])), one)
    if kind == 4:
        return times(along("logsumexp", one), x)
    if kind == 5:
        return build(
            ["i"], ["n"], fold("sum", "j", 1, i, hadamard(select(one, [j]), select(z, [i])))
        )
    other = draw(vectors(depth - 1))
    if kind == 6:
        return hadamard(one, other)
    if kind == 7:
        return matmul(diagonal_matrix(one), other)
    if kind == 8:
        return times(apply("tanh", matmul(one, other)), one)
    return add([(draw(st.integers(-2, 2)), one), (1, other)])


@pytest.fixture(scope="module")
def module_plain():
    from backprove.model.entity import Entity, System

    system = System()
    for node in (x, z, S):
        system.add(Entity(node.name, (), (), node.shape))
    return system, sample(system, SIZES, 2, seed=11)


@settings(max_examples=60, deadline=None)
@given(node=vectors())
def test_random_expressions(module_plain, node):
    system, declared = module_plain
    got = Evaluator(system, SIZES, declared).value(derivative(node, x))
    want = differences(lambda d: Evaluator(system, SIZES, d).value(node), declared, ("x", ()), 1e-5)
    size = 1 + np.abs(want).max()
    np.testing.assert_allclose(got / size, want / size, atol=3e-6)


@settings(max_examples=30, deadline=None)
@given(node=vectors(depth=2))
def test_hessian_is_derivative_of_gradient(module_plain, node):
    system, declared = module_plain
    scalar = matmul(node, x)
    evaluator = Evaluator(system, SIZES, declared)
    hessian = evaluator.value(derivative(derivative(scalar, x), x))
    want = differences(
        lambda d: Evaluator(system, SIZES, d).value(derivative(scalar, x)),
        declared,
        ("x", ()),
        1e-5,
    )
    size = 1 + np.abs(want).max()
    np.testing.assert_allclose(hessian / size, want / size, atol=3e-6)
    np.testing.assert_allclose(hessian / size, np.swapaxes(hessian, 1, 2) / size, atol=1e-9)
    mixed = evaluator.value(derivative(derivative(scalar, x), S))
    other = evaluator.value(derivative(derivative(scalar, S), x))
    np.testing.assert_allclose(mixed / size, np.moveaxis(other, 3, 1) / size, atol=1e-8)


def test_third_derivative(plain):
    system, declared = plain
    node = sum_axes(power(x, literal(4)))
    third = derivative(derivative(derivative(node, x), x), x)
    v = declared["x", ()]
    eye = np.einsum("ij,jk->ijk", np.eye(3), np.eye(3))
    np.testing.assert_allclose(
        Evaluator(system, SIZES, declared).value(third), 24 * v[:, :, None, None] * eye
    )


# --- recurrences ------------------------------------------------------------------------------


@pytest.fixture
def network(rnn):
    return rnn, sample(rnn.system, RNN, 3, seed=2)


def test_total_of_recurrence(network):
    rnn, declared = network
    for name, by in [("W", W), ("V", V), ("U", symbol("U", shape("m", "n")))]:
        got = Evaluator(rnn.system, RNN, declared).value(derivative(E, by))
        want = differences(
            lambda d: Evaluator(rnn.system, RNN, d).member("E"), declared, (name, ())
        )
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-7)


def test_by_a_defined_name_puts_a_new_name_in_its_place(network):
    rnn, declared = network
    evaluator = Evaluator(rnn.system, RNN, declared)
    # cut the recurrence at h_1: the rest is a network that starts from a declared member
    fixed = {**declared, ("h", (1,)): evaluator.member("h", (1,))}
    from backprove.model.entity import Entity

    e1 = evaluator.member("E", (1,))
    assert np.isfinite(e1).all()
    got = evaluator.value(derivative(E, h(1)))
    rnn.system.add(Entity("h", (Whole.of(1),), (), shape("m")))
    want = differences(lambda d: Evaluator(rnn.system, RNN, d).member("E"), fixed, ("h", (1,)))
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-7)


def test_itself_and_what_it_does_not_depend_on(network):
    rnn, declared = network
    evaluator = Evaluator(rnn.system, RNN, declared)
    np.testing.assert_array_equal(evaluator.value(derivative(h(2), h(2))), [np.eye(4)] * 3)
    np.testing.assert_array_equal(evaluator.value(derivative(h(1), h(2))), np.zeros((3, 4, 4)))
    assert evaluator.value(derivative(E, symbol("x", shape("n"), [2]))).shape == (3, 3)
    with pytest.raises(NoValue):
        evaluator.value(derivative(E, h(7)))
    # h_T and h_3 are one member
    np.testing.assert_array_equal(
        evaluator.value(derivative(E, h("T"))), evaluator.value(derivative(E, h(3)))
    )


def test_immediate(network):
    rnn, d = network
    evaluator = Evaluator(rnn.system, RNN, d)
    state = [d["h", (0,)]] + [evaluator.member("h", (s,)) for s in (1, 2, 3)]
    w = d["W", ()]
    slope = 1 - state[2] ** 2
    # the one-step Jacobian
    step = evaluator.value(derivative(h(2), h(1), "immediate"))
    np.testing.assert_allclose(step, slope[:, :, None] * w)
    # by a parameter: h_{t-1} is held fixed
    by_w = evaluator.value(derivative(h(2), W, "immediate"))
    want = np.einsum("pi,ij,pk->pijk", slope, np.eye(4), state[1])
    np.testing.assert_allclose(by_w, want)
    # two steps apart there is no path inside one step
    assert not evaluator.value(derivative(h(3), h(1), "immediate")).any()
    # in ∂⁺E/∂h_2, h_3 stays
    y2 = d["y", (2,)]
    own = np.einsum("pkm,pk->pm", d["V", ()], evaluator.member("o", (2,)) - y2)
    np.testing.assert_allclose(evaluator.value(derivative(E, h(2), "immediate")), own, atol=1e-12)
    # through other names of the same step
    e2 = symbol("E", (), [2])
    np.testing.assert_allclose(evaluator.value(derivative(e2, h(2), "immediate")), own, atol=1e-12)
    # neither has an index: each step's own contribution
    total = sum(
        evaluator.value(derivative(symbol("E", (), [s]), W, "immediate")) for s in (1, 2, 3)
    )
    np.testing.assert_allclose(evaluator.value(derivative(E, W, "immediate")), total, atol=1e-12)


def test_total_is_sum_over_steps_of_immediate(network):
    """Backpropagation through time: ∂E/∂W = Σ_t ∂E/∂h_t · ∂⁺h_t/∂W."""
    rnn, declared = network
    evaluator = Evaluator(rnn.system, RNN, declared)
    now = symbol("h", shape("m"), [t])
    term = matmul(derivative(E, now), derivative(now, W, "immediate"))
    got = evaluator.value(fold("sum", "t", 1, "T", term))
    np.testing.assert_allclose(got, evaluator.value(derivative(E, W)), atol=1e-12)


def test_product_of_jacobians(network):
    """∂h_3/∂h_1 = Π ∂⁺h_t/∂h_{t-1}, later factors to the left."""
    rnn, declared = network
    evaluator = Evaluator(rnn.system, RNN, declared)
    factor = derivative(h(t), h(t - 1), "immediate")
    got = evaluator.value(fold("prod-down", "t", 2, 3, factor))
    np.testing.assert_allclose(got, evaluator.value(derivative(h(3), h(1))), atol=1e-12)


def test_line(make_book):
    book = make_book()
    book.declare("u")
    u = symbol("u", ())
    v = book.define("v", power(u, literal(2)))
    w = book.define("w", hadamard(u, v))
    evaluator = Evaluator(book.system, {}, {("u", ()): np.array([3.0])})
    assert evaluator.value(derivative(w, u, "line")) == 9
    assert evaluator.value(derivative(w, v, "line")) == 3
    assert evaluator.value(derivative(w, u)) == 27
    assert evaluator.value(derivative(w, w, "line")) == 1
    assert evaluator.value(derivative(hadamard(u, w), u, "line")) == 27


def test_derivatives_inside_definitions(make_book):
    """D = ∂L/∂z with z = S x: D is differentiated like any other name."""
    book = make_book()
    for node in (x, S):
        book.declare(node.name, *node.shape)
    d = sample(book.system, SIZES, 2, seed=0)
    zz = book.define("zz", matmul(S, x))
    loss = book.define("L", along("logsumexp", zz))
    grad = book.define("D", derivative(loss, zz))
    evaluator = Evaluator(book.system, SIZES, d)
    p = evaluator.value(along("softmax", zz))
    jacobian = np.einsum("pi,ij->pij", p, np.eye(3)) - np.einsum("pi,pj->pij", p, p)
    np.testing.assert_allclose(evaluator.value(grad), p)
    np.testing.assert_allclose(evaluator.value(derivative(grad, zz)), jacobian, atol=1e-14)
    np.testing.assert_allclose(
        evaluator.value(derivative(grad, x)), jacobian @ d["S", ()], atol=1e-14
    )
    np.testing.assert_allclose(
        evaluator.value(derivative(derivative(loss, x), x)),
        np.swapaxes(d["S", ()], 1, 2) @ jacobian @ d["S", ()],
        atol=1e-14,
    )


def test_defined_by_its_own_derivative(make_book):
    book = make_book()
    book.declare("u")
    book.define("p", derivative(symbol("q", ()), symbol("u", ())))
    book.define("q", hadamard(symbol("p", ()), symbol("u", ())))
    with pytest.raises(EvaluationError, match="defined by itself"):
        Evaluator(book.system, {}, {("u", ()): np.ones(1)}).member("q")


# --- by an expression -------------------------------------------------------------------------


def test_by_an_expression(network):
    """∂E/∂(V h_2) is o_2 - y_2."""
    rnn, d = network
    evaluator = Evaluator(rnn.system, RNN, d)
    got = evaluator.value(derivative(E, matmul(V, h(2))))
    np.testing.assert_allclose(got, evaluator.member("o", (2,)) - d["y", (2,)], atol=1e-12)
    # the last step, by its other name
    last = evaluator.value(derivative(E, matmul(V, h("T"))))
    np.testing.assert_allclose(last, evaluator.member("o", (3,)) - d["y", (3,)], atol=1e-12)
    second = evaluator.value(derivative(derivative(E, matmul(V, h(2))), matmul(V, h(2))))
    p = evaluator.member("o", (2,))
    want = np.einsum("pi,ij->pij", p, np.eye(5)) - np.einsum("pi,pj->pij", p, p)
    np.testing.assert_allclose(second, want, atol=1e-12)


def test_by_an_expression_and_by_a_name(network):
    rnn, d = network
    evaluator = Evaluator(rnn.system, RNN, d)
    got = evaluator.value(derivative(derivative(E, matmul(V, h(2))), W))
    np.testing.assert_allclose(got, evaluator.value(derivative(o(2), W)), atol=1e-12)
    by_step = evaluator.value(derivative(symbol("E", (), [2]), matmul(V, h(2)), "immediate"))
    np.testing.assert_allclose(by_step, evaluator.member("o", (2,)) - d["y", (2,)], atol=1e-12)
    of_all = evaluator.value(derivative(E, matmul(V, h(2)), "immediate"))
    np.testing.assert_allclose(of_all, by_step, atol=1e-12)


def test_by_an_expression_that_does_not_occur(network):
    rnn, d = network
    with pytest.raises(NoValue, match="does not occur"):
        Evaluator(rnn.system, RNN, d).value(derivative(E, scale(2, matmul(V, h(2)))))


def test_by_components_and_permutations(plain):
    system, d = plain
    evaluator = Evaluator(system, SIZES, d)
    node = apply("tanh", matmul(A, x))
    full = evaluator.value(derivative(node, A))
    np.testing.assert_array_equal(
        evaluator.value(derivative(node, select(A, [2, None]))), full[:, :, 1, :]
    )
    np.testing.assert_array_equal(
        evaluator.value(derivative(node, permute(A, [1, 0]))), np.swapaxes(full, 2, 3)
    )


def test_symmetric_does_not_bind(make_book):
    book = make_book()
    s = book.declare("S", "n", "n", facts=["symmetric"])
    v = book.declare("x", "n")
    d = sample(book.system, SIZES, 2, seed=0)
    got = Evaluator(book.system, SIZES, d).value(
        derivative(contract([v, s, v], [[0], [0, 1], [1]], []), s)
    )
    np.testing.assert_allclose(got, np.einsum("pi,pj->pij", d["x", ()], d["x", ()]))


# --- the referee ------------------------------------------------------------------------------


def test_against_jax(network):
    jax = pytest.importorskip("jax")
    jnp = jax.numpy
    rnn, d = network
    jax.config.update("jax_enable_x64", True)
    point = {key: array[0] for key, array in d.items()}

    def loss(w, first):
        state, total = first, 0.0
        for s in (1, 2, 3):
            state = jnp.tanh(point["U", ()] @ point["x", (s,)] + w @ state)
            total -= point["y", (s,)] @ jax.nn.log_softmax(point["V", ()] @ state)
        return total

    evaluator = Evaluator(rnn.system, RNN, d)
    args = point["W", ()], point["h", (0,)]
    np.testing.assert_allclose(
        evaluator.value(derivative(E, W))[0], jax.grad(loss)(*args), rtol=1e-10
    )
    np.testing.assert_allclose(
        evaluator.value(derivative(derivative(E, W), W))[0],
        jax.hessian(loss)(*args),
        rtol=1e-9,
        atol=1e-12,
    )
    np.testing.assert_allclose(
        evaluator.value(derivative(derivative(E, W), h(0)))[0],
        jax.jacobian(jax.grad(loss), argnums=1)(*args),
        rtol=1e-9,
        atol=1e-12,
    )


def test_gradient_through_thousands_of_steps(make_rnn):
    book = make_rnn(3_000)
    sizes = {"n": 2, "m": 2, "k": 2}
    d = sample(book.system, sizes, 1, seed=0)
    got = Evaluator(book.system, sizes, d).value(derivative(E, W))
    moved = []
    for change in (1e-6, -1e-6):
        w = d["W", ()].copy()
        w[:, 0, 1] += change
        moved.append(Evaluator(book.system, sizes, {**d, ("W", ()): w}).member("E"))
    np.testing.assert_allclose(got[:, 0, 1], (moved[0] - moved[1]) / 2e-6, rtol=1e-4)


def test_deep_expression(plain):
    node: Node = x
    for _ in range(150):
        node = apply("sin", node)
    agrees(plain, node, x)
    agrees(plain, derivative(sum_axes(node), x), x)
