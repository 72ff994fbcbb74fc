"""Which names are one quantity: the members of a family together, numbered names apart."""

from __future__ import annotations

from backprove.model.entity import Entity, System
from backprove.tensor.build import unused
from backprove.tensor.nodes import Node, Symbol, walk
from backprove.tensor.whole import Whole

#: a base name, its number of indices, and the index itself where the members stand apart
Key = tuple[str, int, tuple[Whole, ...] | None]


class Families:
    """Which names are one quantity: the members of a family together, numbered names apart.

    `h_t` with a rule for all t is one family, and so is what is used with an open index; `W_1` and
    `W_2`, declared and used one by one, are two names that happen to have numbers. `E` and `E_t`
    differ, too.
    """

    def __init__(self, system: System, *nodes: Node) -> None:
        self.together: set[tuple[str, int]] = set()
        for entity in system.all():
            if entity.ranges:
                self.together.add((entity.name, len(entity.index)))
            if entity.body is not None:
                self._open_uses(entity.body)
        for node in nodes:
            self._open_uses(node)

    def _open_uses(self, node: Node) -> None:
        for part in walk(node):
            if isinstance(part, Symbol) and any(w.constant is None for w in part.index):
                self.together.add((part.name, len(part.index)))

    def key(self, node: Symbol | Entity) -> Key:
        """What a name belongs to."""
        name, arity = node.name, len(node.index)
        return name, arity, None if not arity or (name, arity) in self.together else node.index


def open_index(entities: list[Entity]) -> tuple[Whole, ...]:
    """The index letters of a family's rules, each one once, or letters of its own where none is.

    The rule with the most of them comes first.
    """
    rules = sorted(entities, key=lambda e: -len(e.ranges))
    letters: list[str] = []
    for places in zip(*(entity.index for entity in rules), strict=True):
        own = (w.name for w in places if w.name and w.name not in letters)
        letters.append(next(own, None) or letter("s", set(letters)))
    return tuple(Whole.of(name) for name in letters)


def letter(wish: str, taken: set[str]) -> str:
    """An index letter that is not taken: the wish, or one that people use beside it."""
    return next((x for x in (wish, "s", "τ", "r") if x not in taken), unused(wish, taken))
