"""The names between a variable and a quantity: those that the one uses and that use the other."""

from __future__ import annotations

from collections.abc import Iterable

from backprove.calculus.families import EXPRESSION, Families, Key
from backprove.calculus.matching import matches, outside
from backprove.calculus.pullback import NoDerivative
from backprove.model.entity import Entity, System
from backprove.tensor.nodes import Derivative, Node, Symbol, walk


class Paths:
    """The names that an expression `of` uses, and those of them that depend on `by`.

    `used` gives for each name those that its definitions use, `active` are the names that depend
    on the variable (itself included), and `loop` says whether members of the variable's family
    depend on other members.
    """

    def __init__(self, system: System, of: Node, by: Node) -> None:
        self.system = system
        self.by = by
        self.families = Families(system, of, by)
        self.variable = self.families.key(by) if isinstance(by, Symbol) else None
        self.used: dict[Key, dict[Key, None]] = {}
        self._explore(of)
        target = self.target
        self.loop = target in self.used and self._reaches(self.used[target], target)
        self.active = self._depending(target)

    @property
    def target(self) -> Key:
        """What the variable belongs to."""
        return self.variable or EXPRESSION

    def entities(self, key: Key) -> list[Entity]:
        """The definitions and declarations of a name."""
        return [e for e in self.system.named(key[0]) if self.families.key(e) == key]

    def is_variable(self, node: Node) -> bool:
        """Whether a node is the variable, up to the values of open indices."""
        if self.variable is not None:
            return isinstance(node, Symbol) and self.families.key(node) == self.variable
        return node is self.by or matches(self.by, node) is not None

    def wanted(self, node: Node) -> bool:
        """Whether a node is the variable or a name that depends on it."""
        if self.is_variable(node):
            return True
        return isinstance(node, Symbol) and self.families.key(node) in self.active

    def key(self, node: Node) -> Key:
        """What a wanted node belongs to."""
        if isinstance(node, Symbol) and (self.variable is not None or not self.is_variable(node)):
            return self.families.key(node)
        return EXPRESSION

    # --- exploring ---

    def _uses(self, node: Node) -> dict[Key, None]:
        """The names that an expression uses; the variable itself when it is an expression."""
        parts: Iterable[Node]
        parts = walk(node) if self.variable is not None else outside(node, self.is_variable)
        return dict.fromkeys(
            self.key(part) for part in parts if isinstance(part, Symbol) or self.is_variable(part)
        )

    def _explore(self, of: Node) -> None:
        pending = [*self._uses(of)]
        while pending:
            key = pending.pop()
            if key in self.used or key == EXPRESSION:
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

    def _reaches(self, start: Iterable[Key], goal: Key) -> bool:
        """Whether `goal` is among the names that `start` uses, directly or not."""
        seen: set[Key] = set()
        pending = list(start)
        while pending:
            key = pending.pop()
            if key == goal:
                return True
            if key not in seen:
                seen.add(key)
                pending += list(self.used.get(key, ()))
        return False


def _no_inner(body: Node) -> None:
    for part in walk(body):
        if isinstance(part, Derivative):
            raise NoDerivative("a definition that contains a derivative is not worked out yet")
