"""What a claim states: its sides as syntax and, where they have one, with their meaning.

Two claims are about one thing where these meanings are the same expression, whatever the letters
were that a scan has left of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from fractions import Fraction
from typing import Any, cast

from backprove.judge.repair import Ambiguous, repair
from backprove.judge.session import Session
from backprove.model.meaning import meaning
from backprove.model.scope import Scope
from backprove.model.value import NoMeaning
from backprove.notation import ReadError, read_expression, read_line
from backprove.notation.syntax import (
    Array,
    Derivative,
    Expr,
    Index,
    Name,
    Product,
    Relation,
    Space,
    Span,
)
from backprove.tensor.build import derivative, select
from backprove.tensor.nodes import Add, Literal, Node, Select, Symbol
from backprove.tensor.nodes import Derivative as DerivativeNode
from backprove.tensor.whole import show_shape


@dataclass(frozen=True, slots=True)
class Side:
    """A side of a claim: its text, and its meaning as written, None where it has none."""

    text: str
    expr: Any
    node: Node | None

    @property
    def span(self) -> Span:
        return self.expr.span


@dataclass(frozen=True, slots=True)
class Stated:
    """A claim's sides in order; `text` is the claim, repaired where it had to be."""

    text: str
    sides: tuple[Side, ...]

    @property
    def about(self) -> Node | None:
        """What the claim is about: the left side; of a component, the whole."""
        return self.sides[0].node

    @property
    def is_shape(self) -> bool:
        """Whether it says of what shape something is, not what it is."""
        return any(isinstance(side.expr, Space) for side in self.sides)

    @property
    def last(self) -> Side:
        return self.sides[-1]


def stated(text: str, session: Session, repaired: bool = False) -> list[Stated]:
    """What each relation in a line states; none where it cannot be read."""
    if repaired:
        mend = repair(text, session.system)
        if mend is not None and not isinstance(mend, Ambiguous):
            text = mend.text
    try:
        statements = read_line(text, session.system.names())
    except ReadError:
        return []
    found: list[Stated] = []
    for statement in statements:
        if isinstance(statement, Relation):
            sides = tuple(
                Side(text[slice(*side.span)], side, node_of(side, session))
                for side in statement.sides
            )
            found.append(Stated(text, sides))
    return found


def node_of(expr: Any, session: Session) -> Node | None:
    """The meaning of a side as written; of a component by open indices, that of the whole."""
    if isinstance(expr, Space):
        return None
    while isinstance(expr, Index) and not isinstance(expr.base, Name):
        expr = expr.base
    try:
        return meaning(cast(Expr, expr), Scope(session.system, open=True)).node
    except (NoMeaning, RecursionError, TypeError):
        return None


def covers(key: Node, node: Node | None) -> bool:
    """Whether a claim about `node` is one about `key`: the same, or components of it."""
    while node is not None and node is not key:
        if isinstance(node, Select):
            node = node.arg
        elif isinstance(node, DerivativeNode) and isinstance(node.by, Select):
            node = derivative(node.of, node.by.arg, node.mode)
        else:
            return False
    return node is not None


def terms(node: Node | None) -> list[Node]:
    """The derivatives of the terms of which a derivative's quantity is the sum; none for others."""
    if not isinstance(node, DerivativeNode) or not isinstance(node.of, Add):
        return []
    return [derivative(term, node.by, node.mode) for term in node.of.children]


def asked(text: str, session: Session) -> Node:
    """The meaning of what a key asks for; raises NoMeaning or ReadError."""
    expr = read_expression(text, session.system.names())
    return meaning(expr, Scope(session.system, open=True)).node


def shape_of(node: Node) -> str:
    return show_shape(node.shape)


def sizes_of(node: Node) -> tuple[int | None, ...]:
    """The sizes of an array, None for each that is a letter."""
    return tuple(s.constant if isinstance(s.constant, int) else None for s in node.shape)


def derivatives(side: Side, session: Session) -> list[tuple[Span, Node | None]]:
    """The derivatives that stand in a side: where, and what they are; outermost ones only."""
    return [(e.span, node_of(e, session)) for e in _find(side.expr, Derivative)]


def names(side: Side, session: Session) -> list[tuple[Span, Node | None]]:
    """The names and members that stand in a side outside derivatives."""
    found = [e for e in _find(side.expr, (Derivative, Index, Name)) if not _is(e, Derivative)]
    return [(e.span, node_of(e, session)) for e in found]


def _is(value: Any, kind: type) -> bool:
    return isinstance(value, kind)


def _find(expr: Any, kinds: Any) -> Iterator[Any]:
    """The outermost parts of these kinds."""
    if isinstance(expr, kinds):
        yield expr
    elif isinstance(expr, tuple):
        for part in cast(tuple[Any, ...], expr):
            yield from _find(part, kinds)
    elif is_dataclass(expr):
        for f in fields(expr):
            if f.name != "span":
                yield from _find(getattr(expr, f.name), kinds)


def same_writing(left: str, right: str, session: Session) -> bool:
    """Whether two expressions are written alike, up to the brackets and signs of their products.

    So a step can be followed that has no meaning as it is written.
    """
    known = session.system.names()
    try:
        return _form(read_expression(left, known)) == _form(read_expression(right, known))
    except (ReadError, RecursionError):
        return False


def _form(expr: Any) -> Any:
    """An expression without its places, products flat."""
    if isinstance(expr, Product):
        return ("product", *_factors(expr))
    if isinstance(expr, tuple):
        return tuple(_form(part) for part in cast(tuple[Any, ...], expr))
    if is_dataclass(expr):
        named = [f.name for f in fields(expr) if f.name != "span"]
        return (type(expr).__name__, *(_form(getattr(expr, name)) for name in named))
    return expr


def _factors(expr: Any) -> list[Any]:
    if not isinstance(expr, Product):
        return [_form(expr)]
    return [form for factor in expr.factors for form in _factors(factor)]


# --- literal arrays -------------------------------------------------------------------------------


def dimensions(side: Side) -> tuple[int, ...] | None:
    """The sizes of a written array, () of a single expression; None where its rows differ."""
    return _dimensions(side.expr)


def _dimensions(expr: Any) -> tuple[int, ...] | None:
    if not isinstance(expr, Array):
        return ()
    inner = {_dimensions(item) for item in expr.items}
    if len(inner) != 1:
        return None
    (below,) = inner
    return None if below is None else (len(expr.items), *below)


def _entry(node: Node, at: tuple[int, ...], session: Session) -> Node:
    """An entry of an array, names that are defined followed to their definitions."""
    if isinstance(node, Symbol) and all(isinstance(w.constant, int) for w in node.index):
        place = tuple(int(w.constant or 0) for w in node.index)
        found = session.system.find(node.name, place, session.system.fixed())
        if found is not None and found[0].body is not None:
            return _entry(session.system.body(*found), at, session)
    entry = select(node, list(at))
    if isinstance(entry, Select) and entry.arg is not node and isinstance(entry.arg, Symbol):
        places = [w.constant if w is not None else None for w in entry.at]
        if all(isinstance(place, int) for place in places):
            return _entry(entry.arg, tuple(int(place or 0) for place in places), session)
    return entry


def array_text(key: str, session: Session) -> str:
    """A matrix of numbers and letters written out; empty where its entries are anything more."""
    node = asked(key, session)
    sizes = sizes_of(node)
    if len(sizes) != 2 or None in sizes:
        return ""
    rows: list[str] = []
    for row in range(1, (sizes[0] or 0) + 1):
        entries = [_entry(node, (row, at), session) for at in range(1, (sizes[1] or 0) + 1)]
        if not all(isinstance(entry, Literal | Symbol | Select) for entry in entries):
            return ""
        shown = (str(e.value) if isinstance(e, Literal) else _shown(e) for e in entries)  # type: ignore[arg-type]
        rows.append(f"[{', '.join(shown)}]")
    return f"[{', '.join(rows)}]"


def example_values(key: str, side: Side, session: Session) -> dict[str, str] | None:
    """Numbers for a key's letters with which it is the array that was written; None where none do.

    A person may show a matrix of letters by an example: `[[1, 2], [3, 4]]` for a kernel.
    """
    whole = asked(key, session)
    if not dimensions(side) or dimensions(side) != tuple(s.constant for s in whole.shape):
        return None
    values: dict[str, Fraction] = {}
    for at, item in _items(side.expr):
        truth = _entry(whole, at, session)
        try:
            number = meaning(item, Scope(session.system)).node
        except NoMeaning:
            return None
        if not isinstance(number, Literal):
            return None
        if isinstance(truth, Literal):
            if truth.value != number.value:
                return None
        elif (
            not isinstance(truth, Symbol | Select)
            or values.setdefault(_shown(truth), number.value) != number.value
        ):
            return None
    return {name: str(value) for name, value in values.items()}


def _shown(node: Symbol | Select) -> str:
    """A name or a component as people write it: `k_1`, `K[1, 2]`."""
    if isinstance(node, Symbol):
        return node.name + "".join(f"_{index}" for index in node.index)
    inner = _shown(node.arg) if isinstance(node.arg, Symbol | Select) else "…"
    return f"{inner}[{', '.join(map(str, node.at))}]"


def wrong_rows(key: str, side: Side, text: str, session: Session) -> list[int]:
    """The rows of a written matrix that are not the key's, as far as they go."""
    if not isinstance(side.expr, Array):
        return []
    found: list[int] = []
    for number, row in enumerate(side.expr.items, 1):
        items = row.items if isinstance(row, Array) else ()
        if not all(
            _is_entry(f"({key})[{number}, {at}]", text[slice(*item.span)], session)
            for at, item in enumerate(items, 1)
        ):
            found.append(number)
    return found


def _is_entry(entry: str, written: str, session: Session) -> bool:
    verdict = session.check(f"{entry} = {written}")
    return verdict is not None and verdict.accepted


def _items(expr: Any, at: tuple[int, ...] = ()) -> Iterator[tuple[tuple[int, ...], Any]]:
    if isinstance(expr, Array):
        for number, item in enumerate(expr.items, 1):
            yield from _items(item, (*at, number))
    else:
        yield at, expr
