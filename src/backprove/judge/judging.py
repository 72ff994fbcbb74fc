"""Judging a relation link by link (NOTATION 4 and 5)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import numpy as np

from backprove.judge.certainty import surely_differ
from backprove.judge.correction import corrected, summed
from backprove.judge.diagnosis import Diagnosis, diagnose, with_script
from backprove.judge.link import Match, Side, agree, find_reading, layouts
from backprove.judge.outcome import Outcome
from backprove.judge.plain_claims import between_literals, number_claim, shape_claim
from backprove.judge.questions import is_answer, is_question, next_member
from backprove.judge.readings import MEMBER, OutOfTime, Search, has_derivative
from backprove.judge.verdict import Evidence, Kind
from backprove.judge.world import EQUAL, Grid, Setting, World, has_kink, kept_sizes
from backprove.judge.wrong_claim import WrongClaim
from backprove.model.definitions import index_ranges
from backprove.model.entity import System
from backprove.model.meaning import bodies_below, meaning
from backprove.model.scope import Scope
from backprove.model.value import NoMeaning, Value, fit_shapes, has_hole
from backprove.notation.syntax import (
    Array,
    Call,
    Cases,
    Compare,
    Derivative,
    Expr,
    Relation,
    Space,
    parts_of,
)
from backprove.tensor.build import literal, transpose, zero
from backprove.tensor.nodes import Derivative as DerivativeNode
from backprove.tensor.nodes import walk
from backprove.tensor.whole import Whole

#: functions with thresholds
THRESHOLDS = frozenset({"step", "relu", "max", "min", "abs", "sign", "indicator"})
#: relative difference that rounding may make without a doubt
ROUNDING = 1e-12
#: what a claim comes to at size 1: some reading is equal, all differ, none exists, or no value does
Small = Literal["equal", "differs", "nothing", "unknown"]


@dataclass(slots=True)
class Judge:
    """Judges relations about a system (a writer's definitions on a model) until a deadline.

    Deadlines are of the thread's processor time: a busy machine changes no verdict.
    """

    world: World
    system: System
    deadline: float
    #: the writer's own definitions in `system`, as they were written
    written: Sequence[Relation] = ()
    #: whether wrong claims get a script that shows it
    replay: bool = False
    #: whether a wrong claim's mistake need not be named, nor corrected
    brief: bool = False

    def relation(self, relation: Relation) -> list[Outcome]:
        """An outcome for every link; raises NoMeaning where the left side has no meaning."""
        sides = relation.sides
        outcomes: list[Outcome] = []
        reference: Expr | None = None
        for position, op in enumerate(relation.ops):
            left, right = sides[position], sides[position + 1]
            if isinstance(left, Space):
                raise NoMeaning("a set cannot stand on the left", left.span, "form")
            if not isinstance(right, Space) and is_answer(left) and is_question(right):
                left, right = right, left
            scope = self.scope(relation)
            try:
                value = meaning(left, scope)
                reference = left
            except NoMeaning as error:
                good = all(o.verdict.accepted or o.verdict.partly for o in outcomes)
                if error.kind != "shape" or reference is None or not good:
                    outcomes.append(self.unreadable(error))
                    continue
                # what has been found equal to this side so far stands in for it
                scope = self.scope(relation)
                value = meaning(reference, scope)
                left = reference
            try:
                outcomes.append(self.link(left, value, op, right, scope, relation))
            except NoMeaning as error:
                outcomes.append(self.unreadable(error))
        return outcomes

    def unreadable(self, error: NoMeaning) -> Outcome:
        return Outcome(Kind.UNREADABLE, error.message, place=error.span)

    def scope(self, relation: Relation) -> Scope:
        ranges = {r.name: Whole.of(r.name) for r in relation.ranges}
        return Scope(self.system, ranges, open=True)

    def settings(self, right: Expr | None = None) -> list[Setting]:
        """Where a link is tried: at many points, too, where something has thresholds."""
        own = self.system.entities.values()
        kinked = (
            self.world.kinked
            or any(e.body is not None and has_kink(e.body) for group in own for e in group)
            or (right is not None and has_threshold(right))
        )
        dense = [self.world.dense()] if kinked else []
        return [self.on(s) for s in [*self.world.settings, *dense]]

    def on(self, setting: Setting) -> Setting:
        return setting.on(self.system) if self.system.entities else setting

    # --- one link ---

    def link(
        self,
        left: Expr,
        value: Value,
        op: str,
        right: Expr | Space,
        scope: Scope,
        relation: Relation,
    ) -> Outcome:
        if isinstance(right, Space):
            return shape_claim(value, right, self.system)
        known = list(scope.free)
        numbers = between_literals(left, right, op)
        if numbers is not None:
            return numbers
        other: Value | None = None
        problem: NoMeaning | None = None
        try:
            other = meaning(right, scope)
        except NoMeaning as error:
            if error.kind in ("name", "form"):
                raise
            problem = error
        loose = [i for i in scope.free if i not in known]
        if loose:
            return Outcome(
                Kind.WRONG,
                f"the index {loose[0]} stands only on the right: a sum over it is missing",
                "missing-sum",
                corrected=summed(self.claim(left, right, relation), scope, loose),
                place=right.span,
            )
        if problem is not None and problem.kind == "missing" and not known:
            truth = corrected(self.claim(left, right, relation), None)
            return Outcome(
                Kind.WRONG, problem.message, "wrong-index", corrected=truth, place=problem.span
            )
        if other is not None:
            value, other = self.filled(value, other)
            if has_hole(other.node):
                other = None
        if has_hole(value.node):
            raise NoMeaning("the size of I or ones cannot be told here", left.span, "name")
        grid, strict = self.grid(scope, relation)
        settings = self.settings(right)
        truth = Side.of(value, settings, grid)
        if not any(np.isfinite(array).any() for array in truth.arrays):
            words = "the left side has no value, so nothing can be said about it"
            raise NoMeaning(words, left.span, "form")
        if not self.derived(value, other, right):
            truth = replace(truth, plain=True)
        close = False
        if other is not None:
            numeric = number_claim(truth, right, other, settings, grid, op)
            if numeric is not None:
                if self.replay and numeric.verdict == Kind.WRONG:
                    claim = self.claim(left, right, relation, other)
                    numeric = with_script(numeric, claim)
                return numeric
            nodes = value.node, other.node
            differ = partial(surely_differ, *nodes, self.system, settings[0], grid)
            said = Side.of(other, settings, grid)
            outcome = self.as_written(truth, value, said, other, strict, differ)
            if outcome is not None and outcome.verdict != Kind.WRONG:
                return outcome
            close = outcome is not None
        return self.read(
            left, right, scope, grid, strict, settings, truth, value, other, relation, close
        )

    def derived(self, value: Value, other: Value | None, right: Expr) -> bool:
        """Whether a derivative stands somewhere in a link, or in what its names are defined by."""
        nodes = [value.node] if other is None else [value.node, other.node]
        # a matrix of numbers is the layout of a quantity, such as the matrix of a convolution
        if any(isinstance(n, DerivativeNode) for n in nodes) or isinstance(right, Array):
            return True
        below = [b for node in nodes for b in bodies_below(node, self.system)]
        found = any(isinstance(n, DerivativeNode) for n in walk(*nodes, *below))
        return found or has_derivative(right)

    def claim(
        self, left: Expr, right: Expr, relation: Relation, other: Value | None = None
    ) -> WrongClaim:
        """A wrong claim; without `other` its right side has no values."""
        scope = self.scope(relation)
        value = meaning(left, scope)
        grid, strict = self.grid(scope, relation)
        settings = self.settings(right)
        return WrongClaim(
            self.world, self.system, left, value, right, other, scope, grid, strict, settings,
            Side.of(value, settings, grid), other is not None, relation, self.written,
        )  # fmt: skip

    def filled(self, value: Value, other: Value) -> tuple[Value, Value]:
        """Sizes of `I` or `ones` decided by the other side; a plain 0 is the zero of any shape."""
        if value.rank and other.node is literal(0):
            other = Value(zero(value.shape), value.row)
        if has_hole(value.node) or has_hole(other.node):
            pair = fit_shapes(value.node, other.node)
            if pair is None:  # perhaps in the other layout
                turned = fit_shapes(transpose(value.node), other.node)
                pair = turned and (transpose(turned[0]), turned[1])
            if pair is not None:
                value = Value(pair[0], value.row, value.of, value.by)
                other = Value(pair[1], other.row, other.of, other.by)
        return value, other

    def grid(self, scope: Scope, relation: Relation) -> tuple[Grid, bool]:
        """The open indices with their ranges, and whether all are components."""
        grid, strict = Grid(), True
        ranges = {r.name: r for r in index_ranges(relation.ranges, self.system)}
        for name in [*ranges, *scope.free]:
            inner = scope.indices[name].name or name
            uses = scope.uses.get(inner, [])
            family = [u for u in uses if u.kind == "family"]
            strict = strict and bool(uses) and not family
            if name in ranges:
                low, high = ranges[name].low, ranges[name].high
            else:
                bounded = [u for u in (family or uses) if u.low is not None and u.high is not None]
                low = bounded[0].low if bounded else Whole.of(0)
                high = bounded[0].high if bounded else Whole.of(6)
            assert low is not None
            assert high is not None
            grid = grid.push(inner, low, high)
        return grid, strict

    # --- as written ---

    def as_written(
        self,
        truth: Side,
        value: Value,
        said: Side,
        other: Value,
        strict: bool,
        differ: Callable[[], bool],
    ) -> Outcome | None:
        """Correct or convention, as the right side stands; None where it is neither.

        A difference above what rounding makes is left to `differ`.
        """
        for layout in layouts(truth):
            if layout.side.shape != said.shape or layout.side.row != said.row:
                continue
            gap = agree(layout.side.arrays, said.arrays, strict)
            if ROUNDING < gap <= EQUAL and not layout.turned and differ():
                return Outcome(Kind.WRONG)  # so no reading is looked for that is as near
            if gap <= EQUAL:
                same = value.node is other.node and not layout.turned
                evidence = self.accepted(gap, same)
                if not layout.turned:
                    return Outcome(Kind.CORRECT, evidence=evidence)
                return Outcome(
                    Kind.CONVENTION,
                    "the same derivative, "
                    + ("as a row" if said.row or truth.row else "with its axes in another order"),
                    evidence=evidence,
                )
        return None

    def accepted(self, gap: float, same: bool = False) -> Evidence:
        sizes = tuple(dict(s.sizes) for s in self.world.settings)
        points = sum(s.points for s in self.world.settings)
        if same:
            return Evidence("identical after simplification", points, sizes, 0.0)
        words = f"equal at {points} random points of {len(sizes)} sizes, up to {gap:.1e}"
        return Evidence(words, points, sizes, gap)

    # --- readings ---

    def read(
        self,
        left: Expr,
        right: Expr,
        scope: Scope,
        grid: Grid,
        strict: bool,
        settings: Sequence[Setting],
        truth: Side,
        value: Value,
        other: Value | None,
        relation: Relation,
        close: bool,
    ) -> Outcome:
        """Notation or scalar where a reading is equal; else wrong, as what only comes `close`.

        What is equal under some reading is equal when sizes are 1, too, and there most readings
        fall together: so that is tried first, and settles most wrong claims.
        """
        fits = other is not None and truth.shape == other.shape and truth.row == other.row
        search = Search(scope, settings, grid, self.deadline, free=not fits)
        try:
            small: Small = "differs"
            if not close:
                small = self.small(left, value, right, scope, grid, strict, fits)
            if small == "nothing" and other is None:
                return self.meaningless(right, scope)
            match = None
            if small != "differs":
                match = self.match(search, right, truth, strict)
                match = match or self.read_left(left, value, search, right, strict)
        except OutOfTime:
            return Outcome(Kind.UNREADABLE, "this claim takes too long to read", place=right.span)
        if match is not None:
            return Outcome(
                Kind.NOTATION,
                "in another layout" if match.turned else "",
                reading=match.words,
                evidence=self.accepted(match.gap),
            )
        if small == "equal" and not fits:
            return Outcome(
                Kind.SCALAR,
                "true when all sizes are 1: for vectors and matrices it has no such meaning",
                reading="the scalar problem",
            )
        if self.brief:
            return Outcome(Kind.WRONG, "the two sides differ", "other", place=right.span)
        claim = WrongClaim(
            self.world,
            self.system,
            left,
            value,
            right,
            other,
            scope,
            grid,
            strict,
            settings,
            truth,
            fits,
            relation,
            self.written,
        )
        return self.wrong(diagnose(claim, self.replay))

    def match(self, search: Search, right: Expr, truth: Side, strict: bool) -> Match | None:
        """A reading that is equal. Products that have a meaning keep it, where the whole fits so."""
        if search.free:
            found, near = find_reading(replace(search, free=False), right, truth, strict)
            shapes = {(x.side.shape, x.side.row) for x in layouts(truth)}
            if found is not None or any((c.shape, c.row) in shapes for c in near):
                return found
        return find_reading(search, right, truth, strict)[0]

    def meaningless(self, right: Expr, scope: Scope) -> Outcome:
        """A right side without any reading, with the place where it fails."""
        try:
            meaning(right, self.scope_like(scope))
        except NoMeaning as error:
            return self.unreadable(error)
        return Outcome(Kind.UNREADABLE, "no meaning could be given to this", place=right.span)

    def scope_like(self, scope: Scope) -> Scope:
        return Scope(self.system, dict(scope.indices), open=True)

    def read_left(
        self, left: Expr, value: Value, search: Search, right: Expr, strict: bool
    ) -> Match | None:
        """The left side read otherwise: a member by a member as immediate, powers of matrices."""
        best: Match | None = None
        plain = not self.derived(value, None, right)
        if isinstance(left, Derivative) and next_member(value.of, value.by):
            search = replace(search, senses=MEMBER)
        elif has_derivative(left) and not isinstance(left, Derivative):
            return None
        for reading in search.readings(left):
            if not reading.cost:
                continue
            outputs = reading.of.rank if reading.of is not None else None
            arrays = tuple(reading.at(k) for k in range(len(search.settings)))
            side = Side(arrays, reading.shape, reading.row, outputs, plain)
            match, _ = find_reading(search, right, side, strict)
            if match is not None and (best is None or match.candidate.cost < best.candidate.cost):
                best = replace(match, left=reading.text)
        return best

    def small(
        self,
        left: Expr,
        value: Value,
        right: Expr,
        scope: Scope,
        grid: Grid,
        strict: bool,
        fits: bool,
    ) -> Small:
        """What the readings come to when sizes are 1; fewer where a claim `fits` as written."""
        kept = frozenset(kept_sizes(self.system))
        setting = self.on(self.world.ones(kept))
        search = Search(scope, [setting], grid, self.deadline, free=not fits, squeeze=True)
        on_left = search
        if isinstance(left, Derivative) and next_member(value.of, value.by):
            on_left = replace(search, senses=MEMBER)
        found: Small = "nothing"
        for reading in on_left.readings(left):
            side = Side((reading.first,), reading.shape, reading.row, None)
            match, readings = find_reading(search, right, side, strict)
            if match is not None:
                return "equal"
            if readings and found != "unknown":
                found = "differs"
            if not np.isfinite(reading.first).any():
                found = "unknown"  # nothing can be said at these sizes
        return found

    # --- wrong ---

    def wrong(self, found: Diagnosis) -> Outcome:
        mistake = found.mistake
        return Outcome(
            Kind.WRONG,
            mistake.sentence,
            mistake.kind,
            corrected=found.corrected,
            evidence=found.evidence,
            place=mistake.place,
        )


def has_threshold(expr: Expr) -> bool:
    """Whether functions or cases with thresholds stand in an expression."""
    return any(
        isinstance(part, Cases | Compare)
        or (isinstance(part, Call) and part.function in THRESHOLDS)
        for part in parts_of(expr)
    )
