"""NOTATION, section 2, the table of expressions: functions, constants, literals, cases."""

from __future__ import annotations

import math

import numpy as np
import pytest

from backprove.errors import BackproveError
from backprove.model.value import NoMeaning

MODEL = """
a, b in R
x, y in R^n
p in R^n in (0,1)
A in R^{m x n}, S in R^{n x n} positive-definite
M in R^{3 x 2}
w in R^4
"""


@pytest.fixture(scope="module")
def m(reader):
    return reader(MODEL)


def each(f):
    return np.vectorize(f, otypes=[float])


def softmax(z):
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


ELEMENTWISE = {
    "exp": np.exp,
    "sqrt": None,
    "tanh": np.tanh,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "sin": np.sin,
    "cos": np.cos,
    "sigmoid": sigmoid,
    "σ": sigmoid,
    r"\sigma": sigmoid,
    "relu": lambda z: np.maximum(z, 0),
    "ReLU": lambda z: np.maximum(z, 0),
    r"\operatorname{ReLU}": lambda z: np.maximum(z, 0),
    "softplus": lambda z: np.log1p(np.exp(z)),
    "gelu": lambda z: z * 0.5 * (1 + each(math.erf)(z / math.sqrt(2))),
    "silu": lambda z: z * sigmoid(z),
    "erf": each(math.erf),
    "sign": np.sign,
    "step": lambda z: (z > 0).astype(float),
}


@pytest.mark.parametrize("name", [n for n, f in ELEMENTWISE.items() if f])
def test_elementwise_functions_act_on_every_entry(m, name):
    f = ELEMENTWISE[name]
    m.is_worth(f"{name}(x)", f(m.given["x"]))
    m.is_worth(f"{name}(A)", f(m.given["A"]))
    m.is_worth(f"{name}(a)", f(m.given["a"]))


DERIVATIVES = {
    "sigmoid": lambda z: sigmoid(z) * (1 - sigmoid(z)),
    "σ": lambda z: sigmoid(z) * (1 - sigmoid(z)),
    "tanh": lambda z: 1 - np.tanh(z) ** 2,
    "relu": lambda z: (z > 0).astype(float),
    "exp": np.exp,
    "sin": np.cos,
    "softplus": sigmoid,
}


@pytest.mark.parametrize("name", DERIVATIVES)
def test_a_prime_is_the_derivative_of_an_elementwise_function(m, name):
    m.is_worth(f"{name}'(x)", DERIVATIVES[name](m.given["x"]))


def test_relu_prime_is_zero_at_zero(m):
    m.is_worth("relu'(0)", 0.0)
    m.is_worth("step(0)", 0.0)


WHOLE = {
    "log(p)": lambda p, **_: np.log(p),
    "ln p": lambda p, **_: np.log(p),
    r"\ln(p)": lambda p, **_: np.log(p),
    "sqrt(p)": lambda p, **_: np.sqrt(p),
    r"\sqrt{p}": lambda p, **_: np.sqrt(p),
    "abs(a)": lambda a, **_: abs(a),
    "|a|": lambda a, **_: abs(a),
    "max(x, y)": lambda x, y, **_: np.maximum(x, y),
    "min(x, y)": lambda x, y, **_: np.minimum(x, y),
    "max(0, x)": lambda x, **_: np.maximum(0, x),
    "min(a, x)": lambda a, x, **_: np.minimum(a, x),
    "1[a > b]": lambda a, b, **_: float(a > b),
    r"\mathbf{1}[x > 0]": lambda x, **_: (x > 0).astype(float),
    # of vectors
    "softmax(x)": lambda x, **_: softmax(x),
    "log_softmax(x)": lambda x, **_: np.log(softmax(x)),
    "logsumexp(x)": lambda x, **_: np.log(np.exp(x).sum()),
    "mean(x)": lambda x, **_: x.mean(),
    "var(x)": lambda x, **_: x.var(),
    "norm(x)": lambda x, **_: np.sqrt((x**2).sum()),
    "‖x‖": lambda x, **_: np.sqrt((x**2).sum()),
    "‖x‖_2": lambda x, **_: np.sqrt((x**2).sum()),
    r"\|x\|^2": lambda x, **_: (x**2).sum(),
    "‖x‖_1": lambda x, **_: np.abs(x).sum(),
    "max(x)": lambda x, **_: x.max(),
    "x^T y": lambda x, y, **_: x @ y,
    "⟨x, y⟩": lambda x, y, **_: x @ y,
    r"\langle x, y \rangle": lambda x, y, **_: x @ y,
    # of matrices
    "tr(S)": lambda S, **_: np.trace(S),
    "det(S)": lambda S, **_: np.linalg.det(S),
    "logdet(S)": lambda S, **_: np.log(np.linalg.det(S)),
    "log det(S)": lambda S, **_: np.log(np.linalg.det(S)),
    r"\log \det S": lambda S, **_: np.log(np.linalg.det(S)),
    "diag(x)": lambda x, **_: np.diag(x),
    "diag(S)": lambda S, **_: np.diag(S),
    "‖A‖_F": lambda A, **_: np.sqrt((A**2).sum()),
    "vec(A)": lambda A, **_: A.ravel(order="F"),
    "softmax(A)": lambda A, **_: softmax(A),
    # constants
    "S + I": lambda S, **_: S + np.eye(len(S)),
    "2 I S": lambda S, **_: 2 * S,
    r"x + \mathbf{1}": lambda x, **_: x + 1,
    "ones^T x": lambda x, **_: x.sum(),
    "A ones": lambda A, **_: A.sum(axis=1),
    "e^a": lambda a, **_: np.exp(a),
    "e^{-x}": lambda x, **_: np.exp(-x),
    "2 π": lambda **_: 2 * np.pi,
    r"\pi": lambda **_: np.pi,
    # literals
    "0.5": lambda **_: 0.5,
    "6.6e-3": lambda **_: 6.6e-3,
    r"6.6 \times 10^{-3}": lambda **_: 6.6e-3,
    "75.3%": lambda **_: 0.753,
    r"\frac{3}{4}": lambda **_: 0.75,
    "1/3": lambda **_: 1 / 3,
    "[1, 2, 3]": lambda **_: [1, 2, 3],
    "[[1, 2], [3, 4]]": lambda **_: [[1, 2], [3, 4]],
    r"\begin{bmatrix} 1 & 2 \\ 3 & 4 \end{bmatrix}": lambda **_: [[1, 2], [3, 4]],
    r"\begin{pmatrix} a & 0 \\ 0 & b \end{pmatrix}": lambda a, b, **_: [[a, 0], [0, b]],
    # cases
    r"\begin{cases} a & b > 0 \\ -a & \text{otherwise} \end{cases}": lambda a, b, **_: (
        a if b > 0 else -a
    ),
    "{a if a > b; b otherwise}": lambda a, b, **_: max(a, b),
    "{1 if 1 ≤ 3 ≤ 2; 2 otherwise}": lambda **_: 2.0,
    "{1 if 1 ≤ 3 - 2 ≤ 2; 2 otherwise}": lambda **_: 1.0,
    "{x if x > 0; 0 otherwise}": lambda x, **_: np.maximum(x, 0),
    # concatenation
    "[x; y]": lambda x, y, **_: np.concatenate([x, y]),
    "[x; a]": lambda x, a, **_: np.append(x, a),
    "[A; A]": lambda A, **_: np.vstack([A, A]),
    # a function without brackets takes the next factor with its scripts
    r"\log p_1": lambda p, **_: np.log(p[0]),
    r"\tanh^2 a": lambda a, **_: np.tanh(a) ** 2,
    r"\log p_1 + a": lambda p, a, **_: np.log(p[0]) + a,
    r"a \log p_1": lambda p, a, **_: a * np.log(p[0]),
}


@pytest.mark.parametrize("text", WHOLE)
def test_what_is_written_is_worth(m, text):
    m.is_worth(text, WHOLE[text](**m.given))


def test_the_identity_takes_its_size_from_the_context(m):
    assert m.shape("A (S + I)") == "m×n"
    assert m.shape("A I") == "m×n"


@pytest.mark.parametrize(
    "text",
    [
        "tr(A)",
        "det(A)",
        "tr(x)",
        "A^{-1}",
        "softmax(a)",
        "max(x, A)",
        "⟨x, w⟩",
        "x^y",
        "[x; A]",
        "A[1,2,3]",
    ],
)
def test_what_has_no_meaning(m, text):
    with pytest.raises((NoMeaning, BackproveError)):
        m.meaning(text)


class TestConditions:
    def test_they_may_be_chained(self, reader):
        model = reader("x in R^6\nf[r] = {x_r if 2 ≤ r < 4; 0 otherwise} for r = 1..6")
        x = model.given["x"]
        model.is_worth("f", [0, x[1], x[2], 0, 0, 0])

    def test_they_may_be_about_arrays(self, m):
        x, y = m.given["x"], m.given["y"]
        m.is_worth("{x if x > y; y otherwise}", np.maximum(x, y))

    def test_a_case_may_carry_the_last_condition(self, m):
        a, b = m.given["a"], m.given["b"]
        m.is_worth("{a if a > b; b if a ≤ b}", max(a, b))

    @pytest.mark.parametrize(
        ("sign", "holds"),
        [("<", True), ("≤", True), (">", False), ("≥", False), ("=", False), ("≠", True)],
    )
    def test_every_relation(self, m, sign, holds):
        m.is_worth(f"1[2 {sign} 3]", float(holds))
