"""What may have been forgotten: the factors that a model's derivatives are made of.

For a model these are the names themselves, the values and derivatives of its activations and their
parts, its square matrices. A member of a family is written with the indices that the claim uses.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from weakref import WeakKeyDictionary

from backprove.judge.rewrite import places, rewritten
from backprove.judge.trial import Trial
from backprove.model.entity import Entity, System, member
from backprove.model.names import take_apart
from backprove.model.write import NoMatrixForm, written
from backprove.model.write_syntax import written_index
from backprove.notation.syntax import (
    Expr,
    Index,
    Name,
    Number,
    Product,
    Quotient,
    Sum,
    Tag,
)
from backprove.tensor.build import UNIT, apply, literal, minus, replace, where
from backprove.tensor.functions import RULES, partials
from backprove.tensor.nodes import Add, Along, Apply, Derivative, Literal, Node, Symbol, Where, walk
from backprove.tensor.whole import Shape, Whole

ONE = Number(Fraction(1), "1")


@dataclass(frozen=True, slots=True)
class Piece:
    """A possible factor: its syntax with its own index letters open, and its shape.

    `role` is `slope` for the derivative of an elementwise function, `of` what it was taken at.
    """

    expr: Expr
    letters: tuple[str, ...]
    shape: Shape
    role: str
    owner: str = ""


_KNOWN: WeakKeyDictionary[System, list[Piece]] = WeakKeyDictionary()


def pieces(system: System) -> list[Piece]:
    """All pieces of a model and of a writer's definitions on it; the model's are kept."""
    if system.base is not None:
        return pieces(system.base) + list(_pieces(system))
    here = _KNOWN.get(system)
    if here is None:
        here = _KNOWN[system] = list(_pieces(system))
    return here


def _pieces(system: System) -> Iterator[Piece]:
    seen: set[Expr] = set()
    for group in system.entities.values():
        for entity in group:
            for piece in _of_entity(entity):
                if piece.expr not in seen:
                    seen.add(piece.expr)
                    yield piece


def _of_entity(entity: Entity) -> Iterator[Piece]:
    letters = tuple(r.name for r in entity.ranges)
    body = entity.body
    own = member(entity)
    if body is not None:
        for part in walk(body):
            if isinstance(part, Add) and part.free <= frozenset(letters):
                for _, term in part.terms:
                    if not isinstance(term, Symbol | Literal):
                        yield from _written(term, letters, "term", entity.name)
            if isinstance(part, Apply) and len(part.args) == 1 and part.function in RULES:
                value: Node = own if part is body else part
                slope = partials(part.function, value, part.args)[0]
                if part.function == "relu" and part is body:
                    slope = replace(slope, {part.args[0]: own})
                extra = part.free - frozenset(letters)
                yield from _slopes(slope, value, letters, entity.name, bool(extra))
            elif isinstance(part, Where) and part.condition.free <= frozenset(letters):
                for case in _cases(part.condition):
                    yield from _written(case, letters, "case", entity.name)
            elif isinstance(part, Along) and part.function == "softmax":
                p = own if part is body else part
                yield from _written(p, letters, "value", entity.name)
            if (
                not part.shape
                and part.children
                and part is not body
                and not isinstance(part, Derivative | Literal)
            ) and part.free <= frozenset(letters):
                yield from _written(part, letters, "scalar", entity.name)
    if not entity.shape and body is None:
        yield from _written(minus(literal(1), own), letters, "part", entity.name)
    yield from _written(own, letters, "name", entity.name)


def _cases(condition: Node) -> Iterator[Node]:
    """1 where a condition holds, and 1 where it does not."""
    if isinstance(condition, Apply) and condition.function in OPPOSITE:
        left, right = condition.args
        yield condition
        yield apply(OPPOSITE[condition.function], right, left)
    else:
        yield where(condition, UNIT, literal(0))


#: what holds of b and a where this does not of a and b
OPPOSITE = {"greater": "greater-equal", "greater-equal": "greater"}


def _slopes(
    slope: Node, value: Node, letters: tuple[str, ...], owner: str, inner: bool
) -> Iterator[Piece]:
    if inner:
        return
    yield from _written(slope, letters, "slope", owner)
    for piece in list(_written(slope, letters, "part", owner)):
        if isinstance(piece.expr, Product):
            for factor in piece.expr.factors:
                if not isinstance(factor, Name | Index | Tag):
                    yield Piece(factor, letters, piece.shape, "part", owner)
    yield from _written(value, letters, "value", owner)


def _written(node: Node, letters: tuple[str, ...], role: str, owner: str) -> Iterator[Piece]:
    try:
        own = tuple(x for x in letters if x in node.free)
        yield Piece(written(node), own, node.shape, role, owner)
    except NoMatrixForm:
        return


def sizes_of(system: System) -> list[Expr]:
    """The sizes, as numbers."""
    names = sorted(system.size_names | (system.base.size_names if system.base else set()))
    return [written_index(Whole.of(name)) for name in names]


def at_indices(root: Expr, trial: Trial) -> list[Expr]:
    """The indices with which a claim uses families, and their neighbours."""
    system = trial.scope.system
    found: dict[Expr, None] = {}
    for place in places(root):
        if isinstance(place.expr, Index | Tag):
            target = take_apart(place.expr, system.names())
            if (
                target is not None
                and target.items
                and any(e.index for e in system.named(target.base))
            ):
                found[target.items[0]] = None
    for name in [*trial.claim.scope.indices, *(b for p in places(root) for b in p.bound)]:
        found[Name(name)] = None
    letters = [*trial.claim.scope.indices, *(b for p in places(root) for b in p.bound)]
    for item in list(found):
        whole = _whole(item, letters, trial)
        if whole is not None:
            for step in (-1, 1):
                found[written_index(whole + step)] = None
    return list(found)[:8]


def _whole(item: Expr, letters: Sequence[str], trial: Trial) -> Whole | None:
    from backprove.judge.indices import whole_of

    return whole_of(item, letters, trial.scope.system)


def ready(root: Expr, trial: Trial) -> list[Piece]:
    """The pieces as they may stand in a claim, with the claim's indices."""
    known = trial.notes.get(("ready", id(root)))
    if known is None:
        known = trial.notes["ready", id(root)] = (root, _ready(root, trial))
    return known[1]


def _ready(root: Expr, trial: Trial) -> list[Piece]:
    at = at_indices(root, trial)
    found: dict[tuple[Expr, str], Piece] = {}
    for piece in pieces(trial.scope.system):
        if not piece.letters:
            found[piece.expr, piece.role] = piece
        elif len(piece.letters) == 1:
            for item in at:
                expr = put(piece.expr, piece.letters[0], item)
                found[expr, piece.role] = Piece(expr, (), piece.shape, piece.role, piece.owner)
    return list(found.values())


def put(expr: Expr, letter: str, item: Expr) -> Expr:
    """A piece at an index: `1 - h_t^2` at t - 1 is `1 - h_{t-1}^2`."""

    def rule(part: Expr) -> Expr | None:
        if part == Name(letter):
            return item
        if isinstance(part, Sum) and any(t == Name(letter) for _, t in part.terms):
            return _shifted(part, letter, item)
        return None

    return rewritten(expr, rule)


def _shifted(part: Sum, letter: str, item: Expr) -> Expr | None:
    """An index `t - 1` at another t, simplified where it is a number."""
    total, rest = 0, False
    for sign, term in part.terms:
        if isinstance(term, Number):
            total += sign * int(term.value)
        elif term == Name(letter) and sign > 0:
            rest = True
        else:
            return None
    if not rest:
        return None
    if isinstance(item, Number):
        return written_index(Whole.of(int(item.value) + total))
    if isinstance(item, Name):
        return written_index(Whole.of(item.text) + total)
    if isinstance(item, Sum):
        whole = Whole.of(total)
        for sign, term in item.terms:
            if isinstance(term, Number):
                whole = whole + sign * int(term.value)
            elif isinstance(term, Name):
                whole = whole + Whole.of(term.text) * sign
            else:
                return None
        return written_index(whole)
    return None


def inverse_of(expr: Expr) -> Expr:
    """1/s."""
    return Quotient(ONE, expr)
