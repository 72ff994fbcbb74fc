"""Models that have the writer's values everywhere, but somewhere another derivative."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from backprove.compute.errors import EvaluationError
from backprove.compute.evaluate import Evaluator
from backprove.judge.combine import Array
from backprove.judge.rewrite import shown
from backprove.judge.world import Setting
from backprove.model.entity import Entity, IndexRange, System, member
from backprove.model.write import NoMatrixForm, written
from backprove.tensor.build import (
    ShapeError,
    add,
    apply,
    hadamard,
    ones,
    scale,
    substitute,
    sum_axes,
    symbol,
    times,
)
from backprove.tensor.functions import partials
from backprove.tensor.nodes import Along, Apply, Node
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


def diagonal(other: Other, part: Node) -> Node:
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


def unscaled(other: Other, part: Node) -> Node:
    """softmax(z) with its denominator held fixed."""
    assert isinstance(part, Along)
    top = apply("exp", part.arg)
    return hadamard(top, other.hold(hadamard(part, apply("exp", scale(-1, part.arg)))))


def with_slope(other: Other, part: Node, slope: Node) -> Node:
    """f(z) as a line through its value, of another slope."""
    assert isinstance(part, Apply)
    z = part.args[0]
    steep = other.hold(slope)
    line = hadamard(steep, z) if z.rank else times(steep, z)
    return add([(1, line), (1, other.hold(add([(1, part), (-1, product(slope, z))])))])


def product(a: Node, b: Node) -> Node:
    return hadamard(a, b) if b.rank else times(a, b)


def wrong_slopes(part: Apply, value: Node) -> Iterator[tuple[str, Node]]:
    """What people take for f'(z): nothing, the value, another function's derivative."""
    one = ones(value.shape)
    z = part.args[0]
    square = product(value, value)
    right = partials(part.function, part, part.args)[0]
    same = {right, partials(part.function, value, part.args)[0]}
    options: list[tuple[str, Node]] = [
        ("missing-factor", one),
        ("wrong-derivative", value),
        ("wrong-derivative", add([(1, one), (-1, value)])),
        ("wrong-derivative", product(value, add([(1, one), (-1, value)]))),
        ("wrong-derivative", add([(1, one), (-1, square)])),
        ("wrong-derivative", square),
        ("wrong-derivative", add([(1, one), (-1, product(z, z))])),
        ("wrong-derivative", partials(part.function, apply(part.function, value), (value,))[0]),
        ("wrong-derivative", scale(-1, right)),
        ("wrong-derivative", z),
    ]
    if part.function in ("log", "exp"):
        options = options[:1]
    return (option for option in options if option[1] not in same)


def words_of(node: Node) -> str:
    try:
        return shown(written(node))
    except NoMatrixForm:
        return "that"


def name_of(entity: Entity | None, part: Node) -> str:
    if entity is not None and entity.body is part:
        return shown(written(member(entity)))
    return words_of(part)
