"""Readings: what a writer may have meant where the text does not say it as written (NOTATION 5).

A claim's right side is read in all permitted ways at once: each sub-expression has a list of
candidates with their values, and products combine candidates of their factors by the moves of
`combine.py`. Shapes prune the search, equal values are kept once, the cheapest reading first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import product as cartesian
from time import thread_time

import numpy as np

from backprove.compute.floats import FLOATS
from backprove.judge.candidates import (
    added,
    by_turns,
    fingerprint,
    literal_product,
    narrowed,
    repeated,
)
from backprove.judge.combine import (
    Array,
    Candidate,
    Words,
    as_diagonal,
    changed,
    leaf,
    products,
    scaled,
    times_identity,
    transposed,
    turn,
    untransposed,
    vectors,
)
from backprove.judge.functions import on_arrays
from backprove.judge.rewrite import multiplied, rewritten
from backprove.judge.world import Grid, Setting
from backprove.model.meaning import binding, meaning
from backprove.model.names import take_apart
from backprove.model.scope import Scope
from backprove.model.value import NoMeaning, Value, has_hole
from backprove.notation.syntax import Array as ArraySyntax
from backprove.notation.syntax import (
    Big,
    Call,
    Derivative,
    Expr,
    Index,
    Number,
    Power,
    Product,
    Quotient,
    Stack,
    Sum,
    Transpose,
)
from backprove.notation.unicode import to_unicode
from backprove.tensor.build import ones
from backprove.tensor.nodes import Identity
from backprove.tensor.whole import Shape, Whole

#: kinds of missing meaning that no other reading gives
HOPELESS = ("name", "form", "missing")
#: candidates kept of a part of a product, of a whole product, and combinations tried
MOST = 200
MOST_RESULTS = 600
MOST_PAIRS = 1500
MOST_COMBINATIONS = 4000


#: powers of a square matrix that may be meant as matrix powers
POWERS = (2, 3, 4, -2, -3)


class OutOfTime(Exception):
    """The search took longer than a claim is given."""


#: how a derivative may be read besides as total, and the words that follow ∂⁺ then
SENSES = {"immediate": "", "line": " (by its own line)"}
MEMBER = ("immediate",)
CHAIN = ("immediate", "line")


@dataclass(slots=True)
class Search:
    """The readings of expressions in some settings.

    `grid` holds the claim's open indices; `free` allows every product to be read anew even where
    it has a meaning (because the sum or the claim it stands in has none); `squeeze` drops axes of
    size 1, for the scalar problem; `senses` are those in which a derivative may be read besides
    the total one (reading 4): both inside a product of derivatives, as immediate only on the
    left of a claim about a member by a member.
    """

    scope: Scope
    settings: Sequence[Setting]
    grid: Grid
    deadline: float
    free: bool = False
    squeeze: bool = False
    senses: tuple[str, ...] = ()
    memo: dict[tuple[int, bool, tuple[str, ...], Grid], list[Candidate]] = field(
        default_factory=dict[tuple[int, bool, tuple[str, ...], Grid], list[Candidate]]
    )

    # --- leaves ---

    def leaf(
        self, expr: Expr, scope: Scope | None = None, cost: int = 0, shown: str = ""
    ) -> Candidate:
        """The candidate of an expression as written; raises NoMeaning."""
        value = meaning(expr, scope or self.scope)
        if isinstance(value.node, Identity) and (self.squeeze or has_hole(value.node)):
            # I is a 1 whose size the context decides
            return leaf([np.ones(1)] * len(self.settings), "I", ())
        if has_hole(value.node):
            raise NoMeaning("the size of I or ones cannot be told here", expr.span, "hole")
        return self.candidate(value, shown or (lambda: to_unicode(expr)), cost)

    def candidate(self, value: Value, text: Words | str, cost: int = 0) -> Candidate:
        arrays = _Arrays(self.settings, value, self.grid)
        shape, row, of, by = value.shape, value.row, value.of, value.by
        if self.squeeze:
            # without the axes of size 1 (there is one setting then)
            batch = 1 + len(self.grid.axes)
            full = arrays[0]
            kept = [
                i
                for i, size in enumerate(shape)
                if full.shape[batch + i] != 1 or size.constant is not None
            ]
            if len(kept) < len(shape):
                lengths = tuple(full.shape[batch + i] for i in kept)
                small = full.reshape(full.shape[:batch] + lengths)
                shape = tuple(map(Whole.of, lengths))
                return leaf([small], text, shape, row=row and bool(shape), cost=cost)
            shape = tuple(Whole.of(n) for n in full.shape[batch:])
        return leaf(arrays, text, shape, row=row, cost=cost, of=of, by=by)

    # --- the search ---

    def readings(self, expr: Expr) -> list[Candidate]:
        """All readings of an expression, the cheapest first; empty where there is none."""
        key = (id(expr), self.free, self.senses, self.grid)
        found = self.memo.get(key)
        if found is None:
            found = self.memo[key] = self.fresh(expr)
        return found

    def fresh(self, expr: Expr) -> list[Candidate]:
        """The readings of an expression, worked out."""
        if thread_time() > self.deadline:
            raise OutOfTime
        match expr:
            case Product() if self.senses != CHAIN and is_chain(expr):
                return replace(self, senses=CHAIN).readings(expr)
            case Product():
                return self.kept(self.product(expr), MOST_RESULTS)
            case Sum():
                return self.kept(self.sum(expr))
            case Quotient():
                return self.kept(self.quotient(expr))
            case Power():
                return self.kept(self.power(expr))
            case Transpose():
                return self.kept(self.transposes(expr))
            case Big():
                return self.kept(self.big(expr))
            case Derivative():
                return self.kept(self.derivative(expr))
            case Call():
                return self.kept(self.call(expr))
            case Stack() | ArraySyntax():
                return self.kept(self.joined(expr))
            case Index() if take_apart(expr, frozenset()) is None:
                return self.kept(self.component(expr))
            case _:
                return self.literal(expr)

    def literal(self, expr: Expr) -> list[Candidate]:
        try:
            return [self.leaf(expr)]
        except NoMeaning as error:
            if error.kind in HOPELESS:
                raise
            return self.ones() if error.kind == "hole" else []

    def ones(self) -> list[Candidate]:
        """A vector of ones whose size nothing tells yet: of every size in the model."""
        system = self.settings[0].system
        sizes = dict.fromkeys(size for entity in system.all() for size in entity.shape)
        values = [Value(ones((size,))) for size in sizes]
        return [self.candidate(value, "𝟏") for value in values]

    def joined(self, expr: Stack | ArraySyntax) -> Iterable[Candidate]:
        """Rows or parts, each with its own reading, put together as written."""
        parts = expr.parts if isinstance(expr, Stack) else expr.items
        new_axis = isinstance(expr, ArraySyntax)
        whole = self.as_written(expr)
        if whole is not None:
            yield whole
        batch = 1 + len(self.grid.axes)
        for chosen in cartesian(*narrowed([self.readings(p) for p in parts], MOST)):
            first = chosen[0]
            if len({c.rank for c in chosen}) > 1 or len({c.shape[1:] for c in chosen}) > 1:
                continue
            if (new_axis or not first.rank) and len({c.shape for c in chosen}) > 1:
                continue
            stacked = new_axis or not first.rank
            length = Whole.of(len(chosen))
            if not stacked:
                length = Whole.of(0)
                for c in chosen:
                    length = length + c.shape[0]
            shape = (length, *(first.shape if stacked else first.shape[1:]))

            def join(*arrays: Array, stacked: bool = stacked) -> Array:
                front = np.broadcast_shapes(*(a.shape[:batch] for a in arrays))
                full = [np.broadcast_to(a, front + a.shape[batch:]) for a in arrays]
                return np.stack(full, batch) if stacked else np.concatenate(full, batch)

            yield Candidate(
                join,
                lambda *t: "[" + "; ".join(t) + "]",
                chosen,
                shape,
                cost=sum(c.cost for c in chosen),
            )

    def kept(self, found: Iterable[Candidate], most: int = MOST) -> list[Candidate]:
        """Each value once, at its cheapest; not more than can be looked at."""
        best: dict[tuple[Shape, bool, float], Candidate] = {}
        for number, candidate in enumerate(found):
            if number % 256 == 255 and thread_time() > self.deadline:
                raise OutOfTime
            key = (candidate.shape, candidate.row, fingerprint(candidate))
            old = best.get(key)
            if old is None or candidate.cost < old.cost:
                best[key] = candidate
        return by_turns(sorted(best.values(), key=lambda c: c.cost))[:most]

    # --- products (readings 1 to 3) ---

    def product(self, expr: Product) -> Iterable[Candidate]:
        factors = [self.readings(f) for f in expr.factors]
        keeps = not self.free
        try:
            yield self.leaf(expr)
        except NoMeaning as error:
            if error.kind in HOPELESS:
                raise
            keeps = error.kind == "hole"  # it means something, but for the size of I or ones
        if keeps:
            yield from self.near(expr, factors)
            return
        flat = [self.readings(f) for f in flatten(expr)]
        if any(not f for f in flat):
            return
        yield from self.every_way(flat)

    def as_written(self, expr: Expr) -> Candidate | None:
        try:
            return self.leaf(expr)
        except NoMeaning as error:
            if error.kind in HOPELESS:
                raise
            return None

    def near(self, expr: Product, factors: list[list[Candidate]]) -> Iterable[Candidate]:
        """A product that has a meaning: its factors' readings, and the few other ways allowed."""
        partial = factors[0]
        for sign, options in zip(expr.ops, factors[1:], strict=True):
            partial = self.kept(
                result for a, b in self.pairs(partial, options) for result in self.pair(a, b, sign)
            )
        return partial

    def pairs(
        self, left: Sequence[Candidate], right: Sequence[Candidate]
    ) -> list[tuple[Candidate, Candidate]]:
        """Pairs of candidates, cheapest first."""
        if len(left) * len(right) == 1:
            return [(left[0], right[0])]
        found = sorted(cartesian(left, right), key=lambda p: p[0].cost + p[1].cost)
        return found[:MOST_PAIRS]

    def pair(self, a: Candidate, b: Candidate, sign: str) -> Iterable[Candidate]:
        scaling = not (a.rank and b.rank)
        if scaling and not (a.of and b.of) and (sign not in ("⊙", "⊗") or not (a.rank or b.rank)):
            yield scaled(a, b)  # all that it may be
            return
        others = not scaling and not (a.of or b.of) and a.rank == b.rank == 2
        if a.row or b.row or a.of or b.of or not (others or a.rank == b.rank == 1):
            literal = literal_product(a, b, sign)
            if literal is not None:
                yield literal
        if a.rank == 1 and b.rank == 1:
            yield from vectors(a, b, turned=False)
        elif others:
            yield from untransposed(a, b)

    def every_way(self, factors: list[list[Candidate]]) -> Iterable[Candidate]:
        """All orders, brackets, transposes and kinds of product of the factors (reading 1).

        Scalars are taken out first. Few factors are combined in every order; more, only with
        neighbours, which leaves the orders that a text's own order suggests.
        """
        scalars = [f[0] for f in factors if len(f) == 1 and not f[0].rank]
        arrays = [f for f in factors if len(f) > 1 or f[0].rank]
        if arrays:
            results = self.intervals(arrays) if len(arrays) > 4 else self.subsets(arrays)
        else:
            results, scalars = scalars[:1], scalars[1:]
        for result in results:
            for scalar in scalars:
                result = scaled(scalar, result)
            yield result

    def subsets(self, arrays: list[list[Candidate]]) -> list[Candidate]:
        """Every way to multiply a few factors, by subsets."""
        full = (1 << len(arrays)) - 1
        table: dict[int, list[Candidate]] = {1 << i: list(c) for i, c in enumerate(arrays)}
        for group in range(1, full + 1):
            if group in table:
                continue
            found: list[Candidate] = []
            part = (group - 1) & group
            while part:
                rest = group ^ part
                if part < rest:
                    for a, b in self.pairs(table[part], table[rest]):
                        found += products(a, b)
                part = (part - 1) & group
            table[group] = self.kept(found, MOST_RESULTS if group == full else MOST)
        return table[full]

    def intervals(self, arrays: list[list[Candidate]]) -> list[Candidate]:
        """Every way to multiply neighbours first."""
        n = len(arrays)
        table: dict[tuple[int, int], list[Candidate]] = {
            (i, i + 1): list(c) for i, c in enumerate(arrays)
        }
        for length in range(2, n + 1):
            for start in range(n - length + 1):
                end = start + length
                found: list[Candidate] = []
                for middle in range(start + 1, end):
                    for a, b in self.pairs(table[start, middle], table[middle, end]):
                        found += products(a, b)
                table[start, end] = self.kept(found, MOST_RESULTS if length == n else MOST)
        return table[0, n]

    # --- sums ---

    def sum(self, expr: Sum) -> Iterable[Candidate]:
        terms = [self.readings(t) for _, t in expr.terms]
        signs = [s for s, _ in expr.terms]
        found = self.sums(signs, terms)
        if not found and not self.free and len(terms) > 1:
            # the sum has no meaning: the products in it may be read anew
            wide = replace(self, free=True)
            found = self.sums(signs, [wide.readings(t) for _, t in expr.terms])
        return found

    def sums(self, signs: list[int], terms: list[list[Candidate]]) -> list[Candidate]:
        shapes: dict[tuple[Shape, bool], None] = {}
        for options in terms:
            for c in options:
                shapes[(c.shape, c.row)] = None
        found: list[Candidate] = []
        for shape, row in shapes:
            fitted = [self.fit(options, shape, row) for options in terms]
            if any(not f for f in fitted):
                continue
            for chosen in cartesian(*narrowed(fitted, MOST_COMBINATIONS)):
                found.append(added(signs, chosen, shape, row))
        return found

    def fit(self, options: list[Candidate], shape: Shape, row: bool) -> list[Candidate]:
        """The candidates of a shape: scalars spread or as multiples of I, vectors as diagonals."""
        found: list[Candidate] = []
        square = len(shape) == 2 and shape[0] == shape[1]
        for c in options:
            if c.shape == shape and (c.row == row or (c.rank == 1 and c.cost)):
                # a product read anew may have been meant as the row
                found.append(c)
            elif not c.rank and shape:
                lengths = [tuple(int(w.value(s.sizes)) for w in shape) for s in self.settings]
                spread = leaf([np.ones(n) for n in lengths], "", shape)
                axes = (None,) * len(shape)
                found.append(
                    Candidate(
                        lambda x, one, axes=axes: x[(..., *axes)] * one,
                        lambda t, _: t,
                        (c, spread),
                        shape,
                        row=row,
                        cost=c.cost,
                    )
                )
                if square:
                    found.append(times_identity(c, shape[0], [n[0] for n in lengths]))
            elif square and c.rank == 1 and c.shape[0] == shape[0] and not c.row:
                found.append(as_diagonal(c))
        return sorted(found, key=lambda c: c.cost)

    # --- the rest ---

    def quotient(self, expr: Quotient) -> Iterable[Candidate]:
        over, under = self.readings(expr.over), self.readings(expr.under)
        for a, b in self.pairs(over, under):
            inverse = changed(b, lambda x: 1 / x, lambda t: f"1/({t})")
            if not b.rank or not a.rank:
                yield scaled(a, inverse)
            elif a.shape == b.shape and a.row == b.row:
                yield Candidate(
                    lambda x, y: x / y,
                    lambda s, t: f"({s})/({t})",
                    (a, b),
                    a.shape,
                    row=a.row,
                    cost=a.cost + b.cost,
                )

    def power(self, expr: Power) -> Iterable[Candidate]:
        whole = self.as_written(expr)
        if whole is not None:
            yield whole
        for base in self.readings(expr.base):
            if (base.cost or whole is None) and isinstance(expr.exponent, Number):
                p, shown = float(expr.exponent.value), expr.exponent.text
                if p == -1 and base.rank == 2 and base.shape[0] == base.shape[1]:
                    yield changed(base, _inverse, lambda t: f"({t})⁻¹")
                elif not (p < 0 and base.rank == 2):
                    yield changed(base, lambda x, p=p: x**p, lambda t, n=shown: f"({t})^{n}")
            square = base.rank == 2 and base.shape[0] == base.shape[1]
            if square and isinstance(expr.exponent, Number) and expr.exponent.value in POWERS:
                n = int(expr.exponent.value)
                yield changed(
                    base,
                    lambda x, n=n: np.linalg.matrix_power(x if n > 0 else _inverse(x), abs(n)),
                    lambda t, n=n: " ".join([t if n > 0 else f"({t})⁻¹"] * abs(n)),
                    cost=1,
                )
            elif square and not isinstance(expr.exponent, Number):
                yield from self.steps(base, expr.exponent)

    def steps(self, base: Candidate, exponent: Expr) -> Iterable[Candidate]:
        """A matrix multiplied by itself as often as an index says: `A^{t-s}`."""
        for times in self.readings(exponent):
            known = times.first[np.isfinite(times.first)]
            if times.rank or not known.size or (known != np.round(known)).any():
                continue
            shown = to_unicode(exponent)
            yield Candidate(
                repeated,
                lambda t, _n, shown=shown: f"the matrix power ({t})^({shown})",
                (base, times),
                base.shape,
                cost=base.cost + times.cost + 1,
            )

    def transposes(self, expr: Transpose) -> Iterable[Candidate]:
        for c in self.readings(expr.base):
            if c.rank == 2:
                yield transposed(c)
            elif c.rank == 1:
                yield changed(c, lambda x: x, turn, row=not c.row)
            elif c.rank == 0:
                yield c
            else:
                whole = self.as_written(expr)
                if whole is not None:
                    yield whole

    def call(self, expr: Call) -> Iterable[Candidate]:
        whole = self.as_written(expr)
        if whole is not None:
            yield whole
        if len(expr.args) != 1:
            return
        for c in self.readings(expr.args[0]):
            if c.cost or whole is None:
                yield from on_arrays(expr, c, self.squeeze)

    def component(self, expr: Index) -> Iterable[Candidate]:
        whole = self.as_written(expr)
        if whole is not None:
            yield whole

    def derivative(self, expr: Derivative) -> Iterable[Candidate]:
        """As written, and where reading 4 has it, as immediate or by its own line."""
        whole = self.as_written(expr)
        if whole is not None:
            yield whole
        squared = rewritten(expr.of, self.matrix_power)
        if squared is not expr.of:
            with suppress(NoMeaning):
                yield self.leaf(replace(expr, of=squared), cost=1)
        if expr.immediate or len(expr.by) > 1:
            return
        for sense in self.senses:
            scope = replace(self.scope, mode=sense)
            try:
                shown = to_unicode(replace(expr, immediate=True)) + SENSES[sense]
                reading = self.leaf(expr, scope, cost=1, shown=shown)
            except NoMeaning:
                return
            if whole is None or not self.vanishes(reading, whole):
                yield reading

    def matrix_power(self, expr: Expr) -> Expr | None:
        """`A^2` of a square matrix as `A A` (reading 3), in what is differentiated."""
        if not isinstance(expr, Power) or not isinstance(expr.exponent, Number):
            return None
        count = expr.exponent.value
        if count not in POWERS or count < 0:
            return None
        try:
            shape = meaning(expr.base, self.scope).shape
        except NoMeaning:
            return None
        if len(shape) != 2 or shape[0] != shape[1]:
            return None
        return multiplied([expr.base] * int(count), [""] * (int(count) - 1))

    def vanishes(self, reading: Candidate, whole: Candidate) -> bool:
        """Whether a reading is zero at an index where the derivative is not: it cannot be meant."""
        kept = tuple(range(1, 1 + len(self.grid.axes)))
        gone = tuple(axis for axis in range(reading.first.ndim) if axis not in kept)
        return bool(np.any(whole.first.any(axis=gone) & ~reading.first.any(axis=gone)))

    def big(self, expr: Big) -> Iterable[Candidate]:
        """A sum or product over an index: the index becomes one more batch axis."""
        whole = self.as_written(expr)
        if whole is not None:
            yield whole
        if expr.condition is not None or len(expr.binders) != 1:
            return
        binder = expr.binders[0]
        with binding(expr, self.scope):
            name = self.scope.inner_name(binder.name)
            if name in {n for n, _, _ in self.grid.axes}:
                return  # a sum inside another over the same letter: only as it is written
            if binder.low is not None and binder.high is not None:
                low, high = self.scope.whole(binder.low), self.scope.whole(binder.high)
            else:
                with suppress(NoMeaning):  # for what it notes of the index's uses
                    meaning(expr.body, self.scope)
                uses = [u for u in self.scope.uses.get(name, []) if u.low is not None]
                if not uses or uses[0].low is None or uses[0].high is None:
                    return
                low, high = uses[0].low, uses[0].high
            known = set(self.settings[0].sizes) | {n for n, _, _ in self.grid.axes}
            if not (low.names | high.names) <= known:
                return
            inner = replace(self, grid=self.grid.push(name, low, high))
            body = inner.readings(expr.body)
        axis = 1 + len(self.grid.axes)
        steps = leaf([inner.grid.inside(s.sizes) for s in self.settings], "", ())
        neutral = 0.0 if expr.op == "sum" else 1.0
        total = np.sum if expr.op == "sum" else np.prod
        sign = "Σ" if expr.op == "sum" else "Π"

        def folded(x: Array, inside: Array) -> Array:
            rank = x.ndim - axis - 1
            mask = inside.reshape(1, *inside.shape, *(1,) * rank)
            return total(np.where(mask, x, neutral), axis=axis)

        for c in body:
            if expr.op == "prod" and c.rank:
                continue
            yield Candidate(
                folded,
                lambda t, _: f"{sign}_{binder.name} {t}",
                (c, steps),
                c.shape,
                row=c.row,
                cost=c.cost,
            )


@dataclass(frozen=True, slots=True)
class _Arrays:
    """A value's arrays by the number of the setting, evaluated when asked for."""

    settings: Sequence[Setting]
    value: Value
    grid: Grid

    def __getitem__(self, k: int) -> Array:
        return self.settings[k].array(self.value.node, self.grid)


def is_chain(expr: Product) -> bool:
    """Whether a product multiplies derivatives, as the chain rule does."""
    return sum(1 for factor in expr.factors if has_derivative(factor)) > 1


def has_derivative(expr: Expr) -> bool:
    """Whether a derivative stands in a factor, perhaps in brackets or under a sum."""
    match expr:
        case Derivative():
            return True
        case Product():
            return any(has_derivative(f) for f in expr.factors)
        case Sum():
            return any(has_derivative(t) for _, t in expr.terms)
        case Big():
            return has_derivative(expr.body)
        case Transpose():
            return has_derivative(expr.base)
        case _:
            return False


def flatten(expr: Product) -> list[Expr]:
    """The factors of a product, with products in it opened."""
    found: list[Expr] = []
    for factor in expr.factors:
        if isinstance(factor, Product):
            found += flatten(factor)
        else:
            found.append(factor)
    return found


def _inverse(x: Array) -> Array:
    return np.asarray(FLOATS.inverse(x))
