"""Wrong rules applied to the truth: the derivative of a model in which something is held fixed.

Each rule makes a model that has the same values but, somewhere, another derivative: a path cut, a
softmax with its diagonal only, an activation whose derivative was forgotten. If the left side of
the claim has there the value that the writer gives, that is the mistake.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from backprove.compute.errors import EvaluationError
from backprove.compute.evaluate import Evaluator
from backprove.judge.combine import Array
from backprove.judge.correction import opened
from backprove.judge.rewrite import shown
from backprove.judge.trial import Trial
from backprove.judge.world import Setting
from backprove.model.entity import Entity, IndexRange, System, member
from backprove.model.write import NoMatrixForm, written
from backprove.tensor.build import (
    ShapeError,
    add,
    apply,
    hadamard,
    ones,
    rebuild,
    replace,
    scale,
    substitute,
    sum_axes,
    symbol,
    test,
    where,
)
from backprove.tensor.functions import RULES, partials
from backprove.tensor.nodes import Add, Along, Apply, Derivative, Node, Symbol, walk
from backprove.tensor.whole import Whole

Key = tuple[str, tuple[int, ...]]


class Held(Mapping[Key, Any]):
    """The values of declared names, and of the names that hold something fixed."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.sources: dict[str, tuple[Node, tuple[str, ...]]] = {}
        self.found: dict[Key, Any] = {}

    def get(self, key: Key, default: Any = None) -> Any:  # type: ignore[override]
        value = self.setting.declared.get(key)
        if value is not None:
            return value
        value = self.found.get(key)
        if value is None and key[0] in self.sources:
            node, names = self.sources[key[0]]
            put = dict(zip(names, key[1], strict=True))
            value = self.setting.evaluator.value(substitute(node, put) if put else node)
            self.found[key] = value
        return default if value is None else value

    def __getitem__(self, key: Key) -> Any:
        value = self.get(key)
        if value is None:
            raise KeyError(key)
        return value

    def __iter__(self) -> Iterator[Key]:
        return iter(self.setting.declared)

    def __len__(self) -> int:
        return len(self.setting.declared)


@dataclass(slots=True)
class Other:
    """A model that differs from the writer's in one definition."""

    setting: Setting
    system: System
    sizes: frozenset[str]
    held: Held = field(init=False)
    top: System = field(init=False)

    def __post_init__(self) -> None:
        self.held = Held(self.setting)
        self.top = System(base=self.system)

    def hold(self, node: Node) -> Node:
        """Something that has a node's value and does not move."""
        names = tuple(sorted(node.free - self.sizes))
        name = f"held·{len(self.held.sources)}"
        self.held.sources[name] = (node, names)
        index = tuple(Whole.of(n) for n in names)
        ranges = tuple(IndexRange(n, None, None) for n in names)
        self.top.add(Entity(name, index, ranges, node.shape))
        return symbol(name, node.shape, index)

    def define(self, entity: Entity, body: Node | None) -> None:
        """Another definition in the place of one of the model's."""
        self.top.entities.setdefault(entity.name, []).insert(
            0, Entity(entity.name, entity.index, entity.ranges, entity.shape, entity.facts, body)
        )

    def value(self, node: Node) -> Array | None:
        """The value of a node in this model; None where it has none."""
        try:
            with np.errstate(all="ignore"):
                evaluator = Evaluator(self.top, self.setting.sizes, self.held)
                # the values of all names are those of the model: only what moves is different
                evaluator.adopt(self.setting.evaluator, frozenset(self.system.entities))
                found = np.asarray(evaluator.value(node), dtype=float)
        except (EvaluationError, KeyError, ShapeError, ValueError):
            return None
        return None if np.isnan(found).any() else found


@dataclass(frozen=True, slots=True)
class Suspect:
    """A wrong rule that was applied to one place of the model: its kind, and what it gives."""

    kind: str
    sentence: str
    value: Callable[[], Array | None]


@dataclass(slots=True)
class Rules:
    """The wrong rules for the left side of a claim."""

    trial: Trial
    node: Node = field(init=False)
    setting: Setting = field(init=False)
    sizes: frozenset[str] = field(init=False)
    active: set[str] = field(init=False)
    below: list[Entity] = field(init=False)

    def __post_init__(self) -> None:
        claim = self.trial.claim
        self.setting = self.trial.derivation_setting()
        node = substitute(claim.value.node, self.trial.put) if self.trial.put else claim.value.node
        self.node = opened(node, claim.system)
        self.sizes = frozenset(self.setting.sizes)
        self.active, self.below = _between(self.trial.scope.system, self.node)

    def other(self) -> Other:
        return Other(self.setting, self.trial.scope.system, self.sizes)

    def changed(
        self, entity: Entity | None, old: Node, make: Callable[[Other, Node], Node]
    ) -> Array | None:
        """The left side where one part of a definition (or of what is differentiated) is changed."""
        other = self.other()
        new = make(other, old)
        if entity is None:
            return other.value(_in_quantity(self.node, old, new))
        assert entity.body is not None
        other.define(entity, replace(entity.body, {old: new}))
        return other.value(self.node)

    # --- the rules ---

    def all(self) -> Iterator[Suspect]:
        """Every wrong rule, the likely and cheap ones first."""
        if not any(isinstance(n, Derivative) for n in walk(self.node)):
            return
        yield from self.own_diagonal()
        yield from self.one_step()
        yield from self.diagonal()
        yield from self.held_names()
        yield from self.cut_uses()
        yield from self.kept_uses()
        yield from self.kept_users()
        yield from self.cut_members()
        yield from self.members()
        yield from self.slopes()

    def one_step(self) -> Iterator[Suspect]:
        """Only the paths inside one step; only those of the definition's own line."""
        for mode, words in (
            ("immediate", "the paths through the other steps are left out"),
            ("line", "all paths but those of its own line are left out"),
        ):
            node = _with_mode(self.node, mode)
            if node is not self.node:
                other = self.other()
                yield Suspect("missing-path", words, lambda n=node, o=other: o.value(n))

    def own_diagonal(self) -> Iterator[Suspect]:
        """The diagonal of the Jacobian itself."""
        shape = self.node.shape
        if len(shape) == 2 and shape[0] == shape[1]:
            truth = self.trial.true_values()
            if truth.ndim == 3 and truth.shape[1] == truth.shape[2]:
                yield Suspect(
                    "diagonal-only",
                    "only the diagonal of the Jacobian is there",
                    lambda: truth * np.eye(truth.shape[-1]),
                )

    def diagonal(self) -> Iterator[Suspect]:
        """A softmax differentiated as if each entry depended on its own input only."""
        for entity, body in self.bodies():
            for part in walk(body):
                if isinstance(part, Along) and part.function in ("softmax", "logsumexp"):
                    name = _name(entity, part)
                    yield Suspect(
                        "diagonal-only",
                        f"only the diagonal of the softmax's Jacobian is there: every entry of {name} "
                        "depends on all of its inputs",
                        lambda e=entity, p=part: self.changed(e, p, _diagonal),
                    )
                    if part.function == "softmax":
                        yield Suspect(
                            "missing-term",
                            f"the softmax's sum in {name} moves, too: its part is left out",
                            lambda e=entity, p=part: self.changed(e, p, _unscaled),
                        )

    def held_names(self) -> Iterator[Suspect]:
        """A defined name, or one member of a family, held fixed."""
        ends = _ends(self.node)
        for entity in self.below:
            if entity.body is None or (entity.name, entity.index) in ends:
                continue
            name = shown(written(member(entity)))
            keep = [e for e in ends if e[0] == entity.name]
            if keep and entity.ranges:
                continue
            yield Suspect(
                "missing-path",
                f"the path through {name} is left out",
                lambda e=entity: self._held(e),
            )
        for entity in self.below:
            if entity.body is None or len(entity.ranges) != 1 or len(entity.index) != 1:
                continue
            r = entity.ranges[0]
            if r.low is None or r.high is None:
                continue
            try:
                numbers = range(
                    int(r.low.value(self.setting.sizes)), int(r.high.value(self.setting.sizes)) + 1
                )
            except KeyError:
                continue
            for k in numbers[:6]:
                if (entity.name, (Whole.of(k),)) in ends:
                    continue
                yield Suspect(
                    "missing-path",
                    f"the path through {shown(written(member(entity, (Whole.of(k),))))} is left out",
                    lambda e=entity, k=k: self._held(e, k),
                )

    def _held(self, entity: Entity, at: int | None = None) -> Array | None:
        other = self.other()
        if at is None:
            other.define(entity, other.hold(member(entity)))
        else:
            one = member(entity, (Whole.of(at),))
            own = Entity(entity.name, (Whole.of(at),), (), entity.shape, entity.facts)
            other.define(own, other.hold(one))
        return other.value(self.node)

    def cut_uses(self) -> Iterator[Suspect]:
        """One use of a name in one definition held fixed: its path, or its term."""
        for entity, body in self.bodies():
            uses = [p for p in _paths(body) if _at(body, p).name in self.active]  # type: ignore[attr-defined]
            if len(uses) < 2 and entity is not None:
                continue
            for path in uses[:14]:
                use = _at(body, path)
                name = shown(written(use))
                top = entity is None or self._is_top(entity)
                term = top and (self._is_by(use) or isinstance(body, Add))
                owner = "" if entity is None else f" into {shown(written(member(entity)))}"
                yield Suspect(
                    "missing-term" if term else "missing-path",
                    f"the {'term' if term else 'path'} that comes from {name}{owner} is left out",
                    lambda e=entity, b=body, p=path: self._cut(e, b, p),
                )

    def kept_uses(self) -> Iterator[Suspect]:
        """All uses of moving names in one definition but one held fixed."""
        for entity, body in self.bodies():
            uses = [p for p in _paths(body) if _at(body, p).name in self.active]  # type: ignore[attr-defined]
            if not 2 < len(uses) <= 8:
                continue
            for path in uses:
                name = shown(written(_at(body, path)))
                owner = "the result" if entity is None else shown(written(member(entity)))
                rest = [p for p in uses if p != path]
                yield Suspect(
                    "missing-path",
                    f"only the path through {name} into {owner} is there, all others are left out",
                    lambda e=entity, b=body, r=rest: self._cut_all(e, b, r),
                )

    def _cut_all(
        self, entity: Entity | None, body: Node, paths: list[tuple[int, ...]]
    ) -> Array | None:
        other = self.other()
        new = replace(body, {_at(body, p): other.hold(_at(body, p)) for p in paths})
        if entity is None:
            return other.value(_in_quantity(self.node, body, new))
        other.define(entity, new)
        return other.value(self.node)

    def kept_users(self) -> Iterator[Suspect]:
        """All but one of the names that use the variable directly held fixed."""
        for n in walk(self.node):
            if not isinstance(n, Derivative) or not isinstance(n.by, Symbol):
                continue
            users = [
                e
                for e in self.below
                if e.body is not None
                and any(isinstance(s, Symbol) and s.name == n.by.name for s in walk(e.body))
            ]
            if not 2 < len(users) <= 6:
                continue
            for kept in users:
                name = shown(written(member(kept)))
                yield Suspect(
                    "missing-path",
                    f"only the path through {name} is there, all others are left out",
                    lambda rest=[u for u in users if u is not kept]: self._all_held(rest),
                )

    def _all_held(self, entities: list[Entity]) -> Array | None:
        other = self.other()
        for entity in entities:
            other.define(entity, other.hold(member(entity)))
        return other.value(self.node)

    def cut_members(self) -> Iterator[Suspect]:
        """The direct use of a family's member in one member of another family left out."""
        for n in walk(self.node):
            if (
                not isinstance(n, Derivative)
                or not isinstance(n.by, Symbol)
                or len(n.by.index) != 1
            ):
                continue
            at = n.by.index[0]
            for entity in self.below:
                if entity.body is None or len(entity.ranges) != 1 or len(entity.index) != 1:
                    continue
                uses = {
                    s for s in walk(entity.body) if isinstance(s, Symbol) and s.name == n.by.name
                }
                if not uses:
                    continue
                for k in self._numbers(entity):
                    yield Suspect(
                        "missing-path",
                        f"the path from {shown(written(n.by))} into "
                        f"{shown(written(member(entity, (Whole.of(k),))))} is left out",
                        lambda e=entity, k=k, u=uses, a=at: self._cut_member(e, k, u, a),
                    )

    def _numbers(self, entity: Entity) -> range:
        r = entity.ranges[0]
        if r.low is None or r.high is None:
            return range(0)
        try:
            low, high = r.low.value(self.setting.sizes), r.high.value(self.setting.sizes)
        except KeyError:
            return range(0)
        return range(int(low), min(int(high), int(low) + 5) + 1)

    def _cut_member(self, entity: Entity, k: int, uses: set[Symbol], at: Whole) -> Array | None:
        other = self.other()
        assert entity.body is not None
        table: dict[Node, Node] = {
            s: where(test("=", s.index[0], at), other.hold(s), s) for s in uses
        }
        body = substitute(replace(entity.body, table), {entity.ranges[0].name: k})
        own = Entity(entity.name, (Whole.of(k),), (), entity.shape, entity.facts)
        other.define(own, body)
        return other.value(self.node)

    def _is_top(self, entity: Entity) -> bool:
        return any(
            isinstance(n, Derivative) and isinstance(n.of, Symbol) and n.of.name == entity.name
            for n in walk(self.node)
        )

    def _is_by(self, use: Node) -> bool:
        return any(
            isinstance(n, Derivative)
            and isinstance(n.by, Symbol)
            and isinstance(use, Symbol)
            and n.by.name == use.name
            for n in walk(self.node)
        )

    def _cut(self, entity: Entity | None, body: Node, path: tuple[int, ...]) -> Array | None:
        other = self.other()
        new = _put(body, path, other.hold(_at(body, path)))
        if entity is None:
            return other.value(_in_quantity(self.node, body, new))
        other.define(entity, new)
        return other.value(self.node)

    def members(self) -> Iterator[Suspect]:
        """All but some members of a family, or entries of a vector, left out."""
        for n in walk(self.node):
            if not isinstance(n, Derivative) or n.mode != "total" or not isinstance(n.by, Symbol):
                continue
            for entity in self.below:
                if entity.body is not None and not entity.ranges and len(entity.shape) == 1:
                    yield from self._entries(n, entity)

    def _entries(self, node: Derivative, entity: Entity) -> Iterator[Suspect]:
        """The path through some entries of a vector only."""
        size = int(entity.shape[0].value(self.setting.sizes))
        if not 2 <= size <= 6:
            return
        name = shown(written(member(entity)))
        for mask in range(1, 2**size - 1):
            kept = [bool(mask >> i & 1) for i in range(size)]
            gone = ", ".join(f"{name}[{i + 1}]" for i, k in enumerate(kept) if not k)
            yield Suspect(
                "missing-term",
                f"the part through {gone} is left out",
                lambda e=entity, k=kept: self._masked(e, k),
            )

    def _masked(self, entity: Entity, kept: list[bool]) -> Array | None:
        other = self.other()
        assert entity.body is not None
        mask = symbol("mask·", entity.shape)
        other.top.add(Entity("mask·", (), (), entity.shape))
        points = self.setting.points
        row = np.array(kept, dtype=float)
        other.held.found["mask·", ()] = np.broadcast_to(row, (points, len(kept))).copy()
        rest = add([(1, ones(entity.shape)), (-1, mask)])
        whole = add(
            [(1, hadamard(mask, entity.body)), (1, hadamard(rest, other.hold(member(entity))))]
        )
        other.define(entity, whole)
        return other.value(self.node)

    def slopes(self) -> Iterator[Suspect]:
        """An activation whose derivative was forgotten, or taken from another function."""
        for entity, body in self.bodies():
            for part in walk(body):
                if not isinstance(part, Apply) or len(part.args) != 1 or part.function not in RULES:
                    continue
                if not any(isinstance(n, Symbol) and n.name in self.active for n in walk(part)):
                    continue
                name = _name(entity, part)
                value = member(entity) if entity is not None and entity.body is part else part
                for kind, slope in _wrong_slopes(part, value):
                    if kind == "missing-factor":
                        words = f"the derivative of {part.function} at {name} is forgotten"
                    else:
                        right = _words(partials(part.function, value, part.args)[0])
                        words = (
                            f"the derivative of {part.function} at {name} is {right}, "
                            f"not {_words(slope)}"
                        )
                    yield Suspect(
                        kind,
                        words,
                        lambda e=entity, p=part, s=slope: self.changed(
                            e, p, lambda o, old: _with_slope(o, old, s)
                        ),
                    )

    # --- where rules apply ---

    def bodies(self) -> Iterator[tuple[Entity | None, Node]]:
        """The definitions that count, and what is differentiated itself where it is no name."""
        for n in walk(self.node):
            if isinstance(n, Derivative) and not isinstance(n.of, Symbol | Derivative):
                yield None, n.of
        for entity in self.below:
            if entity.body is not None:
                yield entity, entity.body


# --- models that differ -----------------------------------------------------------------------------


def _diagonal(other: Other, part: Node) -> Node:
    """softmax(z) as σ(z + c): its value, and the diagonal of its Jacobian; logsumexp to match."""
    assert isinstance(part, Along)
    z = part.arg
    p = part if part.function == "softmax" else Along.intern(z.shape, z.free, (z,), "softmax", z)
    logit = add(
        [(1, apply("log", p)), (-1, apply("log", add([(1, ones(p.shape)), (-1, p)]))), (-1, z)]
    )
    shifted = add([(1, z), (1, other.hold(logit))])
    if part.function == "softmax":
        return apply("sigmoid", shifted)
    soft = sum_axes(apply("softplus", shifted), [z.rank - 1])
    own = sum_axes(apply("softplus", add([(1, logit), (1, z)])), [z.rank - 1])
    return add([(1, soft), (1, other.hold(add([(1, part), (-1, own)])))])


def _unscaled(other: Other, part: Node) -> Node:
    """softmax(z) with its denominator held fixed."""
    assert isinstance(part, Along)
    top = apply("exp", part.arg)
    return hadamard(top, other.hold(hadamard(part, apply("exp", scale(-1, part.arg)))))


def _with_slope(other: Other, part: Node, slope: Node) -> Node:
    """f(z) as a line through its value, of another slope."""
    assert isinstance(part, Apply)
    z = part.args[0]
    steep = other.hold(slope)
    line = hadamard(steep, z) if z.rank else _times(steep, z)
    return add([(1, line), (1, other.hold(add([(1, part), (-1, _product(slope, z))])))])


def _product(a: Node, b: Node) -> Node:
    return hadamard(a, b) if b.rank else _times(a, b)


def _times(a: Node, b: Node) -> Node:
    from backprove.tensor.build import times

    return times(a, b)


def _wrong_slopes(part: Apply, value: Node) -> Iterator[tuple[str, Node]]:
    """What people take for f'(z): nothing, the value, another function's derivative."""
    one = ones(value.shape)
    z = part.args[0]
    square = _product(value, value)
    right = partials(part.function, part, part.args)[0]
    same = {right, partials(part.function, value, part.args)[0]}
    options: list[tuple[str, Node]] = [
        ("missing-factor", one),
        ("wrong-derivative", value),
        ("wrong-derivative", add([(1, one), (-1, value)])),
        ("wrong-derivative", _product(value, add([(1, one), (-1, value)]))),
        ("wrong-derivative", add([(1, one), (-1, square)])),
        ("wrong-derivative", square),
        ("wrong-derivative", add([(1, one), (-1, _product(z, z))])),
        ("wrong-derivative", partials(part.function, apply(part.function, value), (value,))[0]),
        ("wrong-derivative", scale(-1, right)),
        ("wrong-derivative", z),
    ]
    if part.function in ("log", "exp"):
        options = options[:1]
    return (option for option in options if option[1] not in same)


def _words(node: Node) -> str:
    try:
        return shown(written(node))
    except NoMatrixForm:
        return "that"


def _name(entity: Entity | None, part: Node) -> str:
    if entity is not None and entity.body is part:
        return shown(written(member(entity)))
    return _words(part)


# --- nodes ------------------------------------------------------------------------------------------


def _with_mode(node: Node, mode: str) -> Node:
    table = {
        n: Derivative.intern(n.shape, n.free, n.children, n.of, n.by, mode)
        for n in walk(node)
        if isinstance(n, Derivative) and n.mode == "total" and not isinstance(n.of, Derivative)
    }
    return replace(node, table) if table else node


def _in_quantity(node: Node, old: Node, new: Node) -> Node:
    """A derivative of something changed, by what it was taken by."""
    table: dict[Node, Node] = {}
    for n in walk(node):
        if isinstance(n, Derivative) and not isinstance(n.of, Derivative):
            of = replace(n.of, {old: new})
            if of is not n.of:
                table[n] = Derivative.intern(n.shape, n.free, (of, n.by), of, n.by, n.mode)
    return replace(node, table)


def _ends(node: Node) -> set[tuple[str, tuple[Whole, ...]]]:
    """The names that are differentiated, and by which."""
    found: set[tuple[str, tuple[Whole, ...]]] = set()
    for n in walk(node):
        if isinstance(n, Derivative):
            found |= {(s.name, s.index) for s in (n.of, n.by) if isinstance(s, Symbol)}
    return found


def _between(system: System, node: Node) -> tuple[set[str], list[Entity]]:
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


def _paths(node: Node) -> list[tuple[int, ...]]:
    """Where names stand in an expression, each occurrence by itself."""
    found: list[tuple[int, ...]] = []
    pending: list[tuple[Node, tuple[int, ...]]] = [(node, ())]
    while pending and len(found) < 60:
        part, path = pending.pop()
        if isinstance(part, Symbol):
            found.append(path)
        pending += [(c, (*path, n)) for n, c in reversed(list(enumerate(part.children)))]
    return found


def _at(node: Node, path: tuple[int, ...]) -> Node:
    for n in path:
        node = node.children[n]
    return node


def _put(node: Node, path: tuple[int, ...], new: Node) -> Node:
    if not path:
        return new
    children = list(node.children)
    children[path[0]] = _put(children[path[0]], path[1:], new)
    return rebuild(node, children)
