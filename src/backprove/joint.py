"""Several derivatives of one quantity that share their backward pass, prepared for code.

`derive` words one derivative for a reader. Code wants all of them at once and each adjoint
computed once. So the adjoint definitions of all variables are put together (an adjoint means the
same whichever variable is asked for), one that has a single user is put in its place, where things
may cancel (the o − y of softmax and cross-entropy), and a family's range is cut to what is used.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import replace as changed

from backprove.calculus.adjoint import Adjoints, Key, differentiate
from backprove.calculus.derive import PRE, resolve, resolved, shortly, with_preactivations
from backprove.calculus.simplify import Simplifier
from backprove.cheaper import Cheaper
from backprove.compute.emit.ranges import Ranges, at_most
from backprove.model.entity import Entity, IndexRange, System
from backprove.tensor.build import literal, replace, substitute, symbol, test, unused, where, zero
from backprove.tensor.nodes import Add, Build, Fold, Literal, Node, Ones, Symbol, walk
from backprove.tensor.whole import Whole

#: so many forms are tried for all definitions together
WORK = 20_000


@dataclass(frozen=True, slots=True)
class Joint:
    """The derivatives `results` in terms of `system`, which holds the adjoint definitions.

    `spans` are, for each of them, the open indices that it is asked for at.
    """

    system: System
    of: Node
    results: tuple[Node, ...]
    spans: tuple[tuple[IndexRange, ...], ...]


def derive_jointly(system: System, of: Node, variables: Sequence[Node]) -> Joint:
    """∂of/∂v for each of the variables; raises NoDerivative."""
    used = frozenset(n.name for v in variables for n in walk(v) if isinstance(n, Symbol))
    worked = shortly(used)
    base, of = resolve(resolved(system, worked), of, worked)
    for variable in variables:
        base = with_preactivations(base, variable)
    return _Together(base, of, variables).run()


class _Together:
    """The adjoint definitions of one quantity, by name; `bodies` are their right-hand sides."""

    def __init__(self, model: System, of: Node, variables: Sequence[Node]) -> None:
        self.model = model
        self.of = of
        self.variables = variables
        self.names: dict[Key, str] = {}
        self.lines: dict[tuple[str, tuple[Whole, ...]], Entity] = {}
        self.simplify = Simplifier(work=WORK)
        self.cheaper = Cheaper(_sizes(model))

    def run(self) -> Joint:
        results: list[Node] = []
        spans: list[tuple[IndexRange, ...]] = []
        for variable in self.variables:
            raw = differentiate(self.model, self.of, variable)
            rename = self._rename(raw)
            for group in raw.system.entities.values():
                for entity in group:
                    name = rename[entity.name]
                    if (name, entity.index) not in self.lines and entity.body is not None:
                        body = _renamed(entity.body, rename)
                        fresh = changed(entity, name=name, body=body)
                        if not any(e.name == name and e.ranges for e in self.lines.values()):
                            self.lines[name, entity.index] = fresh
            results.append(_renamed(raw.result, rename))
            spans.append(raw.spans)
        lines = list(self.lines.values())
        while True:
            lines, results, again = self._put_in(lines, results, spans)
            if not again:
                break
        lines = self._cut(lines, results, spans)
        system = System(base=self.model)
        for entity in lines:
            assert entity.body is not None
            system.add(changed(entity, body=self._quick(entity.body)))
        return Joint(system, self.of, tuple(map(self._quick, results)), tuple(spans))

    def _quick(self, node: Node) -> Node:
        return self.cheaper(self.simplify(node))

    def _rename(self, raw: Adjoints) -> dict[str, str]:
        """One name for each adjoint in all runs: δ with its owner for pre-activations."""
        found: dict[str, str] = {}
        for key, name in raw.names.items():
            if key not in self.names:
                base = key[0]
                wish = f"δ_{base.removeprefix(PRE)}" if base.startswith(PRE) else f"{base}\u0304"
                kin = [n for k, n in self.names.items() if k[:2] == key[:2] and key[2] is not None]
                taken = self.model.names() | set(self.names.values())
                self.names[key] = kin[0] if kin else unused(wish, taken)
            found[name] = self.names[key]
        return found

    # --- putting definitions in the places of their names ----------------------------------------

    def _put_in(
        self, lines: list[Entity], results: list[Node], spans: list[tuple[IndexRange, ...]]
    ) -> tuple[list[Entity], list[Node], bool]:
        users = [
            *((e.body, _ranges(e.ranges)) for e in lines if e.body is not None),
            *((r, _ranges(s)) for r, s in zip(results, spans, strict=True)),
        ]
        for line in lines:
            assert line.body is not None
            if any(_is_use(n, line) for n in walk(line.body)):
                continue
            uses = [
                (k, place)
                for k, (body, ranges) in enumerate(users)
                for place in _uses(body, ranges, line)
            ]
            moving = [(k, place) for k, place in uses if not self._is_fixed(place[0], line)]
            fixed = {place[0] for _, place in uses if self._is_fixed(place[0], line)}
            single = len({k for k, _ in moving}) <= 1 and all(_in_step(p, line) for _, p in moving)
            if not uses:
                return [e for e in lines if e is not line], results, True
            if line.ranges:
                chosen = fixed if not (single or _is_short(line.body)) else {p[0] for _, p in uses}
            else:
                chosen = (
                    {p[0] for _, p in uses} if single or _is_short(line.body) else set[Symbol]()
                )
            if not chosen:
                continue
            table: dict[Node, Node] = {
                node: _definition(line, node, [p for _, p in uses if p[0] is node])
                for node in chosen
            }
            if not _is_short(line.body) and not self._pays(line, table, users):
                continue
            lines = [
                changed(e, body=replace(e.body, table))
                if e is not line and e.body is not None
                else e
                for e in lines
            ]
            results = [replace(r, table) for r in results]
            if len(chosen) == len({p[0] for _, p in uses}):
                lines = [e for e in lines if e is not line]
            return lines, results, True
        return lines, results, False

    def _pays(
        self, line: Entity, table: Mapping[Node, Node], users: Sequence[tuple[Node, Ranges]]
    ) -> bool:
        """Whether putting a line in makes no more work than it saves."""
        assert line.body is not None
        before = self._work(line.body)
        after = 0.0
        for body, _ in users:
            fresh = replace(body, table)
            if fresh is not body:
                before += self._work(body)
                after += self._work(fresh)
        return after <= before

    def _work(self, node: Node) -> float:
        return self.cheaper.work(self._quick(node))

    def _is_fixed(self, node: Symbol, line: Entity) -> bool:
        """Whether this is the adjoint of a member that stands before or after a rule (h_0)."""
        rule = self._rule(line)
        if rule is None or rule.low is None or rule.high is None:
            return False
        at = node.index[0]
        return at_most(at, rule.low - 1, {}) is True or at_most(rule.high + 1, at, {}) is True

    def _rule(self, line: Entity) -> IndexRange | None:
        """The range of the rule that defines the family whose adjoint this is."""
        for key, name in self.names.items():
            if name == line.name and key[1] == 1 and line.ranges:
                rules = [e for e in self.model.named(key[0]) if len(e.index) == 1 and e.ranges]
                return rules[0].ranges[0] if len(rules) == 1 else None
        return None

    # --- ranges -----------------------------------------------------------------------------------

    def _cut(
        self, lines: list[Entity], results: list[Node], spans: list[tuple[IndexRange, ...]]
    ) -> list[Entity]:
        """Families without the members before and after a rule, where nothing looks at them."""
        for _ in range(4):
            users = [
                *((e.body, _ranges(e.ranges)) for e in lines if e.body is not None),
                *((r, _ranges(s)) for r, s in zip(results, spans, strict=True)),
            ]
            fresh = [self._shorter(line, users) for line in lines]
            if all(a is b for a, b in zip(fresh, lines, strict=True)):
                break
            lines = fresh
        return lines

    def _shorter(self, line: Entity, users: list[tuple[Node, Ranges]]) -> Entity:
        if len(line.ranges) != 1:
            return line
        (r,) = line.ranges
        places = [p for body, ranges in users for p in _uses(body, ranges, line)]
        if not places or r.low is None or r.high is None:
            return line
        rule = self._rule(line)
        if rule is None or rule.low is None or rule.high is None:
            return line
        low, high = r.low, r.high
        if all(at_most(rule.low, node.index[0], ranges) is True for node, ranges in places):
            low = rule.low
        if all(at_most(node.index[0], rule.high, ranges) is True for node, ranges in places):
            high = rule.high
        if (low, high) == (r.low, r.high):
            return line
        return changed(line, ranges=(IndexRange(r.name, low, high),))


def _sizes(system: System | None) -> frozenset[str]:
    found: set[str] = set()
    while system is not None:
        found |= system.size_names
        system = system.base
    return frozenset(found)


def _ranges(ranges: Sequence[IndexRange]) -> Ranges:
    return {r.name: (r.low, r.high) for r in ranges if r.low is not None and r.high is not None}


def _renamed(node: Node, rename: Mapping[str, str]) -> Node:
    table: dict[Node, Node] = {
        part: symbol(rename[part.name], part.shape, part.index, part.facts)
        for part in walk(node)
        if isinstance(part, Symbol) and part.name in rename
    }
    return replace(node, table)


def _is_use(node: Node, line: Entity) -> bool:
    if not isinstance(node, Symbol) or node.name != line.name or len(node.index) != len(line.index):
        return False
    return bool(line.ranges) or node.index == line.index


Place = tuple[Symbol, Ranges]


def _uses(body: Node, ranges: Ranges, line: Entity) -> Iterator[Place]:
    """The places where a line's name is used, with the ranges of the letters there."""
    seen: set[tuple[Node, tuple[tuple[str, tuple[Whole, Whole]], ...]]] = set()

    def visit(node: Node, here: Ranges) -> Iterator[Place]:
        key = (
            node,
            tuple(sorted(((n, r) for n, r in here.items() if n in node.free), key=lambda p: p[0])),
        )
        if key in seen:
            return
        seen.add(key)
        if isinstance(node, Symbol):
            if _is_use(node, line):
                yield node, here
            return
        inner = here
        if isinstance(node, Fold):
            inner = {**here, node.index: (node.low, node.high)}
        elif isinstance(node, Build):
            sizes = zip(node.indices, node.shape, strict=False)
            inner = {**here, **{i: (Whole.of(1), n) for i, n in sizes}}
        for child in node.children:
            yield from visit(child, inner)

    yield from visit(body, ranges)


def _in_step(place: Place, line: Entity) -> bool:
    """Whether a family is looked at by one letter, without an offset."""
    node, ranges = place
    return not line.ranges or all(w.name is not None and w.name in ranges for w in node.index)


def _is_short(body: Node) -> bool:
    """Whether a definition is no work: a number, a name, or a multiple of one."""
    if isinstance(body, Add) and len(body.terms) == 1:
        body = body.terms[0][1]
    return isinstance(body, Literal | Symbol | Ones) or (isinstance(body, Add) and not body.terms)


def _definition(line: Entity, node: Symbol, places: Sequence[Place]) -> Node:
    """A line's right-hand side for a member, zero outside of its range."""
    assert line.body is not None
    if not line.ranges:
        return line.body
    letters = {w.name or "": at for w, at in zip(line.index, node.index, strict=True)}
    body = substitute(line.body, letters)
    nothing = zero(body.shape) if body.shape else literal(0)
    for r in line.ranges:
        at = letters[r.name]
        for low, high in ((r.low, at), (at, r.high)):
            if low is None or high is None:
                continue
            if not all(at_most(low, high, ranges) is True for _, ranges in places):
                body = where(test("≤", low, high), body, nothing)
    return body
