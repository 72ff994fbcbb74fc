"""Reverse mode on definitions: a derivation is a model (DESIGN, idea 2).

Every defined name between the variable and the quantity gets an adjoint, and the adjoints are
again definitions, for a whole family at once: the work does not depend on the number of steps.
For backpropagation through time see Werbos, "Backpropagation through time" (1990).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from backprove.calculus.pullback import Binder, Contribution, NoDerivative, Wanted, pullback
from backprove.model.entity import Entity, IndexRange, System, member
from backprove.tensor.build import (
    add,
    contract,
    fold,
    identity,
    literal,
    replace,
    substitute,
    symbol,
    test,
    unused,
    where,
    zero,
)
from backprove.tensor.nodes import Derivative, Node, Symbol, walk
from backprove.tensor.whole import Shape, Whole

#: a base name, its number of indices, and the index itself where the members stand apart
Key = tuple[str, int, tuple[Whole, ...] | None]
EXPRESSION: Key = ("", 0, None)


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


@dataclass(slots=True)
class Adjoints:
    """The result of a reverse pass: a system of adjoint definitions and the derivative asked for.

    `result` has shape of.shape + by.shape; it refers to the adjoints in `system` (which stands on
    the model) by the names in `names`.
    """

    system: System
    result: Node
    names: dict[Key, str] = field(default_factory=dict[Key, str])
    families: Families | None = None
    spans: tuple[IndexRange, ...] = ()


def differentiate(system: System, of: Node, by: Node, mode: str = "total") -> Adjoints:
    """∂of/∂by by reverse mode on the definitions of `system`.

    `mode` is 'total' (every path), 'immediate' (members of families at other steps held fixed) or
    'line' (the definition line of `of` alone). `of` and `by` may have open indices (`∂h_t/∂W`).
    `by` may be a name or any expression: "by a new name put in its place". Raises NoDerivative.
    """
    return _Reverse(system, of, by, mode).run()


class _Reverse:
    def __init__(self, system: System, of: Node, by: Node, mode: str) -> None:
        self.system = system
        self.mode = mode
        self.of = of
        self.by = by
        self.lead: Shape = of.shape
        self.families = Families(system, of, by)
        key_of = self.families.key
        self.variable = key_of(by) if isinstance(by, Symbol) else None
        self.used: dict[Key, set[Key]] = {}
        self.active: set[Key] = set()
        self.adjoints = System(base=system)
        self.loop = False
        self.names: dict[Key, str] = {}

    # --- which names lie between ---

    def entities(self, key: Key) -> list[Entity]:
        return [e for e in self.system.named(key[0]) if self.families.key(e) == key]

    def uses(self, node: Node) -> set[Key]:
        """The names that an expression uses; the variable itself when it is an expression."""
        if self.variable is not None:
            return {self.families.key(n) for n in walk(node) if isinstance(n, Symbol)}
        found: set[Key] = set()
        for part in _outside(node, self.is_variable):
            if self.is_variable(part):
                found.add(EXPRESSION)
            elif isinstance(part, Symbol):
                found.add(self.families.key(part))
        return found

    def is_variable(self, node: Node) -> bool:
        """Whether a node is the variable, up to the values of open indices."""
        if self.variable is not None:
            return isinstance(node, Symbol) and self.families.key(node) == self.variable
        return node is self.by or matches(self.by, node) is not None

    def explore(self) -> None:
        """The names that depend on the variable, among those the quantity depends on."""
        target = self.variable or EXPRESSION
        pending = list(self.uses(self.of))
        while pending:
            key = pending.pop()
            if key in self.used or key == EXPRESSION:
                continue
            self.used[key] = set()
            for entity in self.entities(key):
                if entity.body is not None:
                    _no_inner(entity.body)
                    self.used[key] |= self.uses(entity.body)
            pending += list(self.used[key])
        #: whether members of the variable's family depend on other members
        self.loop = target in self.used and self.reaches(self.used[target], target)
        self.active = {target}
        grown = True
        while grown:
            grown = False
            for key, below in self.used.items():
                if key not in self.active and below & self.active:
                    self.active.add(key)
                    grown = True

    def reaches(self, start: set[Key], goal: Key) -> bool:
        """Whether `goal` is among the names that `start` uses, directly or not."""
        seen: set[Key] = set()
        pending = list(start)
        while pending:
            key = pending.pop()
            if key == goal:
                return True
            if key not in seen:
                seen.add(key)
                pending += list(self.used.get(key, ()))
        return False

    # --- the adjoints ---

    def wanted(self, node: Node) -> bool:
        if self.is_variable(node):
            return True
        return isinstance(node, Symbol) and self.families.key(node) in self.active

    def inside(self, entity: Entity) -> Wanted:
        """Which names a definition passes its adjoint on to.

        For an immediate derivative a family member passes it only to names without an index, to
        members of its own step and, where the quantity is a member, to the variable.
        """
        if self.mode == "total" or not entity.index:
            return self.wanted

        def same_step(node: Node) -> bool:
            if not self.wanted(node):
                return False
            if not isinstance(node, Symbol) or node.index in ((), entity.index):
                return True
            crossing = isinstance(self.of, Symbol) and bool(self.of.index)
            return crossing and self.is_variable(node)

        return same_step

    def only_step(self, index: tuple[Whole, ...], body: Node) -> Node:
        """For an immediate derivative, the adjoint of a member at another step is zero."""
        step = self.step()
        if self.mode == "total" or len(step) != len(index):
            return body
        nothing = zero(body.shape) if body.shape else literal(0)
        for own, fixed in zip(index, step, strict=True):
            body = where(test("=", own, fixed), body, nothing)
        return body

    def step(self) -> tuple[Whole, ...]:
        """The step of an immediate derivative: the quantity's, or else the variable's."""
        for node in (self.of, self.by):
            if isinstance(node, Symbol) and node.index:
                return node.index
        return ()

    def name(self, key: Key) -> str:
        """A new name for an adjoint: the name with a bar."""
        if key not in self.names:
            base = key[0] or "variable"
            # members that stand apart share the letter and keep their numbers
            kin = [n for k, n in self.names.items() if k[:2] == key[:2] and key[2] is not None]
            taken = self.system.names() | set(self.names.values())
            self.names[key] = kin[0] if kin else unused(base + "\u0304", taken)
        return self.names[key]

    def run(self) -> Adjoints:
        if self.mode == "line":
            return self.line()
        self.explore()
        lead = len(self.lead)
        contributions: list[tuple[Entity | None, Contribution]] = []
        seed = unit(self.lead)
        for c in pullback(self.of, seed, lead, self.wanted):
            contributions.append((None, c))
        for key in self.used:
            if key not in self.active or (key == self.variable and not self.loop):
                continue
            for entity in self.entities(key):
                if entity.body is None:
                    continue
                own = symbol(self.name(key), self.lead + entity.shape, entity.index)
                table = {entity.body: member(entity)} if entity.body.children else {}
                for c in pullback(entity.body, own, lead, self.inside(entity)):
                    # tanh(z_t) in a derivative is h_t again
                    c = Contribution(c.target, replace(c.node, table), c.binders)
                    contributions.append((entity, c))
        gathered: dict[Key, list[tuple[Entity | None, Contribution]]] = {}
        for entity, c in contributions:
            target = c.target
            key = EXPRESSION
            if isinstance(target, Symbol) and not (
                self.variable is None and self.is_variable(target)
            ):
                key = self.families.key(target)
            gathered.setdefault(key, []).append((entity, c))
        for key in self.active:
            if key[0] and (key != self.variable or self.loop):
                parts = gathered.get(key, [])
                if self.mode == "immediate":  # what comes from another step ends at the variable
                    parts = [(e, c) for e, c in parts if not _crosses(e, c)]
                self.define(key, parts)
        return Adjoints(
            self.adjoints, self.result(gathered), self.names, self.families, self.spans()
        )

    def line(self) -> Adjoints:
        """By the definition line of the quantity alone, all else held fixed."""
        root = top = self.of
        if isinstance(top, Symbol) and top is not self.by:
            for entity in self.entities(self.families.key(top)):
                names = [w.name for w in entity.index]
                if entity.body is not None and all(names):
                    put = dict(zip([n or "" for n in names], top.index, strict=True))
                    root = substitute(entity.body, put)
                elif entity.body is not None and entity.index == top.index:
                    root = entity.body
                    break
        seed = unit(self.lead)
        found = pullback(root, seed, len(self.lead), self.is_variable)
        gathered: dict[Key, list[tuple[Entity | None, Contribution]]] = {}
        key = self.families.key(self.by) if isinstance(self.by, Symbol) else EXPRESSION
        for c in found:
            gathered.setdefault(key, []).append((None, c))
        return Adjoints(
            self.adjoints, self.result(gathered), self.names, self.families, self.spans()
        )

    def define(self, key: Key, parts: list[tuple[Entity | None, Contribution]]) -> None:
        """The adjoint family of a name: the sum of what its uses contribute."""
        entities = self.entities(key)
        model = entities[0]
        if key[2] is not None:
            body = self.only_step(key[2], self.collect(parts, key[2], self.lead + model.shape))
            self.adjoints.add(
                Entity(self.name(key), key[2], (), body.shape, body=body, zero_outside=True)
            )
            return
        # a letter of its own: not one of the question's open indices
        taken = {n for c in parts for n in c[1].node.free} | self.of.free | self.by.free
        index = tuple(
            Whole.of(_letter(w.name or "s", taken | self.system.size_names))
            for w in _open_index(entities)
        )
        ranges = tuple(
            IndexRange(w.name or "", *span(entities, position)) for position, w in enumerate(index)
        )
        body = self.only_step(index, self.collect(parts, index, self.lead + model.shape, ranges))
        # the letters of the family's own rule, now that nothing else bears them
        plain = {
            w.name: own.name
            for w, own in zip(index, _open_index(entities), strict=True)
            if w.name and own.name and w != own and own.name not in body.free | self.of.free
        }
        if plain:
            body = substitute(body, plain)
            index = tuple(w.put(plain) for w in index)
            ranges = tuple(IndexRange(plain.get(r.name, r.name), r.low, r.high) for r in ranges)
        self.adjoints.add(
            Entity(self.name(key), index, ranges, body.shape, body=body, zero_outside=True)
        )

    def result(self, gathered: dict[Key, list[tuple[Entity | None, Contribution]]]) -> Node:
        shape = self.lead + self.by.shape
        if isinstance(self.by, Symbol):
            parts = gathered.get(self.families.key(self.by), [])
            return self.collect(parts, self.by.index, shape, self.spans())
        parts = gathered.get(EXPRESSION, [])
        total: list[tuple[int, Node]] = []
        for entity, c in parts:
            pattern = matches(self.by, c.target)
            assert pattern is not None
            total.append((1, self.settle(entity, c, [(found, w) for w, found in pattern])))
        return add(total, shape) if total else zero(shape)

    def spans(self) -> tuple[IndexRange, ...]:
        """The steps for which an open index of the question stands: those of the family's rule."""
        found: dict[str, IndexRange] = {}
        for node in (self.of, self.by):
            if not isinstance(node, Symbol):
                continue
            for position, place in enumerate(node.index):
                for entity in self.entities(self.families.key(node)):
                    rule = next(
                        (r for r in entity.ranges if r.name == entity.index[position].name), None
                    )
                    if place.name and rule is not None:
                        found.setdefault(place.name, IndexRange(place.name, rule.low, rule.high))
        return tuple(found.values())

    def collect(
        self,
        parts: list[tuple[Entity | None, Contribution]],
        index: tuple[Whole, ...],
        shape: Shape,
        spans: tuple[IndexRange, ...] = (),
    ) -> Node:
        """The sum of the contributions to the member at `index`, whose letters have these spans."""
        total: list[tuple[int, Node]] = []
        for entity, c in parts:
            assert isinstance(c.target, Symbol)
            pairs = list(zip(c.target.index, index, strict=True))
            total.append((1, self.settle(entity, c, pairs, spans)))
        return add(total, shape) if total else zero(shape)

    def settle(
        self,
        entity: Entity | None,
        c: Contribution,
        pairs: list[tuple[Whole, Whole]],
        spans: tuple[IndexRange, ...] = (),
    ) -> Node:
        """A contribution to the member where each pair (index used, index asked for) is equal.

        Every open index of the user is either determined by such an equation, and then replaced,
        or summed over its range.
        """
        node = c.node
        binders = list(c.binders)
        if entity is not None:
            binders += [_binder(r, entity) for r in entity.ranges]
        asked = set(self.of.free | self.by.free).union(*(w.names for _, w in pairs))
        fresh: dict[str, Whole] = {}
        for b in binders:
            name = _letter(b.name, asked | {str(w) for w in fresh.values()})
            if name != b.name:
                fresh[b.name] = Whole.of(name)
        if fresh:
            node = substitute(node, fresh)
            binders = [
                Binder(str(fresh.get(b.name, b.name)), b.low.put(fresh), b.high.put(fresh))
                for b in binders
            ]
            pairs = [(used.put(fresh), want) for used, want in pairs]
        origin = {str(new): old for old, new in fresh.items()}
        guards: list[Node] = []
        while pairs:
            used, want = pairs.pop()
            chosen = next(
                (b for b in reversed(binders) if used.coefficient(b.name) in (1, -1)), None
            )
            if chosen is None:
                guards.append(test("=", used, want))
                continue
            factor = used.coefficient(chosen.name)
            assert factor is not None
            value = (want - used + Whole.of(chosen.name) * factor) * factor
            put = {chosen.name: value}
            binders = [
                Binder(b.name, b.low.put(put), b.high.put(put)) for b in binders if b is not chosen
            ]
            pairs = [(u.put(put), w.put(put)) for u, w in pairs]
            node = substitute(node, put)
            guards = [substitute(g, put) for g in guards]
            low, high = chosen.low.put(put), chosen.high.put(put)
            below, above = (
                self.ends(entity, origin.get(chosen.name, chosen.name))
                if self.harmless(node, value, spans)
                else (None, None)
            )
            if below != chosen.low and not within(value, value, low, None, spans):
                guards.append(test("≤", low, value))
            if above != chosen.high and not within(value, value, None, high, spans):
                guards.append(test("≤", value, high))
        nothing = zero(node.shape) if node.shape else literal(0)
        for guard in guards:
            node = where(guard, node, nothing)
        for b in binders:
            node = fold("sum", b.name, b.low, b.high, node)
        return node

    def ends(self, entity: Entity | None, letter: str) -> tuple[Whole | None, Whole | None]:
        """The first and last member of the user's family: beyond them its adjoint is zero.

        A declared h_0 belongs to the family, though the rule for h_t begins at 1.
        """
        if entity is None:
            return None, None
        for position, place in enumerate(entity.index):
            if place.name == letter:
                return span(self.entities(self.families.key(entity)), position)
        return None, None

    def harmless(self, node: Node, value: Whole, spans: tuple[IndexRange, ...]) -> bool:
        """Whether a contribution outside its user's range is zero by itself.

        It is when the user's own adjoint (zero outside its range) stands in it, and everything
        else in it has a value there.
        """
        adjoints = set(self.names.values())
        inside = [n for n in walk(node) if isinstance(n, Symbol) and n.index]
        if not any(n.name in adjoints and value in n.index for n in inside):
            return False
        return all(
            within(w, w, *span(self.entities(self.families.key(n)), position), spans)
            for n in inside
            if n.name not in adjoints
            for position, w in enumerate(n.index)
            if not w.names.isdisjoint(value.names)
        )


def within(
    first: Whole,
    last: Whole,
    low: Whole | None,
    high: Whole | None,
    spans: tuple[IndexRange, ...],
) -> bool:
    """Whether first and last, whose letters run over `spans`, surely lie between low and high.

    A bound that is None is not asked for; with neither, nothing is known.
    """
    if low is None and high is None:
        return False
    lowest, highest = first, last
    for r in spans:
        slope = first.coefficient(r.name)
        if slope is None or last.coefficient(r.name) is None:
            return False
        if r.low is None or r.high is None:
            continue  # the letter stays, and the difference below is no number
        ends = (r.low, r.high) if slope >= 0 else (r.high, r.low)
        lowest, highest = lowest.put({r.name: ends[0]}), highest.put({r.name: ends[1]})
    gaps = [(lowest - low).constant] if low is not None else []
    gaps += [(high - highest).constant] if high is not None else []
    return all(gap is not None and gap >= 0 for gap in gaps)


def _letter(wish: str, taken: set[str]) -> str:
    """An index letter that is not taken: the wish, or one that people use beside it."""
    return next((x for x in (wish, "s", "τ", "r") if x not in taken), unused(wish, taken))


def _crosses(entity: Entity | None, c: Contribution) -> bool:
    """Whether a contribution goes from one step of a family to another."""
    target = c.target
    return (
        entity is not None
        and isinstance(target, Symbol)
        and bool(entity.index)
        and target.index not in ((), entity.index)
    )


def unit(shape: Shape) -> Node:
    """The derivative of a quantity by itself: 1, or the identity of its shape."""
    node = literal(1)
    labels: list[list[object]] = []
    operands: list[Node] = []
    for axis, size in enumerate(shape):
        operands.append(identity(size))
        labels.append([("a", axis), ("b", axis)])
    if not operands:
        return node
    out = [("a", i) for i in range(len(shape))] + [("b", i) for i in range(len(shape))]
    return contract(operands, labels, out)


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


def _outside(node: Node, stop: object) -> list[Node]:
    """The nodes of an expression that are not inside a node where `stop` holds."""
    found: list[Node] = []
    seen: set[Node] = set()

    def visit(part: Node) -> None:
        if part in seen:
            return
        seen.add(part)
        found.append(part)
        if not stop(part):  # type: ignore[operator]
            for child in part.children:
                visit(child)

    visit(node)
    return found


def _no_inner(body: Node) -> None:
    for part in walk(body):
        if isinstance(part, Derivative):
            raise NoDerivative("a definition that contains a derivative is not worked out yet")


def _open_index(entities: list[Entity]) -> tuple[Whole, ...]:
    """The index letters of a family's rule, or letters of its own for fixed members."""
    for entity in entities:
        if entity.ranges:
            return tuple(w if w.name else Whole.of("s") for w in entity.index)
    return tuple(Whole.of("s") for _ in entities[0].index)


def span(entities: list[Entity], position: int) -> tuple[Whole | None, Whole | None]:
    """The first and last index at which a family has members, where it can be told."""
    lows: list[Whole] = []
    highs: list[Whole] = []
    for entity in entities:
        pattern = entity.index[position]
        found = next((r for r in entity.ranges if r.name == pattern.name), None)
        low, high = (found.low, found.high) if found else (pattern, pattern)
        if low is not None:
            lows.append(low)
        if high is not None:
            highs.append(high)
    return _extreme(lows, min), _extreme(highs, max)


def _extreme(bounds: list[Whole], choose: object) -> Whole | None:
    numbers = [b for b in bounds if isinstance(b.constant, int)]
    names = [b for b in bounds if not isinstance(b.constant, int)]
    if names and choose is max:
        return names[0]
    if numbers:
        return choose(numbers, key=lambda w: w.constant)  # type: ignore[operator,no-any-return]
    return names[0] if names else None


def _binder(r: IndexRange, entity: Entity) -> Binder:
    if r.low is None or r.high is None:
        raise NoDerivative(f"the range of {entity.name} is not known")
    return Binder(r.name, r.low, r.high)
