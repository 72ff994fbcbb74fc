"""What a rule for mistakes may ask about the place that it looks at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from backprove.judge.rewrite import Place, Words
from backprove.judge.trial import Trial
from backprove.notation.syntax import Expr
from backprove.tensor.whole import Shape


@dataclass(frozen=True, slots=True)
class Around:
    """What a rule may ask about the place it looks at."""

    trial: Trial
    root: Expr

    def shape(self, place: Place, expr: Expr | None = None) -> tuple[Shape, bool] | None:
        """The shape of a part, and whether it is a row."""
        trial = self.trial.inside(place.bound) if place.bound else self.trial
        return trial.shape(place.expr if expr is None else expr)

    def rank(self, place: Place, expr: Expr | None = None) -> int:
        """The number of axes of a part; -1 where it has no meaning."""
        found = self.shape(place, expr)
        return -1 if found is None else len(found[0])

    def letters(self, place: Place) -> list[str]:
        """The indices that are open at a place."""
        return [*place.bound, *self.trial.claim.scope.indices]


Rule = Callable[[Place, Around], Iterator[tuple[str, Expr, Words]]]
