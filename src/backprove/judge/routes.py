"""Where a derivative's paths run: the names between, and single uses of them in a definition."""

from __future__ import annotations

from backprove.model.entity import Entity, System
from backprove.tensor.build import rebuild, replace
from backprove.tensor.nodes import Derivative, Node, Symbol, walk
from backprove.tensor.whole import Whole


def with_mode(node: Node, mode: str) -> Node:
    table = {
        n: Derivative.intern(n.shape, n.free, n.children, n.of, n.by, mode)
        for n in walk(node)
        if isinstance(n, Derivative) and n.mode == "total" and not isinstance(n.of, Derivative)
    }
    return replace(node, table) if table else node


def in_quantity(node: Node, old: Node, new: Node) -> Node:
    """A derivative of something changed, by what it was taken by."""
    table: dict[Node, Node] = {}
    for n in walk(node):
        if isinstance(n, Derivative) and not isinstance(n.of, Derivative):
            of = replace(n.of, {old: new})
            if of is not n.of:
                table[n] = Derivative.intern(n.shape, n.free, (of, n.by), of, n.by, n.mode)
    return replace(node, table)


def ends(node: Node) -> set[tuple[str, tuple[Whole, ...]]]:
    """The names that are differentiated, and by which."""
    found: set[tuple[str, tuple[Whole, ...]]] = set()
    for n in walk(node):
        if isinstance(n, Derivative):
            found |= {(s.name, s.index) for s in (n.of, n.by) if isinstance(s, Symbol)}
    return found


def between(system: System, node: Node) -> tuple[set[str], list[Entity]]:
    """The names that depend on what is differentiated by, and the definitions on the way."""
    entities = [e for e in system.all() if e.body is not None]
    uses = {
        id(e): {n.name for n in walk(e.body) if isinstance(n, Symbol)} for e in entities if e.body
    }
    active: set[str] = set()
    reached: set[str] = set()
    for n in walk(node):
        if isinstance(n, Derivative):
            active |= {s.name for s in walk(n.by) if isinstance(s, Symbol)}
            reached |= {s.name for s in walk(n.of) if isinstance(s, Symbol)}
    grown = True
    while grown:
        grown = False
        for e in entities:
            if e.name not in active and uses[id(e)] & active:
                active.add(e.name)
                grown = True
            if e.name in reached and not uses[id(e)] <= reached:
                reached |= uses[id(e)]
                grown = True
    return active, [e for e in entities if e.name in active and e.name in reached]


def paths(node: Node) -> list[tuple[int, ...]]:
    """Where names stand in an expression, each occurrence by itself."""
    found: list[tuple[int, ...]] = []
    pending: list[tuple[Node, tuple[int, ...]]] = [(node, ())]
    while pending and len(found) < 60:
        part, path = pending.pop()
        if isinstance(part, Symbol):
            found.append(path)
        pending += [(c, (*path, n)) for n, c in reversed(list(enumerate(part.children)))]
    return found


def at(node: Node, path: tuple[int, ...]) -> Node:
    for n in path:
        node = node.children[n]
    return node


def put(node: Node, path: tuple[int, ...], new: Node) -> Node:
    if not path:
        return new
    children = list(node.children)
    children[path[0]] = put(children[path[0]], path[1:], new)
    return rebuild(node, children)
