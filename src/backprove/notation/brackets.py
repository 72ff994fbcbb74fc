"""What stands in brackets of its own kind: arrays, matrices, cases, conditions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backprove.notation.spellings import CASES, MATRICES
from backprove.notation.syntax import Array, Both, Call, Cases, Compare, Expr, Number, Stack

if TYPE_CHECKING:
    from backprove.notation.reader import Reader

RELATIONS = frozenset("=≠<≤>≥")

_CONDITIONAL = frozenset(("if", "otherwise", "else", "when", "where"))
_OTHERWISE = frozenset(("otherwise", "else"))
_CLOSING = {"{": "}", "⦃": "⦄"}


# --- braces ----------------------------------------------------------------------------------


def braces(r: Reader) -> Expr:
    """A group, or `{a if x > 0; b otherwise}`."""
    opening = r.peek()
    close = r.closing[r.i]
    i = r.i + 1
    while i < close:
        if r.word_at(i) in _CONDITIONAL and r.word_at(i) not in r.names:
            return _inline_cases(r, close)
        i = r.closing.get(i, i) + 1
    return r.group(opening, _CLOSING[opening])


def _inline_cases(r: Reader, close: int) -> Expr:
    start = r.start
    bar, lowered, in_space = r.bar, r.lowered, r.in_space
    r.bar, r.lowered, r.in_space = "", False, False
    r.i += 1
    branches: list[tuple[Expr, Expr | None]] = []
    while True:
        value = r.expression()
        r.take(",")
        branches.append((value, _when(r, branch_commas=True)))
        if r.i == close:
            break
        if not (r.take(";") or r.take(",") or r.take("\\\\")):
            r.fail(f"expected ; before the next case, found {r.shown()}")
    r.i = close + 1
    r.bar, r.lowered, r.in_space = bar, lowered, in_space
    return Cases(tuple(branches), (start, r.end))


def _when(r: Reader, *, branch_commas: bool = False) -> Expr | None:
    """`if x > 0`, `otherwise`, or the bare condition of a cases environment."""
    word = r.word_at(r.i)
    if word in _OTHERWISE:
        r.i += 1
        if word == "otherwise" or r.word_at(r.i) != "if":
            return None
        word = "if"
    if word in ("if", "when", "for", "where"):
        r.i += 1
    elif branch_commas:
        r.fail(f"expected if or otherwise, found {r.shown()}")
    return condition(r, branch_commas=branch_commas)


# --- conditions ------------------------------------------------------------------------------


def condition(r: Reader, *, branch_commas: bool = False) -> Expr:
    """`i = j`, `1 ≤ i < n`, several with a comma or `and` between."""
    start = r.start
    parts = [_compare(r)]
    while True:
        if r.word_at(r.i) == "and" and "and" not in r.names:
            r.i += 1
        elif r.peek() == "," and not (branch_commas and _begins_branch(r, r.i + 1)):
            if r.kind_at(r.i + 1) in ("\\\\", "end", "eof"):
                r.i += 1
                break
            r.i += 1
        else:
            break
        parts.append(_compare(r))
    return parts[0] if len(parts) == 1 else Both(tuple(parts), (start, r.end))


def _begins_branch(r: Reader, i: int) -> bool:
    """Whether after this comma a new case begins: an `if` or `otherwise` comes before any `;`."""
    while r.kind_at(i) not in (";", "}", "⦄", "eof", "\\\\"):
        if r.word_at(i) in _CONDITIONAL:
            return True
        i = r.closing.get(i, i) + 1
    return False


def _compare(r: Reader) -> Expr:
    start = r.start
    first = r.expression()
    if r.peek() == "∈" and r.kind_at(r.i + 1) == "[":
        r.i += 2
        low = r.expression()
        r.expect(",", " in an interval")
        high = r.expression()
        r.expect("]", " to close the interval")
        return Compare((low, first, high), ("≤", "≤"), (start, r.end))
    return chain(r, first, start)


def chain(r: Reader, first: Expr, start: int) -> Compare:
    """The rest of a comparison whose first operand is read."""
    operands: list[Expr] = [first]
    ops: list[str] = []
    while r.peek() in RELATIONS:
        ops.append(r.peek())
        r.i += 1
        operands.append(r.expression())
    if not ops:
        r.fail(f"expected a condition such as i = j, found {r.shown()}")
    return Compare(tuple(operands), tuple(ops), (start, r.end))


def holds_condition(r: Reader) -> bool:
    """Whether the bracket or subscript here holds a condition, so that a 1 before it indicates."""
    i = r.i + (1 if r.peek() == "_" else 0)
    close = r.closing.get(i)
    if close is None or r.kind_at(i) == "begin":
        return False
    i += 1
    if r.kind_at(i) in ("[", "⦃", "(", "{") and r.closing[i] == close - 1:
        i += 1
    found = False
    while i < close:
        kind = r.kind_at(i)
        if kind == "..":  # a range, `(t = 1..3)`
            return False
        found = found or kind in RELATIONS or kind == "∈"
        i = r.closing.get(i, i) + 1
    return found


def indicator(r: Reader, start: int) -> Expr:
    """The condition after a 1; the cursor stands on its bracket or on `_`."""
    r.take("_")
    close = r.closing[r.i]
    r.i += 1
    if r.peek() in ("[", "⦃", "(", "{") and r.closing[r.i] == close - 1:
        r.i += 1
    bar, lowered, in_space = r.bar, r.lowered, r.in_space
    r.bar, r.lowered, r.in_space = "", False, False
    node = condition(r)
    if r.i < close - 1 or (r.i == close - 1 and r.peek() not in ("]", "⦄", ")", "}")):
        r.fail(f"expected the end of the condition, found {r.shown()}")
    r.i = close + 1
    r.bar, r.lowered, r.in_space = bar, lowered, in_space
    return Call("indicator", (node,), span=(start, r.end))


# --- square brackets -------------------------------------------------------------------------


def square(r: Reader) -> Expr:
    """`[1, 2]` an array, `[a; b]` a stack, `[i = j]` an indicator, `[a + b]` a group."""
    start, opening = r.start, r.i
    close = r.closing[opening]
    if close == opening + 1:
        r.fail("nothing stands between these brackets")
    if holds_condition(r):
        return indicator(r, start)
    bar, lowered, in_space = r.bar, r.lowered, r.in_space
    r.bar, r.lowered, r.in_space = "", False, False
    rows: list[list[Expr]] = [[]]
    several = False
    r.i += 1
    while True:
        rows[-1].append(r.expression())
        if r.take(","):
            if r.i == close:  # `[a,]` is a list of one
                several = True
                break
            continue
        if r.peek() in (";", "\\\\"):
            r.i += 1
            if r.i == close:
                break
            rows.append([])
            continue
        break
    r.expect("]")
    r.bar, r.lowered, r.in_space = bar, lowered, in_space
    span = (start, r.end)
    if len(rows) > 1:
        if all(len(row) == 1 for row in rows):
            return Stack(tuple(row[0] for row in rows), span)
        return Array(tuple(Array(tuple(row), span) for row in rows), span)
    items = rows[0]
    if len(items) == 1 and not several and not _is_list(r, items[0], opening, close):
        return items[0]
    return Array(tuple(items), span)


def _is_list(r: Reader, item: Expr, opening: int, close: int) -> bool:
    """Whether brackets around one item make a list of it: `[[3, 2, 1]]`, and `[3]` alone."""
    if isinstance(item, Array | Stack) and r.kind_at(opening + 1) in ("[", "begin"):
        return True
    before = r.kind_at(opening - 1) if opening else "eof"
    alone = before in ("(", ",", "=", "[", "eof") and r.kind_at(close + 1) in (
        ")",
        ",",
        "=",
        "]",
        "eof",
    )
    return alone and isinstance(item, Number)


# --- environments ----------------------------------------------------------------------------


def environment(r: Reader) -> Expr:
    """A matrix or cases."""
    start, name = r.start, r.value
    bar, lowered, in_space = r.bar, r.lowered, r.in_space
    r.bar, r.lowered, r.in_space = "", False, False
    if name in CASES:
        node = _cases(r, start)
    elif name in MATRICES:
        node = _matrix(r, start)
    else:
        r.fail(f"an environment {name} is no mathematics here")
    r.bar, r.lowered, r.in_space = bar, lowered, in_space
    return node


def _cases(r: Reader, start: int) -> Expr:
    close = r.closing[r.i]
    r.i += 1
    branches: list[tuple[Expr, Expr | None]] = []
    while r.i < close:
        value = r.expression()
        r.take(",")
        test: Expr | None = None
        if r.take("&") or r.word_at(r.i) in _CONDITIONAL or r.word_at(r.i) == "for":
            test = _when(r)
        branches.append((value, test))
        for kind in (",", ";", "."):
            r.take(kind)
        if r.i < close and not r.take("\\\\"):
            r.fail(f"expected \\\\ before the next case, found {r.shown()}")
    if not branches:
        r.fail("these cases are empty", r.i - 1)
    r.i = close + 1
    return Cases(tuple(branches), (start, r.end))


def _matrix(r: Reader, start: int) -> Expr:
    close = r.closing[r.i]
    r.i += 1
    rows: list[tuple[tuple[Expr, ...], tuple[int, int]]] = []
    while r.i < close:
        row_start = r.start
        row = [r.expression()]
        while r.take("&"):
            row.append(r.expression())
        rows.append((tuple(row), (row_start, r.end)))
        if r.i < close and not r.take("\\\\"):
            r.fail(f"expected & or \\\\ in a matrix, found {r.shown()}")
    if not rows:
        r.fail("this matrix is empty", r.i - 1)
    r.i = close + 1
    span = (start, r.end)
    if all(len(row) == 1 for row, _ in rows):
        return Array(tuple(row[0] for row, _ in rows), span)
    return Array(tuple(Array(row, row_span) for row, row_span in rows), span)
