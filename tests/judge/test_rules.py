"""NOTATION, sections 3 to 5, rule by rule: each with what it allows and what it does not.

A table's rows are claims about the model above it, each with its verdict.
"""

from __future__ import annotations

import pytest

from backprove import Model

CORRECT, CONVENTION, NOTATION = "correct", "convention", "notation"
SCALAR, APPROXIMATE, WRONG, UNREADABLE = "scalar", "approximate", "wrong", "unreadable"

LINEAR = """
x in R^n, t in R^m
W in R^{m x n}
y = W x
L = 1/2 sum((y - t)^2)
"""
SQUARE = """
x, b in R^n
M in R^{n x n}
z = tanh(M x)
E = sum(z)
q = x^T M x
"""
RNN = """
x_t in R^n, y_t in R^k one-hot        for t = 1..3
h_0 in R^m
U in R^{m x n}, W in R^{m x m}, V in R^{k x m}
h_t = tanh(U x_t + W h_{t-1})         for t = 1..3
o_t = softmax(V h_t)                  for t = 1..3
E_t = -sum(y_t * log(o_t))            for t = 1..3
E   = sum_{t=1}^{3} E_t
"""
SOFTMAX = """
z in R^k, t in R^k one-hot
p = softmax(z)
C = -sum(t * log(p))
"""
COMPONENTS = """
x in R^6, w in R^3
f[r] = sum_{i=1}^{3} x[r+i-1] w_i for r = 1..4
G = sum(f^2)
"""
HESSIAN = """
X in R^{N x d}, y in R^N, w in R^d, λ in R positive
r = X w - y
J = 1/2 r^T r + λ/2 w^T w
"""
TABLE: dict[str, tuple[str, dict[str, str]]] = {
    # --- section 3: derivatives and their layout ---
    "the derivative of a scalar has the shape of the variable": (
        LINEAR,
        {
            "∂L/∂W = (y - t) x^T": CORRECT,
            "∂L/∂x = W^T (y - t)": CORRECT,
            r"\frac{\partial L}{\partial x} = W^\top (y - t)": CORRECT,
            "dL/dx = W^T (y - t)": CORRECT,
            r"\nabla_x L = W^T (y - t)": CORRECT,
        },
    ),
    "a Jacobian has a row for each entry of the quantity": (
        LINEAR,
        {"∂y/∂x = W": CORRECT, "∂y/∂x = W^T": CONVENTION},
    ),
    "another layout of the same derivative is a convention": (
        LINEAR,
        {
            "∂L/∂W = x (y - t)^T": CONVENTION,
            "∂L/∂x = (y - t)^T W": CONVENTION,
            "∂L/∂x = (W^T (y - t))^T": CONVENTION,
        },
    ),
    "a total derivative counts every path": (
        RNN,
        {
            "∂E/∂h_2 = V^T (o_2 - y_2) + W^T ((1 - h_3^2) ⊙ ∂E/∂h_3)": CORRECT,
            "∂E/∂h_2 = V^T (o_2 - y_2)": WRONG,
            "∂E/∂h_3 = V^T (o_3 - y_3)": CORRECT,
        },
    ),
    "an immediate one stays inside its step": (
        RNN,
        {
            "∂⁺h_3/∂h_2 = diag(1 - h_3^2) W": CORRECT,
            r"\frac{\partial^+ h_3}{\partial h_2} = diag(1 - h_3^2) W": CORRECT,
            "∂⁺E/∂h_2 = V^T (o_2 - y_2)": CORRECT,
            "∂⁺E/∂h_2 = ∂E/∂h_2": WRONG,
            "∂⁺E/∂h_3 = ∂E/∂h_3": CORRECT,
        },
    ),
    "Hessians": (
        HESSIAN,
        {
            "∂²J/∂w∂w^T = X^T X + λ I": CORRECT,
            r"\nabla^2_w J = X^T X + λ I": CORRECT,
            r"\frac{\partial^2 J}{\partial w \partial w^T} = X^T X + λ I": CORRECT,
            "∂²J/∂w∂y^T = -X^T": CORRECT,
            "∂²J/∂w∂y^T = X^T": WRONG,
            "∂²J/∂w∂w^T = X^T X": WRONG,
        },
    ),
    "4: on the left as immediate, never by its own line alone": (
        "h_0 in R^m\nU, W in R^{m x m}\nz_t = sigmoid(U h_{t-1}) for t = 1..T\n"
        "h_t = z_t ⊙ h_{t-1} + W z_t for t = 1..T",
        {
            "∂h_t/∂h_{t-1} = diag(z_t) + (diag(h_{t-1}) + W) diag(z_t ⊙ (1 - z_t)) U": CORRECT,
            "∂h_t/∂h_{t-1} = diag(z_t)": WRONG,
            "∂h_t/∂h_{t-1} = z_t": WRONG,
        },
    ),
    "Kronecker's δ stands beside errors δ_1, δ_2 of the writer's": (
        "z_1 in R^m, z_2 in R^n\nδ_1 in R^m, δ_2 in R^n\np = softmax(z_2)",
        {
            "∂p_i/∂z_{2,j} = p_i (δ_{ij} - p_j)": CORRECT,
            "∂p_i/∂z_{2,j} = p_i (δ_{2,i} - p_j)": WRONG,
        },
    ),
    "3: also in what is differentiated": (
        "A in R^{n x n}\nf = tr(A^2)",
        {
            "∂tr(A^2)/∂A = 2 A^T": NOTATION,
            "∂tr(A^2)/∂A = 3 A^T": WRONG,
            "∂f/∂A = 2 A^T": WRONG,
        },
    ),
    "by a transposed matrix": (
        "S in R^{n x m}, q in R^n, r in R^m\nL = q^T S r",
        {
            "∂L/∂S^T = r q^T": CORRECT,
            "∂L/∂S^T = q r^T": CONVENTION,
            "∂L/∂S^T ∈ R^{m x n}": CORRECT,
        },
    ),
    "facts do not bind a derivative": (
        "S in R^{n x n} symmetric, u, v in R^n\ng = u^T S v",
        {"∂g/∂S = u v^T": CORRECT, "∂g/∂S = u v^T + v u^T": WRONG},
    ),
    "components of derivatives": (
        LINEAR,
        {
            "∂L/∂W_{ij} = (y_i - t_i) x_j": CORRECT,
            "(∂L/∂W)[i,j] = (y_i - t_i) x_j": CORRECT,
            "(∂y/∂W)[i,r,j] = δ_{ir} x_j": CORRECT,
            "∂y_i/∂x_j = W_{ij}": CORRECT,
            "∂y_i/∂x_j = W_{ji}": WRONG,
            "∂L/∂W_{ij} = (y_j - t_j) x_i": WRONG,
        },
    ),
    "a derivative by an expression": (
        RNN,
        {"∂E/∂(V h_2) = o_2 - y_2": CORRECT, "∂E/∂(V h_2) = y_2 - o_2": WRONG},
    ),
    "a product of derivatives that share a variable, in either order": (
        LINEAR,
        {
            "∂L/∂W = ∂L/∂y ∂y/∂W": CORRECT,
            "∂L/∂W = ∂y/∂W ∂L/∂y": CORRECT,
            r"\frac{\partial L}{\partial x} = \frac{\partial y}{\partial x} \cdot "
            r"\frac{\partial L}{\partial y}": CORRECT,
            "∂L/∂x = ∂L/∂y ∂y/∂W": WRONG,
        },
    ),
    "through brackets": (
        RNN,
        {
            "∂E/∂W = ∂E/∂h_3 ∂⁺h_3/∂W + ∂E/∂h_2 ∂⁺h_2/∂W + ∂E/∂h_1 ∂⁺h_1/∂W": CORRECT,
            "∂h_3/∂W = ∂⁺h_3/∂W + ∂h_3/∂h_2 (∂⁺h_2/∂W + ∂⁺h_2/∂h_1 ∂⁺h_1/∂W)": CORRECT,
        },
    ),
    "under a product sign factors go in the order in which they meet": (
        RNN,
        {
            r"∂h_3/∂h_0 = \prod_{s=1}^{3} ∂h_s/∂h_{s-1}": CORRECT,
            r"∂h_3/∂h_0 = \prod_{s=1}^{3} ∂⁺h_s/∂h_{s-1}": CORRECT,
            r"∂h_3/∂h_0 = \prod_{s=2}^{3} ∂h_s/∂h_{s-1}": WRONG,
        },
    ),
    "a quantity by itself is the identity": (
        RNN,
        {"∂h_t/∂h_t = I": CORRECT, "∂h_2/∂h_2 = 2 I": WRONG},
    ),
    # --- section 4: claims ---
    "every link of a chain is judged": (
        LINEAR,
        {
            "∂L/∂W = ∂L/∂y x^T = (y - t) x^T": CORRECT,
            "∂L/∂W = (y - t) x^T = (W x - t) x": NOTATION,
            "∂L/∂W = (y - t) x^T = (W x + t) x^T": WRONG,
            "∂L/∂W = (t - y) x^T = -(y - t) x^T": WRONG,
        },
    ),
    "a shape": (
        LINEAR,
        {
            "∂L/∂W ∈ R^{m×n}": CORRECT,
            "∂L/∂W in R^{n x m}": CONVENTION,
            "∂L/∂W in R^{m x m}": WRONG,
            "∂y/∂W in R^{m x (m x n)}": CORRECT,
            "∂y/∂W in R^{m x m x n}": CORRECT,
            "∂y/∂W in R^{m x n x m}": CONVENTION,
            "∂y/∂W in R^{m x n}": WRONG,
            "L in R": CORRECT,
        },
    ),
    "a free index of a family is judged for every value that exists": (
        RNN,
        {
            "∂E/∂h_t = V^T (o_t - y_t) + W^T ((1 - h_{t+1}^2) ⊙ ∂E/∂h_{t+1})": CORRECT,
            "∂E/∂h_t = V^T (o_t - y_t)": WRONG,
            "∂E_t/∂h_t = V^T (o_t - y_t)": CORRECT,
        },
    ),
    "a range after a claim restricts it": (
        RNN,
        {
            "∂E/∂h_t = V^T (o_t - y_t) for t = 3..3": CORRECT,
            "∂E/∂h_t = V^T (o_t - y_t) for t = 2..3": WRONG,
        },
    ),
    "a component is judged wherever the left side exists": (
        COMPONENTS,
        {
            "∂f_r/∂w_i = x[r+i-1]": CORRECT,
            "∂G/∂w_i = sum_{r=1}^{4} 2 f_r x[r+i-1]": CORRECT,
            "∂G/∂x[i] = {2 f_1 w_1 if i = 1; ∂G/∂x[i] otherwise}": CORRECT,
            "∂f_r/∂x_j = {w[j-r+1] if 1 ≤ j-r+1 ≤ 3; 0 otherwise}": CORRECT,
            "∂f_r/∂x_j = w[j-r+1]": WRONG,
            "∂f_1/∂x_i = w_i": WRONG,
        },
    ),
    "an index that stands on the right only misses its sum": (
        LINEAR,
        {
            "∂L/∂x_j = W_{ij} (y_i - t_i)": WRONG,
            r"∂L/∂x_j = \sum_i W_{ij} (y_i - t_i)": CORRECT,
        },
    ),
    "one that stands on the left only is fine": (
        "x in R^n\ns = sum(x)",
        {"∂s/∂x_i = 1": CORRECT, "∂s/∂x_i = 2": WRONG},
    ),
    # --- section 5: verdicts ---
    "the scalar problem": (
        "x in R^n, w in R^m\nW in R^{m x n}\nh = tanh(W x)\ny = w^T h\nL = 1/2 y^2",
        {
            "∂L/∂W = y w (1 - h^2) x": NOTATION,
            "∂L/∂x = y w^2 (1 - h^2) W / w": SCALAR,
            "∂L/∂x = 2 y w^2 (1 - h^2) W / w": WRONG,
        },
    ),
    "a claim with a meaning is wrong even if it holds at size 1": (
        SQUARE,
        {"∂q/∂x = 2 M x": WRONG, "∂q/∂x = M x + M^T x": CORRECT},
    ),
    "sizes that a softmax or a one-hot vector runs over are never 1": (
        SOFTMAX,
        {"∂C/∂z = t^T p ones^T z": WRONG, "∂C/∂z = p - t": CORRECT},
    ),
    "no meaning can be given": (
        LINEAR,
        {
            "∂L/∂W = (y - ": UNREADABLE,
            "∂L/∂unknown = 0": UNREADABLE,
            "∂L/∂W = (y - nothing) x^T": UNREADABLE,
            "∂L/∂W": UNREADABLE,
            "L is a loss": UNREADABLE,
            "∂L/∂x_9_9 = 1": UNREADABLE,
        },
    ),
    # --- section 5: readings ---
    "1: where a product has no meaning its factors may be put in order and transposed": (
        LINEAR,
        {
            "∂L/∂W = (y - t) x": NOTATION,
            "∂L/∂W = x (y - t)": NOTATION,
            "∂L/∂x = W (y - t)": NOTATION,
            "∂L/∂x = (y - t) W": NOTATION,
            "∂L/∂x = -W (y - t)": WRONG,
            "∂L/∂x = 2 W (y - t)": WRONG,
            "∂L/∂W = y x": WRONG,
        },
    ),
    "1: a vector may stand for its diagonal matrix": (
        SQUARE,
        {
            "∂z/∂x = (1 - z^2) M": NOTATION,
            "∂z/∂x = diag(1 - z^2) M": CORRECT,
            "∂z/∂x = (1 + z^2) M": WRONG,
        },
    ),
    "1: as a term and as a whole side, too": (
        SOFTMAX,
        {
            "∂p/∂z = p - p p^T": NOTATION,
            "∂p/∂z = diag(p) - p p^T": CORRECT,
            "∂p/∂z = diag(p) + p p^T": WRONG,
            "∂p/∂z = p": WRONG,
        },
    ),
    "2: where it has a meaning only matrix and elementwise may change places": (
        SQUARE + "N in R^{n x n}\nF = sum(M ⊙ N)\nK = tr(M N)",
        {
            "∂E/∂x = M^T (1 - z^2)": CORRECT,
            "∂E/∂x = M (1 - z^2)": WRONG,
            "∂E/∂x = (1 - z^2) M": NOTATION,
            "F = sum(M N)": NOTATION,
            "F = sum(M N^T)": WRONG,
        },
    ),
    "3: a product of two vectors is read as elementwise, inner or outer": (
        SQUARE,
        {
            "∂q/∂M = x x": NOTATION,
            "∂q/∂M = x ⊙ x": NOTATION,
            "∂E/∂M = (1 - z^2) x": NOTATION,
            "∂E/∂M = (1 + z^2) x": WRONG,
        },
    ),
    "3: but a power is no product": (
        SQUARE,
        {"∂q/∂M = 2 x^2 - x^2": SCALAR, "q = x^2 M": SCALAR},
    ),
    "3: a scalar beside a square matrix is that multiple of I": (
        HESSIAN,
        {
            "∂²J/∂w∂w^T = X^T X + λ": NOTATION,
            "∂²J/∂w∂w^T = X^T X + 2 λ": WRONG,
            "∂w/∂w = 1": NOTATION,
        },
    ),
    "3: a power of a square matrix is read as the matrix power": (
        "A in R^{n x n}, x in R^n\ny = A (A x)",
        {"∂y/∂x = A A": CORRECT, "∂y/∂x = A^2": NOTATION, "∂y/∂x = A^3": WRONG},
    ),
    "4: on a chain-rule right side a derivative may be immediate": (
        RNN,
        {
            "∂E/∂W = sum_{t=1}^{3} ∂E/∂h_t ∂⁺h_t/∂W": CORRECT,
            "∂E/∂W = sum_{t=1}^{3} ∂E/∂h_t ∂h_t/∂W": NOTATION,
            "∂E/∂W = sum_{t=1}^{3} sum_{k=1}^{t} ∂E_t/∂h_t ∂h_t/∂h_k ∂h_k/∂W": NOTATION,
            "∂E/∂W = sum_{t=2}^{3} ∂E/∂h_t ∂h_t/∂W": WRONG,
            "∂E/∂W = ∂⁺E/∂W": WRONG,
        },
    ),
    "4: on the left where a member is differentiated by a member": (
        "c_0 in R^m\nf_t, g_t in R^m for t = 1..3\nR in R^{m x m}\n"
        "h_t = tanh(c_t) for t = 1..3\nh_0 in R^m\n"
        "k_t = σ(R h_{t-1}) for t = 1..3\nc_t = f_t ⊙ c_{t-1} + k_t ⊙ g_t for t = 1..3",
        {
            "∂⁺c_2/∂c_1 = diag(f_2)": CORRECT,
            "∂c_2/∂c_1 = diag(f_2)": NOTATION,
            "∂c_t/∂c_{t-1} = f_t": NOTATION,
            "∂c_t/∂c_{t-1} = 2 f_t": WRONG,
        },
    ),
}
ROWS = [(rule, claim) for rule, (_, claims) in TABLE.items() for claim in claims]


@pytest.mark.parametrize(("rule", "claim"), ROWS)
def test_rule(judge, rule, claim):
    text, claims = TABLE[rule]
    verdict = judge(text, claim)
    assert verdict.verdict == claims[claim], verdict.reason or verdict.reading


def test_a_derivative_by_an_expression_looks_only_at_what_lies_between(judge):
    assert judge(SQUARE, "∂z/∂(M x) = diag(1 - z^2)").verdict == CORRECT


def test_an_outer_product_as_written_is_not_turned_around(judge):
    text = "S in R^{n x n}, u, v in R^n\ng = u^T S v"
    assert judge(text, "∂g/∂S = 1/2 (u v^T + v u^T)").verdict == WRONG


def test_a_product_with_a_meaning_keeps_it_beside_one_without(judge):
    careless = "∂E/∂h_2 = V (o_2 - y_2) + {} ((1 - h_3^2) ⊙ ∂E/∂h_3)"
    assert judge(RNN, careless.format("W^T")).verdict == NOTATION
    assert judge(RNN, careless.format("W")).verdict == SCALAR  # without one as written


class TestWhatAVerdictSays:
    def test_a_missing_sum_is_named(self, judge):
        verdict = judge(LINEAR, "∂L/∂x_j = W_{ij} (y_i - t_i)")
        assert verdict.mistake == "missing-sum"

    def test_a_wrong_shape_is_named(self, judge):
        verdict = judge(LINEAR, "∂L/∂W in R^{m x m}")
        assert verdict.mistake == "shape"
        assert "m×n" in verdict.reason

    @pytest.mark.parametrize(
        ("claim", "kind"),
        [("∂L/∂x = W^T (t - y)", "sign"), ("∂L/∂x = 2 W^T (y - t)", "factor")],
    )
    def test_a_constant_multiple_is_named(self, judge, claim, kind):
        assert judge(LINEAR, claim).mistake == kind

    def test_an_accepted_claim_was_tried_at_points_of_several_sizes(self, judge):
        evidence = judge(LINEAR, "∂L/∂x = W^T y - W^T t").evidence
        assert evidence.points > 1
        assert len(evidence.sizes) > 1
        assert evidence.difference < 1e-8

    def test_a_wrong_claim_comes_with_values_for_which_it_fails(self, judge):
        verdict = judge(LINEAR, "∂L/∂x = W^T (y + t)")
        assert verdict.evidence.left != verdict.evidence.right
        assert {"x", "t", "W"} <= verdict.evidence.values.keys()

    def test_a_reading_is_shown(self, judge):
        assert judge(LINEAR, "∂L/∂x = W (y - t)").reading == "Wᵀ (y − t)"

    def test_an_unreadable_claim_shows_its_place(self, judge):
        claim = "∂L/∂W = (y - nothing) x^T"
        start, end = judge(LINEAR, claim).place
        assert claim[start:end] == "nothing"

    def test_only_wrong_claims_have_a_mistake(self, judge):
        for claim in ("∂L/∂x = W^T (y - t)", "∂L/∂x = W (y - t)", "∂L/∂x = (y - t)^T W"):
            assert judge(LINEAR, claim).mistake is None

    def test_as_data_it_has_no_empty_entries(self, judge):
        data = judge(LINEAR, "∂L/∂x = W^T (y - t)").as_dict()
        assert data["verdict"] == CORRECT
        assert "mistake" not in data


def test_an_index_may_first_appear_in_the_condition_of_a_sum():
    model = Model("z in R^C\np = softmax(z)")
    assert model.check(r"\sum_{k \ne i} p_k + p_i = 1").verdict == "correct"
    assert model.check(r"\sum_{k \ne i} p_k = 1 + p_i").verdict == "wrong"


def test_nothing_is_differentiated_by_a_size():
    verdict = Model.load("rnn").check("∂E/∂n = 0")
    assert verdict.verdict == "unreadable"
    assert "there is no derivative by it" in verdict.reason


@pytest.mark.parametrize(
    "claim", ["dy/da = 1[a >= b]", "dy/da = 1[a = y]", "dy/da = {1 if a >= b; 0 otherwise}"]
)
def test_nothing_is_judged_at_a_tie(claim: str):
    assert Model("a, b in R\ny = max(a, b)").check(claim).verdict == "correct"


def test_only_a_derivative_has_another_layout():
    model = Model("A, B in R^{n x n}, x in R^n\ny = A x")
    assert model.check("∂y/∂x = A^T").verdict == "convention"
    for claim in ("A = A^T", "A B = B^T A^T"):
        assert model.check(claim).verdict == "wrong"


def test_evidence_is_a_point_at_which_the_sides_differ():
    verdict = Model("A in R^{n x n}\nf = det(-A)").check("f = -det(A)")  # true at odd sizes
    assert verdict.verdict == "wrong"
    assert verdict.evidence is not None
    assert verdict.evidence.left != verdict.evidence.right


@pytest.mark.parametrize(
    ("model", "claim"),
    [
        ("z in R^n\np = softmax(z)", "∂p_1/∂z_j = p_1 (δ_{1j} - p_j)"),
        (
            "W in R^{m x n}, x in R^n\nL = ‖W x‖^2",
            r"\left[ \frac{∂L}{∂W} \right]_{ij} = 2 (W x)_i x_j",
        ),
        ("A in R^{n x n}\nf = tr(A)", "∂f/∂A_{ij} = I_{ij}"),
        ("x in R^m\nf = sum(x)", r"∂f/∂x = \mathbf{1}_m"),
    ],
)
def test_indices_run_together(model: str, claim: str):
    assert Model(model).check(claim).verdict == "correct"


def test_a_wrong_sum_of_numbers_is_a_wrong_value():
    verdict = Model("R = receptive_field([[7, 2, 1], [3, 2, 1], [3, 2, 1]])").check(
        "R = 7 + 2*2 = 11"
    )
    assert verdict.mistake == "value"


LINEAR_STATES = """
A in R^{n x n}, B in R^{n x k}
x_0 in R^n, u_t in R^k for t = 1..4
x_t = A x_{t-1} + B u_t for t = 1..4
"""


@pytest.mark.parametrize(
    "claim", ["∂x_t/∂x_0 = A^t", "∂x_4/∂x_t = A^{4-t}", "∂x_4/∂u_t = A^{4-t} B"]
)
def test_a_matrix_power_may_have_an_index_for_its_exponent(claim: str):
    assert Model(LINEAR_STATES).check(claim).verdict == "notation"


def test_the_correction_of_a_derivative_over_steps_is_a_product():
    verdict = Model(LINEAR_STATES).check("∂x_t/∂x_0 = A^{t-1}")
    assert (verdict.verdict, verdict.corrected) == ("wrong", r"\prod_{s=1}^{t} A")


def test_ones_of_a_size_that_the_sum_tells_keep_their_place():
    model = Model("z in R^n\nq = softmax(z)")
    assert model.check("∂q/∂z = diag(q) (I - ones q^T)").verdict == "correct"
    assert model.check("∂q/∂z = diag(q) (I - q ones^T)").verdict == "wrong"


def test_derivatives_of_stacked_columns():
    model = Model("A in R^{m x n}, X in R^{n x p}, B in R^{p x q}\nY = A X B")
    for left in (
        "∂vec(Y)/∂vec(X)",
        r"\frac{\partial \operatorname{vec}(Y)}{\partial \operatorname{vec}(X)}",
    ):
        assert model.check(f"{left} = B^T ⊗ A").verdict == "correct"
        assert model.check(f"{left} = A ⊗ B^T").mistake == "order"


def test_kronecker_with_a_letter_and_a_number():
    model = Model("z in R^n\np = softmax(z)")
    assert model.check("∂p_j/∂z_1 = p_j (δ_{j1} - p_1)").verdict == "correct"


@pytest.mark.parametrize(
    "indicator", [r"\mathbb{I}(i = j)", "I[i = j]", "1[i = j]", r"\mathbf{1}_{i = j}"]
)
def test_ways_to_write_an_indicator(indicator: str):
    model = Model("z in R^n\np = softmax(z)")
    assert model.check(f"∂p_i/∂z_j = p_i ({indicator} - p_j)").verdict == "correct"
