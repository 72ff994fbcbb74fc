"""At which numbers a model is looked at: sizes, and given or random values of what it declares."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from backprove.compute.points import Values, members, sample, sizes_for
from backprove.errors import BackproveError
from backprove.model.entity import Entity, System
from backprove.tensor.whole import Whole
from backprove.training.flow.carried import Carried

Floats = NDArray[np.float64]

#: facts that only data have, and names that are usually given to data
DATA_FACTS = frozenset({"one-hot", "simplex", "one-hot rows", "simplex rows"})
DATA_NAMES = frozenset({"x", "y", "t", "X", "Y", "target"})
#: vectors of these names are biases, and scales are those: they start at 0 and at 1
BIASES = frozenset({"b", "c", "d", "bias", "β", "beta"})
SCALES = frozenset({"γ", "gamma", "g", "gain", "scale"})
STARTS = ("normal", "orthogonal", "identity")


@dataclass(frozen=True, slots=True)
class Plan:
    """How far to look, how wide, how often to draw, and how recurrent matrices start.

    A square matrix has entries of standard deviation scale/√width ("normal"), is scale times an
    orthogonal matrix, or scale times the identity; other matrices have 1/√(inputs).
    """

    steps: int = 30
    width: int = 16
    draws: int = 8
    seed: int = 0
    scale: float = 1.0
    start: str = "normal"
    sizes: tuple[tuple[str, int], ...] = ()

    def __post_init__(self) -> None:
        if self.start not in STARTS:
            raise BackproveError(f"a start is {', '.join(STARTS)}, not {self.start}")
        least = {"steps": 2, "width": 1, "draws": 1}
        for name, low in least.items():
            if getattr(self, name) < low:
                raise BackproveError(f"{name} must be at least {low}, not {getattr(self, name)}")


def sizes(
    system: System, states: list[Carried], plan: Plan, given: Mapping[str, Floats]
) -> dict[str, int]:
    """A number for every size: the model's own, those of given arrays, the plan's, or a default."""
    found = sizes_for(system, 0)
    kept = dict(system.fixed())
    wanted = {**_of_given(system, given), **dict(plan.sizes)}
    known = set(found)
    for name, number in wanted.items():
        if name not in known:
            named = ", ".join(sorted(known)) or "none"
            raise BackproveError(f"the model has no size {name}; its sizes: {named}")
        if kept.get(name, number) != number:
            raise BackproveError(f"{name} is {kept[name]} in the model, not {number}")
        if number < 1:
            raise BackproveError(f"{name} must be at least 1, not {number}")
    horizons = _horizons(states)
    bounds = {
        n for e in system.all() for r in e.ranges for w in (r.low, r.high) if w for n in w.names
    }
    for name in known - kept.keys():
        if name in wanted:
            found[name] = wanted[name]
        elif name in horizons:
            found[name] = plan.steps + 1
        elif name not in bounds and _is_plain(system, name):
            found[name] = plan.width
    for name in _classes(system) - kept.keys() - wanted.keys():
        found[name] = 10
    _fit(system, found)
    return found


def _horizons(states: list[Carried]) -> set[str]:
    """The names of last steps."""
    ends = [state.entity.ranges[0].high for state in states]
    return {name for end in ends if end is not None for name in end.names}


def _is_plain(system: System, name: str) -> bool:
    """Whether a size stands alone wherever it is used, and may be any number."""
    wholes = [w for e in system.all() for w in e.shape if name in w.names]
    return bool(wholes) and all(w.name == name for w in wholes)


def _classes(system: System) -> set[str]:
    """The sizes of what is one-hot."""
    shapes = [e.shape for e in system.all() if e.facts & {"one-hot", "one-hot rows"}]
    return {name for shape in shapes if shape and (name := shape[-1].name) is not None}


def _fit(system: System, found: Mapping[str, int]) -> None:
    for entity in system.all():
        indices = {r.name for r in entity.ranges}
        for whole in entity.shape:
            if whole.names.isdisjoint(indices) and whole.value(found) < 1:
                raise BackproveError(f"{entity.name} would be empty at these sizes; name them")


def _of_given(system: System, given: Mapping[str, Floats]) -> dict[str, int]:
    """The sizes that given arrays have."""
    found: dict[str, int] = {}
    for name, array in given.items():
        entity = _declared(system, name)
        front = len(entity.ranges)
        axes: list[tuple[Whole, int]] = []
        if array.ndim != front + len(entity.shape):
            raise BackproveError(
                f"{name} has {front + len(entity.shape)} axes in the model, not {array.ndim}"
            )
        axes = list(zip(entity.shape, array.shape[front:], strict=True))
        for whole, length in axes:
            if whole.name is not None and found.setdefault(whole.name, length) != length:
                raise BackproveError(
                    f"{name} has {length} for {whole.name}, another array {found[whole.name]}"
                )
            if whole.constant is not None and whole.constant != length:
                raise BackproveError(f"{name} has {length} where the model has {whole.constant}")
    return found


def _declared(system: System, name: str) -> Entity:
    for entity in system.all():
        if entity.body is None and spoken(entity) == name:
            return entity
    known = ", ".join(spoken(e) for e in system.all() if e.body is None)
    raise BackproveError(f"the model declares no {name}; it declares {known}")


def spoken(entity: Entity) -> str:
    """How a declaration is called: `W`, `x` for a family, `h_0` for a member."""
    if entity.ranges:
        return entity.name
    return "_".join([entity.name, *(str(w.constant) for w in entity.index)])


def is_data(system: System, entity: Entity) -> bool:
    """Whether a declaration looks like data, or like the state that steps begin with."""
    if entity.facts & DATA_FACTS or entity.name in DATA_NAMES:
        return True
    if len(entity.shape) >= 2:
        return False
    return any(e.ranges for e in system.named(entity.name) if len(e.index) == len(entity.index) > 0)


def _begins(system: System, entity: Entity) -> bool:
    """Whether a declaration is what steps begin with: a member of a family that has a rule."""
    return any(e.ranges and e.body is not None for e in system.named(entity.name))


def values(
    system: System, numbers: Mapping[str, int], plan: Plan, given: Mapping[str, Floats]
) -> Values:
    """An array [draws, *shape] for every declared member, given or drawn."""
    random = np.random.default_rng(plan.seed)
    found = sample(system, dict(numbers), plan.draws, plan.seed)
    for entity in system.all():
        if entity.body is not None:
            continue
        name = spoken(entity)
        shape = tuple(int(size.value(numbers)) for size in entity.shape)
        keys = list(members(entity, numbers))
        if name in given:
            array = given[name]
            expected = (len(keys), *shape) if entity.ranges else shape
            if array.shape != expected:
                raise BackproveError(f"{name} has the shape {array.shape}, not {expected}")
            for number, at in enumerate(keys):
                one = array[number] if entity.ranges else array
                found[entity.name, at] = np.broadcast_to(one, (plan.draws, *shape)).copy()
        elif not entity.facts:
            for at in keys:
                found[entity.name, at] = _drawn(random, system, entity, shape, plan)
    return found


def _drawn(
    random: np.random.Generator,
    system: System,
    entity: Entity,
    shape: tuple[int, ...],
    plan: Plan,
) -> Floats:
    full = (plan.draws, *shape)
    bare = entity.name.split("_")[0]
    if is_data(system, entity):
        # inputs are standard normal; what steps begin with is 0 where there are inputs
        silent = _begins(system, entity) and any(
            is_data(system, e) and not _begins(system, e) for e in system.all() if e.body is None
        )
        return np.zeros(full) if silent else random.standard_normal(full)
    if len(shape) < 2:
        if bare in SCALES:
            return np.ones(full)
        if bare in BIASES or bare.startswith("b"):
            return np.zeros(full)
        if not shape:
            # of one entry, as a square matrix is
            return plan.scale * random.standard_normal(full)
        return random.standard_normal(full) / shape[0] ** 0.5
    if len(shape) == 2 and shape[0] == shape[1] and entity.shape[0] == entity.shape[1]:
        if plan.start == "identity":
            return plan.scale * np.broadcast_to(np.eye(shape[0]), full).copy()
        if plan.start == "orthogonal":
            q, r = np.linalg.qr(random.standard_normal(full))
            return plan.scale * q * np.sign(np.diagonal(r, 0, -2, -1))[:, None, :]
        return plan.scale * random.standard_normal(full) / shape[0] ** 0.5
    inputs = int(np.prod(shape[1:]))
    return random.standard_normal(full) / inputs**0.5


def read_values(path: Path) -> dict[str, Floats]:
    """Given values by name, from an .npz or a .json file; raises `BackproveError`."""
    if path.suffix == ".npz":
        try:
            with np.load(path, allow_pickle=False) as file:
                raw: dict[str, Any] = {name: file[name] for name in file.files}
        except ValueError as error:
            raise BackproveError(f"{path}: {error}") from None
    else:
        try:
            read: Any = json.loads(path.read_text(encoding="utf-8"))
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise BackproveError(f"{path}: not JSON: {error}") from None
        if not isinstance(read, dict):
            raise BackproveError(f"{path}: expected an object with an array for each name")
        raw = cast(dict[str, Any], read)
    found: dict[str, Floats] = {}
    for name, value in raw.items():
        try:
            array = np.asarray(value, dtype=np.float64)
        except (TypeError, ValueError):
            raise BackproveError(f"{path}: {name} is no array of numbers") from None
        if not np.isfinite(array).all():
            raise BackproveError(f"{path}: {name} has entries that are not finite")
        found[name] = array
    return found
