"""What a declaration says a name is: a set with its axes, and facts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backprove.notation.lexer import Token
from backprove.notation.spellings import FACTS
from backprove.notation.syntax import Expr, Space

if TYPE_CHECKING:
    from backprove.notation.reader import Reader


def read_space(r: Reader) -> Space:
    start = r.start
    letter = r.word_at(r.i)
    kind = {"R": "R", "ℝ": "R", "N": "N", "ℕ": "N"}.get(letter)
    if kind is None:
        r.fail(f"expected a set such as R^n or N, found {r.shown()}")
    r.i += 1
    axes: list[Expr | tuple[Expr, ...]] = []
    if r.take("^"):
        axes = _axes_group(r) if r.peek() in ("{", "(") else [_axis(r, whole=False)]
        while _at_cross(r) and r.kind_at(r.i + 1) in ("num", "name", "(", "{"):
            r.i += 1
            axes.append(_axis(r, whole=False))
    return Space(tuple(axes), kind, (start, r.end))


def _axes_group(r: Reader) -> list[Expr | tuple[Expr, ...]]:
    """The axes in brackets; a bracket around all of them means nothing."""
    opening = r.i
    r.i += 1
    if r.peek() in ("(", "{") and r.closing[r.i] == r.closing[opening] - 1:
        axes = _axes_group(r)
    else:
        axes = [_axis(r, whole=True)]
        while r.i < r.closing[opening]:
            if not (_at_cross(r) or r.peek() in (",", "*")):
                r.fail(f"expected × between sizes, found {r.shown()}")
            r.i += 1
            axes.append(_axis(r, whole=True))
    if r.i != r.closing[opening]:
        r.fail(f"expected × between sizes, found {r.shown()}")
    r.i += 1
    return axes


def _axis(r: Reader, *, whole: bool) -> Expr | tuple[Expr, ...]:
    """A size, or several in a bracket."""
    if r.peek() in ("(", "{") and _crossed(r, r.i):
        group = _axes_group(r)
        flat: list[Expr] = []
        for axis in group:
            flat.extend(axis if isinstance(axis, tuple) else (axis,))
        return tuple(flat)
    _split_crossed(r)
    in_space, r.in_space = r.in_space, True
    lowered, r.lowered = r.lowered, True
    size = r.expression() if whole else r.factor()
    r.in_space, r.lowered = in_space, lowered
    return size


def _crossed(r: Reader, opening: int) -> bool:
    i = opening + 1
    while i < r.closing[opening]:
        if r.kind_at(i) in ("×", ",") or r.word_at(i) == "x":
            return True
        i = r.closing.get(i, i) + 1
    return False


def _split_crossed(r: Reader) -> None:
    """`mxn` is m × n, unless it is declared."""
    word = r.word_at(r.i)
    if len(word) < 3 or "x" not in word or word in r.names:
        return
    pieces = word.split("x")
    if not all(len(piece) == 1 for piece in pieces):
        return
    start = r.start
    new: list[Token] = []
    for k, letter in enumerate(word):
        kind = "×" if k % 2 else "name"
        new.append((kind, letter, start + k, start + k + 1))
    grown = len(new) - 1
    here = r.i
    r.tokens[here : here + 1] = new
    r.closing = {
        a + (grown if a > here else 0): b + (grown if b > here else 0) for a, b in r.closing.items()
    }


def _at_cross(r: Reader) -> bool:
    return r.peek() == "×" or r.word_at(r.i) == "x"


def read_facts(r: Reader) -> tuple[str, ...]:
    facts: list[str] = []
    while True:
        i = r.i
        while r.kind_at(i) == "," or r.word_at(i) in ("and", "a", "is", "are"):
            i += 1
        found = fact_at(r, i)
        if found is None:
            return tuple(facts)
        fact, size = found
        if fact not in facts:
            facts.append(fact)
        r.i = i + size


def fact_at(r: Reader, i: int) -> tuple[str, int] | None:
    """The fact spelled by the tokens from here, and how many they are."""
    tokens = r.tokens
    for spelled, fact in FACTS:
        if len(tokens) - i > len(spelled) and all(
            word
            == (
                token[1].lower()
                if token[0] == "name"
                else token[0]
                if token[0] != "num"
                else token[1]
            )
            for word, token in zip(spelled, tokens[i : i + len(spelled)], strict=True)
        ):
            return fact, len(spelled)
    return None
