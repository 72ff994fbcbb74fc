"""The table of systems names every shipped model, and what it says can be asked is answered."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from backprove import Model, models

PAGE = Path(__file__).parents[2] / "docs" / "systems.md"


def rows() -> dict[str, list[str]]:
    """For each model the questions of its row, such as `E W`."""
    found: dict[str, list[str]] = {}
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 4 and cells[1].strip("`") in models.names():
            found[cells[1].strip("`")] = re.findall(r"`(\w+ \w+)`", cells[2])
    return found


def test_every_model_has_a_row() -> None:
    assert set(rows()) == set(models.names())


@pytest.mark.parametrize(("name", "questions"), rows().items(), ids=str)
def test_what_the_page_says_can_be_asked_is_answered(name: str, questions: list[str]) -> None:
    assert questions
    for question in questions:
        of, by = question.split()
        if (of, by) != ("backprove", "separable"):
            assert Model.load(name).derive(of, by).lines
