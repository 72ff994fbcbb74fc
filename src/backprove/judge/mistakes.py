"""The kind of a mistake (NOTATION 6): which wrong rule, undone, makes the claim true?"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain

import numpy as np

from backprove.compute.errors import EvaluationError
from backprove.judge.adjoint_lines import wrong_line
from backprove.judge.assumptions import assumed
from backprove.judge.changes import Change, changes
from backprove.judge.combine import Array
from backprove.judge.factors import missing_factors, missing_terms, other_names, wrong_slopes
from backprove.judge.inner_terms import inner_terms
from backprove.judge.link import Side
from backprove.judge.losses import lost
from backprove.judge.own_lines import opened, owner, redefined
from backprove.judge.probes import groups, probes_of
from backprove.judge.ratios import Mistake, ratio
from backprove.judge.readings import OutOfTime
from backprove.judge.residue import (
    coefficients,
    further_terms,
    missing_piece,
    pairs,
    scalar_multiple,
)
from backprove.judge.rewrite import says, shown
from backprove.judge.rules import FIRST, LATER, RARE
from backprove.judge.small_trial import SmallTrial
from backprove.judge.trial import Trial
from backprove.judge.world import EQUAL
from backprove.judge.wrong_claim import OutOfBudget, WrongClaim
from backprove.judge.wrong_rules import Rules, Suspect
from backprove.model.value import NoMeaning
from backprove.notation.syntax import Derivative, Index, Name, Tag
from backprove.tensor.build import ShapeError


def name_mistake(claim: WrongClaim) -> Mistake:
    """The mistake of a wrong claim; `other` where none of the rules explains it."""
    trial: Trial | None = None
    found: Mistake | None = None
    for stage in STAGES:
        try:
            if trial is None:
                found = ratio(claim)
                trial = Trial(claim) if claim.fits else SmallTrial(claim)
            found = found or stage(claim, trial)
        except OutOfBudget:
            break
        except (NoMeaning, EvaluationError, OutOfTime, ShapeError, ArithmeticError):
            continue
        except RecursionError:  # what was changed grew too deep: that is not the claim's fault
            continue
        except Exception:  # a rule's fault must not cost the verdict, which is known
            if os.environ.get("BACKPROVE_DEBUG"):
                raise
            continue
        if found is not None:
            return found
    return Mistake("other", "the two sides differ", claim.right.span)


Stage = Callable[[WrongClaim, Trial], Mistake | None]


def _first(claim: WrongClaim, trial: Trial) -> Mistake | None:
    return _tried(changes(claim.right, trial, FIRST), trial)


def _later(claim: WrongClaim, trial: Trial) -> Mistake | None:
    return _tried(changes(claim.right, trial, LATER), trial)


def _rare(claim: WrongClaim, trial: Trial) -> Mistake | None:
    return _tried(changes(claim.right, trial, RARE), trial)


def _factors(claim: WrongClaim, trial: Trial) -> Mistake | None:
    return _tried(missing_factors(claim.right, trial), trial)


def _slopes(claim: WrongClaim, trial: Trial) -> Mistake | None:
    return _tried(wrong_slopes(claim.right, trial), trial)


def _lost(claim: WrongClaim, trial: Trial) -> Mistake | None:
    """A term or factor of the truth that the claim has lost."""
    found = lost(trial)
    if found is None:
        return None
    kind, sentence, truth = found
    return Mistake(kind, str(sentence), claim.right.span, truth)


def _names(claim: WrongClaim, trial: Trial) -> Mistake | None:
    return _tried(other_names(claim.right, trial), trial)


def _inner_terms(claim: WrongClaim, trial: Trial) -> Mistake | None:
    return _tried(inner_terms(claim.right, trial), trial)


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
    if found is None or (found[1] is not None and not trial.holds(found[1])):
        return None
    return Mistake("missing-term", found[0], claim.right.span, found[1])


def _second_term(claim: WrongClaim, trial: Trial) -> Mistake | None:
    """A further term like one of the claim's, with another index."""
    for extra, fixed in further_terms(claim.right, trial):
        if trial.holds(fixed):
            words = f"the term {shown(extra)} is missing"
            return Mistake("missing-term", words, claim.right.span, fixed)
    return None


def _some_term(claim: WrongClaim, trial: Trial) -> Mistake | None:
    found = missing_piece(claim.right, trial, constant=False) if claim.fits else None
    return None if found is None else Mistake("missing-term", found[0], claim.right.span)


def _elsewhere(claim: WrongClaim, trial: Trial) -> Mistake | None:
    """A claim about components that holds where they are not 0, and says nothing of the others."""
    if not claim.fits or not claim.strict or claim.other is None or not claim.grid.axes:
        return None
    said = trial.setting.array(claim.other.node, claim.grid)
    truth = trial.setting.array(claim.value.node, claim.grid)
    if said.shape[1:] != truth.shape[1:]:
        said = np.broadcast_to(said, truth.shape)
    size = float(np.nanmax(np.abs(truth), initial=0))
    same = np.abs(truth - said) <= EQUAL * size
    holds = (same & (truth != 0)).all(axis=0)
    if not size or not holds.any() or not (same | (truth == 0) | np.isnan(said)).all():
        return None
    fails = (truth == 0).all(axis=0) & ~same.all(axis=0)
    if not fails.any():
        return None
    ranges = claim.grid.ranges(trial.setting.sizes)
    written = {w.name: name for name, w in claim.scope.indices.items()}

    def at(where: Array) -> str:
        spot = np.argwhere(where)[0]
        names = [written.get(name, name) for name, _, _ in claim.grid.axes]
        return ", ".join(f"{n} = {r[i]}" for n, r, i in zip(names, ranges, spot, strict=False))

    words = f"this holds only where it is not 0, as at {at(holds)}: at {at(fails)} it is 0"
    return Mistake("missing-factor", words, claim.right.span)


def _multiple(claim: WrongClaim, trial: Trial) -> Mistake | None:
    if not claim.fits or not scalar_multiple(claim.right, trial):
        return None
    words = "the right side is off by a factor that depends on the values"
    return Mistake("missing-factor", words, claim.right.span)


def _swapped(claim: WrongClaim, trial: Trial) -> Mistake | None:
    """The mistake in a left side that is more than one quantity."""
    if (
        not claim.fits
        or claim.other is None
        or isinstance(claim.left, Derivative | Name | Index | Tag)
    ):
        return None
    other = replace(
        claim,
        left=claim.right,
        right=claim.left,
        value=claim.other,
        other=claim.value,
        truth=Side.of(claim.other, claim.settings, claim.grid),
    )
    other.until = claim.until
    found = _first(other, Trial(other))
    return None if found is None else replace(found, fixed=None)


def _pairs(claim: WrongClaim, trial: Trial) -> Mistake | None:
    """Two changes of one kind in two terms: their effects add up."""
    for first, second, fixed in pairs(claim.right, trial):
        if trial.everywhere(fixed):
            words = f"{first.sentence}; and {second.sentence}"
            return Mistake(first.kind, words, first.span, fixed)
    return None


def _own_lines(claim: WrongClaim, trial: Trial) -> Mistake | None:
    """A mistake in the writer's own definitions."""
    if not claim.definitions:
        return None
    line = wrong_line(claim)
    if line is not None:
        return Mistake(line.kind, line.sentence, claim.right.span, latex=line.latex)
    root = opened(claim.right, claim.definitions)
    if root is not claim.right:
        for found in (
            changes(root, trial, FIRST),
            wrong_slopes(root, trial),
            changes(root, trial, LATER),
            missing_factors(root, trial),
        ):
            mistake = _tried(found, trial, claim)
            if mistake is not None:
                return mistake
    for change, name, system in redefined(claim, trial):
        claim.spend()
        if trial.under(system).holds(claim.right):
            return Mistake(
                change.kind, f"in the line for {name}, {change.sentence}", claim.right.span
            )
    return None


def _tried(
    found: Iterator[Change], trial: Trial, lines: WrongClaim | None = None
) -> Mistake | None:
    """The first change that makes the claim true; one that needs no other layout before all.

    With `lines` the changes are made to the writer's own lines as well.
    """
    second: Mistake | None = None
    for change, how in _effects(found, trial, lines is None):
        if not how:
            continue
        if lines is not None:
            name = owner(change, lines.definitions)
            if name:
                sentence = says("in the line for {}, {}", name, str(change.sentence))
                change = replace(change, sentence=sentence, span=lines.right.span)
        mistake = Mistake(change.kind, str(change.sentence), change.span, change.root)
        if how == "straight":
            return mistake
        second = second or mistake
    return second


def _effects(found: Iterator[Change], trial: Trial, own: bool) -> Iterator[tuple[Change, str]]:
    """Each change with whether it makes the claim true; `own` are changes of the claim itself."""
    if trial.probes is None:
        trial.probes = probes_of(trial)
    for group in groups(found):
        arrays: list[Array | None] = [None] * len(group)
        if trial.probes is not None:
            trial.claim.spend()
            arrays = trial.probes.effects(group)
        for change, array in zip(group, arrays, strict=True):
            if array is None:
                how = trial.change_holds(change.root) if own else trial.holds(change.root)
                array = trial.last
            else:
                how = trial.everywhere(change.root) if trial.matches_some(array) else ""
            if own and array is not None:
                trial.log.append((change, array))
            yield change, how


def _wrong_rules(claim: WrongClaim, trial: Trial) -> Mistake | None:
    return _suspected(Rules(trial).likely(), claim, trial)


def _rare_rules(claim: WrongClaim, trial: Trial) -> Mistake | None:
    return _suspected(Rules(trial).rare(), claim, trial)


def _suspected(suspects: Iterator[Suspect], claim: WrongClaim, trial: Trial) -> Mistake | None:
    """The wrong rule that gives what the claim says, at all values of its indices if possible."""
    here: Mistake | None = None
    elsewhere: list[Trial] | None = None
    for suspect in suspects:
        claim.spend()
        array = suspect.value()
        if array is None or not trial.equals_said(array):
            continue
        mistake = Mistake(suspect.kind, suspect.sentence, claim.right.span)
        if elsewhere is None:
            elsewhere = list(trial.elsewhere())
        if all(_same_there(suspect, other) for other in elsewhere):
            return mistake
        here = here or mistake
    return here


def _same_there(suspect: Suspect, trial: Trial) -> bool:
    """Whether a wrong rule gives what the claim says at another value of its indices, too."""
    rules = Rules(trial)
    for other in chain(rules.likely(), rules.rare()):
        if other.sentence == suspect.sentence:
            array = other.value()
            return array is None or trial.equals_said(array)
    return True


STAGES: tuple[Stage, ...] = (
    _coefficients, _first, _slopes, _later, _pieces, _second_term, _wrong_rules, _names, _inner_terms, _own_lines,
    _lost, _swapped, _rare, _factors, _rare_rules, _assumption, _pairs, _elsewhere, _terms, _multiple, _some_term,
)  # fmt: skip
