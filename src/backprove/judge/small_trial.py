"""Right sides where sizes are 1, for a claim that has no meaning as written.

There most readings fall together; transposes and orders do not show.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from time import thread_time
from typing import Any

import numpy as np

from backprove.judge.combine import Array, Candidate
from backprove.judge.link import Side, find_reading
from backprove.judge.readings import OutOfTime, Search
from backprove.judge.targets import Target, few, size_of, spread
from backprove.judge.trial import FEW, PATIENCE, Trial
from backprove.judge.world import Grid, Setting
from backprove.model.entity import System
from backprove.model.scope import Scope
from backprove.model.value import NoMeaning
from backprove.notation.syntax import Expr
from backprove.tensor.whole import Shape


@dataclass(slots=True)
class Remembering(Search):
    """A search that looks at every part of an expression once."""

    known: dict[Any, tuple[Expr, list[Candidate]]] = field(
        default_factory=dict[Any, tuple[Expr, "list[Candidate]"]]
    )

    def readings(self, expr: Expr) -> list[Candidate]:
        key = (id(expr), self.free, self.senses, self.grid, self.scope.mode)
        found = self.known.get(key)
        if found is None:
            found = self.known[key] = (expr, Search.readings(self, expr))
        return found[1]


class SmallTrial(Trial):
    """Right sides where sizes are 1, for a claim that has no meaning as written.

    There most readings fall together; transposes and orders do not show.
    """

    def _begin(self, system: System, setting: Setting) -> None:
        self.setting = setting
        ones = self._ones(system)
        self.small = few(ones, list(range(min(FEW, ones.points))))
        self.left = self._read_left()
        super()._begin(system, setting)
        indices = dict(self.scope.indices)
        self.search = Remembering(
            Scope(system, indices),
            [self.small],
            Grid(),
            thread_time() + PATIENCE,
            free=True,
            squeeze=True,
        )

    def _ones(self, system: System) -> Setting:
        ones = self.claim.world.ones()
        return ones.on(system) if system.entities else ones

    def _spot(self) -> tuple[int, ...]:
        self.small = self._ones(self.claim.system)
        left = self._read_left()
        lengths = [len(r) for r in self.grid.ranges(self.small.sizes)]
        if not lengths:
            return ()
        array = spread(left.first, lengths)
        there = ~np.isnan(array).any(axis=(0, *range(1 + len(lengths), array.ndim)))
        places = np.argwhere(there)
        return tuple(int(i) for i in places[-1]) if len(places) else tuple(0 for _ in lengths)

    def _points(self) -> list[int]:
        return list(range(min(FEW, self.small.points, self.setting.points)))

    def _sizes(self) -> dict[str, int]:
        return self.small.sizes

    def _read_left(self) -> Candidate:
        search = Search(
            replace(self.claim.scope),
            [self.small],
            self.grid,
            thread_time() + PATIENCE,
            free=True,
            squeeze=True,
        )
        return search.readings(self.claim.left)[0]

    def true_values(self) -> Array:
        return self.at_spot(self.left.first)

    def derivation_setting(self) -> Setting:
        return self.small

    def equals_said(self, array: Array) -> bool:
        kept = tuple(n for n in array.shape[1:] if n != 1)
        small = array.reshape(array.shape[:1] + kept)
        return any(
            found.shape == small.shape
            and Target((), False, found, size_of(found), False).equals(small)
            for found, _, _ in self.said()
        )

    def _shape(self) -> Shape:
        return self.left.shape

    def _row(self) -> bool:
        return self.left.row

    def _outputs(self) -> int | None:
        return None

    def arrays(self, expr: Expr) -> list[tuple[Array, Shape, bool]]:
        try:
            candidates = self.search.readings(expr)
        except (NoMeaning, OutOfTime):
            return []
        return [(c.first, c.shape, c.row) for c in candidates if not np.isnan(c.first).any()]

    def scalar(self, expr: Expr) -> Array | None:
        found = self.arrays(expr)
        return found[0][0] if found and found[0][0].ndim == 1 else None

    def matches(self, found: Sequence[tuple[Array, Shape, bool]]) -> bool:
        # a row and a column are one where most sizes are 1
        return any(
            t.shape == shape and t.equals(array) for array, shape, _ in found for t in self.targets
        )

    def everywhere(self, expr: Expr) -> str:
        scope = Scope(self.scope.system, dict(self.claim.scope.indices))
        search = Search(
            scope, [self.small], self.grid, thread_time() + PATIENCE, free=True, squeeze=True
        )
        side = Side((self.left.first,), self.left.shape, self.left.row, None)
        try:
            found = find_reading(search, expr, side, self.claim.strict)[0]
        except (NoMeaning, OutOfTime):
            return ""
        return "straight" if found is not None else ""
