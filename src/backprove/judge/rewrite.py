"""Changing a syntax tree in one place: what stands where, and the whole with something else there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from backprove.notation.syntax import (
    Array,
    Big,
    Both,
    Call,
    Cases,
    Compare,
    Expr,
    Index,
    Name,
    Number,
    Power,
    Product,
    Quotient,
    Stack,
    Sum,
    Tag,
    Transpose,
)

Put = Callable[[Expr], Expr]
#: functions of one array that are linear in it
LINEAR = frozenset({"sum", "mean", "tr", "diag", "vec"})


@dataclass(frozen=True, slots=True)
class Place:
    """A part of a tree.

    `put` gives the whole tree with something else in this place, `bound` are the indices of the
    sums around it, `within` says what it is part of: `value`, or `index` inside a condition;
    `parent` is what it stands in directly.
    """

    expr: Expr
    put: Put
    bound: tuple[str, ...] = ()
    within: str = "value"
    parent: Expr | None = None
    #: the number of the top-level term it belongs to
    term: int = 0
    #: the whole tree, and the numbers of the children on the way to this part
    root: Expr | None = None
    path: tuple[int, ...] = ()
    #: whether the whole is a linear function of this part (and a constant)
    linear: bool = True
    #: the number of the addend it belongs to in the only bracket of a product (`addends`), or -1
    addend: int = -1


def places(root: Expr, bound: tuple[str, ...] = ()) -> Iterator[Place]:
    """Every part of an expression that has a value, the whole first, then from left to right."""
    bracket = addends(root)
    pending = [Place(root, lambda new: new, bound, root=root)]
    while pending:
        place = pending.pop()
        yield place
        inner = list(_inside(place))
        if place.expr is root and isinstance(root, Sum):
            inner = [replace(p, term=n) for n, p in enumerate(inner)]
        if bracket is not None and place.path == bracket:
            inner = [replace(p, addend=n) for n, p in enumerate(inner)]
        pending += reversed(inner)


def _inside(place: Place) -> Iterator[Place]:
    expr = place.expr

    def at(number: int, child: Expr, bound: tuple[str, ...], within: str) -> Place:
        put = place.put
        return Place(
            child,
            lambda new: put(with_child(expr, number, new)),
            place.bound + bound,
            within or place.within,
            expr,
            place.term,
            place.root,
            (*place.path, number),
            place.linear and _linear(expr, number),
            place.addend,
        )

    for number, child in enumerate(children(expr)):
        bound: tuple[str, ...] = ()
        within = "index" if isinstance(expr, Compare) else ""
        if isinstance(expr, Power) and number:
            within = "exponent"
        if isinstance(expr, Big):
            bound = tuple(b.name for b in expr.binders)
        yield at(number, child, bound, within)


def addends(root: Expr) -> tuple[int, ...] | None:
    """The way to the sum in whose terms a right side is linear one by one: `2 W (… + …) x^T`.

    None where there is no such sum, or more than one.
    """
    way: list[int] = []
    while not (isinstance(root, Sum) and len(root.terms) > 1):
        brackets = [n for n, part in enumerate(children(root)) if _has_bracket(part)]
        if len(brackets) != 1 or not _linear(root, brackets[0]):
            return None
        way.append(brackets[0])
        root = children(root)[brackets[0]]
    return tuple(way)


def _has_bracket(expr: Expr) -> bool:
    while True:
        if isinstance(expr, Sum) and len(expr.terms) > 1:
            return True
        if isinstance(expr, Product):
            return any(_has_bracket(f) for f in expr.factors)
        if not (isinstance(expr, Sum | Transpose) or (isinstance(expr, Big) and expr.op == "sum")):
            return False
        expr = children(expr)[0]


def at_path(root: Expr, way: Sequence[int]) -> Expr:
    """The part at the end of a way of child numbers."""
    for number in way:
        root = children(root)[number]
    return root


def put_at(root: Expr, way: Sequence[int], new: Expr) -> Expr:
    """The tree with something else at the end of a way of child numbers."""
    if not way:
        return new
    return with_child(root, way[0], put_at(children(root)[way[0]], way[1:], new))


def _linear(expr: Expr, number: int) -> bool:
    """Whether an expression is linear in its child of this number."""
    match expr:
        case Sum() | Product() | Transpose():
            return True
        case Quotient():
            return not number
        case Big():
            return expr.op == "sum" and not number
        case Call():
            return expr.function in LINEAR and len(expr.args) == 1
        case _:
            return False


def children(expr: Expr) -> Sequence[Expr]:
    """The parts of an expression, as `with_child` counts them."""
    match expr:
        case Sum():
            return [term for _, term in expr.terms]
        case Product():
            return expr.factors
        case Quotient():
            return (expr.over, expr.under)
        case Power():
            return (expr.base, expr.exponent)
        case Transpose():
            return (expr.base,)
        case Call():
            return expr.args
        case Big():
            return (expr.body,) if expr.condition is None else (expr.body, expr.condition)
        case Array():
            return expr.items
        case Stack() | Both():
            return expr.parts
        case Compare():
            return expr.operands
        case Cases():
            found: list[Expr] = []
            for value, condition in expr.branches:
                found += [value] if condition is None else [value, condition]
            return found
        case Index() if not isinstance(expr.base, Name | Tag | Index):
            return (expr.base,)
        case _:
            return ()


def with_child(expr: Expr, number: int, new: Expr) -> Expr:
    """The expression with its part of this number exchanged."""
    match expr:
        case Sum():
            terms = list(expr.terms)
            terms[number] = (terms[number][0], new)
            return replace(expr, terms=tuple(terms))
        case Product():
            return replace(expr, factors=_exchanged(expr.factors, number, new))
        case Quotient():
            return replace(expr, under=new) if number else replace(expr, over=new)
        case Power():
            return replace(expr, exponent=new) if number else replace(expr, base=new)
        case Transpose():
            return replace(expr, base=new)
        case Call():
            return replace(expr, args=_exchanged(expr.args, number, new))
        case Big():
            return replace(expr, condition=new) if number else replace(expr, body=new)
        case Array():
            return replace(expr, items=_exchanged(expr.items, number, new))
        case Stack() | Both():
            return replace(expr, parts=_exchanged(expr.parts, number, new))
        case Compare():
            return replace(expr, operands=_exchanged(expr.operands, number, new))
        case Cases():
            count = 0
            branches: list[tuple[Expr, Expr | None]] = []
            for value, condition in expr.branches:
                if count == number:
                    value = new
                count += 1
                if condition is not None:
                    if count == number:
                        condition = new
                    count += 1
                branches.append((value, condition))
            return replace(expr, branches=tuple(branches))
        case Index():
            return replace(expr, base=new)
        case _:
            raise TypeError(f"{type(expr).__name__} has no parts")


def _exchanged(items: tuple[Expr, ...], number: int, new: Expr) -> tuple[Expr, ...]:
    return (*items[:number], new, *items[number + 1 :])


def everywhere(root: Expr, old: Expr, new: Expr) -> Expr:
    """The tree with every part equal to `old` exchanged, also inside indices and bounds."""
    return rewritten(root, lambda part: new if part == old else None)


def rewritten(root: Expr, rule: Callable[[Expr], Expr | None]) -> Expr:
    """The tree with a rule applied to every part from above; untouched parts stay the same objects.

    The items of indices count as parts here.
    """
    found = rule(root)
    if found is not None:
        return found
    result = root
    if isinstance(root, Index | Tag):
        items = tuple(rewritten(item, rule) for item in root.items)
        base = rewritten(root.base, rule)
        if any(a is not b for a, b in zip(items, root.items, strict=True)) or base is not root.base:
            result = replace(root, items=items, base=base)
        return result
    for number, child in enumerate(children(root)):
        new = rewritten(child, rule)
        if new is not child:
            result = with_child(result, number, new)
    return result


def terms_of(expr: Expr) -> list[tuple[int, Expr]]:
    """The signed terms of an expression."""
    return list(expr.terms) if isinstance(expr, Sum) else [(1, expr)]


def summed(terms: Sequence[tuple[int, Expr]]) -> Expr:
    """A sum of signed terms."""
    from fractions import Fraction

    if not terms:
        return Number(Fraction(0), "0")
    if len(terms) == 1 and terms[0][0] > 0:
        return terms[0][1]
    return Sum(tuple(terms))


def multiplied(factors: Sequence[Expr], ops: Sequence[str]) -> Expr:
    """A product, or its only factor."""
    return factors[0] if len(factors) == 1 else Product(tuple(factors), tuple(ops))


def transposed(expr: Expr, ranks: Sequence[int]) -> Expr:
    """The transpose of a product of factors with these numbers of axes, as one writes it."""
    if not isinstance(expr, Product) or any(expr.ops) or -1 in ranks:
        return Transpose(expr)
    numbers = [f for f, rank in zip(expr.factors, ranks, strict=True) if not rank]
    arrays = [f for f, rank in zip(expr.factors, ranks, strict=True) if rank]
    turned = [f.base if isinstance(f, Transpose) else Transpose(f) for f in reversed(arrays)]
    return multiplied([*numbers, *turned], [""] * (len(expr.factors) - 1))


@dataclass(frozen=True, slots=True)
class Words:
    """A sentence with expressions in it, put together only when somebody reads it."""

    text: str
    parts: tuple[Expr | str | int, ...]

    def __str__(self) -> str:
        return self.text.format(*(p if isinstance(p, str | int) else shown(p) for p in self.parts))


def says(text: str, *parts: Expr | str | int) -> Words:
    """A sentence with `{}` for each part."""
    return Words(text, parts)


def shown(expr: Expr) -> str:
    """An expression for a sentence."""
    from backprove.notation.unicode import to_unicode

    text = to_unicode(expr)
    return text if len(text) <= 60 else text[:57] + "…"
