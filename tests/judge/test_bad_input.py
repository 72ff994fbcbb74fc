"""Whatever a user writes, the answer is a verdict: never an exception."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backprove.judge.collection import judge_file
from backprove.judge.verdict import Kind

MODEL = "x in R^n, t in R^m\nW in R^{m x n}\ny = W x\nL = 1/2 sum((y - t)^2)"
noise = random.Random(4)

HOPELESS = {
    "nothing": "",
    "blank lines": "\n \n\t\n",
    "brackets": "∂L/∂x = " + "(" * 10_000 + "x" + ")" * 10_000,
    "open brackets": "∂L/∂x = " + "(" * 10_000,
    "closing brackets": "∂L/∂x = " + ")" * 10_000,
    "square brackets": "∂L/∂x = " + "[" * 10_000 + "]" * 10_000,
    "braces": "x^" * 5_000 + "{" * 10_000,
    "fractions": "L = " + r"\frac{1}{" * 5_000 + "x" + "}" * 5_000,
    "a long line": "∂L/∂x = " + "A + " * 250_000,
    "a long word": "L = " + "x" * 1_000_000,
    "a long number": "L = " + "9" * 1_000_000 + " x y",
    "binary": "".join(chr(noise.randrange(0, 256)) for _ in range(2_000)),
    "zeros": "\x00" * 1_000,
    "any characters": "".join(chr(noise.randrange(0x20, 0xD7FF)) for _ in range(2_000)),
    "only commands": "\\" * 10_000,
    "derivatives of derivatives": "∂" * 10_000 + "L",
    "primes": "x" + "'" * 10_000,
    "subscripts": "x" + "_x" * 5_000 + " = 1",
    "prose": "The gradient vanishes because the derivative of tanh is small.",
    "markup": "<script>alert(1)</script> = <b>x</b>",
    "several equal signs": "= = = =",
}


@pytest.mark.parametrize("name", HOPELESS)
def test_hopeless_text_is_unreadable(judge, name):
    assert judge(MODEL, HOPELESS[name]).verdict == Kind.UNREADABLE


def test_long_but_good_text_is_answered(judge):
    verdict = judge(MODEL, "∂L/∂x = " + " + ".join(["W^T (y - t)"] * 2_000))
    assert verdict.verdict in (Kind.WRONG, Kind.UNREADABLE)


HUGE = [
    "L = 1e999999",
    "L = 10^(10^10)",
    "L = 0.5^(10^9)",
    "L = x[99999999999]",
    "L = 1 - 1e-300",
    "L = 10^1000",
    "L = 9^9^9^9",
    "conv_size(1e400, 3) = 1",
    "L = sum_{i=1}^{10000000000} x_1",
    "L = sum_{i=1}^{99999} sum_{j=1}^{99999} i j",
    "a_t = a_{t-1} + 1 for t = 1..100000000\nL = a_3",
]


@pytest.mark.parametrize("claim", HUGE)
def test_huge_numbers_are_answered(judge, claim):
    assert not judge(MODEL, claim).accepted


@pytest.mark.parametrize(
    "claim",
    [
        "average_precision(TFT, positives=2, points=100000000) = 1",
        "conv_matrix([[1, 2], [3, 4]], input=[3000, 3000]) = 1",
    ],
)
def test_huge_quantities_are_refused(judge, claim):
    assert judge(MODEL, claim).verdict == Kind.UNREADABLE


PIECES = [
    *"()[]{}=+-*/^_'|,;&∂Σ∇ᵀ⊙",
    "\\frac",
    "\\sum",
    "∂L/∂W",
    "x",
    "W",
    "t",
    "y",
    "L",
    "1/2",
    "tanh(",
    "sum_{i=1}^{n}",
    " for t = 1..3",
    "in R^n",
    "diag",
    "\n",
    " ",
    "\\begin{cases}",
    "\\end{cases}",
    "δ_t",
]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
def test_pieces_of_mathematics_thrown_together(judge, text):
    assert judge(MODEL, text).verdict in list(Kind)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=60))
def test_any_text(judge, text):
    assert not judge(MODEL, text).accepted


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_true_claim_with_a_character_lost_or_changed(judge, data):
    claim = r"\frac{\partial L}{\partial W} = (W x - t) x^\top"
    at = data.draw(st.integers(0, len(claim) - 1))
    other = data.draw(st.sampled_from(["", "(", "}", "W", "x", "2", "\\", "_", "∂"]))
    assert judge(MODEL, claim[:at] + other + claim[at + 1 :]).verdict in list(Kind)


def test_a_wrong_number_without_any_model(judge):
    assert judge("", r"0 = \sqrt{1 + 4}").verdict is Kind.WRONG


def test_a_sum_inside_another_over_the_same_letter(judge):
    model = "p, t in R^n, A in R^{n x n}"
    claim = r"A p = \sum_k p_k A (\sum_k t_k p_k) p"
    assert judge(model, claim).verdict is Kind.WRONG


class TestCollections:
    def test_a_line_that_cannot_be_used_is_answered_with_its_number(self):
        lines = ["{", '{"claim": 3}', "[1]", '{"model": 3, "claim": "x = 1"}', "null"]
        answers = list(judge_file(lines))
        assert [a["line"] for a in answers] == [1, 2, 3, 4, 5]
        assert all(a["error"] for a in answers)

    def test_a_model_that_cannot_be_read_makes_its_claims_unreadable(self):
        (answer,) = judge_file(['{"id": "a", "model": "y = A x", "claim": "y = 0"}'])
        assert answer["id"] == "a"
        assert answer["verdict"] == "unreadable"
        assert "A is not declared" in answer["reason"]

    def test_empty_lines_are_no_records(self):
        assert list(judge_file(["", "  ", "\n"])) == []
