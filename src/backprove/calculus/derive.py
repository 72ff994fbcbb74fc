"""From a question to a derivation that a person would write: ∂of/∂by, tidied.

Pre-activations get a name of their own first (the argument of an outermost tanh, softmax, …), so
that their adjoints, the δ of the field, appear. Then the reverse pass runs, adjoints that are used
once or are short are put in their places, and what is left is named: δ for pre-activations, a bar
otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass

from backprove.calculus.adjoint import Adjoints, Families, Key, differentiate, within
from backprove.calculus.simplify import cost, simplify
from backprove.model.entity import Entity, IndexRange, System, member
from backprove.tensor.build import (
    literal,
    rebuild,
    replace,
    substitute,
    symbol,
    test,
    unused,
    where,
    zero,
)
from backprove.tensor.nodes import Along, Apply, Derivative, Node, Symbol, walk
from backprove.tensor.whole import Whole

#: an adjoint that is used more often than this keeps its name
MOST_USES = 4
PRE = "pre·"


@dataclass(frozen=True, slots=True)
class Derived:
    """A derivation: `result` is ∂of/∂by in terms of the model and of the adjoint definitions `lines`.

    `system` holds the lines and stands on the model.
    """

    of: Node
    by: Node
    system: System
    lines: tuple[Entity, ...]
    result: Node


def derive(system: System, of: Node, by: Node, mode: str = "total") -> Derived:
    """∂of/∂by as a tidy derivation; raises NoDerivative."""
    base = resolved(system)
    base, of = resolve(base, of)
    ready = with_preactivations(base, by)
    raw = differentiate(ready, of, by, mode)
    return _tidy(raw, of, by)


def raw_derivative(system: System, of: Node, by: Node, mode: str = "total") -> Adjoints:
    """∂of/∂by without tidying: the quickest way to an expression for its value."""
    base = resolved(system)
    base, of = resolve(base, of)
    return differentiate(base, of, by, mode)


# --- derivatives inside definitions -----------------------------------------------------------------


def resolved(system: System) -> System:
    """The system with every derivative in its definitions worked out."""
    if not any(e.body is not None and _has_derivative(e.body) for e in system.all()):
        return system
    result = System(sizes=system.fixed(), size_names=_sizes(system))
    for entity in system.all():
        body = entity.body
        if body is not None and _has_derivative(body):
            # the definitions so far are all that this one can stand on
            extended, body = resolve(result, body)
            for adjoint in extended.all():
                if adjoint not in result.entities.get(adjoint.name, []):
                    result.add(adjoint)
        result.add(_with_body(entity, body))
    return result


def resolve(system: System, node: Node) -> tuple[System, Node]:
    """The node with its derivatives worked out, and the system that has the adjoints it needs."""
    if not _has_derivative(node):
        return system, node
    table: dict[Node, Node] = {}
    for part in walk(node):
        if isinstance(part, Derivative):
            of = replace(part.of, table)
            adjoints = differentiate(system, of, part.by, part.mode)
            system = adjoints.system if adjoints.system.entities else system
            table[part] = adjoints.result
    return system, replace(node, table)


def _has_derivative(node: Node) -> bool:
    return any(isinstance(part, Derivative) for part in walk(node))


def _sizes(system: System) -> set[str]:
    return system.size_names | (_sizes(system.base) if system.base else set[str]())


def _with_body(entity: Entity, body: Node | None) -> Entity:
    return Entity(
        entity.name,
        entity.index,
        entity.ranges,
        entity.shape,
        entity.facts,
        body,
        entity.line,
        entity.zero_outside,
    )


# --- pre-activations --------------------------------------------------------------------------------


def with_preactivations(system: System, by: Node) -> System:
    """The system with a name for the argument of each outermost elementwise function or softmax."""
    result = System(sizes=system.fixed(), size_names=_sizes(system))
    for entity in system.all():
        body = entity.body
        if isinstance(body, Apply | Along) and len(body.children) == 1:
            inner = body.children[0]
            if (
                not isinstance(inner, Symbol)
                and any(isinstance(n, Symbol) for n in walk(inner))
                and inner is not by
            ):
                hidden = Entity(
                    PRE + entity.name, entity.index, entity.ranges, inner.shape, body=inner
                )
                result.add(hidden)
                entity = _with_body(entity, rebuild(body, [member(hidden)]))
        result.add(entity)
    return result


def _is_preactivation(key: Key, system: System, families: Families) -> bool:
    """Whether a name is the argument of a function that ends a layer."""
    if key[0].startswith(PRE):
        return True
    for entity in system.all():
        body = entity.body
        if isinstance(body, Apply | Along) and len(body.children) == 1:
            inner = body.children[0]
            if isinstance(inner, Symbol) and families.key(inner) == key:
                return True
    return False


# --- tidying ----------------------------------------------------------------------------------------


def _tidy(raw: Adjoints, of: Node, by: Node) -> Derived:
    model, families = raw.system.base, raw.families
    assert model is not None and families is not None
    lines = [
        _with_body(e, simplify(e.body))
        for group in raw.system.entities.values()
        for e in group
        if e.body is not None
    ]
    result = simplify(raw.result)
    deltas = {n for key, n in raw.names.items() if _is_preactivation(key, model, families)}
    while True:
        shorter = _shortened(lines, result, deltas, raw.spans)
        if shorter is None:
            return _named(raw, lines, result, deltas, of, by)
        lines, result = shorter


def _shortened(
    lines: list[Entity], result: Node, deltas: set[str], spans: tuple[IndexRange, ...]
) -> tuple[list[Entity], Node] | None:
    """With one definition put in the places of its uses, where that makes the whole no longer.

    Bars go first, so that deltas stay; a bar that is used once always goes.
    """
    bodies = [e.body for e in lines if e.body is not None] + [result]
    now = sum(map(cost, bodies)) + 2 * len(bodies)
    for line in sorted(lines, key=lambda e: (e.name in deltas, e.name, str(e.index))):
        assert line.body is not None
        if any(_is_use(n, line) for n in walk(line.body)):
            continue
        uses = sum(1 for body in bodies for n in _written(body) if _is_use(n, line))
        if uses > MOST_USES:
            continue
        others = [
            _with_body(e, simplify(_inline(e.body, line, e.ranges)))
            for e in lines
            if e is not line and e.body is not None
        ]
        last = simplify(_inline(result, line, spans))
        after = [e.body for e in others if e.body is not None] + [last]
        if uses < 1 + (line.name not in deltas) or sum(map(cost, after)) + 2 * len(after) <= now:
            return others, last
    return None


def _is_use(node: Node, line: Entity) -> bool:
    """Whether a node is the name that a line defines, or a member of the family it defines."""
    if not isinstance(node, Symbol) or node.name != line.name:
        return False
    return bool(line.ranges) or node.index == line.index


def _written(node: Node) -> list[Node]:
    """The parts of an expression as often as they are written, up to a limit."""
    found: list[Node] = []
    pending = [node]
    while pending and len(found) < 2000:
        part = pending.pop()
        found.append(part)
        pending.extend(part.children)
    return found


def _inline(node: Node, line: Entity, spans: tuple[IndexRange, ...]) -> Node:
    """The node with a definition put in the place of its name."""
    assert line.body is not None
    table: dict[Node, Node] = {}
    for part in walk(node):
        if not _is_use(part, line) or not isinstance(part, Symbol):
            continue
        names = [w.name or "" for w in line.index]
        body = substitute(
            line.body, {n: w for n, w in zip(names, part.index, strict=True) if n and line.ranges}
        )
        nothing = zero(body.shape) if body.shape else literal(0)
        for r, at in zip(line.ranges, part.index, strict=False):
            if within(at, at, r.low, r.high, spans) or _bound(node, at):
                continue
            for low, high in ((r.low, at), (at, r.high)):
                if low is not None and high is not None:
                    body = where(test("≤", low, high), body, nothing)
        table[part] = body
    return replace(node, table)


def _bound(node: Node, at: Whole) -> bool:
    """Whether an index is bound by a sum inside the expression (whose range is the user's own)."""
    return bool(at.names) and not at.names <= node.free


def _named(
    raw: Adjoints, lines: list[Entity], result: Node, deltas: set[str], of: Node, by: Node
) -> Derived:
    """Names of the field for what is left, and hidden pre-activations written out."""
    model = raw.system.base
    assert model is not None
    owners = {n: key[0].removeprefix(PRE) for key, n in raw.names.items()}
    left = {e.name for e in lines if e.name in deltas}
    taken = {n for n in model.names() if not n.startswith(PRE)}
    rename: dict[str, str] = {}
    for name in dict.fromkeys(e.name for e in lines):
        if name in deltas:
            wish = "δ" if len(left) == 1 else f"δ^{owners[name]}"
        else:
            wish = owners[name] + "\u0304"
        rename[name] = unused(wish, taken | set(rename.values()))
    hidden = [e for e in model.all() if e.name.startswith(PRE) and e.body is not None]
    system = System(base=model)
    final: list[Entity] = []
    for entity in lines:
        assert entity.body is not None
        body = _written_out(entity.body, rename, hidden)
        fresh = Entity(
            rename[entity.name],
            entity.index,
            entity.ranges,
            entity.shape,
            entity.facts,
            body,
            zero_outside=True,
        )
        final.append(fresh)
        system.add(fresh)
    order = _reading_order(final)
    return Derived(of, by, system, order, _written_out(result, rename, hidden))


def _written_out(node: Node, rename: dict[str, str], hidden: list[Entity]) -> Node:
    table: dict[Node, Node] = {}
    for part in walk(node):
        if not isinstance(part, Symbol):
            continue
        if part.name in rename:
            table[part] = symbol(rename[part.name], part.shape, part.index, part.facts)
        entity = next((e for e in hidden if _is_use(part, e)), None)
        if entity is not None and entity.body is not None:
            names = [w.name or "" for w in entity.index]
            table[part] = substitute(
                entity.body, {n: w for n, w in zip(names, part.index, strict=True) if n}
            )
    return replace(node, table)


def _reading_order(lines: list[Entity]) -> tuple[Entity, ...]:
    """Definitions before their uses, as far as that is possible."""
    done: list[Entity] = []
    pending = list(lines)
    while pending:
        ready = next((e for e in pending if not _waits(e, pending)), pending[0])
        done.append(ready)
        pending.remove(ready)
    return tuple(done)


def _waits(line: Entity, pending: list[Entity]) -> bool:
    """Whether a line uses another one that is still to be written."""
    others = [e for e in pending if e is not line]
    assert line.body is not None
    return any(_is_use(n, other) for n in walk(line.body) for other in others)
