"""Claim collections: one JSON record a line in, one answer a line out (NOTATION 7)."""

from __future__ import annotations

import json
import os
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from backprove.errors import BackproveError
from backprove.judge.session import BUDGET, Session
from backprove.judge.verdict import Evidence, Kind, Verdict
from backprove.judge.watch import TimeUp, disarm, watched
from backprove.judge.world import World
from backprove.model.text import read_model

#: models kept ready, so that memory does not grow with a collection
KEPT = 64
#: characters of a claim and of a model, above which they are not read
LONGEST_CLAIM = 20_000
LONGEST_MODEL = 200_000
#: numbers of one value that evidence shows in full
SHOWN = 200


class Worlds:
    """Models read once, the most recently used ones kept; also what is wrong with a model."""

    def __init__(self, most: int = KEPT) -> None:
        self._most = most
        self._worlds: OrderedDict[str, World | str] = OrderedDict()

    def get(self, text: str) -> World:
        """The world of a model's text; raises `BackproveError` where it has none."""
        world = self._worlds.get(text)
        if world is None:
            try:
                world = World(read_model(text))
            except BackproveError as error:
                world = str(error)
            self.put(text, world)
        else:
            self._worlds.move_to_end(text)
        if isinstance(world, str):
            raise BackproveError(world)
        world.tidy()
        return world

    def put(self, text: str, world: World | str) -> None:
        """Keep a model's world, or the reason why it has none."""
        self._worlds[text] = world
        if len(self._worlds) > self._most:
            self._worlds.popitem(last=False)

    def forget(self, text: str) -> None:
        """Make this model's world anew the next time: what was at work on it was broken off."""
        self._worlds.pop(text, None)


def judge_record(
    record: Mapping[str, Any], worlds: Worlds, budget: float = BUDGET, *, guard: bool = False
) -> Verdict:
    """The verdict on one record's claim about its model.

    With `guard` nothing that happens ends the run: a claim that takes more than twice its budget,
    too deep a nesting, or too much memory is `unreadable`; a fault of the program is `withheld`.
    """
    claim, model = str(record["claim"]), str(record.get("model", ""))
    if len(claim) > LONGEST_CLAIM:
        return _unreadable(claim, f"a claim of {len(claim)} characters is too long to judge")
    if len(model) > LONGEST_MODEL:
        return _unreadable(claim, f"a model of {len(model)} characters is too long to read")
    if not guard:
        return _judged(claim, model, worlds, budget)
    try:
        with watched(2 * budget):
            return _judged(claim, model, worlds, budget)
    except TimeUp:
        disarm()
        return _broken_off(claim, model, worlds, "this takes too long")
    except MemoryError:
        return _broken_off(claim, model, worlds, "this needs too much memory")
    except RecursionError:
        return _broken_off(claim, model, worlds, "this is nested too deeply")
    except Exception as error:
        if os.environ.get("BACKPROVE_DEBUG"):
            raise
        worlds.forget(model)
        reason = f"a fault of the program, not of the claim; please report this ({error!r:.200})"
        return Verdict(Kind.WITHHELD, claim, reason)


def _judged(claim: str, model: str, worlds: Worlds, budget: float) -> Verdict:
    try:
        world = worlds.get(model)
    except BackproveError as error:
        return _unreadable(claim, f"the model cannot be read: {error}")
    except (TimeUp, MemoryError, RecursionError):
        worlds.put(model, "it is too large, or nested too deeply")
        raise
    verdict = Session(world, budget).check(claim)
    return verdict or _unreadable(
        claim, "this only gives names a meaning: there is nothing to judge"
    )


def _unreadable(claim: str, reason: str) -> Verdict:
    return Verdict(Kind.UNREADABLE, claim, reason)


def _broken_off(claim: str, model: str, worlds: Worlds, reason: str) -> Verdict:
    try:
        worlds.get(model)
    except BackproveError as error:
        return _unreadable(claim, f"the model cannot be read: {error}")
    worlds.forget(model)
    return _unreadable(claim, reason)


# --- lines ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a collection that is not empty; `problem` says why its text is not there."""

    number: int
    text: str
    problem: str = ""


def numbered(lines: Iterable[str]) -> Iterator[Line]:
    """Lines with their numbers, without the empty ones."""
    for number, text in enumerate(lines, 1):
        if text.strip():
            yield Line(number, text)


def record_of(line: Line) -> dict[str, Any] | str:
    """The record in a line, or why there is none."""
    if line.problem:
        return line.problem
    try:
        data: object = json.loads(line.text)
    except ValueError as error:
        return str(error)
    except RecursionError:
        return "this is nested too deeply"
    if not isinstance(data, dict):
        return "a record is a JSON object"
    record = cast(dict[str, Any], data)
    if not isinstance(record.get("claim"), str):
        return "a record needs a text “claim”"
    if not isinstance(record.get("model", ""), str):
        return "“model” must be a text"
    return record


def name_of(line: Line) -> dict[str, Any]:
    """What an answer begins with, by which it is known which line it answers."""
    record = record_of(line)
    return {"line": line.number} if isinstance(record, str) else {"id": _id(record, line)}


def _id(record: Mapping[str, Any], line: Line) -> Any:
    return record.get("id", line.number)


def judge_line(
    line: Line, worlds: Worlds, budget: float = BUDGET, *, guard: bool = False
) -> dict[str, Any]:
    """The answer to one line; a line that cannot be used is answered with its number."""
    record = record_of(line)
    if isinstance(record, str):
        return {"line": line.number, "error": record}
    verdict = judge_record(record, worlds, budget, guard=guard)
    return {"id": _id(record, line), **answer(verdict)}


def judge_file(
    lines: Iterable[str], worlds: Worlds | None = None, budget: float = BUDGET
) -> Iterator[dict[str, Any]]:
    """An answer for every line that is not empty, in this process."""
    worlds = worlds or Worlds()
    for line in numbered(lines):
        yield judge_line(line, worlds, budget)


# --- answers ----------------------------------------------------------------------------------


def answer(verdict: Verdict) -> dict[str, Any]:
    """A verdict as JSON-ready data, without its claim, and with no more evidence than needed."""
    found = {
        "verdict": str(verdict.verdict),
        "mistake": verdict.mistake,
        "reason": verdict.reason,
        "reading": verdict.reading,
        "corrected": verdict.corrected,
        "evidence": verdict.evidence and _evidence(verdict.evidence),
        "place": verdict.place and list(verdict.place),
        "repairs": list(verdict.repairs),
    }
    kept = {key: value for key, value in found.items() if value}
    return {**kept, "seconds": round(verdict.seconds, 6)}


def _evidence(evidence: Evidence) -> dict[str, Any]:
    """A summary for what holds; for what does not, one point with all its values."""
    found: dict[str, Any] = {"summary": evidence.summary}
    if evidence.difference is not None:
        found["difference"] = evidence.difference
    if evidence.values:
        found["sizes"] = list(evidence.sizes)
        found["values"] = {name: _few(value) for name, value in evidence.values.items()}
    if evidence.left is not None:
        found["left"] = _few(evidence.left)
    if evidence.right is not None:
        found["right"] = _few(evidence.right)
    return found


def _few(value: Any) -> Any:
    """A value, or how many numbers it has where they are many."""
    count = _count(value)
    return value if count <= SHOWN else f"{count} numbers"


def _count(value: Any) -> int:
    if isinstance(value, list | tuple):
        return sum(_count(part) for part in cast(list[Any], value))
    return 1
