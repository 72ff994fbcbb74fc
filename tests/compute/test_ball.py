"""Ball arithmetic: what it says is certain, and it says enough."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backprove.compute.ball import Balls, balls, certainly_different, enclosure, interval
from backprove.compute.errors import NoValue
from backprove.compute.evaluate import Evaluator
from backprove.compute.points import sample
from backprove.model.entity import Entity, System
from backprove.tensor.build import (
    add,
    along,
    apply,
    broadcast,
    build,
    constant,
    derivative,
    determinant,
    diagonal_matrix,
    fold,
    hadamard,
    inverse,
    literal,
    matmul,
    outer,
    power,
    scale,
    scatter,
    select,
    stack,
    sum_axes,
    symbol,
    times,
    where,
)
from backprove.tensor.build import test as relation
from backprove.tensor.nodes import Node
from backprove.tensor.whole import Whole, shape

SIZES = {"n": 3}
x, S = symbol("x", shape("n")), symbol("S", shape("n", "n"))
i = Whole.of("i")


@pytest.fixture(scope="module")
def both():
    system = System()
    for node in (x, S):
        system.add(Entity(node.name, (), (), node.shape))
    declared = sample(system, SIZES, 1, seed=4)
    return Evaluator(system, SIZES, declared), Evaluator(system, SIZES, balls(declared), Balls())


def agree(both, node: Node) -> None:
    """The float's value lies within its rounding error of a narrow ball."""
    floats, certain = both
    middle, radius = interval(certain.value(node))
    plain = floats.value(node)
    assert middle.shape == plain.shape
    size = np.maximum(np.abs(plain), 1)
    assert (radius <= 1e-25 * size).all()
    assert (np.abs(plain - middle) <= 1e-11 * size).all()


FUNCTIONS = [
    "exp",
    "log",
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
]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_elementwise(both, name):
    inner = power(x, literal(2)) if name == "log" else x
    agree(both, apply(name, inner))
    agree(both, derivative(apply(name, inner), x))
    agree(both, derivative(derivative(sum_axes(apply(name, inner)), x), x))


@pytest.mark.parametrize("name", ["max", "min", "greater", "greater-equal", "equal"])
def test_of_two(both, name):
    agree(both, apply(name, x, matmul(S, x)))
    agree(both, derivative(apply(name, x, matmul(S, x)), x))


EXPRESSIONS = {
    "constants": times(constant("e"), times(constant("π"), x)),
    "softmax": along("softmax", matmul(S, x)),
    "logsumexp": along("logsumexp", S),
    "max": along("max", S),
    "min": along("min", apply("exp", x)),
    "inverse": inverse(S),
    "determinant": determinant(S),
    "logdet": determinant(S, log=True),
    "norm": power(matmul(x, x), literal(Fraction(1, 2))),
    "third": power(power(x, literal(2)), literal(Fraction(-1, 3))),
    "triangle": build(
        ["i"], ["n"], fold("sum", "j", 1, i, hadamard(select(x, [i]), select(x, [Whole.of("j")])))
    ),
    "guarded": build(["i"], ["n"], where(relation("<", i, 3), select(x, [i + 1]), literal(2))),
    "scatter": fold("sum", "i", 1, "n", scatter(select(x, [i]), [4 - i], shape("n"))),
    "product": fold("prod", "i", 1, 2, S),
    "diag": matmul(diagonal_matrix(x), S),
    "stack": stack([x, scale(Fraction(1, 3), x)]),
}


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_expressions(both, name):
    agree(both, EXPRESSIONS[name])
    agree(both, derivative(EXPRESSIONS[name], x))
    agree(both, derivative(EXPRESSIONS[name], S))


def test_hessian(both):
    node = along("logsumexp", add([(1, x), (1, matmul(S, apply("tanh", x)))]))
    agree(both, derivative(derivative(node, x), x))


def test_recurrent_network(rnn):
    sizes = {"n": 2, "m": 3, "k": 2, "T": 3}
    declared = sample(rnn.system, sizes, 1, seed=0)
    pair = (
        Evaluator(rnn.system, sizes, declared),
        Evaluator(rnn.system, sizes, balls(declared), Balls()),
    )
    loss, w = symbol("E", ()), symbol("W", shape("m", "m"))
    agree(pair, loss)
    agree(pair, derivative(loss, w))
    agree(pair, derivative(derivative(loss, w), symbol("h", shape("m"), [1])))


@settings(max_examples=80, deadline=None)
@given(value=st.floats(-30, 30), name=st.sampled_from([f for f in FUNCTIONS if f != "log"]))
def test_encloses_exactly(value, name):
    """The ball at 128 bits lies in the ball at 24 bits, which is wide."""
    system = System()
    system.add(Entity("v", (), (), ()))
    node = apply(name, symbol("v", ()))
    values = {("v", ()): np.array([value])}
    bounds = []
    for bits in (24, 256):
        with Balls(bits).context():
            ball = Evaluator(system, {}, balls(values), Balls(bits)).value(node)
        if not ball.item().is_finite():
            return
        bounds.append(enclosure(ball))
    (low, high), (narrow_low, narrow_high) = bounds
    assert low <= narrow_high
    assert narrow_low <= high
    plain = Evaluator(system, {}, values).value(node).item()
    assert abs(Fraction(plain) - narrow_low) <= Fraction(1e-9) * (1 + abs(Fraction(plain)))


def test_undecided_is_nan(both):
    _, certain = both
    # tanh² + 1/cosh² is 1, but no ball knows that it is not larger or smaller
    one = add([(1, power(apply("tanh", x), literal(2))), (1, power(apply("cosh", x), literal(-2)))])
    rest = add([(1, one), (-1, power(one, literal(0)))])
    for node in (apply("step", rest), apply("sign", rest), apply("greater", rest, scale(2, rest))):
        assert all(b.is_nan() for b in certain.value(node).flat)
    undecided = where(select(apply("step", rest), [1]), x, scale(2, x))
    assert all(b.is_nan() for b in certain.value(undecided).flat)
    # a continuous function still has an enclosure
    middle, radius = interval(certain.value(apply("relu", rest)))
    assert (np.abs(middle) + radius < 1e-30).all()


def test_no_value_is_nan(both):
    _, certain = both
    for node in (
        apply("log", literal(-1)),
        select(x, [4]),
        build(["i"], ["n"], select(x, [i + 3])),
        inverse(outer(x, x)),
        power(literal(-1), literal(Fraction(1, 2))),
        power(literal(0), literal(-1)),
    ):
        assert all(b.is_nan() for b in certain.value(node).flat)
    with pytest.raises(NoValue):
        enclosure(certain.value(apply("log", literal(-1))))


def test_certainly_different(both):
    _, certain = both
    p = certain.value(along("softmax", x))
    same = certain.value(
        apply("exp", add([(1, x), (-1, broadcast(along("logsumexp", x), x.shape))]))
    )
    assert not certainly_different(p, same)
    with Balls().context():
        moved = p + Balls().number(Fraction(1, 10**20))
    assert certainly_different(p, moved)
    assert not certainly_different(p, certain.value(select(x, [9])) + p)


def test_enclosure_decides_a_rounding(both):
    _, certain = both
    low, high = enclosure(certain.value(scale(Fraction(1217, 10**5), literal(1))))
    assert low <= Fraction(1217, 10**5) <= high
    assert high - low < Fraction(1, 10**30)
    exact = enclosure(certain.value(literal(Fraction(3, 8))))
    assert exact == (Fraction(3, 8), Fraction(3, 8))
