"""Reverse mode on definitions: a derivation is a model (DESIGN, idea 2).

Every defined name between the variable and the quantity gets an adjoint, and the adjoints are
again definitions, for a whole family at once: the work does not depend on the number of steps.
For backpropagation through time see Werbos, "Backpropagation through time" (1990).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from dataclasses import replace as replaced

from backprove.calculus.arrivals import Arrival, Arrivals
from backprove.calculus.bounds import span
from backprove.calculus.families import Families, Key, letter, open_index
from backprove.calculus.matching import in_place
from backprove.calculus.paths import Paths
from backprove.calculus.pullback import Contribution, Wanted, pullback
from backprove.model.entity import Entity, IndexRange, System, member, with_body
from backprove.tensor.build import (
    contract,
    identity,
    literal,
    permute,
    replace,
    reshape,
    substitute,
    symbol,
    test,
    unused,
    where,
    zero,
)
from backprove.tensor.nodes import Contract, Node, Reshape, Symbol
from backprove.tensor.whole import Shape, Whole

__all__ = ["Adjoints", "Key", "differentiate", "unit"]


@dataclass(slots=True)
class Adjoints:
    """The result of a reverse pass: a system of adjoint definitions and the derivative asked for.

    `result` has shape of.shape + by.shape; it refers to the adjoints in `system` (which stands on
    the model) by the names in `names`.
    """

    system: System
    result: Node
    names: dict[Key, str] = field(default_factory=dict[Key, str])
    families: Families | None = None
    spans: tuple[IndexRange, ...] = ()


def differentiate(system: System, of: Node, by: Node, mode: str = "total") -> Adjoints:
    """∂of/∂by by reverse mode on the definitions of `system`.

    `mode` is 'total' (every path), 'immediate' (members of families at other steps held fixed) or
    'line' (the definition line of `of` alone). `of` and `by` may have open indices (`∂h_t/∂W`).
    `by` may be a name or any expression: "by a new name put in its place". Raises NoDerivative.
    """
    if isinstance(by, Symbol):
        return _Reverse(system, of, by, mode).run()
    if isinstance(by, Reshape):
        whole = differentiate(system, of, by.arg, mode)
        return replaced(whole, result=reshape(whole.result, of.shape + by.shape))
    if isinstance(by, Contract) and len(by.operands) == 1 and sorted(by.out) == [*by.labels[0]]:
        whole = differentiate(system, of, by.operands[0], mode)
        axes = [*range(of.rank), *(of.rank + by.labels[0].index(name) for name in by.out)]
        return replaced(whole, result=permute(whole.result, axes))
    question = in_place(system, of, by)
    found = _Reverse(question.system, question.of, question.by, mode).run()
    adjoints = System(base=system)
    for entity in found.system.entities.values():
        for e in entity:
            adjoints.add(with_body(e, e.body and question.back(e.body)))
    return replaced(found, system=adjoints, result=question.back(found.result))


class _Reverse:
    def __init__(self, system: System, of: Node, by: Symbol, mode: str) -> None:
        self.system = system
        self.mode = mode
        self.of = of
        self.by = by
        self.lead: Shape = of.shape
        self.paths = Paths(system, of, by)
        self.adjoints = System(base=system)
        self.names: dict[Key, str] = {}
        self.arrivals = Arrivals(self.paths, of.free | by.free, self.names)
        self.spans = self._spans()

    def run(self) -> Adjoints:
        if self.mode == "line":
            arrived = {self.paths.variable: self._line()}
        else:
            arrived = self._arrived()
            for key in self.paths.active:
                if self._has_adjoint(key):
                    parts = arrived.get(key, [])
                    if self.mode == "immediate":  # what comes from another step ends here
                        parts = [a for a in parts if not a.crosses]
                    self._define(key, parts)
        return Adjoints(
            self.adjoints, self._result(arrived), self.names, self.paths.families, self.spans
        )

    # --- what arrives where ---

    def _has_adjoint(self, key: Key) -> bool:
        return key in self.paths.active and (key != self.paths.variable or self.paths.loop)

    def _arrived(self) -> dict[Key, list[Arrival]]:
        """The contributions of the quantity and of all definitions, by what they arrive at."""
        lead = len(self.lead)
        found: dict[Key, list[Arrival]] = {}

        def put(user: Entity | None, parts: Iterable[Contribution]) -> None:
            for c in parts:
                assert isinstance(c.target, Symbol)
                found.setdefault(self.paths.families.key(c.target), []).append(Arrival(user, c))

        put(None, pullback(self.of, unit(self.lead), lead, self.paths.wanted))
        for key in filter(self._has_adjoint, self.paths.used):
            for entity in self.paths.entities(key):
                if entity.body is None:
                    continue
                own = symbol(self._name(key), self.lead + entity.shape, entity.index)
                parts = pullback(entity.body, own, lead, self._inside(entity))
                # tanh(z_t) in a derivative is h_t again
                table = {entity.body: member(entity)} if entity.body.children else {}
                put(
                    entity,
                    [Contribution(c.target, replace(c.node, table), c.binders) for c in parts],
                )
        return found

    def _line(self) -> list[Arrival]:
        """What arrives by the definition line of the quantity alone, all else held fixed."""
        root = top = self.of
        if isinstance(top, Symbol) and top is not self.by:
            for entity in self.paths.entities(self.paths.families.key(top)):
                names = [w.name for w in entity.index]
                if entity.body is not None and all(names):
                    put = dict(zip([n or "" for n in names], top.index, strict=True))
                    root = substitute(entity.body, put)
                elif entity.body is not None and entity.index == top.index:
                    root = entity.body
                    break
        found = pullback(root, unit(self.lead), len(self.lead), self.paths.is_variable)
        return [Arrival(None, c) for c in found]

    def _inside(self, entity: Entity) -> Wanted:
        """Which names a definition passes its adjoint on to.

        For an immediate derivative a family member passes it only to names without an index, to
        members of its own step and, where the quantity is a member, to the variable.
        """
        if self.mode == "total" or not entity.index:
            return self.paths.wanted

        def same_step(node: Node) -> bool:
            if not self.paths.wanted(node):
                return False
            if not isinstance(node, Symbol) or node.index in ((), entity.index):
                return True
            crossing = isinstance(self.of, Symbol) and bool(self.of.index)
            return crossing and self.paths.is_variable(node)

        return same_step

    # --- the adjoints ---

    def _name(self, key: Key) -> str:
        """A new name for an adjoint: the name with a bar."""
        if key not in self.names:
            base = key[0]
            # members that stand apart share the letter and keep their numbers
            kin = [n for k, n in self.names.items() if k[:2] == key[:2] and key[2] is not None]
            taken = self.system.names() | set(self.names.values())
            self.names[key] = kin[0] if kin else unused(base + "\u0304", taken)
        return self.names[key]

    def _define(self, key: Key, parts: list[Arrival]) -> None:
        """The adjoint family of a name: the sum of what its uses contribute."""
        entities = self.paths.entities(key)
        shape = self.lead + entities[0].shape
        if key[2] is not None:
            body = self._only_step(key[2], self.arrivals.at(parts, key[2], shape))
            self._add(key, key[2], (), body)
            return
        own = open_index(entities)
        index = self._letters(own, parts)
        put = {o.name: w for o, w in zip(own, index, strict=True) if o.name}
        bounds = [span(entities, position) for position in range(len(index))]
        ranges = tuple(
            IndexRange(w.name or "", low and low.put(put), high and high.put(put))
            for w, (low, high) in zip(index, bounds, strict=True)
        )
        body = self._only_step(index, self.arrivals.at(parts, index, shape, ranges))
        # the letters of the family's own rule, now that nothing else bears them
        others = (body.free | self.of.free) - {w.name for w in index}
        if all(w.name not in others for w in own):
            plain = {w.name: o.name for w, o in zip(index, own, strict=True) if w.name and o.name}
            body = substitute(body, plain)
            index = tuple(w.put(plain) for w in index)
            ranges = tuple(
                IndexRange(
                    plain.get(r.name, r.name),
                    r.low and r.low.put(plain),
                    r.high and r.high.put(plain),
                )
                for r in ranges
            )
        self._add(key, index, ranges, body)

    def _letters(self, own: tuple[Whole, ...], parts: list[Arrival]) -> tuple[Whole, ...]:
        """Letters for the member asked for, none of them the question's or a contribution's."""
        taken = {n for a in parts for n in a.part.node.free} | self.of.free | self.by.free
        taken |= self.system.size_names
        index: list[Whole] = []
        for w in own:
            name = letter(w.name or "s", taken)
            taken = taken | {name}
            index.append(Whole.of(name))
        return tuple(index)

    def _add(
        self, key: Key, index: tuple[Whole, ...], ranges: tuple[IndexRange, ...], body: Node
    ) -> None:
        self.adjoints.add(
            Entity(self._name(key), index, ranges, body.shape, body=body, zero_outside=True)
        )

    # --- immediate derivatives ---

    def _only_step(self, index: tuple[Whole, ...], body: Node) -> Node:
        """For an immediate derivative, the adjoint of a member at another step is zero."""
        step = self._step()
        if self.mode == "total" or len(step) != len(index):
            return body
        nothing = zero(body.shape) if body.shape else literal(0)
        for own, fixed in zip(index, step, strict=True):
            body = where(test("=", own, fixed), body, nothing)
        return body

    def _step(self) -> tuple[Whole, ...]:
        """The step of an immediate derivative: the quantity's, or else the variable's."""
        for node in (self.of, self.by):
            if isinstance(node, Symbol) and node.index:
                return node.index
        return ()

    # --- the derivative asked for ---

    def _result(self, arrived: dict[Key, list[Arrival]]) -> Node:
        shape = self.lead + self.by.shape
        if self._is_far_state():  # h̄_t = h̄_{t+1} … says it all
            return symbol(self._name(self.paths.variable), shape, self.by.index)
        parts = arrived.get(self.paths.variable, [])
        return self.arrivals.at(parts, self.by.index, shape, self.spans)

    def _is_far_state(self) -> bool:
        """Whether a state is differentiated by one of its family more than a step before it."""
        of, by = self.of, self.by
        if not isinstance(of, Symbol) or self.mode != "total" or not self.paths.loop:
            return False
        if self.paths.families.key(of) != self.paths.variable or len(of.index) != 1:
            return False
        gap = (of.index[0] - by.index[0]).constant
        return gap is None or gap > 1

    def _spans(self) -> tuple[IndexRange, ...]:
        """The steps for which an open index of the question stands: those of the family's rule."""
        found: dict[str, IndexRange] = {}
        for node in (self.of, self.by):
            if not isinstance(node, Symbol):
                continue
            for position, place in enumerate(node.index):
                for entity in self.paths.entities(self.paths.families.key(node)):
                    rule = next(
                        (r for r in entity.ranges if r.name == entity.index[position].name), None
                    )
                    if place.name and rule is not None:
                        found.setdefault(place.name, IndexRange(place.name, rule.low, rule.high))
        return tuple(found.values())


def unit(shape: Shape) -> Node:
    """The derivative of a quantity by itself: 1, or the identity of its shape."""
    node = literal(1)
    labels: list[list[object]] = []
    operands: list[Node] = []
    for axis, size in enumerate(shape):
        operands.append(identity(size))
        labels.append([("a", axis), ("b", axis)])
    if not operands:
        return node
    out = [("a", i) for i in range(len(shape))] + [("b", i) for i in range(len(shape))]
    return contract(operands, labels, out)
