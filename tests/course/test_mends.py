"""Mends: what people write that the notation does not know, and what is left alone."""

from __future__ import annotations

from backprove import Model
from backprove.course.mends import grouped_by_spaces, habits_of, mended
from backprove.model.entity import System

SYSTEM = Model(
    """
x in R^n, W in R^{m x n}, g in R
f_W = W x
q_{i,s} in R^d for i = 0..2, s = 1..3
ℓ = sum(f_W)
"""
).system


def text(claim: str, system: System = SYSTEM, **habits: str) -> str:
    found = mended(claim, system, habits)
    return claim if found is None else found.text


def test_a_function_named_with_its_argument() -> None:
    assert text("f_W(x) = W x") == "f_W = W x"
    found = mended("f_W(x) = W x", SYSTEM, {})
    assert found is not None
    assert found.notes == ("read `f_W(x)` as `f_W`",)


def test_a_product_stays_a_product() -> None:
    assert text("g (1-g)") == "g (1-g)"
    assert text("g (x)") == "g (x)"  # g is given, not defined


def test_an_index_in_brackets() -> None:
    assert text("x(i) = 1") == "x_i = 1"


def test_a_sum_over_the_one_index_in_it() -> None:
    assert text(r"\sum q_i[t]^T q_i[t]") == r"\sum_i q_i[t]^T q_i[t]"
    assert text(r"\sum x") == "sum(x)"
    assert text(r"\sum_i x_i") == r"\sum_i x_i"
    assert text(r"\sum q_i q_j") == r"\sum q_i q_j"  # over which?


def test_the_step_that_all_others_have() -> None:
    assert text("q_0[t] + q_1") == "q_0[t] + q_1[t]"
    assert text("q_1 + x") == "q_1 + x"  # no step is written anywhere


def test_letters_read_before() -> None:
    assert text(r"\partial I/\partial x", I="ℓ") == r"\partial ℓ/\partial x"
    assert text(r"\partial x/\partial x", x="ℓ") == r"\partial x/\partial x"  # x is known
    assert habits_of(("read `I` as `ℓ`", "read `F_3` as `E_3`")) == {"I": "ℓ"}


def test_blanks_that_group() -> None:
    found = grouped_by_spaces("0 / 3+1 = 0")
    assert found is not None
    assert found.text == "0 / (3+1) = 0"
    assert grouped_by_spaces("0/3 + 1 = 0") is None
    assert grouped_by_spaces("a / b+c") is None
