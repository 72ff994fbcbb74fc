"""NOTATION.md, sections 2 and 3: how expressions and derivatives are read."""

from __future__ import annotations

from fractions import Fraction

import pytest

from backprove.notation.reader import read_expression
from backprove.notation.syntax import (
    Array,
    Big,
    Binder,
    Call,
    Cases,
    Compare,
    Derivative,
    Expr,
    Index,
    Name,
    Number,
    Power,
    Product,
    Quotient,
    Stack,
    Sum,
    Tag,
    Transpose,
)

DECLARED = frozenset(
    [
        "A",
        "B",
        "C",
        "U",
        "V",
        "W",
        "W_c",
        "x",
        "y",
        "z",
        "p",
        "q",
        "t",
        "h",
        "o",
        "E",
        "L",
        "f",
        "a",
        "b",
        "c",
        "d",
        "k",
        "l",
        "τ",
        "γ",
        "δ",
        "W^(2)",
        "k_1",
        "q_1",
    ]
)


def read(text: str) -> Expr:
    return read_expression(text, DECLARED)


def number(text: str) -> Number:
    return Number(Fraction(text), text)


A, B, C, W, x, y, p, a, b, c, f, h, t, E = (
    Name(n) for n in ["A", "B", "C", "W", "x", "y", "p", "a", "b", "c", "f", "h", "t", "E"]
)
i, j, k, n = (Name(letter) for letter in "ijkn")
one, two, three = number("1"), number("2"), number("3")


def run(*factors: Expr) -> Product:
    return Product(factors, ("",) * (len(factors) - 1))


def plus(*terms: Expr) -> Sum:
    return Sum(tuple((1, term) for term in terms))


# --- one language, three scripts --------------------------------------------------


@pytest.mark.parametrize(
    "spellings",
    [
        # greek, accents, dressing
        [r"\alpha", "alpha", "α"],
        [r"\varepsilon", r"\epsilon", "epsilon", "ε", "ϵ"],
        [r"\varphi", r"\phi", "φ", "ϕ"],
        [r"\ell", "ℓ"],
        [r"\hat{y}", r"\hat y", "ŷ", "y\u0302", r"\widehat{y}"],
        [r"\bar{h}_t", r"\bar{h_t}", "h\u0304_t", r"\bar h_t"],
        [r"\mathbf{W} x", r"\boldsymbol{W}\, x", "W x", r"W \; x", "𝐖 x", r"\mathbf{W x}"],
        [r"\left( a + b \right) c", "(a + b) c", r"\big( a + b \big) c", r"\{a + b\} c", "{a+b}c"],
        [r"\delta_t", "δ_t", "delta_t", "δₜ", r"\boldsymbol{\delta}_{t}"],
        # products
        ["A ⊙ B", r"A \odot B", "A .* B", r"A \circ B", "A ∘ B"],
        ["A ⊘ B", r"A \oslash B", "A ./ B"],
        ["a · b", r"a \cdot b", "a ⋅ b", "a @ b"],
        ["a × b", r"a \times b"],
        ["x ⊗ y", r"x \otimes y"],
        # transpose and inverse
        [
            "A^T",
            r"A^\top",
            "Aᵀ",
            r"A^{\top}",
            "A^{T}",
            "A⊤".replace("⊤", "^⊤"),
            r"A^\mathsf{T}",
            r"A^{\mathrm{T}}",
            "A'",
            "A.T",
        ],
        ["A^{-1}", "A⁻¹", "A^-1"],
        ["A^{-T}", r"A^{-\top}", "A⁻ᵀ", "A^-T"],
        # powers and fractions
        ["x^2", "x²", "x^{2}", "x**2", r"x^{\odot 2}", r"x^{\circ 2}"],
        [
            r"\frac{1}{2} x",
            r"\frac12 x",
            "1/2 x",
            "½ x",
            r"\dfrac{1}{2}x",
            r"\tfrac12 x",
            r"{1 \over 2} x",
        ],
        [r"{a + {b \over c} \over 2}", r"\frac{a + \frac{b}{c}}{2}"],
        [r"{\partial E \over \partial W}", r"\frac{\partial E}{\partial W}"],
        [r"\tanh^\prime(x)", r"\tanh^{\prime}(x)", "tanh'(x)", "tanh′ x"],
        ["R^<sup>2".replace("R^", "x") + "</sup>", "x^2"],
        # functions
        [
            "softmax(x)",
            r"\text{Softmax}(x)",
            r"\operatorname{softmax}(x)",
            r"\mathrm{softmax}(x)",
            "softargmax(x)",
        ],
        ["ln(x)", r"\log(x)", r"\ln x", "log x"],
        ["σ(z)", r"\sigma(z)", "sigmoid(z)", "sigma(z)", r"\sigma\left(z\right)"],
        ["relu(x)", "ReLU(x)", r"\operatorname{ReLU}(x)"],
        [r"\sqrt{x}", "sqrt(x)", "√x", "√(x)"],
        ["logdet(A)", r"\log\det A", "log det(A)", r"\log \det(A)"],
        ["log_softmax(z)", r"\operatorname{log\_softmax}(z)", "logsoftmax(z)", r"log\_softmax(z)"],
        ["sech(x)", "1/cosh(x)"],
        ["tan(x)", "sin(x) ./ cos(x)"],
        ["tr(A)", r"\operatorname{tr} A", "trace(A)"],
        ["⟨x, y⟩", r"\langle x, y \rangle"],
        [
            "‖x‖",
            r"\|x\|",
            "||x||",
            r"\lVert x \rVert",
            r"\left\| x \right\|",
            "‖x‖_2",
            "norm(x)",
            "∥x∥",
        ],
        ["‖A‖_F^2", r"\|A\|_F^2", "||A||_F^2"],
        ["|x|", r"\lvert x \rvert", "abs(x)"],
        # indicator and ones
        [
            "1[z > 0]",
            r"\mathbf{1}[z > 0]",
            r"\mathbf{1}_{z > 0}",
            r"\mathbf{1}\{z > 0\}",
            r"\mathbb{1}[z > 0]",
            "𝟙[z > 0]",
        ],
        [r"\mathbf{1}", "ones", "𝟏"],
        # sums
        [
            r"\sum_{i=1}^{n} x_i",
            "sum_{i=1}^{n} x_i",
            "∑_{i=1}^{n} x_i",
            "Σ_{i=1}^n x_i",
            r"\sum\limits_{i=1}^n x_i",
            "sum(i=1 to n) x_i",
            r"\sum (i=1 \text{ to } i=n) x_i",
            r"\sum_{1 \le i \le n} x_i",
            r"\sum_{i=1..n} x_i",
        ],
        [r"\prod_{t=1}^{3} x_t", "∏_{t=1}^{3} x_t", "prod_{t=1}^{3} x_t", "Π_{t=1}^{3} x_t"],
        # literals
        [
            "[[1, 2], [3, 4]]",
            r"\begin{bmatrix} 1 & 2 \\ 3 & 4 \end{bmatrix}",
            "[1, 2; 3, 4]",
            r"\begin{pmatrix} 1 & 2 \\ 3 & 4 \\ \end{pmatrix}",
        ],
        ["[1, 2]", r"\begin{bmatrix} 1 \\ 2 \end{bmatrix}"],
        ["[a; b]", r"[a \\ b]"],
        [
            "{a if x > 0; b otherwise}",
            r"\begin{cases} a & x > 0 \\ b & \text{otherwise} \end{cases}",
            r"\begin{cases} a, & \text{if } x > 0, \\ b, & \text{else} \end{cases}",
            "{a if x > 0, b otherwise}",
        ],
        # components
        ["x[i, k]", "x[i][k]", r"x[i,\, k]", r"x[i] [k]"],
        # derivatives
        ["∂E/∂W", r"\partial E/\partial W", "∂E / ∂W", "partial E/partial W"],
        [
            r"\frac{dE}{dW}",
            "dE/dW",
            r"\frac{\mathrm{d}E}{\mathrm{d}W}",
            r"\frac{d E}{d W}".replace("d ", "d"),
        ],
        ["∂⁺h/∂W", r"\partial^+ h / \partial W", "∂^+h/∂W", r"∂^{+}h/∂W"],
        [r"\nabla_W E", "∇_W E", r"\nabla_{W} E"],
        [r"\nabla^2_x f", r"\nabla_x^2 f", "∇²_x f"],
        ["∂²f/∂x∂x^T", "∂²f/∂x∂xᵀ", "∂²f/∂x²", "∂^2 f/∂x∂x"],
        [r"\frac{\partial^2 f}{\partial x \partial x^\top}", r"\frac{\partial^2 f}{\partial x^2}"],
    ],
    ids=lambda spellings: spellings[0],
)
def test_one_meaning_many_spellings(spellings: list[str]) -> None:
    trees = [read(spelling) for spelling in spellings]
    for spelling, tree in zip(spellings, trees, strict=True):
        assert tree == trees[0], spelling


# --- products --------------------------------------------------


def test_juxtaposition_binds_tighter_than_signs() -> None:
    assert read("(1-h^2) ⊙ W^T δ") == Product(
        (Sum(((1, one), (-1, Power(h, two)))), run(Transpose(W), Name("δ"))), ("⊙",)
    )
    assert read("a b ⊙ c * x") == Product((run(a, b), c, x), ("⊙", "*"))


def test_a_slash_takes_the_next_factor_only() -> None:
    assert read("a/b c") == run(Quotient(a, b), c)
    assert read("a b/c x") == run(Quotient(run(a, b), c), x)
    assert read("a ⊘ b ⊙ c") == Product((Quotient(a, b, True), c), ("⊙",))


def test_a_run_of_letters_is_a_product_of_declared_names() -> None:
    assert read("ABA^TC") == run(A, B, Transpose(A), C)
    assert read("UW_c x") == run(Name("U"), Index(W, (c,)), x)
    assert read("FL") == Name("FL")
    assert read("A_{ij}") == Index(A, (Name("ij"),)) == read("A_{i j}")


def test_an_unbraced_subscript_ends_where_the_declared_name_ends() -> None:
    assert read("W_cx[t]") == run(Index(W, (c,)), Index(x, (t,), True))
    assert read("H_out") == Index(Name("H"), (Name("out"),))
    assert read("k_1Q_1 + q_1^TK_1") == read("k_1 Q_1 + q_1^T K_1")


def test_only_function_names_are_calls() -> None:
    assert read("p (1-p)") == run(p, Sum(((1, one), (-1, p))))


def test_declared_names_win() -> None:
    names = frozenset({"σ", "step", "x", "e"})
    assert read_expression("σ (x)", names) == run(Name("σ"), x)
    assert read_expression("step x", names) == run(Name("step"), x)
    assert read("σ_B^2") == Power(Index(Name("σ"), (B,)), two) == read("σ^2_B")


def test_a_function_takes_the_next_factor_with_its_scripts() -> None:
    assert read(r"\log p_i x") == run(Call("log", (Index(p, (i,)),)), x)
    assert read(r"\tanh^2 z") == Power(Call("tanh", (Name("z"),)), two) == read("tanh(z)^2")
    assert read(r"\log \cosh f") == Call("log", (Call("cosh", (f,)),))


def test_primes() -> None:
    assert read("σ'(z)") == Call("sigmoid", (Name("z"),), (), 1)
    assert read("A' B") == run(Transpose(A), B)
    assert read_expression("h'", frozenset({"h", "h'"})) == Name("h'")


def test_named_quantities() -> None:
    assert read("average_precision(TTFF, positives=5, points=all)") == Call(
        "average_precision", (Name("TTFF"),), (("positives", number("5")), ("points", Name("all")))
    )
    names = frozenset({"T", "F"})
    assert read_expression("recall(TF, 2, 1)", names) == Call("recall", (Name("TF"), two, one))
    assert read("conv_transpose_size(4, 3, output_padding=1)") == Call(
        "conv_transpose_size", (number("4"), three), (("output_padding", one),)
    )
    assert read("receptive_field([[3, 2, 1]])") == Call(
        "receptive_field", (Array((Array((three, two, one)),)),)
    )


# --- sums --------------------------------------------------


def test_a_sum_reaches_to_the_next_plus_or_minus() -> None:
    assert read(r"\sum_i a b ⊙ c + x") == plus(
        Big("sum", (Binder("i"),), Product((run(a, b), c), ("⊙",))), x
    )


def test_a_minus_right_after_a_sum_belongs_to_its_body() -> None:
    body = Sum(((-1, run(Index(t, (i,)), Call("log", (Index(p, (i,)),)))),))
    assert read(r"\sum_i -t_i \log p_i") == Big("sum", (Binder("i"),), body)


def test_binders() -> None:
    assert (
        read(r"\sum_{i,j} a") == Big("sum", (Binder("i"), Binder("j")), a) == read(r"\sum_{ij} a")
    )
    assert read(r"\sum_{i,j=1}^{3} a") == Big(
        "sum", (Binder("i", one, three), Binder("j", one, three)), a
    )
    condition = Compare((k, i), ("≠",))
    assert read(r"\sum_{k \ne i} a") == Big("sum", (Binder("k"),), a, condition)
    condition = Compare((i, j), ("<",))
    assert read(r"\sum_{i<j} a") == Big("sum", (Binder("i"),), a, condition)
    assert read(r"\sum x") == Big("sum", (), x)
    assert read("sum(x)") == Call("sum", (x,))


# --- powers, tags, transposes --------------------------------------------------


def test_a_bracketed_superscript_belongs_to_the_name() -> None:
    assert read("W^{(2)}") == Tag(W, (two,)) == read("W⁽²⁾") == read("W^(2)")
    assert read("W^{(2)T}") == Transpose(Tag(W, (two,)))
    assert read(r"δ^{(l)\top}") == Transpose(Tag(Name("δ"), (Name("l"),)))
    assert read("h_t^{(l)}") == Index(Tag(h, (Name("l"),)), (t,)) == read("h^{(l)}_t")


def test_T_is_never_a_power() -> None:
    assert read("x^T y") == run(Transpose(x), y) == read("x^Ty")
    assert read_expression("2^T", frozenset({"T"})) == Power(two, Name("T"))
    assert read("A^{-T}") == Transpose(Power(A, number("-1")))


# --- literals --------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value", "kept"),
    [
        ("0.5", Fraction(1, 2), "0.5"),
        ("6.6e-3", Fraction(66, 10_000), "6.6e-3"),
        (r"6.6 \times 10^{-3}", Fraction(66, 10_000), r"6.6 \times 10^{-3}"),
        ("6.6·10^-3", Fraction(66, 10_000), "6.6·10^-3"),
        ("6.6 × 10⁻³", Fraction(66, 10_000), "6.6 × 10⁻³"),
        ("75.3%", Fraction(753, 1000), "75.3%"),
        (r"75.3\%", Fraction(753, 1000), r"75.3\%"),
        ("0.750", Fraction(3, 4), "0.750"),
    ],
)
def test_numbers_keep_how_they_were_written(text: str, value: Fraction, kept: str) -> None:
    assert read(text) == Number(value, kept)


def test_brackets() -> None:
    assert read("[a; b; c]") == Stack((a, b, c))
    assert read("W [x + b]") == run(W, plus(x, b)) == read("W[x + b]")
    assert read("h[t-1]") == Index(h, (Sum(((1, t), (-1, one))),), True)
    assert read("h_t[i]^2") == Power(Index(Index(h, (t,)), (i,), True), two)
    assert read(r"\left(\frac{\partial f}{\partial x}\right)[i, k]") == Index(
        Derivative(f, (x,)), (i, k), True
    )


def test_cases() -> None:
    between = Compare((one, Sum(((1, i), (-1, run(two, Name("r"))))), three), ("≤", "≤"))
    assert read("{a if 1 ≤ i - 2r ≤ 3; 0 otherwise}") == Cases(((a, between), (number("0"), None)))


# --- derivatives --------------------------------------------------


def test_derivatives_are_factors() -> None:
    slash = "slash"
    assert read("∂E/∂h_2 x") == run(Derivative(E, (Index(h, (two,)),), style=slash), x)
    assert read("∂E/∂W[1,k,i]") == Derivative(E, (Index(W, (one, k, i), True),), style=slash)
    assert read("(∂f/∂W)[i,c,k]") == Index(Derivative(f, (W,), style=slash), (i, c, k), True)
    assert read("∂E_3/∂h_3 ∂h_3/∂h_j ∂⁺h_j/∂W") == run(
        Derivative(Index(E, (three,)), (Index(h, (three,)),), style=slash),
        Derivative(Index(h, (three,)), (Index(h, (j,)),), style=slash),
        Derivative(Index(h, (j,)), (W,), True, slash),
    )


def test_a_derivative_by_an_expression() -> None:
    assert read("∂E/∂(V h)") == Derivative(E, (run(Name("V"), h),), style="slash")
    assert read(r"\frac{\partial (a b)}{\partial h[t-1]}") == Derivative(
        run(a, b), (read("h[t-1]"),)
    )


def test_an_operator_takes_a_bracket_or_a_quantity() -> None:
    assert read(r"\frac{\partial}{\partial x} (a + b) c") == run(Derivative(plus(a, b), (x,)), c)
    assert read("∂/∂x f y") == run(Derivative(f, (x,), style="slash"), y)
    assert read("d/dx f") == Derivative(f, (x,), style="d")
    assert read("∇_y E x^T") == run(Derivative(E, (y,), style="nabla"), read("x^T"))


def test_an_operator_takes_else_all_up_to_the_next_derivative() -> None:
    assert read("∂/∂x x^T A x + y") == plus(
        Derivative(run(read("x^T"), A, x), (x,), style="slash"), y
    )
    assert read(r"\frac{\partial}{\partial A} a^T A b") == Derivative(read("a^T A b"), (A,))
    assert read("d/dx 1/2 sum(x^2)") == Derivative(read("1/2 sum(x^2)"), (x,), style="d")
    assert read(r"\nabla_x \frac12 \|x\|^2") == Derivative(
        read(r"\frac12 \|x\|^2"), (x,), style="nabla"
    )
    assert read("∂/∂y x^2 ∂y/∂x") == run(
        Derivative(read("x^2"), (y,), style="slash"), read("∂y/∂x")
    )


def test_d_is_a_derivative_even_where_it_is_a_size() -> None:
    assert read("dL/dτ") == Derivative(Name("L"), (Name("τ"),), style="d")
    assert read("dFL/dz") == Derivative(Name("FL"), (Name("z"),), style="d")
    assert read("dc_t/dc_{t-1}") == Derivative(Index(c, (t,)), (read("c_{t-1}"),), style="d")
    assert read("d x / d y") == read("((d x) / d) y")
    assert read("d²f/dx²") == Derivative(f, (x, x), style="d") == read(r"\frac{d^2 f}{dx^2}")


def test_a_quotient_of_derivatives_is_a_quotient() -> None:
    quotient = read(r"\frac{∂E/∂x}{∂y/∂x}")
    assert isinstance(quotient, Quotient)


def test_a_subscript_on_the_sign_of_a_derivative() -> None:
    assert read(r"\partial_W E") == read(r"\nabla_W E") == Derivative(E, (W,), style="nabla")
    assert read("∂_x^2 f") == read("∇²_x f")
    assert read("∂_x ∂_y f") == Derivative(Derivative(f, (y,), style="nabla"), (x,), style="nabla")


def test_the_hessian() -> None:
    assert read("∂²f/∂a∂b^T") == Derivative(f, (a, b), style="slash")
    assert read(r"\nabla^2_x f") == Derivative(f, (x, x), style="nabla")


# --- spans --------------------------------------------------


def test_every_node_knows_its_place() -> None:
    text = r"a + \frac{1}{2} W_{ij}^T (x - y)"
    tree = read(text)
    assert isinstance(tree, Sum)
    product = tree.terms[1][1]
    assert isinstance(product, Product)
    assert [text[f.span[0] : f.span[1]] for f in product.factors] == [
        r"\frac{1}{2}",
        "W_{ij}^T",
        "x - y",
    ]
