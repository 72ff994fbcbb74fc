"""Mistakes made to the truth itself: a term or a factor of it lost on the way, a sign turned.

What is missing from a claim can be anything, and would have to be guessed; what the truth has to
lose is there to be read. So these rules are applied to the true right side, to see whether the
claim comes out.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np

from backprove.judge.combine import Array
from backprove.judge.link import Side, agree
from backprove.judge.pool import put
from backprove.judge.rewrite import (
    Place,
    Words,
    everywhere,
    multiplied,
    places,
    rewritten,
    says,
    summed,
)
from backprove.judge.trial import Trial
from backprove.judge.truth import truth_of
from backprove.judge.world import EQUAL
from backprove.model.meaning import meaning
from backprove.model.scope import Scope
from backprove.model.value import NoMeaning
from backprove.model.write_syntax import written_index
from backprove.notation.syntax import Big, Call, Expr, Index, Number, Power, Product, Relation, Sum
from backprove.tensor.whole import Shape, Whole

#: a truth with more parts than this is not taken apart
MOST_PARTS = 150
#: a sum with more terms than this stays a sum
MOST_STEPS = 4


def lost(trial: Trial) -> tuple[str, Words, Expr] | None:
    """The kind, the sentence and the truth, where the claim is the truth with one thing lost."""
    claim = trial.claim
    if not claim.fits:
        return None
    with claim.unhurried():  # the correction needs it anyway
        truth = truth_of(claim)
    if truth is None or truth.lines or isinstance(truth.right, Relation):
        return None
    said = trial.said()
    seen: set[Expr] = set()
    for form in _forms(truth.right):
        for kind, sentence, changed in _losses(form):
            if changed in seen:
                continue
            seen.add(changed)
            claim.spend()
            if _among(trial.array(changed), said) and _is_claim(changed, trial):
                return kind, sentence, truth.right
    return None


def _forms(truth: Expr) -> Iterator[Expr]:
    """The truth as it is, with 1 − h² as (1 − h)(1 + h), and with short sums term by term."""
    yield truth
    for other in (_two_factors, _spread):
        form = rewritten(truth, other)
        if form is not truth:
            yield form


def _two_factors(part: Expr) -> Expr | None:
    if not isinstance(part, Sum) or [sign for sign, _ in part.terms] != [1, -1]:
        return None
    one, square = (term for _, term in part.terms)
    if not isinstance(square, Power) or not (_is(one, 1) and _is(square.exponent, 2)):
        return None
    sides = (Sum(((1, one), (sign, square.base))) for sign in (1, -1))
    return Product(tuple(sides), ("⊙",))


def _is_square(product: Product) -> bool:
    """Whether this is 1 − h² as (1 − h)(1 + h)."""
    sides = [f.terms for f in product.factors if isinstance(f, Sum)]
    return (
        len(sides) == len(product.factors) == 2
        and [[sign for sign, _ in terms] for terms in sides] == [[1, 1], [1, -1]]
        and all(_is(terms[0][1], 1) for terms in sides)
        and sides[0][1][1] == sides[1][1][1]
    )


def _square(product: Product) -> Expr:
    side = product.factors[0]
    assert isinstance(side, Sum)
    one, base = (term for _, term in side.terms)
    return Sum(((1, one), (-1, Power(base, Number(Fraction(2), "2")))))


def _spread(part: Expr) -> Expr | None:
    """A sum of a few terms, one after the other."""
    if not isinstance(part, Big) or part.op != "sum" or part.condition or len(part.binders) != 1:
        return None
    binder = part.binders[0]
    low, high = binder.low, binder.high
    if not isinstance(low, Number) or not isinstance(high, Number):
        return None
    steps = range(int(low.value), int(high.value) + 1)
    if not 1 < len(steps) <= MOST_STEPS:
        return None
    return summed([(1, put(part.body, binder.name, written_index(Whole.of(n)))) for n in steps])


def _is(expr: Expr, number: int) -> bool:
    return isinstance(expr, Number) and expr.value == number


def _losses(root: Expr) -> Iterator[tuple[str, Words, Expr]]:
    """The truth without one of its terms or factors, or with one sign turned.

    What stands there several times is lost everywhere, too.
    """
    found = [*places(root)]
    if len(found) > MOST_PARTS:
        return
    for place in found:
        if place.within == "index":
            continue
        for kind, sentence, new in _of_part(place.expr):
            yield kind, sentence, place.put(new)
            if sum(other.expr == place.expr for other in found) > 1:
                yield kind, sentence, everywhere(root, place.expr, new)
    yield from _of_every_step(root, found)


def _of_every_step(root: Expr, found: Sequence[Place]) -> Iterator[tuple[str, Words, Expr]]:
    """The truth without a factor that every step has: `r_1` and `r_2`, `1 - h_1^2` and `1 - h_2^2`.

    Everywhere, or of each only where it stands outermost.
    """
    kinds: dict[Expr, dict[Expr, list[Place]]] = {}
    for place in found:
        if isinstance(place.expr, Product):
            for factor in place.expr.factors:
                alike = kinds.setdefault(_without_indices(factor), {})
                alike.setdefault(factor, []).append(place)
    for alike in kinds.values():
        if len(alike) < 2:
            continue
        words = says("the factor {} is missing, and so it is at the other steps", next(iter(alike)))
        product = next(iter(alike.values()))[0].expr
        kind = "missing-factor"
        if isinstance(product, Product) and _is_square(product):
            kind = "wrong-derivative"
            words = says(
                "{} should stand in full, and so it should at the other steps", _square(product)
            )
        outermost = [min(group, key=lambda place: len(place.path)).expr for group in alike.values()]

        def less(part: Expr, alike: Container[Expr], only: list[Expr] | None = None) -> Expr | None:
            if isinstance(part, Product) and (only is None or any(part is one for one in only)):
                for n, factor in enumerate(part.factors):
                    if factor in alike:
                        return rewritten(_without(part, n), lambda p: less(p, alike, only))
            return None

        yield kind, words, rewritten(root, lambda p, a=alike: less(p, a))
        yield (
            "missing-factor",
            words,
            rewritten(root, lambda p, a=alike, o=outermost: less(p, a, o)),
        )


def _without_indices(expr: Expr) -> Expr:
    return rewritten(expr, lambda part: part.base if isinstance(part, Index) else None)


def _of_part(part: Expr) -> Iterator[tuple[str, Words, Expr]]:
    match part:
        case Sum() if len(part.terms) > 1:
            for n, (sign, term) in enumerate(part.terms):
                rest = (*part.terms[:n], *part.terms[n + 1 :])
                words = "the term {} is missing" if sign > 0 else "the term −{} is missing"
                yield "missing-term", says(words, term), summed(rest)
                turned = (*part.terms[:n], (-sign, term), *part.terms[n + 1 :])
                yield "sign", says("the sign of {} is wrong", term), replace(part, terms=turned)
        case Product():
            for n, factor in enumerate(part.factors):
                if isinstance(factor, Call) and factor.function == "sum":
                    words = says("this is true only if {} sums to one", factor.args[0])
                    yield "assumption", words, _without(part, n)
                elif _is_square(part):
                    words = says("{} should stand where {} does", _square(part), _without(part, n))
                    yield "wrong-derivative", words, _without(part, n)
                else:
                    words = says("the factor {} is missing", factor)
                    yield "missing-factor", words, _without(part, n)
        case _:
            return


def _without(product: Product, n: int) -> Expr:
    """A product without a factor, and without the sign beside it."""
    factors = (*product.factors[:n], *product.factors[n + 1 :])
    at = max(n - 1, 0)
    return multiplied(factors, (*product.ops[:at], *product.ops[at + 1 :]))


def _among(
    found: tuple[Array, Shape, bool] | None, said: Sequence[tuple[Array, Shape, bool]]
) -> bool:
    """Whether values are those of the claim here."""
    if found is None:
        return False
    array, shape, row = found
    for other, its_shape, its_row in said:
        if its_shape == shape and its_row == row and other.shape == array.shape:
            size = max(float(np.abs(other).max(initial=0.0)), 1e-12)
            if float(np.abs(other - array).max(initial=0.0)) <= 10 * EQUAL * size:
                return True
    return False


def _is_claim(changed: Expr, trial: Trial) -> bool:
    """Whether this is what the claim says in every setting, for all values of its indices."""
    claim = trial.claim
    assert claim.other is not None
    try:
        value = meaning(changed, Scope(claim.system, dict(claim.scope.indices)))
    except NoMeaning:
        return False
    here, there = (Side.of(v, claim.settings, claim.grid) for v in (value, claim.other))
    return (
        here.shape == there.shape and agree(here.arrays, there.arrays, claim.strict) <= 10 * EQUAL
    )
