"""Indices and bounds that a writer may have meant instead of those written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction

from backprove.judge.rewrite import Words, everywhere, places, rewritten, says
from backprove.judge.trial import Trial
from backprove.model.entity import System
from backprove.model.meaning import binding, meaning
from backprove.model.names import take_apart
from backprove.model.scope import Scope
from backprove.model.value import NoMeaning
from backprove.model.write_syntax import written_index
from backprove.notation.syntax import (
    Big,
    Binder,
    Compare,
    Expr,
    Index,
    Name,
    Number,
    Sum,
    Tag,
)
from backprove.tensor.nodes import Select, Symbol, Test, walk
from backprove.tensor.whole import Whole

#: letters for a sum that the writer left out
LETTERS = "tkijlrs"


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


def exchanged_letters(root: Expr, trial: Trial) -> Iterator[tuple[str, str, Expr]]:
    """Two of the claim's indices exchanged for each other everywhere."""
    letters = [x for x in trial.claim.scope.indices if len(x) == 1][:4]
    for n, a in enumerate(letters):
        for b in letters[n + 1 :]:
            table = str.maketrans({a: b, b: a})

            def rule(part: Expr, table: dict[int, str] = table) -> Expr | None:
                if isinstance(part, Name) and set(part.text) <= set(letters):
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
        for other in others:

            def rule(
                part: Expr, items: tuple[Expr, ...] = items, new: tuple[Expr, ...] = other
            ) -> Expr | None:
                if isinstance(part, Index) and part.items == items:
                    return replace(part, items=new)
                return None

            yield found[0], replace(found[0], items=other), rewritten(root, rule)


# --- bounds ---------------------------------------------------------------------------------------


def with_bounds(
    expr: Big, letters: Sequence[str], trial: Trial, around: Sequence[str]
) -> Iterator[tuple[Big, Words]]:
    """A sum or product with another start or end, or without its condition."""
    system = trial.scope.system
    if expr.condition is not None:
        yield replace(expr, condition=None), says("go without the condition {}", expr.condition)
        if isinstance(expr.condition, Compare):
            for n, op in enumerate(expr.condition.ops):
                other = {"<": "≤", "≤": "<", ">": "≥", "≥": ">", "≠": "="}.get(op)
                if other is not None:
                    ops = (*expr.condition.ops[:n], other, *expr.condition.ops[n + 1 :])
                    changed = replace(expr.condition, ops=ops)
                    yield replace(expr, condition=changed), says("be over {}", changed)
    else:
        for condition in _exceptions(expr):
            yield replace(expr, condition=condition), says("be over {} only", condition)
    for n, binder in enumerate(expr.binders):
        for new, words in _other_bounds(binder, expr, letters, system, trial, around):
            binders = (*expr.binders[:n], new, *expr.binders[n + 1 :])
            yield replace(expr, binders=binders), words


def _exceptions(expr: Big) -> Iterator[Expr]:
    """`j ≠ i` for the other indices that stand in a sum."""
    items: dict[Expr, None] = {}
    for place in places(expr.body):
        if isinstance(place.expr, Index):
            items.update((i, None) for i in place.expr.items if isinstance(i, Name | Number))
    for binder in expr.binders[:1]:
        for item in list(items)[:4]:
            if item != Name(binder.name):
                yield Compare((Name(binder.name), item), ("≠",))


def _other_bounds(
    binder: Binder,
    expr: Big,
    letters: Sequence[str],
    system: System,
    trial: Trial,
    around: Sequence[str],
) -> Iterator[tuple[Binder, Words]]:
    low, high = binder.low, binder.high
    natural = _natural(binder, expr, trial, around)
    if low is not None:
        options = [shifted(low, step, letters, system) for step in (-1, 1)]
        options += [natural[0]] if natural else []
        for new in options:
            if new is not None and new != low:
                yield replace(binder, low=new), says("start at {} = {}", binder.name, new)
    if high is not None:
        options = [shifted(high, step, letters, system) for step in (1, -1)]
        options += [natural[1]] if natural else []
        for new in options:
            if new is not None and new != high:
                yield replace(binder, high=new), says("stop at {} = {}", binder.name, new)
    if natural and low is not None and high is not None:
        new_low, new_high = natural
        if new_low != low and new_high != high:
            yield (
                replace(binder, low=new_low, high=new_high),
                says("run over {} = {}..{}", binder.name, new_low, new_high),
            )
    for letter in letters:
        if letter != binder.name and letter not in {b.name for b in expr.binders}:
            if low is not None:
                yield (
                    replace(binder, low=Name(letter)),
                    says("start at {} = {}", binder.name, letter),
                )
            if high is not None:
                yield (
                    replace(binder, high=Name(letter)),
                    says("stop at {} = {}", binder.name, letter),
                )


def _natural(
    binder: Binder, expr: Big, trial: Trial, around: Sequence[str]
) -> tuple[Expr, Expr] | None:
    """The whole range of an index: where it is used plainly."""
    scope = Scope(
        trial.scope.system,
        {**trial.claim.scope.indices, **{n: Whole.of(n) for n in around}},
    )
    try:
        with binding(expr, scope):
            meaning(expr.body, scope)
            uses = scope.uses.get(scope.inner_name(binder.name), [])
    except NoMeaning:
        return None
    for use in uses:
        if use.low is not None and use.high is not None:
            return written_index(use.low), written_index(use.high)
    return None


def drawn_back(expr: Big) -> Big | None:
    """A product over an index, taken from its other end."""
    if len(expr.binders) != 1:
        return None
    binder = expr.binders[0]
    if binder.low is None or binder.high is None:
        return None
    turned = Sum(((1, binder.low), (1, binder.high), (-1, Name(binder.name))))
    body = rewritten(expr.body, lambda part: turned if part == Name(binder.name) else None)
    return replace(expr, body=body)


# --- a sum over steps that was left out -------------------------------------------------------------


def over_steps(root: Expr, trial: Trial) -> Iterator[tuple[Expr, Words]]:
    """`(o_3 - y_3) h_3^T` as the sum over all steps of such terms."""
    system = trial.scope.system
    numbers: dict[Expr, None] = {}
    ranges: dict[Expr, tuple[Whole, Whole]] = {}
    for place in places(root):
        if not isinstance(place.expr, Index) or len(place.expr.items) != 1:
            continue
        target = take_apart(place.expr, system.names())
        item = place.expr.items[0]
        if target is None or not isinstance(item, Number | Name) or not target.items:
            continue
        for entity in system.named(target.base):
            if len(entity.index) == 1 and entity.ranges:
                r = entity.ranges[0]
                if r.low is not None and r.high is not None:
                    numbers[item] = None
                    ranges[item] = (r.low, r.high)
        if target.base in system.names() and isinstance(item, Number):
            entity = next((e for e in system.named(target.base) if not e.index), None)
            if entity is not None and len(entity.shape) == 1 and item not in ranges:
                numbers[item] = None
                ranges[item] = (Whole.of(1), entity.shape[0])
    used = {n.text for p in places(root) if isinstance(n := p.expr, Name)}
    letter = next(
        (x for x in LETTERS if x not in used | system.names() | set(trial.claim.scope.indices)),
        None,
    )
    if letter is None:
        return
    for number in numbers:

        def rule(part: Expr, number: Expr = number) -> Expr | None:
            if isinstance(part, Index) and part.items == (number,):
                return replace(part, items=(Name(letter),))
            return None

        body = rewritten(root, rule)
        low, high = ranges[number]
        binder = Binder(letter, written_index(low), written_index(high))
        sign = 1
        if isinstance(body, Sum):
            if len(body.terms) != 1:
                continue
            ((sign, body),) = body.terms
        words = says("the sum over all steps is missing: only step {} is there", number)
        whole = Big("sum", (binder,), body)
        for big in (whole, *(replace(whole, condition=c) for c in _exceptions(whole))):
            yield (big if sign > 0 else Sum(((-1, big),))), words
