"""Repairs of scanned and careless text: made where there is one, and only one; else left alone."""

from __future__ import annotations

import pytest

from backprove.judge.repair import Ambiguous, Repaired, repair
from backprove.judge.session import Session
from backprove.judge.verdict import Kind, Verdict
from backprove.judge.world import World
from backprove.model.entity import System
from backprove.model.text import read_model

NETWORK = """
I_t in R^n, y_t in R^k one-hot        for t = 1..3
H_0 in R^m
U in R^{m x n}, W in R^{m x m}, V in R^{k x m}
H_t = tanh(U I_t + W H_{t-1})         for t = 1..3
O_t = softmax(V H_t)                  for t = 1..3
E_t = -sum(y_t * log(O_t))            for t = 1..3
E   = E_1 + E_2 + E_3
"""
GATED = """
x_s in R^n for s = 1..3
h_0 in R^m, y in R^m
W_c in R^{m x n}, W_h in R^{m x m}
h_s = sigmoid(W_c x_s + W_h h_{s-1}) for s = 1..3
ℓ = 1/2 ‖h_3 - y‖^2
"""
LOGISTIC = """
X in R^{N x d}, w in R^d, t in R^N, b in R
p = σ(X w + b)
L = sum((p - t)^2)
"""
CLASSES = """
z in R^C, y in R^C one-hot
p = softmax(z)
L = -sum(y ⊙ log(p))
"""
MODELS = {"classes": CLASSES, "network": NETWORK, "gated": GATED, "logistic": LOGISTIC, "": ""}
WORLDS = {name: World(read_model(text)) for name, text in MODELS.items()}

REPAIRED = [
    # a digit that is a letter, and the same wherever it stands
    ("network", "∂E_1/∂V = (0_1 - y_1) H_1^T", "∂E_1/∂V = (O_1 - y_1) H_1^T"),
    ("network", "∂E_1/∂V = (O_1 - 4_1) H_1^T", "∂E_1/∂V = (O_1 - y_1) H_1^T"),
    ("network", "0_1 - y_1 = ∂E_1/∂(V H_1)", "O_1 - y_1 = ∂E_1/∂(V H_1)"),
    # a letter that is another
    ("network", "∂F_3/∂v = (O_3 - y_3) H_3^T", "∂E_3/∂V = (O_3 - y_3) H_3^T"),
    ("network", r"∂E_3/∂V = (\Omega_3 - y_3) H_3^T", "∂E_3/∂V = (O_3 - y_3) H_3^T"),
    ("network", "∂h_t/∂h_{t-1} = diag(1 - H_t^2) W", "∂H_t/∂H_{t-1} = diag(1 - H_t^2) W"),
    ("network", "∂E_3/∂(vH_3) = O_3 - y_3", "∂E_3/∂(VH_3) = O_3 - y_3"),
    ("gated", "∂I/∂W_c = ∂I/∂h_3 ∂h_3/∂W_c", "∂ℓ/∂W_c = ∂ℓ/∂h_3 ∂h_3/∂W_c"),
    ("gated", "∂ℓ/∂w_c = 0", "∂ℓ/∂W_c = 0"),
    ("gated", "∂ℓ/∂W_C = 0", "∂ℓ/∂W_c = 0"),
    ("logistic", "∂L/∂ω = X^T p", "∂L/∂w = X^T p"),
    ("logistic", r"∂L/∂\mathbf{W} = X^T p", "∂L/∂w = X^T p"),
    # a letter that is a digit
    ("network", "∂H_t/∂(U I_t + W H_{t-1}) = diag(l - H_t^2)",
     "∂H_t/∂(U I_t + W H_{t-1}) = diag(1 - H_t^2)"),
    ("network", "∂E/∂H_O = 0", "∂E/∂H_0 = 0"),
    ("", "1OO + 1 = 101", "100 + 1 = 101"),
    # functions, signs, brackets
    ("", "In(4) = 1.386", "ln(4) = 1.386"),
    ("", "1n(4) = 1.386", "ln(4) = 1.386"),
    ("", r"\In 4 = 1.386", r"\ln 4 = 1.386"),
    ("", "ln(4 = 1.386", "ln(4) = 1.386"),
    ("", "5 x 2 = 10", "5 × 2 = 10"),
    ("network", "∂H_t/∂H_{t--1} = diag(1 - H_t^2) W", "∂H_t/∂H_{t-1} = diag(1 - H_t^2) W"),
    ("network", r"∂h_2^o/∂H_1 = W", "∂H_2/∂H_1 = W"),
    ("network", r"∂H_2^\circ/∂H_1 = W", "∂H_2/∂H_1 = W"),
    ("network", r"\frac{2 E}{\partial V} = 0", r"\frac{∂ E}{\partial V} = 0"),
    ("network", "∂E/2V = 0", "∂E/∂V = 0"),
    ("network", r"\frac{\partial E}{\partial V = 0", r"\frac{\partial E}{\partial V} = 0"),
    ("network", r"\frac{\partial E}{\partial V}} = 0", r"{\frac{\partial E}{\partial V}} = 0"),
    ("network", "∂E_3/∂V = (O_3 - y_3) H_3^{T", "∂E_3/∂V = (O_3 - y_3) H_3^{T}"),
    ("gated", "∂h_1/∂x_1 = ∂h_1/∂×_1", "∂h_1/∂x_1 = ∂h_1/∂x_1"),
]  # fmt: skip

LEFT_ALONE = [
    # it means something as it stands, true or not
    ("network", "∂E_3/∂V = (O_3 - y_3) H_3^T"),
    ("network", "∂E_3/∂O_3 = 0.3 - y_3"),
    ("network", "∂E_3/∂V = (0 - y_3) H_3^T"),
    ("network", "∂E_3/∂H_3 = V^T (0.3 - y_3)"),
    ("gated", "∂ℓ/∂h_l = h_l - y"),
    ("logistic", "∂L/∂w = X^T (p - t) - -t"),
    ("classes", "L = -log(p_y)"),
    # new names are the writer's own
    ("network", "G = O_3 - y_3"),
    ("network", "F_3 = O_3 - y_3"),
    ("network", "let δ = O_3 - y_3"),
    # nothing that it may have been
    ("network", "∂E_3/∂V = q H_3^T"),
    ("network", "∂E_3/∂V = (O_3 - ) H_3^T"),
    # a factor never vanishes, and an unknown letter is no constant
    ("network", "∂E_3/∂V = l (O_3 - y_3) H_3^T"),
    ("network", "∂E_3/∂V = (O_3 - y_3) H_3^T + o"),
    ("network", "∂E_3/∂V = (O_3 - y_3) x H_3^T"),
    ("logistic", "∂E/∂w = 0"),
    # a decimal beside nothing that it could be
    ("network", "∂E_3/∂V = (0.7 - y_3) * H_3"),
    ("network", "∂E_3/∂V = (0.3 - y_3) * H_3 + 0.3"),
]

AMBIGUOUS = [
    ("O_t, o_t in R^n for t = 1..3\nL = sum(O_1 * o_1)", "∂L/∂O_1 = 0_1", ("O_1", "o_1")),
    ("E_t, f_t in R for t = 1..3", "∂F_1/∂E_1 = 0", ("E_1", "f_1")),
    ("a, b, c in R", "a = (b - c a", ("`a = (b - c a`", "`a = (b - c`")),
]


def fixed(model: str, line: str) -> Repaired | Ambiguous | None:
    return repair(line, System(base=WORLDS[model].system))


@pytest.mark.parametrize(("model", "line", "meant"), REPAIRED)
def test_repaired(model: str, line: str, meant: str) -> None:
    found = fixed(model, line)
    assert isinstance(found, Repaired)
    assert found.text == meant
    assert found.notes
    assert fixed(model, meant) is None


@pytest.mark.parametrize(("model", "line"), LEFT_ALONE)
def test_left_alone(model: str, line: str) -> None:
    assert fixed(model, line) is None


@pytest.mark.parametrize(("model", "line", "choices"), AMBIGUOUS)
def test_several_would_do(model: str, line: str, choices: tuple[str, ...]) -> None:
    found = repair(line, System(base=read_model(model)))
    assert isinstance(found, Ambiguous)
    assert all(any(choice in option for option in found.options) for choice in choices)
    verdict = Session(World(read_model(model))).check(line)
    assert verdict is not None
    assert verdict.verdict is Kind.UNREADABLE
    assert all(choice in verdict.reason for choice in choices)


def test_a_decimal_that_is_a_member() -> None:
    found = fixed("network", "∂E_2/∂V = (0.2 - y_2) * H_2")
    assert isinstance(found, Repaired)
    assert found.notes == ("read `0.2` as `O_2`",)


def test_all_that_is_wrong_in_one_line() -> None:
    found = fixed("network", r"\frac{\partial F_3}{\partial v} = (0_3 - 4_3) \otimes H_3")
    assert isinstance(found, Repaired)
    assert set(found.notes) == {
        "read `F_3` as `E_3`",
        "read `v` as `V`",
        "read `0_3` as `O_3`",
        "read `4_3` as `y_3`",
    }


def test_places_lead_back_to_the_text_as_written() -> None:
    line = r"∂E_1/∂V = (\Omega_1 - 4_1) H_1^T"
    found = fixed("network", line)
    assert isinstance(found, Repaired)
    for name in ("O_1", "y_1", "H_1"):
        start = found.text.index(name)
        low, high = found.origin((start, start + len(name)))
        assert line[low:high] == {"O_1": r"\Omega_1", "y_1": "4_1", "H_1": "H_1"}[name]


def test_damage_without_end_is_given_up() -> None:
    assert fixed("network", "∂E/∂W = " + "(" * 400) is None
    assert fixed("network", "∂E/∂W = " + " + ".join(["F_1"] * 2000)) is None


# --- in a session --------------------------------------------------------------------------------


def judged(model: str, text: str) -> Verdict:
    verdict = Session(WORLDS[model]).check(text)
    assert verdict is not None
    return verdict


def test_repairs_stand_beside_the_links_that_they_touch() -> None:
    line = "∂E_1/∂V = ∂E_1/∂(V H_1) · ∂(V H_1)/∂V = (0_1 - y_1) * H_1"
    first, second = judged("network", line).links
    assert (first.verdict, first.repairs) == (Kind.CORRECT, ())
    assert (second.verdict, second.repairs) == (Kind.NOTATION, ("read `0_1` as `O_1`",))
    assert first.claim == "∂E_1/∂V = ∂E_1/∂(V H_1) · ∂(V H_1)/∂V"
    assert second.claim == "∂E_1/∂(V H_1) · ∂(V H_1)/∂V = (0_1 - y_1) * H_1"


def test_a_wrong_claim_stays_wrong_when_it_is_repaired() -> None:
    assert judged("network", "∂F_3/∂V = (y_3 - O_3) H_3^T").verdict is Kind.WRONG
    assert judged("network", "∂E_2/∂V = (y_2 - 0.2) * H_2").verdict is Kind.WRONG


def test_a_readable_wrong_claim_is_not_repaired() -> None:
    verdict = judged("network", "∂E_3/∂(V H_3) = 0.3 - y_3")
    assert (verdict.verdict, verdict.repairs) == (Kind.WRONG, ())


def test_definitions_are_taken_up_once_where_the_line_is_repaired() -> None:
    text = "δ = O_3 - y_3, ∂F_3/∂V = δ H_3^T\n∂E_3/∂V = δ H_3^T"
    verdict = judged("network", text)
    assert [link.verdict for link in verdict.links] == [Kind.CORRECT, Kind.CORRECT]
    assert verdict.links[0].repairs == ("read `F_3` as `E_3`",)


def test_places_are_in_the_claim_that_they_belong_to() -> None:
    text = "∂E_3/∂(V H_3) = O_3 - y_3\n∂E_3/∂V = (O_3 - y_3) H_3^T = q H_3^T"
    verdict = judged("network", text)
    last = verdict.links[-1]
    assert last.claim == "(O_3 - y_3) H_3^T = q H_3^T"
    assert last.place is not None
    assert last.claim[slice(*last.place)] == "q"
    assert verdict.claim == text
    assert verdict.place is not None
    assert verdict.claim[slice(*verdict.place)] == "q"
    assert text[: verdict.place[0]].endswith("H_3^T = ")


def test_places_are_in_the_text_before_its_repair() -> None:
    verdict = judged("network", r"\frac{\partial F_3}{\partial V} = (O_3 - y_3) H_7^T")
    assert verdict.verdict is Kind.WRONG
    assert verdict.place is not None
    assert verdict.claim[slice(*verdict.place)] == "H_7"


def test_the_shape_of_a_known_name_is_a_claim() -> None:
    assert judged("network", "H_2 ∈ R^m").verdict is Kind.CORRECT
    assert judged("network", "H_2 ∈ R^n").verdict is Kind.WRONG
    assert Session(WORLDS["network"]).check("G ∈ R^n") is None


def test_of_several_places_for_a_bracket_the_only_one_where_shapes_fit_is_taken() -> None:
    model = "W in R^{m x n}, x in R^n, t in R^m\ny = W x\nE = (1/2) ‖y - t‖^2 + (1/2) ‖x‖^2"
    found = Session(World(read_model(model))).check("∂E/∂x = x + W^T (y - t")
    assert found is not None
    assert found.verdict == Kind.CORRECT
    assert found.repairs
