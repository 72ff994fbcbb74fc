"""Derivatives in all their spellings, and fractions, which they often look like."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backprove.notation import brackets, scripts
from backprove.notation.syntax import (
    Call,
    Derivative,
    Expr,
    Index,
    Name,
    Power,
    Product,
    Quotient,
    Transpose,
)

if TYPE_CHECKING:
    from backprove.notation.reader import Reader


# --- ∂E/∂W on one line -----------------------------------------------------------------------


def partial(r: Reader) -> Expr:
    """`∂E/∂W`, `∂⁺h/∂W`, `∂²f/∂x∂x^T`, `∂/∂x f`."""
    start = r.start
    r.i += 1
    order, immediate = _order(r)
    if r.peek() == "_":
        return _subscripted(r, start, order, "∂")
    of: Expr | None = None
    if r.peek() != "/":
        of = r.factor()
        if r.peek() == "(" and r.kind_at(r.closing[r.i] + 1) == "/":
            of = Product((of, r.group("(", ")")), ("",), (of.span[0], r.end))
    r.expect("/", " in a derivative")
    wrapped = r.peek() == "(" and r.kind_at(r.i + 1) == "∂"
    if wrapped:
        r.i += 1
    if r.peek() != "∂":
        r.fail(f"expected ∂ and the variable, found {r.shown()}")
    by = _variables(r, order)
    if wrapped:
        r.expect(")")
    if of is None:
        of = _operand(r, by)
    return Derivative(of, by, immediate, "slash", (start, r.end))


def _order(r: Reader) -> tuple[int, bool]:
    """What is written on a ∂: `²` or `⁺`."""
    if r.peek() != "^":
        return 1, False
    close = r.closing.get(r.i + 1, r.i + 1)
    inside = r.tokens[r.i + 2 : close] if close != r.i + 1 else r.tokens[r.i + 1 : r.i + 2]
    kinds = [token[0] for token in inside]
    if kinds == ["+"]:
        r.i = close + 1
        return 1, True
    if kinds == ["num"] and inside[0][1] in ("1", "2"):
        r.i = close + 1
        return int(inside[0][1]), False
    raise r.failure("a derivative is written ∂, ∂² or ∂⁺", r.i + 1)


def _variables(r: Reader, order: int) -> tuple[Expr, ...]:
    """`∂x`, `∂x∂x^T`, `∂x²`: the cursor stands on a ∂ (or a d)."""
    by: list[Expr] = []
    while len(by) < order:
        if not (r.peek() == "∂" or (r.peek() == "name" and r.value.startswith("d"))):
            r.fail(f"expected {order} variables of differentiation, found {r.shown()}")
        if r.peek() == "name":
            r.rest_of(1)
        else:
            r.i += 1
        variable = _variable(r)
        if order == 2 and isinstance(variable, Power) and _is_two(variable.exponent):
            by = [variable.base, variable.base]
        else:
            by.append(variable)
    if order == 2 and isinstance(by[-1], Transpose):
        by[-1] = by[-1].base  # ∂²f/∂x∂xᵀ: the transpose only shows the layout
    return tuple(by)


def _is_two(node: Expr) -> bool:
    return getattr(node, "text", "") == "2"


def _variable(r: Reader) -> Expr:
    if r.peek() in ("name", "piece"):
        word, start = r.value, r.start
        r.i += 1
        if word == "vec" and r.peek() == "(":  # the one function by which people differentiate
            return Call("vec", (r.group("(", ")"),), span=(start, r.end))
        node: Expr = Name(word, (start, r.end))
        return scripts.read(r, node) if r.peek() in scripts.HANGING else node
    if r.peek() in ("(", "{", "accent", "⦃", "ones"):
        return r.factor()
    raise r.failure(f"expected the variable of differentiation, found {r.shown()}")


# --- dE/dW on one line -----------------------------------------------------------------------


def plain(r: Reader, word: str) -> Expr | None:
    """`dE/dW`, `d²f/dx²`, `d/dx f`; None where the d is a name or the start of one."""
    start, begin = r.start, r.i
    slash = _past_numerator(r, begin, word)
    if slash is None or not _is_denominator(r, slash + 1):
        return None
    order = 1
    r.rest_of(1)
    if r.peek() == "^":
        order, _ = _order(r)
    of: Expr | None = None
    if r.i < slash:
        of = _variable(r)
        if r.peek() == "(" and r.closing[r.i] + 1 == slash:
            of = Product((of, r.group("(", ")")), ("",), (of.span[0], r.end))
    if r.i != slash:
        r.fail(f"expected / in a derivative, found {r.shown()}")
    r.i += 1
    by = _variables(r, order)
    if of is None:
        of = _operand(r, by)
    return Derivative(of, by, False, "d", (start, r.end))


def _past_numerator(r: Reader, i: int, word: str) -> int | None:
    """The place of the slash after `dE_3`, `d h[t]`, `d²f`, if what stands here is such."""
    tokens = r.tokens
    j = i + 1
    if word == "d":
        upright = r.text.startswith("\\", tokens[i][2])
        if r.kind_at(j) == "^":
            j = r.closing.get(j + 1, j + 1) + 1
        elif r.kind_at(j) == "_":
            return None
        kind = r.kind_at(j)
        if kind == "/":
            close = r.at(j - 1)[3] == r.at(j)[2] == r.at(j + 1)[2] - 1
            return j if upright or close or "d" not in r.names else None
        touching = r.at(j - 1)[3] == r.at(j)[2] and kind != "("
        if not (upright or touching or "d" not in r.names):
            return None
        if kind in ("(", "{"):
            j = r.closing[j]
        elif kind == "accent":
            j += 1
            j = r.closing.get(j, j)
        elif kind != "name":
            return None
        j += 1
    elif r.function(word):
        return None
    while True:
        kind = r.kind_at(j)
        if kind in ("_", "^"):
            j = r.closing.get(j + 1, j + 1) + 1
        elif kind in ("[", "("):
            j = r.closing[j] + 1
        elif kind == "'":
            j += 1
        else:
            break
    return j if kind == "/" else None


def _is_denominator(r: Reader, i: int) -> bool:
    word = r.word_at(i)
    if not word.startswith("d") or (word in r.names and len(word) > 1):
        return False
    if len(word) > 1:
        return not r.function(word)
    following = r.at(i + 1)
    if following[0] not in ("name", "(", "accent", "{"):
        return False
    upright = r.text.startswith("\\", r.tokens[i][2])
    touching = r.tokens[i][3] == following[2] and following[0] != "("
    return upright or touching or "d" not in r.names


# --- fractions -------------------------------------------------------------------------------


def fraction(r: Reader) -> Expr:
    """`\\frac{a}{b}`, `\\frac12`, `\\frac{\\partial E}{\\partial W}`, `\\frac{d}{dx} f`."""
    start = r.start
    r.i += 1
    if r.peek() == "{":
        close = r.closing[r.i]
        if r.kind_at(close + 1) == "{":
            style = _style(r, r.i + 1, close, close + 2)
            if style:
                return _fractional(r, start, style)
    over = _part(r)
    under = _part(r)
    return Quotient(over, under, False, (start, r.end))


def _part(r: Reader) -> Expr:
    """One argument of \\frac: braces, a digit or a letter."""
    kind, value, start, _ = r.tokens[r.i]
    if kind == "{":
        return brackets.braces(r)
    if kind == "num" and len(value) > 1 and value.isdigit():
        r.tokens[r.i] = (kind, value[0], start, start + 1)
        digit = r.number()
        r.i -= 1
        r.tokens[r.i] = (kind, value[1:], start + 1, start + len(value))
        return digit
    if kind == "num":
        return r.number()
    if kind in ("name", "piece") and value.isalpha():
        length = 1 if value.isascii() and len(value) == r.tokens[r.i][3] - start else len(value)
        r.rest_of(length)
        return Name(value[:length], (start, start + length))
    raise r.failure(f"expected a part of a fraction, found {r.shown()}")


def _style(r: Reader, low: int, high: int, below: int) -> str:
    """Whether a fraction is a derivative: both parts begin with ∂, or with d before a letter."""
    if r.kind_at(low) == "∂" and r.kind_at(below) == "∂":
        style = "frac"
    elif _begins_with_d(r, low, numerator=True) and _begins_with_d(r, below, numerator=False):
        style = "d"
    else:
        return ""
    i = low + 1
    if r.kind_at(i) == "^":  # ∂⁺, ∂²
        i = r.closing.get(i + 1, i + 1) + 1
    while i < high:
        if r.kind_at(i) in ("/", "+", "-"):  # a quotient whose numerator begins with a derivative
            return ""
        i = r.closing.get(i, i) + 1
    return style


def _begins_with_d(r: Reader, i: int, *, numerator: bool) -> bool:
    word = r.word_at(i)
    if not word.startswith("d") or (len(word) > 1 and (word in r.names or r.function(word))):
        return False
    if len(word) > 1:
        return True
    following = r.at(i + 1)
    kind = following[0]
    if kind == "^":
        return numerator
    if kind == "}":
        return numerator
    if kind not in ("name", "(", "accent", "{"):
        return False
    upright = r.text.startswith("\\", r.tokens[i][2])
    return upright or r.tokens[i][3] == following[2] or "d" not in r.names


def _fractional(r: Reader, start: int, style: str) -> Expr:
    opening = r.i
    close = r.closing[opening]
    r.i += 1
    if style == "d":
        r.rest_of(1)
    else:
        r.i += 1
    order, immediate = _order(r)
    of: Expr | None = None
    if r.i != close:
        bar, in_space = r.bar, r.in_space
        r.bar, r.in_space = "", False
        of = r.product()
        r.bar, r.in_space = bar, in_space
    r.expect("}", " after the numerator")
    r.expect("{")
    by = _variables(r, order)
    r.expect("}", " after the variable of differentiation")
    if of is None:
        of = _operand(r, by)
    return Derivative(of, by, immediate, style, (start, r.end))


# --- operators -------------------------------------------------------------------------------


def nabla(r: Reader) -> Expr:
    """`∇_W E`, `∇²_x f`, `∇_x^2 f`."""
    start = r.start
    r.i += 1
    order = 1
    if r.peek() == "^":
        order, immediate = _order(r)
        if immediate:
            r.fail("expected ∇ or ∇²", r.i - 1)
    return _subscripted(r, start, order, "∇")


def _subscripted(r: Reader, start: int, order: int, sign: str) -> Expr:
    """`∇_W E` or `∂_W E`: the cursor stands on the subscript."""
    items: tuple[Expr, ...] = ()
    if r.take("_"):
        items = scripts.below(r, Name(sign))
        if r.peek() == "^":
            order, immediate = _order(r)
            if immediate:
                r.fail(f"expected {sign} or {sign}²", r.i - 1)
    if len(items) != 1:
        r.fail(f"{sign} needs its variable, as in {sign}_W E")
    variable = items[0]
    if isinstance(variable, Name) and len(variable.text) > 1 and variable.text not in r.names:
        variable = _as_index(variable, r)
    by = (variable, variable) if order == 2 else (variable,)
    return Derivative(_operand(r, by), by, False, "nabla", (start, r.end))


def _operand(r: Reader, by: tuple[Expr, ...]) -> Expr:
    """What an operator stands before: a bracket, a quantity, or all up to the next derivative.

    `∇_y E x^T` is a product, as people write it in the chain rule; but `∂/∂x x^T A x` and
    `∂/∂x 1/2 sum(x^2)` are derivatives of all that follows.
    """
    quantity = r.peek() == "accent" or (
        r.peek() in ("name", "piece")
        and not r.function(r.value)
        and Name(r.value) != by[0]
        and r.kind_at(r.i + 1) != "^"
        and not begins(r)
    )
    return r.factor() if quantity or r.peek() == "(" else r.run(operand=True)


def begins(r: Reader) -> bool:
    """Whether a derivative begins at the cursor."""
    kind = r.peek()
    if kind == "frac":
        close = r.closing.get(r.i + 1, 0)
        return r.kind_at(close + 1) == "{" and bool(_style(r, r.i + 2, close, close + 2))
    if kind == "name" and r.value.startswith("d"):
        slash = _past_numerator(r, r.i, r.value)
        return slash is not None and _is_denominator(r, slash + 1)
    return kind in ("∂", "∇")


def _as_index(variable: Name, r: Reader) -> Expr:
    """`∇_{W1}` cannot be told from a word; leave words as they are."""
    head, tail = variable.text[:-1], variable.text[-1]
    if head in r.names and tail.isdigit():
        return Index(Name(head, variable.span), (Name(tail, variable.span),), False, variable.span)
    return variable
