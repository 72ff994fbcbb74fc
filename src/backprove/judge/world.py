"""Where claims are tried: sizes and random points, and the values of expressions there.

Every claim is looked at in two settings with different sizes, all points of a setting in one
vectorised pass. Derivatives are evaluated by forward mode from the definitions; the symbolic
derivative must agree with it at the same points (DESIGN, idea 3), or the verdict is withheld.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np

from backprove.calculus.derive import raw_derivative, resolve, resolved
from backprove.calculus.pullback import NoDerivative
from backprove.compute.evaluate import EvaluationError, Evaluator
from backprove.compute.points import sample, sizes_for
from backprove.model.entity import System
from backprove.model.value import NoMeaning
from backprove.tensor.build import build, substitute
from backprove.tensor.nodes import Along, Apply, Derivative, Node, Symbol, walk
from backprove.tensor.whole import Whole

Array = np.ndarray[Any, np.dtype[Any]]
#: points of each setting: enough to fall on every side of a kink
POINTS = (16, 8)
DENSE = 256
#: elementwise functions with thresholds
KINKED = frozenset(
    {"step", "relu", "max", "min", "abs", "sign", "greater", "greater-equal", "equal"}
)
#: relative difference up to which two float64 values count as equal
EQUAL = 1e-8
#: absolute difference that is rounding only, where terms cancel to zero
NOISE = 1e-13


class Disagreement(Exception):
    """The two roads to a derivative differ: the program is at fault, not the writer."""


#: entries of one value, all points together, and inputs of a derivative taken in forward mode
MOST_ENTRIES = 5_000_000
MOST_INPUTS = 600
#: values of expressions that a setting keeps, and their bytes, before it forgets them all
KEPT_VALUES = 500
KEPT_BYTES = 64_000_000
#: claims after which what is kept is looked at again
TIDIED = 64
#: the step of the differences that check a wide derivative
STEP = 1e-5


@dataclass(frozen=True, slots=True)
class Grid:
    """Open indices of a claim with the whole numbers each runs over (their bounds inclusive)."""

    axes: tuple[tuple[str, Whole, Whole], ...] = ()

    def push(self, name: str, low: Whole, high: Whole) -> Grid:
        return Grid((*self.axes, (name, low, high)))

    def ranges(self, sizes: dict[str, int]) -> list[range]:
        """The values of each index at given sizes; a bound may use an earlier index."""
        found: list[range] = []
        corners: list[dict[str, int]] = [dict(sizes)]
        for name, low, high in self.axes:
            first = min(int(low.value(c)) for c in corners)
            last = max(int(high.value(c)) for c in corners)
            if last - first > MOST_ENTRIES // 50:
                raise NoMeaning(f"{name} takes too many values to judge", kind="form")
            found.append(range(first, last + 1))
            corners = [{**c, name: end} for c in corners for end in {first, max(first, last)}]
        return found

    def inside(self, sizes: dict[str, int]) -> Array:
        """1 where the last index lies between its bounds, with one axis for each index, else 0."""
        ranges = self.ranges(sizes)
        known: dict[str, Any] = dict(sizes)
        count = len(ranges)
        for axis, ((name, _, _), steps) in enumerate(zip(self.axes, ranges, strict=True)):
            shape = [1] * count
            shape[axis] = len(steps)
            known[name] = np.array(list(steps)).reshape(shape)
        name, low, high = self.axes[-1]
        holds = (low.value(known) <= known[name]) & (known[name] <= high.value(known))
        return np.asarray(holds, dtype=bool)


@dataclass(slots=True)
class Setting:
    """One choice of sizes with its points."""

    system: System
    sizes: dict[str, int]
    declared: dict[tuple[str, tuple[int, ...]], Array]
    points: int
    evaluator: Evaluator
    base: Setting | None = None
    checked: dict[Node, bool] = field(default_factory=dict[Node, bool])
    values: dict[tuple[Node, Grid], Array] = field(default_factory=dict[tuple[Node, Grid], Array])

    @staticmethod
    def make(
        system: System, sizes: dict[str, int], points: int, seed: int, apart: bool = False
    ) -> Setting:
        """Random points for these sizes; see `points.sample` for `apart`."""
        declared = sample(system, sizes, points, seed, apart)
        return Setting(system, sizes, declared, points, Evaluator(system, sizes, declared))

    def on(self, system: System) -> Setting:
        """The same points for a system that stands on this one's (a writer's definitions)."""
        fresh = Setting(
            system,
            self.sizes,
            self.declared,
            self.points,
            Evaluator(system, self.sizes, self.declared),
            base=self,
        )
        fresh.checked = self.checked
        return fresh

    def tidy(self) -> None:
        """Forget what many claims have left behind, so that memory does not grow with them."""
        if len(self.values) > KEPT_VALUES or (
            sum(array.nbytes for array in self.values.values()) > KEPT_BYTES
        ):
            self.values.clear()
        if len(self.checked) > KEPT_VALUES:
            self.checked.clear()
        self.evaluator.tidy(KEPT_VALUES, KEPT_BYTES)

    def array(self, node: Node, grid: Grid) -> Array:
        """The values of a node: dims [points, one per grid index, *shape]; NaN where there is none.

        An index that the node does not use has one entry.
        """
        if self.base is not None and not self.is_new(node):
            return self.base.array(node, grid)
        key = (node, grid)
        found = self.values.get(key)
        if found is None:
            found = self.values[key] = self._array(node, grid)
        return found

    def is_new(self, node: Node) -> bool:
        """Whether an expression uses a name that the system below does not have."""
        own = self.system.entities
        return any(isinstance(part, Symbol) and part.name in own for part in walk(node))

    def _array(self, node: Node, grid: Grid) -> Array:
        ranges = grid.ranges(self.sizes)
        looped = _family_indices(node)
        # component indices that start at 1 become axes at once, the others are put in one by one
        whole = [
            axis
            for axis, (name, low, _) in enumerate(grid.axes)
            if name in node.free and name not in looped and low == 1
        ]
        node = build([grid.axes[a][0] for a in whole], [grid.axes[a][2] for a in whole], node)
        try:
            shape = tuple(int(size.value(self.sizes)) for size in node.shape)
        except KeyError as error:
            raise NoMeaning(f"a size here depends on {error.args[0]}", kind="shape") from None
        steps = [
            list(ranges[axis]) if name in node.free else [None]
            for axis, (name, _, _) in enumerate(grid.axes)
        ]
        parts: list[Array] = []
        for values in product(*steps):
            put = {grid.axes[a][0]: value for a, value in enumerate(values) if value is not None}
            parts.append(self._closed(substitute(node, put) if put else node, shape))
        count = len(grid.axes)
        if not parts:  # an empty range
            lengths = [shape[whole.index(a)] if a in whole else len(steps[a]) for a in range(count)]
            return np.zeros((self.points, *lengths, *shape[len(whole) :]))
        stacked = np.stack(parts, axis=1).reshape(self.points, *map(len, steps), *shape)
        # the axes made by `build` stand behind the grid's: put each in the place kept for it
        place = {axis: 1 + count + position for position, axis in enumerate(whole)}
        front = [place.get(axis, 1 + axis) for axis in range(count)]
        rest = list(range(1 + count + len(whole), stacked.ndim))
        empty = [1 + axis for axis in whole]
        moved = stacked.transpose([0, *front, *rest, *empty])
        return moved.reshape(moved.shape[: moved.ndim - len(empty)])

    def _closed(self, node: Node, shape: tuple[int, ...]) -> Array:
        if self.points * math.prod(shape) > MOST_ENTRIES:
            words = "×".join(map(str, shape))
            raise NoMeaning(f"an array of {words} entries is too large to judge", kind="form")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                derivatives = [part for part in walk(node) if isinstance(part, Derivative)]
                if any(map(self._is_wide, derivatives)):
                    value = self._symbolically(node)
                else:
                    value = np.asarray(self.evaluator.value(node), dtype=float)
                    self.check(derivatives)
        except (EvaluationError, KeyError):  # KeyError: a size that nothing decides
            return np.full((self.points, *shape), np.nan)
        return np.broadcast_to(value, (self.points, *shape))

    def _is_wide(self, part: Derivative) -> bool:
        """Whether a derivative has too many inputs to be taken one by one in forward mode."""
        return math.prod(int(s.value(self.sizes)) for s in part.by.shape) > MOST_INPUTS

    def _symbolically(self, node: Node) -> Array:
        """By the symbolic derivative, checked in one random direction by differences."""
        system, closed = resolve(resolved(self.system), node)
        value = np.asarray(Evaluator(system, self.sizes, self.declared).value(closed), dtype=float)
        for part in walk(node):
            if isinstance(part, Derivative) and self._is_wide(part) and part not in self.checked:
                self.checked[part] = True
                self._check_direction(part)
        return value

    def _check_direction(self, part: Derivative) -> None:
        by = part.by
        if part.mode != "total" or not isinstance(by, Symbol) or _inner_free(part):
            return
        key = (by.name, tuple(int(w.value(self.sizes)) for w in by.index))
        if key not in self.declared:
            return
        adjoints = raw_derivative(self.system, part.of, by, part.mode)
        symbolic = Evaluator(adjoints.system, self.sizes, self.declared).value(adjoints.result)
        direction = np.random.default_rng(3).normal(size=self.declared[key].shape[1:])
        sides: list[Array] = []
        for sign in (1, -1):
            moved = {**self.declared, key: self.declared[key] + sign * STEP * direction}
            sides.append(np.asarray(Evaluator(self.system, self.sizes, moved).value(part.of)))
        slope = (sides[0] - sides[1]) / (2 * STEP)
        along = np.tensordot(np.asarray(symbolic), direction, axes=direction.ndim)
        if difference(slope, along) > 1e-4:
            raise Disagreement(f"{part.of!r} by {part.by!r}")

    def check(self, derivatives: Sequence[Derivative]) -> None:
        """Compare derivatives with the symbolic ones; raises Disagreement."""
        for part in derivatives:
            if part not in self.checked:
                self.checked[part] = True
                self._check(part)

    def _check(self, part: Derivative) -> None:
        if _inner_free(part):
            return
        try:
            adjoints = raw_derivative(self.system, part.of, part.by, part.mode)
            symbolic = Evaluator(adjoints.system, self.sizes, self.declared).value(adjoints.result)
        except (NoDerivative, EvaluationError):
            return
        forward = np.asarray(self.evaluator.value(part), dtype=float)
        other = np.broadcast_to(np.asarray(symbolic, dtype=float), forward.shape)
        if not np.isfinite(forward).any() and not np.isfinite(other).any():
            return  # it has no value on either road
        if not same(forward, other):
            raise Disagreement(f"{part.of!r} by {part.by!r}")


def _inner_free(part: Derivative) -> bool:
    return any(isinstance(n, Symbol) and any(w.names for w in n.index) for n in walk(part))


def _family_indices(node: Node) -> frozenset[str]:
    """The open names that choose a member of a family or stand in a derivative."""
    found: set[str] = set()
    for part in walk(node):
        if isinstance(part, Symbol):
            for whole in part.index:
                found |= whole.names
        elif isinstance(part, Derivative):
            found |= part.free
    return frozenset(found)


def same(a: Array, b: Array, tolerance: float = EQUAL) -> bool:
    """Whether two arrays are equal up to rounding; places without a value on both sides agree."""
    return difference(a, b) <= tolerance


def difference(a: Array, b: Array) -> float:
    """The largest difference relative to the arrays' size; infinite where only one has a value."""
    missing = np.isnan(a)
    if not np.array_equal(missing, np.isnan(b)):
        return float("inf")
    if missing.all():
        return float("inf")
    gap = np.where(missing, 0.0, np.abs(a - b))
    size = float(np.max(np.where(missing, 0.0, np.maximum(np.abs(a), np.abs(b)))))
    if not np.isfinite(gap).all():
        return float("inf")
    widest = float(np.max(gap))
    return 0.0 if widest <= NOISE else widest / size


def kept_sizes(system: System) -> set[str]:
    """The sizes that a softmax, a simplex or a one-hot vector runs over."""
    kept: set[str] = set()
    for entity in system.all():
        if entity.shape and any("one-hot" in f or "simplex" in f for f in entity.facts):
            kept |= entity.shape[-1].names
        if entity.body is not None:
            for part in walk(entity.body):
                if isinstance(part, Along) and part.function in ("softmax", "logsumexp"):
                    kept |= part.arg.shape[-1].names
    return kept


class World:
    """The settings of a model: two of different sizes, and one where sizes are 1."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.kinked = any(e.body is not None and has_kink(e.body) for e in system.all())
        self.settings = [
            Setting.make(system, sizes_for(system, choice), points, 17 + choice, self.kinked)
            for choice, points in enumerate(POINTS)
        ]
        self._ones: dict[frozenset[str], Setting] = {}
        self._dense: Setting | None = None
        self._claims = 0

    def tidy(self) -> None:
        """Forget what many claims have left behind, now and then; between claims only."""
        self._claims += 1
        if self._claims % TIDIED:
            return
        for setting in (
            *self.settings,
            *self._ones.values(),
            *([self._dense] if self._dense else []),
        ):
            setting.tidy()

    def ones(self, kept: frozenset[str] = frozenset()) -> Setting:
        """The setting in which every size is 1 that may be; those in `kept` may not, either."""
        kept |= kept_sizes(self.system)
        found = self._ones.get(kept)
        if found is None:
            names: set[str] = set()
            for entity in self.system.all():
                for size in entity.shape:
                    names |= size.names
            sizes = sizes_for(self.system, 0, frozenset(names - kept))
            found = Setting.make(self.system, sizes, sum(POINTS), 23, self.kinked)
            self._ones[kept] = found
        return found

    def dense(self) -> Setting:
        """A setting with many points, for what has kinks: two thresholds may lie close together."""
        if self._dense is None:
            sizes = self.settings[0].sizes
            self._dense = Setting.make(self.system, dict(sizes), DENSE, 29, apart=True)
        return self._dense


def has_kink(node: Node) -> bool:
    """Whether an expression has thresholds, at which it is not smooth."""
    return any(
        (isinstance(part, Apply) and part.function in KINKED)
        or (isinstance(part, Along) and part.function in ("max", "min"))
        for part in walk(node)
    )
