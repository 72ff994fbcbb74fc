"""A reverse pass as a person writes it down.

Adjoints that are used once or are short are put in the places of their uses, families with a
special first or last step are written in pieces, and what is left is named: δ for pre-activations,
a bar otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from backprove.calculus.adjoint import Adjoints
from backprove.calculus.bounds import least_sizes, within
from backprove.calculus.pieces import Cases, piece, pieces, shortened
from backprove.calculus.prepare import PRE, is_preactivation
from backprove.calculus.ranges import narrowed, settled, tightened
from backprove.calculus.simplify import Simplifier
from backprove.calculus.support import single, supported
from backprove.calculus.used import reached, trimmed
from backprove.model.entity import Entity, IndexRange, System, with_body
from backprove.model.write import NoMatrixForm, written
from backprove.tensor.build import (
    is_zero,
    literal,
    replace,
    split_coefficient,
    substitute,
    symbol,
    test,
    unused,
    where,
    zero,
)
from backprove.tensor.nodes import Contract, Identity, Node, Reshape, Symbol, walk
from backprove.tensor.whole import Whole

#: an adjoint that is used more often than this keeps its name
MOST_USES = 4
#: a line longer than this is hard to read, and counts double from there
LONG_LINE = 32
#: what another line costs
NEW_LINE = 4
Lines = list[Entity]


@dataclass(frozen=True, slots=True)
class Derived:
    """A derivation: `result` is ∂of/∂by in terms of the model and of the adjoint definitions `lines`.

    `system` holds the lines and stands on the model. A derivative of a derivative needs lines of the
    inner one too: these come first.
    """

    of: Node
    by: Node
    system: System
    lines: tuple[Entity, ...]
    result: Node
    raw: Adjoints = field(repr=False)
    simplify: Simplifier = field(repr=False)
    #: whose adjoint a line defines
    owners: dict[str, str] = field(default_factory=dict[str, str])
    #: of what those lines that belong to an inner derivative are adjoints
    inner: dict[str, Node] = field(default_factory=dict[str, Node])
    #: the names that readers see for those in `raw`
    renamed: dict[str, str] = field(default_factory=dict[str, str])


class Tidy:
    """The reduction of one reverse pass."""

    def __init__(self, raw: Adjoints, simplify: Simplifier) -> None:
        assert raw.system.base is not None
        assert raw.families is not None
        self.raw = raw
        self.model = raw.system.base
        self.simplify = simplify
        self.sizes = least_sizes(self.model)
        self._components: dict[Node, bool] = {}
        #: adjoints that an inner derivative has left, which are zero beyond their last member
        self.given = [e for e in self.model.all() if e.zero_outside is True and e.ranges]
        self.deltas = {
            n for key, n in raw.names.items() if is_preactivation(key, self.model, raw.families)
        }

    def derived(self, of: Node, by: Node) -> Derived:
        """The tidy derivation."""
        self.sizes = least_sizes(self.model, (of, by))
        lines, result = self._without_trivial()
        asked = [w for n in (of, by) if isinstance(n, Symbol) for w in n.index]
        lines = [with_body(e, self._short(e.body, e.ranges)) for e in lines if e.body is not None]
        result = self._short(result, self.raw.spans)
        lines, result = self._in_range(lines, result, asked)
        lines, result = self._all_shortened(lines, result)
        lines, result = self._reached(lines, result)
        lines, result = self._in_pieces(trimmed(lines, result, self.raw.spans), result)
        lines, result = self._reached(lines, result)
        lines, result = self._all_shortened(lines, result, members=True)
        return self._named(lines, result, of, by)

    def _reached(self, lines: Lines, result: Node) -> tuple[Lines, Node]:
        """The lines that matter; a name that is only used outside of its range is zero."""
        kept = reached(lines, result, self.raw.spans)
        gone = {e.name for e in lines} - {e.name for e in kept}
        if not gone:
            return kept, result
        bodies = [e.body for e in kept if e.body is not None]
        table = {
            n: zero(n.shape) if n.shape else literal(0)
            for n in walk(*bodies, result)
            if isinstance(n, Symbol) and n.name in gone
        }
        kept = [with_body(e, replace(e.body, table)) for e in kept if e.body is not None]
        return kept, replace(result, table)

    def _in_range(self, lines: Lines, result: Node, asked: list[Whole]) -> tuple[Lines, Node]:
        """The families over the steps that matter, with conditions that those decide settled."""
        lines, result = self._reached(lines, result)
        lines = supported(lines, asked, self.raw.spans)
        lines = single(trimmed(lines, result, self.raw.spans), result, self.raw.spans)
        lines = [
            with_body(e, self._short(e.body, e.ranges, lines)) for e in lines if e.body is not None
        ]
        return lines, self._short(result, (), lines)

    def _all_shortened(
        self, lines: Lines, result: Node, members: bool = False
    ) -> tuple[Lines, Node]:
        """With definitions put in the places of their uses, as long as that helps.

        Only those of single members where that is asked for.
        """
        while True:
            shorter = self._shortened(lines, result, members)
            if shorter is None:
                return lines, result
            lines, result = shorter

    def _without_trivial(self) -> tuple[Lines, Node]:
        """The reverse pass as it is, with adjoints that are a number, a name or I put in."""
        lines = [e for group in self.raw.system.entities.values() for e in group]
        result, spans = self.raw.result, self.raw.spans
        for line in [e for e in lines if e.body is not None and _is_trivial(e.body)]:
            line = next(e for e in lines if (e.name, e.index) == (line.name, line.index))
            lines = [
                with_body(e, self._inlined(e.body, line, e.ranges))
                for e in lines
                if e is not line and e.body is not None
            ]
            result = self._inlined(result, line, spans)
        return lines, result

    def _short(
        self, node: Node, ranges: tuple[IndexRange, ...], families: Lines | None = None
    ) -> Node:
        ranges = (*self.raw.spans, *(r for r in ranges if r not in self.raw.spans))
        ranges = (*self.sizes, *ranges)
        families = [*(families or []), *self.given]
        key = (node, ranges, *((e.name, e.index, e.ranges) for e in families))
        found = self.simplify.memory.get(key)
        if found is None:
            found = settled(node, ranges, families)
            found = settled(self.simplify(found), ranges)
            found = tightened(found, families, ranges) if families else found
            self.simplify.memory[key] = found
        return found

    def _inlined(self, node: Node, line: Entity, spans: tuple[IndexRange, ...]) -> Node:
        key = (node, line.name, line.index, line.ranges, line.body, spans)
        found = self.simplify.memory.get(key)
        if found is None:
            found = self.simplify.memory[key] = _inline(node, line, spans)
        return found

    # --- putting definitions in the places of their uses ---

    def _weight(self, bodies: list[Node]) -> int:
        lengths = [self.simplify.length(body) for body in bodies]
        return sum(n + max(0, n - LONG_LINE) + NEW_LINE for n in lengths)

    def _shortened(self, lines: Lines, result: Node, members: bool) -> tuple[Lines, Node] | None:
        """With one definition put in the places of its uses, where that makes the whole no longer.

        Bars go first, so that deltas stay.
        """
        bodies = [e.body for e in lines if e.body is not None] + [result]
        now = self._weight(bodies)
        kept = self._between_states(result)
        written = [_written(body) for body in bodies]
        for line in sorted(lines, key=lambda e: (e.name in self.deltas, e.name, str(e.index))):
            assert line.body is not None
            if any(_is_use(n, line) for n in walk(line.body)) or _is_piece(line, lines, bodies):
                continue
            if members and line.ranges:
                continue
            if line.name == kept and line.ranges:
                continue
            uses = sum(1 for parts in written for n in parts if _is_use(n, line))
            if uses > MOST_USES:
                continue
            others: Lines = []
            for e in lines:
                if e is not line and e.body is not None:
                    put = self._inlined(e.body, line, e.ranges)
                    others.append(e if put is e.body else with_body(e, self._short(put, e.ranges)))
            put = self._inlined(result, line, self.raw.spans)
            last = result if put is result else self._short(put, self.raw.spans)
            after = [e.body for e in others if e.body is not None] + [last]
            before = [e.body for e in lines if e is not line and e.body is not None] + [result]
            if not uses or (self._weight(after) <= now and self._writable(before, after)):
                return others, last
        return None

    def _between_states(self, result: Node) -> str:
        """The adjoint that a derivative of one state by an earlier one is a member of.

        It keeps its name: `h̄_t = h̄_{t+1} …` says how a state depends on those before it.
        """
        if isinstance(result, Symbol) and result.index and result.rank > 1:
            return result.name
        return ""

    def _writable(self, before: list[Node], after: list[Node]) -> bool:
        """Whether what can be written as matrices still can."""
        return all(
            not self._by_components(new) or self._by_components(old)
            for old, new in zip(before, after, strict=True)
            if old is not new
        )

    def _by_components(self, node: Node) -> bool:
        found = self._components.get(node)
        if found is None:
            try:
                written(node)
                found = False
            except NoMatrixForm:
                found = True
            self._components[node] = found
        return found

    # --- pieces ---

    def _in_pieces(self, lines: Lines, result: Node) -> tuple[Lines, Node]:
        """Families whose rule has conditions on the step, with a rule for each case.

        A first or last case that is zero shortens the family, and the sums over it.
        """
        found: Lines = []
        for line in lines:
            line, parts = self._cases(line, lines)
            lines = [line if e.name == line.name and e.ranges else e for e in lines]
            if len(parts) == 1 and (parts[0][1] == line.ranges or self._always_single(line)):
                found.append(line)
                continue
            for index, ranges in parts:
                body = self._short(piece(line, index, ranges), ranges, lines)
                found.append(
                    Entity(line.name, index, ranges, line.shape, body=body, zero_outside=True)
                )
        spans = (*self.sizes, *self.raw.spans)
        found = [
            with_body(e, narrowed(e.body, lines, (*spans, *e.ranges)))
            for e in found
            if e.body is not None
        ]
        return found, narrowed(result, lines, spans)

    def _always_single(self, line: Entity) -> bool:
        """Whether a family has one member only because its model has one step only."""
        (r,) = line.ranges
        return any(
            (s.low, s.high) == (r.low, r.high)
            for e in self.raw.system.named(line.name)
            for s in e.ranges
        )

    def _cases(self, line: Entity, lines: Lines) -> tuple[Entity, Cases]:
        """The cases of a family, without those at its ends that are zero."""
        while True:
            parts = pieces(line)
            if len(parts) == 1:
                return line, parts
            bodies = [self._short(piece(line, *part), part[1], lines) for part in parts]
            if is_zero(bodies[0]):
                line = shortened(line, high=parts[0])
            elif is_zero(bodies[-1]):
                line = shortened(line, low=parts[-1])
            else:
                return line, parts
            lines = [line if e.name == line.name and e.ranges else e for e in lines]

    # --- names ---

    def _named(self, lines: Lines, result: Node, of: Node, by: Node) -> Derived:
        """Names of the field for what is left, and hidden pre-activations written out."""
        model = self.model
        owners = {n: key[0].removeprefix(PRE) for key, n in self.raw.names.items()}
        left = {e.name for e in lines if e.name in self.deltas}
        left = left or self.deltas & set(self.raw.names.values())
        taken = {n for n in model.names() if not n.startswith(PRE)}
        rename: dict[str, str] = {}
        for name in dict.fromkeys([*(e.name for e in lines), *self.raw.names.values()]):
            wish = (
                ("δ" if left == {name} else f"δ^{owners[name]}")
                if name in self.deltas
                else owners[name] + "̄"
            )
            rename[name] = unused(wish, taken | set(rename.values()))
        hidden = [e for e in model.all() if e.name.startswith(PRE) and e.body is not None]
        system = System(base=model)
        final: Lines = []
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
        last = _written_out(result, rename, hidden)
        renamed = {rename[n]: owner for n, owner in owners.items() if n in rename}
        return Derived(
            of, by, system, order, last, self.raw, self.simplify, owners=renamed, renamed=rename
        )


def _is_trivial(node: Node) -> bool:
    """Whether a definition is a number, a name, or the identity in some arrangement."""
    rest = split_coefficient(node)[1]
    return not rest.children or not any(
        isinstance(n, Symbol) or not isinstance(n, Identity | Contract | Reshape)
        for n in walk(rest)
    )


def _is_use(node: Node, line: Entity) -> bool:
    """Whether a node is the name that a line defines, or a member of the family it defines."""
    if not isinstance(node, Symbol) or node.name != line.name:
        return False
    return bool(line.ranges) or node.index == line.index


def _written(node: Node) -> list[Node]:
    """The names in an expression as often as they are written, up to a limit."""
    found: list[Node] = []
    pending = [node]
    count = 0
    while pending and count < 2000:
        part = pending.pop()
        count += 1
        if isinstance(part, Symbol):
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
        put = {
            w.name: at
            for w, at in zip(line.index, part.index, strict=True)
            if w.name and line.ranges
        }
        body = substitute(line.body, put)
        nothing = zero(body.shape) if body.shape else literal(0)
        for r in line.ranges:
            at, first, last = put[r.name], r.low and r.low.put(put), r.high and r.high.put(put)
            if within(at, at, first, last, spans) or _bound(node, at):
                continue
            for low, high in ((first, at), (at, last)):
                if low is not None and high is not None:
                    body = where(test("≤", low, high), body, nothing)
        table[part] = body
    return replace(node, table) if table else node


def _bound(node: Node, at: Whole) -> bool:
    """Whether an index is bound by a sum inside the expression (whose range is the user's own)."""
    return bool(at.names) and not at.names <= node.free


def _written_out(node: Node, rename: dict[str, str], hidden: Lines) -> Node:
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


def _reading_order(lines: Lines) -> tuple[Entity, ...]:
    """Definitions before their uses, as far as that is possible; pieces of a family together."""
    groups: dict[str, Lines] = {}
    for e in lines:
        groups.setdefault(
            e.name if e.ranges or _pieces(e, lines) else f"{e.name}{e.index}", []
        ).append(e)
    done: Lines = []
    pending = list(groups.values())
    while pending:
        ready = next((g for g in pending if not _waits(g, pending)), pending[0])
        done += ready
        pending.remove(ready)
    return tuple(done)


def _is_piece(line: Entity, lines: Lines, bodies: list[Node]) -> bool:
    """Whether a single member is also used by way of an open index."""
    if line.ranges or not line.index:
        return False
    alone = {e.index for e in lines if e.name == line.name and not e.ranges}
    return any(
        isinstance(n, Symbol) and n.name == line.name and n.index not in alone
        for n in walk(*bodies)
    )


def _pieces(line: Entity, lines: Lines) -> bool:
    return any(e.name == line.name and e.ranges for e in lines)


def _waits(group: Lines, pending: list[Lines]) -> bool:
    """Whether a group of lines uses another one that is still to be written."""
    others = [e for g in pending if g is not group for e in g]
    return any(
        _is_use(n, other)
        for line in group
        if line.body is not None
        for n in walk(line.body)
        for other in others
    )
