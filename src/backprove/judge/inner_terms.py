"""Terms that a writer forgot inside a bracket: `(-y) h^T` for `(o - y) h^T`."""

from __future__ import annotations

from collections.abc import Iterator

from backprove.judge.around import Around
from backprove.judge.changes import Change
from backprove.judge.pool import ONE, Piece, ready
from backprove.judge.rewrite import Place, places, rewritten, says, summed, terms_of
from backprove.judge.small_trial import SmallTrial
from backprove.judge.trial import Trial
from backprove.model.names import take_apart
from backprove.notation.syntax import (
    Big,
    Call,
    Cases,
    Expr,
    Index,
    Name,
    Product,
    Quotient,
    Sum,
    Tag,
    Transpose,
)
from backprove.tensor.whole import Shape

#: candidates looked at for one place
MOST = 48


def inner_terms(root: Expr, trial: Trial) -> Iterator[Change]:
    """One term more in a bracket, or in what would be one if the term had not been forgotten.

    A term is a quantity of the model's, a term of one of its definitions, 1, or a term that
    stands there already with another quantity in it.
    """
    if isinstance(trial, SmallTrial):
        return
    around = Around(trial, root)
    pool = [p for p in ready(root, trial) if p.role in ("name", "value", "term")]
    for place in places(root):
        if place.within != "value" or not _may_be_bracket(place):
            continue
        shape = around.shape(place)
        if shape is None:
            continue
        terms = terms_of(place.expr)
        there = [t for _, t in terms]
        new = [t for t in _likely(place, shape, pool, around) if t not in there]
        for extra in list(dict.fromkeys(new))[:MOST]:
            for sign in (1, -1):
                signed = extra if sign > 0 else Sum(((-1, extra),))
                words = says("the term {} is missing beside {}", signed, place.expr)
                whole = summed([*terms, (sign, extra)])
                yield Change.at(place, "missing-term", whole, words)


def _may_be_bracket(place: Place) -> bool:
    """Whether a term may be missing here and not in what this stands in directly."""
    if isinstance(place.expr, Sum):
        return not (isinstance(place.parent, Sum) and len(place.parent.terms) == 1)
    return isinstance(place.parent, Product | Quotient | Transpose | Big | Call | Cases)


def _likely(
    place: Place, shape: tuple[Shape, bool], pool: list[Piece], around: Around
) -> Iterator[Expr]:
    axes, row = shape
    here = _indices(place.expr)
    pool = [p for p in pool if not here or not (there := _indices(p.expr)) or here & there]
    names = [p.expr for p in pool if p.role == "name"]
    yield ONE
    for piece in pool:
        if piece.shape == axes:
            yield Transpose(piece.expr) if row else piece.expr
    system = around.trial.scope.system
    for _, term in terms_of(place.expr):
        for part in places(term):
            old = part.expr
            if not isinstance(old, Name | Index | Tag) or part.within != "value":
                continue
            if take_apart(old, system.names()) is None:
                continue
            whole = around.shape(place, old)
            for new in _like(old, names):
                if whole is not None and around.shape(place, new) == whole:
                    yield rewritten(term, lambda x, old=old, new=new: new if x == old else None)


def _indices(expr: Expr) -> set[Expr]:
    """The indices in a part: a term beside it has the same, if any."""
    return {i for p in places(expr) if isinstance(p.expr, Index | Tag) for i in p.expr.items}


def _like(old: Expr, names: list[Expr]) -> Iterator[Expr]:
    """Other quantities, with the components or the index of this one."""
    for name in names:
        if name == old:
            continue
        yield name
        if isinstance(old, Index) and isinstance(name, Name | Tag):
            yield Index(name, old.items, bracket=old.bracket)
