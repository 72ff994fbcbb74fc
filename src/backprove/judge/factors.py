"""Factors that a writer forgot, or took from another function."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction

import numpy as np

from backprove.judge.changes import Around, Change
from backprove.judge.pool import Piece, inverse_of, ready, sizes_of
from backprove.judge.residue import CLOSE, multiple
from backprove.judge.rewrite import Place, children, places, says, summed, terms_of
from backprove.judge.small_trial import SmallTrial
from backprove.judge.trial import Trial
from backprove.model.calls import ELEMENTWISE
from backprove.model.entity import System
from backprove.model.names import take_apart
from backprove.notation.syntax import (
    Big,
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
    Sum,
    Tag,
    Transpose,
)
from backprove.tensor.whole import Shape

# --- the derivative of another function -------------------------------------------------------------


def wrong_slopes(root: Expr, trial: Trial) -> Iterator[Change]:
    """A factor made of one quantity alone, exchanged for an activation's derivative."""
    around = Around(trial, root)
    slopes = [
        p for p in ready(root, trial) if p.role == "slope" and not isinstance(p.expr, Quotient)
    ]
    if not slopes:
        return
    seen: set[tuple[Expr, Expr]] = set()
    for place in places(root):
        if place.within != "value":
            continue
        for old, put in _factor_like(place, trial.scope.system):
            shape = around.shape(place, old)
            if shape is None:
                continue
            for slope in _likely(slopes, old, shape[0], trial):
                new = put(slope.expr)
                if slope.expr == old or ((old, slope.expr) in seen and new is root):
                    continue
                if isinstance(old, Product) and slope.expr in old.factors:
                    continue  # it is there: what stands beside it is too much
                seen.add((old, slope.expr))
                kind = _slope_kind(old, slope.expr)
                yield Change.at(place, kind, new, says("{} should be {}", old, slope.expr))


def _slope_kind(old: Expr, slope: Expr) -> str:
    """A part of the derivative is there: then the rest is what is missing."""
    if isinstance(slope, Product) and old in slope.factors:
        return "missing-factor"
    if isinstance(slope, Sum) and any(term == old for _, term in slope.terms):
        return "missing-term"
    return "wrong-derivative"


def _factor_like(place: Place, system: System) -> Iterator[tuple[Expr, Callable[[Expr], Expr]]]:
    """Parts made of one quantity only, and how to put something in their place."""
    expr = place.expr
    if isinstance(expr, Product):
        for start in range(len(expr.factors) - 1):
            pair = expr.factors[start : start + 2]
            one = _quantities(Product(pair, expr.ops[start : start + 1]), system)
            if len(one) == 1:
                old = Product(pair, expr.ops[start : start + 1])

                def put(new: Expr, start: int = start) -> Expr:
                    factors = (*expr.factors[:start], new, *expr.factors[start + 2 :])
                    ops = (*expr.ops[:start], *expr.ops[start + 1 :])
                    return replace(expr, factors=factors, ops=ops) if len(factors) > 1 else new

                yield old, put
    if isinstance(expr, Sum | Power | Name | Index | Tag) or (
        isinstance(expr, Call) and expr.function in ELEMENTWISE
    ):
        bare = isinstance(expr, Name | Index | Tag)
        if isinstance(place.parent, Sum | Power) or (
            bare and not isinstance(place.parent, Product | Call)
        ):
            return
        if len(_quantities(expr, system)) == 1:
            yield expr, lambda new: new


def _quantities(expr: Expr, system: System) -> set[Expr]:
    """The names in an expression; a foreign mark where it is more than elementwise in them."""
    match expr:
        case Number():
            return set()
        case Name() | Index() | Tag():
            return {expr} if take_apart(expr, system.names()) is not None else {expr, Name("·")}
        case Sum() | Quotient() | Power() | Product():
            found: set[Expr] = set()
            for child in children(expr):
                found |= _quantities(child, system)
            return found
        case Call() if expr.function in ELEMENTWISE and len(expr.args) == 1:
            return _quantities(expr.args[0], system)
        case _:
            return {Name("·"), Name("··")}


def _likely(slopes: list[Piece], old: Expr, shape: Shape, trial: Trial) -> Iterator[Piece]:
    """Derivatives of a shape, those of the quantity in question first."""
    small = isinstance(trial, SmallTrial)
    fitting = [s for s in slopes if small or s.shape == shape]
    names = {n.expr for n in places(old) if isinstance(n.expr, Name | Index | Tag)}
    own = [s for s in fitting if names & {n.expr for n in places(s.expr)}]
    yield from own
    if isinstance(old, Name | Index | Tag):
        return  # a name alone may be any factor
    yield from (s for s in fitting if s not in own)


# --- a factor that is missing -----------------------------------------------------------------------


def missing_factors(root: Expr, trial: Trial) -> Iterator[Change]:
    """One factor of the model's more, in every place where it fits."""
    pool = [p for p in ready(root, trial) if p.role != "term"]
    small = isinstance(trial, SmallTrial)
    ranks = [p for p in pool if not p.shape or small]
    scalars = [p.expr for p in ranks]
    named = [p.expr for p in ranks if p.role in ("name", "scalar")]
    scalars += [inverse_of(s) for s in named]
    squares = [Power(s, Number(Fraction(2), "2")) for s in named]
    scalars += [*squares, *(inverse_of(s) for s in squares)]
    scalars += [s for size in sizes_of(trial.scope.system) for s in (size, inverse_of(size))]
    scalars += _deltas(trial) + _components(pool, trial)
    yield from _scalars(root, trial, list(dict.fromkeys(scalars)))
    if small:
        return
    order = {"slope": 0, "part": 1, "value": 2, "name": 3}
    vectors = sorted((p for p in pool if len(p.shape) == 1), key=lambda p: order[p.role])
    matrices = [p for p in pool if len(p.shape) == 2]
    yield from _arrays(root, trial, vectors, matrices)


def _component_letters(trial: Trial) -> list[str]:
    """The claim's indices that choose components, not members of families."""
    scope = trial.claim.scope
    return [
        x
        for x, inner in scope.indices.items()
        if len(x) == 1 and any(u.kind == "component" for u in scope.uses.get(inner.name or x, []))
    ]


def _components(pool: list[Piece], trial: Trial) -> list[Expr]:
    """Components of the model's arrays at the claim's own indices."""
    letters = _component_letters(trial)[:3]
    found: list[Expr] = []
    for piece in pool:
        if piece.role != "name" or not letters:
            continue
        if len(piece.shape) == 1:
            found += [Index(piece.expr, (Name(x),), bracket=True) for x in letters]
        elif len(piece.shape) == 2:
            found += [
                Index(piece.expr, (Name(x), Name(y)), bracket=True)
                for x in letters
                for y in letters
            ]
    return found


def _deltas(trial: Trial) -> list[Expr]:
    """1[i = j] for the claim's own indices."""
    letters = _component_letters(trial)[:5]
    return [
        Call("indicator", (Compare((Name(a), Name(b)), ("=",)),))
        for n, a in enumerate(letters)
        for b in letters[n + 1 :]
    ]


def _scalars(root: Expr, trial: Trial, pool: list[Expr]) -> Iterator[Change]:
    """A scalar at the whole, at one term, or at a term inside."""
    for place in places(root):
        expr = place.expr
        if place.within != "value":
            continue
        if not (expr is root or isinstance(place.parent, Sum | Quotient | Big | Call | Cases)):
            continue
        if isinstance(expr, Number) and not isinstance(place.parent, Quotient | Sum):
            continue
        fitting = pool if place.bound else _needed(place, trial, pool)
        for factor in fitting:
            words = says("the factor {} is missing at {}", factor, expr)
            yield Change.at(place, "missing-factor", _times(factor, expr), words)


def _needed(place: Place, trial: Trial, pool: list[Expr]) -> list[Expr]:
    """The scalars of the pool by which a part must be multiplied.

    As a function of a part below sums and products the right side is a line: two of its points
    tell which factor would make the claim true, if any.
    """
    part = place.expr
    nothing = trial.arrays(place.put(Sum(((1, part), (-1, part)))))
    said, truth = trial.said(), trial.true_values()
    if not nothing or not said or not said[0][0].shape == nothing[0][0].shape == truth.shape:
        return pool
    start = nothing[0][0]
    points = len(truth)
    wanted, there = (truth - start).reshape(points, -1), (said[0][0] - start).reshape(points, -1)
    felt = np.abs(there).max(axis=1) > 0  # a case that is not taken tells nothing
    if not felt.any() or np.abs(wanted[~felt]).max(initial=0) > CLOSE:
        return []
    ratios = multiple(wanted[felt], there[felt])
    if ratios is None:
        return []
    found: list[Expr] = []
    for factor in pool:
        value = trial.scalar(factor)
        if value is None:
            continue
        if np.abs(value[felt] - ratios).max() <= 10 * CLOSE * np.abs(ratios).max():
            found.append(factor)
    return found


def _times(factor: Expr, expr: Expr) -> Expr:
    """A scalar before an expression."""
    if isinstance(expr, Sum):
        if len(expr.terms) == 1:
            sign, term = expr.terms[0]
            return summed([(sign, _times(factor, term))])
        return Product((factor, expr), ("",))
    if isinstance(expr, Product) and not expr.ops[0]:
        return Product((factor, *expr.factors), ("", *expr.ops))
    return Product((factor, expr), ("",))


def _arrays(
    root: Expr, trial: Trial, vectors: list[Piece], matrices: list[Piece]
) -> Iterator[Change]:
    """A vector elementwise or as a diagonal matrix, or a square matrix, between factors."""
    around = Around(trial, root)
    for place in places(root):
        expr = place.expr
        if place.within != "value" or (
            isinstance(place.parent, Transpose) and isinstance(expr, Product)
        ):
            continue
        shape = around.shape(place)
        if shape is None:
            continue
        if not shape[0]:
            yield from _for_scalar(place, around, vectors)
            continue
        if len(shape[0]) == 2 and not isinstance(expr, Product | Transpose):
            for piece in matrices:
                if piece.shape == shape[0]:
                    yield _change(place, _beside(expr, piece.expr, False), piece.expr)
        if len(shape[0]) == 1 and not _covered(place, around):
            for piece in vectors:
                if piece.shape == shape[0]:
                    yield _change(place, _beside(expr, piece.expr, shape[1]), piece.expr)
        if (isinstance(expr, Product) and not any(op in ("⊙", "⊗") for op in expr.ops)) or (
            len(shape[0]) == 2 and not isinstance(place.parent, Product)
        ):
            yield from _between(place, around, vectors, matrices)


def _for_scalar(place: Place, around: Around, vectors: list[Piece]) -> Iterator[Change]:
    """A scalar in a sum of vectors may have lost its vector."""
    if not isinstance(place.parent, Sum):
        return
    above = around.shape(place, place.parent)
    if above is not None and len(above[0]) == 1:
        for piece in vectors:
            if piece.shape == above[0]:
                yield _change(place, _times(place.expr, piece.expr), piece.expr)


def _covered(place: Place, around: Around) -> bool:
    """Whether a factor at what this stands in would be the same."""
    parent = place.parent
    if isinstance(parent, Product):
        if parent.ops[0] == "⊙":
            return True
        return around.rank(place, parent) == 1 and place.expr is not parent.factors[-1]
    return isinstance(parent, Sum) and len(parent.terms) == 1


def _beside(expr: Expr, factor: Expr, row: bool) -> Expr:
    if row:
        factor = Transpose(factor)
    if isinstance(expr, Product) and expr.ops[0] == "⊙":
        return Product((*expr.factors, factor), (*expr.ops, "⊙"))
    if isinstance(expr, Sum) and len(expr.terms) == 1:
        return Sum(((expr.terms[0][0], _beside(expr.terms[0][1], factor, False)),))
    return Product((expr, factor), ("⊙",))


def _between(
    place: Place, around: Around, vectors: list[Piece], matrices: list[Piece]
) -> Iterator[Change]:
    """A factor at each gap of a product of matrices and vectors."""
    expr = place.expr
    factors = expr.factors if isinstance(expr, Product) else (expr,)
    ops = expr.ops if isinstance(expr, Product) else ()
    shapes = [around.shape(place, f) for f in factors]
    for gap in range(len(factors) + 1):
        sizes: Shape = ()
        after = shapes[gap] if gap < len(factors) else None
        before = shapes[gap - 1] if gap else None
        if after is not None and after[0] and not after[1]:
            sizes = after[0][:1]
        elif before is not None and before[0] and (len(before[0]) == 2 or before[1]):
            sizes = before[0][-1:]
        if not sizes:
            continue
        found = [(p.expr, Call("diag", (p.expr,))) for p in vectors if p.shape == sizes]
        for p in matrices:
            if p.shape == sizes * 2:
                found += [(p.expr, p.expr), (Transpose(p.expr), Transpose(p.expr))]
        for piece, factor in found:
            sign = ops[0] if ops else ""
            new = Product((*factors[:gap], factor, *factors[gap:]), (*ops, sign) if ops else ("",))
            yield _change(place, new, piece)


def _change(place: Place, new: Expr, factor: Expr) -> Change:
    return Change.at(place, "missing-factor", new, says("the factor {} is missing", factor))


# --- another name -----------------------------------------------------------------------------------


def other_names(root: Expr, trial: Trial) -> Iterator[Change]:
    """One name for another of the same shape: with another letter below it, an index."""
    around = Around(trial, root)
    pool = [p for p in ready(root, trial) if p.role == "name"]
    for place in places(root):
        expr = place.expr
        if not isinstance(expr, Name | Index | Tag) or place.within != "value":
            continue
        shape = around.shape(place)
        if shape is None or take_apart(expr, trial.scope.system.names()) is None:
            continue
        for piece in pool:
            if piece.shape != shape[0] or piece.expr == expr:
                continue
            kind = "wrong-index" if _letter(piece.expr) == _letter(expr) else "other"
            words = says("{} should be {}", expr, piece.expr)
            yield Change.at(place, kind, piece.expr, words)


def _letter(expr: Expr) -> str:
    while isinstance(expr, Index | Tag):
        expr = expr.base
    return expr.text if isinstance(expr, Name) else ""


# --- a term that is missing -------------------------------------------------------------------------


def missing_terms(root: Expr, trial: Trial) -> Iterator[Change]:
    """One term more: a quantity of the model's, or a term of the claim's with another index."""
    span = root.span
    shape = trial.claim.value.shape
    candidates: list[Expr] = []
    for piece in ready(root, trial):
        if piece.shape == shape:
            candidates.append(piece.expr)
        elif len(shape) == 2 and piece.shape == shape[:1] and shape[0] == shape[1]:
            candidates.append(Call("diag", (piece.expr,)))
        elif len(shape) == 2 and piece.shape == shape[::-1]:
            candidates.append(Transpose(piece.expr))
    for extra in dict.fromkeys(candidates):
        for sign in (1, -1):
            words = says("the term {} is missing", extra)
            whole = summed([*terms_of(root), (sign, extra)])
            yield Change("missing-term", words, span, -1, root, None, whole)
