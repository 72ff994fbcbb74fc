"""The claim collections that people have labelled, where they are at hand (NOTATION 7)."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backprove.judge.collection import Worlds, judge_record
from backprove.judge.verdict import Kind

SHARED = Path(os.environ.get("BACKPROVE_SHARED") or Path(__file__).parents[3] / "shared")
FILES = sorted((SHARED / "claims").glob("*.jsonl"))
pytestmark = pytest.mark.skipif(not FILES, reason=f"there are no collections in {SHARED}")


def standing(kind: Kind) -> str:
    return "accepted" if kind.accepted else "partly" if kind.partly else "not accepted"


def records() -> Iterator[dict[str, Any]]:
    for file in FILES:
        for line in file.read_text(encoding="utf-8").splitlines():
            if line.strip():
                yield json.loads(line)


@pytest.fixture(scope="module")
def judged() -> list[tuple[dict[str, Any], Kind]]:
    worlds = Worlds()
    return [(record, judge_record(record, worlds).verdict) for record in records()]


def test_almost_every_claim_is_accepted_or_not_as_people_say(judged):
    differ = [
        f"{record['id']}: {kind} for {record['expect']}"
        for record, kind in judged
        if standing(kind) != standing(Kind(record["expect"]))
    ]
    assert len(differ) <= 0.01 * len(judged), differ


def test_no_wrong_claim_is_accepted(judged):
    accepted = [r["id"] for r, kind in judged if r["expect"] == "wrong" and kind.accepted]
    assert not accepted


def test_no_verdict_is_withheld(judged):
    assert not [r["id"] for r, kind in judged if kind == Kind.WITHHELD]
