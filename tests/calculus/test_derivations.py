"""Derivations as a person sees them: short, in the model's own letters (DESIGN, idea 2)."""

from __future__ import annotations

import pytest

from backprove import Model

RNN = r"""
x_t in R^n, y_t in R^k one-hot        for t = 1..T
h_0 in R^m
U in R^{m x n}, W in R^{m x m}, V in R^{k x m}
h_t = tanh(U x_t + W h_{t-1})         for t = 1..T
o_t = softmax(V h_t)                  for t = 1..T
E_t = -sum(y_t * log(o_t))            for t = 1..T
E   = sum_{t=1}^{T} E_t
"""


def rnn(steps: str) -> Model:
    return Model(RNN if steps == "T" else f"T = {steps}\n{RNN}")


class TestTheTwoLinesOfTheDesign:
    DELTA = "δ_t = (Vᵀ(o_t − y_t) + Wᵀ δ_{t+1}) ⊙ (1 − h_t²)"

    def test_in_unicode(self):
        assert rnn("3").derive("E", "W").unicode.split("\n") == [
            f"{self.DELTA}    t = 3..1,  δ_4 = 0",
            "∂E/∂W = Σ_{t=1}^{3} δ_t h_{t−1}ᵀ",
        ]

    def test_in_latex(self):
        assert rnn("3").derive("E", "W").latex == (
            r"\begin{aligned}"
            "\n"
            r"\delta_t &= (V^\top (o_t - y_t) + W^\top \delta_{t+1}) \odot (1 - h_t^2)"
            r" && t = 3, \dots, 1, \quad \delta_4 = 0 \\"
            "\n"
            r"\frac{\partial E}{\partial W} &= \sum_{t=1}^{3} \delta_t h_{t-1}^\top"
            "\n"
            r"\end{aligned}"
        )

    @pytest.mark.parametrize(
        ("steps", "border"), [("10000", "δ_{10001}"), ("T", "δ_{T+1}"), ("2", "δ_3")]
    )
    def test_they_are_the_same_for_any_number_of_steps(self, steps, border):
        assert rnn(steps).derive("E", "W").unicode.split("\n") == [
            f"{self.DELTA}    t = {steps}..1,  {border} = 0",
            f"∂E/∂W = Σ_{{t=1}}^{{{steps}}} δ_t h_{{t−1}}ᵀ",
        ]

    @pytest.mark.parametrize(
        ("by", "result"),
        [
            ("U", "Σ_{t=1}^{T} δ_t x_tᵀ"),
            ("h_0", "Wᵀ δ_1"),
            ("x_t", "Uᵀ δ_t"),
            ("h_t", "Vᵀ(o_t − y_t) + Wᵀ δ_{t+1}"),
        ],
    )
    def test_other_variables_share_the_first_line(self, by, result):
        first, last = rnn("T").derive("E", by).unicode.split("\n")
        assert first.startswith(self.DELTA)
        assert last == f"∂E/∂{by} = {result}"

    def test_the_output_matrix_needs_no_recurrence(self):
        assert str(rnn("T").derive("E", "V")) == "∂E/∂V = Σ_{t=1}^{T} (o_t − y_t) h_tᵀ"


#: model, and by what is derived: what comes out. One line each.
GOLDEN = {
    "a multilayer perceptron": (
        "x in R^n, t in R^k\nW_1 in R^{m x n}, b_1 in R^m, W_2 in R^{k x m}, b_2 in R^k\n"
        "h = tanh(W_1 x + b_1)\ny = W_2 h + b_2\nL = 1/2 sum((y - t)^2)",
        {
            ("L", "y"): "y − t",
            ("L", "b_2"): "y − t",
            ("L", "W_2"): "(y − t) hᵀ",
            ("L", "b_1"): "W_2ᵀ(y − t) ⊙ (1 − h²)",
            ("L", "W_1"): "(W_2ᵀ(y − t) ⊙ (1 − h²)) xᵀ",
            ("y", "h"): "W_2",
            ("h", "x"): "diag(1 − h²) W_1",
            ("y", "x"): "W_2 diag(1 − h²) W_1",
        },
    ),
    "softmax with cross-entropy": (
        "z in R^k, t in R^k one-hot\np = softmax(z)\nL = -sum(t * log(p))",
        {("L", "z"): "p − t", ("p", "z"): "diag(p) − p pᵀ", ("L", "p"): "−t ⊘ p"},
    ),
    "without one-hot the sum stays": (
        "z in R^k, t in R^k\np = softmax(z)\nL = -sum(t * log(p))",
        {("L", "z"): "sum(t) p − t"},
    ),
    "a simplex is enough": (
        "z in R^k, t in R^k simplex\nL = -t^T log_softmax(z)",
        {("L", "z"): "softmax(z) − t"},
    ),
    "sigmoid with squared error": (
        "z, t in R^k\np = sigmoid(z)\nL = 1/2 sum((p - t)^2)",
        {("L", "z"): "(p − t) ⊙ p ⊙ (1 − p)"},
    ),
    "a quadratic form": (
        "A in R^{n x n}, x, b in R^n\nq = x^T A x - b^T x",
        {("q", "x"): "(A + Aᵀ) x − b", ("q", "A"): "x xᵀ", ("q", "b"): "−x"},
    ),
    "sums of functions": (
        "x in R^n\nf = logsumexp(x)\ng = x^T x\nh = sum(exp(x))\nl = sum(log(x))\n"
        "r = sum(relu(x))\nv = mean(x)\nw = ‖x‖_1",
        {
            ("f", "x"): "softmax(x)",
            ("g", "x"): "2 x",
            ("h", "x"): "exp(x)",
            ("l", "x"): "1 ⊘ x",
            ("r", "x"): "step(x)",
            ("v", "x"): "1/n 𝟏",
            ("w", "x"): "sign(x)",
        },
    ),
    "a norm": ("x in R^n\nf = norm(x)", {("f", "x"): "x/‖x‖"}),
    "matrices": (
        "A in R^{n x n} invertible\nX in R^{m x n}, B in R^{n x m}, v in R^n\n"
        "f = logdet(A)\ng = det(A)\nh = tr(A A)\nl = tr(B X)\nu = ‖X‖_F^2\nw = v^T A^{-1} v",
        {
            ("f", "A"): "A⁻ᵀ",
            ("g", "A"): "g A⁻ᵀ",
            ("h", "A"): "2 Aᵀ",
            ("l", "X"): "Bᵀ",
            ("u", "X"): "2 X",
            ("w", "A"): "−A⁻ᵀ v vᵀ A⁻ᵀ",
        },
    ),
    "attention": (
        "Q, K, V, G in R^{n x d}\nS = Q K^T\nP = softmax(S)\nO = P V\nL = sum(G ⊙ O)",
        {("L", "O"): "G", ("L", "V"): "Pᵀ G", ("L", "P"): "G Vᵀ"},
    ),
    "a quantity by itself": ("x in R^n\ny = tanh(x)", {("y", "y"): "I"}),
    "something that does not depend on it": ("x, y in R^n\nf = sum(x)", {("f", "y"): "0"}),
}
CASES = [(name, of, by) for name, (_, results) in GOLDEN.items() for of, by in results]


@pytest.mark.parametrize(("name", "of", "by"), CASES)
def test_golden(name, of, by):
    text, results = GOLDEN[name]
    assert str(Model(text).derive(of, by)) == f"∂{of}/∂{by} = {results[of, by]}"


@pytest.mark.parametrize("space", ["R", "R^n"])
def test_logistic_loss_is_as_short_as_softmax_cross_entropy(space):
    model = Model(f"z, t in {space}\np = sigmoid(z)\nL = -sum(t * log(p) + (1 - t) * log(1 - p))")
    assert str(model.derive("L", "z")) == "∂L/∂z = p − t"


def test_a_symmetric_quadratic_form():
    model = Model("S in R^{n x n} symmetric, x, b in R^n\nq = 1/2 x^T S x - b^T x")
    assert str(model.derive("q", "x")) == "∂q/∂x = S x − b"


def test_the_derivative_of_a_derivative_names_nothing_unknown():
    model = Model("A in R^{n x n}, x in R^n\nf = 1/2 x^T A x")
    assert "f̄" not in str(model.derive("∂f/∂x", "x"))


def test_by_an_expression():
    model = Model("z in R^k, V in R^{k x m}, h in R^m, t in R^k one-hot\nL = -t^T log softmax(V h)")
    assert str(model.derive("L", "V h")) == "∂L/∂(V h) = softmax(V h) − t"


def test_what_a_derivation_shows_of_itself():
    derivation = rnn("3").derive("E", "W")
    assert str(derivation) == derivation.unicode
    assert derivation._repr_latex_() == f"$${derivation.latex}$$"
    assert [line.equation.ops for line in derivation.lines] == [("=",), ("=",)]
