"""Declarations and definitions: one line of a text becomes entities of a system."""

from __future__ import annotations

from collections.abc import Sequence

from backprove.model.entity import Entity, IndexRange, System
from backprove.model.meaning import meaning
from backprove.model.names import Target, take_apart
from backprove.model.recursions import beside, only_members, unshifted
from backprove.model.scope import Scope
from backprove.model.value import NoMeaning, has_hole
from backprove.notation.syntax import (
    Declaration,
    Expr,
    Name,
    Number,
    Product,
    Range,
    Relation,
    Space,
    Sum,
)
from backprove.tensor.build import build, zero
from backprove.tensor.nodes import Literal, Node, Symbol, walk
from backprove.tensor.whole import Shape, Whole, show_shape


def declare(statement: Declaration, system: System, line: int) -> None:
    """Put a declaration's names into the system; raises NoMeaning."""
    if statement.space.kind == "N":
        for target in statement.targets:
            if isinstance(target, Name):
                system.size_names.add(target.text)
        return
    shape = space_shape(statement.space, system)
    facts = frozenset(statement.facts)
    if "positive-definite" in facts:
        facts |= {"symmetric"}
    _check_facts(facts, shape, statement)
    for expr in statement.targets:
        name, index, ranges = head(expr, statement.ranges, system)
        entity = Entity(name, index, ranges, shape, facts, None, line)
        _check_new(entity, system, expr)
        system.add(entity)


def _check_facts(facts: frozenset[str], shape: Shape, statement: Declaration) -> None:
    square = {"symmetric", "positive-definite", "invertible"} & facts
    if square and (len(shape) != 2 or shape[0] != shape[1]):
        raise NoMeaning(
            f"{sorted(square)[0]} needs a square matrix, not {show_shape(shape)}", statement.span
        )
    for fact in ("one-hot", "simplex"):
        if fact in facts and len(shape) != 1:
            raise NoMeaning(f"{fact} needs a vector, not {show_shape(shape)}", statement.span)
        if f"{fact} rows" in facts and len(shape) != 2:
            raise NoMeaning(f"{fact} rows needs a matrix, not {show_shape(shape)}", statement.span)


def space_shape(space: Space, system: System) -> Shape:
    """The shape of a set's members; new names in it are sizes."""
    sizes: list[Whole] = []
    for axis in space.axes:
        for part in axis if isinstance(axis, tuple) else (axis,):
            sizes.append(size(part, system))
    return tuple(sizes)


def size(expr: Expr, system: System, indices: frozenset[str] = frozenset()) -> Whole:
    """A size or a bound; a new name in it becomes a size."""
    match expr:
        case Number() if expr.value.denominator == 1:
            return Whole.of(int(expr.value))
        case Name():
            fixed = system.fixed().get(expr.text)
            if fixed is None and expr.text not in indices:
                system.size_names.add(expr.text)
            return Whole.of(expr.text if fixed is None else fixed)
        case Sum():
            total = Whole.of(0)
            for sign, term in expr.terms:
                total = total + size(term, system, indices) * sign
            return total
        case Product():
            result = Whole.of(1)
            for factor in expr.factors:
                result = result * size(factor, system, indices)
            return result
        case _:
            raise NoMeaning("a size must be a whole number or a name", expr.span, "form")


def index_ranges(ranges: Sequence[Range], system: System) -> tuple[IndexRange, ...]:
    """The ranges after `for`, with low ≤ high where they are numbers."""
    found: list[IndexRange] = []
    names = frozenset(r.name for r in ranges)
    for r in ranges:
        low, high = size(r.low, system, names), size(r.high, system, names)
        a, b = low.constant, high.constant
        if (isinstance(a, int) and isinstance(b, int) and a > b) or (
            a is None and isinstance(b, int)
        ):
            low, high = high, low
        found.append(IndexRange(r.name, low, high))
    return tuple(found)


def head(
    expr: Expr, ranges: Sequence[Range], system: System, free: bool = False
) -> tuple[str, tuple[Whole, ...], tuple[IndexRange, ...]]:
    """The name, index pattern and ranges of the left side of a line.

    With `free`, a single letter that is no name is an index without bounds (`δ_t = …`).
    """
    target = take_apart(expr, system.names())
    if target is None:
        raise NoMeaning("a name is expected on the left", expr.span, "form")
    known = {r.name for r in ranges}
    base, items = target.base, list(target.items)
    opened: list[IndexRange] = []
    index: list[Whole] = []
    for position, item in enumerate(_letters(items, known)):
        match item:
            case Number() if item.value.denominator == 1:
                index.append(Whole.of(int(item.value)))
            case Name() if item.text in known:
                index.append(Whole.of(item.text))
            case Name() if item.text in system.fixed() and system.named(base):
                index.append(Whole.of(system.fixed()[item.text]))
            case Name() if not item.text.islower() and bounds_family(item.text, system):
                index.append(Whole.of(item.text))
            case Name() if (
                free and len(item.text) == 1 and item.text.isascii() and item.text.islower()
            ):
                opened.append(IndexRange(item.text, None, None))
                index.append(Whole.of(item.text))
            case Name() if not position and len(items) == 1 and not target.bracket:
                base = f"{base}_{item.text}"
            case Sum() | Product():
                found = size(item, system, frozenset(known))
                if any(not system.is_size(letter) for letter in found.names):
                    words = "beside another index of this letter it cannot be told for which it is"
                    raise NoMeaning(words, item.span, "form")
                index.append(found)
            case _:
                raise NoMeaning("this index has no range: add “for … = a..b”", item.span, "form")
    used = frozenset(n for w in index for n in w.names)
    kept = tuple(r for r in index_ranges(ranges, system) if r.name in used)
    return base, tuple(index), kept + tuple(opened)


def bounds_family(name: str, system: System) -> bool:
    """Whether a name is a first or last index of a family (`T` of `t = 1..T`)."""
    return any(
        bound is not None and name in bound.names
        for entity in system.all()
        for r in entity.ranges
        for bound in (r.low, r.high)
    )


def _letters(items: Sequence[Expr], known: set[str]) -> list[Expr]:
    """Runs of index letters taken apart."""
    found: list[Expr] = []
    for item in items:
        if isinstance(item, Name) and len(item.text) > 1 and set(item.text) <= known:
            found += [Name(letter, item.span) for letter in item.text]
        else:
            found.append(item)
    return found


def _check_new(entity: Entity, system: System, expr: Expr) -> None:
    """Refuse a name that is declared twice."""
    for other in system.entities.get(entity.name, []):
        if len(other.index) != len(entity.index):
            continue
        if _overlap(entity, other):
            raise NoMeaning(
                f"{entity.name} is declared twice (first in line {other.line})", expr.span, "form"
            )


def _overlap(a: Entity, b: Entity) -> bool:
    """Whether two entities of one name may give the same member."""
    for position in range(len(a.index)):
        low_a, high_a = _reach(a, position)
        low_b, high_b = _reach(b, position)
        if _beyond(low_b, high_a) or _beyond(low_a, high_b):
            return False
    return True


def _beyond(low: Whole | None, high: Whole | None) -> bool:
    """Whether low is surely greater than high."""
    if low is None or high is None:
        return False
    gap = (low - high).constant
    return gap is not None and gap > 0


def _reach(entity: Entity, position: int) -> tuple[Whole | None, Whole | None]:
    """The first and last value of an entity's index."""
    pattern = entity.index[position]
    for r in entity.ranges:
        if r.name == pattern.name:
            return r.low, r.high
    return pattern, pattern


def define(
    relation: Relation, system: System, line: int, claim: bool = False, new: bool = True
) -> Entity:
    """Put the definition `left = right` (the first two sides) into the system.

    In a claim (`claim`) an index without a range is allowed: the family exists wherever its
    right side does. Raises NoMeaning.
    """
    relation = unshifted(relation, system)
    left, right = relation.sides[0], relation.sides[1]
    if isinstance(left, Space) or isinstance(right, Space):
        raise NoMeaning("a definition needs an expression", relation.span, "form")
    name, index, ranges = head(left, relation.ranges, system, free=claim)
    if index and any(not e.index and len(e.shape) >= len(index) for e in system.named(name)):
        raise NoMeaning(
            f"{name} is an array, whose components are written so: the family needs another name",
            left.span,
            "form",
        )
    scope = Scope(system, {r.name: Whole.of(r.name) for r in ranges})
    borders = _borders(name, index, system) if ranges else []
    try:
        body = meaning(right, scope).node
        if (
            borders
            and body.shape
            and any(isinstance(n, Symbol) and n.name == name for n in walk(body))
        ):
            # the border was taken for a number, as which it was written
            raise NoMeaning(f"{name} has no shape yet", right.span, "name")
    except NoMeaning as error:
        if error.kind == "ragged":
            return _member_by_member(relation, name, index, ranges, system, line, error)
        known = len(system.named(name)) > len(borders)
        if not ranges or known or not (borders or error.kind == "name"):
            raise
        system.entities.pop(name, None)
        try:
            body = _recursive(right, Entity(name, index, ranges, ()), system, scope, error)
        finally:
            if borders:
                system.entities[name] = borders
    if has_hole(body):
        raise NoMeaning("the size of I or ones cannot be told here", right.span, "form")
    body = _like_family(name, index, body, system)
    unbounded = any(r.low is None for r in ranges)
    ranges = tuple(_bounded(r, scope) if r.low is None else r for r in ranges)
    if claim and unbounded and len(ranges) == len(index) == 1:
        ranges = (beside(name, ranges, body, system),)
    _check_recursion(name, index, body, right, system, claim)
    target = take_apart(left, system.names())
    as_array = (
        target is not None
        and target.bracket
        and not body.shape
        and len(ranges) == len(index)
        and all(r.low is not None and r.low == 1 and r.high is not None for r in ranges)
        and not any(isinstance(n, Symbol) and n.name == name and n.index for n in walk(body))
    )
    if as_array:
        order = [w.name or "" for w in index]
        sizes = {r.name: r.high for r in ranges}
        body = build(order, [s for n in order if (s := sizes[n]) is not None], body)
        index, ranges = (), ()
    entity = Entity(
        name,
        index,
        ranges,
        body.shape,
        frozenset(),
        body,
        line,
        zero_outside="after" if claim and _looks_ahead(name, index, body) else False,
    )
    if new:
        _check_new(entity, system, left)
    if not index and isinstance(body, Literal) and body.value.denominator == 1:
        system.sizes[name] = int(body.value)
    system.add(entity)
    return entity


def _recursive(right: Expr, entity: Entity, system: System, scope: Scope, error: NoMeaning) -> Node:
    """The body of a family that refers to itself before anything else gives its shape.

    The shapes of the system's own quantities are tried: the body must have the shape assumed.
    """
    for shape in dict.fromkeys(e.shape for e in system.all()):
        trial = System(base=system)
        trial.add(Entity(entity.name, entity.index, entity.ranges, shape))
        try:
            body = meaning(right, Scope(trial, dict(scope.indices), uses=scope.uses)).node
        except NoMeaning:
            continue
        if body.shape == shape:
            return body
    raise error


def _borders(name: str, index: tuple[Whole, ...], system: System) -> list[Entity]:
    """The members of a family that were given as a plain 0."""
    return [
        e
        for e in system.entities.get(name, [])
        if e.index and len(e.index) == len(index) and e.body is not None and _is_naught(e.body)
    ]


def _like_family(name: str, index: tuple[Whole, ...], body: Node, system: System) -> Node:
    """A border written as 0 (`δ_4 = 0`) is the zero of its family's shape, whichever comes first."""
    kin = [e for e in system.entities.get(name, []) if len(e.index) == len(index) and index]
    if _is_naught(body):
        return next((zero(e.shape) for e in kin if e.shape), body)
    for other in kin:
        if body.shape and other.body is not None and _is_naught(other.body):
            system.entities[name].remove(other)
            system.add(
                Entity(name, other.index, (), body.shape, body=zero(body.shape), line=other.line)
            )
    return body


def _is_naught(body: Node) -> bool:
    return isinstance(body, Literal) and not body.value


def _looks_ahead(name: str, index: tuple[Whole, ...], body: Node) -> bool:
    """Whether a family refers to its own later members: it then ends in zeros, as adjoints do."""
    if all(w.constant is not None for w in index):
        return False  # a single member
    for node in walk(body):
        if isinstance(node, Symbol) and node.name == name and len(node.index) == len(index):
            gaps = [(a - b).constant for a, b in zip(node.index, index, strict=True)]
            if any(isinstance(g, int) and g > 0 for g in gaps):
                return True
    return False


def _member_by_member(
    relation: Relation,
    name: str,
    index: tuple[Whole, ...],
    ranges: tuple[IndexRange, ...],
    system: System,
    line: int,
    error: NoMeaning,
) -> Entity:
    """A family whose members differ in shape, one definition for each value of its indices."""
    right = relation.sides[1]
    assert not isinstance(right, Space)
    entity: Entity | None = None
    for values in _values(ranges, error):
        put = {n: Whole.of(v) for n, v in values.items()}
        body = meaning(right, Scope(system, dict(put))).node
        entity = Entity(
            name, tuple(w.put(put) for w in index), (), body.shape, body=body, line=line
        )
        _check_new(entity, system, relation.sides[0])  # type: ignore[arg-type]
        system.add(entity)
    if entity is None:
        raise error
    return entity


def _values(ranges: tuple[IndexRange, ...], error: NoMeaning) -> list[dict[str, int]]:
    """Every combination of values of ranges whose bounds are numbers."""
    found: list[dict[str, int]] = [{}]
    for r in ranges:
        low = r.low.constant if r.low is not None else None
        high = r.high.constant if r.high is not None else None
        if not isinstance(low, int) or not isinstance(high, int):
            raise error
        found = [{**v, r.name: n} for v in found for n in range(low, high + 1)]
    return found


def _bounded(r: IndexRange, scope: Scope) -> IndexRange:
    """Bounds for a writer's family: where the families that it plainly uses exist."""
    uses = [u for u in scope.uses.get(r.name, []) if u.low is not None and u.high is not None]
    if not uses:
        return r
    lows = [u.low for u in uses if u.low is not None]
    highs = [u.high for u in uses if u.high is not None]
    low = max(lows, key=lambda w: w.constant if isinstance(w.constant, int) else -1)
    high = min(highs, key=lambda w: w.constant if isinstance(w.constant, int) else 10**9)
    return IndexRange(r.name, low, high)


def _check_recursion(
    name: str, index: tuple[Whole, ...], body: Node, right: Expr, system: System, claim: bool
) -> None:
    for node in walk(body):
        if isinstance(node, Symbol) and node.name == name and len(node.index) == len(index):
            if node.index == index:
                raise NoMeaning(f"{name} refers to itself at the same index", right.span, "form")
            if node.shape != body.shape and any(w.names for w in index) and not claim:
                raise NoMeaning(
                    f"the right side is {show_shape(body.shape)}, "
                    f"but {name} on it is {show_shape(node.shape)}",
                    right.span,
                )


def is_new(expr: Expr, relation: Relation, system: System) -> bool:
    """Whether the left side of a line names something that has no meaning yet."""
    relation = unshifted(relation, system)
    if isinstance(relation.sides[0], Space):
        return False
    expr = relation.sides[0]
    target: Target | None = take_apart(expr, system.names())
    if target is None:
        return False
    try:
        name, index, ranges = head(expr, relation.ranges, system, free=True)
    except NoMeaning:
        return False
    entities = system.named(name)
    if not entities and name in ("e", "π") and isinstance(relation.sides[1], Number):
        return False  # a claim about the constant
    if not entities:
        # an index letter or a size is no new name; nor is a member of a declared array
        return True
    same = [e for e in entities if len(e.index) == len(index)]
    if not same:
        return bool(index) and not any(len(e.shape) >= len(index) for e in entities)
    fresh = Entity(name, index, ranges, ())
    if len(ranges) == 1 and ranges[0].low is None and only_members(same):
        return True  # a rule beside the member that it begins with
    return not any(_overlap(fresh, e) for e in same)
