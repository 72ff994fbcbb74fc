"""The kind of a mistake (NOTATION 6): which wrong rule, undone, makes the claim true?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from backprove.compute.errors import EvaluationError
from backprove.judge.assumptions import assumed
from backprove.judge.changes import FIRST, LATER, Change, changes
from backprove.judge.factors import missing_factors, missing_terms, other_names, wrong_slopes
from backprove.judge.link import Side, agree
from backprove.judge.residue import coefficients, missing_piece, scalar_multiple
from backprove.judge.trial import OutOfBudget, SmallTrial, Trial, WrongClaim
from backprove.judge.world import EQUAL
from backprove.judge.wrong_rules import Rules
from backprove.model.value import NoMeaning
from backprove.notation.syntax import Derivative, Expr, Index, Name, Span, Tag
from backprove.tensor.build import ShapeError


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong: the kind, one sentence, the place, and the right side that undoes it."""

    kind: str
    sentence: str
    place: Span | None = None
    fixed: Expr | None = None


def name_mistake(claim: WrongClaim) -> Mistake:
    """The mistake of a wrong claim; `other` where none of the rules explains it."""
    trial: Trial | None = None
    found: Mistake | None = None
    for stage in STAGES:
        try:
            if trial is None:
                found = _ratio(claim)
                trial = Trial(claim) if claim.fits else SmallTrial(claim)
            found = found or stage(claim, trial)
        except OutOfBudget:
            break
        except (NoMeaning, EvaluationError, ShapeError, ArithmeticError):
            continue
        if found is not None:
            return found
    return Mistake("other", "the two sides differ", claim.right.span)


Stage = Callable[[WrongClaim, Trial], Mistake | None]


def _ratio(claim: WrongClaim) -> Mistake | None:
    """`sign` or `factor` where one side is a constant multiple of the other."""
    if not claim.fits or claim.other is None:
        return None
    said = Side.of(claim.other, claim.settings, claim.grid)
    span = claim.right.span
    if agree(claim.truth.arrays, [-a for a in said.arrays], claim.strict) <= EQUAL:
        return Mistake("sign", "the sign of the whole right side is wrong", span)
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
    shown = f"{ratios[0]:.6g}"
    same = max(ratios) - min(ratios) <= 1e-9 * abs(ratios[0])
    words = (
        f"the right side must be multiplied by {shown}"
        if same
        else ("the right side is off by a factor that depends on the sizes only")
    )
    return Mistake("factor", words, span)


def _first(claim: WrongClaim, trial: Trial) -> Mistake | None:
    return _tried(changes(claim.right, trial, FIRST), trial)


def _later(claim: WrongClaim, trial: Trial) -> Mistake | None:
    return _tried(changes(claim.right, trial, LATER), trial)


def _factors(claim: WrongClaim, trial: Trial) -> Mistake | None:
    return _tried(missing_factors(claim.right, trial), trial)


def _slopes(claim: WrongClaim, trial: Trial) -> Mistake | None:
    return _tried(wrong_slopes(claim.right, trial), trial)


def _names(claim: WrongClaim, trial: Trial) -> Mistake | None:
    return _tried(other_names(claim.right, trial), trial)


def _terms(claim: WrongClaim, trial: Trial) -> Mistake | None:
    return _tried(missing_terms(claim.right, trial), trial)


def _assumption(claim: WrongClaim, trial: Trial) -> Mistake | None:
    found = assumed(claim, trial)
    if found is None:
        return None
    return Mistake("assumption", f"this is true only if {found[1]}", claim.right.span)


def _coefficients(claim: WrongClaim, trial: Trial) -> Mistake | None:
    found = coefficients(claim.right, trial) if claim.fits else None
    if found is None or not trial.holds(found[3]):
        return None
    return Mistake(*found)


def _pieces(claim: WrongClaim, trial: Trial) -> Mistake | None:
    found = missing_piece(claim.right, trial) if claim.fits else None
    if found is None or found[1] is not None and not trial.holds(found[1]):
        return None
    return Mistake("missing-term", found[0], claim.right.span, found[1])


def _multiple(claim: WrongClaim, trial: Trial) -> Mistake | None:
    if not claim.fits or not scalar_multiple(claim.right, trial):
        return None
    words = "the right side is off by a factor that depends on the values"
    return Mistake("missing-factor", words, claim.right.span)


def _swapped(claim: WrongClaim, trial: Trial) -> Mistake | None:
    """The mistake in a left side that is more than one quantity."""
    if not claim.fits or claim.other is None or isinstance(claim.left, Derivative | Name | Index | Tag):
        return None
    other = replace(
        claim, left=claim.right, right=claim.left, value=claim.other, other=claim.value,
        truth=Side.of(claim.other, claim.settings, claim.grid),
    )
    found = _first(other, Trial(other))
    return None if found is None else replace(found, fixed=None)


def _tried(found: Iterator[Change], trial: Trial) -> Mistake | None:
    """The first change that makes the claim true; one that needs no other layout before all."""
    second: Mistake | None = None
    for change in found:
        how = trial.holds(change.root)
        if how:
            mistake = Mistake(change.kind, change.sentence, change.span, change.root)
            if how == "straight":
                return mistake
            second = second or mistake
    return second


def _wrong_rules(claim: WrongClaim, trial: Trial) -> Mistake | None:
    for suspect in Rules(trial).all():
        claim.spend()
        array = suspect.value()
        if array is not None and trial.equals_said(array):
            return Mistake(suspect.kind, suspect.sentence, claim.right.span)
    return None


STAGES: tuple[Stage, ...] = (
    _coefficients, _first, _slopes, _later, _pieces, _wrong_rules, _names, _factors, _assumption,
    _terms, _swapped, _multiple,
)  # fmt: skip
