"""NOTATION, section 5: numbers, and how they may be rounded."""

from __future__ import annotations

import pytest

CORRECT, APPROXIMATE, WRONG = "correct", "approximate", "wrong"

MODEL = """
a = 2/3
b = 0.125
c = 7
d = 1234.5
r = sqrt(2)
v = [0.5, 1/3]
tiny = 1/3000
z = -5
s = σ(z)
L = log(1 + exp(-z))
"""
CASES = {
    # rounded to the digits shown
    "a = 0.667": CORRECT,
    "a = 0.66667": CORRECT,
    "a = 2/3": CORRECT,
    "a = 0.7": CORRECT,
    "r = 1.41": CORRECT,
    "r = 1.4142": CORRECT,
    "tiny = 3.3e-4": CORRECT,
    r"tiny = 3.3 \times 10^{-4}": CORRECT,
    "tiny = 0.0333%": CORRECT,
    "a = 66.7%": CORRECT,
    "tiny = 0e-3": CORRECT,
    "tiny = 0e-4": WRONG,
    "tiny = 0%": CORRECT,
    "c = 0e9": WRONG,
    # half up or half even
    "b = 0.13": CORRECT,
    "b = 0.12": CORRECT,
    "b = 0.125": CORRECT,
    "b = 0.1": CORRECT,
    "d = 1235": CORRECT,
    "d = 1234": CORRECT,
    # within 1%: rounded on the way
    "a = 0.666": APPROXIMATE,
    "r = 1.42": APPROXIMATE,
    "tiny = 3.34e-4": APPROXIMATE,
    # further off
    "a = 0.65": WRONG,
    "r = 1.5": WRONG,
    "b = 0.14": WRONG,
    "a = -0.667": WRONG,
    # a whole number must be exact where the truth is whole
    "c = 7": CORRECT,
    "c = 7.0": CORRECT,
    "c = 6": WRONG,
    "100 c = 701": WRONG,
    "100 c = 700": CORRECT,
    # ≈ asks for 1% only
    "a ≈ 0.66": CORRECT,
    "a ≈ 0.67": CORRECT,
    "a ≈ 0.6": WRONG,
    r"r \approx 1.41": CORRECT,
    "100 c ≈ 701": CORRECT,
    # between two literal numbers one is the other, rounded
    "a = 0.667 = 0.67": CORRECT,
    "a = 0.667 = 0.66": WRONG,
    "a = 2/3 = 0.667": CORRECT,
    "a = 2/3 = 0.66667 = 0.7": CORRECT,
    # arrays of numbers, entry by entry
    "v = [0.5, 0.333]": CORRECT,
    "v = [0.5, 0.332]": APPROXIMATE,
    "v = [0.5, 0.4]": WRONG,
    "v_2 = 0.333": CORRECT,
    # expressions are exact
    "a = 1/3 + 1/3": CORRECT,
    "r^2 = 2": CORRECT,
    "c = 14/2": CORRECT,
    # a derivative by a name that has a number is taken at that number
    "dL/dz = -0.9933": CORRECT,
    "dL/dz = s - 1": CORRECT,
    "dL/dz = 0.9933": WRONG,
    "dL/dz = -1": CORRECT,
    "dL/dz = -0.99": CORRECT,
}


@pytest.mark.parametrize("claim", CASES)
def test_a_number(judge, claim):
    verdict = judge(MODEL, claim)
    assert verdict.verdict == CASES[claim], verdict.reason


def test_a_wrong_number_is_a_wrong_value_and_the_true_one_is_shown(judge):
    verdict = judge(MODEL, "r = 1.5")
    assert verdict.mistake == "value"
    assert "1.41421" in verdict.reason


def test_named_quantities_need_no_model(judge):
    assert judge("", "conv_size(32, 5, stride=2) = 14").verdict == CORRECT
    assert judge("", "conv_size(32, 5, stride=2) = 15").verdict == WRONG
    assert judge("", "iou([0, 0, 2, 2], [1, 0, 3, 2]) = 0.333").verdict == CORRECT
    assert judge("", "average_precision(TFT, positives=2, points=all) = 0.83").verdict == CORRECT


def test_a_difference_that_rounding_hides_is_decided_with_certainty(judge):
    model = "x in R^n\nL = sum(x^2)"
    assert judge(model, "dL/dx = 2 x").verdict == CORRECT
    assert judge(model, "dL/dx = 6 x / 3").verdict == CORRECT
    verdict = judge(model, "dL/dx = 2.0000000001 x")
    assert verdict.verdict == WRONG
    assert "certainly differ" in verdict.evidence.summary
