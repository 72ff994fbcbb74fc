"""From a tree back to text: where brackets must stand, for every way of writing alike.

The levels are the reader's. A writer for one way (LaTeX, Unicode, MathML) says how a fraction or
a subscript looks; this class says what goes inside what. All that is written is read back to the
same tree, up to what the ways cannot say: `∂E/∂W` on one line or as a fraction is one derivative.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import cached_property
from typing import Any, ClassVar

from backprove.notation.syntax import (
    Array,
    Big,
    Binder,
    Both,
    Call,
    Cases,
    Compare,
    Declaration,
    Derivative,
    Expr,
    Index,
    Name,
    Number,
    Power,
    Product,
    Quotient,
    Range,
    Relation,
    Space,
    Stack,
    Statement,
    Sum,
    Tag,
    Transpose,
    parts_of,
)

ANY, SUM, PRODUCT, RUN, FACTOR, ATOM = range(6)
"""How tightly a piece of text binds; a place in a formula asks for one of these."""

BARS: dict[str, tuple[str, str]] = {
    "abs": ("|", ""), "norm": ("‖", ""), "norm_1": ("‖", "1"), "norm_F": ("‖", "F"),
}  # fmt: skip
_FACT_WORDS = {"unit-interval": "in (0,1)"}


class Writer(ABC):
    """One way of writing. Subclasses give the looks; all methods return finished text."""

    stacked = True
    """Whether fractions stand one over the other, and so need no brackets."""

    _by_type: ClassVar[dict[type, Callable[[Writer, Any], str]]] = {
        Number: lambda w, n: w.number(n), Name: lambda w, n: w.name(n.text),
        Index: lambda w, n: w._index(n), Tag: lambda w, n: w._tag(n),
        Sum: lambda w, n: w._sum(n), Product: lambda w, n: w._product(n),
        Quotient: lambda w, n: w._quotient(n), Power: lambda w, n: w._power(n),
        Transpose: lambda w, n: w._transpose(n), Call: lambda w, n: w._call(n),
        Big: lambda w, n: w._big(n), Derivative: lambda w, n: w._derivative(n),
        Array: lambda w, n: w._array(n), Stack: lambda w, n: w._stack(n),
        Cases: lambda w, n: w._cases(n), Compare: lambda w, n: w._compare(n),
        Both: lambda w, n: w._both(n), Space: lambda w, n: w._space(n),
        Declaration: lambda w, n: w._declaration(n), Relation: lambda w, n: w._relation(n),
    }  # fmt: skip

    def __init__(self, node: object) -> None:
        self._node = node

    @cached_property
    def letters(self) -> set[str]:
        """The first letters of all names."""
        return {n.text[0] for n in parts_of(self._node) if isinstance(n, Name)}

    # --- the looks, per way of writing -----------------------------------------------------------

    @abstractmethod
    def number(self, node: Number) -> str: ...
    @abstractmethod
    def name(self, text: str) -> str: ...
    @abstractmethod
    def below(self, base: str, items: str) -> str: ...
    @abstractmethod
    def above(self, base: str, content: str) -> str: ...
    @abstractmethod
    def upright(self, base: str, inverse: bool) -> str: ...
    @abstractmethod
    def tagged(self, base: str, items: str, transposed: bool) -> str: ...
    @abstractmethod
    def component(self, base: str, items: str) -> str: ...
    @abstractmethod
    def bracket(self, text: str) -> str: ...
    @abstractmethod
    def terms(self, terms: Sequence[tuple[int, str]]) -> str: ...
    @abstractmethod
    def factors(self, factors: Sequence[str], ops: Sequence[str]) -> str: ...
    @abstractmethod
    def fraction(self, over: str, under: str) -> str: ...
    @abstractmethod
    def function(self, name: str, args: str, primes: int) -> str: ...
    @abstractmethod
    def option(self, name: str, value: str) -> str: ...
    @abstractmethod
    def bars(self, bar: str, text: str) -> str: ...
    @abstractmethod
    def angles(self, text: str) -> str: ...
    @abstractmethod
    def indicator(self, condition: str) -> str: ...
    @abstractmethod
    def big(self, op: str, below: str, above: str, body: str) -> str: ...
    @abstractmethod
    def partial(self, of: str, by: Sequence[str], d: str, immediate: bool) -> str: ...
    @abstractmethod
    def nabla(self, of: str, by: str, order: int) -> str: ...
    @abstractmethod
    def vector(self, items: Sequence[str]) -> str: ...
    @abstractmethod
    def matrix(self, rows: Sequence[Sequence[str]]) -> str: ...
    @abstractmethod
    def stack(self, parts: Sequence[str]) -> str: ...
    @abstractmethod
    def cases(self, branches: Sequence[tuple[str, str]]) -> str: ...
    @abstractmethod
    def relation(self, op: str) -> str: ...
    @abstractmethod
    def joined(self, parts: Sequence[str], sign: str) -> str: ...
    @abstractmethod
    def between(self, low: str, high: str) -> str: ...
    @abstractmethod
    def set(self, kind: str, axes: str) -> str: ...
    @abstractmethod
    def words(self, text: str) -> str: ...
    @abstractmethod
    def line(self, parts: Sequence[str]) -> str: ...

    # --- what binds how tightly ------------------------------------------------------------------

    def level(self, node: Expr) -> int:
        """How tightly the text of a node binds."""
        match node:
            case Compare() | Both():
                return ANY
            case Sum():
                return SUM
            case Product():
                return RUN if node.ops[0] == "" else PRODUCT
            case Quotient():
                return PRODUCT if node.elementwise else FACTOR if self.stacked else RUN
            case Big():
                return PRODUCT
            case Number():
                return (
                    SUM
                    if node.value < 0
                    else ATOM
                    if node.text.isalnum() or "." in node.text
                    else FACTOR
                )
            case Power() | Transpose() | Derivative() | Cases():
                return FACTOR
            case _:
                return ATOM

    def put(self, node: Expr, place: int = ANY, *, last: bool = True) -> str:
        """A node in a place that asks for a level, with brackets where it binds more loosely.

        Where it is not the last of its level, a sum must not swallow what follows.
        """
        text = self.write(node)
        if not last and ends_open(node):
            return self.bracket(text)
        at_the_end = isinstance(node, Big) and last and place != ATOM  # `a \\sum_i b`
        return text if self.level(node) >= place or at_the_end else self.bracket(text)

    def write(self, node: Expr | Space | Statement) -> str:
        return self._by_type[type(node)](self, node)

    def items(self, nodes: Sequence[Expr]) -> str:
        return self.joined([self.put(node) for node in nodes], ",")

    # --- the nodes -------------------------------------------------------------------------------

    def _index(self, node: Index) -> str:
        base = node.base
        nested = isinstance(base, Index) and not (node.bracket or base.bracket)
        text = self.bracket(self.write(base)) if nested else self.put(base, ATOM)
        items = self.items(node.items)
        return self.component(text, items) if node.bracket else self.below(text, items)

    def _tag(self, node: Tag) -> str:
        return self.tagged(self.put(node.base, ATOM), self.items(node.items), False)

    def _sum(self, node: Sum) -> str:
        return self.terms([(sign, self.put(term, PRODUCT)) for sign, term in node.terms])

    def _product(self, node: Product) -> str:
        run = node.ops[0] == ""
        texts: list[str] = []
        final = len(node.factors) - 1
        for i, factor in enumerate(node.factors):
            place = FACTOR if run else RUN
            first_quotient = i == 0 and isinstance(factor, Quotient)
            if first_quotient and self.level(factor) >= (RUN if run else PRODUCT):
                place = ANY  # `a/b c` and `a ⊘ b ⊙ c` associate from the left
            text = self.put(factor, place, last=i == final)
            if i and not text.startswith("(") and self._needs_care(node, i):
                text = self.bracket(text)
            texts.append(text)
        return self.factors(texts, node.ops)

    def _needs_care(self, node: Product, i: int) -> bool:
        """A number after a factor, a power of ten after ×, an array that would be a component."""
        factor = node.factors[i]
        head = leftmost(factor)
        if node.ops[i - 1] == "":
            return isinstance(head, Number | Array)
        ten = isinstance(head, Number) and head.text == "10"
        return ten and isinstance(node.factors[i - 1], Number)

    def _quotient(self, node: Quotient) -> str:
        if node.elementwise:
            over = node.over
            left = isinstance(over, Product) or (isinstance(over, Quotient) and over.elementwise)
            before = self.put(over, PRODUCT if left else RUN, last=False)
            return self.factors([before, self.put(node.under, RUN, last=False)], ["⊘"])
        if self.stacked:
            return self.fraction(self.put(node.over), self.put(node.under))
        over, under = node.over, node.under
        over_text = self.put(over, RUN, last=False)
        if isinstance(over, Derivative):
            over_text = self.bracket(over_text)
        under_text = self.put(under, FACTOR, last=False)
        if isinstance(under, Derivative):
            under_text = self.bracket(under_text)
        return self.fraction(over_text, under_text)

    def _raisable(self, node: Expr) -> str:
        """The base of an exponent."""
        if isinstance(node, Tag) or (isinstance(node, Index) and isinstance(node.base, Tag)):
            return self.bracket(self.write(node))
        return self.put(node, ATOM)

    def _power(self, node: Power) -> str:
        exponent = self.write(node.exponent)
        return self.above(self._raisable(node.base), exponent)

    def _transpose(self, node: Transpose) -> str:
        base = node.base
        if isinstance(base, Power) and base.exponent == Number(Fraction(-1), "-1"):
            return self.upright(self._raisable(base.base), True)
        if isinstance(base, Tag):
            return self.tagged(self.put(base.base, ATOM), self.items(base.items), True)
        if isinstance(base, Index) and isinstance(base.base, Tag) and not base.bracket:
            tag = base.base
            text = self.tagged(self.put(tag.base, ATOM), self.items(tag.items), True)
            return self.below(text, self.items(base.items))
        return self.upright(self._raisable(base), False)

    def _call(self, node: Call) -> str:
        name = node.function
        if name in BARS and len(node.args) == 1 and not node.options and not node.primes:
            return self._bars(node)
        if name == "dot":
            return self.angles(self.items(node.args))
        if name == "indicator":
            return self.indicator(self.put(node.args[0]))
        parts = [self.put(arg) for arg in node.args]
        parts += [self.option(key, self.put(value)) for key, value in node.options]
        return self.function(name, self.joined(parts, ","), node.primes)

    def _bars(self, node: Call) -> str:
        bar, below = BARS[node.function]
        inner = self.put(node.args[0])
        if any(
            isinstance(n, Call) and BARS.get(n.function, "")[:1] == (bar,)
            for n in parts_of(node.args)
        ):
            inner = self.bracket(inner)
        text = self.bars(bar, inner)
        return self.below(text, self.name(below) if below.isalpha() else below) if below else text

    def _big(self, node: Big) -> str:
        body = self.put(node.body, PRODUCT)
        if isinstance(node.body, Sum) and len(node.body.terms) == 1:
            body = self.write(node.body)
        binders = node.binders
        conditions = node.condition.parts if isinstance(node.condition, Both) else (node.condition,)
        first = conditions[0]
        above = ""
        below: list[str] = []
        if len(binders) == 1:
            only = binders[0]
            above = self.put(only.high) if only.high is not None else ""
            binds = (
                isinstance(first, Compare) and len(first.operands) == 2 and first.ops[0] != "="
                and first.operands[0] == Name(only.name) and only.low is None and not above
            )  # fmt: skip
            if not binds:
                below.append(self._bound(only, ranged=False))
        else:
            below.extend(self._bound(binder, ranged=True) for binder in binders)
        below.extend(self._condition(c) for c in conditions if c is not None)
        return self.big(node.op, self.joined(below, ",") if below else "", above, body)

    def limit(self, text: str) -> str:
        """Where a sum begins, in small print."""
        return text

    def _bound(self, binder: Binder, *, ranged: bool) -> str:
        name = self.name(binder.name)
        if binder.low is None:
            return name
        low = self.limit(self.put(binder.low))
        if ranged and binder.high is not None:
            low = self.between(low, self.put(binder.high))
        return self.joined([name, low], "=")

    def _condition(self, node: Expr) -> str:
        """In a subscript `i = j` would bind; a bracket makes it a condition."""
        if isinstance(node, Compare) and node.ops[0] == "=" and isinstance(node.operands[0], Name):
            first = self.bracket(self.write(node.operands[0]))
            rest = [self.put(operand, SUM) for operand in node.operands[1:]]
            return self._chained([first, *rest], node.ops)
        return self.write(node)

    def _derivative(self, node: Derivative) -> str:
        same = len(node.by) == 2 and node.by[0] == node.by[-1]
        simple = isinstance(node.by[0], Name | Index | Tag) and (len(node.by) == 1 or same)
        if node.style == "nabla" and not node.immediate and simple:
            of = self.put(node.of, FACTOR, last=False)
            if isinstance(node.of, Derivative) and not self.stacked:
                of = self.bracket(of)
            return self.nabla(of, self.put(node.by[0]), len(node.by))
        straight = node.style == "d" and leftmost(node.of) != Name("ones")
        straight = straight and isinstance(node.of, Name | Index | Tag)
        straight = (
            straight
            and isinstance(node.by[0], Name | Index | Tag)
            and len(node.by) == 1
            and not node.immediate
        )
        of = self._differentiated(node.of)
        by = [self._differentiated(variable) for variable in node.by]
        last = node.by[-1]
        if len(by) == 2 and not isinstance(last, Transpose):
            by[1] = self._turned(last)
        return self.partial(of, by, "d" if straight else "∂", node.immediate)

    def _differentiated(self, node: Expr) -> str:
        """What stands after a ∂: a name with its indices, else a bracket."""
        if isinstance(node, Name | Index | Tag) or (
            isinstance(node, Transpose) and isinstance(node.base, Name | Index)
        ):
            return self.write(node)
        return self.bracket(self.write(node))

    def _turned(self, node: Expr) -> str:
        """The second variable of a Hessian shows that it runs along the rows."""
        if isinstance(node, Name | Index | Tag):
            return self._transpose(Transpose(node))
        return self.upright(self.bracket(self.write(node)), False)

    def _array(self, node: Array) -> str:
        rows = [item.items for item in node.items if isinstance(item, Array)]
        widths = {len(row) for row in rows}  # a matrix of one column would be read as a vector
        even = len(rows) == len(node.items) and len(widths) == 1 and widths != {1}
        if even and not any(isinstance(cell, Array) for row in rows for cell in row):
            return self.matrix([[self.put(cell) for cell in row] for row in rows])
        return self.vector([self.put(item) for item in node.items])

    def _stack(self, node: Stack) -> str:
        return self.stack([self.put(part) for part in node.parts])

    def _cases(self, node: Cases) -> str:
        return self.cases(
            [(self.put(v), "" if test is None else self.put(test)) for v, test in node.branches]
        )

    def _compare(self, node: Compare) -> str:
        return self._chained([self.put(operand, SUM) for operand in node.operands], node.ops)

    def _chained(self, operands: Sequence[str], ops: Sequence[str]) -> str:
        parts = [operands[0]]
        for op, operand in zip(ops, operands[1:], strict=True):
            parts += [self.relation(op), operand]
        return self.line(parts)

    def _both(self, node: Both) -> str:
        parts: list[str] = []
        for part in node.parts:
            parts += [self.words("and"), self.put(part)] if parts else [self.put(part)]
        return self.line(parts)

    # --- statements ------------------------------------------------------------------------------

    def _space(self, node: Space) -> str:
        axes = [
            self.bracket(self.joined([self.put(size, RUN) for size in axis], "×"))
            if isinstance(axis, tuple)
            else self.put(axis, SUM)
            for axis in node.axes
        ]
        return self.set(node.kind, self.joined(axes, "×") if axes else "")

    def _declaration(self, node: Declaration) -> str:
        parts = [self.items(node.targets), self.relation("∈"), self.write(node.space)]
        if node.facts:
            facts = ", ".join(_FACT_WORDS.get(fact, fact) for fact in node.facts)
            parts.append(self.words(facts))
        return self.line(parts + self._ranges(node.ranges))

    def _relation(self, node: Relation) -> str:
        parts = [self.words(node.intro)] if node.intro else []
        for i, side in enumerate(node.sides):
            if i:
                parts.append(self.relation(node.ops[i - 1]))
            parts.append(self.write(side) if isinstance(side, Space) else self.put(side, SUM))
        return self.line(parts + self._ranges(node.ranges))

    def _ranges(self, ranges: Sequence[Range]) -> list[str]:
        if not ranges:
            return []
        texts = [
            self.joined([self.name(r.name), self.between(self.put(r.low), self.put(r.high))], "=")
            for r in ranges
        ]
        return [self.words("for"), self.joined(texts, ",")]


def tight(text: str) -> str:
    """Small print has no spaces around its signs: `h_{t-1}`, `i=1`."""
    for sign in "+-−=":
        text = text.replace(f" {sign} ", sign)
    return text


def ends_open(node: Expr) -> bool:
    """Whether a sum at the end would swallow factors that follow."""
    while True:
        if isinstance(node, Big):
            return True
        if isinstance(node, Product):
            node = node.factors[-1]
            if isinstance(node, Product | Sum):  # in brackets
                return False
        else:
            return False


def leftmost(node: Expr) -> Expr:
    """The operand that a text begins with."""
    while True:
        match node:
            case Power() | Transpose() | Index() | Tag():
                node = node.base
            case Quotient():
                node = node.over
            case Product():
                node = node.factors[0]
            case _:
                return node
