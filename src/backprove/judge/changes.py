"""Right sides as they would be without one mistake: the claim's own syntax, changed in one place.

The rules (`judge.rules`) say what might have been meant at each place. Whether it was is for the
numbers to say.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from backprove.judge.around import Around, Rule
from backprove.judge.rewrite import (
    Place,
    Words,
    everywhere,
    places,
)
from backprove.judge.trial import Trial
from backprove.notation.syntax import (
    Expr,
    Span,
)


@dataclass(frozen=True, slots=True)
class Change:
    """A changed right side: it would be right if the writer made the mistake `kind`."""

    kind: str
    sentence: Words
    span: Span
    #: the top-level term that was changed: changes in two terms are independent of each other
    term: int
    #: what stood there before
    part: Expr
    #: where, and what stands there now; or the whole, where more than one place was changed
    place: Place | None
    new: Expr
    #: the addend of the only bracket that was changed, or -1
    addend: int = -1

    @staticmethod
    def at(place: Place, kind: str, new: Expr, sentence: Words) -> Change:
        """A change in one place."""
        term = -1 if place.parent is None else place.term
        return Change(kind, sentence, place.expr.span, term, place.expr, place, new, place.addend)

    @property
    def root(self) -> Expr:
        """The whole right side, changed."""
        return self.new if self.place is None else self.place.put(self.new)


def changes(
    root: Expr, trial: Trial, rules: tuple[Rule, ...], bound: tuple[str, ...] = ()
) -> Iterator[Change]:
    """What some rules make of every place of a tree; `bound` are indices that are open in it.

    Where the same part stands several times, all of them are changed together, too.
    """
    around = Around(trial, root)
    everything = list(places(root, bound))
    for rule in rules:
        seen: dict[tuple[int, int], int] = {}
        for place in everything:
            part, span = place.expr, place.expr.span
            for kind, new, sentence in rule(place, around):
                yield Change.at(place, kind, new, sentence)
                key = (hash(part), hash(new))
                seen[key] = seen.get(key, 0) + 1
                if seen[key] == 2:
                    whole = everywhere(root, part, new)
                    yield Change(kind, sentence, span, -1, part, None, whole)
