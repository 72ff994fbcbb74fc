"""Indices and bounds that a writer may have meant instead of those written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction

from backprove.judge.rewrite import everywhere, places, rewritten
from backprove.judge.trial import Trial
from backprove.model.entity import System
from backprove.model.names import take_apart
from backprove.model.scope import Scope
from backprove.model.write_syntax import written_index
from backprove.notation.syntax import (
    Call,
    Compare,
    Expr,
    Index,
    Name,
    Number,
    Product,
    Sum,
    Tag,
)
from backprove.tensor.nodes import Select, Symbol, Test, walk
from backprove.tensor.whole import Whole


def whole_of(expr: Expr, letters: Sequence[str], system: System) -> Whole | None:
    """An index as a polynomial in its letters."""
    scope = Scope(system, {name: Whole.of(name) for name in letters})
    return scope.try_whole(expr)


def shifted(expr: Expr, step: int, letters: Sequence[str], system: System) -> Expr | None:
    """An index, some steps on."""
    whole = whole_of(expr, letters, system)
    if whole is None:
        return None
    moved = whole + step
    if isinstance(moved.constant, int) and moved.constant < 0:
        return None
    return written_index(moved)


def index_edits(expr: Index | Tag, letters: Sequence[str], trial: Trial) -> Iterator[Index | Tag]:
    """A name with one of its indices changed."""
    system = trial.scope.system
    if take_apart(expr, system.names()) is None or not _has_index(expr, system):
        return
    seen = {expr.items}
    for items in _other_items(expr, letters, system):
        if items not in seen:
            seen.add(items)
            yield replace(expr, items=items)
    if isinstance(expr.base, Index | Tag):
        for inner in index_edits(expr.base, letters, trial):
            yield replace(expr, base=inner)


def _has_index(expr: Index | Tag, system: System) -> bool:
    """Whether the subscript is an index, not part of the name (`W_c`)."""
    target = take_apart(expr, system.names())
    return target is not None and bool(target.items)


def _other_items(
    expr: Index | Tag, letters: Sequence[str], system: System
) -> Iterator[tuple[Expr, ...]]:
    items = expr.items
    for n, item in enumerate(items):
        for new in _other_item(item, letters, system):
            yield (*items[:n], new, *items[n + 1 :])
    for n in range(len(items) - 1):
        swapped = list(items)
        swapped[n], swapped[n + 1] = swapped[n + 1], swapped[n]
        yield tuple(swapped)
    yield from _model_items(expr, letters, system)
    yield from _mirrored(expr, letters, system)
    yield from _ends(expr, system)


def _ends(expr: Index | Tag, system: System) -> Iterator[tuple[Expr, ...]]:
    """The last member of a family: `h_T` for `h_t`."""
    target = take_apart(expr, system.names())
    if target is None or len(expr.items) != 1 or not isinstance(expr.items[0], Name):
        return
    for entity in system.named(target.base):
        for r in entity.ranges if len(entity.index) == 1 else ():
            if r.high is not None:
                yield (written_index(r.high),)


def _other_item(item: Expr, letters: Sequence[str], system: System) -> Iterator[Expr]:
    if isinstance(item, Name) and len(item.text) > 1 and set(item.text) <= set(letters):
        # a run of letters: another order, or another letter in one place
        run = item.text
        for n in range(len(run) - 1):
            yield Name(run[:n] + run[n + 1] + run[n] + run[n + 2 :])
        for n in range(len(run)):
            for letter in letters:
                if len(letter) == 1:
                    yield Name(run[:n] + letter + run[n + 1 :])
        return
    for step in (-1, 1):
        new = shifted(item, step, letters, system)
        if new is not None:
            yield new
    if isinstance(item, Name | Number):
        for letter in letters:
            yield Name(letter)
    if isinstance(item, Name):
        for size in sorted(_long_axes(system)):
            yield written_index(Whole.of(item.text) + Whole.of(size))
    if isinstance(item, Number):
        for number in range(5):
            if number != item.value:
                yield Number(Fraction(number), str(number))


def _long_axes(system: System) -> set[str]:
    """The sizes of which longer axes are made (`2m`, `m + n`): parts stacked in them start there."""
    axes = {w for e in system.all() for w in e.shape}
    return {n for w in axes if w.name is None and w.constant is None for n in w.names}


def _mirrored(
    expr: Index | Tag, letters: Sequence[str], system: System
) -> Iterator[tuple[Expr, ...]]:
    """An array read from its other end, as a kernel is in a convolution's derivative."""
    target = take_apart(expr, system.names())
    entity = next((e for e in system.named(target.base) if not e.index), None) if target else None
    if entity is None or len(entity.shape) != len(expr.items):
        return
    wholes = [whole_of(item, letters, system) for item in expr.items]
    if all(w is not None for w in wholes):
        yield tuple(
            written_index(size + 1 - w)
            for size, w in zip(entity.shape, wholes, strict=True)
            if w is not None
        )


def _model_items(
    expr: Index | Tag, letters: Sequence[str], system: System
) -> Iterator[tuple[Expr, ...]]:
    """The indices with which the model itself uses a name."""
    target = take_apart(expr, system.names())
    if target is None:
        return
    for entity in system.all():
        if entity.body is None:
            continue
        for part in walk(entity.body):
            if (
                isinstance(part, Select)
                and isinstance(part.arg, Symbol)
                and part.arg.name == target.base
            ):
                at = [*part.arg.index, *(w for w in part.at if w is not None)]
                if len(at) == len(expr.items) and all(w.names <= set(letters) for w in at):
                    yield tuple(written_index(w) for w in at)


def where_inside(expr: Index | Tag, trial: Trial) -> Expr | None:
    """A component at a moving place such as `x_{2r-2}`, 0 where that lies outside of its array.

    None where no index moves, or the name is no single array.
    """
    system = trial.scope.system
    target = take_apart(expr, system.names())
    if target is None or not isinstance(expr, Index):
        return None
    own = [e for e in system.named(target.base) if not e.index]
    if len(own) != 1 or len(own[0].shape) != len(expr.items):
        return None
    one = Number(Fraction(1), "1")
    conditions: list[Expr] = [
        Compare((one, item, written_index(size)), ("≤", "≤"))
        for item, size in zip(expr.items, own[0].shape, strict=True)
        if not isinstance(item, Name | Number)
    ]
    if not conditions:
        return None
    tests = [Call("indicator", (condition,)) for condition in conditions]
    return Product((*tests, expr), ("",) * len(tests))


def exchanged_letters(root: Expr, trial: Trial) -> Iterator[tuple[str, str, Expr]]:
    """Two of the claim's indices exchanged for each other everywhere."""
    letters = [x for x in trial.claim.scope.indices if len(x) == 1][:4]
    # `ij` is one name in the syntax, also where i is an index of a sum
    every = {*letters, *(b for place in places(root) for b in place.bound)}
    for n, a in enumerate(letters):
        for b in letters[n + 1 :]:
            table = str.maketrans({a: b, b: a})

            def rule(part: Expr, table: dict[int, str] = table) -> Expr | None:
                if isinstance(part, Name) and set(part.text) <= every:
                    return replace(part, text=part.text.translate(table))
                return None

            yield a, b, rewritten(root, rule)


def same_index_edits(root: Expr, trial: Trial) -> Iterator[tuple[Expr, Expr, Expr]]:
    """An index expression of several parts changed wherever it stands: old, new, the whole."""
    system = trial.scope.system
    letters = [*trial.claim.scope.indices, *(n for p in places(root) for n in p.bound)]
    found: dict[Expr, None] = {}
    for place in places(root):
        if isinstance(place.expr, Index | Tag):
            found.update((i, None) for i in place.expr.items if isinstance(i, Sum))
        elif isinstance(place.expr, Compare):
            found.update((o, None) for o in place.expr.operands if isinstance(o, Sum))
    for old in list(found)[:4]:
        whole = whole_of(old, letters, system)
        if whole is None:
            continue
        for other in dict.fromkeys(_other_wholes(whole, letters, system)):
            new = written_index(other)
            yield old, new, everywhere(root, old, new)


def _other_wholes(whole: Whole, letters: Sequence[str], system: System) -> Iterator[Whole]:
    """What may have been meant by an index such as `2(r-1) + i`."""
    yield from (whole + step for step in (1, -1, 2, -2))
    yield from (w for w in _model_wholes(system) if w.names <= set(letters))
    for name in sorted(whole.names & set(letters)):
        c = whole.coefficient(name)
        if c is None:
            continue
        for d in dict.fromkeys((1, -1, c, -c)):  # another stride
            yield whole + (Whole.of(name) - 1) * d
            yield whole + Whole.of(name) * d
        turned = whole - Whole.of(name) * (2 * c)  # the other way round
        yield from (turned + step for step in range(-4, 5))
    yield from (-whole + step for step in range(-4, 5))


def _model_wholes(system: System) -> list[Whole]:
    """The index expressions of several letters in the model."""
    found: dict[Whole, None] = {}
    for entity in system.all():
        if entity.body is None:
            continue
        for part in walk(entity.body):
            wholes: Sequence[Whole | None] = ()
            if isinstance(part, Select):
                wholes = part.at
            elif isinstance(part, Test):
                wholes = (part.left, part.right)
            found.update((w, None) for w in wholes if w is not None and len(w.names) > 1)
    return list(found)


def same_items_edits(root: Expr, trial: Trial) -> Iterator[tuple[Expr, Expr, Expr]]:
    """The same indices of several arrays changed together: `C[1,2] P[1,2]`."""
    system = trial.scope.system
    letters = [*trial.claim.scope.indices, *(n for p in places(root) for n in p.bound)]
    groups: dict[tuple[Expr, ...], list[Index]] = {}
    for place in places(root):
        if isinstance(place.expr, Index) and _has_index(place.expr, system):
            groups.setdefault(place.expr.items, []).append(place.expr)
    for items, found in groups.items():
        if len({e.base for e in found}) < 2:
            continue
        others: list[tuple[Expr, ...]] = []
        for n, item in enumerate(items):
            for step in (-1, 1):
                new = shifted(item, step, letters, system)
                if new is not None:
                    others.append((*items[:n], new, *items[n + 1 :]))
            if n:
                swapped = list(items)
                swapped[n - 1], swapped[n] = swapped[n], swapped[n - 1]
                others.append(tuple(swapped))
            if isinstance(item, Name) and len(item.text) == 2 and set(item.text) <= set(letters):
                others.append((*items[:n], Name(item.text[::-1]), *items[n + 1 :]))
        for other in others:

            def rule(
                part: Expr, items: tuple[Expr, ...] = items, new: tuple[Expr, ...] = other
            ) -> Expr | None:
                if isinstance(part, Index) and part.items == items:
                    return replace(part, items=new)
                return None

            yield found[0], replace(found[0], items=other), rewritten(root, rule)
