"""Random points: sizes for the symbols, and values for the declared names that respect their facts.

Values that nothing ties together are whole multiples of 1/64, so that they can be printed in
full and are exact in ball arithmetic.
"""

# NumPy's types say nothing about arrays of objects, and arrays here are of either kind.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownLambdaType=false

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from backprove.compute.errors import enough
from backprove.errors import BackproveError
from backprove.model.entity import Entity, System
from backprove.tensor.nodes import (
    Add,
    Apply,
    Build,
    Count,
    Fold,
    Literal,
    Node,
    Ones,
    Scatter,
    Select,
    Symbol,
    Test,
    walk,
)
from backprove.tensor.whole import Whole

Values = dict[tuple[str, tuple[int, ...]], np.ndarray[Any, np.dtype[np.float64]]]

GRID = 64
#: so many entries are kept apart, by steps so fine that they do not leave their place on the grid
MOST_APART = 2**11
APART = GRID * 4 * MOST_APART
#: numbers drawn for one array, all points together (as many as 320 MB hold)
MOST_ENTRIES = 40_000_000
# Different sizes for different letters, so that what fits only at equal sizes shows: no two letters,
# a size or a bound, have the same number in the first two choices both.
ORDERS = ((3, 2, 4, 5, 2, 4, 2, 5), (2, 4, 3, 5, 3, 2, 5, 2), (4, 3, 5, 2, 4, 3, 3, 4))
# What bounds a range (T, N) is long enough for looking back.
BOUNDS = ((3, 5, 4, 3), (4, 3, 5, 5), (3, 4, 3, 5))
UNIT_INTERVAL = frozenset({"in (0,1)", "(0,1)", "unit-interval"})
WHOLE = frozenset({"whole", "natural", "in N"})
#: what changes its course at a number
KINKED = frozenset(
    {"relu", "abs", "sign", "step", "max", "min", "equal", "greater", "greater-equal"}
)


# --- sizes ------------------------------------------------------------------------------------


def sizes_for(
    system: System, choice: int, scalar_names: frozenset[str] = frozenset()
) -> dict[str, int]:
    """A number for every size in the system; `system.sizes` stay as they are.

    Different `choice` (0, 1, 2, …) give different numbers. Sizes in `scalar_names` are 1. Every
    axis of every shape has at least length 1, and every range at least one index.
    """
    entities = list(system.all())
    fixed = _fixed(system)
    names: dict[str, None] = {}
    bounds: set[str] = set()
    for entity in entities:
        indices = {r.name for r in entity.ranges}
        for r in entity.ranges:
            for whole in (r.low, r.high):
                if whole is not None:
                    bounds |= whole.names - indices
                    names.update(dict.fromkeys(sorted(whole.names - indices)))
        for whole in (*entity.shape, *entity.index):
            names.update(dict.fromkeys(sorted(whole.names - indices)))
        if entity.body is not None:
            in_body, in_bounds = _sizes_of_body(entity.body, indices)
            names.update(dict.fromkeys(sorted(in_body)))
            bounds |= in_bounds
    sizes: dict[str, int] = {}
    order, long = ORDERS[choice % len(ORDERS)], BOUNDS[choice % len(BOUNDS)]
    given = bounding = 0
    for name in names:
        if name in fixed:
            sizes[name] = fixed[name]
        elif name in scalar_names:
            sizes[name] = 1
        elif name in bounds:
            sizes[name] = long[bounding % len(long)]
            bounding += 1
        else:
            sizes[name] = order[given % len(order)]
            given += 1
    sizes = {**fixed, **sizes}
    return _grown(entities, sizes, fixed.keys() | scalar_names)


def _fixed(system: System) -> dict[str, int]:
    """The sizes that the system, or one that it stands on, gives a number."""
    below = _fixed(system.base) if system.base else {}
    return {**below, **system.sizes}


def _sizes_of_body(body: Node, indices: set[str]) -> tuple[set[str], set[str]]:
    """The sizes that a definition uses, and those among them that bound a sum."""
    bound, names, bounds = set(indices), set[str](), set[str]()
    for node in walk(body):
        match node:
            case Fold():
                bound.add(node.index)
                bounds |= node.low.names | node.high.names
            case Build():
                bound.update(node.indices)
            case Count():
                names |= node.whole.names
            case Test():
                names |= node.left.names | node.right.names
            case Select() | Scatter():
                names |= frozenset().union(*(w.names for w in node.at if w is not None))
            case Symbol():
                names |= frozenset().union(*(w.names for w in node.index))
            case _:
                pass
        for size in node.shape:
            names |= size.names
    in_shapes = {name for node in walk(body) for size in node.shape for name in size.names}
    return (names | bounds) - bound, bounds - bound - in_shapes


def _grown(entities: list[Entity], sizes: dict[str, int], kept: Any) -> dict[str, int]:
    """Sizes made larger until no axis and no range is empty (`T - 2` needs T at least 3)."""
    wholes: list[tuple[Whole, int]] = []
    for entity in entities:
        indices = {r.name for r in entity.ranges}
        wholes += [(w, 1) for w in entity.shape if w.names.isdisjoint(indices)]
        for r in entity.ranges:
            if r.low is not None and r.high is not None:
                length = r.high - r.low
                if length.names.isdisjoint(indices):
                    wholes.append((length, 0))
    for _ in range(64):
        small = [w for w, least in wholes if w.value(sizes) < least]
        grow = {
            name
            for whole in small
            for name in whole.names
            if name not in kept and (whole.coefficient(name) or 1) > 0
        }
        if not grow:
            break
        sizes = {name: size + (name in grow) for name, size in sizes.items()}
    return sizes


# --- values -----------------------------------------------------------------------------------


def sample(
    system: System, sizes: Mapping[str, int], points: int, seed: int, apart: bool = False
) -> Values:
    """Values [points, *shape] for every declared member, which respect its facts.

    The same seed gives the same values. Without facts, entries are between 0.1 and about 2 in
    size: away from kinks and from differences that rounding would hide. Where a definition changes
    its course at a larger number (`min(6, x)`), every other point reaches as far. With `apart` no
    two entries are equal and none is a whole number, since at a tie nothing is judged. Raises
    BackproveError where an array is too large to be given values.
    """
    random = np.random.default_rng(seed)
    reach = _reach(system)
    far = np.where(np.arange(points) % 2, 1 + reach if reach > 1 else 1, 1)
    found: Values = {}
    drawn = 0
    for entity in system.all():
        if entity.body is None:
            for at in members(entity, sizes):
                shape = tuple(int(s.value(sizes)) for s in entity.shape)
                if points * math.prod(shape) > MOST_ENTRIES:
                    raise BackproveError(_too_large(entity, shape))
                values = draw(random, (points, *shape), entity.facts)
                if not entity.facts and apart:
                    places = drawn + np.arange(math.prod(shape)).reshape(shape)
                    values = values + (1 + places % MOST_APART) / APART
                    drawn += math.prod(shape)
                if not entity.facts:
                    values = values * far.reshape(points, *(1 for _ in shape))
                found[entity.name, at] = values
    return found


def _too_large(entity: Entity, shape: tuple[int, ...]) -> str:
    sizes = " × ".join(map(str, shape))
    return (
        f"{entity.name} is {sizes}: too many entries to try numbers on. With letters in the place of "
        "its sizes, small ones are tried, and what is found holds for every size"
    )


def _reach(system: System) -> int:
    """The largest number at which a definition changes its course, rounded up."""
    bodies = [entity.body for entity in system.all() if entity.body is not None]
    kinks = [n for b in bodies for n in walk(b) if isinstance(n, Apply) and n.function in KINKED]
    numbers = {abs(number) for kink in kinks for part in walk(kink) for number in _numbers(part)}
    return math.ceil(max(numbers, default=0))


def _numbers(node: Node) -> list[Fraction]:
    """The numbers that a node is or adds."""
    match node:
        case Literal():
            return [node.value]
        case Add():
            return [
                factor * number
                for factor, term in node.terms
                for number in ([Fraction(1)] if isinstance(term, Ones) else _numbers(term))
            ]
        case _:
            return []


def members(entity: Entity, sizes: Mapping[str, int]) -> Iterator[tuple[int, ...]]:
    """The indices of an entity's members; of a family without bounds, none."""
    if not entity.ranges:
        yield tuple(int(w.value(sizes)) for w in entity.index)
        return
    if any(r.low is None or r.high is None for r in entity.ranges):
        return
    yield from dict.fromkeys(_members(entity, dict(sizes), 0))


def _members(entity: Entity, known: dict[str, int], depth: int) -> Iterator[tuple[int, ...]]:
    if depth == len(entity.ranges):
        yield tuple(int(w.value(known)) for w in entity.index)
        return
    r = entity.ranges[depth]
    assert r.low is not None
    assert r.high is not None
    first, last = int(r.low.value(known)), int(r.high.value(known))
    enough(last - first + 1)
    for number in range(first, last + 1):
        yield from _members(entity, {**known, r.name: number}, depth + 1)


def draw(random: np.random.Generator, shape: tuple[int, ...], facts: frozenset[str]) -> Any:
    """Values of this shape (points first) with these facts."""
    if facts & {"one-hot", "one-hot rows"}:
        size = shape[-1]
        return np.eye(size)[random.integers(0, size, shape[:-1])]
    if facts & {"simplex", "simplex rows"}:
        return _simplex(random, shape)
    if "positive-definite" in facts:
        a = _grid(random.standard_normal(shape))
        size = shape[-1]
        definite = a @ np.swapaxes(a, -1, -2) / size + np.eye(size)
        return (definite + np.swapaxes(definite, -1, -2)) / 2
    values = _scalars(random, shape, facts)
    if "symmetric" in facts:
        upper = np.triu(values)
        values = upper + np.swapaxes(np.triu(values, 1), -1, -2)
    if "invertible" in facts:
        # a diagonal that outweighs the rest of its row
        size = shape[-1]
        weight = np.abs(values).sum(axis=-1) + 0.5
        sign = np.where(np.diagonal(values, 0, -2, -1) < 0, -1.0, 1.0)
        values = values + np.eye(size) * (sign * weight)[..., None]
    return values


def _simplex(random: np.random.Generator, shape: tuple[int, ...]) -> Any:
    """Positive entries that sum to exactly 1 along the last axis, also in ball arithmetic.

    They are whole multiples of a power of 1/2: a share of at least one for each, the rest divided
    at random, and what rounding down leaves over given to the largest.
    """
    size = shape[-1]
    total = 256 * 2 ** (size - 1).bit_length()
    weights = random.gamma(2.0, 1.0, shape) + 0.1
    parts = 1 + np.floor(weights / weights.sum(axis=-1, keepdims=True) * (total - size))
    largest = np.eye(size)[parts.argmax(axis=-1)]
    parts = parts + largest * (total - parts.sum(axis=-1, keepdims=True))
    return parts / total


def _scalars(random: np.random.Generator, shape: tuple[int, ...], facts: frozenset[str]) -> Any:
    if facts & WHOLE:
        return random.integers(1, 5, shape).astype(np.float64)
    if facts & UNIT_INTERVAL:
        return np.clip(_grid(random.uniform(0.1, 0.9, shape)), 0.125, 0.875)
    if "positive" in facts:
        return np.clip(_grid(np.exp(0.5 * random.standard_normal(shape))), 0.3125, 3.0)
    normal = random.standard_normal(shape)
    # a size of at least 7/64 > 0.1, with the normal's sign
    size = np.maximum(_grid(np.minimum(np.abs(normal), 2.5)), 7 / GRID)
    return np.where(normal < 0, -size, size)


def _grid(values: Any) -> Any:
    return np.round(values * GRID) / GRID
