"""What is written means the same when it is read again, and reads like a textbook."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from backprove.compute.evaluate import Evaluator
from backprove.compute.points import sample, sizes_for
from backprove.model.meaning import meaning
from backprove.model.scope import Scope
from backprove.model.text import read_model
from backprove.model.value import fit_shapes
from backprove.model.write import (
    Letters,
    NoMatrixForm,
    written,
    written_components,
    written_index,
    written_name,
)
from backprove.notation.latex import to_latex
from backprove.notation.reader import read_expression
from backprove.notation.syntax import Expr
from backprove.notation.unicode import to_unicode
from backprove.tensor import build as b
from backprove.tensor.nodes import Node, Ones, walk
from backprove.tensor.whole import Whole

MODEL = read_model(r"""
x, u, v, w in R^n
p, q, y in R^m
A, B, C in R^{n x n}
W, V in R^{m x n}
S in R^{n x n} invertible
F, G in R^{m x n x k}
h_t in R^m for t = 0..T
c_t in R for t = 1..T
M^{(l)} in R^{m x n} for l = 1..2
W_c in R^{m x n}
λ, ε in R positive
r in R^n positive
P in R^{m x n} positive
""")
SIZES = sizes_for(MODEL, 0)
VALUES = Evaluator(MODEL, SIZES, sample(MODEL, SIZES, 4, seed=1))


def read(text: str, indices: Sequence[str] = ()) -> Node:
    return understood(read_expression(text, MODEL.names()), indices)


def understood(expr: Expr, indices: Sequence[str] = ()) -> Node:
    value = meaning(expr, Scope(MODEL, {i: Whole.of(i) for i in indices}))
    assert not value.row, "a row is not a vector"
    return value.node


def same(node: Node, other: Node) -> None:
    """Equal shapes (where `other` knows its own) and equal values."""
    if not other.shape and node.shape:
        other = b.broadcast(other, node.shape)  # a number spreads
    fitted = fit_shapes(node, other)
    assert fitted is not None, f"{other.shape} for {node.shape}"
    np.testing.assert_allclose(
        VALUES.value(fitted[1]), VALUES.value(node), rtol=1e-8, atol=1e-8, equal_nan=True
    )


def entries(node: Node, indices: Sequence[str], entry: Node) -> None:
    same(node, b.build(indices, node.shape, entry) if indices else entry)


def check(node: Node) -> bool:
    """Write and read back, as a tree and as text; whether there was a matrix form."""
    indices = "ijls"[: node.rank]
    names = MODEL.names()
    try:
        expr = written(node)
    except NoMatrixForm:
        expr = None
    if expr is not None:
        same(node, understood(expr))
        same(node, understood(read_expression(to_latex(expr), names)))
        same(node, understood(read_expression(to_unicode(expr), names)))
    try:
        part = written_components(node, indices)
    except NoMatrixForm:  # a row of I inside a softmax, say
        return expr is not None
    entries(node, indices, understood(part, indices))
    entries(node, indices, understood(read_expression(to_latex(part), names), indices))
    return expr is not None


# --- like a textbook ------------------------------------------------------------------------------

#: as written by a person in plain text, and as written back
TEXTBOOK = {
    "W^T (p - y) x^T": "Wᵀ(p − y) xᵀ",
    "(W^T p) ⊙ (1 - x^2)": "Wᵀ p ⊙ (1 − x²)",
    "(V^T (p - y) + W^T h_1) ⊙ (1 - u^2)": "(Vᵀ(p − y) + Wᵀ h_1) ⊙ (1 − u²)",
    "W^T diag(p ⊙ (1 - p)) W": "Wᵀ diag(p ⊙ (1 − p)) W",
    "W^T (p ⊙ (W x))": "Wᵀ(p ⊙ W x)",
    "diag(1 - p^2) W": "diag(1 − p²) W",
    "-u + x": "x − u",
    "-x^2 + 1": "1 − x²",
    "-λ x - v": "−λ x − v",
    "x^T A B v": "xᵀ A B v",
    "tr(A B C)": "tr(A B C)",
    "tr(A^T B)": "sum(A ⊙ B)",
    "diag(A B)": "diag(A B)",
    "A ⊙ (x v^T)": "diag(x) A diag(v)",
    "sum(A x)": "sum(A x)",
    "A x + A^T x": "A x + Aᵀ x",
    "sum(u ⊙ v ⊙ w)": "sum(u ⊙ v ⊙ w)",
    "sum(x * x)": "‖x‖²",
    "sqrt(sum(A ⊙ A))": "‖A‖_F",
    "(x^T v) (w^T x) A": "(xᵀ v)(wᵀ x) A",
    "A ones": "A 𝟏",
    "p ones^T + W": "p 𝟏ᵀ + W",
    "λ I + A": "λ I + A",
    "S^{-T} x": "S⁻ᵀ x",
    "log det(S)": "log det(S)",
    "diag(softmax(x)) - softmax(x) softmax(x)^T": "diag(softmax(x)) − softmax(x) softmax(x)ᵀ",
    "-sum(y * log(p))": "−yᵀ log(p)",
    "x / norm(x)": "x/‖x‖",
    "x ⊘ v": "x ⊘ v",
    "1 / r": "1 ⊘ r",
    "(x - mean(x)) / sqrt(λ + ε)": "(x − sum(x)/n)/√(λ + ε)",
    "x^T v / (n λ)": "xᵀ v/(n λ)",
    "sum((W x - y)^2) / (2 m)": "‖W x − y‖²/(2 m)",
    "λ^2 x^3 / 7": "1/7 λ² x³",
    "0.9 x + 0.1 v": "0.9 x + 0.1 v",
    "max(0, W x)": "max(0, W x)",
    "1[x > 0]": "1[x > 0]",
    "1[n = 3] x": "1[n = 3] x",
    "[x; v]": "[x; v]",
    "[1, 2, λ]": "[1, 2, λ]",
    "vec(A)": "vec(A)",
    "A ⊗ B": "A ⊗ B",
    "max(x)": "max(x)",
    "F + F": "2 F",
    "F ⊙ tanh(G)": "F ⊙ tanh(G)",
    "W[1] ⊙ x": "W[1] ⊙ x",
    "x_1 p_2": "x_1 p_2",
    "h_1[2] x": "h_1[2] x",
    "W_c x": "W_c x",
    "M^{(1)T} p": "M⁽¹⁾ᵀ p",
    "sum_{t=1}^T -h_t^T h_{t-1}": "−Σ_{t=1}^{T} h_tᵀ h_{t−1}",
    "sum_{i=2}^n x_i / i": "Σ_{i=2}^{n} x_i/i",
    r"\sum_{i \ne 2} x_i": "Σ_{i=1, i ≠ 2}^{n} x_i",
    r"\prod_{i=1}^n x_i": "Π_{i=1}^{n} x_i",
    "{x if n > 2; v otherwise}": "{x if 2 < n; v otherwise}",
    "e": "e",
    "c_2 x": "c_2 x",
    "c": "c",
    "A A A": "A A A",
    "exp(x) / sum(exp(x))": "exp(x)/sum(exp(x))",
    "∂(x^T A x)/∂x": "∂(xᵀ A x)/∂x",
    "(∂(x^T x)/∂x)[1]": "∂(‖x‖²)/∂x_1",
    "∂^2(x^T x)/∂x∂x^T": "∂²(‖x‖²)/∂x∂xᵀ",
}


@pytest.mark.parametrize(("text", "shown"), TEXTBOOK.items())
def test_textbook(text: str, shown: str) -> None:
    node = read(text)
    assert to_unicode(written(node)) == shown
    assert check(node)


def test_components() -> None:
    third = b.contract([read("F"), read("x")], ["mnk", "n"], "mk")
    with pytest.raises(NoMatrixForm):
        written(third)
    assert to_unicode(written_components(third, "il")) == "Σ_{j=1}^{n} F[i, j, l] x_j"
    jacobian = b.contract([read("x"), b.identity("m")], ["l", "ij"], "ijl")
    assert to_unicode(written_components(jacobian, "ijl")) == "{x_l if i = j; 0 otherwise}"
    product = read("A B - λ I")
    shown = "Σ_{j=1}^{n} A[i, j] B[j, l] − 1[i = l] λ"
    assert to_unicode(written_components(product, "il")) == shown
    for node in (third, jacobian, product):
        check(node)


def test_a_sum_over_places_of_an_array_becomes_a_shift() -> None:
    """The adjoint of a convolution, as reverse mode makes it, loses its sums."""
    inner = b.contract([b.select(read("p"), ["a"]), b.select(read("x"), ["c"])], ["", ""], "")
    at = [Whole.of("a") + Whole.of("c") - 1]
    node = b.scatter(inner, at, (Whole.of("m") + "n" - 1,))
    node = b.fold("sum", "a", 1, "m", b.fold("sum", "c", 1, "n", node))
    with pytest.raises(NoMatrixForm):
        written(node)
    expr = written_components(node, "i")
    assert to_unicode(expr) == "Σ_{a=1, 1 ≤ i − a + 1 ≤ n}^{m} p_a x[i−a+1]"
    entries(node, "i", understood(expr, "i"))


def test_letters() -> None:
    third = b.contract([read("F"), read("x")], ["mnk", "n"], "mk")
    preferred = Letters(indices=("i", "q", "s"), taken=frozenset("q"))
    assert to_unicode(written_components(third, "il", preferred)) == "Σ_{s=1}^{n} F[i, s, l] x_s"
    shadowed = b.fold("sum", "t′", 1, "n", b.select(read("x"), ["t′"]))
    assert to_unicode(written(shadowed)) == "Σ_{i=1}^{n} x_i"


def test_a_name_for_the_identity_or_e_is_not_taken_for_it() -> None:
    taken = Letters(taken=frozenset({"I", "e"}))
    assert to_unicode(written(read("λ I + A"), taken)) == "λ diag(𝟏) + A"
    assert to_unicode(written(read("e"), taken)) == "exp(1)"


@pytest.mark.parametrize(
    ("name", "index", "shown"),
    [
        ("W_c", (), "W_c"),
        ("W_c", ("t",), "W_c[t]"),
        ("W^", (2,), "W⁽²⁾"),
        ("h", (Whole.of("t") - 1,), "h_{t−1}"),
        ("h^", ("l", "t"), "h^{(l)}_t"),
        ("δ^h", ("t",), "δ^{(h)}_t"),
        ("δ^h", (), "δ^{(h)}"),
        ("h̄", (1,), "h̄_1"),
    ],
)
def test_names(name: str, index: tuple[Whole | str | int, ...], shown: str) -> None:
    assert to_unicode(written_name(name, tuple(Whole.of(i) for i in index))) == shown


@pytest.mark.parametrize(
    ("whole", "shown"),
    [
        (Whole.of("T") - 1, "T − 1"),
        (3 - Whole.of("t"), "3 − t"),
        (2 * Whole.of("r") + "i" - 2, "2(r − 1) + i"),
        ((Whole.of("n") - 1).divide(2), "(n − 1)/2"),
        (Whole.of("n_1") * "m", "m n_1"),
        (Whole.of(0), "0"),
        (Whole.of(-2), "−2"),
    ],
)
def test_whole_numbers(whole: Whole, shown: str) -> None:
    assert to_unicode(written_index(whole)) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (Fraction(1, 2), "1/2"),
        (Fraction(9, 10), "0.9"),
        (Fraction(44715, 1000000), "0.044715"),
        (Fraction(-5, 4), "−5/4"),
        (Fraction(21, 20), "1.05"),
        (7, "7"),
    ],
)
def test_numbers(value: Fraction, shown: str) -> None:
    assert to_unicode(written(b.literal(value))) == shown


# --- the same again -------------------------------------------------------------------------------

POOL = {
    "": ("λ", "ε", "x_1"),
    "n": ("x", "v", "r", "u"),
    "m": ("p", "q", "h_1"),
    "nn": ("A", "B", "S", "C"),
    "mn": ("W", "V", "P", "W_c"),
    "mnk": ("F", "G"),
}
LETTERS = {"n": ("n1", "n2", "n3"), "m": ("m1", "m2"), "k": ("k1",)}
TWISTS = (
    lambda node: node,
    lambda node: node,
    b.square,
    lambda node: b.scale(-2, node),
    lambda node: b.add([(1, node), (-1, b.ones(node.shape))]),
    lambda node: b.ones(node.shape),
    lambda node: b.reciprocal(b.add([(1, b.square(node)), (1, b.ones(node.shape))])),
    lambda node: b.identity("n") if node.shape == read("A").shape else node,
    lambda node: b.diagonal_matrix(read("v")) if node.shape == read("A").shape else node,
)


@st.composite
def contractions(draw: st.DrawFn, kinds: Sequence[str]) -> Node:
    operands: list[Node] = []
    labels: list[list[str]] = []
    for kind in draw(st.lists(st.sampled_from(kinds), min_size=2, max_size=4)):
        node = read(draw(st.sampled_from(POOL[kind])))
        operands.append(draw(st.sampled_from(TWISTS))(node))
        labels.append([draw(st.sampled_from(LETTERS[axis])) for axis in kind])
    used = sorted({label for names in labels for label in names})
    out = draw(st.permutations(used))[: draw(st.integers(0, 3 if "mnk" in kinds else 2))]
    return b.contract(operands, labels, out)


@settings(max_examples=200, deadline=None)
@given(contractions([*POOL][:5]))
def test_contractions_of_matrices_come_back(node: Node) -> None:
    check(node)


@settings(max_examples=60, deadline=None)
@given(contractions([*POOL]))
def test_contractions_of_tensors_come_back(node: Node) -> None:
    check(node)


@settings(max_examples=60, deadline=None)
@given(contractions(["n", "mn", "nn"]), st.data())
def test_functions_of_products_come_back(node: Node, data: st.DataObject) -> None:
    """Nested: functions, sums over an index, cases and components."""
    assume(not any(isinstance(part, Ones) for part in walk(node)))  # names tell the sizes
    other = b.apply(data.draw(st.sampled_from(("tanh", "sigmoid", "step"))), node)
    part = b.power(
        b.add([(1, b.square(node)), (1, b.ones(node.shape))]), b.literal(Fraction(-1, 2))
    )
    steps = (
        lambda: b.hadamard(other, part),
        lambda: b.apply("max", node, part),
        lambda: b.apply("greater", node, b.ones(node.shape)),
        lambda: b.where(b.test("<", "n", "m"), other, part),
        lambda: b.fold("sum", "t", 1, "T", b.times(b.count("t"), other)),
        lambda: b.fold("sum", "i", 2, "n", b.times(b.select(read("x"), ["i"]), part)),
        lambda: b.add([(Fraction(1, 2), other), (-1, node), (3, b.ones(node.shape))]),
        lambda: b.sum_axes(b.square(other)),
        lambda: b.select(part, [1] * node.rank),
        lambda: b.along("softmax", other) if node.rank else other,
    )
    check(data.draw(st.sampled_from(steps))())


def test_what_a_condition_guards_stays_beside_it() -> None:
    """Where the condition fails the rest may not exist: all of it is one factor."""
    beyond = b.matmul(b.transpose(read("W")), b.symbol("h", (Whole.of("m"),), [Whole.of("T") + 1]))
    guarded = b.where(b.test("<", "n", 3), beyond, b.zero(beyond.shape))
    node = b.add([(1, read("x")), (-2, guarded)])
    assert to_unicode(written(node)) == "x − 1[n < 3] (2 Wᵀ h_{T+1})"
    assert SIZES["n"] == 3
    assert check(node)
