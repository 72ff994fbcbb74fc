"""Tokens to a tree: one tolerant reader for LaTeX, Unicode and ASCII.

The levels of binding, loosest first, each a method that calls the next:

    expression   a + b - c
    product      a ⊙ b * c           explicit signs, all alike
    run          a b/c d             juxtaposition, and `/` which takes the next factor only
    factor       x_t^2               an operand with its scripts

Operands that have a shape of their own live beside it: `scripts` (what hangs on an operand),
`applied` (functions, sums), `derivatives`, `brackets` (arrays, cases, conditions); `statements`
reads whole lines. Every choice within a formula is made by looking ahead over matched brackets, never by
trying and taking back, so that reading takes linear time; a line is read at most twice (as a
declaration, then as a relation).
"""

from __future__ import annotations

import unicodedata
from fractions import Fraction
from functools import lru_cache
from typing import NoReturn

from backprove.notation import applied, brackets, derivatives, scripts
from backprove.notation.cursor import Cursor
from backprove.notation.error import ReadError
from backprove.notation.lexer import without_gaps
from backprove.notation.spellings import FUNCTIONS, LONG_HEADS, STOPS
from backprove.notation.syntax import (
    Expr,
    Index,
    Name,
    Number,
    Power,
    Product,
    Quotient,
    Sum,
    Tag,
    Transpose,
)

DEEPEST_TREE = 160

_SUMMING = frozenset(("+", "-"))
_TIMES = frozenset(("*", "·", "×", "⊙", "⊗", "⊘"))
_STARTS = frozenset(
    [
        "num",
        "name",
        "piece",
        "ones",
        "(",
        "[",
        "{",
        "⦃",
        "|",
        "‖",
        "⟨",
        "∂",
        "∇",
        "big",
        "frac",
        "accent",
        "begin",
        "vulgar",
    ]
)


class Reader(Cursor):
    """The levels of an expression, and its words."""

    __slots__ = ()

    # --- the levels ------------------------------------------------------------------------------

    def expression(self) -> Expr:
        self.enter()
        start = self.start
        sign = 1
        if self.peek() in _SUMMING:
            sign = 1 if self.peek() == "+" else -1
            self.i += 1
        first = self.product()
        if self.peek() not in _SUMMING:
            self.depth -= 1
            return first if sign > 0 else Sum(((-1, first),), (start, self.end))
        terms = [(sign, first)]
        while self.peek() in _SUMMING:
            sign = 1 if self.peek() == "+" else -1
            self.i += 1
            terms.append((sign, self.product()))
        self.depth -= 1
        return Sum(tuple(terms), (start, self.end))

    def product(self) -> Expr:
        start = self.start
        first = self.run()
        if self.peek() not in _TIMES or (self.in_space and self.peek() == "×"):
            return first
        factors: list[Expr] = [first]
        ops: list[str] = []
        while (op := self.peek()) in _TIMES and not (self.in_space and op == "×"):
            self.i += 1
            right = self.signed(self.run)
            if op == "⊘":
                left = self.joined(factors, ops, start)
                factors = [Quotient(left, right, True, (start, self.end))]
                ops = []
                self.chained += 1
            else:
                factors.append(right)
                ops.append(op)
        return self.joined(factors, ops, start)

    def run(self, *, operand: bool = False) -> Expr:
        """A juxtaposition; an `operand`, of an operator, ends where a derivative begins."""
        start = self.start
        first = self.factor()
        factors: list[Expr] = [first]
        while True:
            kind = self.peek()
            if kind == "/":
                if self.kind_at(self.i + 1) == "/":  # the // that closes a handwritten line
                    break
                self.i += 1
                over = self.joined(factors, [""] * (len(factors) - 1), start)
                under = self.signed(self.factor)
                factors = [Quotient(over, under, False, (start, self.end))]
                self.chained += 1
            elif kind in _STARTS and self.continues(kind):
                if operand and derivatives.begins(self):
                    break
                factors.append(self.factor())
            else:
                break
        if len(factors) == 1:
            return factors[0]
        return self.joined(factors, [""] * (len(factors) - 1), start)

    def joined(self, factors: list[Expr], ops: list[str], start: int) -> Expr:
        if len(factors) == 1:
            return factors[0]
        return Product(tuple(factors), tuple(ops), (start, self.end))

    def signed(self, level: object) -> Expr:
        """After a sign of multiplication a minus may stand: `2 * -x`, `a / -2`."""
        start = self.start
        negative = self.take("-")
        body = self.factor() if level == self.factor else self.run()
        return Sum(((-1, body),), (start, self.end)) if negative else body

    def continues(self, kind: str) -> bool:
        """Whether the token here can be the next factor of a juxtaposition."""
        if kind == "name":
            word = self.tokens[self.i][1]
            if word in STOPS and word not in self.names and not self.lowered:
                return False
            return not (self.in_space and word == "x")
        if kind == "num":
            alone = self.tokens[self.i - 1][0] == "num" and self.kind_at(self.i - 2) not in (
                "_",
                "^",
            )
            if alone and self.kind_at(self.i + 1) != "[":  # `2 1[i = j]`
                self.fail("two numbers side by side: a sign is missing between them")
            return True
        if kind == "|":
            following = self.kind_at(self.i + 1)
            return not (self.bar == "|" or (self.bar == "||" and following == "|"))
        if kind == "‖":
            return self.bar != "‖"
        if kind == "(":  # `(t = 1..3)` is a range, not a factor
            return not (self.kind_at(self.i + 1) == "name" and self.kind_at(self.i + 2) == "=")
        return True

    def starts(self, i: int | None = None) -> bool:
        """Whether an operand begins at a token."""
        kind, word, _, _ = self.at(self.i if i is None else i)
        if kind == "name":
            return word not in STOPS or word in self.names
        return kind in _STARTS and not (kind == "|" and self.bar == "|")

    def factor(self) -> Expr:
        """An operand with everything that hangs on it."""
        self.enter()
        kind = self.tokens[self.i][0]
        node = self.word() if kind == "name" or kind == "piece" else self.operand(kind)
        if self.tokens[self.i][0] in scripts.HANGING:
            node = scripts.read(self, node)
        self.depth -= 1
        return node

    def operand(self, kind: str) -> Expr:
        """One operand that is no word."""
        start = self.start
        if kind == "num":
            return self.number()
        if kind == "(":
            return self.group("(", ")")
        if kind == "{" or kind == "⦃":
            return brackets.braces(self)
        if kind == "[":
            return brackets.square(self)
        if kind == "frac":
            return derivatives.fraction(self)
        if kind == "∂":
            return derivatives.partial(self)
        if kind == "∇":
            return derivatives.nabla(self)
        if kind == "big":
            return applied.big(self, self.value)
        if kind == "|" or kind == "‖":
            return applied.bars(self, kind)
        if kind == "⟨":
            return applied.inner(self)
        if kind == "begin":
            return brackets.environment(self)
        if kind == "accent":
            return self.accented()
        if kind == "ones":
            self.i += 1
            if brackets.holds_condition(self):
                return brackets.indicator(self, start)
            return Name("ones", (start, self.end))
        if kind == "vulgar":
            over, _, under = self.value.partition("/")
            self.i += 1
            span = (start, self.end)
            parts = Number(Fraction(over), over, span), Number(Fraction(under), under, span)
            return Quotient(*parts, False, span)
        where = f"after {self.shown(self.i - 1)}" if self.i else "at the beginning"
        raise self.failure(f"expected a term {where}, found {self.shown()}")

    def _not_a_function(self, opened: int) -> NoReturn:
        """A bracket with commas after a name that takes no arguments."""
        at = opened - 1
        while at > 0 and self.kind_at(at) in ("}", "]"):
            at -= 1
        if self.kind_at(at) == "name":
            self.fail(f"{self.shown(at)} is not a function known here", at)
        self.fail("expected ), found ,; a list is written in [ ]")

    def number(self) -> Expr:
        _, value, start, end = self.tokens[self.i]
        self.i += 1
        if (
            value == "1"
            and self.peek() in ("[", "(", "_", "{", "⦃")
            and brackets.holds_condition(self)
        ):
            return brackets.indicator(self, start)
        if self.peek() == "%":
            value += "%"
            end = self.tokens[self.i][3]
            self.i += 1
        try:
            exact = number_value(value)
        except (ValueError, OverflowError):
            self.fail("this number is too long", self.i - 1)
        written = self.text[start:end]
        if (
            not written.isascii()
            and "×" not in written
            and "·" not in written
            and "⋅" not in written
        ):
            written = value  # a raised or lowered digit
        return Number(exact, written, (start, end))

    def group(self, opening: str, closing: str) -> Expr:
        """A bracket around an expression leaves no trace in the tree."""
        opened = self.i
        bar, lowered, in_space = self.bar, self.lowered, self.in_space
        self.bar, self.in_space = "", False
        self.i += 1
        if self.peek() == closing:
            self.fail("nothing stands between these brackets", self.i - 1)
        body = self.expression()
        if self.peek() == "," and closing == ")":
            self._not_a_function(opened)
        self.expect(closing)
        self.bar, self.lowered, self.in_space = bar, lowered, in_space
        return body

    # --- words -----------------------------------------------------------------------------------

    def function(self, word: str) -> str | None:
        """The canonical name of a function, where the word is not declared as a name."""
        if word in self.names:
            return None
        return FUNCTIONS.get(word) or (FUNCTIONS.get(word.lower()) if len(word) > 2 else None)

    def word(self) -> Expr:
        """A name, a function with its argument, or the first of several names run together."""
        kind, word, start, end = self.tokens[self.i]
        if kind == "name" and word not in self.names:
            if word in STOPS and not self.lowered:
                self.fail(f"expected a term, found {word!r}")
            function = self.function(word)
            if function is None and word in LONG_HEADS:
                function = (applied.long_function(self) or (0, None))[1]
            if function is not None or applied.may_be_big(self, word):
                node = applied.function(self, word, function)
                if node is not None:
                    return node
        if word[0] == "d" and kind == "name" and (word == "d" or word not in self.names):
            node = derivatives.plain(self, word)
            if node is not None:
                return node
        if len(word) > 1 and not self.lowered and word not in self.names and word.isalpha():
            length = self.first_name(word)
            if length < len(word):
                self.rest_of(length, kind="piece")
                return Name(word[:length], (start, start + length))
        self.i += 1
        if word == "I" and self.peek() in ("[", "(", "⦃") and brackets.holds_condition(self):
            return brackets.indicator(self, start)  # another letter for 1[…]
        return Name(word, (start, end))

    def first_name(self, word: str) -> int:
        """The length of the first declared name, where the word is a run of declared names."""
        size = len(word)
        if size > 40 or (self.hits and (word == "all" or not word.strip("TF"))):
            return size
        whole = [False] * size + [True]  # from here on, the word splits
        for i in range(size - 1, -1, -1):
            whole[i] = any(whole[j] and word[i:j] in self.names for j in range(size, i, -1))
        if not whole[0]:
            return size
        return next(j for j in range(size, 0, -1) if whole[j] and word[:j] in self.names)

    def target(self) -> Expr:
        """A name that is being given a meaning: no function, no product, whatever the word."""
        start = self.start
        if self.peek() == "accent":
            node = self.accented()
        elif self.peek() == "name":
            word = self.value
            self.i += 1
            node = Name(word, (start, self.end))
            while self.peek() == "'":
                self.i += 1
                node = Name(node.text + "'", (start, self.end))
        else:
            self.fail(f"expected a name, found {self.shown()}")
        while self.peek() in ("_", "^", "[", "num"):
            if self.peek() == "num" and self.start != self.end:
                break
            before = node
            node = scripts.one(self, node)
            if isinstance(node, Power | Transpose):
                self.fail("a power or a transpose cannot be declared", self.i - 1)
            if node is before:
                break
        return node

    def accented(self) -> Expr:
        """`\\hat{y}`, `\\hat y_t`, `\\bar{h_t}`: the accent joins the letter."""
        self.enter()
        mark = self.value
        start = self.start
        self.i += 1
        if self.peek() == "{":
            self.i += 1
            body = self.factor()
            self.expect("}", " after the accented name")
        elif self.peek() == "accent":
            body = self.accented()
        elif self.peek() == "name":
            word = self.value
            self.rest_of(1)
            body = Name(word[0], (start, self.end))
        else:
            self.fail(f"expected a letter below the accent, found {self.shown()}")
        self.depth -= 1
        return _with_mark(self, body, mark, (start, self.end))

    # --- the end ---------------------------------------------------------------------------------

    def finish(self, node: Expr) -> Expr:
        """Refuse what would be too deep for those who walk the tree."""
        if (self.deepest > 20 or self.chained > 10) and tree_depth(node) > DEEPEST_TREE:
            self.fail("nested too deep", 0)
        return node


def _with_mark(reader: Reader, node: Expr, mark: str, span: tuple[int, int]) -> Expr:
    if isinstance(node, Name):
        return Name(unicodedata.normalize("NFC", node.text + mark), span)
    if isinstance(node, Index):
        return Index(
            _with_mark(reader, node.base, mark, node.base.span), node.items, node.bracket, span
        )
    if isinstance(node, Tag):
        return Tag(_with_mark(reader, node.base, mark, node.base.span), node.items, span)
    raise ReadError("an accent belongs on a name", span, reader.text)


@lru_cache(maxsize=1024)
def number_value(text: str) -> Fraction:
    """`0.5`, `6.6e-3`, `75.3%` exactly."""
    if text.endswith("%"):
        return number_value(text[:-1]) / 100
    mantissa, _, exponent = text.replace("−", "-").partition("e")
    if len(text) > 400 or (exponent and abs(int(exponent)) > 400):
        raise ValueError("a number of this size is not written by hand")
    return Fraction(mantissa) * Fraction(10) ** int(exponent or 0)


def tree_depth(node: object) -> int:
    """How deep a tree is, found without recursion."""
    deepest = 0
    stack: list[tuple[object, int]] = [(node, 1)]
    while stack:
        current, depth = stack.pop()
        if isinstance(current, tuple):
            stack.extend((part, depth) for part in current)  # type: ignore[misc]
            continue
        slots = getattr(type(current), "__slots__", None)
        if slots is None or isinstance(current, Fraction | str | int):
            continue
        deepest = max(deepest, depth)
        for slot in slots:
            if slot != "span":
                stack.append((getattr(current, slot), depth + 1))
    return deepest


def read_expression(text: str, names: frozenset[str] = frozenset()) -> Expr:
    """The tree of one expression; `names` are the canonical names that are declared."""
    reader = Reader(text, frozenset(names))
    reader.tokens, reader.closing = without_gaps(reader.tokens, reader.closing)
    node = reader.expression()
    if reader.peek() != "eof":
        reader.fail(f"expected the end of the expression, found {reader.shown()}")
    return reader.finish(node)
