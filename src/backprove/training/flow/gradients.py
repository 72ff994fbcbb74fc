"""The gradient of a model's loss by its parameters, from the derivation as NumPy code."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from backprove.code import Question
from backprove.compute.emit.names import identifier, member_name
from backprove.compute.evaluate import Evaluator
from backprove.compute.points import Values, members
from backprove.errors import BackproveError
from backprove.model.entity import Entity, System
from backprove.tensor.build import derivative, symbol
from backprove.tensor.nodes import Symbol, walk
from backprove.training.flow.finding import Parameter
from backprove.training.flow.setting import is_data, spoken

Floats = NDArray[np.float64]

#: what a loss is usually called, most usual first
LOSSES = ("E", "L", "J", "loss", "C", "S", "F")


def loss(system: System, name: str = "") -> Entity | None:
    """The model's loss: the named scalar, or one that nothing else uses; None where there is none.

    Raises `BackproveError` where the named one is no scalar of the model.
    """
    scalars = [e for e in system.all() if e.body is not None and not e.shape and not e.index]
    if name:
        for entity in scalars:
            if entity.name == name:
                return entity
        known = ", ".join(e.name for e in scalars) or "none"
        raise BackproveError(f"the model has no scalar {name}; its scalars: {known}")
    used = {
        part.name
        for e in system.all()
        if e.body is not None
        for part in walk(e.body)
        if isinstance(part, Symbol) and not part.index
    }
    ends = [e for e in scalars if e.name not in used]
    ends.sort(key=lambda e: LOSSES.index(e.name) if e.name in LOSSES else len(LOSSES))
    return ends[0] if ends else None


def parameters(
    system: System, of: Entity, sizes: dict[str, int], values: Values, draws: int
) -> tuple[list[Parameter], Floats]:
    """The gradient by every parameter, and the loss at every draw."""
    chosen = [e for e in system.all() if e.body is None and not is_data(system, e)]
    variables = tuple(symbol(e.name, e.shape, e.index, e.facts) for e in chosen)
    with np.errstate(all="ignore"):
        try:
            function = Question(system, symbol(of.name, ()), variables).function(
                "numpy", value=True
            )
        except BackproveError:
            # there is no loop for what looks back at every earlier step
            losses, norms = _forwards(system, of, chosen, sizes, values)
        else:
            losses, norms = _backwards(function, _arguments(system, sizes, values), sizes, draws)
    found = [
        Parameter(
            spoken(e),
            tuple(int(w.value(sizes)) for w in e.shape),
            float(np.median(n)),
            bool(n.any()),
        )
        for e, n in zip(chosen, norms, strict=True)
    ]
    return found, losses


def _backwards(
    function: Any, arguments: dict[str, Any], sizes: dict[str, int], draws: int
) -> tuple[Floats, list[Floats]]:
    """Losses, (draws,), and for each parameter its gradient's norms, by one backward pass a draw.

    A size that no argument shows is an argument itself.
    """
    wanted = _names(function)
    taken = {name: array for name, array in arguments.items() if name in wanted}
    rest = {identifier(n): number for n, number in sizes.items() if identifier(n) in wanted}
    results = [function(**rest, **{n: a[draw] for n, a in taken.items()}) for draw in range(draws)]
    norms = [[np.linalg.norm(np.asarray(g)) for g in gradients] for _, *gradients in results]
    by_parameter = np.array(norms, dtype=np.float64).T
    return np.array([float(value) for value, *_ in results]), list(by_parameter)


def _forwards(
    system: System, of: Entity, chosen: list[Entity], sizes: dict[str, int], values: Values
) -> tuple[Floats, list[Floats]]:
    """The same by forward differentiation, an entry after the other."""
    evaluator = Evaluator(system, sizes, values)
    losses = np.asarray(evaluator.member(of.name), dtype=np.float64).reshape(-1)
    norms: list[Floats] = []
    for entity in chosen:
        squares = np.zeros(len(losses))
        for at in members(entity, sizes):
            variable = symbol(entity.name, entity.shape, at, entity.facts)
            node = derivative(symbol(of.name, ()), variable)
            gradient = np.asarray(evaluator.value(node), dtype=np.float64)
            squares = squares + (gradient.reshape(len(losses), -1) ** 2).sum(axis=1)
            evaluator.children.clear()
        norms.append(np.sqrt(squares))
    return losses, norms


def _arguments(system: System, sizes: dict[str, int], values: Values) -> dict[str, Any]:
    """What the emitted function is called with, by name: arrays [draws, *shape]."""
    found: dict[str, Any] = {}
    for entity in system.all():
        if entity.body is not None:
            continue
        keys = [(entity.name, at) for at in members(entity, sizes)]
        if entity.ranges:
            found[identifier(entity.name)] = np.stack([values[key] for key in keys], axis=1)
        else:
            found[member_name(entity.name, entity.index)] = values[keys[0]]
    return found


def _names(function: Any) -> tuple[str, ...]:
    code = function.__code__
    return code.co_varnames[: code.co_argcount]
