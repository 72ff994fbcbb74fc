"""The one repair that gives a scanned or careless line a meaning, and what it was.

A repair is looked for only where the text as it stands has no meaning, and whether one will do is
told by names alone (`troubles.examine`), never by whether the claim becomes true. Of all repairs
those with the fewest changes count. Where several of these would do, the only one with which all
shapes fit is taken; otherwise there is none, and the reader is told of them instead.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from backprove.judge.edits import Edit, Repaired
from backprove.judge.mends import WAYS, Option, alike, letters
from backprove.judge.troubles import Decimal, Examined, examine
from backprove.model.entity import System
from backprove.model.meaning import meaning
from backprove.model.scope import Scope
from backprove.model.value import NoMeaning
from backprove.notation import ReadError
from backprove.notation.syntax import Expr, Index, Name, Number, Relation, Space, Statement
from backprove.tensor.whole import Shape

__all__ = ["Ambiguous", "Repaired", "repair"]

#: changes tried together, lines tried, and the longest line that is repaired
MOST_CHANGES = 6
MOST_TRIED = 400
LONGEST = 2_000


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """Several repairs would do equally well: each in words."""

    options: tuple[str, ...]

    @property
    def reason(self) -> str:
        shown = self.options[:4]
        more = len(self.options) - len(shown)
        return (
            "several repairs would do: "
            + ", or ".join(shown)
            + (f", or {more} more" if more else "")
        )


def repair(line: str, system: System) -> Repaired | Ambiguous | None:
    """The repair that gives a line a meaning; None where it has one, or where none is found."""
    if len(line) > LONGEST:
        return None
    frontier = [Repaired(line)]
    states = {line: _state(line, system)}
    solutions: dict[tuple[Statement, ...], Repaired] = {}
    for change in range(MOST_CHANGES + 1):
        following: list[Repaired] = []
        for draft in frontier:
            state = states[draft.text]
            options = list(_options(draft.text, state, system))
            if isinstance(state, Examined) and not state.troubles and not options:
                if not change:
                    return None
                solutions.setdefault(state.statements, draft)
                continue
            for option in options:
                changed = draft.changed(option)
                if changed is None or changed.text in states:
                    continue
                if len(states) > MOST_TRIED:
                    return None  # so damaged that nothing can be said to be the only repair
                after = states[changed.text] = _state(changed.text, system)
                if _better(state, after):
                    following.append(changed)
        if solutions:
            break
        frontier = following
    found = list(solutions.values())
    if len(found) > 1:
        meant = [draft for said, draft in solutions.items() if _fits_together(said, system)]
        if len(meant) == 1:
            return meant[0]
        return Ambiguous(tuple("; ".join(f.notes) for f in found))
    return found[0] if found else None


def _fits_together(statements: tuple[Statement, ...], system: System) -> bool:
    """Whether all right sides have a meaning as written, of the shape of what they are said to be."""
    for statement in statements:
        if not isinstance(statement, Relation):
            continue
        scope = Scope(system, open=True)
        shapes = [_shape(s, scope) for s in statement.sides if not isinstance(s, Space)]
        if shapes and shapes[0] == "name":  # what is defined here
            shapes = shapes[1:]
        if any(isinstance(shape, str) for shape in shapes) or len(set(shapes)) > 1:
            return False
    return True


def has_decimal(line: str) -> bool:
    """Whether a line that can be read may need a repair: for `0.2` where `O_2` was meant."""
    return "0." in line


def _state(text: str, system: System) -> Examined | ReadError:
    try:
        return examine(text, system)
    except ReadError as error:
        return error


def _better(before: Examined | ReadError, after: Examined | ReadError) -> bool:
    """Whether a change has mended something and spoilt nothing."""
    if isinstance(after, ReadError):
        return isinstance(before, ReadError) and (after.message, after.span) != (
            before.message,
            before.span,
        )
    if isinstance(before, ReadError):
        return True
    if before.troubles:
        return len(after.troubles) < len(before.troubles)
    return not after.troubles and len(after.decimals) < len(before.decimals)


def _options(text: str, state: Examined | ReadError, system: System) -> Iterator[Option]:
    """The changes to try next: each is one, though it may be made in several places."""
    if isinstance(state, ReadError):
        for way in WAYS:
            yield from way(text, state)
    elif state.troubles:
        yield from letters(text, state.troubles, system)
    else:
        for number in dict.fromkeys(d.text for d in state.decimals):
            yield from _decimals(number, state, system)


# --- decimals that are members -------------------------------------------------------------------


def _decimals(number: str, state: Examined, system: System) -> Iterator[Option]:
    """`0.2 - y_2` as `O_2 - y_2`, where a number cannot stand and the member fits."""
    same = [d for d in state.decimals if d.text == number]
    whole, _, member = number.partition(".")
    if whole != "0" or not member.isdigit() or state.numbers.count(number) != len(same):
        return
    for letter in alike(whole):
        if all(_fits(d, letter, member, system) for d in same):
            new = f"{letter}_{member}" if len(member) == 1 else f"{letter}_{{{member}}}"
            yield tuple(Edit(*d.span, new, f"read `{number}` as `{new}`") for d in same)


def _fits(decimal: Decimal, letter: str, member: str, system: System) -> bool:
    """Whether the member exists and has the shape of another term of the sum, and a product around
    the sum has no meaning as it stands."""
    scope = Scope(system, open=True)
    if not system.named(letter):
        return False
    shape = _shape(Index(Name(letter), (Number(Fraction(member), member),)), scope)
    return (
        isinstance(shape, tuple)
        and shape != ()
        and any(_shape(term, scope) == shape for term in decimal.beside)
        and any(_shape(product, scope) == "shape" for product in decimal.around)
    )


def _shape(expr: Expr, scope: Scope) -> Shape | str:
    """The shape of an expression as written; the kind of trouble where it has none."""
    try:
        return meaning(expr, scope).shape
    except NoMeaning as error:
        return error.kind
