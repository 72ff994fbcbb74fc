"""Subscripts moved or exchanged together: `k_3 (1 - k_1)` for `k_1 (1 - k_3)`, `h_{t-1}` for every `h_t`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from backprove.judge.indices import shifted
from backprove.judge.rewrite import Words, places, rewritten, says
from backprove.judge.trial import Trial
from backprove.model.names import take_apart
from backprove.notation.syntax import Expr, Index

#: different subscripts of one name that are exchanged for each other
MOST = 4


def moved_together(root: Expr, trial: Trial) -> Iterator[tuple[Words, Expr]]:
    """Two subscripts of a family exchanged, or all of them one step further or back.

    First those of one name, then those of all names. Members that a single edit would change
    alone are left to the rule for single subscripts.
    """
    found = _subscripts(root, trial)
    for base, items in found.items():
        if len(items) > 1:
            yield from _exchanged(root, lambda b, base=base: b == base, items, f" of {base}")
    for base, items in found.items():
        if len(items) > 1:
            yield from _stepped(root, trial, lambda b, base=base: b == base, f" of {base}")
    if len(found) > 2:  # `(y_1 - t_1) x_1`, where x alone is right
        for base in found:
            yield from _stepped(
                root, trial, lambda b, base=base: b != base, f" but those of {base}"
            )
    if len(found) > 1:
        every = list(dict.fromkeys(i for items in found.values() for i in items))
        known = set(found)
        yield from _exchanged(root, lambda b: b in known, every, "")
        yield from _stepped(root, trial, lambda b: b in known, "")


def _subscripts(root: Expr, trial: Trial) -> dict[str, list[Expr]]:
    """The different subscripts of each family or vector in a right side."""
    found: dict[str, dict[Expr, None]] = {}
    for place in places(root):
        if isinstance(place.expr, Index) and _member(place.expr, trial):
            found.setdefault(_base(place.expr), {})[place.expr.items[0]] = None
    return {name: list(items) for name, items in found.items() if name}


def _member(expr: Index, trial: Trial) -> bool:
    """Whether this is a member of a family, or a component of a vector, with one subscript."""
    system = trial.scope.system
    target = take_apart(expr, system.names())
    if target is None or target.items != expr.items or len(expr.items) != 1:
        return False
    return any(len(e.index) == 1 or len(e.shape) == 1 for e in system.named(target.base))


def _put(root: Expr, new: Callable[[Index], Expr | None]) -> Expr:
    """A right side with other subscripts."""

    def rule(part: Expr) -> Expr | None:
        return new(part) if isinstance(part, Index) and len(part.items) == 1 else None

    return rewritten(root, rule)


def _base(expr: Index) -> str:
    return getattr(expr.base, "text", "")


def _exchanged(
    root: Expr, ours: Callable[[str], bool], items: list[Expr], of: str
) -> Iterator[tuple[Words, Expr]]:
    for n, a in enumerate(items[:MOST]):
        for b in items[n + 1 : MOST]:
            table = {a: b, b: a}

            def new(part: Index, table: dict[Expr, Expr] = table) -> Expr | None:
                item = part.items[0]
                if not ours(_base(part)) or item not in table:
                    return None
                return replace(part, items=(table[item],))

            yield says("the indices {} and {}{} should be exchanged", a, b, of), _put(root, new)


def _stepped(
    root: Expr, trial: Trial, ours: Callable[[str], bool], of: str
) -> Iterator[tuple[Words, Expr]]:
    system = trial.scope.system
    bound = [b for place in places(root) for b in place.bound]
    letters = [*trial.claim.scope.indices, *dict.fromkeys(bound)]
    for step, word in ((1, "higher"), (-1, "lower")):
        outside = False

        def new(part: Index, step: int = step) -> Expr | None:
            nonlocal outside
            if not ours(_base(part)) or not _member(part, trial):
                return None
            item = shifted(part.items[0], step, letters, system)
            outside = outside or item is None
            return None if item is None else replace(part, items=(item,))

        moved = _put(root, new)
        if not outside:
            yield says("all indices{} should be one {}", of, word), moved
