"""Numbers and arrays of numbers, written in the notation, as fractions."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from backprove.errors import BackproveError
from backprove.model.entity import System
from backprove.model.meaning import meaning
from backprove.model.scope import Scope
from backprove.model.text import point
from backprove.model.value import NoMeaning
from backprove.notation import ReadError, read_expression
from backprove.tensor.nodes import Literal, Node, Stack


def numbers(text: str) -> Any:
    """A number, or nested lists of numbers, such as `[[1, 2], [1/2, 0.1]]`.

    Raises `BackproveError` with the place where the text is something else.
    """
    try:
        expr = read_expression(text, frozenset())
        return _value(meaning(expr, Scope(System())).node, text)
    except (ReadError, NoMeaning) as error:
        raise BackproveError(point(text, 1, error.message, error.span)) from None


def _value(node: Node, text: str) -> Any:
    match node:
        case Literal():
            return Fraction(node.value)
        case Stack():
            return [_value(part, text) for part in node.parts]
        case _:
            raise BackproveError(f"numbers are expected here, not {text}")
