"""Question numbers, in the many ways in which people and scanners write them."""

from __future__ import annotations

import pytest

from backprove.documents.headings import Numbering
from backprove.documents.scanner import scan


@pytest.mark.parametrize(
    ("line", "number"),
    [
        ("Q1)", "1"),
        ("Q2", "2"),
        ("Q 4)", "4"),
        ("4Q)", "4"),
        ("Q.3", "3"),
        ("Question 12:", "12"),
        ("### 1.2.1 Part 1", "1.2.1"),
        ("# 3. A loss", "3"),
        ("## Exercise 2", "2"),
        ("## 1 (a) Gates", "1(a)"),
        ("Solution - 2", "2"),
        ("Solution-4", "4"),
        ("Solution 5.", "5"),
        ("Solution 6.a", "6(a)"),
        ("Problem 2 (b)", "2(b)"),
        ("**Question 3**", "3"),
        ("1.3 Loss curves", "1.3"),
        ("2.b) (i) Some text", "2(b)(i)"),
    ],
)
def test_a_question(line: str, number: str) -> None:
    (heading,) = [passage for passage in scan(line) if passage.kind == "heading"]
    assert heading.number == number


@pytest.mark.parametrize(
    "line",
    [
        "Assuming h_0 is given",
        "(50, 50)",
        "(i.e. both)",
        "(or) the other",
        "1.5 times as much",
        "Q1 = X W",
        "solution",
        "In 3 steps",
        "0.5",
        "(a) + b",
        "3 layers",
        "a = 3",
    ],
)
def test_no_question(line: str) -> None:
    assert Numbering().read(line) is None


def test_parts_follow_each_other() -> None:
    numbering = Numbering()
    lines = ["### 1.1 Title", "(a)", "b) text", "(c) (i)", "(ii)", "(iv)", "(d)", "(1)", "(2)"]
    numbers: list[str] = []
    for line in lines:
        assert numbering.read(line) is not None
        numbers.append(numbering.number)
    assert numbers == [
        "1.1",
        "1.1(a)",
        "1.1(b)",
        "1.1(c)(i)",
        "1.1(c)(ii)",
        "1.1(c)(iv)",
        "1.1(d)",
        "1.1(d)(1)",
        "1.1(d)(2)",
    ]


def test_numbers_with_brackets_are_questions_where_there_are_no_others() -> None:
    numbering = Numbering()
    numbering.read("2) First")
    assert numbering.number == "2"
    numbering.read("(a)")
    numbering.read("3) Second")
    assert numbering.number == "3"


def test_a_heading_without_a_number_ends_a_question_of_its_level() -> None:
    numbering = Numbering()
    numbering.read("## 2 Losses")
    numbering.read("### Details")
    assert numbering.number == "2"
    numbering.read("## Appendix")
    assert numbering.number == ""


def test_claims_carry_their_question() -> None:
    passages = scan("Q3\n\n(b) so $a = b$\n\n$$(ii)\\; c = d$$")
    claims = [passage for passage in passages if passage.kind == "claim"]
    assert [(claim.number, claim.label) for claim in claims] == [("3(b)", "b"), ("3(b)", "ii")]
