"""Bounds of sums and products that a writer may have meant instead of those written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from backprove.judge.indices import shifted
from backprove.judge.rewrite import Words, places, rewritten, says
from backprove.judge.trial import Trial
from backprove.model.entity import System
from backprove.model.meaning import binding, meaning
from backprove.model.names import take_apart
from backprove.model.scope import Scope
from backprove.model.value import NoMeaning
from backprove.model.write_syntax import written_index
from backprove.notation.syntax import Big, Binder, Compare, Expr, Index, Name, Number, Sum
from backprove.tensor.whole import Whole

#: letters for a sum that the writer left out
LETTERS = "tkijlrs"


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
