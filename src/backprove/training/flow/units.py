"""Which units are saturated or dead, at the values of a model's draws."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from backprove.compute.errors import EvaluationError, NoValue
from backprove.compute.evaluate import Evaluator
from backprove.compute.points import members
from backprove.model.entity import Entity, System
from backprove.tensor.nodes import Apply, Node, walk
from backprove.training import SATURATED
from backprove.training.flow.finding import Activation

Floats = NDArray[np.float64]


def _tanh(z: Floats) -> Floats:
    return 1 - np.tanh(z) ** 2


def _sigmoid(z: Floats) -> Floats:
    s = 1 / (1 + np.exp(-np.clip(z, -500, 500)))
    # the greatest slope is 1/4
    return 4 * s * (1 - s)


def _relu(z: Floats) -> Floats:
    return (z > 0).astype(np.float64)


#: slopes as shares of the greatest, of the functions that have flat parts
SLOPES: dict[str, Callable[[Floats], Floats]] = {"tanh": _tanh, "sigmoid": _sigmoid, "relu": _relu}


def activations(system: System, evaluator: Evaluator) -> list[Activation]:
    """Every use of a function with flat parts in a definition, with its shares."""
    found: list[Activation] = []
    for entity in system.all():
        if entity.body is None:
            continue
        slopes: dict[tuple[int, str], list[Floats]] = {}
        for at in members(entity, evaluator.sizes):
            matched = entity.match(at, evaluator.sizes)
            body = system.body(entity, matched or {})
            for number, node in enumerate(_applied(body)):
                try:
                    argument = np.asarray(evaluator.value(node.args[0]), dtype=np.float64)
                except (NoValue, EvaluationError):
                    continue
                part = slopes.setdefault((number, node.function), [])
                part.append(SLOPES[node.function](argument))
        for (_, function), parts in slopes.items():
            found.append(_shares(entity, function, parts))
    return found


def _applied(body: Node) -> Iterator[Apply]:
    for node in walk(body):
        if isinstance(node, Apply) and node.function in SLOPES and not node.args[0].free:
            yield node


def _shares(entity: Entity, function: str, parts: list[Floats]) -> Activation:
    # of a family each member has the same units: dead is what is zero in all of them
    slopes = np.stack(parts)
    dead = (slopes <= 0).reshape(-1, *slopes.shape[2:]).all(axis=0) if function == "relu" else 0.0
    name = entity.name if not entity.index else f"{entity.name}_{entity.index[0]}"
    return Activation(name, function, float((slopes < SATURATED).mean()), float(np.mean(dead)))
