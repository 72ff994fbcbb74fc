"""Keys made ready: what each asks for, worked out, or the line of the sheet at which it cannot be.

A key that has no meaning, no value, or is a statement that does not hold is refused before any
submission is looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backprove.course.judging import State
from backprove.course.key import Key
from backprove.course.sheet import Question, Sheet, SheetError
from backprove.judge.session import Session
from backprove.judge.sizes import NoSize, samples
from backprove.judge.stated import asked, sizes_of
from backprove.judge.verdict import Kind
from backprove.model.value import NoMeaning
from backprove.notation import ReadError


@dataclass(frozen=True, slots=True)
class Asked:
    """A key with its question's session; `node` is what it asks for, None of sizes and tables.

    `text` is how an answer to it begins; `other` is a statement's right side.
    """

    key: Key
    question: Question
    session: Session
    text: str = ""
    node: Any = None
    other: Any = None

    @property
    def rank(self) -> int:
        """How many axes the value has."""
        return len(sizes_of(self.node)) if self.node is not None else 0


class _Impossible(Exception):
    pass


def ready(sheet: Sheet, sessions: dict[str, Session], path: Path) -> list[Asked]:
    """All keys of a sheet, in order; raises SheetError for the first that is impossible."""
    found: list[Asked] = []
    for question in sheet.questions:
        for key in question.keys:
            try:
                found.append(_ready(key, question, sessions[question.number]))
            except (_Impossible, NoMeaning, ReadError, NoSize) as error:
                reason = getattr(error, "message", None) or str(error)
                raise SheetError(
                    f"{path}, line {key.line}: `{key.asked}` cannot be asked: {reason}"
                ) from None
    return found


def _ready(key: Key, question: Question, session: Session) -> Asked:
    if key.kind == "size":
        samples(key.parts)
        return Asked(key, question, session)
    if key.kind == "table":
        for _, _, cell in cells(key):
            _has_value(cell, session)
        return Asked(key, question, session)
    if key.kind == "shape":
        return Asked(key, question, session, key.text, asked(key.text, session))
    if key.kind == "value":
        _has_value(key.text, session)
        return Asked(key, question, session, key.text, asked(key.text, session))
    verdict = session.check(f"{key.name} = {key.text}")
    if verdict is None:  # a name of the key's own
        _has_value(key.name, session)
        return Asked(key, question, session, key.name, asked(key.name, session))
    if not verdict.accepted or verdict.repairs:
        raise _Impossible(verdict.reason or f"it is {verdict.verdict}")
    left, right = asked(key.name, session), asked(key.text, session)
    return Asked(key, question, session, key.name, left, right)


def cells(key: Key) -> Iterator[tuple[int, str, str]]:
    """The cells of a table's key: the number of the column, the index, and the expression."""
    for number, column in enumerate(key.columns):
        for value in key.values:
            yield number, value, key.cell(column, value)


def _has_value(text: str, session: Session) -> None:
    """Refuse what has no value: it does not even equal itself."""
    before = State(session)
    asked(text, session)
    verdict = session.check(f"{text} = {text}")
    before.restore()
    if verdict is None:
        raise _Impossible("its name is not declared")
    if verdict.repairs:
        raise _Impossible("a name in it is not declared")
    if verdict.verdict is not Kind.CORRECT:
        raise _Impossible(verdict.reason or "it has no value")
