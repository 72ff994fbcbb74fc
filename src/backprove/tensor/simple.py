"""Making the simplest nodes: numbers, names, sums, powers and conditions, each in a simple form.

Like terms are collected, numbers move to the front, zeros and ones vanish. Products are made in
`product.py`; `build.py` has the rest and is where all of these are imported from.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from math import gcd

from backprove.tensor.nodes import (
    Add,
    Constant,
    Count,
    Identity,
    Literal,
    Node,
    Ones,
    Power,
    Symbol,
    Test,
    Where,
    free_of,
)
from backprove.tensor.whole import ONE, Shape, Whole, WholeLike, show_shape

NOTHING: frozenset[str] = frozenset()
MOST_EXPONENT = 1000


class ShapeError(Exception):
    """Parts that do not fit; the message names both shapes."""


def literal(value: int | Fraction) -> Node:
    """A number."""
    return Literal.intern((), NOTHING, (), Fraction(value))


UNIT = literal(1)
#: the coefficient of what has none: one object, so that it can be told by `is`
ONCE = Fraction(1)


def constant(name: str) -> Node:
    """`e` or `π`."""
    return Constant.intern((), NOTHING, (), name)


def count(whole: WholeLike) -> Node:
    """A size or index used as a number."""
    whole = Whole.of(whole)
    fixed = whole.constant
    return literal(fixed) if fixed is not None else Count.intern((), whole.names, (), whole)


def symbol(
    name: str, shape: Shape, index: Iterable[WholeLike] = (), facts: frozenset[str] = NOTHING
) -> Symbol:
    """A declared or defined name, or the member of a family at an index."""
    at = tuple(Whole.of(i) for i in index)
    return Symbol.intern(shape, free_of((), *at), (), name, at, facts)


def zero(shape: Shape) -> Node:
    """The array of zeros of this shape."""
    return Add.intern(shape, NOTHING, (), ())


def ones(shape: Shape) -> Node:
    """The array of ones of this shape."""
    return Ones.intern(shape, NOTHING, ()) if shape else UNIT


def identity(size: WholeLike) -> Node:
    """The identity matrix."""
    size = Whole.of(size)
    return Identity.intern((size, size), NOTHING, ()) if size != ONE else ones((size, size))


def is_nothing(node: Node) -> bool:
    return is_zero(node) or (isinstance(node, Literal) and not node.value)


def is_zero(node: Node) -> bool:
    """Whether this is the array of zeros."""
    return isinstance(node, Add) and not node.terms


def split_coefficient(node: Node) -> tuple[Fraction, Node]:
    """A node as a rational number times a node."""
    if isinstance(node, Literal):
        return node.value, UNIT
    if isinstance(node, Add) and len(node.terms) == 1:
        return node.terms[0]
    return ONCE, node


def add(terms: Iterable[tuple[int | Fraction, Node]], shape: Shape | None = None) -> Node:
    """The linear combination of nodes of one shape; like terms are collected.

    Raises `ShapeError` where shapes differ. `shape` is needed only when there may be no terms.
    """
    total: dict[Node, Fraction] = {}
    for factor, node in terms:
        if shape is None:
            shape = node.shape
        elif node.shape != shape:
            raise ShapeError(f"cannot add {show_shape(shape)} and {show_shape(node.shape)}")
        if isinstance(node, Add):
            for inner, part in node.terms:
                _count(total, part, inner if factor == 1 else factor * inner)
        else:
            inner, part = split_coefficient(node)
            _count(total, part, inner if factor == 1 else factor * inner)
    assert shape is not None
    kept = _conditions_met(tuple((c, n) for n, c in total.items() if c), shape)
    if len(kept) == 1:
        (coefficient, node) = kept[0]
        if coefficient == 1:
            return node
        if node is UNIT:
            return literal(coefficient)
    children = tuple(n for _, n in kept)
    return Add.intern(shape, free_of(children), children, kept)


def _count(total: dict[Node, Fraction], node: Node, coefficient: Fraction) -> None:
    known = total.get(node)
    total[node] = coefficient if known is None else known + coefficient


def _conditions_met(
    terms: tuple[tuple[Fraction, Node], ...], shape: Shape
) -> tuple[tuple[Fraction, Node], ...]:
    """Terms under one condition stand under it together."""
    under: dict[Node, list[tuple[Fraction, Node]]] = {}
    for c, n in terms:
        if isinstance(n, Where) and is_nothing(n.otherwise):
            under.setdefault(n.condition, []).append((c, n.then))
    if all(len(group) < 2 for group in under.values()):
        return terms
    nothing = zero(shape) if shape else literal(0)
    kept: list[tuple[Fraction, Node]] = []
    for c, n in terms:
        if isinstance(n, Where) and is_nothing(n.otherwise):
            group = under.pop(n.condition, None)
            if group is None:
                continue
            n, c = where(n.condition, add(group, shape), nothing), Fraction(1)
        kept.append((c, n))
    return tuple(kept)


def scale(factor: int | Fraction, node: Node) -> Node:
    """A number times a node."""
    return node if factor == 1 else add([(factor, node)], node.shape)


def minus(left: Node, right: Node) -> Node:
    """left - right."""
    return add([(1, left), (-1, right)])


def power(base: Node, exponent: Node) -> Node:
    """Elementwise power with a scalar exponent."""
    if exponent.shape:
        raise ShapeError(f"an exponent must be a scalar, not {show_shape(exponent.shape)}")
    if is_nothing(exponent):
        return ones(base.shape)
    if isinstance(exponent, Literal):
        if exponent.value == 1 or isinstance(base, Ones):
            return base
        # a number is worked out as long as it can be written down
        whole = exponent.value.denominator == 1 and abs(exponent.value) <= MOST_EXPONENT
        if isinstance(base, Literal) and whole and (base.value or exponent.value > 0):
            return literal(base.value ** int(exponent.value))
        coefficient, rest = split_coefficient(base)
        if whole and coefficient != 1 and coefficient and rest is not UNIT:
            return scale(coefficient ** int(exponent.value), power(rest, exponent))
        if isinstance(base, Power) and whole and isinstance(base.exponent, Literal):
            return power(base.base, literal(base.exponent.value * exponent.value))
        if isinstance(base, Test) and exponent.value > 0:
            return base
    children = (base, exponent)
    return Power.intern(base.shape, free_of(children), children, base, exponent)


def square(a: Node) -> Node:
    """a², elementwise."""
    return power(a, literal(2))


def reciprocal(a: Node) -> Node:
    """1/a, elementwise."""
    return power(a, literal(-1))


def test(op: str, left: WholeLike, right: WholeLike) -> Node:
    """1 where `left op right` holds for whole numbers, else 0."""
    left, right = Whole.of(left), Whole.of(right)
    if op in (">", "≥"):
        left, right, op = right, left, {">": "<", "≥": "≤"}[op]
    gap = (right - left).constant
    if gap is not None:
        holds = {"=": gap == 0, "≠": gap != 0, "<": gap > 0, "≤": gap >= 0}[op]
        return UNIT if holds else literal(0)
    if op in ("=", "≠"):
        gap = right - left
        common = gcd(*(int(c) for m, c in gap.terms if m))
        if common > 1 and all(Fraction(c).denominator == 1 for _, c in gap.terms):
            # 2 r = 2 i is r = i; 2 r = 2 i - 1 is never true
            if any(c % common for m, c in gap.terms if not m):
                return literal(0) if op == "=" else UNIT
            parts = gap.divide(common).terms
            left = Whole({m: -c for m, c in parts if c < 0})
            right = Whole({m: c for m, c in parts if c > 0})
    return Test.intern((), left.names | right.names, (), op, left, right)


def where(condition: Node, then: Node, otherwise: Node) -> Node:
    """`then` where the scalar condition is not 0, else `otherwise`."""
    if then.shape != otherwise.shape:
        raise ShapeError(f"cases of {show_shape(then.shape)} and {show_shape(otherwise.shape)}")
    if condition.shape:
        raise ShapeError(f"a condition must be a scalar, not {show_shape(condition.shape)}")
    if isinstance(condition, Literal):
        return then if condition.value else otherwise
    if is_nothing(then) and is_nothing(otherwise):
        return then
    children = (condition, then, otherwise)
    return Where.intern(then.shape, free_of(children), children, condition, then, otherwise)
