"""The table of rules: what might have been meant at one place of a right side.

Each rule looks at one place of a tree and gives what may stand there instead, with the kind of
mistake (NOTATION 6) that was made if so, and the words for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import permutations

from backprove.judge.around import Around, Rule
from backprove.judge.bounds import drawn_back, over_steps, with_bounds
from backprove.judge.function_rules import conditions, functions, powers
from backprove.judge.indices import (
    exchanged_letters,
    index_edits,
    same_index_edits,
    same_items_edits,
    where_inside,
)
from backprove.judge.moved_indices import moved_together
from backprove.judge.rewrite import (
    Place,
    Words,
    children,
    multiplied,
    places,
    rewritten,
    says,
    summed,
    terms_of,
    transposed,
)
from backprove.judge.trial import Trial
from backprove.notation.syntax import (
    Big,
    Call,
    Derivative,
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

# --- signs, terms, factors ------------------------------------------------------------------------


def signs(place: Place, around: Around) -> Iterator[tuple[str, Expr, Words]]:
    """A term with the other sign."""
    if place.expr is around.root and not isinstance(place.expr, Sum):
        yield "sign", Sum(((-1, place.expr),)), says("the sign of the whole right side is wrong")
    if isinstance(place.expr, Sum) and place.within == "value":
        terms = place.expr.terms
        if place.expr is around.root and len(terms) > 1:
            turned = tuple((-sign, term) for sign, term in terms)
            yield (
                "sign",
                replace(place.expr, terms=turned),
                says("the sign of the whole right side is wrong"),
            )
        for n, (sign, term) in enumerate(terms):
            changed = (*terms[:n], (-sign, term), *terms[n + 1 :])
            yield (
                "sign",
                summed(changed) if len(changed) == 1 else replace(place.expr, terms=changed),
                says("the sign of {} is wrong", term),
            )


def extra_terms(place: Place, around: Around) -> Iterator[tuple[str, Expr, Words]]:
    """A sum without one of its terms."""
    if isinstance(place.expr, Sum) and len(place.expr.terms) > 1 and place.within == "value":
        for n, (_, term) in enumerate(place.expr.terms):
            rest = summed([t for k, t in enumerate(place.expr.terms) if k != n])
            yield "extra-term", rest, says("the term {} does not belong here", term)


def extra_everywhere(place: Place, around: Around) -> Iterator[tuple[str, Expr, Words]]:
    """A term that stands in several sums, left out of all of them."""
    if place.expr is not around.root:
        return
    found: dict[Expr, int] = {}
    for part in places(around.root):
        if isinstance(part.expr, Sum) and len(part.expr.terms) > 1:
            for _, term in part.expr.terms:
                found[term] = found.get(term, 0) + 1

    for gone, count in found.items():
        if count < 2 or isinstance(gone, Number):
            continue

        def rule(part: Expr, gone: Expr = gone) -> Expr | None:
            if not isinstance(part, Sum) or len(part.terms) < 2:
                return None
            rest = [(s, t) for s, t in part.terms if t != gone]
            if len(rest) == len(part.terms) or not rest:
                return None
            return rewritten(summed(rest), rule)

        yield (
            "extra-term",
            rewritten(around.root, rule),
            says("the term {} does not belong here", gone),
        )


def extra_factors(place: Place, around: Around) -> Iterator[tuple[str, Expr, Words]]:
    """A product without one or two neighbouring factors, a quotient without its denominator."""
    expr = place.expr
    match expr:
        case Product():
            count = len(expr.factors)
            for length in (1, 2):
                for start in range(count - length + 1):
                    if length == count:
                        continue
                    gone = expr.factors[start : start + length]
                    kept = expr.factors[:start] + expr.factors[start + length :]
                    ops = (
                        expr.ops[length:]
                        if not start
                        else expr.ops[: start - 1] + expr.ops[start - 1 + length :]
                    )
                    what = multiplied(gone, expr.ops[:1])
                    kind = "factor" if all(_is_number(f) for f in gone) else "extra-factor"
                    yield (
                        kind,
                        multiplied(kept, ops),
                        says("the factor {} does not belong here", what),
                    )
        case Quotient():
            kind = "factor" if _is_number(expr.under) else "extra-factor"
            yield kind, expr.over, says("the division by {} does not belong here", expr.under)
        case _:
            return


def _is_number(expr: Expr) -> bool:
    if isinstance(expr, Number):
        return True
    return isinstance(expr, Quotient | Product | Sum) and all(_is_number(c) for c in children(expr))


def numbers(place: Place, around: Around) -> Iterator[tuple[str, Expr, Words]]:
    """Another coefficient; another exponent."""
    expr = place.expr
    if isinstance(expr, Power) and place.within == "value":
        yield from _exponents(expr)
    if not isinstance(expr, Number) or place.within != "value":
        return
    n = expr.value
    for other in dict.fromkeys((2 * n, n / 2, n + 1, n - 1, 4 * n, n / 4)):
        if other > 0:
            yield "factor", _number(other), says("the number {} should be {}", expr, str(other))


def _exponents(expr: Power) -> Iterator[tuple[str, Expr, Words]]:
    base, exponent = expr.base, expr.exponent
    for step in (1, -1):
        kind = "missing-factor" if step > 0 else "extra-factor"
        if isinstance(exponent, Number):
            new: Expr = _number(exponent.value + step)
        else:
            # γ - 1 and one more is γ, not γ - 1 + 1
            one = Number(Fraction(1), "1")
            rest = [(s, t) for s, t in terms_of(exponent) if not (s == -step and t == one)]
            fewer = len(rest) < len(terms_of(exponent))
            new = summed(rest if fewer else [*rest, (step, one)])
        if isinstance(new, Number) and new.value == 1:
            yield kind, base, says("one factor {} is too many", base)
            continue
        word = "missing" if step > 0 else "too many"
        words = says("one factor {} is {}: its power should be {}", base, word, new)
        yield kind, replace(expr, exponent=new), words


def _number(value: Fraction) -> Expr:
    if value < 0:
        return Sum(((-1, _number(-value)),))
    if value.denominator == 1:
        return Number(value, str(value.numerator))
    return Quotient(_number(Fraction(value.numerator)), _number(Fraction(value.denominator)))


# --- transposes and orders ------------------------------------------------------------------------


def transposes(place: Place, around: Around) -> Iterator[tuple[str, Expr, Words]]:
    """A factor transposed, or not; the factors of an outer product exchanged."""
    expr = place.expr
    match expr:
        case Transpose() if around.rank(place, expr.base) == 2:
            yield "transpose", expr.base, says("{} should not be transposed here", expr.base)
        case Name() | Index() | Tag() | Power() | Derivative() | Sum() | Product():
            if isinstance(place.parent, Transpose) or around.rank(place) != 2:
                return
            if place.expr is around.root:
                return
            if isinstance(expr, Product) and isinstance(place.parent, Sum):
                if len(place.parent.terms) > 1:
                    new = transposed(expr, [around.rank(place, f) for f in expr.factors])
                    yield "transpose", new, says("{} should be transposed: {}", expr, new)
                return
            if isinstance(expr, Sum | Product) and not isinstance(
                place.parent, Product | Transpose
            ):
                return
            yield (
                "transpose",
                Transpose(expr, expr.span),
                says("{} should be transposed here", expr),
            )
        case _:
            return


def orders(place: Place, around: Around) -> Iterator[tuple[str, Expr, Words]]:
    """The array factors of a product in another order."""
    expr = place.expr
    if isinstance(expr, Big) and expr.op == "prod" and around.rank(place) == 2:
        turned = drawn_back(expr)
        if turned is not None:
            yield "order", turned, says("the factors of the product stand in the wrong order")
    if not isinstance(expr, Product) or any(op == "⊙" for op in expr.ops):
        return
    ranks = [around.rank(place, f) for f in expr.factors]
    moving = [n for n, rank in enumerate(ranks) if rank != 0]
    if len(moving) < 2 or (not any(r == 2 for r in ranks) and expr.ops[0] != "⊗"):
        return
    for order in _orders(moving):
        factors = list(expr.factors)
        for n, m in zip(moving, order, strict=True):
            factors[n] = expr.factors[m]
        first, second = [m for n, m in zip(moving, order, strict=True) if n != m][:2]
        yield (
            "order",
            replace(expr, factors=tuple(factors)),
            says("{} and {} stand in the wrong order", expr.factors[second], expr.factors[first]),
        )


def _orders(moving: list[int]) -> Iterator[tuple[int, ...]]:
    start = tuple(moving)
    if len(moving) <= 4:
        for order in permutations(moving):
            if order != start:
                yield order
        return
    yield start[::-1]
    for n in range(len(moving) - 1):
        swapped = list(moving)
        swapped[n], swapped[n + 1] = swapped[n + 1], swapped[n]
        yield tuple(swapped)


# --- indices and bounds ---------------------------------------------------------------------------


def indices(place: Place, around: Around) -> Iterator[tuple[str, Expr, Words]]:
    """One index shifted, exchanged, or as the model has it."""
    letters = around.letters(place)
    match place.expr:
        case Index() | Tag():
            for new in index_edits(place.expr, letters, around.trial):
                words = says("{} has the wrong index: it should be {}", place.expr, new)
                yield "wrong-index", new, words
                guarded = where_inside(new, around.trial) if place.bound else None
                if guarded is not None:
                    yield "wrong-index", guarded, words
        case Derivative():
            for new in _derivative_indices(place.expr, letters, around.trial):
                yield (
                    "wrong-index",
                    new,
                    says("{} has the wrong index: it should be {}", place.expr, new),
                )
        case Name() if place.within == "index" or place.expr.text in letters:
            for letter in letters:
                if letter != place.expr.text:
                    yield "wrong-index", Name(letter), says("{} should be {}", place.expr, letter)
        case _:
            return


def _derivative_indices(expr: Derivative, letters: list[str], trial: Trial) -> Iterator[Expr]:
    if isinstance(expr.of, Index | Tag):
        for new in index_edits(expr.of, letters, trial):
            yield replace(expr, of=new)
    for n, by in enumerate(expr.by):
        if isinstance(by, Index | Tag):
            for new in index_edits(by, letters, trial):
                yield replace(expr, by=(*expr.by[:n], new, *expr.by[n + 1 :]))


def same_indices(place: Place, around: Around) -> Iterator[tuple[str, Expr, Words]]:
    """One index expression changed wherever it stands, in conditions, too."""
    if place.expr is around.root:
        for a, b, changed in exchanged_letters(around.root, around.trial):
            yield "wrong-index", changed, says("{} and {} should be exchanged", a, b)
        for old, new, changed in same_items_edits(around.root, around.trial):
            yield (
                "wrong-index",
                changed,
                says("the indices of {} are wrong: they should be as in {}", old, new),
            )
        for old, new, changed in same_index_edits(around.root, around.trial):
            yield "wrong-index", changed, says("the index {} should be {}", old, new)


def moved_indices(place: Place, around: Around) -> Iterator[tuple[str, Expr, Words]]:
    """Several subscripts exchanged, or moved by a step, together."""
    if place.expr is around.root:
        for words, changed in moved_together(around.root, around.trial):
            yield "wrong-index", changed, words


def bounds(place: Place, around: Around) -> Iterator[tuple[str, Expr, Words]]:
    """A sum or product that starts or stops elsewhere, or without its condition."""
    expr = place.expr
    if not isinstance(expr, Big):
        return
    sign = "sum" if expr.op == "sum" else "product"
    for new, words in with_bounds(expr, around.letters(place), around.trial, place.bound):
        yield "wrong-bounds", new, says("the {} should {}", sign, str(words))


# --- derivatives, sums ------------------------------------------------------------------------------


def totals(place: Place, around: Around) -> Iterator[tuple[str, Expr, Words]]:
    """A derivative as total instead of immediate."""
    expr = place.expr
    if isinstance(expr, Derivative) and expr.immediate:
        new = replace(expr, immediate=False)
        yield "missing-path", new, says("{} leaves out all paths but the immediate one", expr)


def missing_sums(place: Place, around: Around) -> Iterator[tuple[str, Expr, Words]]:
    """A vector where the sum of its entries is meant; one step where all steps are."""
    expr = place.expr
    if place.within != "value":
        return
    if isinstance(expr, Name | Index) and around.rank(place) == 1:
        yield (
            "missing-sum",
            Call("sum", (expr,), span=expr.span),
            says("the sum over {} is missing", expr),
        )


def step_sums(place: Place, around: Around) -> Iterator[tuple[str, Expr, Words]]:
    """One step's term where the sum over all steps is meant."""
    if place.expr is around.root and place.within == "value":
        for new, words in over_steps(place.expr, around.trial):
            yield "missing-sum", new, words


FIRST: tuple[Rule, ...] = (
    signs, transposes, indices, bounds, orders, totals, functions, conditions, missing_sums, step_sums,
    same_indices, numbers, powers,
)  # fmt: skip
LATER: tuple[Rule, ...] = (extra_factors, extra_terms, extra_everywhere)
RARE: tuple[Rule, ...] = (moved_indices,)
