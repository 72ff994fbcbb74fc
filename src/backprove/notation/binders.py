"""What a sum runs over: `_{i=1}^{n}`, `_{i,j}`, `_{k \\ne i}`, `(k = 1 to 5)`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backprove.notation import brackets
from backprove.notation.syntax import Binder, Both, Compare, Expr, Name

if TYPE_CHECKING:
    from backprove.notation.reader import Reader


def stands_in_bracket(r: Reader, i: int) -> bool:
    """`(k=1 to k=5)`, as a scan leaves a sum's bounds."""
    if r.kind_at(i) != "(" or r.kind_at(i + 1) != "name" or r.kind_at(i + 2) != "=":
        return False
    close = r.closing[i]
    j = i + 3
    while j < close:
        if r.word_at(j) == "to" or r.kind_at(j) == "..":
            return True
        j = r.closing.get(j, j) + 1
    return False


def read(r: Reader) -> tuple[tuple[Binder, ...], Expr | None]:
    """The indices and the condition of a sum; the cursor is past the sign of summation."""
    if stands_in_bracket(r, r.i):
        return (_in_bracket(r),), None
    items: list[Binder | Expr] = []
    high: Expr | None = None
    for _ in range(2):
        if r.take("_"):
            items.extend(_below(r))
        elif r.take("^"):
            high = _above(r)
    if high is None and not items:
        return (), None
    return _sort_out(r, items, high)


def _in_bracket(r: Reader) -> Binder:
    start = r.start
    r.i += 1
    name = r.value
    r.i += 2
    low = r.expression()
    if not r.take(".."):
        r.i += 1  # to
    if r.word_at(r.i) == name and r.kind_at(r.i + 1) == "=":
        r.i += 2
    high = r.expression()
    r.expect(")", " after the bounds")
    return Binder(name, low, high, (start, r.end))


def _above(r: Reader) -> Expr:
    if r.peek() == "{":
        return r.group("{", "}")
    if r.peek() == "(":
        return r.group("(", ")")
    if r.peek() == "num":
        return r.number()
    if r.peek() == "name":
        start, word = r.start, r.value
        whole = word in r.names or not word.isascii()
        r.rest_of(len(word) if whole else 1)
        return Name(word if whole else word[0], (start, start + (len(word) if whole else 1)))
    raise r.failure(f"expected an upper bound, found {r.shown()}")


def _below(r: Reader) -> list[Binder | Expr]:
    if r.peek() == "name":
        start, word = r.start, r.value
        whole = word in r.names or len(word) > 3
        length = len(word) if whole or r.first_name(word[1:] or "?") == len(word) - 1 else 1
        r.rest_of(length)
        return [Name(word[:length], (start, start + length))]
    if r.peek() not in ("{", "("):
        r.fail(f"expected an index to sum over, found {r.shown()}")
    closing = "}" if r.peek() == "{" else ")"
    lowered, in_space, bar = r.lowered, r.in_space, r.bar
    r.lowered, r.in_space, r.bar = True, False, ""
    r.i += 1
    if r.peek() == closing:
        r.fail("nothing to sum over")
    items = [_item(r)]
    while r.peek() in (",", ":", "|", ";", "\\\\"):
        r.i += 1
        items.append(_item(r))
    r.expect(closing, " after the index of the sum")
    r.lowered, r.in_space, r.bar = lowered, in_space, bar
    return items


def _item(r: Reader) -> Binder | Expr:
    """`i`, `i = 1`, `i = 1..n`, `1 ≤ i ≤ n`, `k ≠ i`."""
    start = r.start
    if r.peek() == "name" and r.kind_at(r.i + 1) == "=":
        name = r.value
        r.i += 2
        low = r.expression()
        while r.take(","):  # `i = 1, …, n`
            if r.peek() != "..":
                r.i -= 1
                break
        high = None
        if r.take(".."):
            r.take(",")
            high = r.expression()
        return Binder(name, low, high, (start, r.end))
    first = r.expression()
    if r.peek() in brackets.RELATIONS:
        return brackets.chain(r, first, start)
    return first


def _sort_out(
    r: Reader, items: list[Binder | Expr], high: Expr | None
) -> tuple[tuple[Binder, ...], Expr | None]:
    """Which items bind an index and which only restrict."""
    binders: list[Binder] = []
    conditions: list[Expr] = []
    for item in items:
        if isinstance(item, Binder):
            top = high if item.high is None else item.high
            binders = [
                Binder(b.name, item.low, top, b.span) if b.low is None and high else b
                for b in binders
            ]
            binders.append(Binder(item.name, item.low, top, item.span))
        elif isinstance(item, Name):
            single = item.text.isascii() and item.text.isalpha() and len(item.text) <= 3
            words = item.text if single and item.text not in r.names else (item.text,)
            binders.extend(Binder(word, span=item.span) for word in words)
        elif isinstance(item, Compare):
            bound, restricts = _bound_by(item, {b.name for b in binders})
            binders.extend(bound)
            if restricts:
                conditions.append(item)
        else:
            r.fail("expected an index to sum over", r.i - 1)
    if not binders:
        r.fail("expected an index to sum over", r.i - 1)
    if high is not None and all(b.high is None for b in binders):
        binders = [Binder(b.name, b.low, high, b.span) for b in binders]
    if not conditions:
        return tuple(binders), None
    condition = conditions[0] if len(conditions) == 1 else Both(tuple(conditions))
    return tuple(binders), condition


def _bound_by(item: Compare, known: set[str]) -> tuple[list[Binder], bool]:
    """The indices a comparison binds, and whether it restricts besides."""
    operands, ops = item.operands, item.ops
    middle = operands[1]
    if ops == ("≤", "≤") and isinstance(middle, Name) and middle.text not in known:
        return [Binder(middle.text, operands[0], operands[2], item.span)], False
    names = [o for o in operands if isinstance(o, Name)]
    if not names or known:
        return [], True
    bound = middle if len(operands) == 3 and isinstance(middle, Name) else names[0]
    return [Binder(bound.text, span=bound.span)], True
