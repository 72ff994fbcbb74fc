"""Functions and what is written like them: calls, sums and products, norms, inner products."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from backprove.notation import binders, brackets, scripts
from backprove.notation.spellings import FUNCTIONS, LONG_HEADS, QUOTIENTS, WITH_HITS
from backprove.notation.syntax import Big, Call, Expr, Name, Number, Power, Quotient, Sum

if TYPE_CHECKING:
    from backprove.notation.reader import Reader

_LETTERED_BIG = {"Σ": "sum", "Π": "prod"}
_BRACKETS = {"(": ")", "[": "]", "{": "}", "⦃": "⦄"}


def may_be_big(r: Reader, word: str) -> bool:
    """A capital sigma with a subscript is a sum, unless it is declared."""
    return word in _LETTERED_BIG and (
        r.kind_at(r.i + 1) in ("_", "^") or binders.stands_in_bracket(r, r.i + 1)
    )


def function(r: Reader, word: str, name: str | None) -> Expr | None:
    """A function with its argument; None where the word is only a name after all."""
    start = r.start
    if name is None:
        return big(r, _LETTERED_BIG[word])
    commanded = r.text.startswith("\\", start) and word != "σ"
    length, name = _long_name(r, word, name)
    following = r.i + length
    kind = r.kind_at(following)
    if name in ("sum", "prod") and (
        kind == "_" or (kind == "^" and name == word) or binders.stands_in_bracket(r, following)
    ):
        return big(r, name)
    if kind == "_":
        if commanded:
            r.fail(f"{name} takes no subscript", following)
        return None
    primes = 0
    while past := _past_prime(r, following):
        primes += 1
        following = past
    if primes and name in QUOTIENTS:
        r.fail(f"the derivative of {name} is not known here: write it out")
    kind = r.kind_at(following)
    argument = following
    if kind == "^":
        inside = r.kind_at(following + 1)
        if inside in _BRACKETS:
            close = r.closing[following + 1]
            argument = close + 1
            if r.kind_at(following + 2) in ("(", "[") and r.closing[following + 2] == close - 1:
                return None  # σ^{(2)} is a name
            if r.kind_at(following + 2) == "top" or r.word_at(following + 2) == "T":
                return None
        else:
            argument = following + (3 if inside == "-" else 2)
    opened = r.kind_at(argument) in ("(", "{", "⦃")
    if not (opened or (r.starts(argument) and not r.lowered)):
        if commanded:
            r.fail(f"{name} needs an argument", argument)
        return None
    return _apply(r, name, start, following, primes, argument)


def _past_prime(r: Reader, i: int) -> int:
    """The place after one prime: `'`, `^\\prime`, `^{\\prime}`; 0 where there is none."""
    if r.kind_at(i) == "'":
        return i + 1
    if r.kind_at(i) != "^":
        return 0
    if r.kind_at(i + 1) == "'":
        return i + 2
    return i + 4 if [r.kind_at(i + k) for k in (1, 2, 3)] == ["{", "'", "}"] else 0


def _apply(r: Reader, name: str, start: int, following: int, primes: int, argument: int) -> Expr:
    r.enter()
    r.i = following
    exponent: Expr | None = None
    if argument != following:
        exponent = _exponent(r, name)
    node = _with_argument(r, name, start, primes)
    r.depth -= 1
    return node if exponent is None else Power(node, exponent, (start, r.end))


def _exponent(r: Reader, name: str) -> Expr:
    """The 2 of `\\tanh^2 z`."""
    place = r.i
    raised = scripts.superscript(r, Name("?"))
    if not isinstance(raised, Power):
        r.fail(f"expected an exponent of {name}", place)
    if isinstance(raised.exponent, Number) and raised.exponent.value < 0:
        r.fail(f"{name}^{{-1}} may be an inverse function or a fraction: write which", place)
    return raised.exponent


def _with_argument(r: Reader, name: str, start: int, primes: int) -> Expr:
    if name == "log" and r.peek() == "name" and r.function(r.value) == "det":
        inner = r.word()
        if isinstance(inner, Call) and inner.function == "det":
            return Call("logdet", inner.args, span=(start, r.end))
        return Call(name, (inner,), (), primes, (start, r.end))
    kind = r.peek()
    if name == "sqrt" and kind == "[":
        return _root(r, start)
    if kind == "(":
        args, options = _arguments(r, name)
    elif kind in ("{", "⦃"):
        args, options = (brackets.braces(r),), ()
    elif kind == "[":
        args, options = (brackets.square(r),), ()
    else:
        args, options = (r.factor(),), ()
    if name in QUOTIENTS:
        return _quotient(name, args, (start, r.end))
    return Call(name, args, options, primes, (start, r.end))


def _quotient(name: str, args: tuple[Expr, ...], span: tuple[int, int]) -> Expr:
    """`sech(x)` is 1/cosh(x)."""
    over, under = QUOTIENTS[name]
    above = Call(over, args, span=span) if over else Number(Fraction(1), "1", span)
    return Quotient(above, Call(under, args, span=span), bool(over), span)


def _long_name(r: Reader, word: str, name: str) -> tuple[int, str]:
    """`conv_transpose_size` comes as words with `_` between; the longest that is a function."""
    if word not in LONG_HEADS:
        return 1, name
    return long_function(r) or (1, name)


def long_function(r: Reader) -> tuple[int, str] | None:
    """How many tokens a function name with underscores takes here, and which it is."""
    best: tuple[int, str] | None = None
    joined, i = r.value, r.i + 1
    while r.kind_at(i) == "_" and r.word_at(i + 1):
        joined += "_" + r.word_at(i + 1)
        i += 2
        if joined.lower() in FUNCTIONS:
            best = (i - r.i, FUNCTIONS[joined.lower()])
        if i - r.i > 8:
            break
    return best


def _root(r: Reader, start: int) -> Expr:
    """`\\sqrt[3]{x}`."""
    degree = r.group("[", "]")
    if r.peek() != "{":
        r.fail(f"expected {{ after the degree of the root, found {r.shown()}")
    body = brackets.braces(r)
    span = (start, r.end)
    return Power(body, Quotient(Number(Fraction(1), "1", span), degree, False, span), span)


def _arguments(r: Reader, name: str) -> tuple[tuple[Expr, ...], tuple[tuple[str, Expr], ...]]:
    """`(X, K, stride=2)`: expressions, then options by name."""
    bar, lowered, in_space, hits = r.bar, r.lowered, r.in_space, r.hits
    r.bar, r.lowered, r.in_space, r.hits = "", False, False, name in WITH_HITS
    args: list[Expr] = []
    options: list[tuple[str, Expr]] = []
    r.i += 1
    if r.peek() == ")":
        r.fail(f"{name} needs an argument")
    while True:
        option = _option(r)
        if option:
            options.append((option, r.expression()))
        elif options:
            r.fail("a plain argument cannot follow a named one")
        else:
            args.append(r.expression())
        if not r.take(","):
            break
    r.expect(")", f" after the arguments of {name}")
    r.bar, r.lowered, r.in_space, r.hits = bar, lowered, in_space, hits
    return tuple(args), tuple(options)


def _option(r: Reader) -> str:
    """The name before an `=`, of which the cursor is then past."""
    if r.peek() != "name":
        return ""
    joined, i = r.value, r.i + 1
    while r.kind_at(i) == "_" and r.word_at(i + 1):
        joined += "_" + r.word_at(i + 1)
        i += 2
    if r.kind_at(i) != "=":
        return ""
    r.i = i + 1
    return joined


# --- sums, products ------------------------------------------------------------------------------


def big(r: Reader, op: str) -> Expr:
    """`\\sum_{i=1}^{n} body`: the body reaches to the next + or -."""
    start = r.start
    r.enter()
    r.i += 1
    found, condition = binders.read(r)
    body_start = r.start
    negative = r.take("-")
    body = r.product()
    if negative:
        body = Sum(((-1, body),), (body_start, r.end))
    r.depth -= 1
    return Big(op, found, body, condition, (start, r.end))


# --- bars and angles -----------------------------------------------------------------------------


def bars(r: Reader, kind: str) -> Expr:
    """`|x|`, `‖x‖`, `||x||`."""
    start = r.start
    double = kind == "|" and r.kind_at(r.i + 1) == "|"
    outer, r.bar = r.bar, ("||" if double else kind)
    r.i += 2 if double else 1
    in_space, r.in_space = r.in_space, False
    body = r.expression()
    r.expect(kind, " to close the bars")
    if double:
        r.expect(kind, " to close the bars")
    r.bar, r.in_space = outer, in_space
    return Call("abs" if kind == "|" and not double else "norm", (body,), span=(start, r.end))


def inner(r: Reader) -> Expr:
    """`⟨x, y⟩`."""
    start = r.start
    bar, r.bar = r.bar, ""
    r.i += 1
    left = r.expression()
    if not r.take(",") and not r.take("|"):
        r.fail(f"expected a comma in an inner product, found {r.shown()}")
    right = r.expression()
    r.expect("⟩")
    r.bar = bar
    return Call("dot", (left, right), span=(start, r.end))
