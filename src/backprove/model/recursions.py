"""Recursions as people write them: `δ_{t-1} = Wᵀ δ_t`, and a rule beside its first member.

The rule for `δ_{t-1}` is that for `δ_t` with t one higher; beside `δ_4 = …` a rule without a range
is for the members before it, or after it where it looks back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass, replace
from fractions import Fraction
from typing import cast

from backprove.model.entity import Entity, IndexRange, System
from backprove.model.names import take_apart
from backprove.notation.syntax import Big, Expr, Name, Number, Range, Relation, Space, Sum
from backprove.tensor.nodes import Node, Symbol, walk
from backprove.tensor.whole import Whole


def unshifted(relation: Relation, system: System) -> Relation:
    """The relation with `t` in the place of `t - 1` in the index on its left; itself if there is none.

    An index that stands there beside others of the same letter stays as it is.
    """
    left, *rest = relation.sides
    target = None if isinstance(left, Space) else take_apart(left, system.names())
    items = target.items if target is not None else ()
    for item in items:
        letter, shift = _shift(item, relation.ranges, system)
        if not letter or sum(letter in _names(other) for other in items) > 1:
            continue
        own, moved = Name(letter), _plus(Name(letter), -shift)

        def exchanged(part: object, item: Expr = item, own: Name = own) -> object | None:
            return own if part is item else None

        def put(part: object, own: Name = own, moved: Expr = moved) -> object | None:
            if isinstance(part, Big) and any(b.name == own.text for b in part.binders):
                return part
            return moved if part == own else None

        first = cast(Expr, _rewritten(left, exchanged))
        ranges = tuple(
            replace(r, low=_plus(r.low, shift), high=_plus(r.high, shift))
            if r.name == letter
            else r
            for r in relation.ranges
        )
        sides = (first, *(cast("Expr | Space", _rewritten(side, put)) for side in rest))
        return unshifted(replace(relation, sides=sides, ranges=ranges), system)
    return relation


def beside(name: str, ranges: Sequence[IndexRange], body: Node, system: System) -> IndexRange:
    """The range of a rule without one, beside members that were given by themselves."""
    (r,) = ranges
    letter = Whole.of(r.name)
    given = [
        e.index[0] for e in system.entities.get(name, []) if len(e.index) == 1 and not e.ranges
    ]
    gaps = [
        gap
        for n in walk(body)
        if isinstance(n, Symbol) and n.name == name and len(n.index) == 1
        if (gap := (n.index[0] - letter).constant) is not None
    ]
    low, high = r.low, r.high
    if low is None and high is None and not gaps:
        low, high = _where(name, letter, body, system)
    elif low is not None and high is not None and not gaps and not given:
        # h_0 is given beside h_1 … h_T: what is said of h_t is said of it, too
        first, _ = _where(name, letter, body, system)
        low = low if first is None else _lesser(low, first)
    ends = [s for e in system.all() for s in e.ranges if s.low is not None and s.high is not None]
    for at in given:
        if any(gap < 0 for gap in gaps) or (not gaps and low is not None and at == low):
            low = _greater(low, at + 1)
        elif any(gap > 0 for gap in gaps) or (not gaps and high is not None and at == high):
            high = _lesser(high, at - 1)
    if low is None and ends:
        low = ends[0].low
    if high is None and ends:
        high = ends[0].high
    return IndexRange(r.name, low, high)


def _where(
    name: str, letter: Whole, body: Node, system: System
) -> tuple[Whole | None, Whole | None]:
    """For which values of a letter the members of families exist that a body uses."""
    low: Whole | None = None
    high: Whole | None = None
    for n in walk(body):
        if not isinstance(n, Symbol) or n.name == name or len(n.index) != 1:
            continue
        gap = (n.index[0] - letter).constant
        spans = [s for e in system.named(n.name) for s in e.ranges if len(e.index) == 1]
        given = [e.index[0] for e in system.named(n.name) if len(e.index) == 1 and not e.ranges]
        if gap is None or len(spans) != 1 or spans[0].low is None or spans[0].high is None:
            continue
        first = spans[0].low - 1 if spans[0].low - 1 in given else spans[0].low
        low, high = _greater(low, first - gap), _lesser(high, spans[0].high - gap)
    return low, high


def only_members(entities: Sequence[Entity]) -> bool:
    """Whether all that is known of a family are members given by themselves."""
    return bool(entities) and all(e.index and not e.ranges for e in entities)


def _greater(a: Whole | None, b: Whole) -> Whole:
    gap = None if a is None else (a - b).constant
    return a if a is not None and gap is not None and gap > 0 else b


def _lesser(a: Whole | None, b: Whole) -> Whole:
    gap = None if a is None else (a - b).constant
    return a if a is not None and gap is not None and gap < 0 else b


def _shift(item: Expr, ranges: Sequence[Range], system: System) -> tuple[str, int]:
    """The letter and the number of `t - 1`, where t runs; nothing for another index."""
    if not isinstance(item, Sum):
        return "", 0
    letters = [(sign, term) for sign, term in item.terms if isinstance(term, Name)]
    numbers = [(sign, term) for sign, term in item.terms if isinstance(term, Number)]
    if len(letters) != 1 or len(letters) + len(numbers) != len(item.terms) or letters[0][0] < 0:
        return "", 0
    (_, letter) = letters[0]
    assert isinstance(letter, Name)
    runs = any(r.name == letter.text for r in ranges)
    unknown = len(letter.text) == 1 and letter.text.islower() and not system.named(letter.text)
    if not runs and (not unknown or system.is_size(letter.text)):
        return "", 0
    shift = sum(sign * number.value for sign, number in numbers)
    return (letter.text, int(shift)) if shift and shift.denominator == 1 else ("", 0)


def _names(expr: object) -> set[str]:
    found: set[str] = set()

    def note(part: object) -> object | None:
        if isinstance(part, Name):
            found.add(part.text)
        return None

    _rewritten(expr, note)
    return found


def _rewritten(part: object, rule: Callable[[object], object | None]) -> object:
    """The tree with a rule applied to every part from above."""
    found = rule(part)
    if found is not None:
        return found
    if isinstance(part, tuple):
        return tuple(_rewritten(p, rule) for p in cast("tuple[object, ...]", part))
    if is_dataclass(part) and not isinstance(part, type):
        inner = {f.name: getattr(part, f.name) for f in fields(part) if f.name != "span"}
        return replace(part, **{name: _rewritten(value, rule) for name, value in inner.items()})
    return part


def _plus(expr: Expr, shift: int) -> Expr:
    number = Number(Fraction(abs(shift)), str(abs(shift)))
    return Sum(((1, expr), (1 if shift > 0 else -1, number)))
