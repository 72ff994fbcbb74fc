"""Turning a backward loop: what a step needs of the next one is worked out at the next one's end.

An adjoint such as h̄_t = … + R_fᵀ δ^f_{t+1} + R_iᵀ δ^i_{t+1} reads several adjoints of the step
t + 1. With n_t = R_fᵀ δ^f_t + R_iᵀ δ^i_t it reads n_{t+1} only: one array is carried, not one for
each gate, and products that both steps need are computed once. It is sound because adjoints are
zero outside of their range, and what is moved is zero where they are.
"""

from __future__ import annotations

from collections.abc import Callable

from backprove.compute.emit.loops import Key, Loop, Member, key_of
from backprove.model.entity import Entity
from backprove.tensor.build import add, rebuild, substitute, symbol
from backprove.tensor.nodes import Add, Build, Contract, Fold, Node, Symbol, Where, walk
from backprove.tensor.whole import Whole


def rotate(loop: Loop, vanishes: Callable[[Node], bool]) -> list[Entity]:
    """Give the loop further members for what can be moved; their definitions, to be known as well.

    `vanishes` says whether a node is zero where the adjoints in it are.
    """
    if loop.step > 0 or not all(m.entity.zero_outside for m in loop.members.values()):
        return []
    turn = _Rotation(loop, vanishes)
    for member in list(loop.members.values()):
        member.body = turn.moved(member.body, member.key)
    return turn.fresh


class _Rotation:
    def __init__(self, loop: Loop, vanishes: Callable[[Node], bool]) -> None:
        self.loop = loop
        self.vanishes = vanishes
        self.fresh: list[Entity] = []

    def moved(self, node: Node, key: Key) -> Node:
        """The node with everything that can be moved replaced by a new member of the next step."""
        if not self._inside(node):
            return node
        if isinstance(node, Add):
            chosen = [(c, n) for c, n in node.terms if self._movable(n)]
            rest = [(c, n) for c, n in node.terms if not self._movable(n)]
            if chosen and self._worth([n for _, n in chosen]):
                moved = self._member(add(chosen, node.shape), key)
                return add([*((c, self.moved(n, key)) for c, n in rest), (1, moved)], node.shape)
        elif self._movable(node) and self._worth([node]):
            return self._member(node, key)
        if isinstance(node, Symbol | Fold | Build):
            return node
        return rebuild(node, [self.moved(child, key) for child in node.children])

    def _inside(self, node: Node) -> list[Symbol]:
        """The members of the loop in a node."""
        return [n for n in walk(node) if isinstance(n, Symbol) and key_of(n) in self.loop.members]

    def _movable(self, node: Node) -> bool:
        """Whether a node looks at members of the next step only, and is zero where they are."""
        found = self._inside(node)
        after = Whole.of(self.loop.letter) + 1
        return bool(found) and all(n.index[0] == after for n in found) and self.vanishes(node)

    def _worth(self, nodes: list[Node]) -> bool:
        """Whether moving saves something: several adjoints become one, or none has to be shifted."""
        found = {n for node in nodes for n in self._inside(node)}
        after = Whole.of(self.loop.letter) + 1
        shifted = any(
            isinstance(n, Symbol) and n not in found and after in n.index
            for node in nodes
            for n in walk(node)
        )
        plain = all(isinstance(n, Symbol | Where) for n in nodes)
        return not plain and (len(found) > 1 or shifted)

    def _member(self, node: Node, key: Key) -> Node:
        """A new member of the loop with this definition, one step earlier; its next value."""
        loop = self.loop
        name = f"{key[0]}_next"
        taken = {k[0] for k in loop.members}
        while name in taken:
            name += "′"
        letter = Whole.of(loop.letter)
        body = substitute(node, {loop.letter: letter - 1})
        (r,) = loop.members[key].entity.ranges
        index = (letter,)
        ranges = (type(r)(loop.letter, loop.low, loop.high),)
        entity = Entity(name, index, ranges, node.shape, body=body, zero_outside=True)
        loop.members[name, 1] = Member((name, 1), entity, body)
        self.fresh.append(entity)
        return symbol(name, node.shape, [letter + 1])


def is_factor(node: Node, holds: Callable[[Symbol], bool]) -> bool:
    """Whether a node is zero where the symbols for which `holds` are: they are factors of it."""
    match node:
        case Symbol():
            return holds(node)
        case Add():
            return bool(node.terms) and all(is_factor(part, holds) for _, part in node.terms)
        case Contract():
            return any(is_factor(part, holds) for part in node.operands)
        case Where():
            nothing = isinstance(node.otherwise, Add) and not node.otherwise.terms
            return nothing and is_factor(node.then, holds)
        case _:
            return False
