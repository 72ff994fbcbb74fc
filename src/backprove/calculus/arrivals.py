"""What arrives at one member of a family: the contributions of all its uses, summed.

A definition `h_t = … c_{t-1} …` for all t gives one contribution, `… h̄_t …` at c_{t-1}. At the
member asked for, c_s, the equation t − 1 = s is solved for the user's letter t; letters that no
equation gives are summed over their ranges, and where the user might not exist a condition stays.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from backprove.calculus.bounds import span, within
from backprove.calculus.families import Key, letter, open_index
from backprove.calculus.paths import Paths
from backprove.calculus.pullback import Binder, Contribution, NoDerivative
from backprove.model.entity import Entity, IndexRange
from backprove.tensor.build import add, fold, literal, substitute, test, where, zero
from backprove.tensor.nodes import Node, Symbol, walk
from backprove.tensor.whole import Shape, Whole

Spans = tuple[IndexRange, ...]
#: an index used, and the index asked for
Pair = tuple[Whole, Whole]


@dataclass(frozen=True, slots=True)
class Arrival:
    """A contribution and the definition that it comes from; None for the quantity itself."""

    user: Entity | None
    part: Contribution

    @property
    def crosses(self) -> bool:
        """Whether it goes from one step of a family to another."""
        target = self.part.target
        return (
            self.user is not None
            and isinstance(target, Symbol)
            and bool(self.user.index)
            and target.index not in ((), self.user.index)
        )


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Sums contributions; `asked` are letters of the question, `adjoints` the adjoints' names."""

    paths: Paths
    asked: frozenset[str]
    adjoints: dict[Key, str]

    def at(
        self, parts: Iterable[Arrival], index: tuple[Whole, ...], shape: Shape, spans: Spans = ()
    ) -> Node:
        """The sum of what arrives at the member at `index`, whose letters have these spans."""
        total: list[tuple[int, Node]] = []
        for arrival in parts:
            assert isinstance(arrival.part.target, Symbol)
            pairs = list(zip(arrival.part.target.index, index, strict=True))
            total.append((1, self._settled(arrival, pairs, spans)))
        return add(total, shape) if total else zero(shape)

    def _settled(self, arrival: Arrival, pairs: list[Pair], spans: Spans) -> Node:
        """A contribution to the member where each pair is equal."""
        node, binders, pairs, origin = self._apart(arrival, pairs)
        guards: list[Node] = []
        while pairs:
            used, want = pairs.pop()
            chosen = _solved_for(used, binders)
            if chosen is None:
                guards.append(test("=", used, want))
                continue
            factor = used.coefficient(chosen.name)
            assert factor is not None
            value = (want - used + Whole.of(chosen.name) * factor) * factor
            put = {chosen.name: value}
            binders = [
                Binder(b.name, b.low.put(put), b.high.put(put)) for b in binders if b is not chosen
            ]
            pairs = [(u.put(put), w.put(put)) for u, w in pairs]
            node = substitute(node, put)
            guards = [substitute(g, put) for g in guards]
            low, high = chosen.low.put(put), chosen.high.put(put)
            below, above = (
                self._ends(arrival.user, origin.get(chosen.name, chosen.name))
                if self._harmless(node, value, spans)
                else (None, None)
            )
            if below != chosen.low and not within(value, value, low, None, spans):
                guards.append(test("≤", low, value))
            if above != chosen.high and not within(value, value, None, high, spans):
                guards.append(test("≤", value, high))
        nothing = zero(node.shape) if node.shape else literal(0)
        for guard in guards:
            node = where(guard, node, nothing)
        while binders:  # a sum whose bounds depend on another index stands inside that one's
            b = next(b for b in binders if not any(_depends(c, b) for c in binders))
            binders.remove(b)
            node = fold("sum", b.name, b.low, b.high, node)
        return node

    def _apart(
        self, arrival: Arrival, pairs: list[Pair]
    ) -> tuple[Node, list[Binder], list[Pair], dict[str, str]]:
        """The contribution with letters of its own: none that the question or the member bears.

        Returned with what each new letter was before.
        """
        node, binders = arrival.part.node, [*arrival.part.binders]
        if arrival.user is not None:
            binders += [_binder(r, arrival.user) for r in arrival.user.ranges]
        asked = set(self.asked).union(*(want.names for _, want in pairs))
        fresh: dict[str, str] = {}
        own = {b.name for b in binders}
        for b in binders:
            name = letter(b.name, asked | set(fresh.values()) | (own - {b.name}))
            if name != b.name:
                fresh[b.name] = name
        if fresh:
            node = substitute(node, fresh)
            binders = [
                replace(
                    b, name=fresh.get(b.name, b.name), low=b.low.put(fresh), high=b.high.put(fresh)
                )
                for b in binders
            ]
            pairs = [(used.put(fresh), want) for used, want in pairs]
        return node, binders, [*pairs], {new: old for old, new in fresh.items()}

    def _ends(self, user: Entity | None, name: str) -> tuple[Whole | None, Whole | None]:
        """The first and last member of the user's family: beyond them its adjoint is zero.

        A declared h_0 belongs to the family, though the rule for h_t begins at 1.
        """
        if user is None:
            return None, None
        for position, place in enumerate(user.index):
            if place.name == name:
                return self._span(user, position)
        return None, None

    def _span(self, node: Symbol | Entity, position: int) -> tuple[Whole | None, Whole | None]:
        """The first and last index at a position, for a node's other indices."""
        entities = self.paths.entities(self.paths.families.key(node))
        at = {w.name: i for w, i in zip(open_index(entities), node.index, strict=True) if w.name}
        low, high = span(entities, position)
        return low and low.put(at), high and high.put(at)

    def _harmless(self, node: Node, value: Whole, spans: Spans) -> bool:
        """Whether a contribution outside its user's range is zero by itself.

        It is when the user's own adjoint (zero outside its range) stands in it, and everything
        else in it has a value there.
        """
        adjoints = set(self.adjoints.values())
        inside = [n for n in walk(node) if isinstance(n, Symbol) and n.index]
        if not any(n.name in adjoints and value in n.index for n in inside):
            return False
        return all(
            within(w, w, *self._span(n, position), spans)
            for n in inside
            if n.name not in adjoints
            for position, w in enumerate(n.index)
            if w.constant is not None or not w.names.isdisjoint(value.names)
        )


def _solved_for(used: Whole, binders: list[Binder]) -> Binder | None:
    """The letter that an equation for `used` gives.

    Of several it is one on which the bounds of the others do not depend.
    """
    candidates = [b for b in reversed(binders) if used.coefficient(b.name) in (1, -1)]
    others = [b for b in binders if b.name in used.names]
    free = (b for b in candidates if not any(_depends(c, b) for c in others))
    return next(free, candidates[0] if candidates else None)


def _depends(inner: Binder, outer: Binder) -> bool:
    """Whether the bounds of one letter name another one."""
    return inner is not outer and outer.name in inner.low.names | inner.high.names


def _binder(r: IndexRange, entity: Entity) -> Binder:
    if r.low is None or r.high is None:
        raise NoDerivative(f"the range of {entity.name} is not known")
    return Binder(r.name, r.low, r.high)
