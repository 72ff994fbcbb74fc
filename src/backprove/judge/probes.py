"""Many changes of one place at once.

What could stand in a place is worked out on its own; then the whole right side is evaluated a
single time, with a new name in that place whose value at each block of points is one of the
candidates.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from backprove.compute.errors import EvaluationError
from backprove.compute.evaluate import Evaluator
from backprove.judge.changes import Change
from backprove.judge.combine import Array
from backprove.judge.rewrite import Place
from backprove.judge.small_trial import SmallTrial
from backprove.judge.trial import Trial
from backprove.judge.world import Setting
from backprove.model.entity import Entity, IndexRange, System
from backprove.model.scope import Scope
from backprove.model.value import NoMeaning, Value, has_hole
from backprove.notation.syntax import Expr, Index, Name, Transpose
from backprove.tensor.build import ShapeError, substitute
from backprove.tensor.whole import Whole

#: candidates looked at together, and points at which each is looked at
MOST = 24
POINTS = 4


def groups(found: Iterable[Change]) -> Iterator[list[Change]]:
    """Changes that follow each other and are of one place, a few together."""
    group: list[Change] = []
    for change in found:
        same = group and change.place is not None and change.place is group[0].place
        if group and (not same or len(group) == MOST):
            yield group
            group = []
        group.append(change)
    if group:
        yield group


class _Tiled(dict[Any, Array]):
    """Declared values, repeated for every candidate; a probe's values are made when asked for."""

    def __init__(self, probes: Probes, declared: dict[Any, Array]) -> None:
        super().__init__(
            {k: np.tile(a[:POINTS], (MOST, *[1] * (a.ndim - 1))) for k, a in declared.items()}
        )
        self.probes = probes

    def get(self, key: Any, default: Any = None) -> Any:  # type: ignore[override]
        found = super().get(key)
        return self.probes.values(*key) if found is None and key[0] in self.probes.known else found


class Probes:
    """The right sides of a claim with something else in one place."""

    def __init__(self, trial: Trial) -> None:
        self.trial = trial
        setting = trial.setting
        self.known: dict[str, tuple[list[Value], tuple[str, ...]]] = {}
        self.system = System(base=trial.scope.system)
        declared = _Tiled(self, setting.declared)
        points = POINTS * MOST
        evaluator = Evaluator(self.system, setting.sizes, declared)
        self.view = trial.view(
            Scope(self.system, trial.scope.indices),
            Setting(self.system, setting.sizes, declared, points, evaluator),
        )
        self.tried = 0

    def values(self, name: str, at: tuple[int, ...]) -> Array:
        """The candidates' values at one value of the indices around the place, block by block."""
        candidates, names = self.known[name]
        put = dict(zip(names, at, strict=True))
        shape = self.trial.setting.evaluator.sizes_of(candidates[0].shape)
        blocks = np.full((MOST, POINTS, *shape), np.nan)
        for n, candidate in enumerate(candidates):
            node = substitute(candidate.node, put) if put else candidate.node
            found = self.trial.evaluated(node)
            if found is not None:
                blocks[n] = found[:POINTS]
        blocks[len(candidates) :] = blocks[0]
        return blocks.reshape(MOST * POINTS, *shape)

    def effects(self, group: list[Change]) -> list[Array | None]:
        """The right side's values at the first points for each change; None where it is not told."""
        nothing: list[Array | None] = [None] * len(group)
        place = group[0].place
        if place is None or place.within != "value" or place.parent is None:
            return nothing
        chosen: list[int] = []
        values: list[Value] = []
        inner = self.trial.inside(place.bound) if place.bound else self.trial
        for n, change in enumerate(group):
            assert change.new is not None
            try:
                value = inner.value(change.new)
            except NoMeaning:
                continue
            if has_hole(value.node) or value.of is not None:
                continue
            if values and (value.shape, value.row) != (values[0].shape, values[0].row):
                continue
            chosen.append(n)
            values.append(value)
        if len(chosen) < 2:
            return nothing
        found = self._evaluated(place, values)
        if found is None:
            return nothing
        result = nothing
        for k, n in enumerate(chosen):
            result[n] = found[k]
        return result

    def _evaluated(self, place: Place, values: list[Value]) -> Array | None:
        self.tried += 1
        name = f"probe·{self.tried}"
        bound = tuple(dict.fromkeys(place.bound))
        names = tuple(self.trial.scope.inner_name(b) for b in bound)
        ranges = tuple(IndexRange(n, None, None) for n in names)
        index = tuple(Whole.of(n) for n in names)
        self.system.add(Entity(name, index, ranges, values[0].shape))
        self.known[name] = (values, names)
        probe: Expr = Name(name)
        if bound:
            probe = Index(probe, tuple(Name(b) for b in bound))
        if values[0].row:
            probe = Transpose(probe)
        root = place.put(probe)
        try:
            value = self.view.value(root)
            if has_hole(value.node) or not self.trial.may_be(value):
                return None
            with np.errstate(all="ignore"):
                found = np.asarray(self.view.setting.evaluator.value(value.node), dtype=float)
        except (NoMeaning, EvaluationError, ShapeError, KeyError):
            return None
        return found.reshape(MOST, POINTS, *found.shape[1:])


def probes_of(trial: Trial) -> Probes | None:
    """The probes of a trial; none where sizes are 1."""
    return None if isinstance(trial, SmallTrial) else Probes(trial)
