"""Claims about entries that do not say on the left which, and lines behind a line that is wrong.

Judged in whole documents: what is read so has to be right, and what is wrong stays wrong.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from backprove import Model
from backprove.course import check_document
from backprove.course.checking import ClaimResult
from backprove.course.entries import by_entries

SOFTMAX = """
y in R^n, t in R^n one-hot
p = softmax(y)
L = -sum(t * log(p))
S = 1/2 sum((p - t)^2)
"""
SYSTEM = Model(SOFTMAX).system


@pytest.fixture
def check(tmp_path: Path):
    def checked(text: str, model: str = SOFTMAX) -> list[ClaimResult]:
        path = tmp_path / "homework.md"
        path.write_text(f"```model{model}```\n\n{text}\n", encoding="utf-8")
        return list(check_document(path).results)

    return checked


def verdicts(found: list[ClaimResult]) -> list[str]:
    return [str(result.verdict.verdict) for result in found]


def readings(claim: str) -> list[str]:
    return [found.text for found in by_entries(claim, SYSTEM)]


def test_every_axis_that_is_not_said_gets_an_index() -> None:
    assert readings("∂p/∂y = p_i (1 - p_j)") == [
        "∂p_{i}/∂y_{j} = p_i (1 - p_j)",
        "∂p_{j}/∂y_{i} = p_i (1 - p_j)",
    ]
    assert readings("∂L/∂y = p_i - t_i") == ["∂L/∂y_{i} = p_i - t_i"]
    assert readings("p = exp(y_i)/sum_{k=1}^{n} exp(y_k)") == [
        "p_{i} = exp(y_i)/sum_{k=1}^{n} exp(y_k)"
    ]


@pytest.mark.parametrize(
    "claim",
    [
        "∂L/∂y = p - t",
        "∂L/∂y_i = p_i - t_i",
        "∂p/∂y = p_i",  # two axes, one index
        "∂L/∂y = sum_{i=1}^{n} p_i",  # the index is bound
        "∂L/∂q = p_i",  # no name of the model
        "∂L/∂y = p - t, if n = 3",
    ],
)
def test_what_says_all_its_indices_is_left_alone(claim: str) -> None:
    assert readings(claim) == []


def test_the_jacobian_of_softmax_in_two_lines(check) -> None:
    found = check(
        r"For $i = j$ $\frac{\partial p}{\partial y} = p_i (1 - p_j)$"
        "\n\n"
        r"$i \neq j$ $\frac{\partial p}{\partial y} = -p_i p_j$"
    )
    assert verdicts(found) == ["notation", "notation"]
    assert "p_{i}" in found[0].verdict.repairs[0]


@pytest.mark.parametrize(
    "line",
    [
        r"For $i = j$ $\frac{\partial p}{\partial y} = p_i (1 + p_j)$",
        r"For $i \neq j$ $\frac{\partial p}{\partial y} = p_i p_j$",
        r"For $i \neq j$ $\frac{\partial p}{\partial y} = p_i (1 - p_j)$",
        r"$\frac{\partial L}{\partial y} = t_i - p_i$",
    ],
)
def test_wrong_entries_stay_wrong(check, line: str) -> None:
    (found,) = check(line)
    assert not found.verdict.verdict.accepted


def test_a_line_behind_a_wrong_one_is_compared_with_the_beginning(check) -> None:
    found = check(
        r"$$\frac{\partial S}{\partial y_i} = \sum_k p_k - t_k (p_i - p_i p_k)$$"
        "\n"
        r"$$= (p_i - t_i) p_i - p_i \sum_k (p_k - t_k) p_k$$"
    )
    assert [result.line for result in found] == [8, 9] or len(found) == 2
    assert not found[0].verdict.verdict.accepted
    assert found[1].verdict.verdict.accepted
    assert "beginning of the chain" in found[1].verdict.reason
    assert found[1].text.startswith(r"\frac{\partial S}{\partial y_i} =")


def test_what_only_repeats_a_wrong_line_is_not_right(check) -> None:
    found = check("$$∂L/∂y = t - p$$\n$$= -p + t$$\n$$= t + p$$")
    kinds = verdicts(found)
    # the second line follows from the first, and is compared with it alone
    assert kinds == ["wrong", "correct", "wrong"]


def test_a_definition_behind_its_use_is_known_before(check) -> None:
    found = check(
        "Then $∂L/∂y = d$, where $d = p - t$.\n\n"
        "$$∂S/∂y = J q$$\nwhere $J = diag(p) - p p^T$ and $q = p - t$."
    )
    assert verdicts(found) == ["correct", "correct"]


def test_definitions_behind_a_claim_may_need_each_other(check) -> None:
    found = check(
        "Then $∂S/∂y = J d$ where $d = 2 b$ and $b = q/2$ and $q = p - t$ and $J = ∂p/∂y$."
    )
    assert verdicts(found) == ["correct"]


def test_a_definition_that_needs_the_claim_before_it_waits(check) -> None:
    found = check("Let $a = p - t$, where $b = 2 a$. So $∂L/∂y = b - a$.")
    assert verdicts(found) == ["correct"]
