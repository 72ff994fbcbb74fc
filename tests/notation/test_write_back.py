"""What is written is read back to the same tree, whatever the tree.

Two things are one on paper and so are not told apart here: a derivative as a fraction or on one
line (`style`), and the many ways to write a power of ten (`text` of such a number).
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backprove.notation import syntax as s
from backprove.notation.latex import to_latex
from backprove.notation.mathml import to_mathml
from backprove.notation.reader import read_expression
from backprove.notation.statements import read_statement
from backprove.notation.unicode import to_unicode

Plain = Callable[[Any], Any]

NAMES = ["x", "W", "h", "p", "ŷ", "δ", "FL", "A", "b", "h̄", "ones", "d", "e", "E"]
DECLARED = frozenset(NAMES)
INDICES = ["i", "j", "t"]


def number(text: str) -> s.Number:
    return s.Number(Fraction(text), text)


names = st.sampled_from(NAMES).map(s.Name)
variable_names = st.sampled_from([name for name in NAMES if name != "ones"]).map(s.Name)
indices = st.sampled_from(INDICES).map(s.Name)
numbers = st.sampled_from(["0", "1", "2", "10", "12", "0.5", "3.25"]).map(number)
whole = st.sampled_from(["0", "1", "2", "12"]).map(number)
subscripts = st.one_of(
    indices,
    whole,
    st.just(s.Name("ij")),
    st.builds(
        lambda a, b, sign: s.Sum(((1, a), (sign, b))), indices, whole, st.sampled_from([1, -1])
    ),
)
items = st.lists(subscripts, min_size=1, max_size=3).map(tuple)
exponents = st.one_of(
    st.sampled_from(["2", "3", "-1", "0.5", "-2", "12"]).map(number),
    indices,
    st.builds(lambda a, b: s.Sum(((1, a), (-1, b))), names, whole),
)
ELEMENTWISE = ["exp", "log", "sqrt", "tanh", "sigmoid", "relu"]
OTHERS = [
    "abs",
    "norm",
    "norm_1",
    "norm_F",
    "softmax",
    "log_softmax",
    "logdet",
    "det",
    "tr",
    "diag",
    "sum",
    "max",
]


def compares(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    ops = st.sampled_from(["=", "≠", "<", "≤", ">", "≥"])
    single = st.builds(lambda a, o, b: s.Compare((a, b), (o,)), inner, ops, inner)
    chained = st.builds(lambda a, b, c: s.Compare((a, b, c), ("≤", "<")), inner, inner, inner)
    return st.one_of(single, chained)


def bound(name: str, low: Any, high: Any) -> s.Binder:
    return s.Binder(name, low, high)


def derivative(of: Any, by: Any, extra: Any, kind: str, style: str) -> s.Derivative:
    if kind == "second":
        return s.Derivative(of, (by, extra), False, style)
    return s.Derivative(of, (by,), kind == "immediate", style)


def products(factors: list[Any], op: str) -> s.Product:
    return s.Product(tuple(factors), (op,) * (len(factors) - 1))


def component(base: Any, parts: tuple[Any, ...]) -> Any:
    if isinstance(base, s.Index) and base.bracket:
        return s.Index(base.base, base.items + parts, True)
    return s.Index(base, parts, True)


def extend(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    several = st.lists(inner, min_size=2, max_size=3)
    variables = st.one_of(
        variable_names, st.builds(s.Index, variable_names, items), products_of_names
    )
    condition = st.one_of(
        compares(inner), st.builds(lambda a, b: s.Both((a, b)), compares(inner), compares(inner))
    )
    # a number has no components, a norm's subscript says which norm
    based = inner.filter(
        lambda n: (
            not isinstance(n, s.Number) and not (isinstance(n, s.Call) and n.function == "norm")
        )
    )
    bounds = st.one_of(
        st.builds(lambda n: (bound(n, None, None),), st.sampled_from(INDICES)),
        st.builds(lambda n, a, b: (bound(n, a, b),), st.sampled_from(INDICES), whole, names),
        st.builds(lambda a, b: (bound("i", a, b), bound("j", a, b)), whole, names),
        st.just((bound("i", None, None), bound("j", None, None))),
        st.just(()),
    )
    terms = st.lists(st.tuples(st.sampled_from([1, -1]), inner), min_size=2, max_size=3)
    return st.one_of(
        terms.map(lambda t: s.Sum(tuple(t))),
        inner.map(lambda n: s.Sum(((-1, n),))),
        st.builds(products, several, st.sampled_from(["", "", "", "⊙", "*", "·", "×", "⊗"])),
        st.builds(s.Quotient, inner, inner, st.booleans()),
        st.builds(s.Power, inner, exponents),
        inner.map(s.Transpose),
        st.builds(s.Index, based, items),
        st.builds(component, based, items),
        st.builds(
            lambda n, f, p: s.Call(f, (n,), (), p),
            inner,
            st.sampled_from(ELEMENTWISE),
            st.integers(0, 1),
        ),
        st.builds(lambda n, f: s.Call(f, (n,)), inner, st.sampled_from(OTHERS)),
        st.builds(
            lambda a, b, f: s.Call(f, (a, b)), inner, inner, st.sampled_from(["dot", "max", "iou"])
        ),
        st.builds(lambda a, b: s.Call("conv", (a, a), (("output_padding", b),)), inner, inner),
        condition.map(lambda c: s.Call("indicator", (c,))),
        st.builds(s.Big, st.sampled_from(["sum", "prod"]), bounds, inner),
        st.builds(
            lambda b, n, op: s.Big(
                op, (bound("i", None, None),), b, s.Compare((s.Name("i"), n), ("≠",))
            ),
            inner,
            names,
            st.sampled_from(["sum", "prod"]),
        ),
        st.builds(
            derivative,
            inner,
            variables,
            variable_names,
            st.sampled_from(["first", "immediate", "second"]),
            st.sampled_from(["frac", "slash", "d", "nabla"]),
        ),
        st.lists(inner, min_size=1, max_size=3).map(lambda a: s.Array(tuple(a))),
        several.map(lambda a: s.Stack(tuple(a))),
        st.builds(lambda a, c, b: s.Cases(((a, c), (b, None))), inner, condition, inner),
        st.builds(
            lambda n, t: s.Index(s.Tag(n, (number(t),)), (s.Name("i"),)),
            names.filter(lambda n: n.text != "e"),
            st.sampled_from("12"),
        ),
        st.builds(lambda n: s.Tag(n, (s.Name("t"),)), names.filter(lambda n: n.text != "e")),
    )


products_of_names = st.builds(lambda a, b: s.Product((a, b), ("",)), names, names)
trees = st.recursive(
    st.one_of(names, numbers, st.builds(s.Index, names, items)), extend, max_leaves=8
)


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(trees)
@pytest.mark.parametrize("write", [to_latex, to_unicode])
def test_every_tree_is_read_back(plain: Plain, write: Any, tree: Any) -> None:
    text = write(tree)
    assert plain(read_expression(text, DECLARED)) == plain(tree), text


ONE_ELEMENT_EACH = {
    "mfrac": 2,
    "msub": 2,
    "msup": 2,
    "msubsup": 3,
    "munder": 2,
    "mover": 2,
    "munderover": 3,
}


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(trees)
def test_mathml_is_well_formed(tree: Any) -> None:
    for element in ElementTree.fromstring(to_mathml(tree)).iter():
        tag = element.tag.split("}")[1]
        assert len(element) == ONE_ELEMENT_EACH.get(tag, len(element)), tag


def test_mathml_escapes() -> None:
    shown = to_mathml(read_expression("1[i < j] x"), display=True)
    assert "&lt;" in shown
    assert shown.startswith("<math")
    assert 'display="block"' in shown


STATEMENTS = [
    (
        "dE/dx = 1/2 W^T (o_t - y_t) for t = 3..1",
        r"\frac{dE}{dx} = \frac{1}{2} W^\top (o_t - y_t) \quad \text{for } t = 3, \dots, 1",
        "dE/dx = 1/2 Wᵀ(o_t − y_t) for t = 3..1",
    ),
    (
        r"\delta_t = (V^T (o_t - y_t) + W^T \delta_{t+1}) \odot (1 - h_t^2)",
        r"\delta_t = (V^\top (o_t - y_t) + W^\top \delta_{t+1}) \odot (1 - h_t^2)",
        "δ_t = (Vᵀ(o_t − y_t) + Wᵀ δ_{t+1}) ⊙ (1 − h_t²)",
    ),
    (
        "∂E/∂W = sum_{t=1}^{3} δ_t h_{t-1}^T",
        r"\frac{\partial E}{\partial W} = \sum_{t=1}^{3} \delta_t h_{t-1}^\top",
        "∂E/∂W = Σ_{t=1}^{3} δ_t h_{t−1}ᵀ",
    ),
    (
        "U, W in R^{m x (n x k)} one-hot, positive for t = 1..T",
        r"U, W \in \mathbb{R}^{m \times (n \times k)} \text{ one-hot, positive}"
        r" \quad \text{for } t = 1, \dots, T",
        "U, W ∈ ℝ^{m×(n×k)} one-hot, positive for t = 1..T",
    ),
    ("let p = sigmoid(x)", r"\text{let } p = \sigma(x)", "let p = σ(x)"),
    (
        "∂²f/∂x∂x^T = A^{-T}",
        r"\frac{\partial^2 f}{\partial x \partial x^\top} = A^{-\top}",
        "∂²f/∂x∂xᵀ = A⁻ᵀ",
    ),
    (
        "∂⁺h/∂W ≈ 6.6e-3",
        r"\frac{\partial^+ h}{\partial W} \approx 6.6 \times 10^{-3}",
        "∂⁺h/∂W ≈ 6.6e−3",
    ),
    ("a in R in (0,1)", r"a \in \mathbb{R} \text{ in (0,1)}", "a ∈ ℝ in (0,1)"),
    ("y = sqrt(x) + ‖x‖_F^2", r"y = \sqrt{x} + \|x\|_F^2", "y = √(x) + ‖x‖_F²"),
]


@pytest.mark.parametrize(("text", "latex", "unicode"), STATEMENTS)
def test_it_looks_like_a_textbook(plain: Plain, text: str, latex: str, unicode: str) -> None:
    statement = read_statement(text)
    assert statement is not None
    assert to_latex(statement) == latex
    assert to_unicode(statement) == unicode
    assert plain(read_statement(latex)) == plain(statement)
    assert plain(read_statement(unicode)) == plain(statement)


def test_a_declared_sigma_is_kept_apart_from_the_function() -> None:
    tree = s.Product((s.Name("σ"), s.Call("sigmoid", (s.Name("x"),))), ("",))
    declared = frozenset({"σ", "x"})
    for write in (to_latex, to_unicode):
        assert read_expression(write(tree), declared) == tree


def test_a_declared_capital_sigma_is_no_sum() -> None:
    body = s.Index(s.Name("Σ"), (s.Name("i"),))
    tree = s.Big("sum", (s.Binder("i"),), body)
    for write in (to_latex, to_unicode):
        assert read_expression(write(tree), frozenset({"Σ"})) == tree
