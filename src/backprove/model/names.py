"""From a name with its indices to what it stands for: a single name, a member, a component."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from fractions import Fraction

from backprove.model.entity import Entity
from backprove.model.scope import Scope
from backprove.model.value import NoMeaning, Value, hole
from backprove.notation.syntax import Expr, Index, Name, Number, Product, Span, Tag
from backprove.tensor.build import build, constant, count, identity, ones, select, symbol, test
from backprove.tensor.nodes import Node, Test
from backprove.tensor.whole import Whole, show_shape


@dataclass(frozen=True, slots=True)
class Target:
    """A name as written, taken apart: base name and index expressions, in order.

    A bracketed superscript belongs to the name: the base of `W^{(2)}` is `W^`, its index 2.
    """

    base: str
    items: tuple[Expr, ...]
    span: Span
    bracket: bool = False


def take_apart(expr: Expr, known: frozenset[str]) -> Target | None:
    """The target of a Name, Index or Tag over names; None for anything else.

    A letter subscript joins the base where the joined name is declared (`W_c`).
    """
    match expr:
        case Name():
            return Target(expr.text, (), expr.span)
        case Index():
            inner = take_apart(expr.base, known)
            if inner is None:
                return None
            if len(expr.items) == 1 and not inner.items and not expr.bracket:
                item = expr.items[0]
                if isinstance(item, Name) and f"{inner.base}_{item.text}" in known:
                    return Target(f"{inner.base}_{item.text}", (), expr.span)
            return Target(inner.base, inner.items + expr.items, expr.span, expr.bracket)
        case Tag():
            inner = take_apart(expr.base, known)
            if inner is None or inner.base.endswith("^"):
                return None
            return Target(inner.base + "^", expr.items + inner.items, expr.span)
        case _:
            return None


def resolve(target: Target, scope: Scope) -> Value:
    """What a name with its indices stands for; raises NoMeaning."""
    entities = scope.system.named(target.base)
    if not entities:
        return _undeclared(target, scope)
    if not any(e.ranges or not e.index for e in entities):
        # beside δ_1 and δ_2, which have a meaning of their own, δ_{ij} is still Kronecker's
        kronecker = _kronecker(target, scope)
        if kronecker is not None and isinstance(kronecker.node, Test):
            both = kronecker.node.left, kronecker.node.right
            if all(w.constant is None for w in both):
                return kronecker
    if not target.items:
        return _bare(target, entities, scope)
    arities = sorted({len(e.index) for e in entities})
    # a whole member first, then a full component, then some axes only
    for wanted in (0, 1, 2):
        for items in splittings(target.items, scope):
            for arity in reversed(arities):
                group = [e for e in entities if len(e.index) == arity]
                beyond = len(items) - arity
                rank = len(group[0].shape)
                fit = 0 if beyond == 0 and arity else 1 if beyond == rank else 2
                if arity and arities[0] == 0 and not _given(items[:arity], group, scope):
                    continue  # beside v_0, which is given by itself, v_i is a component of v
                if fit == wanted and 0 <= beyond <= rank:
                    return _member(target, items, arity, group, scope)
    entity = entities[0]
    shape = show_shape(entity.shape)
    raise NoMeaning(
        f"{target.base} takes {len(entity.index) or 'no'} index"
        f"{'' if len(entity.index) == 1 else 'es'} and is {shape}: "
        f"{len(target.items)} subscripts do not fit",
        target.span,
        "form",
    )


def _given(items: tuple[Expr, ...], group: list[Entity], scope: Scope) -> bool:
    """Whether subscripts may choose a member: those given by themselves are chosen by number."""
    if any(e.ranges for e in group):
        return True
    at = tuple(scope.try_whole(item) for item in items)
    return any(at == e.index for e in group)


def splittings(items: tuple[Expr, ...], scope: Scope) -> list[tuple[Expr, ...]]:
    """The subscripts as they are, and with runs of letters or digits taken apart."""
    found = [items]
    split: list[Expr] = []
    for item in items:
        if isinstance(item, Name) and len(item.text) > 1 and not _known(item.text, scope):
            split += [_letter_or_digit(letter, item.span) for letter in item.text]
        elif isinstance(item, Product) and not any(item.ops):  # `1j`
            split += item.factors
        elif isinstance(item, Index) and not item.bracket and _is_letter(item.base):  # `j1`
            split += [item.base, *item.items]
        elif isinstance(item, Number) and len(item.text) > 1 and item.text.isdigit():
            split += [Number(type(item.value)(int(d)), d, item.span) for d in item.text]
        else:
            split.append(item)
    if len(split) > len(items):
        if any(
            isinstance(i, Name) and len(i.text) > 1 and not _known(i.text, scope) for i in items
        ):
            return [tuple(split)]
        found.append(tuple(split))
    return found


def _is_letter(expr: Expr) -> bool:
    return isinstance(expr, Name) and len(expr.text) == 1


def _letter_or_digit(text: str, span: Span) -> Name | Number:
    return Number(Fraction(text), text, span) if text.isdecimal() else Name(text, span)


def _known(name: str, scope: Scope) -> bool:
    return scope.is_index(name) or scope.system.is_size(name) or name in scope.system.fixed()


def _bare(target: Target, entities: list[Entity], scope: Scope) -> Value:
    single = [e for e in entities if not e.index]
    if single:
        entity = single[-1]
        return Value(symbol(entity.name, entity.shape, (), entity.facts))
    family = vector_of(entities)
    if family is None:
        raise NoMeaning(
            f"{target.base} is a family: say which member ({target.base}_{entities[0].index[0]})",
            target.span,
            "form",
        )
    return Value(family)


def vector_of(entities: list[Entity]) -> Node | None:
    """A family of scalars that starts at 1, as the array of its members."""
    rules = [e for e in entities if e.ranges and len(e.ranges) == len(e.index)]
    if len(rules) != 1 or rules[0].shape:
        return None
    rule = rules[0]
    if any(r.low is None or r.low != 1 or r.high is None for r in rule.ranges):
        return None
    names = [r.name for r in rule.ranges]
    sizes = [r.high for r in rule.ranges if r.high is not None]
    return build(names, sizes, symbol(rule.name, (), rule.index, rule.facts))


def _member(
    target: Target, items: tuple[Expr, ...], arity: int, group: list[Entity], scope: Scope
) -> Value:
    """The member at the first `arity` items, and its component at the others."""
    at = tuple(scope.whole(item, free=True) for item in items[:arity])
    node: Node
    if arity:
        entity = _representative(target, at, group, scope)
        node = symbol(entity.name, entity.shape, at, entity.facts)
        for position, whole in enumerate(at):
            bounds = _bounds(group, position)
            scope.use(whole, "family", *bounds)
    else:
        entity = group[-1]
        node = symbol(entity.name, entity.shape, (), entity.facts)
    rest = items[arity:]
    if rest:
        node = component(node, [scope.whole(item, free=True) for item in rest], target, scope)
    return Value(node)


def component(node: Node, at: list[Whole], target: Target, scope: Scope) -> Node:
    """A component of an array; missing trailing indices keep their axes."""
    if len(at) > node.rank:
        raise NoMeaning(
            f"{len(at)} indices for an array of shape {show_shape(node.shape)}", target.span, "form"
        )
    for axis, whole in enumerate(at):
        size = node.shape[axis]
        scope.use(whole, "component", Whole.of(1), size)
        number, length = whole.constant, size.constant
        if number is not None and (
            number < 1 or (length is not None and number > length) or number != int(number)
        ):
            raise NoMeaning(
                f"{target.base} has no component {number} (its axis has size {size})",
                target.span,
                "missing",
            )
    return select(node, [*at, *[None] * (node.rank - len(at))])


def _representative(
    target: Target, at: tuple[Whole, ...], group: list[Entity], scope: Scope
) -> Entity:
    """An entity that gives the member; raises where members' shapes differ or none fits."""
    fixed = tuple(w.constant for w in at)
    if all(isinstance(f, int) for f in fixed):
        numbers = tuple(int(f) for f in fixed if f is not None)
        found = (
            scope.system.find(target.base, numbers, scope.system.fixed())
            if _closed(group, scope)
            else None
        )
        if found is not None:
            return found[0]
        if _closed(group, scope):
            raise NoMeaning(
                f"{target.base} has no member {', '.join(map(str, numbers))}",
                target.span,
                "missing",
            )
        literal_match = [e for e in group if tuple(w.constant for w in e.index) == fixed]
        return (literal_match or [e for e in group if e.ranges] or group)[-1]
    rules = [e for e in group if e.ranges] or group
    first = rules[0]
    if any(e.shape != first.shape for e in group):
        raise NoMeaning(
            f"the members of {target.base} have different shapes ("
            + ", ".join(show_shape(e.shape) for e in group)
            + ")",
            target.span,
            "ragged",
        )
    facts = frozenset.intersection(*(e.facts for e in group))
    return Entity(first.name, first.index, first.ranges, first.shape, facts)


def _closed(group: list[Entity], scope: Scope) -> bool:
    """Whether the bounds of all entities are numbers."""
    fixed = scope.system.fixed().keys()
    for entity in group:
        known = fixed | {r.name for r in entity.ranges}
        bounds = (bound for r in entity.ranges for bound in (r.low, r.high) if bound is not None)
        if any(not whole.names <= known for whole in (*bounds, *entity.index)):
            return False
    return True


def _bounds(group: list[Entity], position: int) -> tuple[Whole | None, Whole | None]:
    """First and last index of the rules of a family."""
    for entity in group:
        name = entity.index[position].name
        for r in entity.ranges:
            if r.name == name:
                return r.low, r.high
    numbers = sorted(int(c) for e in group if isinstance(c := e.index[position].constant, int))
    return (Whole.of(numbers[0]), Whole.of(numbers[-1])) if numbers else (None, None)


def _kronecker(target: Target, scope: Scope) -> Value | None:
    """`δ_{ij}` or `I_{ij}`: 1 where its two indices agree, else 0."""
    if target.base in ("δ", "I") and target.items:
        for items in splittings(target.items, scope)[::-1]:
            if len(items) == 2:
                left, right = (scope.whole(i, free=True) for i in items)
                return Value(test("=", left, right))
    return None


def _undeclared(target: Target, scope: Scope) -> Value:
    """Indices and sizes as numbers, constants, Kronecker's δ; else an error with the nearest name."""
    text = target.base
    if not target.items:
        whole = scope.try_whole(Name(text))
        if whole is not None:
            return Value(count(whole))
        if text in ("e", "π"):
            return Value(constant(text))
        if text == "I":
            return Value(identity(hole()))
        if text == "ones":
            return Value(ones((hole(),)))
    kronecker = _kronecker(target, scope)
    if kronecker is not None:
        return kronecker
    if text == "ones" and len(target.items) == 1:
        return Value(ones((scope.whole(target.items[0]),)))
    if text == "I" and len(target.items) == 1:
        return Value(identity(scope.whole(target.items[0])))
    near = difflib.get_close_matches(text, sorted(scope.system.names()), 1, 0.6)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise NoMeaning(f"{text.rstrip('^')} is not declared{hint}", target.span, "name")
