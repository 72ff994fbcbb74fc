"""What hangs on an operand: subscripts, superscripts, primes and components."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from backprove.notation.syntax import (
    Call,
    Expr,
    Index,
    Name,
    Number,
    Power,
    Sum,
    Tag,
    Transpose,
)

if TYPE_CHECKING:
    from backprove.notation.reader import Reader

HANGING = frozenset(("_", "^", "'", "[", "num"))

_NAMED = (Name, Index, Tag)
_INDEXED_LETTERS = frozenset("ijklmnrtTNK")
"""Letters that may count a component although they are declared (sizes mostly): `h[T]`."""
_INDEX_SIGNS = frozenset(
    ("num", "name", "+", "-", "*", "·", "/", "(", ")", "[", "]", ",", "{", "}", "_", "..")
)


def read(r: Reader, node: Expr) -> Expr:
    """The operand with all that hangs on it."""
    count = 0
    raised = False  # whether the outermost layer is a superscript read here
    while r.peek() in HANGING:
        if raised and r.peek() == "_":
            node = _lower_under(r, node)
        else:
            kind = r.peek()
            before = node
            node = one(r, node)
            if node is before:
                break
            raised = kind in ("^", "'") and isinstance(node, Power | Transpose)
        count += 1
    if count > 4:
        r.chained += count
    return node


def one(r: Reader, node: Expr) -> Expr:
    """The operand with the next thing that hangs on it; the same node where nothing does."""
    kind = r.peek()
    if kind == "_":
        return subscript(r, node)
    if kind == "^":
        return superscript(r, node)
    if kind == "'":
        return _prime(r, node)
    if kind == "[":
        return component(r, node) if is_component(r, node) else node
    if isinstance(node, Name) and r.start == node.span[1] and node.text.isalpha():  # `x1` is x_1
        start = node.span[0]
        digit = r.number()
        return Index(node, (digit,), False, (start, r.end))
    return node


def _prime(r: Reader, node: Expr) -> Expr:
    r.i += 1
    span = (node.span[0], r.end)
    base = node.base if isinstance(node, Index) and not node.bracket else node
    if isinstance(base, Name):
        primed = base.text + "'"
        if primed in r.names or (r.names and base.text not in r.names and base.text != "I"):
            name = Name(primed, (base.span[0], r.end))
            if isinstance(node, Index):
                return Index(name, node.items, False, span)
            return name
    return Transpose(node, span)


# --- below -------------------------------------------------------------------------------------


def subscript(r: Reader, node: Expr) -> Expr:
    r.i += 1
    items = below(r, node)
    span = (node.span[0], r.end)
    if isinstance(node, Call) and node.function == "norm":
        return _named_norm(r, node, items, span)
    return Index(node, items, False, span)


def _lower_under(r: Reader, node: Expr) -> Expr:
    """`σ^2_B` is `σ_B^2`: a subscript belongs below what was raised."""
    assert isinstance(node, Power | Transpose)
    base = node.base
    inner = _lower_under(r, base) if isinstance(base, Transpose | Power) else subscript(r, base)
    span = (node.span[0], r.end)
    return Power(inner, node.exponent, span) if isinstance(node, Power) else Transpose(inner, span)


def _named_norm(r: Reader, node: Call, items: tuple[Expr, ...], span: tuple[int, int]) -> Expr:
    item = items[0] if len(items) == 1 else None
    text = item.text if isinstance(item, Name | Number) else ""
    function = {"1": "norm_1", "2": "norm", "F": "norm_F", "Fro": "norm_F"}.get(text)
    if function is None:
        r.fail("a norm has the subscript 1, 2 or F", r.i - 1)
    return Call(function, node.args, span=span)


def below(r: Reader, node: Expr) -> tuple[Expr, ...]:
    """The items of a subscript, braced or not."""
    kind = r.peek()
    if kind == "{" or kind == "(":
        closing = "}" if kind == "{" else ")"
        close = r.closing[r.i]
        if close == r.i + 1:
            r.fail("nothing stands in this subscript")
        letters = _letters(r, r.i + 1, close)
        if letters:
            span = (r.tokens[r.i + 1][2], r.tokens[close - 1][3])
            r.i = close + 1
            return (Name(letters, span),)
        return items_until(r, closing)
    if kind == "num":
        return (r.number(),)
    if kind == "name" or kind == "piece":
        return (_unbraced(r, node),)
    if kind == "accent":
        return (r.accented(),)
    raise r.failure(f"expected a subscript, found {r.shown()}")


def items_until(r: Reader, closing: str) -> tuple[Expr, ...]:
    """Comma-separated items of a subscript or component, after its opening bracket."""
    lowered, in_space, bar = r.lowered, r.in_space, r.bar
    r.lowered, r.in_space, r.bar = True, False, ""
    r.i += 1
    items = [r.expression()]
    while r.take(","):
        items.append(r.expression())
    r.expect(closing)
    r.lowered, r.in_space, r.bar = lowered, in_space, bar
    return tuple(items)


def _letters(r: Reader, low: int, high: int) -> str:
    """`W_{i j}` is `W_{ij}`; one word alone (also `in`, `max` or `for`) is a name below."""
    if high - low == 1:
        return r.word_at(low)
    words = [r.word_at(i) for i in range(low, min(high, low + 5))]
    if high - low <= 4 and all(len(word) == 1 for word in words):
        return "".join(words)
    return ""


def _unbraced(r: Reader, node: Expr) -> Expr:
    """`H_out` takes the whole word; `W_cx` only the c where `W_c` is declared and `Wcx` is not."""
    kind, word, start, end = r.tokens[r.i]
    length = len(word)
    if length > 1 and kind == "name" and isinstance(node, Name) and word.isascii():
        length = _below_length(r, node.text, word)
    r.rest_of(length, kind="piece" if r.first_name(word[length:] or "?") else "name")
    return Name(word[:length], (start, start + length if length < len(word) else end))


def _below_length(r: Reader, base: str, word: str) -> int:
    if f"{base}_{word}" in r.names:
        return len(word)
    for length in range(len(word) - 1, 0, -1):
        head, tail = word[:length], word[length:]
        if f"{base}_{head}" in r.names and _is_names(r, tail):
            return length
    hangs = r.kind_at(r.i + 1) in ("_", "^", "[", "(")
    if hangs and len(word) == 2 and word[0] not in r.names and word[1] in r.names:
        return 1  # δ_th_{t-1}
    return len(word)


def _is_names(r: Reader, word: str) -> bool:
    return word in r.names or r.first_name(word) < len(word)


# --- above -------------------------------------------------------------------------------------


def superscript(r: Reader, node: Expr) -> Expr:
    r.i += 1
    kind, value, start, _ = r.tokens[r.i]
    if kind == "{":
        return _braced_superscript(r, node)
    if kind == "(":
        return _bracketed_superscript(r, node)
    if kind == "top":
        r.i += 1
        return _transposed(r, node)
    if kind == "'":
        return _prime(r, node)
    if kind == "-":
        r.i += 1
        if r.peek() == "top" or r.value == "T":
            r.rest_of(1)
            return _inverse_transposed(r, node)
        return _raised(r, node, _negative(r, _single(r), start))
    if kind == "name" or kind == "piece":
        if value[0] == "T" and value not in r.names and not _counts(r, node):
            r.rest_of(1)
            return _transposed(r, node)
        if value == "T" and not _counts(r, node):
            r.i += 1
            return _transposed(r, node)
    return _raised(r, node, _single(r))


def _counts(r: Reader, node: Expr) -> bool:
    """A number has no transpose: `2^T` is a power where T is declared."""
    return isinstance(node, Number) and "T" in r.names


def _single(r: Reader) -> Expr:
    """An unbraced exponent: a number, a letter, a declared word, a fraction."""
    kind, value, start, end = r.tokens[r.i]
    if kind == "num":
        return r.number()
    if kind == "name" or kind == "piece":
        length = len(value) if value in r.names or not value.isascii() else 1
        r.rest_of(length)
        return Name(value[:length], (start, start + length if length < len(value) else end))
    if kind in ("frac", "accent", "vulgar"):
        return r.operand(kind)
    raise r.failure(f"expected an exponent, found {r.shown()}")


def _braced_superscript(r: Reader, node: Expr) -> Expr:
    opening = r.i
    close = r.closing[opening]
    r.i += 1
    size = close - r.i
    if size == 0:
        r.fail("nothing stands in this superscript", opening)
    first = r.peek()
    if size == 1 and (first == "top" or (r.value == "T" and not _counts(r, node))):
        r.i = close + 1
        return _transposed(r, node)
    if first == "'" and size == 1:
        node = _prime(r, node)
        r.i = close + 1
        return node
    if size == 2 and first == "-" and (r.kind_at(r.i + 1) == "top" or r.word_at(r.i + 1) == "T"):
        r.i = close + 1
        return _inverse_transposed(r, node)
    if size == 2 and first == "-" and r.kind_at(r.i + 1) == "num":
        start = r.start
        r.i += 1
        exponent = _negative(r, r.number(), start)
        r.expect("}")
        return _raised(r, node, exponent)
    if first in ("(", "[") and _may_be_tagged(node):
        inner = r.closing[r.i]
        after = [t for t in r.tokens[inner + 1 : close] if t[0] != ","]
        upright = len(after) == 1 and (after[0][0] == "top" or after[0][1] == "T")
        if inner == close - 1 or upright:
            node = _tagged(r, node, items_until(r, ")" if first == "(" else "]"))
            r.i = close + 1
            return Transpose(node, (node.span[0], r.end)) if upright else node
    if first == "⊙" and size > 1:  # `a^{\\odot 2}`: a power of an array is elementwise anyway
        r.i += 1
    bar, in_space = r.bar, r.in_space
    r.bar, r.in_space = "", False
    exponent = r.expression()
    r.expect("}", " after the superscript")
    r.bar, r.in_space = bar, in_space
    return _raised(r, node, exponent)


def _bracketed_superscript(r: Reader, node: Expr) -> Expr:
    """ASCII `^(…)`: a tag where a name is tagged so, or is new; otherwise a power."""
    close = r.closing[r.i]
    span = (r.tokens[r.i + 1][2], r.tokens[close - 1][3])
    if close == r.i + 2 and (r.kind_at(r.i + 1) == "top" or r.word_at(r.i + 1) == "T"):
        r.i = close + 1
        return _transposed(r, node)
    base = _base_name(node)
    if base is not None and _may_be_tagged(node):
        if r.tagged is None:
            r.tagged = frozenset(name.split("^(")[0] for name in r.names if "^(" in name)
        new = base not in r.names and base != "e" and close == r.i + 2
        if base in r.tagged or (new and span[1] - span[0] == 1):
            return _tagged(r, node, items_until(r, ")"))
    exponent = r.group("(", ")")
    if isinstance(exponent, Sum) and len(exponent.terms) == 1:
        term = exponent.terms[0][1]
        if isinstance(term, Number):
            exponent = _negative(r, term, exponent.span[0])
    return _raised(r, node, exponent)


def _base_name(node: Expr) -> str | None:
    while isinstance(node, Index):
        node = node.base
    return node.text if isinstance(node, Name) else None


def _may_be_tagged(node: Expr) -> bool:
    return isinstance(node, _NAMED) and _base_name(node) not in (None, "e")


def _tagged(r: Reader, node: Expr, items: tuple[Expr, ...]) -> Expr:
    """`h_t^{(l)}` is `h^{(l)}_t`: the tag belongs to the name."""
    span = (node.span[0], r.end)
    if isinstance(node, Index) and not node.bracket:
        return Index(_tagged(r, node.base, items), node.items, False, span)
    return Tag(node, items, span)


def _transposed(r: Reader, node: Expr) -> Expr:
    return Transpose(node, (node.span[0], r.end))


def _inverse_transposed(r: Reader, node: Expr) -> Expr:
    span = (node.span[0], r.end)
    return Transpose(Power(node, Number(Fraction(-1), "-1", span), span), span)


def _raised(r: Reader, node: Expr, exponent: Expr) -> Expr:
    return Power(node, exponent, (node.span[0], r.end))


def _negative(r: Reader, node: Expr, start: int) -> Expr:
    if isinstance(node, Number):
        return Number(-node.value, "-" + node.text, (start, node.span[1]))
    return Sum(((-1, node),), (start, node.span[1]))


# --- components ----------------------------------------------------------------------------------


def is_component(r: Reader, node: Expr) -> bool:
    """`[…]` after a name is a component when it holds indices; otherwise it groups.

    Indices are whole numbers and letters with `+ - * /` and brackets. A letter that is declared
    counts as an index where it stands alone or in a list (`b[o]`, `W[1,k,c]`), else only where it
    is one that usually counts, and no space stands before the bracket: `h[T-1]` is a member,
    `V[x + b]` and `c [a]` are products.
    """
    if isinstance(node, Number):
        return False
    opening = r.i
    close = r.closing[opening]
    if close == opening + 1:
        r.fail("nothing stands between these brackets")
    touching = r.tokens[opening - 1][3] == r.tokens[opening][2]
    continued = isinstance(node, Index) and node.bracket
    declared: list[str] = []
    several = False
    i = opening + 1
    while i < close:
        kind, value, _, _ = r.tokens[i]
        if kind not in _INDEX_SIGNS:
            return False
        if kind == "num" and not value.isdigit():
            return False
        if kind == ",":
            several = True
        elif kind == "name":
            if len(value) > 3 or (len(value) > 1 and r.function(value)):
                return False
            if value in r.names and r.kind_at(i - 1) != "_":
                declared.append(value)
        i += 1
    if not declared or several:
        return True
    alone = close == opening + 2
    return (touching or continued) and (alone or set(declared) <= _INDEXED_LETTERS)


def component(r: Reader, node: Expr) -> Expr:
    items = items_until(r, "]")
    span = (node.span[0], r.end)
    if isinstance(node, Index) and node.bracket:
        return Index(node.base, node.items + items, True, span)
    return Index(node, items, True, span)
