"""What has no value cannot be judged: neither right nor wrong, and no fault of the program."""

import pytest

MODEL = """
a in R
x in R^n positive
L = sum(x)
B = log(-1) a
S = sum_{i=1}^{99999} sum_{j=1}^{99999} i j a
"""


@pytest.mark.parametrize(
    "claim", ["B = 3 a", "dB/da = 2 a", "∂B/∂a = log(-1)", "S = 3 a", "dS/da = 3", "log(-L) = x"]
)
def test_a_left_side_without_any_value_is_unreadable(judge, claim):
    verdict = judge(MODEL, claim)
    assert verdict.verdict == "unreadable"


def test_a_right_side_without_values_is_wrong(judge):
    assert judge(MODEL, "L = log(-sum(x))").verdict == "wrong"
