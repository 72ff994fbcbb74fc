"""Claim collections: one JSON record a line in, one answer a line out (NOTATION 7)."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import Any

from backprove.errors import BackproveError
from backprove.judge.session import Session
from backprove.judge.verdict import Kind, Verdict
from backprove.judge.world import World
from backprove.model.text import read_model

#: models kept ready, so that memory does not grow with a collection
KEPT = 64


class Worlds:
    """Models read once, the most recently used ones kept."""

    def __init__(self, most: int = KEPT) -> None:
        self._most = most
        self._worlds: OrderedDict[str, World] = OrderedDict()

    def get(self, text: str) -> World:
        """The world of a model's text; raises ModelError."""
        world = self._worlds.get(text)
        if world is None:
            world = self._worlds[text] = World(read_model(text))
            if len(self._worlds) > self._most:
                self._worlds.popitem(last=False)
        else:
            self._worlds.move_to_end(text)
        return world


def judge_record(record: dict[str, Any], worlds: Worlds) -> Verdict:
    """The verdict on one record's claim about its model."""
    claim = record["claim"]
    try:
        world = worlds.get(record.get("model", ""))
    except BackproveError as error:
        return Verdict(Kind.UNREADABLE, claim, f"the model cannot be read: {error}")
    verdict = Session(world).check(claim)
    return verdict or Verdict(
        Kind.UNREADABLE, claim, "this only gives names a meaning: there is nothing to judge"
    )


def judge_file(lines: Iterable[str], worlds: Worlds | None = None) -> Iterator[dict[str, Any]]:
    """An answer for every line; a line that cannot be used is answered with its number."""
    worlds = worlds or Worlds()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            if not isinstance(record, dict) or not isinstance(record.get("claim"), str):
                raise ValueError("a record needs a text “claim”")
            if not isinstance(record.get("model", ""), str):
                raise ValueError("“model” must be a text")
        except ValueError as error:
            yield {"line": number, "error": str(error)}
            continue
        verdict = judge_record(record, worlds)
        answer = {"id": record.get("id", number), **verdict.as_dict()}
        answer.pop("claim", None)
        answer.pop("links", None)
        yield answer
