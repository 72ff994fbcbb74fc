"""What the tests of the judge share: models with their worlds, made once."""

from __future__ import annotations

from functools import cache

import pytest

from backprove import Model
from backprove.judge.verdict import Verdict


@cache
def model(text: str) -> Model:
    return Model(text)


def judge(text: str, claim: str) -> Verdict:
    """The verdict on a claim about a model."""
    return model(text).check(claim)


@pytest.fixture(scope="session", name="judge")
def judge_fixture():
    return judge
