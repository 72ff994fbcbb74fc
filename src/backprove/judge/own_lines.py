"""Mistakes that a writer's own definitions bring into a claim (`δ_2 = …`, then `∂E/∂W = … δ_2 …`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from backprove.judge.changes import Change, changes
from backprove.judge.pool import put
from backprove.judge.rewrite import places, rewritten, shown
from backprove.judge.rules import FIRST, LATER
from backprove.judge.trial import Trial
from backprove.judge.wrong_claim import WrongClaim
from backprove.model.definitions import define
from backprove.model.entity import System
from backprove.model.names import take_apart
from backprove.model.value import NoMeaning
from backprove.notation.syntax import Derivative, Expr, Index, Name, Relation, Space, Tag

#: changes of one definition that are tried by defining it anew
MOST = 120


def opened(root: Expr, definitions: Sequence[Relation]) -> Expr:
    """A right side with the writer's own lines put in the place of their names."""
    known: dict[Expr, Expr] = {}
    families: list[tuple[Expr, str, Expr]] = []

    def rule(part: Expr) -> Expr | None:
        if part in known:
            return known[part]
        if isinstance(part, Index | Tag) and len(part.items) == 1:
            for base, letter, body in families:
                if part.base == base:
                    return put(body, letter, part.items[0])
        return None

    for line in definitions:
        left, right = line.sides[0], line.sides[1]
        if isinstance(left, Space) or isinstance(right, (Space, Derivative)):
            continue
        body = rewritten(right, rule)
        letters = {r.name for r in line.ranges}
        if isinstance(left, Index | Tag) and len(left.items) == 1:
            item = left.items[0]
            if isinstance(item, Name) and (item.text in letters or len(item.text) == 1):
                used = {p.expr.base for p in places(body) if isinstance(p.expr, Index | Tag)}
                if left.base not in used:
                    families.append((left.base, item.text, body))
                continue
        known[left] = body
    return rewritten(root, rule)


def owner(change: Change, definitions: Sequence[Relation]) -> str:
    """The writer's line in which a change was made, in words; empty for the claim itself."""
    for line in definitions:
        left, right = line.sides[0], line.sides[1]
        if isinstance(left, Space) or isinstance(right, Space):
            continue
        if any(p.expr.span == change.span and p.expr == change.part for p in places(right)):
            return shown(left)
    return ""


def redefined(claim: WrongClaim, trial: Trial) -> Iterator[tuple[Change, str, System]]:
    """Each line of the writer's with one change: the change, the line's name, and the new system."""
    for number, line in enumerate(claim.definitions):
        left, right = line.sides[0], line.sides[1]
        if isinstance(left, Space) or isinstance(right, (Space, Derivative)):
            continue
        target = take_apart(left, frozenset())
        if target is None or not _used(left, claim.right, claim.definitions):
            continue
        bound = tuple(
            item.text for item in target.items if isinstance(item, Name) and len(item.text) == 1
        )
        for tried, change in enumerate(changes(right, trial, FIRST + LATER, bound), 1):
            if tried > MOST:
                break
            lines = list(claim.definitions)
            lines[number] = replace(line, sides=(left, change.root, *line.sides[2:]))
            system = _system(lines, claim.world.system)
            if system is not None:
                yield change, shown(left), system


def _used(left: Expr, root: Expr, definitions: Sequence[Relation]) -> bool:
    """Whether a line's name stands in the claim, or in another line."""
    base: Callable[[Expr], Expr] = lambda e: e.base if isinstance(e, Index | Tag) else e  # noqa: E731
    name = base(left)
    texts = [root, *(d.sides[1] for d in definitions)]
    return any(base(p.expr) == name for t in texts if not isinstance(t, Space) for p in places(t))


def _system(lines: Sequence[Relation], base: System) -> System | None:
    system = System(base=base)
    try:
        for line in lines:
            define(line, system, 0, claim=True)
    except NoMeaning:
        return None
    return system
