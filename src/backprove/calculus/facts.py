"""What is known of a name: declared facts, and those that follow from its definition.

Facts hold for values; they do not bind a derivative (NOTATION 3). So they are used on a finished
derivative only, and never facts of a name by which it is still to be differentiated.
"""

from __future__ import annotations

from collections.abc import Callable

from backprove.model.entity import Entity, System
from backprove.tensor.build import ones, replace, substitute, sum_axes
from backprove.tensor.nodes import Along, Node, Symbol, walk
from backprove.tensor.product import SUMS_TO_ONE
from backprove.tensor.simple import is_nothing
from backprove.tensor.whole import Whole

Simplify = Callable[[Node], Node]


class Facts:
    """The facts of the names in a system; `without` are the names whose facts are not used."""

    def __init__(self, system: System | None, without: frozenset[str] = frozenset()) -> None:
        self.system = system
        self.without = without
        self._sums: dict[Node, bool] = {}
        self._zeros: dict[Node, bool] = {}
        #: names whose definitions are being looked into: a recurrence tells nothing
        self._busy: set[str] = set()

    def usable(self, name: Symbol) -> bool:
        """Whether the facts of a name may be used."""
        return name.name not in self.without

    def sums_to_one(self, node: Node, simplify: Simplify) -> bool:
        """Whether the entries along the last axis are known to add up to one."""
        if isinstance(node, Along):
            return node.function == "softmax"
        if not isinstance(node, Symbol) or not node.shape or not self.usable(node):
            return False
        found = self._sums.get(node)
        if found is None:
            found = bool(node.facts & SUMS_TO_ONE) or self._defined_so(node, simplify)
            if node.name not in self._busy:
                self._sums[node] = found
        return found

    def sums_to_zero(self, node: Node, simplify: Simplify) -> bool:
        """Whether the entries along the last axis add up to zero by definition, as x − μ does."""
        found = self._zeros.get(node)
        if found is None:
            self._zeros[node] = False  # while it is found out
            table: dict[Node, Node] = {}
            for n in walk(node):
                body = self.definition(n) if isinstance(n, Symbol) and n.rank < node.rank else None
                if body is not None:
                    table[n] = body
            found = bool(table) and is_nothing(
                simplify(sum_axes(replace(node, table), [node.rank - 1]))
            )
            self._zeros[node] = found
        return found

    def _defined_so(self, node: Symbol, simplify: Simplify) -> bool:
        body = self.definition(node)
        if body is None or node.name in self._busy:
            return False
        self._busy.add(node.name)
        try:
            if isinstance(body, Along | Symbol):
                return self.sums_to_one(body, simplify)
            parts = [n for n in walk(body) if n.rank == node.rank and n is not body]
            if not any(self.sums_to_one(n, simplify) for n in parts):
                return False
            total = simplify(sum_axes(body, [body.rank - 1]))
        finally:
            self._busy.discard(node.name)
        return total is ones(node.shape[:-1])

    def definition(self, node: Symbol) -> Node | None:
        """What a name is defined as, with the member's own index in it."""
        if self.system is None:
            return None
        for entity in self.system.named(node.name):
            if entity.body is not None and len(entity.index) == len(node.index):
                put = _letters(entity, node)
                if put is not None:
                    return substitute(entity.body, put) if put else entity.body
        return None


def _letters(entity: Entity, node: Symbol) -> dict[str, Whole] | None:
    """The values of a rule's letters that give a member, or None where it gives another one."""
    put: dict[str, Whole] = {}
    letters = {r.name for r in entity.ranges}
    for pattern, at in zip(entity.index, node.index, strict=True):
        if pattern.name in letters:
            put[pattern.name or ""] = at
        elif pattern != at:
            return None
    return put
