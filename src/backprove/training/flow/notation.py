"""The flow of gradients in a model of the notation, at given or random parameters."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from backprove.compute.errors import EvaluationError, NoValue
from backprove.compute.evaluate import Evaluator
from backprove.compute.points import Values, members
from backprove.errors import BackproveError
from backprove.mathematics import Model
from backprove.model.entity import Entity, System
from backprove.tensor.nodes import Symbol, walk
from backprove.training.flow import words
from backprove.training.flow.carried import Carried, carried
from backprove.training.flow.finding import EXPLODED, Activation, Flow, Parameter, Start, State
from backprove.training.flow.gradients import loss, parameters
from backprove.training.flow.jacobians import states
from backprove.training.flow.setting import Plan, sizes, values
from backprove.training.flow.units import activations

#: a model whose steps look back further is looked at over fewer, by default
FAR = 12


def planned(
    model: Model,
    steps: int | None = None,
    width: int = 16,
    draws: int = 8,
    seed: int = 0,
    scale: float = 1.0,
    start: str = "normal",
    given_sizes: Mapping[str, int] | None = None,
) -> Plan:
    """A plan for a model; `steps` are 30 by default, or fewer where steps look back far."""
    if steps is None:
        steps = 30 if all(c.lag == 1 for c in carried(model.system)) else FAR
    sized = tuple((given_sizes or {}).items())
    return Plan(steps, width, draws, seed, scale, start, sized)


def flow(
    model: Model,
    name: str = "the model",
    plan: Plan | None = None,
    given: Mapping[str, ArrayLike] | None = None,
    of: str = "",
) -> Flow:
    """How gradients flow through a model.

    `given` has arrays for declared names (of a family, members first); what is left out is drawn
    as `plan` says. `of` names the loss where it is not plain. Raises `BackproveError` where names,
    shapes or sizes do not fit.
    """
    system = model.system
    found = carried(system)
    asked = plan or planned(model)
    arrays = {n: np.asarray(a, dtype=np.float64) for n, a in (given or {}).items()}
    numbers = sizes(system, found, asked, arrays)
    drawn = values(system, numbers, asked, arrays)
    evaluator = Evaluator(system, numbers, drawn)
    notes: list[str] = []
    with np.errstate(all="ignore"):
        through = _states(found, evaluator, notes)
        units = activations(system, evaluator)
    reached, start, clip = _gradients(system, loss(system, of), numbers, drawn, asked, notes)
    if clip and any(s.verdict == "explodes" for s in through):
        clip = _calm(model, found, through, asked, arrays, of)
    return Flow(
        name,
        _setting(asked, numbers, arrays),
        start,
        through,
        units,
        reached,
        words.verdict(through, reached),
        words.advice(through, units, reached, start, clip, _gated(found, units)),
        notes,
        numbers,
    )


def _states(found: list[Carried], evaluator: Evaluator, notes: list[str]) -> list[State]:
    try:
        return states(found, evaluator)
    except (NoValue, EvaluationError) as error:
        notes.append(f"the derivatives of states are not known: {error}")
        return []


def _gradients(
    system: System,
    entity: Entity | None,
    numbers: dict[str, int],
    drawn: Values,
    plan: Plan,
    notes: list[str],
) -> tuple[list[Parameter], Start | None, float | None]:
    if entity is None:
        notes.append("there is no scalar loss, so nothing is said of parameters")
        return [], None, None
    try:
        reached, losses = parameters(system, entity, numbers, drawn, plan.draws)
    except BackproveError as error:
        notes.append(f"the gradient of {entity.name} is not known: {error}")
        return [], None, None
    clip = float(np.sqrt(sum(p.norm**2 for p in reached)))
    targets, classes = _targets(system, numbers)
    each = losses / max(targets, 1)
    start = Start(float(each.mean()), float(each.min()), float(each.max()), targets, classes)
    return reached, start, clip if np.isfinite(clip) and clip > 0 else None


def _targets(system: System, numbers: dict[str, int]) -> tuple[int, int | None]:
    """How many one-hot targets there are, and of how many classes."""
    count, classes = 0, None
    for entity in system.all():
        if entity.body is None and entity.facts & {"one-hot", "one-hot rows"} and entity.shape:
            shape = [int(w.value(numbers)) for w in entity.shape]
            classes = shape[-1]
            count += len(list(members(entity, numbers))) * int(np.prod(shape[:-1], dtype=int))
    return (count, classes) if count else (1, None)


def _gated(found: list[Carried], units: list[Activation]) -> bool:
    """Whether a carried family is multiplied by a sigmoid."""
    gates = {u.name.split("_")[0] for u in units if u.function == "sigmoid"}
    return any(
        isinstance(part, Symbol) and part.name in gates
        for c in found
        if c.entity.body is not None
        for part in walk(c.entity.body)
    )


def _calm(
    model: Model,
    found: list[Carried],
    through: list[State],
    plan: Plan,
    given: Mapping[str, ArrayLike],
    of: str,
) -> float | None:
    """The gradient's norm over as many steps as the derivative has not yet grown tenfold in."""
    worst = min((s for s in through if s.verdict == "explodes"), key=lambda s: s.survived)
    calm = next((d for d, n in enumerate(worst.norms) if n > EXPLODED**0.5), worst.survived)
    short = Plan(
        max(2, min(calm, plan.steps)),
        plan.width,
        plan.draws,
        plan.seed,
        plan.scale,
        plan.start,
        plan.sizes,
    )
    horizon = {n for c in found for n in (c.entity.ranges[0].high or c.entity.index[0]).names}
    if horizon & {name for name, _ in plan.sizes} or horizon <= model.system.fixed().keys():
        return None
    families = {e.name for e in model.system.all() if e.ranges}
    kept = {n: np.asarray(a, np.float64) for n, a in given.items() if n not in families}
    numbers = sizes(model.system, found, short, kept)
    drawn = values(model.system, numbers, short, kept)
    _, _, clip = _gradients(model.system, loss(model.system, of), numbers, drawn, short, [])
    return clip


def _setting(plan: Plan, numbers: Mapping[str, int], given: Mapping[str, ArrayLike]) -> str:
    sized = ", ".join(f"{name} = {number}" for name, number in sorted(numbers.items()))
    drawn = f"{plan.draws} draws from seed {plan.seed}, square matrices {plan.start}"
    if plan.scale != 1:
        drawn += f" at scale {plan.scale:g}"
    named = f", {', '.join(given)} given" if given else ""
    return f"{sized}; {drawn}{named}"
