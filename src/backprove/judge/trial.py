"""Trying changed right sides: does this change make the claim true?

Most changes do not, so they are tried at one place first: one setting, one value of every open
index, a place where the claim fails. What agrees there is looked at everywhere. Changed syntax
shares all its untouched parts with the claim, and parts are given their meaning only once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np

from backprove.compute.errors import EvaluationError
from backprove.judge.combine import Array
from backprove.judge.link import Side, agree, layouts
from backprove.judge.rewrite import terms_of
from backprove.judge.targets import Target, few, size_of, spread
from backprove.judge.world import EQUAL, Setting
from backprove.judge.wrong_claim import WrongClaim
from backprove.model.entity import System
from backprove.model.meaning import binding, combine, meaning, parts
from backprove.model.scope import Scope
from backprove.model.value import NoMeaning, Value, fit_shapes, has_hole
from backprove.notation.syntax import Big, Expr
from backprove.tensor.nodes import Node
from backprove.tensor.whole import Shape, Whole

#: what one search for readings may take, in seconds of processor time
PATIENCE = 1.0
#: the points at which a change is tried first
FEW = 8


class Trial:
    """Right sides at the place where a claim that has a meaning as written fails."""

    def __init__(self, claim: WrongClaim) -> None:
        self.claim = claim
        self.setting = claim.settings[0]
        self.grid = claim.grid
        self.spot = self._spot()
        values = [r[i] for r, i in zip(self.grid.ranges(self._sizes()), self.spot, strict=True)]
        names = [name for name, _, _ in self.grid.axes]
        #: the value of each open index here, by its inner name
        self.put = dict(zip(names, values, strict=True))
        self.chosen = self._points()
        self._begin(claim.system, self.setting)

    def _begin(self, system: System, setting: Setting) -> None:
        self.setting = few(setting, self.chosen)
        indices = {
            written: Whole.of(self.put[inner.name]) if inner.name in self.put else inner
            for written, inner in self.claim.scope.indices.items()
        }
        self.scope = Scope(system, indices)
        self._memo: dict[tuple[int, tuple[str, ...]], tuple[Expr, Value | NoMeaning]] = {}
        self._bound: tuple[str, ...] = ()
        #: the values of what was tried last, and of all that was tried
        self.last: Array | None = None
        self.log: list[tuple[Any, Array]] = []
        self.probes: Any = None
        #: what other modules keep about this claim
        self.notes: dict[Any, Any] = {}
        self.targets = [
            Target(t.side.shape, t.side.row, t.side.arrays[0], size_of(t.side.arrays[0]), t.turned)
            for t in layouts(
                Side((self.true_values(),), self._shape(), self._row(), self._outputs())
            )
        ]
        self._rests: list[list[tuple[Target, Array]]] | None = None

    def under(self, system: System) -> Trial:
        """The same place, with other definitions of the writer's."""
        fresh = object.__new__(type(self))
        fresh.claim, fresh.grid, fresh.spot, fresh.put = self.claim, self.grid, self.spot, self.put
        fresh.chosen = self.chosen
        fresh._begin(system, self._setting_on(system))
        return fresh

    def _sizes(self) -> dict[str, int]:
        return self.setting.sizes

    def _setting_on(self, system: System) -> Setting:
        fresh = self.claim.settings[0].on(system)
        fresh.evaluator.adopt(self.claim.settings[0].evaluator, frozenset(system.entities))
        return fresh

    def elsewhere(self) -> Iterator[Trial]:
        """The same claim at some other values of its open indices."""
        lengths = [len(r) for r in self.grid.ranges(self._sizes())]
        spots = [s for s in product(*map(range, lengths)) if s != self.spot]
        names = [name for name, _, _ in self.grid.axes]
        for spot in spots[:: max(1, len(spots) // 6)]:
            fresh = object.__new__(type(self))
            fresh.claim, fresh.grid, fresh.spot = self.claim, self.grid, spot
            fresh.chosen = self.chosen
            ranges = self.grid.ranges(self._sizes())
            fresh.put = dict(
                zip(names, (r[i] for r, i in zip(ranges, spot, strict=True)), strict=True)
            )
            fresh._begin(self.claim.system, self.claim.settings[0])
            if not any(np.isnan(t.array).any() for t in fresh.targets) and fresh.said():
                yield fresh

    def derivation_setting(self) -> Setting:
        """Where the left side's derivatives are taken."""
        return self.setting

    def equals_said(self, array: Array) -> bool:
        """Whether values of the left side's shape are what the claim says, in some layout."""
        said = self.said()
        shape, outputs = self.claim.value.shape, self._outputs()
        return any(
            t.side.shape == shape_
            and t.side.row == row
            and Target(shape_, row, found, size_of(found), False).equals(t.side.arrays[0])
            for found, shape_, row in said
            for t in layouts(Side((array,), shape, self._row(), outputs))
        )

    def said(self) -> list[tuple[Array, Shape, bool]]:
        """What the claim's right side is here."""
        return self.arrays(self.claim.right)

    # --- the place ---

    def _shape(self) -> Shape:
        return self.claim.truth.shape

    def _row(self) -> bool:
        return self.claim.truth.row

    def _outputs(self) -> int | None:
        return self.claim.truth.outputs

    def _spot(self) -> tuple[int, ...]:
        """A place in the grid where both sides have values and differ; the latest such one."""
        truth, said = self.claim.truth.arrays[0], self._said_everywhere()
        lengths = [len(r) for r in self.grid.ranges(self.setting.sizes)]
        count = len(lengths)
        if not count:
            return ()
        left, wide = spread(truth, lengths), None
        if (
            said is not None
            and said.ndim == truth.ndim
            and said.shape[1 + count :] == truth.shape[1 + count :]
        ):
            wide = spread(said, lengths)
        axes = (0, *range(1 + count, left.ndim))
        there = ~np.isnan(left).any(axis=axes)
        if wide is not None:
            with np.errstate(all="ignore"):
                size = max(size_of(left), 1e-12)
                differs = (np.abs(left - wide) > 1e-7 * size).any(axis=axes) | np.isnan(wide).any(
                    axis=axes
                )
            both = there & differs & ~np.isnan(wide).any(axis=axes)
            there = both if both.any() else there & differs if (there & differs).any() else there
        places = np.argwhere(there)
        if not len(places):
            return tuple(0 for _ in lengths)
        return tuple(int(i) for i in places[-1])

    def _points(self) -> list[int]:
        """The numbers of a few points, those first at which the claim fails here."""
        truth, said = self.claim.truth.arrays[0], self._said_everywhere()
        numbers = list(range(len(truth)))
        if said is None or said.ndim != truth.ndim:
            return numbers[:FEW]
        self.chosen = numbers
        here, there = self.at_spot(truth), self.at_spot(said)
        if here.shape != there.shape:
            return numbers[:FEW]
        with np.errstate(all="ignore"):
            gaps = np.abs(here - there).reshape(len(here), -1).max(axis=1, initial=0)
        # where one side has no value nothing can be learnt
        known = [n for n in numbers if not np.isnan(gaps[n])] or numbers
        fails = [n for n in known if not gaps[n] <= 1e-7 * max(size_of(here), 1e-12)]
        return (fails + [n for n in known if n not in fails])[:FEW]

    def _said_everywhere(self) -> Array | None:
        other = self.claim.other
        return None if other is None else self.setting.array(other.node, self.grid)

    def true_values(self) -> Array:
        """The truth at the place: [points, *shape]."""
        return self.at_spot(self.claim.truth.arrays[0])

    def at_spot(self, array: Array) -> Array:
        """Values over the whole grid, at the place looked at."""
        for i in self.spot:
            array = array[:, i] if array.shape[1] > 1 else array[:, 0]
        return array[self.chosen] if len(array) > len(self.chosen) else array

    # --- values ---

    def value(self, expr: Expr) -> Value:
        """The meaning of an expression here; raises NoMeaning."""
        key = (id(expr), self._bound)
        found = self._memo.get(key)
        if found is None:
            try:
                result: Value | NoMeaning = self._value(expr)
            except NoMeaning as error:
                result = error
            found = self._memo[key] = (expr, result)
        if isinstance(found[1], NoMeaning):
            raise found[1]
        return found[1]

    def _value(self, expr: Expr) -> Value:
        if not isinstance(expr, Big):
            return combine(expr, [self.value(part) for part in parts(expr)], self.scope)
        if any(b.low is None or b.high is None for b in expr.binders):
            return meaning(expr, self.scope)
        before = self._bound
        with binding(expr, self.scope):
            self._bound = (*before, *(b.name for b in expr.binders))
            try:
                return combine(expr, [self.value(expr.body)], self.scope)
            finally:
                self._bound = before

    def view(self, scope: Scope, setting: Setting) -> Trial:
        """The same place with other names and values."""
        fresh = object.__new__(type(self))
        fresh.__dict__.update(self.__dict__)
        fresh.scope, fresh.setting, fresh._memo = scope, setting, {}
        return fresh

    def may_be(self, value: Value) -> bool:
        """Whether a value has the truth's shape, in some layout."""
        return any(t.shape == value.shape and t.row == value.row for t in self.targets)

    def inside(self, names: Sequence[str]) -> Trial:
        """A view for expressions below sums over these names (for their shapes only)."""
        fresh = object.__new__(type(self))
        fresh.__dict__.update(self.__dict__)
        extra = {n: Whole.of(self.scope.inner_name(n)) for n in names}
        fresh.scope = Scope(self.scope.system, {**self.scope.indices, **extra})
        fresh._bound = (*self._bound, *names)
        return fresh

    def shape(self, expr: Expr) -> tuple[Shape, bool] | None:
        """The shape of an expression and whether it is a row; None where it has no meaning."""
        try:
            value = self.value(expr)
        except NoMeaning:
            return None
        return value.shape, value.row

    def array(self, expr: Expr) -> tuple[Array, Shape, bool] | None:
        """The values of an expression here; None where it has none."""
        try:
            value = self.value(expr)
        except NoMeaning:
            return None
        if has_hole(value.node):
            pair = fit_shapes(self.claim.value.node, value.node)
            if pair is None or has_hole(pair[1]):
                return None
            value = Value(pair[1], value.row)
        if not self.may_be(value):
            return None
        found = self.evaluated(value.node)
        return None if found is None else (found, value.shape, value.row)

    def plain(self, expr: Expr) -> Array | None:
        """The values of an expression of any shape."""
        try:
            value = self.value(expr)
        except NoMeaning:
            return None
        return None if has_hole(value.node) else self.evaluated(value.node)

    def scalar(self, expr: Expr) -> Array | None:
        """The value of a scalar at each point."""
        found = self.plain(expr)
        if found is None or found.ndim > 1:
            return None
        return np.broadcast_to(found, (len(self.true_values()),))

    def evaluated(self, node: Node) -> Array | None:
        """The values of a closed node here."""
        try:
            with np.errstate(all="ignore"):
                found = np.asarray(self.setting.evaluator.value(node), dtype=float)
        except (EvaluationError, KeyError):
            return None
        return None if np.isnan(found).any() else found

    def arrays(self, expr: Expr) -> list[tuple[Array, Shape, bool]]:
        """The values that an expression may have here: as written, one."""
        found = self.array(expr)
        return [] if found is None else [found]

    # --- tries ---

    def matches(self, found: Sequence[tuple[Array, Shape, bool]]) -> bool:
        """Whether some of these values is the truth, in some layout."""
        return any(
            t.shape == shape and t.row == row and t.equals(array)
            for array, shape, row in found
            for t in self.targets
        )

    def rests(self) -> list[list[tuple[Target, Array]]]:
        """For every term of the claim what it would have to be, the others being as they are."""
        if self._rests is None:
            terms = terms_of(self.claim.right)
            values = [self.plain(term) for _, term in terms]
            self._rests = []
            for n, (sign, _) in enumerate(terms):
                others = [
                    (s, v)
                    for k, ((s, _), v) in enumerate(zip(terms, values, strict=True))
                    if k != n
                ]
                found: list[tuple[Target, Array]] = []
                for target in self.targets:
                    total = target.array
                    for s, v in others:
                        if v is None or v.shape != total.shape:
                            break
                        total = total - s * v
                    else:
                        found.append((target, sign * total))
                self._rests.append(found)
        return self._rests

    def matches_some(self, array: Array) -> bool:
        """Whether values at the first points are the truth there, in some layout."""
        points = len(array)
        return (
            points > 0
            and not np.isnan(array).any()
            and any(
                t.array.shape[1:] == array.shape[1:]
                and replace(t, array=t.array[:points]).equals(array)
                for t in self.targets
            )
        )

    def change_holds(self, root: Expr) -> str:
        """`holds` for a claim that was changed in one term: only that term is evaluated."""
        old, new = terms_of(self.claim.right), terms_of(root)
        if len(old) != len(new) or len(old) < 2:
            return self.holds(root)
        differing = [n for n, (a, b) in enumerate(zip(old, new, strict=True)) if a != b]
        if len(differing) != 1 or not self.rests()[differing[0]]:
            return self.holds(root)
        term = differing[0]
        if not self.same_shape(old[term][1], new[term][1]):
            return self.holds(root)
        self.claim.spend()
        found = self.plain(new[term][1])
        if found is None:
            self.last = None
            return ""
        found = found if old[term][0] == new[term][0] else -found
        self.last = None
        if not any(wanted.shape == found.shape for _, wanted in self.rests()[term]):
            return self.holds(root)
        for number, (target, wanted) in enumerate(self.rests()[term]):
            if wanted.shape != found.shape:
                continue
            if not number:
                self.last = target.array + old[term][0] * (found - wanted)
            if replace(target, array=wanted).equals(found):
                return self.everywhere(root)
        return ""

    def same_shape(self, old: Expr, new: Expr) -> bool:
        """Whether two expressions are of one shape; true where the second has none."""
        one, two = self.shape(old), self.shape(new)
        return two is None or one == two

    def holds(self, expr: Expr) -> str:
        """Whether the claim would be true with this right side: here, and then everywhere.

        `straight`, or `turned` where it is in another layout; empty where it would not.
        """
        self.claim.spend()
        found = self.arrays(expr)
        self.last = found[0][0] if found else None
        return self.everywhere(expr) if self.matches(found) else ""

    def everywhere(self, expr: Expr) -> str:
        """How a right side is true in every setting, for all values of the open indices."""
        claim = self.claim
        if expr == claim.left:
            return ""  # true, but no answer
        scope = Scope(self.scope.system, dict(claim.scope.indices))
        try:
            value = meaning(expr, scope)
            if has_hole(value.node):
                pair = fit_shapes(claim.value.node, value.node)
                if pair is None or has_hole(pair[1]):
                    return ""
                value = Value(pair[1], value.row)
            settings = [
                s.on(self.scope.system) if s.system is not self.scope.system else s
                for s in claim.settings
            ]
            said = Side.of(value, settings, self.grid)
        except (NoMeaning, EvaluationError, KeyError):
            return ""
        for t in layouts(claim.truth):
            fits = t.side.shape == said.shape and t.side.row == said.row
            if fits and agree(t.side.arrays, said.arrays, claim.strict) <= 10 * EQUAL:
                return "turned" if t.turned else "straight"
        return ""
