"""A derivation with every step written out, and as one expression."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace as changed

from backprove.calculus.pullback import NoDerivative
from backprove.calculus.tidy import Derived
from backprove.model.entity import Entity, IndexRange, with_body
from backprove.tensor.build import (
    add,
    contract,
    derivative,
    fold,
    literal,
    rebuild,
    replace,
    substitute,
    symbol,
    zero,
)
from backprove.tensor.nodes import Contract, Fold, Identity, Node, Symbol, walk
from backprove.tensor.simple import is_nothing
from backprove.tensor.whole import Whole

#: so many steps are written out; the definitions say the same in a few lines
MOST_STEPS = 24


def unrolled(derived: Derived, sizes: Mapping[str, int]) -> Derived:
    """A derivation for given numbers of steps, a line for each member of each family.

    Raises NoDerivative where the number of steps is not known or is too large to write out.
    """
    numbers = {name: Whole.of(n) for name, n in sizes.items()}
    members: dict[tuple[str, tuple[Whole, ...]], Node] = {}
    for line in derived.lines:
        assert line.body is not None
        for at in _places(line, sizes):
            put = {**sizes, **{w.name or "": i for w, i in zip(line.index, at, strict=True)}}
            index = tuple(Whole.of(i) for i in at)
            members[line.name, index] = _spread(substitute(line.body, put))
    names = {line.name for line in derived.lines}

    def finished(node: Node) -> Node:
        table: dict[Node, Node] = {}
        for part in walk(node):
            if (
                isinstance(part, Symbol)
                and part.name in names
                and (part.name, part.index) not in members
            ):
                table[part] = zero(part.shape) if part.shape else literal(0)
        return derived.simplify(replace(node, table) if table else node)

    bodies = {place: finished(body) for place, body in members.items()}
    nothing = {place for place, body in bodies.items() if is_nothing(body)}
    for place in nothing:
        members.pop(place)
    bodies = {place: finished(body) for place, body in bodies.items() if place not in nothing}
    shapes = {line.name: line.shape for line in derived.lines}
    lines = [
        Entity(name, index, (), shapes[name], body=body, zero_outside=True)
        for (name, index), body in bodies.items()
    ]
    result = finished(_spread(substitute(derived.result, numbers)))
    used = [line for line in _in_order(lines) if _is_needed(line, lines, result)]
    of, by = (substitute(n, numbers) for n in (derived.of, derived.by))
    return changed(derived, of=of, by=by, lines=tuple(used), result=result)


def _places(line: Entity, sizes: Mapping[str, int]) -> list[tuple[int, ...]]:
    """The members that a line defines, the last first."""
    try:
        found = _members(list(line.ranges), dict(sizes))
        return [tuple(w.value({**sizes, **at}) for w in line.index) for at in found]
    except KeyError as error:
        raise NoDerivative(
            f"the number of steps {error.args[0]} is not known: say for how many to write it out"
        ) from None


def _members(ranges: list[IndexRange], known: dict[str, int]) -> list[dict[str, int]]:
    if not ranges:
        return [{}]
    r, *rest = ranges
    if r.low is None or r.high is None:
        raise NoDerivative(f"the range of {r.name} is not known")
    low, high = r.low.value(known), r.high.value(known)
    if high - low >= MOST_STEPS:
        raise NoDerivative(
            f"{high - low + 1} steps are too many to write out (at most {MOST_STEPS}); the "
            "definitions for all steps say the same"
        )
    return [
        {r.name: i, **more}
        for i in range(high, low - 1, -1)
        for more in _members(rest, {**known, r.name: i})
    ]


def _spread(node: Node) -> Node:
    """Sums over the members of families term by term."""
    memo: dict[Node, Node] = {}
    for part in walk(node):
        fresh = rebuild(part, [memo[n] for n in part.children]) if part.children else part
        memo[part] = _terms(fresh) if isinstance(fresh, Fold) else fresh
    return memo[node]


def _terms(node: Fold) -> Node:
    low, high = node.low.constant, node.high.constant
    chooses = any(
        isinstance(n, Symbol) and any(node.index in w.names for w in n.index)
        for n in walk(node.body)
    )
    if node.op != "sum" or not chooses or not isinstance(low, int) or not isinstance(high, int):
        return node
    if high - low >= MOST_STEPS:
        raise NoDerivative(f"a sum of {high - low + 1} terms is too long to write out")
    terms = [(1, substitute(node.body, {node.index: i})) for i in range(low, high + 1)]
    return add(terms, node.shape) if terms else node


def _in_order(lines: list[Entity]) -> list[Entity]:
    """Definitions before their uses."""
    done: list[Entity] = []
    pending = list(lines)
    while pending:
        waiting = {(e.name, e.index) for e in pending}
        ready = next(
            (e for e in pending if not (_uses([e]) - {(e.name, e.index)}) & waiting), pending[0]
        )
        done.append(ready)
        pending.remove(ready)
    return done


def _uses(lines: Iterable[Entity]) -> set[tuple[str, tuple[Whole, ...]]]:
    bodies = [e.body for e in lines if e.body is not None]
    return {(n.name, n.index) for n in walk(*bodies) if isinstance(n, Symbol)}


def _is_needed(line: Entity, lines: list[Entity], result: Node) -> bool:
    end = with_body(line, result)
    needed = _uses([end])
    grown = True
    while grown:
        more = _uses(e for e in lines if (e.name, e.index) in needed)
        grown = not more <= needed
        needed |= more
    return (line.name, line.index) in needed


# --- one expression -------------------------------------------------------------------------------


def closed(derived: Derived) -> tuple[tuple[tuple[Node, Node], ...], Derived]:
    """A derivation without adjoints: one expression, and what it is in terms of.

    A state by an earlier one is the product of the Jacobians of the steps between; what such a
    Jacobian is comes with it, as a pair of what is defined and what it is. Raises NoDerivative.
    """
    lines = [*derived.lines]
    result = derived.result
    while lines:
        line = next((e for e in lines if not _is_recurrent(e, lines)), None)
        if line is None or line.body is None:
            found = _product_of_steps(derived, lines)
            if found is None:
                raise NoDerivative(
                    f"there is no closed expression: {lines[0].name} is defined by a recurrence"
                )
            step, product = found
            return (step,), changed(derived, lines=(), result=product)
        lines.remove(line)
        lines = [with_body(e, _put(e.body, line)) for e in lines if e.body is not None]
        result = _put(result, line)
    return (), changed(derived, lines=(), result=derived.simplify(result))


def _product_of_steps(
    derived: Derived, lines: list[Entity]
) -> tuple[tuple[Node, Node], Node] | None:
    """`∂h_T/∂h_t` where h̄_t is h̄_{t+1} times a matrix, and h̄_T is the identity."""
    of, by, result = derived.of, derived.by, derived.result
    rules = [e for e in lines if e.ranges]
    ends = [e for e in lines if not e.ranges]
    if not isinstance(of, Symbol) or not isinstance(by, Symbol) or not isinstance(result, Symbol):
        return None
    if len(rules) != 1 or len(ends) != 1 or result.name != rules[0].name or of.name != by.name:
        return None
    (rule,), (end,) = rules, ends
    if not isinstance(end.body, Identity) or end.index != of.index or result.index != by.index:
        return None
    letter = rule.index[0].name or ""
    matrix = _times_next(rule)
    if matrix is None:
        return None
    taken = of.free | by.free | derived.system.all_size_names()
    s = next(x for x in ("s", "r", "τ", "σ") if x not in taken)
    here, before = Whole.of(s), Whole.of(s) - 1
    step = derivative(
        symbol(of.name, of.shape, [here]), symbol(of.name, of.shape, [before]), "immediate"
    )
    return (
        (step, derived.simplify(substitute(matrix, {letter: before}))),
        fold("prod-down", s, by.index[0] + 1, of.index[0], step),
    )


def _times_next(rule: Entity) -> Node | None:
    """The matrix by which the next member is multiplied from the right in a rule, and no more."""
    body = rule.body
    if not isinstance(body, Contract):
        return None
    ahead = [
        i
        for i, n in enumerate(body.operands)
        if isinstance(n, Symbol) and (n.name, n.index) == (rule.name, (rule.index[0] + 1,))
    ]
    others = [n for n in walk(body) if isinstance(n, Symbol) and n.name == rule.name]
    if len(ahead) != 1 or len(others) != 1:
        return None
    (at,) = ahead
    row, inner = body.labels[at]
    rest = [i for i in range(len(body.operands)) if i != at]
    if body.out[0] != row or any(row in body.labels[i] for i in rest) or len(body.out) != 2:
        return None
    return contract(
        [body.operands[i] for i in rest], [body.labels[i] for i in rest], [inner, body.out[1]]
    )


def _is_recurrent(line: Entity, lines: list[Entity]) -> bool:
    """Whether a name uses itself, or has more than one rule."""
    if sum(e.name == line.name for e in lines) > 1:
        return True
    pending, seen = [line], {line.name}
    while pending:
        body = pending.pop().body
        for n in walk(body) if body is not None else ():
            if isinstance(n, Symbol) and n.name == line.name:
                return True
            if isinstance(n, Symbol) and n.name not in seen:
                seen.add(n.name)
                pending += [e for e in lines if e.name == n.name]
    return False


def _put(node: Node, line: Entity) -> Node:
    assert line.body is not None
    table: dict[Node, Node] = {}
    for n in walk(node):
        if isinstance(n, Symbol) and n.name == line.name and len(n.index) == len(line.index):
            names = zip(line.index, n.index, strict=True)
            table[n] = substitute(line.body, {w.name: at for w, at in names if w.name})
    return replace(node, table) if table else node
