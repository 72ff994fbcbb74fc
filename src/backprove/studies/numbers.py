"""A model at given numbers: values of its expressions, and of its derivations.

Derivatives are the derived adjoint definitions, those that a person is shown, evaluated as they
stand; no model is differentiated by hand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from backprove.calculus.derive import Derived
from backprove.compute.evaluate import Evaluator
from backprove.mathematics import Model
from backprove.model.meaning import meaning
from backprove.model.scope import Scope
from backprove.notation import read_expression
from backprove.tensor.build import substitute
from backprove.tensor.whole import Whole

Floats = NDArray[np.float64]
Key = tuple[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Declared:
    """A declared name: `h_0`, or a family's, whose members are then the first axis of its shape."""

    name: str
    keys: tuple[Key, ...]
    shape: tuple[int, ...]
    family: bool


def declared(model: Model, sizes: Mapping[str, int]) -> Iterator[Declared]:
    """What a model declares, with the shapes that it has at these sizes."""
    for entity in model.system.all():
        if entity.body is not None:
            continue
        shape = tuple(size.value(sizes) for size in entity.shape)
        if not entity.ranges:
            at = tuple(index.value(sizes) for index in entity.index)
            name = "_".join([entity.name, *map(str, at)])
            yield Declared(name, ((entity.name, at),), shape, False)
            continue
        (span,) = entity.ranges
        assert span.low is not None
        assert span.high is not None
        members = range(span.low.value(sizes), span.high.value(sizes) + 1)
        keys = tuple((entity.name, (at,)) for at in members)
        yield Declared(entity.name, keys, (len(keys), *shape), True)


class Numbers:
    """A model, numbers for its sizes, and for its declared names arrays with points in front.

    A name that is left out is zero; an array of one point serves for all points.
    """

    def __init__(
        self, model: Model, sizes: Mapping[str, int], values: Mapping[str, ArrayLike]
    ) -> None:
        self.model = model
        self.sizes = {**sizes, **model.system.fixed()}
        given = {name: np.asarray(array, dtype=float) for name, array in values.items()}
        points = max((len(array) for array in given.values()), default=1)
        self._declared: dict[Key, Floats] = {}
        for entry in declared(model, self.sizes):
            array = given.pop(entry.name, np.zeros((1, *entry.shape)))
            array = np.broadcast_to(array, (points, *entry.shape))
            for number, key in enumerate(entry.keys):
                self._declared[key] = array[:, number] if entry.family else array
        if given:
            raise KeyError(f"the model declares no {', '.join(given)}")
        self._plain = Evaluator(model.system, self.sizes, self._declared)
        self._derived: dict[tuple[str, str], Evaluator] = {}

    def value(self, text: str) -> Floats:
        """An expression's value, (points, *shape)."""
        system = self.model.system
        node = meaning(read_expression(text, system.names()), Scope(system)).node
        return np.asarray(self._plain.value(node))

    def derivative(self, of: str, by: str, **at: int) -> Floats:
        """∂of/∂by, (points, *shape of `of`, *shape of `by`), with numbers for open indices."""
        derived = _derived(self.model, of, by)
        evaluator = self._derived.get((of, by))
        if evaluator is None:
            evaluator = Evaluator(derived.system, self.sizes, self._declared)
            self._derived[of, by] = evaluator
        indices = {name: Whole.of(number) for name, number in at.items()}
        return np.asarray(evaluator.value(substitute(derived.result, indices)))


@lru_cache(maxsize=64)
def _derived(model: Model, of: str, by: str) -> Derived:
    return model.derive(of, by).derived


@cache
def shipped(name: str) -> Model:
    """A shipped model, read once: what is derived from it is kept."""
    return Model.load(name)


def spectral(matrices: Floats) -> Floats:
    """The spectral norm of every matrix, (…, m, n) to (…)."""
    return np.linalg.norm(matrices, 2, axis=(-2, -1))
