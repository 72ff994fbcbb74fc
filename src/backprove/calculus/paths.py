"""The names between a variable and a quantity: those that the one uses and that use the other."""

from __future__ import annotations

from backprove.calculus.families import Families, Key
from backprove.calculus.pullback import NoDerivative
from backprove.model.entity import Entity, System
from backprove.tensor.nodes import Derivative, Node, Symbol, walk


class Paths:
    """The names that an expression `of` uses, and those of them that depend on `by`.

    `used` gives for each name those that its definitions use, `active` are the names that depend
    on the variable (itself included), and `loop` says whether members of the variable's family
    depend on other members.
    """

    def __init__(self, system: System, of: Node, by: Symbol) -> None:
        self.system = system
        self.families = Families(system, of, by)
        self.variable = self.families.key(by)
        self.used: dict[Key, dict[Key, None]] = {}
        self._explore(of)
        self.loop = self.variable in self.used and self._reaches(self.variable)
        self.active = self._depending(self.variable)

    def entities(self, key: Key) -> list[Entity]:
        """The definitions and declarations of a name."""
        return [e for e in self.system.named(key[0]) if self.families.key(e) == key]

    def is_variable(self, node: Node) -> bool:
        """Whether a node is the variable or another member of its family."""
        return isinstance(node, Symbol) and self.families.key(node) == self.variable

    def wanted(self, node: Node) -> bool:
        """Whether a node is the variable or a name that depends on it."""
        return isinstance(node, Symbol) and self.families.key(node) in self.active

    # --- exploring ---

    def _uses(self, node: Node) -> dict[Key, None]:
        """The names that an expression uses."""
        return dict.fromkeys(self.families.key(n) for n in walk(node) if isinstance(n, Symbol))

    def _explore(self, of: Node) -> None:
        pending = [*self._uses(of)]
        while pending:
            key = pending.pop()
            if key in self.used:
                continue
            self.used[key] = {}
            for entity in self.entities(key):
                if entity.body is not None:
                    _no_inner(entity.body)
                    self.used[key] |= self._uses(entity.body)
            pending += self.used[key]

    def _depending(self, target: Key) -> tuple[Key, ...]:
        """The variable and the names that depend on it, in the order in which they are met."""
        active = {target}
        grown = True
        while grown:
            grown = False
            for key, below in self.used.items():
                if key not in active and not active.isdisjoint(below):
                    active.add(key)
                    grown = True
        return tuple(dict.fromkeys([*(key for key in self.used if key in active), target]))

    def _reaches(self, key: Key) -> bool:
        """Whether a name uses itself, directly or not."""
        seen: set[Key] = set()
        pending = [*self.used[key]]
        while pending:
            other = pending.pop()
            if other == key:
                return True
            if other not in seen:
                seen.add(other)
                pending += self.used.get(other, {})
        return False


def _no_inner(body: Node) -> None:
    for part in walk(body):
        if isinstance(part, Derivative):
            raise NoDerivative("a definition that contains a derivative is not worked out yet")
