"""Wrong rules applied to the truth: the derivative of a model in which something is held fixed.

Each rule makes a model that has the same values but, somewhere, another derivative: a path cut, a
softmax with its diagonal only, an activation whose derivative was forgotten. If the left side of
the claim has there the value that the writer gives, that is the mistake.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from backprove.judge.combine import Array
from backprove.judge.other_models import (
    Other,
    diagonal,
    name_of,
    unscaled,
    with_slope,
    words_of,
    wrong_slopes,
)
from backprove.judge.rewrite import shown
from backprove.judge.routes import at, between, ends, in_quantity, paths, put, with_mode
from backprove.judge.trial import Trial
from backprove.judge.truth import opened
from backprove.judge.world import Setting
from backprove.model.entity import Entity, member
from backprove.model.write import written
from backprove.tensor.build import (
    add,
    hadamard,
    ones,
    replace,
    substitute,
    symbol,
    test,
    where,
)
from backprove.tensor.functions import RULES, partials
from backprove.tensor.nodes import Add, Along, Apply, Derivative, Node, Symbol, walk
from backprove.tensor.whole import Whole

Key = tuple[str, tuple[int, ...]]


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
        self.active, self.below = between(self.trial.scope.system, self.node)

    def other(self) -> Other:
        return Other(self.setting, self.trial.scope.system, self.sizes)

    def changed(
        self, entity: Entity | None, old: Node, make: Callable[[Other, Node], Node]
    ) -> Array | None:
        """The left side where one part of a definition (or of what is differentiated) is changed."""
        other = self.other()
        new = make(other, old)
        if entity is None:
            return other.value(in_quantity(self.node, old, new))
        assert entity.body is not None
        other.define(entity, replace(entity.body, {old: new}))
        return other.value(self.node)

    # --- the rules ---

    def likely(self) -> Iterator[Suspect]:
        """The wrong rules that people follow most."""
        if not any(isinstance(n, Derivative) for n in walk(self.node)):
            return
        yield from self.own_diagonal()
        yield from self.one_step()
        yield from self.diagonal()
        yield from self.held_names()
        yield from self.cut_uses()

    def rare(self) -> Iterator[Suspect]:
        """Those that are followed less, or are many."""
        if not any(isinstance(n, Derivative) for n in walk(self.node)):
            return
        yield from self.held_members()
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
            node = with_mode(self.node, mode)
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
                    name = name_of(entity, part)
                    yield Suspect(
                        "diagonal-only",
                        f"only the diagonal of the softmax's Jacobian is there: every entry of {name} "
                        "depends on all of its inputs",
                        lambda e=entity, p=part: self.changed(e, p, diagonal),
                    )
                    if part.function == "softmax":
                        yield Suspect(
                            "missing-term",
                            f"the softmax's sum in {name} moves, too: its part is left out",
                            lambda e=entity, p=part: self.changed(e, p, unscaled),
                        )

    def held_names(self) -> Iterator[Suspect]:
        """A defined name, or one member of a family, held fixed."""
        fixed = ends(self.node)
        for entity in self.below:
            if entity.body is None or (entity.name, entity.index) in fixed:
                continue
            name = shown(written(member(entity)))
            keep = [e for e in fixed if e[0] == entity.name]
            if keep and entity.ranges:
                continue
            yield Suspect(
                "missing-path",
                f"the path through {name} is left out",
                lambda e=entity: self._held(e),
            )

    def held_members(self) -> Iterator[Suspect]:
        """One member of a family held fixed."""
        fixed = ends(self.node)
        for entity in self.below:
            if entity.body is None or len(entity.ranges) != 1 or len(entity.index) != 1:
                continue
            for k in self._numbers(entity):
                if (entity.name, (Whole.of(k),)) in fixed:
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
            uses = [p for p in paths(body) if at(body, p).name in self.active]  # type: ignore[attr-defined]
            if len(uses) < 2 and entity is not None:
                continue
            for path in uses[:14]:
                use = at(body, path)
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
            uses = [p for p in paths(body) if at(body, p).name in self.active]  # type: ignore[attr-defined]
            if not 2 < len(uses) <= 8:
                continue
            for path in uses:
                name = shown(written(at(body, path)))
                owner = "the result" if entity is None else shown(written(member(entity)))
                rest = [p for p in uses if p != path]
                yield Suspect(
                    "missing-path",
                    f"only the path through {name} into {owner} is there, all others are left out",
                    lambda e=entity, b=body, r=rest: self._cut_all(e, b, r),
                )

    def _cut_all(
        self, entity: Entity | None, body: Node, fixed: list[tuple[int, ...]]
    ) -> Array | None:
        other = self.other()
        new = replace(body, {at(body, p): other.hold(at(body, p)) for p in fixed})
        if entity is None:
            return other.value(in_quantity(self.node, body, new))
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
                    s
                    for s in walk(entity.body)
                    if isinstance(s, Symbol) and s.name == n.by.name and len(s.index) == 1
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
        new = put(body, path, other.hold(at(body, path)))
        if entity is None:
            return other.value(in_quantity(self.node, body, new))
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
                name = name_of(entity, part)
                value = member(entity) if entity is not None and entity.body is part else part
                for kind, slope in wrong_slopes(part, value):
                    if kind == "missing-factor":
                        words = f"the derivative of {part.function} at {name} is forgotten"
                    else:
                        right = words_of(partials(part.function, value, part.args)[0])
                        words = (
                            f"the derivative of {part.function} at {name} is {right}, "
                            f"not {words_of(slope)}"
                        )
                    yield Suspect(
                        kind,
                        words,
                        lambda e=entity, p=part, s=slope: self.changed(
                            e, p, lambda o, old: with_slope(o, old, s)
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
