"""Sizes with crosses between them, compared for many whole numbers."""

from __future__ import annotations

import pytest

from backprove.judge.sizes import NoSize, factors, judge, samples, value
from backprove.judge.verdict import Kind

LAYER = ("F", "conv_size(H, K, stride=S)", "conv_size(W, K, stride=S)")


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("[17/4] + 1", 5),
        ("floor[7/4]", 1),
        ("2K - 1", 9),
        ("(H - K)/2", 1),
        ("K H", 35),
        ("-(2)", -2),
    ],
)
def test_the_value_of_a_size(text: str, number: int) -> None:
    assert value(text, {"K": 5, "H": 7}) == number


def test_a_cross_binds_weaker_than_a_sum() -> None:
    assert factors(r"[17/4] + 1 \times [7/4] + 1") == ["[17/4] + 1", "[7/4] + 1"]
    assert factors("F x (H × 2)") == ["F", "(H × 2)"]


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("F × ([(H - K)/S] + 1) × ([(W - K)/S] + 1)", Kind.CORRECT),
        ("([(H - K)/S] + 1) × ([(W - K)/S] + 1) × F", Kind.CONVENTION),
        ("F × ([(H - K)/S]) × ([(W - K)/S])", Kind.WRONG),
        ("F × ((H - K)/S + 1) × ((W - K)/S + 1)", Kind.WRONG),  # not rounded down
        ("F × H", Kind.WRONG),
        ("F × Q × W", Kind.UNREADABLE),
    ],
)
def test_formulas_are_compared_for_all_sizes(text: str, verdict: Kind) -> None:
    assert judge(text, LAYER).verdict is verdict


def test_numbers_say_what_would_be_right() -> None:
    made = judge("5 × 3", ("conv_size(21, 4, stride=4)", "conv_size(12, 5, stride=4)"))
    assert made.verdict is Kind.WRONG
    assert made.corrected == "5 × 2"


def test_a_key_that_no_sizes_fit() -> None:
    with pytest.raises(NoSize, match="larger"):
        samples(("conv_size(3, 5)",))
