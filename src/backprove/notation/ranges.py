"""Where a line holds: `for t = 1..3, b = 1..T`."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from backprove.notation.spellings import STOPS
from backprove.notation.syntax import Expr, Number, Range

if TYPE_CHECKING:
    from backprove.notation.reader import Reader


def read_ranges(r: Reader) -> tuple[Range, ...]:
    """`for t = 1..3, b = 1..T`; `for all t` restricts nothing."""
    while r.peek() in (",", "quad") and (
        r.word_at(r.i + 1) in ("for", "forall") or r.kind_at(r.i + 1) in ("∀", "(", "quad")
    ):
        r.i += 1
    bracket = False
    if r.word_at(r.i) in ("for", "forall") or r.peek() == "∀":
        r.i += 1
        if r.word_at(r.i) in ("all", "each", "every", "any"):
            r.i += 1
    elif r.peek() == "(" and (
        r.word_at(r.i + 1) in ("for", "forall")
        or r.kind_at(r.i + 1) == "∀"
        or (r.kind_at(r.i + 1) == "name" and r.kind_at(r.i + 2) == "=")
    ):
        bracket = True
        r.i += 1
        if r.word_at(r.i) in ("for", "forall") or r.peek() == "∀":
            r.i += 1
    elif r.peek() in (",", ";", "\\\\", "quad") and r.i and _range_at(r, r.i + 1):
        r.i += 1
    else:
        return ()
    ranges: list[Range] = []
    while True:
        ranges.extend(_range(r))
        if (r.peek() == "," or r.word_at(r.i) == "and") and _range_at(r, r.i + 1):
            r.i += 1
            continue
        break
    if bracket:
        r.expect(")", " after the range")
    return tuple(ranges)


def _range_at(r: Reader, i: int) -> bool:
    """Whether another range comes: names with commas, then `=` and somewhere `..`."""
    while r.kind_at(i) == "name":
        i += 1
        if r.kind_at(i) == "=":
            i += 1
            while r.kind_at(i) not in ("eof", "=", "∈", ";", "\\\\"):
                if r.kind_at(i) == ".." or r.word_at(i) == "to":
                    return True
                if r.word_at(i) in STOPS:
                    return False
                i = r.closing.get(i, i) + 1
            return False
        if r.kind_at(i) == "∈":
            return r.kind_at(i + 1) in ("{", "⦃")
        if r.kind_at(i) != ",":
            return r.kind_at(i) in ("≤", "eof")
        i += 1
    return False


def _range(r: Reader) -> list[Range]:
    start = r.start
    if r.peek() == "num":  # 1 ≤ t ≤ T
        return [_between(r)]
    names: list[str] = []
    while True:
        if r.peek() != "name":
            r.fail(f"expected an index such as t, found {r.shown()}")
        names.append(r.value)
        r.i += 1
        if r.peek() == "," and r.kind_at(r.i + 1) == "name":
            r.i += 1
            continue
        break
    closing = ""
    if r.take("="):
        pass
    elif r.peek() == "∈" or r.word_at(r.i) == "in":
        r.i += 1
        if r.peek() in ("{", "⦃"):
            closing = "}" if r.peek() == "{" else "⦄"
            r.i += 1
    else:
        return []  # for all t
    low, high = _bounds(r)
    if closing:
        r.expect(closing)
    return [Range(name, low, high, (start, r.end)) for name in names]


def _between(r: Reader) -> Range:
    start = r.start
    low = r.expression()
    if not r.take("≤"):
        r.fail(f"expected ≤, found {r.shown()}")
    name = r.value if r.peek() == "name" else ""
    r.i += 1
    if not name or not r.take("≤"):
        r.fail(f"expected a range such as t = 1..3, found {r.shown()}")
    return Range(name, low, r.expression(), (start, r.end))


def _bounds(r: Reader) -> tuple[Expr, Expr]:
    """`1..3`, `1, …, T`, `1 to 3`, `3, 2, 1`, or a single value."""
    values = [r.expression()]
    dotted = False
    while True:
        if r.peek() == ".." or (r.peek() == "," and r.kind_at(r.i + 1) == ".."):
            r.i += 1 if r.peek() == ".." else 2
            r.take(",")
            dotted = True
        elif r.word_at(r.i) == "to":
            r.i += 1
            dotted = True
        elif r.peek() == "," and not _range_at(r, r.i + 1) and _value_at(r, r.i + 1):
            r.i += 1
        else:
            break
        values.append(r.expression())
        if dotted:
            break
    if not dotted and not _in_steps(values):
        r.fail("expected a range such as t = 1..3", r.i - 1)
    return values[0], values[-1]


def _value_at(r: Reader, i: int) -> bool:
    """Whether a further value of a list comes, not another statement."""
    return r.starts(i) and r.kind_at(i + 1) in (",", "eof", "..", ")", "}", "⦄", "+", "-")


def _in_steps(values: list[Expr]) -> bool:
    """`3, 2, 1`: consecutive whole numbers, up or down."""
    if len(values) == 1:
        return True
    numbers = [value.value for value in values if isinstance(value, Number)]
    if len(numbers) != len(values):
        return False
    steps = {b - a for a, b in pairwise(numbers)}
    return steps == {1} or steps == {-1}
