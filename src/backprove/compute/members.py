"""Members of families: found, evaluated once, and kept, however long the recurrence.

A member's definition is evaluated where it is first asked for, inside the expression that asks.
So that ten thousand steps do not become ten thousand nested calls, a member that is asked for
too deep inside is put on a list instead (`TooDeep`), evaluated from the start, and what asked
for it is begun again; parts that were known stay known.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from backprove.compute.arithmetic import Arithmetic, Array
from backprove.compute.dual import Dual
from backprove.compute.errors import EvaluationError, NoValue
from backprove.model.entity import Entity, System
from backprove.tensor.build import substitute
from backprove.tensor.nodes import Node, Symbol
from backprove.tensor.whole import Shape

if TYPE_CHECKING:
    from backprove.compute.forward import Key, Perturbation

# Nested nodes until a member is put on the list: well below Python's limit of 1,000 calls, also
# for a derivative inside a derivative.
DEPTH = 50
# How far a family without bounds is followed beyond every number in the model.
BEYOND = 16


class TooDeep(Exception):
    """A member was asked for inside too many nested expressions."""

    def __init__(self, key: Key) -> None:
        super().__init__(key)
        self.key = key


class Members:
    """The part of an evaluator that knows names; `compute` gives a node's value."""

    def __init__(
        self,
        system: System,
        sizes: Mapping[str, int],
        declared: Mapping[Key, Any],
        arithmetic: Arithmetic,
        perturbation: Perturbation | None,
    ) -> None:
        self.system = system
        self.sizes = dict(sizes)
        self.declared = declared
        self.arithmetic = arithmetic
        self.perturbation = perturbation
        self.points = int(next((np.shape(a)[0] for a in declared.values()), 1))
        self.depth = 0
        # occurrences of an expression are found only where every index has a number
        self.by_value = perturbation is not None and (
            isinstance(perturbation.by, Node) or perturbation.parent.by_value
        )
        self._values: dict[Key, Array] = {}
        self._active: set[Key] = set()
        parent = None if perturbation is None else perturbation.parent
        # what does not depend on the arithmetic is shared with the evaluators of derivatives
        self._found: dict[Key, tuple[Entity, dict[str, int]] | None] = (
            {} if parent is None else parent._found
        )
        self._keys: dict[Symbol, Key] = {} if parent is None else parent._keys
        self._shapes: dict[Shape, tuple[int, ...]] = {} if parent is None else parent._shapes
        self._reach: int | None = None
        # evaluators of derivatives, by what they differentiate by
        self.children: dict[Any, Members] = {}

    def compute(self, node: Node) -> Array:
        """The value of a closed node."""
        raise NotImplementedError

    def perturbed(self, perturbation: Perturbation, arithmetic: Arithmetic) -> Members:
        """An evaluator of the same names in which something is perturbed."""
        raise NotImplementedError

    def adopt(self, other: Members, without: frozenset[str], points: Any = None) -> None:
        """Take over the values that another evaluator knows, but for some names.

        The other has the same points, or these are its points of those numbers. Nothing of what
        is taken over may depend on those names.
        """
        for key, value in other._values.items():
            if key[0] not in without:
                every = points is None or value.shape[0] == 1
                self._values[key] = value if every else value[points]

    # --- sizes and names ----------------------------------------------------------------------

    def sizes_of(self, shape: Shape) -> tuple[int, ...]:
        """The numbers of a shape; raises `EvaluationError` where a size has none."""
        found = self._shapes.get(shape)
        if found is None:
            try:
                found = tuple(int(size.value(self.sizes)) for size in shape)
            except KeyError as missing:
                raise EvaluationError(f"the size {missing.args[0]} has no number") from None
            self._shapes[shape] = found
        return found

    def zeros(self, sizes: tuple[int, ...]) -> Array:
        return self.arithmetic.exact(np.zeros((1, *sizes), dtype=int))

    def key(self, symbol: Symbol) -> Key:
        """The name and the numbers of a member; raises where an index has no number."""
        found = self._keys.get(symbol)
        if found is None:
            numbers: list[int] = []
            for whole in symbol.index:
                try:
                    number = whole.value(self.sizes)
                except KeyError as missing:
                    raise EvaluationError(
                        f"{symbol.name}[{whole}]: {missing.args[0]} has no number here"
                    ) from None
                if number != int(number):
                    raise NoValue(f"{symbol.name}[{number}] does not exist: {number} is not whole")
                numbers.append(int(number))
            found = self._keys[symbol] = (symbol.name, tuple(numbers))
        return found

    def closed(self, node: Node) -> Node:
        """The node with numbers for the sizes in indices, so that equal parts are one node."""
        known = {name: n for name, n in self.sizes.items() if name in node.free}
        return _closed(node, tuple(known.items())) if known else node

    def concrete(self, node: Node) -> Node:
        """The node in the form in which parts are compared with what is differentiated by."""
        return self.closed(node) if self.by_value else node

    def _find(self, key: Key) -> tuple[Entity, dict[str, int]] | None:
        if key not in self._found:
            self._found[key] = self.system.find(key[0], key[1], self.sizes)
        return self._found[key]

    def _outside(self, key: Key) -> Entity | None:
        """The family for which a member outside its range is zero."""
        for entity in self.system.named(key[0]):
            if entity.zero_outside and len(entity.index) == len(key[1]):
                if entity.zero_outside is True:
                    return entity
                lows = {r.name: r.low for r in entity.ranges}
                first = [lows.get(w.name or "") for w in entity.index]
                if all(
                    low is None or n >= low.value(self.sizes)
                    for n, low in zip(key[1], first, strict=True)
                ):
                    return entity
        return None

    def entity(self, key: Key) -> Entity:
        """What gives a member; raises `NoValue` where nothing does."""
        found = self._find(key)
        entity = self._outside(key) if found is None else found[0]
        if entity is None:
            raise NoValue(f"{show(key)} does not exist")
        return entity

    def is_defined(self, key: Key) -> bool:
        """Whether the member has a definition (and not a declaration, or nothing)."""
        found = self._find(key)
        return found is not None and found[0].body is not None

    def definition(self, key: Key) -> Node | None:
        """The closed right-hand side of a defined member, None for others."""
        found = self._find(key)
        if found is None or found[0].body is None:
            return None
        return self.concrete(self.system.body(*found))

    # --- values -------------------------------------------------------------------------------

    def perturbed_node(self, node: Node) -> Array | None:
        """The node's value where an evaluator above, or this one, perturbs it."""
        perturbation = self.perturbation
        if perturbation is None:
            return None
        found = perturbation.node(node)
        if found is None and perturbation.parent.perturbs(node):
            tangent = self.unperturbed(node).tangent
            found = Dual(perturbation.parent.settled(node), tangent)
        return found

    def regrouped(self, node: Node) -> Node | None:
        """A product or sum in which what this evaluator, or one above, perturbs stands apart."""
        perturbation = self.perturbation
        if perturbation is None:
            return None
        return perturbation.regrouped(node) or perturbation.parent.regrouped(node)

    def perturbs(self, node: Node) -> bool:
        """Whether this evaluator or one that it stands on perturbs exactly this node."""
        perturbation = self.perturbation
        if perturbation is None:
            return False
        return perturbation.by is node or perturbation.parent.perturbs(node)

    def unperturbed(self, node: Node) -> Array:
        """The node's value by its own parts."""
        raise NotImplementedError

    def found_member(self, key: Key) -> Array:
        """A member's value, from inside an evaluation."""
        found = self._values.get(key)
        if found is not None:
            return found
        if self.perturbation is not None:
            found = self.perturbation.member(self, key)
        if found is None:
            found = self._defined(key)
        self._values[key] = found
        return found

    def _defined(self, key: Key) -> Array:
        if key in self._active:
            raise EvaluationError(f"{show(key)} is defined by itself")
        body = self.definition(key)
        if body is None:
            entity = self.entity(key)
            if self._find(key) is None:
                return self.zeros(self.sizes_of(entity.shape))
            values = self.declared.get(key)
            if values is None:
                raise EvaluationError(f"{show(key)} is declared but was given no value")
            return self.arithmetic.declared(values)
        if self.depth > DEPTH:
            raise TooDeep(key)
        self._check_reach(key)
        self._active.add(key)
        try:
            value = self.compute(body)
        finally:
            self._active.discard(key)
        perturbation = self.perturbation
        if perturbation is not None and perturbation.parent.perturbation is not None:
            # where the parent perturbs this member or holds it fixed, its value is the parent's
            value = Dual(perturbation.parent.settled_member(key), value.tangent)
        return value

    def settled_member(self, key: Key) -> Array:
        """A member's value, from outside; see `settled`."""
        found = self._values.get(key)
        return self._settle(key) if found is None else found

    def settled(self, node: Node) -> Array:
        """A closed node's value, from outside: from another evaluator or the caller."""
        return self._settle(node)

    def _settle(self, wanted: Node | Key) -> Array:
        before, depth = self._active, self.depth
        base = set(before)
        if self.perturbation is not None:
            base |= self.perturbation.parent._active
        waiting: list[Key] = []
        try:
            while True:
                self.depth = 0
                self._active = base.union(waiting[:-1])
                try:
                    if waiting:
                        self.found_member(waiting[-1])
                        waiting.pop()
                    elif isinstance(wanted, Node):
                        return self.compute(wanted)
                    else:
                        return self.found_member(wanted)
                except TooDeep as deep:
                    waiting.append(deep.key)
        except RecursionError:
            raise EvaluationError("the expression is nested too deeply") from None
        finally:
            self._active, self.depth = before, depth

    def _check_reach(self, key: Key) -> None:
        """A family without bounds has no value where its recurrence never ends."""
        found = self._find(key)
        if found is None or not any(r.low is None or r.high is None for r in found[0].ranges):
            return
        if self._reach is None:
            self._reach = self._largest() + BEYOND
        if any(abs(number) > self._reach for number in key[1]):
            raise NoValue(f"{show(key)} does not exist: its definition never comes to an end")

    def _largest(self) -> int:
        """The largest number by which the model bounds its indices."""
        numbers = [0, *self.sizes.values()]
        numbers += [n for _, at in self.declared for n in at]
        for entity in self.system.all():
            bounds = [b for r in entity.ranges for b in (r.low, r.high) if b is not None]
            for whole in (*entity.index, *bounds):
                if whole.names <= self.sizes.keys():
                    numbers.append(int(whole.value(self.sizes)))
        return max(abs(n) for n in numbers)


def show(key: Key) -> str:
    """A member as a person writes it in one line."""
    name, at = key
    return name if not at else f"{name}_{at[0]}" if len(at) == 1 else f"{name}_{at}"


@lru_cache(maxsize=4096)
def _closed(node: Node, known: tuple[tuple[str, int], ...]) -> Node:
    return substitute(node, dict(known))
