"""What is derived from every shipped model: the lines that people are shown, and their values.

`derivations.txt` holds the questions with their answers. Every answer is compared, at a random
point, with a forward-mode derivative of the definitions alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from tests.roads import Roads

from backprove import Model, models

#: small numbers for the letters of all models, no two alike where that matters
SIZES = {
    **{"n": 2, "m": 3, "k": 2, "d": 4, "e": 3, "T": 4, "N": 9, "M": 5},
    **{"C": 2, "H": 6, "W": 5, "F": 3, "G": 2, "a": 3, "b": 2},
}


@dataclass(frozen=True)
class Question:
    """`rnn: ∂E/∂x_t at t = 2`, and the lines that answer it; the numbers are for its value."""

    text: str
    answer: str

    def __post_init__(self) -> None:
        assert re.fullmatch(r"[\w-]+: ∂⁺?\S+/∂\S+( at \w = \d)?", self.text), self.text

    @property
    def model(self) -> str:
        return self.text.partition(":")[0]

    @property
    def immediate(self) -> bool:
        return "∂⁺" in self.text

    @property
    def sides(self) -> tuple[str, str]:
        of, by = self.text.split()[1].split("/∂")
        return of.lstrip("∂⁺"), by

    @property
    def indices(self) -> dict[str, int]:
        return {name: int(number) for name, number in re.findall(r"at (\w) = (\d)", self.text)}


def questions() -> list[Question]:
    blocks = (Path(__file__).parent / "derivations.txt").read_text(encoding="utf-8").split("\n\n")
    found: list[Question] = []
    for block in blocks:
        text, *lines = block.rstrip("\n").split("\n")
        found.append(Question(text, "\n".join(line.removeprefix("    ") for line in lines)))
    return found


@pytest.mark.parametrize("question", questions(), ids=lambda q: q.text)
def test_lines(question: Question) -> None:
    derivation = Model.load(question.model).derive(*question.sides, immediate=question.immediate)
    assert [line.rstrip() for line in derivation.unicode.splitlines()] == question.answer.split(
        "\n"
    )


@pytest.mark.parametrize("question", questions(), ids=lambda q: q.text)
def test_values(question: Question) -> None:
    roads = Roads(models.text(question.model), SIZES, indices=question.indices)
    mode = "immediate" if question.immediate else "total"
    expected = np.asarray(roads.forward(*question.sides, mode))
    assert np.any(expected), "a derivative that is zero at this point shows nothing"
    roads.agree(*question.sides, expected, mode)


def test_every_model_is_asked_about() -> None:
    assert {question.model for question in questions()} == set(models.names())
