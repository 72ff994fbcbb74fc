"""What happens to the whole right side when something else stands in one place of it.

Where the whole is linear in the place, a single evaluation tells it all: the right side moves by a
matrix times what the place moves by, a lever. Elsewhere what could stand in the place is worked
out on its own; then the whole is evaluated a single time, with a new name in that place whose
value at each block of points is one of the candidates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from math import prod
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
from backprove.tensor.whole import Shape, Whole

#: candidates looked at together, and points at which each is looked at
MOST = 24
POINTS = 4
#: changes that leave the shape of what they change as it is
SAME_SHAPE = frozenset({"sign", "factor", "wrong-derivative", "wrong-index", "wrong-bounds"})
#: how far, in relation to the size, what a lever can move may be from what is wrong
NEAR = 1e-6

At = tuple[int, ...]


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


@dataclass(slots=True)
class Lever:
    """How the right side moves with what stands in one place that it is linear in.

    At every point `said` is moved by `matrix` [point, entries of the whole, values of the indices
    times entries of the place] times what the place moves by from `old`. `useful` says that it
    can move the claim to the truth.
    """

    shape: Shape
    row: bool
    ats: list[At]
    old: Array
    said: Array
    matrix: Array
    useful: bool = True

    def moved(self, new: Array) -> Array:
        """The right side where the place has these values: [point, values of indices, *shape]."""
        gap = new.reshape(len(new), -1) - self.old
        return self.said + np.einsum("pij,pj->pi", self.matrix, gap).reshape(self.said.shape)


class _Tiled(dict[Any, Array]):
    """Declared values, repeated for every block; a probe's values are made when asked for."""

    def __init__(self, probes: Probes, declared: dict[Any, Array]) -> None:
        super().__init__(
            {k: np.tile(a[:POINTS], (MOST, *[1] * (a.ndim - 1))) for k, a in declared.items()}
        )
        self.probes = probes

    def get(self, key: Any, default: Any = None) -> Any:  # type: ignore[override]
        found = super().get(key)
        if found is None and key[0] in self.probes.known:
            blocks = self.probes.known[key[0]](key[1])
            return blocks.reshape(MOST * POINTS, *blocks.shape[2:])
        return found


class Probes:
    """The right sides of a claim with something else in one place."""

    def __init__(self, trial: Trial) -> None:
        self.trial = trial
        setting = trial.setting
        #: for every probe its values at one value of the indices around it: [block, point, *shape]
        self.known: dict[str, Callable[[At], Array]] = {}
        self.levers: dict[Any, tuple[Expr | None, Lever | None]] = {}
        self.system = System(base=trial.scope.system)
        declared = _Tiled(self, setting.declared)
        points = POINTS * MOST
        evaluator = Evaluator(self.system, setting.sizes, declared)
        evaluator.points = points  # which nothing tells where nothing is declared
        self.view = trial.view(
            Scope(self.system, trial.scope.indices),
            Setting(self.system, setting.sizes, declared, points, evaluator),
        )
        self.tried = 0

    def effects(self, group: list[Change]) -> list[Array | None]:
        """The right side's values at the first points for each change; None where it is not told.

        A change that no lever's length could make right has no values at all: an empty array.
        """
        nothing: list[Array | None] = [None] * len(group)
        place = group[0].place
        if place is None or place.within != "value" or place.parent is None:
            return nothing
        lever = self.lever(place) if place.linear else None
        if lever is not None:
            return [self._moved(lever, place, change, lever.useful) for change in group]
        if len(group) <= 3:
            return nothing
        chosen: list[int] = []
        values: list[Value] = []
        for n, change in enumerate(group):
            value = self._value(place, change.new)
            if value is None:
                continue
            if values and (value.shape, value.row) != (values[0].shape, values[0].row):
                continue
            chosen.append(n)
            values.append(value)
        if len(chosen) < 2:
            return nothing
        found = self._evaluated(place, values[0], self._candidates(place, values))
        if found is None:
            return nothing
        result = nothing
        for k, n in enumerate(chosen):
            result[n] = found[k]
        return result

    # --- levers ---

    def lever(self, place: Place) -> Lever | None:
        """The lever at a place; None where there is none, or it has too many arms."""
        key = (id(place.root), place.path)
        if key not in self.levers:
            self.levers[key] = (place.root, self._lever(place))
        return self.levers[key][1]

    def _lever(self, place: Place) -> Lever | None:
        value = self._value(place, place.expr)
        if value is None:
            return None
        ats: dict[At, int] = {}
        if place.bound:  # at which values of the indices is this looked at?
            candidate = self._candidates(place, [value])

            def noted(at: At) -> Array:
                ats.setdefault(at, len(ats))
                return candidate(at)

            if self._evaluated(place, value, noted) is None:
                return None
        else:
            ats[()] = 0
        shape = self.trial.setting.evaluator.sizes_of(value.shape)
        entries = prod(shape)
        count = len(ats) * entries
        if not 0 < count < MOST:
            return None
        olds = [self._values(place, value, at) for at in ats]
        if any(old is None for old in olds):
            return None
        old = np.stack([o for o in olds if o is not None], axis=1).reshape(POINTS, -1)
        step = max(float(np.abs(old).max()), 1e-3)

        def stepped(at: At) -> Array:
            start = ats[at] * entries
            blocks = np.zeros((MOST, POINTS, entries))
            blocks += old[:, start : start + entries]
            for k in range(entries):
                blocks[1 + start + k, :, k] += step
            return blocks.reshape(MOST, POINTS, *shape)

        found = self._evaluated(place, value, stepped)
        if found is None or not np.isfinite(found).all():
            return None
        matrix = (found[1 : 1 + count] - found[0]).reshape(count, POINTS, -1) / step
        lever = Lever(value.shape, value.row, list(ats), old, found[0], np.moveaxis(matrix, 0, 2))
        lever.useful = self._useful(lever)
        return lever

    def _useful(self, lever: Lever) -> bool:
        """Whether some values in the place would make the claim true at all points."""
        for target in self.trial.targets:
            if target.array.shape[1:] != lever.said.shape[1:]:
                continue
            gap = (target.array[:POINTS] - lever.said).reshape(POINTS, -1, 1)
            best = np.linalg.pinv(lever.matrix) @ gap
            if np.abs(lever.matrix @ best - gap).max() <= NEAR * target.size:
                return True
        return False

    def effect(self, change: Change) -> Array | None:
        """The right side's values for a change that could not make it right."""
        lever = None if change.place is None else self.lever(change.place)
        if lever is None or change.place is None:
            return None
        return self._moved(lever, change.place, change, True)

    def _moved(self, lever: Lever, place: Place, change: Change, told: bool) -> Array | None:
        if not told and change.kind in SAME_SHAPE:
            return np.empty(0)
        value = self._value(place, change.new)
        if value is None or (value.shape, value.row) != (lever.shape, lever.row):
            return None
        if not told:
            return np.empty(0)
        new = [self._values(place, value, at) for at in lever.ats]
        if any(v is None for v in new):
            return None
        return lever.moved(np.stack([v for v in new if v is not None], axis=1))

    # --- values ---

    def _value(self, place: Place, expr: Expr) -> Value | None:
        """The meaning of an expression in a place, where it is one that a probe may have."""
        inner = self.trial.inside(place.bound) if place.bound else self.trial
        try:
            value = inner.value(expr)
        except NoMeaning:
            return None
        return None if has_hole(value.node) or value.of is not None else value

    def _names(self, place: Place) -> tuple[str, ...]:
        return tuple(self.trial.scope.inner_name(b) for b in dict.fromkeys(place.bound))

    def _values(self, place: Place, value: Value, at: At) -> Array | None:
        """Values at the first points, at one value of the indices around the place."""
        put = dict(zip(self._names(place), at, strict=True))
        found = self.trial.evaluated(substitute(value.node, put) if put else value.node)
        if found is None:
            return None
        shape = self.trial.setting.evaluator.sizes_of(value.shape)
        return np.broadcast_to(found[:POINTS], (POINTS, *shape))

    def _candidates(self, place: Place, values: list[Value]) -> Callable[[At], Array]:
        """A block for each candidate, the first again where there are fewer."""

        def blocks(at: At) -> Array:
            shape = self.trial.setting.evaluator.sizes_of(values[0].shape)
            found = np.full((MOST, POINTS, *shape), np.nan)
            for n, value in enumerate(values):
                one = self._values(place, value, at)
                if one is not None:
                    found[n] = one
            found[len(values) :] = found[0]
            return found

        return blocks

    def _evaluated(self, place: Place, like: Value, blocks: Callable[[At], Array]) -> Array | None:
        """The whole, [block, point, *shape], with some blocks of values in a place."""
        self.tried += 1
        name = f"probe·{self.tried}"
        bound = tuple(dict.fromkeys(place.bound))
        names = self._names(place)
        ranges = tuple(IndexRange(n, None, None) for n in names)
        index = tuple(Whole.of(n) for n in names)
        self.system.add(Entity(name, index, ranges, like.shape))
        self.known[name] = blocks
        probe: Expr = Name(name)
        if bound:
            probe = Index(probe, tuple(Name(b) for b in bound))
        if like.row:
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
