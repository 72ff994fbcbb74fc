"""A new name in the place of an expression: what `∂E/∂(V h)` is a derivative by.

Occurrences are found up to the values of open indices: `W h_0 + x_1` occurs in the rule for h_t,
where t is 1. So the new name bears all the indices that the expression has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from backprove.calculus.pullback import NoDerivative
from backprove.model.entity import System, with_body
from backprove.tensor.build import rebuild, replace, symbol
from backprove.tensor.nodes import Add, Node, Symbol, walk
from backprove.tensor.subproduct import regrouped
from backprove.tensor.whole import Whole

#: the name; no writer can have chosen it
NAME = "by·"


@dataclass(frozen=True, slots=True)
class InPlace:
    """A question in which an expression has a name.

    `back` puts the expression in the place of its name again.
    """

    system: System
    of: Node
    by: Symbol
    expression: Node

    def back(self, node: Node) -> Node:
        """The node without the new name."""
        table: dict[Node, Node] = {}
        for part in walk(node):
            if isinstance(part, Symbol) and part.name == self.by.name:
                table[part] = _moved(self.expression, part.index)
        return replace(node, table) if table else node


def in_place(system: System, of: Node, by: Node) -> InPlace:
    """A new name in the place of an expression; raises NoDerivative where it does not occur."""
    name = symbol(NAME, by.shape, _indices(by))
    assert isinstance(name, Symbol)
    named = System(sizes=dict(system.fixed()), size_names=system.all_size_names())
    found = False
    for entity in system.all():
        body = entity.body and _renamed(entity.body, by)
        found = found or body is not entity.body
        named.add(with_body(entity, body))
    quantity = _renamed(of, by)
    if not found and quantity is of:
        raise NoDerivative(
            "there is no derivative by this expression: it does not occur, as a part that a new "
            "name could stand for, in what is differentiated"
        )
    return InPlace(named, quantity, name, by)


def _renamed(node: Node, by: Node) -> Node:
    """The node with the name in the place of each occurrence."""
    memo: dict[Node, Node] = {}

    def named(pairs: Sequence[Whole]) -> Node:
        return symbol(NAME, by.shape, pairs)

    def visit(part: Node) -> Node:
        found = memo.get(part)
        if found is None:
            found = memo[part] = _one(part)
        return found

    def _one(part: Node) -> Node:
        places = matches(by, part)
        if places is not None:
            return named(places)
        while (apart := regrouped(part, by, matches, named)) is not None:
            part = apart
        inner = [visit(child) for child in part.children]
        same = all(a is b for a, b in zip(inner, part.children, strict=True))
        return part if same else rebuild(part, inner)

    return visit(node)


def matches(pattern: Node, node: Node) -> list[Whole] | None:
    """The node's indices where it is the pattern but for the indices of names; else None."""
    places: list[Whole] = []

    def visit(a: Node, b: Node) -> bool:
        if type(a) is not type(b) or a.shape != b.shape or len(a.children) != len(b.children):
            return False
        if isinstance(a, Symbol) and isinstance(b, Symbol):
            places.extend(b.index)
            return a.name == b.name and len(a.index) == len(b.index)
        if not a.children:
            return a is b
        if isinstance(a, Add) and isinstance(b, Add):
            if any(c != d for (c, _), (d, _) in zip(a.terms, b.terms, strict=True)):
                return False
        elif any(
            left != right
            for f in a.fields
            if f not in ("operands", "args", "parts")
            and not isinstance(left := getattr(a, f), Node)
            and not isinstance(right := getattr(b, f), Node)
        ):
            return False
        return all(visit(x, y) for x, y in zip(a.children, b.children, strict=True))

    return places if visit(pattern, node) else None


def _indices(node: Node) -> list[Whole]:
    """The indices of all names in an expression, as `matches` tells them."""
    places = matches(node, node)
    assert places is not None
    return places


def _moved(node: Node, places: Sequence[Whole]) -> Node:
    """The expression at other indices."""
    rest = iter(places)

    def visit(part: Node) -> Node:
        if isinstance(part, Symbol):
            at = [next(rest) for _ in part.index]
            return symbol(part.name, part.shape, at, part.facts)
        if not part.children:
            return part
        return rebuild(part, [visit(child) for child in part.children])

    return visit(node)
