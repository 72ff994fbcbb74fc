"""Mistakes that need more than one change, or a line of the writer's own, with their corrections."""

import pytest

STEPS = """x_t in R^n for t = 1..3
h_0, c in R^m, W in R^{m x m}, U in R^{m x n}
h_t = tanh(W h_{t-1} + U x_t) for t = 1..3
L = sum_{t=1}^{3} c^T h_t"""
FILTER = """p_0, q in R positive, m_0 in R
y_t in R for t = 1..3
k_t = (p_{t-1} + q)/(p_{t-1} + 2 q) for t = 1..3
p_t = (1 - k_t) (p_{t-1} + q) for t = 1..3
m_t = m_{t-1} + k_t (y_t - m_{t-1}) for t = 1..3"""
VALUES = """s_t in R^d for t = 1..4
r_t in R for t = 1..3
w in R^d, γ in R in (0,1)
e_t = r_t + γ w^T s_{t+1} - w^T s_t for t = 1..3
L = (1/2) sum_{t=1}^{3} e_t^2"""
TRIPLET = """x, y, z in R^d, W in R^{k x d}
a = W x
p = W y
n = W z
L = ‖a - p‖^2 - ‖a - n‖^2"""
DENSE = """X in R^{N x d}, W in R^{d x k}, T in R^{N x k}
Y = tanh(X W)
L = (1/(2 N)) ‖Y - T‖_F^2"""
FORM = """A, B in R^{n x n}, x in R^n
q = x^T A B x"""
CONV = """x in R^4, w in R^3, t in R^6
y[k] = sum_{i=1}^{4} x_i w[k-i+1] 1[1 <= k-i+1 <= 3] for k = 1..6
E = (1/2) sum((y - t)^2)"""
POOLED = """x in R^8, c in R^4
a[r] = (1/2) (x[2r-1] + x[2r]) for r = 1..4
E = c^T a"""
HUBER = """X in R^{N x d}, w in R^d, κ in R positive
r = X w
h_i = {r_i^2/2 if abs(r_i) <= κ; κ (abs(r_i) - κ/2) otherwise} for i = 1..N
L = sum_{i=1}^{N} h_i"""
EXPERTS = """x in R^d, t in R^k, W_j in R^{k x d} for j = 1..4
z in R^4
e_j = tanh(W_j x) for j = 1..4
p = softmax(z)
y = sum_{j=1}^{4} p_j e_j
L = (1/2) ‖y - t‖^2"""

NAMED = [
    (FILTER, "∂m_3/∂y_1 = k_3 (1 - k_2) (1 - k_1)", "wrong-index", "k_1 (1 - k_2) (1 - k_3)"),
    (
        VALUES,
        "∂L/∂w = sum_{t=1}^{3} e_t (γ s_t - s_{t+1})",
        "wrong-index",
        r"\sum_{t=1}^{3} e_t (\gamma s_{t+1} - s_t)",
    ),
    (
        STEPS,
        "∂h_3/∂h_1 = diag(1 - h_2^2) W diag(1 - h_1^2) W",
        "wrong-index",
        r"\operatorname{diag}(1 - h_3^2) W \operatorname{diag}(1 - h_2^2) W",
    ),
    (
        CONV,
        "∂E/∂w_2 = (y_1 - t_1) x_1 + (y_2 - t_2) x_2 + (y_3 - t_3) x_3 + (y_4 - t_4) x_4",
        "wrong-index",
        "(y_2 - t_2) x_1 + (y_3 - t_3) x_2 + (y_4 - t_4) x_3 + (y_5 - t_5) x_4",
    ),
    (
        TRIPLET,
        "∂L/∂W = 2 ((a - p) (x + y)^T - (a - n) (x + z)^T)",
        "sign",
        r"2 ((a - p) (x - y)^\top - (a - n) (x - z)^\top)",
    ),
    (
        TRIPLET,
        "∂L/∂W = 2 ((a - p) (x - y)^T - (x - z) (a - n)^T)",
        "notation",
        None,
    ),
    (
        DENSE,
        "∂L/∂W = (1/N) X^T ((Y - T) ⊙ (1 - Y)^2)",
        "wrong-derivative",
        r"\frac{1}{N} X^\top ((Y - T) \odot (1 - Y^2))",
    ),
    (
        DENSE,
        "∂L/∂W = (1/N) X^T ((Y - T) ⊙ (1 - Y^2) ⊙ Y)",
        "extra-factor",
        r"\frac{1}{N} X^\top ((Y - T) \odot (1 - Y^2))",
    ),
    (FORM, "∂q/∂x = 2 A B x", "assumption", r"(A B + B^\top A^\top) x"),
    (
        HUBER,
        "∂L/∂κ = sum_{i=1}^{N} (abs(r_i) - κ)",
        "missing-factor",
        r"\sum_{i=1}^{N} \mathbf{1}[|r_i| > \kappa] (|r_i| - \kappa)",
    ),
    (
        POOLED,
        "(∂a/∂x)[r,j] = {1/2 if 2r <= j <= 2r+1; 0 otherwise}",
        "wrong-index",
        r"\begin{cases} \frac{1}{2} & 2 r - 1 \leq j \leq 2 r \\ 0 & \text{otherwise} \end{cases}",
    ),
]


@pytest.mark.parametrize(("model", "claim", "kind", "right"), NAMED)
def test_named_and_corrected_in_the_writer_s_own_line(judge, model, claim, kind, right):
    found = judge(model, claim)
    assert (found.mistake or found.verdict.value, found.corrected) == (kind, right)


def test_a_term_transposed_as_a_whole(judge):
    graph = "S in R^{n x n} symmetric, X, H in R^{n x d}, G in R^{n x d}\nq = tr(S H G^T + S X H^T)"
    found = judge(graph, "∂q/∂S = G H^T + X H^T")
    assert (found.verdict.value, found.mistake) == ("wrong", "transpose")
    assert found.corrected == r"G H^\top + H X^\top"


@pytest.mark.parametrize(
    ("line", "kind", "right"),
    [
        ("δ_t = (W^T δ_{t+1}) ⊙ (1 - h_t^2)", "missing-term", r"(W^\top \delta_{t+1} + c)"),
        ("δ_t = (c + W δ_{t+1}) ⊙ (1 - h_t^2)", "transpose", r"(c + W^\top \delta_{t+1})"),
    ],
)
def test_a_recursion_is_judged_by_the_derivatives_that_it_begins_with(judge, line, kind, right):
    begins = "δ_3 = c ⊙ (1 - h_3^2)"
    found = judge(STEPS, f"{begins}\n{line}\n∂L/∂U = sum_{{t=1}}^{{3}} δ_t x_t^T")
    assert (found.verdict.value, found.mistake) == ("wrong", kind)
    assert found.reason.startswith("in the line for δ_t, ")
    rule = rf"\text{{where }} \delta_t = {right} \odot (1 - h_t^2)"
    assert found.corrected == rf"\sum_{{t=1}}^{{3}} \delta_t x_t^\top \quad {rule}"


def test_what_holds_for_some_components_only_says_which(judge):
    found = judge(POOLED, "(∂a/∂x)[r,j] = 1/2")
    assert (found.verdict.value, found.mistake) == ("wrong", "missing-factor")
    assert "r = 1, j = 1: at r = 1, j = 3 it is 0" in found.reason


@pytest.mark.parametrize(
    ("claim", "words", "right"),
    [
        ("∂L/∂Y = Y - T", "the factor 1/N is missing", r"\frac{1}{N} (Y - T)"),
        ("∂L/∂Y = (1/2) (Y - T)", "must be multiplied by 2/N", r"\frac{1}{N} (Y - T)"),
        ("∂L/∂Y = (2/N) (Y - T)", "must be multiplied by 1/2", r"\frac{1}{N} (Y - T)"),
        ("∂L/∂Y = (Y - T)/(2 N)", "must be multiplied by 2", r"\frac{Y - T}{N}"),
    ],
)
def test_numbers_and_sizes_are_put_together(judge, claim, words, right):
    found = judge(DENSE, claim)
    assert (found.mistake, found.corrected) == ("factor", right)
    assert words in found.reason


@pytest.mark.parametrize(
    ("model", "claim", "right"),
    [
        (CONV, "∂E/∂w_2 = 0", r"\sum_{k=2}^{5} x[k-1] (y_k - t_k)"),
        (POOLED, "∂E/∂x[2r] = 0 for r = 1..4", r"\frac{1}{2} c_r"),
        (
            EXPERTS,
            "∂L/∂p_j = 0",
            r"(y - t)^\top e_j",
        ),
    ],
)
def test_components_are_corrected_by_components(judge, model, claim, right):
    assert judge(model, claim).corrected == right


def test_arrays_of_numbers_are_told_as_one_writes_them(judge):
    found = judge("x = [1, 3]\ny = 2 x", "y = [2, 5]")
    assert found.reason == "the value is [2, 6]"
