"""Whatever is written, the judge answers: random tokens, and claims with random changes.

`make fuzz` looks for longer and with more kinds of change.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from backprove.judge.session import Session
from backprove.judge.verdict import Kind
from backprove.judge.watch import watched
from backprove.judge.world import World
from backprove.model.text import ModelError, read_model

COLLECTIONS = Path(__file__).parents[1] / "claims" / "collections"
RECORDS = [
    json.loads(line)
    for file in sorted(COLLECTIONS.glob("*.jsonl"))
    for line in file.read_text(encoding="utf-8").splitlines()
]
TOKEN = re.compile(r"\\[A-Za-z]+|[A-Za-z]+|[0-9]+|\s+|.", re.DOTALL)
TEXT = r"""
= ≈ ∈ + - * / ^ _ ^2 ^T ^{-1} ' ⊙ ⊗ ( ) [ ] { } | ‖ , ; : .. 0 1 2 0.5 1e400 for where t i n t-1
h_t h_{t-1} W_{ij} x sum_{i=1}^{n} \sum_i \prod_{t=1}^{T} tr det diag I 1 ones exp log softmax σ'
∂ ∂⁺ ∇ ∂E/∂W \frac \frac{ \partial \left( \right) \begin{cases} & \\ \begin{bmatrix} R^n \hat
δ_{ij} one-hot conv_size( average_precision( TFT 1[i=j] [1,2] [a;b] ∂E/∂(W x)
"""
WORDS = TEXT.split()
#: seconds for one claim, far above its budget: what takes longer hangs
LONGEST = 8

words = st.lists(st.sampled_from(WORDS), min_size=1, max_size=12).map(" ".join)


@cache
def world(model: str) -> World:
    return World(read_model(model))


@st.composite
def changed(draw: st.DrawFn, field: str) -> tuple[str, str]:
    """A record's model and claim, with a few changes to one of them."""
    record = draw(st.sampled_from(RECORDS))
    texts = {"model": record.get("model", ""), "claim": record["claim"]}
    tokens = TOKEN.findall(texts[field])
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(tokens)))
        length = draw(st.integers(0, 3))
        tokens[at : at + length] = draw(st.lists(st.sampled_from(WORDS), max_size=2))
    texts[field] = "".join(tokens)
    return texts["model"], texts["claim"]


def answers(place: World, claim: str) -> None:
    with watched(LONGEST):
        verdict = Session(place, budget=1.0).check(claim)
    if verdict is not None:
        assert verdict.verdict != Kind.WITHHELD, verdict.reason
        json.dumps(verdict.as_dict(), default=str)


@settings(max_examples=60)
@given(st.sampled_from(RECORDS), words)
def test_random_tokens_are_answered(record: dict[str, str], claim: str) -> None:
    answers(world(record.get("model", "")), claim)


@settings(max_examples=60)
@given(changed("claim"))
def test_changed_claims_are_answered(texts: tuple[str, str]) -> None:
    model, claim = texts
    answers(world(model), claim)


@settings(max_examples=60)
@given(changed("model"))
def test_changed_models_are_answered(texts: tuple[str, str]) -> None:
    model, claim = texts
    try:
        with watched(LONGEST):
            place = World(read_model(model))
    except ModelError:
        return
    answers(place, claim)
