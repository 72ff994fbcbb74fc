"""Finding an expression inside others: the same up to the values of its open indices."""

from __future__ import annotations

from collections.abc import Callable

from backprove.tensor.nodes import Node, Symbol
from backprove.tensor.whole import Whole


def matches(pattern: Node, node: Node) -> list[tuple[Whole, Whole]] | None:
    """Index equations under which `node` is `pattern`: pairs (pattern's, node's), or None.

    Only the indices of names may differ.
    """
    pairs: list[tuple[Whole, Whole]] = []

    def visit(a: Node, b: Node) -> bool:
        if a is b and not a.free:
            return True
        if type(a) is not type(b) or a.shape != b.shape:
            return False
        if isinstance(a, Symbol) and isinstance(b, Symbol):
            if a.name != b.name or len(a.index) != len(b.index):
                return False
            pairs.extend(zip(a.index, b.index, strict=True))
            return True
        if len(a.children) != len(b.children):
            return False
        if not a.children:
            return a is b
        for f in a.fields:
            left, right = getattr(a, f), getattr(b, f)
            if isinstance(left, Node) or (
                isinstance(left, tuple) and f in ("operands", "args", "terms", "parts")
            ):
                continue
            if left != right:
                return False
        return all(visit(x, y) for x, y in zip(a.children, b.children, strict=True))

    if not visit(pattern, node):
        return None
    unique: list[tuple[Whole, Whole]] = []
    for pair in pairs:
        if pair not in unique:
            unique.append(pair)
    return unique


def outside(node: Node, stop: Callable[[Node], bool]) -> list[Node]:
    """The nodes of an expression that are not inside a node where `stop` holds."""
    found: list[Node] = []
    seen: set[Node] = set()

    def visit(part: Node) -> None:
        if part in seen:
            return
        seen.add(part)
        found.append(part)
        if not stop(part):
            for child in part.children:
                visit(child)

    visit(node)
    return found
