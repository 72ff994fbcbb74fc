"""NOTATION, section 4: names that a writer gives a meaning, and records of several claims."""

from __future__ import annotations

import pytest

from backprove.judge.session import Session
from backprove.mathematics import Model

LINEAR = "x in R^n, t in R^m\nW in R^{m x n}\ny = W x\nL = 1/2 sum((y - t)^2)"
RNN = """
x_t in R^n, y_t in R^k one-hot        for t = 1..3
h_0 in R^m
U in R^{m x n}, W in R^{m x m}, V in R^{k x m}
h_t = tanh(U x_t + W h_{t-1})         for t = 1..3
o_t = softmax(V h_t)                  for t = 1..3
E_t = -sum(y_t * log(o_t))            for t = 1..3
E   = sum_{t=1}^{3} E_t
"""
FOR_ANY_T = RNN.replace("1..3", "1..T").replace("{3}", "{T}")
GRADIENT = "∂E/∂W = sum_{t=1}^{3} δ_t h_{t-1}^T"
BACKWARDS = "δ_t = (V^T (o_t - y_t) + W^T δ_{t+1}) ⊙ (1 - h_t^2) for t = 2..1"
LAST = "δ_3 = (V^T (o_3 - y_3)) ⊙ (1 - h_3^2)"


def record(*lines: str) -> str:
    return "\n".join(lines)


CASES = {
    "a definition holds for what follows": (
        LINEAR,
        record("δ = y - t", "∂L/∂W = δ x^T"),
        "correct",
    ),
    "and is not judged itself": (LINEAR, record("δ = t - y", "∂L/∂W = -δ x^T"), "correct"),
    "what follows is": (LINEAR, record("δ = t - y", "∂L/∂W = δ x^T"), "wrong"),
    "let": (LINEAR, record("let δ = y - t", "∂L/∂W = δ x^T"), "correct"),
    "Let, in LaTeX": (
        LINEAR,
        record(r"Let \delta = y - t", r"\nabla_W L = \delta x^\top"),
        "correct",
    ),
    "where": (LINEAR, record("where δ = y - t", "∂L/∂W = δ x^T"), "correct"),
    "a derivative as a meaning": (LINEAR, record("δ = ∂L/∂y", "∂L/∂x = W^T δ"), "correct"),
    "only the second link of a new name is judged": (LINEAR, "δ = ∂L/∂y = y - t", "correct"),
    "and may be wrong": (LINEAR, "δ = ∂L/∂y = t - y", "wrong"),
    "a name of the model is judged": (LINEAR, "y = 2 W x", "wrong"),
    "and may be right": (LINEAR, "y = W x", "correct"),
    "a definition used by a definition": (
        LINEAR,
        record("r = y - t", "δ = 2 r", "∂L/∂W = 1/2 δ x^T"),
        "correct",
    ),
    "a single member": (RNN, record(LAST, "∂E_3/∂U = δ_3 x_3^T + ∂E_3/∂h_2 ∂h_2/∂U"), "correct"),
    "a family forwards": (
        RNN,
        record("δ_t = ∂E/∂h_t ⊙ (1 - h_t^2) for t = 1..3", GRADIENT),
        "correct",
    ),
    "a family without a range": (RNN, record("δ_t = ∂E/∂h_t ⊙ (1 - h_t^2)", GRADIENT), "correct"),
    "a family backwards": (RNN, record(LAST, BACKWARDS, GRADIENT), "correct"),
    "a family backwards with a mistake": (
        RNN,
        record(LAST, BACKWARDS.replace("W^T", "W"), GRADIENT),
        "wrong",
    ),
    "a family that forgets a path": (
        RNN,
        record("δ_t = V^T (o_t - y_t) ⊙ (1 - h_t^2)", GRADIENT),
        "wrong",
    ),
    "for a symbolic number of steps": (
        FOR_ANY_T,
        record("δ_t = ∂E/∂h_t ⊙ (1 - h_t^2)", "∂E/∂W = sum_{t=1}^{T} δ_t h_{t-1}^T"),
        "correct",
    ),
    "of several claims the worst counts": (
        LINEAR,
        record("∂L/∂x = W^T (y - t)", "∂L/∂W = (y - t) x"),
        "notation",
    ),
    "wrong is worse": (LINEAR, record("∂L/∂x = W^T (y + t)", "∂L/∂W = (y - t) x"), "wrong"),
    "wrong is worse than unreadable": (LINEAR, record("∂L/∂x = (", "∂L/∂W = y x^T"), "wrong"),
    "unreadable is worse than notation": (
        LINEAR,
        record("∂L/∂x = (", "∂L/∂W = (y - t) x"),
        "unreadable",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_records(judge, name):
    model, claim, expected = CASES[name]
    verdict = judge(model, claim)
    assert verdict.verdict == expected, verdict.reason


def test_a_record_remembers_nothing_of_the_one_before(judge):
    assert judge(LINEAR, "δ = y - t\n∂L/∂W = δ x^T").accepted
    assert judge(LINEAR, "∂L/∂W = δ x^T").verdict == "unreadable"


def test_only_giving_names_a_meaning_leaves_nothing_to_judge(judge):
    verdict = judge(LINEAR, "δ = y - t")
    assert verdict.verdict == "unreadable"
    assert "nothing to judge" in verdict.reason


def test_every_claim_of_a_record_has_its_own_verdict(judge):
    verdict = judge(LINEAR, "δ = y - t\n∂L/∂x = W^T δ\n∂L/∂W = δ x\n∂L/∂W = x")
    assert [link.verdict for link in verdict.links] == ["correct", "notation", "wrong"]


def test_e_may_be_the_name_of_an_error(judge):
    assert judge(LINEAR, record("e = y - t", "∂L/∂W = e x^T")).verdict == "correct"


@pytest.mark.parametrize("model", [RNN, FOR_ANY_T])
def test_our_own_derivation_is_accepted_with_its_border(judge, model):
    last = "3" if model is RNN else "T"
    after = "4" if model is RNN else "{T+1}"
    claim = record(
        f"δ_{after} = 0",
        f"δ_t = (V^T (o_t - y_t) + W^T δ_{{t+1}}) ⊙ (1 - h_t^2) for t = {last}..1",
        GRADIENT.replace("{3}", f"{{{last}}}"),
    )
    assert judge(model, claim).verdict == "correct"


@pytest.mark.parametrize("gap", [" where ", ", where ", "\nwhere "])
def test_where_may_come_after(judge, gap):
    assert judge(LINEAR, f"∂L/∂W = δ x^T{gap}δ = y - t").verdict == "correct"
    assert judge(LINEAR, f"∂L/∂W = δ x^T{gap}δ = t - y").verdict == "wrong"


def test_where_may_use_what_came_before(judge):
    claim = record("r = y - t", "∂L/∂W = 1/2 δ x^T", "where δ = 2 r")
    assert judge(LINEAR, claim).verdict == "correct"


def test_only_a_family_ends_in_zeros(judge):
    """δ_t with δ_{t+1} in it is 0 after its last step; before its first, and alone, it is not."""
    lines = (
        "δ_3 = ∂E_3/∂h_3 ⊙ (1 - h_3^2)",
        "δ_2 = (W^T δ_3) ⊙ (1 - h_2^2)",
        "δ_1 = (W^T δ_2) ⊙ (1 - h_1^2)",
    )
    whole = "∂E_3/∂W = sum_{t=1}^{3} δ_t h_{t-1}^T"
    assert judge(RNN, record(*lines, whole)).verdict == "correct"
    assert judge(RNN, record(*lines, whole.replace("{3}", "{4}"))).verdict == "wrong"
    bias = "∂E_3/∂h_0 = W^T (δ_1 + δ_0)"
    family = (f"δ_3 = {lines[0][6:]}", "δ_t = (W^T δ_{t+1}) ⊙ (1 - h_t^2) for t = 2..1")
    assert judge(RNN, record(*family, "∂E_3/∂h_0 = W^T δ_1")).verdict == "correct"
    assert not judge(RNN, record(*family, bias)).accepted


def test_where_in_the_same_line_is_taken_up_first():
    model = Model("x in R^n\nA in R^{n x n}\ns = logsumexp(A x)")
    session = Session(model.world)
    hessian = "∇_x^2 s = A^T (diag(p) - pp^T) A where p = softmax(Ax)"
    jacobian = "∂softmax(x)_i/∂x_j = p_i (δ_{ij} - p_j) where p = softmax(x)"
    for claim, verdict in ((hessian, "correct"), (jacobian, "correct")):
        found = session.check(claim)
        assert found is not None
        assert found.verdict == verdict


def test_a_later_where_gives_a_new_meaning_and_a_plain_line_is_judged():
    session = Session(Model("x in R^n").world)
    assert session.check("where p = softmax(x)") is None
    assert session.check("let p = softmax(2 x)") is None
    assert session.check("p = softmax(2 x)").verdict == "correct"
    assert session.check("p = softmax(x)").verdict == "wrong"
    assert session.check("let x = 2").verdict == "wrong", "a name of the model keeps its meaning"


BACKWARDS = Model("""
x_t in R^m for t = 1..4
h_0 in R^m
W in R^{m x m}
a_t = W h_{t-1} + x_t for t = 1..4
h_t = tanh(a_t) for t = 1..4
E = 1/2 ‖h_4‖^2
""")
SUM = "\n∂E/∂W = sum_{t=1}^{4} δ_t h_{t-1}^T"


@pytest.mark.parametrize(
    "lines",
    [
        "δ_4 = h_4 ⊙ (1 - h_4^2)\nδ_t = (W^T δ_{t+1}) ⊙ (1 - h_t^2)" + SUM,
        "δ_4 = h_4 ⊙ (1 - h_4^2)\nδ_{t-1} = (W^T δ_t) ⊙ (1 - h_{t-1}^2)" + SUM,
        "δ_4 = h_4 ⊙ (1 - h_4^2)\nδ_{t-1} = (W^T δ_t) ⊙ (1 - h_{t-1}^2) for t = 2..4" + SUM,
        "g_1 = x_1\ng_t = W g_{t-1}\nW W x_1 = g_3",
        "g_1 = x_1\ng_{t+1} = W g_t for t = 1..3\nW W x_1 = g_3",
        "let g_{t+1} = h_t\n∂E/∂h_4 = g_5",
        "J_{t+1} = ∂h_{t+1}/∂h_t\n∂h_4/∂h_1 = J_4 J_3 J_2",
        "S_0 = 0\nS_t = S_{t-1} + h_t\nsum_{t=1}^{4} h_t = S_4",
        # a claim about a member one step on
        "h_{t+1} = tanh(W h_t + x_{t+1})",
        "δ_t = ∂E/∂h_t\nδ_{t-1} = W^T((1 - h_t^2) ⊙ δ_t)",
    ],
)
def test_a_rule_may_stand_beside_the_member_it_begins_with(lines: str):
    assert BACKWARDS.check(lines).verdict == "correct"


@pytest.mark.parametrize(
    "lines",
    [
        "δ_4 = h_4 ⊙ (1 - h_4^2)\nδ_t = (W δ_{t+1}) ⊙ (1 - h_t^2)" + SUM,
        "δ_4 = h_4 ⊙ (1 - h_4^2)\nδ_{t-1} = (W^T δ_t) ⊙ (1 - h_t^2)" + SUM,
        "g_1 = x_1\ng_t = W g_{t-1}\nW W x_1 = g_4",
        "h_{t+1} = tanh(W h_t + x_t)",
    ],
)
def test_a_wrong_rule_beside_its_first_member_is_wrong(lines: str):
    assert BACKWARDS.check(lines).verdict == "wrong"


def test_a_name_for_what_the_model_writes_out_is_that_expression():
    model = Model("x in R^n, y in R^m\nW in R^{m x n}\nh = tanh(W x)\nL = 1/2 ‖h - y‖^2")
    assert model.check("let z = W x\n∂L/∂z = (h - y) ⊙ (1 - h^2)").verdict == "correct"
    assert model.check("let z = W x\n∂L/∂W = ∂L/∂z x^T").verdict == "correct"
    wrong = model.check("let z = W x\n∂L/∂z = h - y")
    assert (wrong.verdict, wrong.mistake) == ("wrong", "missing-factor")


def test_a_family_reaches_the_member_that_is_given_by_itself(judge):
    model = "x_0, b in R^n, A in R^{n x n}, η in R\nx_t = x_{t-1} - η (A x_{t-1} - b) for t = 1..3"
    found = judge(model, "r_t = A x_t - b\n∂x_2/∂η = -r_1 - r_0 + η A r_0")
    assert found.verdict.value == "correct"


def test_beside_a_member_given_by_itself_a_letter_chooses_components(judge):
    model = "g, v_0 in R^n, b in R\nv = b v_0 + g^2"
    assert judge(model, "∂v_i/∂g_i = 2 g_i").verdict.value == "correct"
    assert judge(model, "∂v_i/∂b = v_0[i]").verdict.value == "correct"
