"""A place in the tokens of a line, and the errors that point at it."""

from __future__ import annotations

from typing import NoReturn

from backprove.notation.error import ReadError
from backprove.notation.lexer import Token, lex

DEEPEST = 100
"""Brackets within brackets, sums within sums: deeper is not a formula that a person wrote."""

_MEANING = {
    "eof": "the end of the line",
    "quad": "a gap",
    "\\\\": "a line break",
    "begin": "an environment",
    "end": "the end of an environment",
    "top": "⊤",
    "⇒": "an arrow",
    "⦃": "\\{",
    "⦄": "\\}",
}


class Cursor:
    """A place in the tokens of one line, and what is known there."""

    __slots__ = (
        "bar",
        "chained",
        "closing",
        "deepest",
        "depth",
        "hits",
        "i",
        "in_space",
        "lowered",
        "names",
        "tagged",
        "text",
        "tokens",
    )  # fmt: skip

    def __init__(self, text: str, names: frozenset[str]) -> None:
        self.text = text
        self.tokens, self.closing = lex(text)
        self.names = names
        self.i: int = 0
        self.depth: int = 0
        self.deepest: int = 0
        self.chained: int = 0
        self.bar: str = ""  # '|', '||' or '‖' while inside such bars
        self.lowered: bool = False  # inside a subscript, where runs of letters stay whole
        self.in_space: bool = False  # inside the axes of a space, where × and x separate
        self.hits: bool = False  # in a function of words of T and F
        self.tagged: frozenset[str] | None = None

    # --- the cursor ------------------------------------------------------------------------------

    def peek(self) -> str:
        """The kind of the token here."""
        return self.tokens[self.i][0]

    @property
    def value(self) -> str:
        return self.tokens[self.i][1]

    def kind_at(self, i: int) -> str:
        return self.tokens[i][0] if i < len(self.tokens) else "eof"

    def at(self, i: int) -> Token:
        """A token; past the end, the end."""
        return self.tokens[i] if i < len(self.tokens) else self.tokens[-1]

    @property
    def start(self) -> int:
        return self.tokens[self.i][2]

    @property
    def end(self) -> int:
        """The end of the token just read."""
        return self.tokens[self.i - 1][3] if self.i else 0

    def word_at(self, i: int) -> str:
        """The word at a token, or nothing where there is no word."""
        kind, value, _, _ = self.at(i)
        return value if kind == "name" else ""

    def take(self, kind: str) -> bool:
        if self.tokens[self.i][0] == kind:
            self.i += 1
            return True
        return False

    def expect(self, kind: str, after: str = "") -> None:
        if not self.take(kind):
            self.fail(f"expected {_MEANING.get(kind, kind)}{after}, found {self.shown()}")

    def shown(self, i: int | None = None) -> str:
        kind, _, start, end = self.at(self.i if i is None else i)
        return _MEANING.get(kind) or self.text[start:end] or kind

    def failure(self, message: str, i: int | None = None) -> ReadError:
        """An error that points at a token, this one if none is given."""
        _, _, start, end = self.at(self.i if i is None else i)
        return ReadError(message, (start, max(end, start + 1)), self.text)

    def fail(self, message: str, i: int | None = None) -> NoReturn:
        raise self.failure(message, i)

    def enter(self) -> None:
        self.depth += 1
        if self.depth > self.deepest:
            self.deepest = self.depth
            if self.depth > DEEPEST:
                self.fail(f"nested deeper than {DEEPEST} levels")

    def rest_of(self, length: int, *, kind: str = "name") -> None:
        """Of the word here only the first letters were read; leave the others to be read next."""
        _, value, start, end = self.tokens[self.i]
        if length >= len(value):
            self.i += 1
        else:
            self.tokens[self.i] = (kind, value[length:], start + length, end)
