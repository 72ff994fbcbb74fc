"""What expressions are worth: each kind of node, open indices, members, and what has no value."""

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
    constant,
    contract,
    count,
    determinant,
    diagonal_matrix,
    fold,
    hadamard,
    identity,
    inverse,
    literal,
    matmul,
    ones,
    outer,
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
    zero,
)
from backprove.tensor.build import (
    test as relation,
)
from backprove.tensor.nodes import Contract, Node
from backprove.tensor.whole import Whole, shape

SIZES = {"n": 3, "m": 4, "k": 2}
x = symbol("x", shape("n"))
z = symbol("z", shape("n"))
a = symbol("a", ())
A = symbol("A", shape("m", "n"))
S = symbol("S", shape("n", "n"))
X = symbol("X", shape("k", "m", "n"))
i, j, t = Whole.of("i"), Whole.of("j"), Whole.of("t")


@pytest.fixture
def values(make_book):
    book = make_book()
    for node in (x, z, a, A, S, X):
        book.declare(node.name, *node.shape)
    declared = sample(book.system, SIZES, 5, seed=1)
    return book.system, declared


def check(values, node: Node, expected) -> None:
    system, declared = values
    plain = {name: array for (name, _), array in declared.items()}
    got = Evaluator(system, SIZES, declared).value(node)
    want = np.stack([np.asarray(expected(**{n: v[p] for n, v in plain.items()})) for p in range(5)])
    assert got.shape == want.shape
    np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-12)


CASES = {
    "number": (literal(Fraction(1, 3)), lambda **v: 1 / 3),
    "pi": (constant("π"), lambda **v: np.pi),
    "e times x": (times(constant("e"), x), lambda x, **v: np.e * x),
    "size as number": (count(Whole.of("n") * 2 + 1), lambda **v: 7.0),
    "linear combination": (add([(2, x), (-1, z)]), lambda x, z, **v: 2 * x - z),
    "zero": (zero(shape("m", "k")), lambda **v: np.zeros((4, 2))),
    "ones": (ones(shape("m")), lambda **v: np.ones(4)),
    "identity": (identity("n"), lambda **v: np.eye(3)),
    "matrix times vector": (matmul(A, x), lambda A, x, **v: A @ x),
    "transpose": (transpose(A), lambda A, **v: A.T),
    "matrix product": (matmul(A, S), lambda A, S, **v: A @ S),
    "three factors": (
        matmul(matmul(A, S), hadamard(x, z)),
        lambda A, S, x, z, **v: A @ S @ (x * z),
    ),
    "outer": (outer(x, z), lambda x, z, **v: np.outer(x, z)),
    "trace": (contract([S], [[0, 0]], []), lambda S, **v: np.trace(S)),
    "diagonal": (contract([S], [[0, 0]], [0]), lambda S, **v: np.diag(S)),
    "diag": (diagonal_matrix(x), lambda x, **v: np.diag(x)),
    "placed on the diagonal": (
        Contract.intern(shape("n", "n"), frozenset(), (x,), (x,), ((0,),), (0, 0)),
        lambda x, **v: np.diag(x),
    ),
    "placed between": (
        Contract.intern(shape("n", "m", "n"), frozenset(), (A,), (A,), ((0, 1),), (1, 0, 1)),
        lambda A, **v: np.einsum("mn,np->nmp", A, np.eye(3)),
    ),
    "sum of all": (sum_axes(X), lambda X, **v: X.sum()),
    "order 3 times matrix": (matmul(X, S), lambda X, S, **v: X @ S),
    "scalar array product": (times(a, A), lambda a, A, **v: a * A),
    "square": (power(x, literal(2)), lambda x, **v: x**2),
    "cube": (power(x, literal(3)), lambda x, **v: x**3),
    "reciprocal": (power(x, literal(-1)), lambda x, **v: 1 / x),
    "open power": (power(power(x, literal(2)), a), lambda x, a, **v: (x**2) ** a),
    "softmax of rows": (
        along("softmax", A),
        lambda A, **v: np.exp(A) / np.exp(A).sum(1, keepdims=True),
    ),
    "logsumexp": (along("logsumexp", x), lambda x, **v: np.log(np.exp(x).sum())),
    "max": (along("max", A), lambda A, **v: A.max(1)),
    "min": (along("min", x), lambda x, **v: x.min()),
    "inverse": (inverse(S), lambda S, **v: np.linalg.inv(S)),
    "determinant": (determinant(S), lambda S, **v: np.linalg.det(S)),
    "logdet": (determinant(S, log=True), lambda S, **v: np.log(abs(np.linalg.det(S)))),
    "component": (select(A, [2, None]), lambda A, **v: A[1]),
    "column": (select(A, [None, 3]), lambda A, **v: A[:, 2]),
    "scatter": (scatter(a, [2], shape("n")), lambda a, **v: a * np.eye(3)[1]),
    "scatter a row": (
        scatter(x, [1, None], shape("m", "n")),
        lambda x, **v: np.outer(np.eye(4)[0], x),
    ),
    "scatter outside": (scatter(a, [4], shape("n")), lambda **v: np.zeros(3)),
    "stack": (stack([x, z]), lambda x, z, **v: np.stack([x, z])),
    "stack with numbers": (stack([a, literal(2)]), lambda a, **v: np.array([a, 2])),
    "concat": (concat([A, S]), lambda A, S, **v: np.concatenate([A, S])),
    "reshape": (reshape(A, shape(Whole.of("m") * "n")), lambda A, **v: A.reshape(-1)),
    "where": (where(apply("greater", a, literal(0)), x, z), lambda a, x, z, **v: x if a > 0 else z),
    # open indices
    "sum of components": (fold("sum", "i", 1, "n", select(x, [i])), lambda x, **v: x.sum()),
    "weighted": (
        fold("sum", "i", 1, "n", hadamard(count(i), select(x, [i]))),
        lambda x, **v: x @ [1, 2, 3],
    ),
    "sum that skips": (
        fold("sum", "i", 1, "n", hadamard(relation("≠", "i", 2), select(x, [i]))),
        lambda x, **v: x[0] + x[2],
    ),
    "sum of what does not depend": (fold("sum", "i", 1, "n", x), lambda x, **v: 3 * x),
    "empty sum": (fold("sum", "i", 1, 0, x), lambda **v: np.zeros(3)),
    "empty product": (fold("prod", "i", 1, 0, x), lambda **v: np.ones(3)),
    "empty matrix product": (fold("prod", "i", 1, 0, S), lambda **v: np.eye(3)),
    "product": (fold("prod", "i", 1, "n", select(x, [i])), lambda x, **v: x.prod()),
    "product of matrices": (
        fold("prod", "i", 1, 3, times(count(i), S)),
        lambda S, **v: 6 * S @ S @ S,
    ),
    "build": (
        build(["i", "j"], ["m", "n"], hadamard(select(A, [i, j]), select(z, [j]))),
        lambda A, z, **v: A * z,
    ),
    "build of rows": (
        build(["i"], ["n"], times(select(x, [i]), z)),
        lambda x, z, **v: np.outer(x, z),
    ),
    "build of constant": (build(["i", "j"], ["n", "k"], a), lambda a, **v: np.full((3, 2), a)),
    "build over a sum": (
        build(["i"], ["m"], fold("sum", "j", 1, "n", hadamard(select(A, [i, j]), select(x, [j])))),
        lambda A, x, **v: A @ x,
    ),
    "triangle": (
        fold("sum", "i", 1, "n", fold("sum", "j", 1, i, hadamard(select(x, [i]), select(z, [j])))),
        lambda x, z, **v: sum(x[p] * z[q] for p in range(3) for q in range(p + 1)),
    ),
    "triangle with empty rows": (
        build(["i"], ["n"], fold("prod", "j", 1, i - 1, select(x, [j]))),
        lambda x, **v: np.array([1, x[0], x[0] * x[1]]),
    ),
    "kronecker": (build(["i", "j"], ["n", "n"], relation("=", i, j)), lambda **v: np.eye(3)),
    "gathered from what depends": (
        build(["i"], ["n"], select(times(select(x, [i]), z), [i])),
        lambda x, z, **v: x * z,
    ),
    "gathered twice": (
        build(["i", "j"], ["n", "n"], select(times(select(x, [j]), z), [i])),
        lambda x, z, **v: np.outer(z, x),
    ),
    "scatter by an open index": (
        fold("sum", "i", 1, "n", scatter(select(x, [i]), [4 - i], shape("n"))),
        lambda x, **v: x[::-1],
    ),
    "correlation": (
        build(["i"], [2], fold("sum", "j", 1, 2, hadamard(select(x, [i + j - 1]), select(z, [j])))),
        lambda x, z, **v: np.correlate(x, z[:2]),
    ),
    "case that guards a component": (
        build(["i"], ["n"], where(relation("<", i, 3), select(x, [i + 1]), a)),
        lambda x, a, **v: np.array([x[1], x[2], a]),
    ),
    "open power of an index": (
        build(["i"], ["n"], power(a, count(i))),
        lambda a, **v: a ** np.arange(1, 4),
    ),
    "stack in a build": (
        build(["i"], ["n"], stack([select(x, [i]), a])),
        lambda x, a, **v: np.stack([x, np.full(3, a)], 1),
    ),
    "concat in a build": (
        build(["i"], ["n"], concat([times(select(x, [i]), z), x])),
        lambda x, z, **v: np.concatenate([np.outer(x, z), np.tile(x, (3, 1))], 1),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_meaning(values, name):
    check(values, *CASES[name])


@pytest.mark.parametrize("down", [False, True])
def test_product_order(make_book, down):
    book = make_book()
    m = book.declare("M", 2, 2, index=["t"], over=[("t", 1, 3)])
    declared = sample(book.system, {}, 2, seed=0)
    got = Evaluator(book.system, {}, declared).value(
        fold("prod-down" if down else "prod", "t", 1, 3, m)
    )
    m1, m2, m3 = (declared["M", (k,)] for k in (1, 2, 3))
    np.testing.assert_allclose(got, m3 @ m2 @ m1 if down else m1 @ m2 @ m3)


FUNCTIONS = {
    "exp": np.exp,
    "log": np.log,
    "tanh": np.tanh,
    "sin": np.sin,
    "cos": np.cos,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "abs": np.abs,
    "sign": np.sign,
    "sigmoid": lambda v: 1 / (1 + np.exp(-v)),
    "relu": lambda v: np.maximum(v, 0),
    "softplus": lambda v: np.log1p(np.exp(v)),
    "silu": lambda v: v / (1 + np.exp(-v)),
    "step": lambda v: (v > 0) * 1.0,
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_elementwise(values, name):
    check(values, apply(name, power(x, literal(2))), lambda x, **v: FUNCTIONS[name](x**2))
    if name != "log":
        check(values, apply(name, x), lambda x, **v: FUNCTIONS[name](x))


@pytest.mark.parametrize("name", ["erf", "gelu"])
def test_error_function(values, name):
    from math import erf

    plain = np.vectorize(erf)
    known = {"erf": plain, "gelu": lambda v: v * (1 + plain(v / np.sqrt(2))) / 2}
    check(values, apply(name, x), lambda x, **v: known[name](x))


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("max", np.maximum),
        ("min", np.minimum),
        ("greater", np.greater),
        ("greater-equal", np.greater_equal),
        ("equal", np.equal),
    ],
)
def test_of_two(values, name, plain):
    check(values, apply(name, x, z), lambda x, z, **v: plain(x, z) * 1.0)
    check(values, apply(name, x, x), lambda x, **v: plain(x, x) * 1.0)


def test_large_numbers_do_not_overflow(values):
    system, declared = values
    big = scale(5000, x)
    evaluator = Evaluator(system, SIZES, declared)
    for node in (
        along("softmax", big),
        along("logsumexp", big),
        apply("sigmoid", big),
        apply("softplus", big),
    ):
        assert np.isfinite(evaluator.value(node)).all()


# --- what has no value ------------------------------------------------------------------------


@pytest.mark.parametrize("at", [0, 4, Whole.of("n") + 1])
def test_component_outside_is_nan(values, at):
    system, declared = values
    assert np.isnan(Evaluator(system, SIZES, declared).value(select(x, [at]))).all()


def test_component_outside_in_a_sum_is_nan(values):
    system, declared = values
    evaluator = Evaluator(system, SIZES, declared)
    got = evaluator.value(build(["i"], ["n"], select(x, [i + 1])))
    np.testing.assert_array_equal(np.isnan(got), [[False, False, True]] * 5)
    assert np.isnan(evaluator.value(fold("sum", "i", 0, 2, select(x, [i])))).all()


def test_place_that_is_not_whole_is_nan(values):
    system, declared = values
    got = Evaluator(system, SIZES, declared).value(build(["i"], [4], select(x, [i.divide(2)])))
    np.testing.assert_array_equal(np.isnan(got[0]), [True, False, True, False])


def test_outside_the_domain_is_nan(values):
    system, declared = values
    assert np.isnan(Evaluator(system, SIZES, declared).value(apply("log", literal(-1)))).all()


def test_missing_member(rnn):
    sizes = {"n": 3, "m": 4, "k": 2, "T": 3}
    evaluator = Evaluator(rnn.system, sizes, sample(rnn.system, sizes, 2, seed=0))
    for name, at in [("h", (4,)), ("h", (-1,)), ("q", ()), ("o", (0,))]:
        with pytest.raises(NoValue, match="does not exist"):
            evaluator.member(name, at)
    # where the case is not taken it does not matter
    h7 = symbol("h", shape("m"), [7])
    taken = where(relation("<", Whole.of("T"), 5), symbol("h", shape("m"), [1]), h7)
    assert evaluator.value(taken).shape == (2, 4)
    guarded = fold(
        "sum",
        "t",
        1,
        "T",
        where(relation("<", t, "T"), symbol("h", shape("m"), [t + 1]), zero(shape("m"))),
    )
    np.testing.assert_allclose(
        evaluator.value(guarded), evaluator.member("h", (2,)) + evaluator.member("h", (3,))
    )


def test_zero_outside(make_book):
    book = make_book()
    over = [("t", 1, 3)]
    g = book.declare("g", 2, index=["t"], over=over)
    after = symbol("d", shape(2), [t + 1])
    book.define("d", add([(1, g), (2, after)]), ["t"], over, zero_outside=True)
    declared = sample(book.system, {}, 2, seed=0)
    evaluator = Evaluator(book.system, {}, declared)
    g1, g2, g3 = (declared["g", (k,)] for k in (1, 2, 3))
    np.testing.assert_allclose(evaluator.member("d", (1,)), g1 + 2 * g2 + 4 * g3)
    np.testing.assert_array_equal(evaluator.member("d", (4,)), np.zeros((2, 2)))


def test_defined_by_itself(make_book):
    book = make_book()
    book.define("p", symbol("q", ()))
    book.define("q", symbol("p", ()))
    book.define("r", symbol("r", (), [t]), ["t"], [("t", 1, 3)])
    evaluator = Evaluator(book.system, {}, {})
    for name, at in [("p", ()), ("r", (2,))]:
        with pytest.raises(EvaluationError, match="defined by itself"):
            evaluator.member(name, at)


def test_long_cycle(make_book):
    book = make_book()
    ring = where(relation("<", t, 3000), symbol("r", (), [t + 1]), symbol("r", (), [1]))
    book.define("r", ring, ["t"], [("t", 1, 3000)])
    with pytest.raises(EvaluationError, match="defined by itself"):
        Evaluator(book.system, {}, {}).member("r", (7,))


def test_family_without_bounds(make_book):
    book = make_book()
    book.declare("s", index=[0])
    book.define("s", scale(2, symbol("s", (), [t - 1])), ["t"], [("t", None, None)])
    evaluator = Evaluator(book.system, {}, {("s", (0,)): np.array([3.0])})
    assert evaluator.member("s", (5,)) == 96
    with pytest.raises(NoValue, match="never comes to an end"):
        evaluator.member("s", (-1,))


def test_sizes_and_values_that_are_missing(book):
    v = book.declare("v", "n")
    with pytest.raises(EvaluationError, match="size n"):
        Evaluator(book.system, {}, {}).value(ones(shape("n")))
    with pytest.raises(EvaluationError, match="given no value"):
        Evaluator(book.system, {"n": 2}, {}).value(v)
    with pytest.raises(EvaluationError, match="no number"):
        Evaluator(book.system, {"n": 2}, {("v", ()): np.ones((1, 2))}).value(select(v, [i]))


# --- recurrences ------------------------------------------------------------------------------


def test_recurrent_network(rnn):
    sizes = {"n": 3, "m": 4, "k": 5, "T": 3}
    d = sample(rnn.system, sizes, 4, seed=3)
    loss = 0
    h = d["h", (0,)]
    for s in (1, 2, 3):
        h = np.tanh(
            np.einsum("pij,pj->pi", d["U", ()], d["x", (s,)])
            + np.einsum("pij,pj->pi", d["W", ()], h)
        )
        o = np.einsum("pij,pj->pi", d["V", ()], h)
        loss = loss - (d["y", (s,)] * (o - np.log(np.exp(o).sum(1, keepdims=True)))).sum(1)
    np.testing.assert_allclose(Evaluator(rnn.system, sizes, d).member("E"), loss)


def test_thousands_of_steps(make_rnn):
    book = make_rnn(3_000)
    sizes = {"n": 2, "m": 3, "k": 2}
    declared = sample(book.system, sizes, 1, seed=0)
    evaluator = Evaluator(book.system, sizes, declared)
    assert np.isfinite(evaluator.member("E")).all()


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_contraction_is_einsum(data):
    """Random labels, with repeats within operands and in the result."""
    from backprove.compute.contraction import plan
    from backprove.compute.floats import FLOATS

    sizes = [2, 3, 2, 4]
    label = st.integers(0, 3)
    labels = data.draw(
        st.lists(st.lists(label, max_size=3).map(tuple), min_size=1, max_size=4).map(tuple)
    )
    present = sorted({name for names in labels for name in names})
    out = tuple(data.draw(st.lists(st.sampled_from(present), max_size=3))) if present else ()
    random = np.random.default_rng(0)
    operands = [random.standard_normal((2, *(sizes[n] for n in names))) for names in labels]
    got = plan(labels, out).run(FLOATS, operands)
    letters = "abcd"
    unique = tuple(dict.fromkeys(out))
    formula = ",".join("z" + "".join(letters[n] for n in names) for names in labels)
    want = np.einsum(formula + "->z" + "".join(letters[n] for n in unique), *operands)
    if unique != out:
        full = np.zeros((2, *(sizes[n] for n in out)))
        for at in np.ndindex(*full.shape[1:]):
            places = {}
            if all(places.setdefault(n, k) == k for n, k in zip(out, at, strict=True)):
                full[(slice(None), *at)] = want[(slice(None), *(places[n] for n in unique))]
        want = full
    np.testing.assert_allclose(got, want, atol=1e-12)
