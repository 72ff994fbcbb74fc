"""Letters for the components of a derivative: those that the model itself uses, where it does."""

from __future__ import annotations

from collections.abc import Sequence

from backprove.model.entity import System
from backprove.tensor.build import select
from backprove.tensor.nodes import Build, Fold, Node, Select, Symbol, walk
from backprove.tensor.whole import ONE, Whole

FRESH = "ijklpqrsuvabcdmn"
Axes = tuple[str | Whole, ...]


class Letters:
    """The letters of a model's definitions."""

    def __init__(self, system: System) -> None:
        self.own: dict[str, list[str | None]] = {}
        self.used: set[str] = set(system.names()) | system.size_names
        self.bound: set[str] = set()
        for entity in system.all():
            if entity.body is None:
                continue
            if isinstance(entity.body, Build):
                rest: list[str | None] = [None] * (entity.body.rank - len(entity.body.indices))
                self.own[entity.name] = [*entity.body.indices, *rest]
            for part in walk(entity.body):
                self._note(part)

    def _note(self, part: Node) -> None:
        if isinstance(part, Fold):
            self.bound.add(part.index)
        elif isinstance(part, Build):
            self.bound.update(part.indices)
        elif isinstance(part, Select) and isinstance(part.arg, Symbol):
            known = self.own.setdefault(part.arg.name, [None] * part.arg.rank)
            for axis, at in enumerate(part.at):
                if at is not None and at.name is not None and known[axis] is None:
                    known[axis] = at.name

    def axes(self, nodes: Sequence[Node], taken: frozenset[str]) -> Axes:
        """A letter for each axis of an array with the axes of these nodes, one after the other.

        An axis of length 1 needs no letter: its index is 1.
        """
        wishes = [wish for node in nodes for wish in self._wishes(node)]
        sizes = [size for node in nodes for size in node.shape]
        found: list[str | Whole] = []
        for wish, size in zip(wishes, sizes, strict=True):
            if size == ONE and len(sizes) > 1:
                found.append(ONE)
            elif wish is not None and wish not in found and wish not in taken:
                found.append(wish)
            else:
                hoped = {w for w in wishes if w is not None}
                found.append(self._fresh({*taken, *hoped, *(str(f) for f in found)}))
        return tuple(found)

    def _wishes(self, node: Node) -> list[str | None]:
        own = self.own.get(node.name) if isinstance(node, Symbol) else None
        return own if own is not None and len(own) == node.rank else [None] * node.rank

    def _fresh(self, avoid: set[str]) -> str:
        used = avoid | self.used
        free = [x for x in FRESH if x not in used]
        return next((x for x in free if x not in self.bound), free[0] if free else "ι")


def at_ones(node: Node, axes: Axes) -> tuple[Node, list[str]]:
    """The node at the axes that have no letter, and the letters of the others."""
    at = [None if isinstance(axis, str) else axis for axis in axes]
    return select(node, at), [axis for axis in axes if isinstance(axis, str)]
