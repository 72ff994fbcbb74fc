"""What a line means by its names alone: which of them stand for nothing.

A light check beside the judge: every name must be declared and take its indices. Whether shapes
fit, and whether the claim is true, is not looked at, so that a repair can never be chosen because
it makes a claim true.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from backprove.model.definitions import declare, define, is_new
from backprove.model.entity import System
from backprove.model.meaning import binding
from backprove.model.names import resolve, take_apart
from backprove.model.quantities import QUANTITIES
from backprove.model.scope import Scope
from backprove.model.value import NoMeaning
from backprove.notation import read_line
from backprove.notation.syntax import (
    Array,
    Big,
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
    Space,
    Span,
    Stack,
    Statement,
    Sum,
    Tag,
    Transpose,
)
from backprove.tensor.whole import Whole

#: constants whose size the context decides: they stand for nothing in ∂I/∂x
_SIZELESS = frozenset(("I", "ones"))


@dataclass(frozen=True, slots=True)
class Spot:
    """A place that a repair may change, and its part: `factor`, `term` (a whole term of a sum or a
    numerator), `index` or `exponent`, or `digit` (a number that stands where a name would)."""

    span: Span
    part: str


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that stands for nothing: the whole name with its indices, and its letters."""

    shown: Span
    spots: tuple[Spot, ...]


@dataclass(frozen=True, slots=True)
class Decimal:
    """A number as a term of a sum, with the other terms and the products around the sum."""

    text: str
    span: Span
    beside: tuple[Expr, ...]
    around: tuple[Product, ...]


@dataclass(frozen=True, slots=True)
class Examined:
    """A line as read, and what in it stands for nothing."""

    statements: tuple[Statement, ...]
    troubles: tuple[Trouble, ...]
    decimals: tuple[Decimal, ...]
    #: every number as often as it is written
    numbers: tuple[str, ...]


def examine(text: str, system: System) -> Examined:
    """Look at the names of a line; raises ReadError."""
    statements = read_line(text, system.names())
    scratch = System(base=system)  # a line may use what it has just defined
    seen = _Seen()
    for statement in statements:
        _statement(statement, scratch, seen)
    return Examined(statements, tuple(seen.troubles), tuple(seen.decimals), tuple(seen.numbers))


@dataclass(slots=True)
class _Seen:
    troubles: list[Trouble] = field(default_factory=list[Trouble])
    decimals: list[Decimal] = field(default_factory=list[Decimal])
    numbers: list[str] = field(default_factory=list[str])


def _statement(statement: Statement, system: System, seen: _Seen) -> None:
    if isinstance(statement, Declaration):
        with suppress(NoMeaning):
            declare(statement, system, 0)
        return
    sides = statement.sides
    first = sides[0]
    new = (
        not isinstance(first, Space)
        and statement.ops[0] == "="
        and is_new(first, statement, system)
    )
    ranges = {r.name: Whole.of(r.name) for r in statement.ranges}
    looking = _Looking(Scope(system, ranges, open=True), seen)
    for position, side in enumerate(sides):
        if isinstance(side, Space) or (new and not position):
            continue
        # a member that does not exist makes a right side wrong, but leaves a left side unreadable
        alone = len(sides) == 2 and bool(seen.troubles)
        looking.missing = not position or alone
        looking.visit(side, "factor")
    if new:
        with suppress(NoMeaning):
            define(statement, system, 0, claim=True)


@dataclass(slots=True)
class _Looking:
    """Goes through an expression with the indices that are open there."""

    scope: Scope
    seen: _Seen
    missing: bool = False
    #: the products around this place
    around: tuple[Product, ...] = ()

    def visit(self, expr: Expr, part: str) -> None:
        match expr:
            case Number():
                self.seen.numbers.append(expr.text)
            case Name() | Index() | Tag():
                self.name(expr, part)
            case Sum():
                self.sum(expr)
            case Product():
                self.product(expr)
            case Quotient():
                self.visit(expr.over, "term")
                self.visit(expr.under, "factor")
            case Power():
                self.visit(expr.base, "factor")
                known = len(self.seen.troubles)
                self.visit(expr.exponent, "exponent")
                inside = self.seen.troubles[known:]
                self.seen.troubles[known:] = [replace(t, shown=expr.span) for t in inside]
            case Derivative():
                for inner in (expr.of, *expr.by):
                    self.differentiated(inner)
            case Call():
                self.call(expr)
            case Big():
                self.big(expr)
            case _:
                for inner in _inside(expr):
                    self.visit(inner, "term")

    def sum(self, expr: Sum) -> None:
        for _, term in expr.terms:
            self.visit(term, "term")
            if self.around and isinstance(term, Number):
                beside = tuple(t for _, t in expr.terms if t is not term)
                self.seen.decimals.append(Decimal(term.text, term.span, beside, self.around))

    def product(self, expr: Product) -> None:
        before = self.around
        self.around = (*before, expr)
        for factor in expr.factors:
            self.visit(factor, "factor")
        self.around = before

    def name(self, expr: Name | Index | Tag, part: str) -> None:
        target = take_apart(expr, self.scope.system.names())
        if target is not None:
            try:
                resolve(target, self.scope)
            except NoMeaning as error:
                if error.kind in ("name", "form") or (error.kind == "missing" and self.missing):
                    self.add(expr.span, tuple(_spots(expr, part)))
            return
        if isinstance(expr, Name):
            return
        if isinstance(expr.base, Number):
            self.add(expr.span, (Spot(expr.base.span, "digit"),))
            return
        self.visit(expr.base, part)
        for item in expr.items:
            self.whole(item)

    def differentiated(self, expr: Expr) -> None:
        """What is differentiated, or by what: a number or a constant without a size is neither."""
        inner = expr.base if isinstance(expr, Transpose) else expr
        sizeless = isinstance(inner, Name) and inner.text in _SIZELESS
        if isinstance(inner, Number):
            self.add(inner.span, (Spot(inner.span, "digit"),))
        elif isinstance(inner, Name) and sizeless and not self.scope.system.named(inner.text):
            self.add(inner.span, (Spot(inner.span, "factor"),))
        else:
            self.visit(inner, "factor")

    def call(self, expr: Call) -> None:
        if expr.function in QUANTITIES:
            return
        for inner in expr.args:
            self.visit(inner, "term")

    def big(self, expr: Big) -> None:
        for binder in expr.binders:
            for bound in (binder.low, binder.high):
                if bound is not None:
                    self.whole(bound, free=False)
        with binding(expr, self.scope):
            if expr.condition is not None:
                self.visit(expr.condition, "term")
            self.visit(expr.body, "factor")

    def whole(self, expr: Expr, free: bool = True) -> None:
        """An index or a bound."""
        try:
            self.scope.whole(expr, free)
        except NoMeaning:
            self.add(expr.span, tuple(_letters(expr)))

    def add(self, shown: Span, spots: tuple[Spot, ...]) -> None:
        self.seen.troubles.append(Trouble(shown, spots))


def _inside(expr: Expr) -> Sequence[Expr]:
    match expr:
        case Transpose():
            return (expr.base,)
        case Array():
            return expr.items
        case Stack() | Both():
            return expr.parts
        case Compare():
            return expr.operands
        case Cases():
            values = [value for value, _ in expr.branches]
            return values + [c for _, c in expr.branches if c is not None]
        case _:
            return ()


def _spots(expr: Expr, part: str) -> Iterator[Spot]:
    """The letters of a name and of its indices."""
    match expr:
        case Name():
            yield Spot(expr.span, part)
        case Index() | Tag():
            yield from _spots(expr.base, part)
            for item in expr.items:
                yield from _letters(item)
        case _:
            return


def _letters(expr: Expr) -> Iterator[Spot]:
    """The letters of an index; its digits are valid as they stand."""
    match expr:
        case Name():
            yield Spot(expr.span, "index")
        case Sum():
            for _, term in expr.terms:
                yield from _letters(term)
        case Product():
            for factor in expr.factors:
                yield from _letters(factor)
        case _:
            return
