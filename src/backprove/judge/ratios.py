"""Claims that are off by a sign, a number or sizes as a whole; and what a mistake is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from backprove.judge.link import Side, agree
from backprove.judge.pool import inverse_of, sizes_of
from backprove.judge.residue import times, times_number
from backprove.judge.rewrite import shown, summed, terms_of
from backprove.judge.world import EQUAL
from backprove.judge.wrong_claim import WrongClaim
from backprove.model.entity import System
from backprove.notation.syntax import Expr, Product, Quotient, Span
from backprove.tensor.nodes import Count, walk


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong: the kind, one sentence, the place, and the right side that undoes it."""

    kind: str
    sentence: str
    place: Span | None = None
    fixed: Expr | None = None
    #: the right side as LaTeX, where it is told with a line of the writer's
    latex: str | None = None


def ratio(claim: WrongClaim) -> Mistake | None:
    """`sign` or `factor` where one side is a constant multiple of the other."""
    if not claim.fits or claim.other is None:
        return None
    said = Side.of(claim.other, claim.settings, claim.grid)
    span = claim.right.span
    if agree(claim.truth.arrays, [-a for a in said.arrays], claim.strict) <= EQUAL:
        turned = summed([(-s, t) for s, t in terms_of(claim.right)])
        return Mistake("sign", "the sign of the whole right side is wrong", span, turned)
    ratios: list[float] = []
    for a, b in zip(claim.truth.arrays, said.arrays, strict=True):
        if a.ndim != b.ndim:
            return None
        a, b = np.broadcast_arrays(a, b)
        known = ~(np.isnan(a) | np.isnan(b))
        if not known.any() or not np.abs(b[known]).max():
            return None
        top = np.abs(b) == np.abs(b[known]).max()
        ratio = float(a[top].flat[0] / b[top].flat[0])
        if not ratio or agree([a], [ratio * b], claim.strict) > EQUAL:
            return None
        ratios.append(ratio)
    if max(ratios) - min(ratios) > 1e-9 * abs(ratios[0]):
        return _by_sizes(claim, ratios)
    fraction = Fraction(ratios[0]).limit_denominator(720)
    if abs(float(fraction) - ratios[0]) <= 1e-9 * abs(ratios[0]):
        words = f"the right side must be multiplied by {fraction}"
        return Mistake("factor", words, span, times_number(fraction, claim.right))
    return Mistake("factor", f"the right side must be multiplied by {ratios[0]:.6g}", span)


def _by_sizes(claim: WrongClaim, ratios: list[float]) -> Mistake:
    """A factor that is made of sizes, such as the `1/N` of a mean, where only one will do."""
    span = claim.right.span
    found = {shown(factor): (factor, rest) for factor, rest in _size_factors(claim, ratios)}
    if len(found) != 1:
        words = "the right side is off by a factor that depends on the sizes only"
        return Mistake("factor", words, span)
    ((words, (factor, rest)),) = found.items()
    fixed = times(factor, rest, claim.right)
    if rest == 1 and isinstance(factor, Quotient):
        return Mistake("factor", f"the factor {words} is missing", span, fixed)
    words = shown(factor if rest == 1 else times_number(rest, factor))
    return Mistake("factor", f"the right side must be multiplied by {words}", span, fixed)


def _size_factors(claim: WrongClaim, ratios: list[float]) -> Iterator[tuple[Expr, Fraction]]:
    """Sizes, products of two of them and their inverses, with the small number left beside them.

    Those with which the model reckons come alone if there are any: a mean's, or a written `1/N`.
    """
    values = [s.sizes for s in claim.settings]
    names = [n for n in sizes_of(claim.system) if all(shown(n) in v for v in values)]
    sizes = [(n, [float(v[shown(n)]) for v in values]) for n in names]
    sizes += [
        (Product((a, b), ("",)), [x * y for x, y in zip(p, q, strict=True)])
        for k, (a, p) in enumerate(sizes)
        for b, q in sizes[k:]
    ]
    counted = _counted(claim.system)
    for known in (True, False):
        any_found = False
        for size, numbers in sizes:
            parts = set(size.factors) if isinstance(size, Product) else {size}
            if known and not {shown(p) for p in parts} <= counted:
                continue
            for factor, power in ((inverse_of(size), -1), (size, 1)):
                rests = [r / k**power for r, k in zip(ratios, numbers, strict=True)]
                rest = Fraction(rests[0]).limit_denominator(720)
                same = max(abs(r - float(rest)) for r in rests) <= 1e-9 * abs(rests[0])
                if same and rest.denominator <= 4 and abs(rest.numerator) <= 4:
                    any_found = True
                    yield factor, rest
        if any_found:
            return


def _counted(system: System) -> set[str]:
    """The sizes that stand as numbers in a model's definitions."""
    bodies = [e.body for e in system.all() if e.body is not None]
    return {name for n in walk(*bodies) if isinstance(n, Count) for name in n.whole.names}
