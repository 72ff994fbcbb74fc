"""The computational graph of a model: a node for each definition, whole families as one.

`h_t = tanh(U x_t + W h_{t-1})` gives the node h_t, with edges from U, W, x_t and from h_{t−1}, a
node that stands for an earlier member; from h_t a step leads back to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from backprove.diagram.unrolled import unrolled
from backprove.model.entity import Entity, System, member
from backprove.model.text import logical_lines
from backprove.model.write import NoMatrixForm, written
from backprove.model.write_syntax import written_index
from backprove.notation import read_line
from backprove.notation.syntax import Relation, Space
from backprove.notation.unicode import to_unicode
from backprove.tensor.nodes import Fold, Symbol, walk
from backprove.tensor.nodes import Node as Body
from backprove.tensor.whole import Shape, Whole

Kind = Literal["data", "parameter", "definition", "result", "earlier"]
#: what only data have; x and y are usually data
DATA_FACTS = frozenset({"one-hot", "simplex", "one-hot rows", "simplex rows"})
DATA_NAMES = frozenset({"x", "y", "t", "X", "Y", "D"})


@dataclass(frozen=True, slots=True)
class Node:
    """A box: what stands in it, and what it is.

    An `earlier` node stands for a member of a family at another step.
    """

    key: str
    kind: Kind
    title: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Edge:
    """From what is used to what uses it. `back` is a step to the next member of a family."""

    source: str
    target: str
    label: str = ""
    back: bool = False


@dataclass(frozen=True, slots=True)
class Graph:
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


def graph(text: str, system: System, members: bool = False) -> Graph:
    """The graph of a model, given as its text and what was read from it.

    With `members` every member of a family is a node: the network unrolled. That raises
    `BackproveError` where a range has no number, or there are too many members to draw.
    """
    sides = dict(_right_sides(text, system))
    if not members:
        return _Builder(sides, system, system).build()
    return _Builder({}, unrolled(system), system).build()


@dataclass(slots=True)
class _Builder:
    #: the right sides as they were written, by line
    sides: dict[int, str]
    system: System
    #: the system with its families, which tell what is data
    families: System
    nodes: dict[str, Node] = field(default_factory=dict[str, Node])
    edges: dict[tuple[str, str], Edge] = field(default_factory=dict[tuple[str, str], Edge])

    def build(self) -> Graph:
        for entity in self.system.all():
            if entity.name in self.system.fixed():
                continue  # `T = 3` is a size
            title = f"{_shown(member(entity))} ∈ {_space(entity.shape)}"
            kind: Kind = self._declared(entity) if entity.body is None else "definition"
            if entity.body is not None and not _names(entity.body):
                kind = "data"
            self._put(Node(_key(entity), kind, title, self._detail(entity)))
        for entity in self.system.all():
            for part in _names(entity.body) if entity.body is not None else ():
                self._use(part, entity)
        used = {edge.source for edge in self.edges.values()}
        for key, node in self.nodes.items():
            if node.kind == "definition" and key not in used:
                self.nodes[key] = replace(node, kind="result")
        self._merge()
        return Graph(tuple(self.nodes.values()), tuple(self.edges.values()))

    def _detail(self, entity: Entity) -> str:
        """The right side of a definition."""
        if entity.body is None or entity.line in self.sides:
            return self.sides.get(entity.line, "")
        try:
            return to_unicode(written(entity.body))
        except NoMatrixForm:
            return ""

    def _put(self, node: Node) -> None:
        self.nodes.setdefault(node.key, node)

    def _declared(self, entity: Entity) -> Kind:
        """Families of vectors and what has the facts or names of data; the rest are parameters."""
        kin = [e for e in self.families.named(entity.name) if len(e.index) == len(entity.index)]
        family = any(e.ranges for e in kin) and len(entity.shape) < 2
        data = family or entity.facts & DATA_FACTS or entity.name in DATA_NAMES
        return "data" if data else "parameter"

    # --- edges ---

    def _use(self, used: Symbol, user: Entity) -> None:
        """The edges for one name in a definition."""
        kin = [e for e in self.system.named(used.name) if len(e.index) == len(used.index)]
        if not kin:
            return
        own = {r.name: r.low for r in user.ranges}
        lows = {**own, **_sums(user)}
        rule = max(kin, key=lambda e: (len(e.ranges), e.body is not None))
        if rule.body is not None and _is_earlier(used.index, rule.index, set(own)):
            self._earlier(used, rule, user, kin)
            return
        last = [e for e in kin if any(r.high in used.index for r in e.ranges)]
        for entity in last or kin:
            if _covers(entity, used.index, lows):
                self._edge(_key(entity), _key(user), _member_label(entity, used.index))

    def _earlier(self, used: Symbol, rule: Entity, user: Entity, kin: list[Entity]) -> None:
        """A member at another step: a node of its own, fed by the rule and by the first members."""
        key = f"earlier {_shown(used)}"
        self._put(Node(key, "earlier", _shown(used)))
        self._edge(key, _key(user))
        for entity in kin:
            back = entity is rule
            self.edges.setdefault((_key(entity), key), Edge(_key(entity), key, "", back))

    def _edge(self, source: str, target: str, label: str = "") -> None:
        known = self.edges.get((source, target))
        if known is None or (known.label and not label):
            self.edges[source, target] = Edge(source, target, label)

    # --- parameters that go to one place stand in one box ---

    def _merge(self) -> None:
        groups: dict[frozenset[str], list[Node]] = {}
        for node in self.nodes.values():
            if node.kind == "parameter":
                users = frozenset(e.target for e in self.edges.values() if e.source == node.key)
                groups.setdefault(users, []).append(node)
        for users, group in groups.items():
            if len(group) < 2 or not users:
                continue
            first, *others = group
            titles = "\n".join(node.title for node in group)
            self.nodes[first.key] = replace(first, title=titles)
            for node in others:
                del self.nodes[node.key]
                for user in users:
                    del self.edges[node.key, user]


def _names(body: Body) -> list[Symbol]:
    return [part for part in walk(body) if isinstance(part, Symbol)]


def _right_sides(text: str, system: System) -> Iterator[tuple[int, str]]:
    """The right side of every definition as it was written, by line."""
    for number, line in logical_lines(text):
        for statement in read_line(line, system.names()):
            if isinstance(statement, Relation) and not isinstance(statement.sides[1], Space):
                yield number, to_unicode(statement.sides[1])


def _key(entity: Entity) -> str:
    steps = ",".join(f"{r.name}={r.low}..{r.high}" for r in entity.ranges)
    return f"{entity.name}[{','.join(map(str, entity.index))}]{steps}"


def _shown(symbol: Symbol) -> str:
    return to_unicode(written(symbol))


def _space(shape: Shape) -> str:
    sizes = [to_unicode(written_index(size)) for size in shape]
    power = "×".join(f"({s})" if " " in s and len(sizes) > 1 else s for s in sizes)
    return ("ℝ^" + (power if len(power) == 1 else f"{{{power}}}")) if shape else "ℝ"


def _is_earlier(used: tuple[Whole, ...], rule: tuple[Whole, ...], own: set[str]) -> bool:
    """Whether an index is a step away from the user's: `t − 1` or `t − i`, not `t` or another letter."""
    return any(
        place != pattern and place.name is None and place.names & own
        for place, pattern in zip(used, rule, strict=True)
    )


def _covers(entity: Entity, used: tuple[Whole, ...], lows: Mapping[str, Whole | None]) -> bool:
    """Whether an entity may give the member at an index, whose letters begin at `lows`."""
    letters = {r.name for r in entity.ranges}

    def may_be(place: Whole, pattern: Whole) -> bool:
        if pattern.name in letters or place == pattern:
            return True
        low = lows.get(place.name or "")
        return low is not None and ((pattern - low).constant or 0) >= 0

    return all(map(may_be, used, entity.index))


def _sums(user: Entity) -> dict[str, Whole | None]:
    """Where the letters of the sums in a definition begin."""
    parts = walk(user.body) if user.body is not None else ()
    return {part.index: part.low for part in parts if isinstance(part, Fold)}


def _member_label(entity: Entity, used: tuple[Whole, ...]) -> str:
    """`t = T` where one member of a family is used; nothing where it is the user's own."""
    letters = {r.name: r for r in entity.ranges}
    told: list[str] = []
    for place, pattern in zip(used, entity.index, strict=True):
        r = letters.get(pattern.name or "")
        if r is not None and place != pattern and (place.constant is not None or place == r.high):
            told.append(f"{pattern.name} = {place}")
    return ", ".join(told)
