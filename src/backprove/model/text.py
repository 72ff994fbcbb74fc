"""A model's text to a system: line by line, with errors that point at their place."""

from __future__ import annotations

from backprove.errors import BackproveError
from backprove.model.definitions import declare, define
from backprove.model.entity import System
from backprove.model.value import NoMeaning
from backprove.notation import ReadError, read_line
from backprove.notation.syntax import Declaration, Relation, Span


class ModelError(BackproveError):
    """A model's text that cannot be used; the message has the line, a caret, and the reason."""


def read_model(text: str) -> System:
    """The system that a model's text describes; raises ModelError.

    A line may use a family that a later line defines (coupled recurrences): it waits until then.
    """
    system = System()
    waiting: list[tuple[int, str, str]] = []
    for number, line in logical_lines(text):
        try:
            _take(line, number, system)
        except NoMeaning as error:
            if error.kind != "name":
                raise ModelError(point(line, number, error.message, error.span)) from None
            waiting.append((number, line, point(line, number, error.message, error.span)))
        except ReadError as error:
            raise ModelError(point(line, number, error.message, error.span)) from None
    while waiting:
        left: list[tuple[int, str, str]] = []
        for number, line, _ in waiting:
            try:
                _take(line, number, system)
            except NoMeaning as error:
                left.append((number, line, point(line, number, error.message, error.span)))
        if len(left) == len(waiting):
            raise ModelError(left[0][2])
        waiting = left
    return system


def logical_lines(text: str) -> list[tuple[int, str]]:
    """Lines with their numbers; an environment that runs over several lines is one line."""
    found: list[tuple[int, str]] = []
    open_environments = 0
    for number, line in enumerate(text.split("\n"), 1):
        if open_environments > 0:
            start, before = found[-1]
            found[-1] = (start, before + " " + line.strip())
        else:
            found.append((number, line.rstrip()))
        open_environments += line.count(r"\begin{") - line.count(r"\end{")
    return found


def _take(line: str, number: int, system: System) -> None:
    for statement in read_line(line, system.names()):
        if isinstance(statement, Declaration):
            declare(statement, system, number)
        else:
            _define(statement, system, number)


def _define(statement: Relation, system: System, number: int) -> None:
    if statement.ops[0] != "=":
        raise NoMeaning(
            "a line of a model is “name in set” or “name = expression”", statement.span, "form"
        )
    define(statement, system, number)
    if len(statement.sides) > 2:
        raise NoMeaning("a definition has one “=”", statement.span, "form")


def point(line: str, number: int, message: str, span: Span) -> str:
    """The message with its line and a caret under the place."""
    start, end = max(0, span[0]), max(span[1], span[0] + 1)
    if end > len(line) + 1:
        start, end = 0, max(1, len(line))
    window = 100
    offset = max(0, min(start - 20, len(line) - window)) if len(line) > window else 0
    shown = line[offset : offset + window]
    caret = " " * (start - offset) + "^" * max(1, min(end, offset + len(shown)) - start)
    return f"line {number}: {message}\n    {shown}\n    {caret}"
