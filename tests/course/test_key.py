"""Keys: what a sheet's answer block asks for, and the marks it gives."""

from __future__ import annotations

from fractions import Fraction

import pytest

from backprove.course.key import BadKey, read_key


def test_an_expression_is_a_value() -> None:
    key = read_key("∂E_2/∂W", 4)
    assert (key.kind, key.text, key.line, key.marks) == ("value", "∂E_2/∂W", 4, None)


@pytest.mark.parametrize(
    ("marks", "number"),
    [
        ("[1 mark]", Fraction(1)),
        ("[0.5 marks]", Fraction(1, 2)),
        ("(1/3 mark)", Fraction(1, 3)),
        ("[2 points]", Fraction(2)),
    ],
)
def test_marks_stand_at_the_end(marks: str, number: Fraction) -> None:
    key = read_key(f"W x   {marks}", 1)
    assert (key.text, key.marks) == ("W x", number)


def test_a_name_with_its_meaning() -> None:
    key = read_key("AP = average_precision(TF, positives=1)", 1)
    assert (key.kind, key.name) == ("statement", "AP")
    assert key.text == "average_precision(TF, positives=1)"


def test_a_shape_and_a_chain_rule() -> None:
    assert (read_key("shape ∂E/∂W", 1).kind, read_key("shape ∂E/∂W", 1).text) == ("shape", "∂E/∂W")
    chain = read_key("chain ∂E/∂h", 1)
    assert (chain.kind, chain.text, chain.chain) == ("value", "∂E/∂h", True)


def test_sizes_stand_between_crosses() -> None:
    key = read_key("size F × conv_size(H, K, stride=S)", 1)
    assert key.parts == ("F", "conv_size(H, K, stride=S)")


def test_a_table_has_a_row_for_each_value_of_its_index() -> None:
    key = read_key("table rank = 1..3: precision(TFT, rank), R = recall(TFT, rank, 2)", 1)
    assert (key.index, key.values) == ("rank", ("1", "2", "3"))
    assert [column.name for column in key.columns] == ["precision", "R"]
    assert key.cell(key.columns[1], "2") == "recall(TFT, 2, 2)"


def test_a_row_of_numbers_may_be_a_progression() -> None:
    assert read_key("table r = 0, 0.25, ..., 1: f(r)", 1).values == (
        "0",
        "0.25",
        "0.5",
        "0.75",
        "1",
    )
    assert read_key("table r = 2, 3, 5: f(r)", 1).values == ("2", "3", "5")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a = b = c", "one expression"),
        ("table 1..3: x", "a table is written"),
        ("table k = 3..1: k", "no range"),
        ("table k = 0, 0.3, ..., 1: k", "come out even"),
        ("table k = 1..2: k,", "empty"),
        ("[1 mark]", "nothing is asked"),
    ],
)
def test_what_cannot_be_read(text: str, reason: str) -> None:
    with pytest.raises(BadKey, match=reason):
        read_key(text, 1)
