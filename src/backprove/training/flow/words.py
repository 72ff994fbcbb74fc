"""The line that says whether gradients survive, and what would change it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from backprove.training.flow.finding import Activation, Parameter, Start, State

#: a loss at the start so far above that of an even guess is worth a word
FAR = 0.5
#: shares of units that are worth a word
MANY = 0.5


def verdict(states: Sequence[State], parameters: Sequence[Parameter]) -> str:
    """One line: vanishes, explodes, or survives for so many steps."""
    if not states:
        return _without_recurrence(parameters)
    whole = [state for state in states if not state.part]
    return _of(min(whole, key=lambda state: (state.survived - state.distance, state.survived)))


def _of(state: State) -> str:
    name, unit = state.name, state.unit
    far = f"{state.distance} {unit}"
    end = state.norms[-1]
    if state.verdict == "survives":
        rate = "" if math.isnan(state.factor) else f", a factor of {state.factor:.3g} a {unit[:-1]}"
        return f"the gradient of {name} survives all {far} (norm {end:.2g} at the end{rate})"
    if state.verdict == "vanishes":
        halving = f"halves every {state.half_life:.2g} {unit} and "
        pace = halving if math.isfinite(state.half_life) else ""
        return (
            f"the gradient of {name} vanishes: it {pace}is below 1 % after "
            f"{_counted(state.survived + 1, unit)}"
        )
    growing = f"grows by a factor of {state.factor:.3g} a {unit[:-1]} and "
    pace = "" if math.isnan(state.factor) else growing
    return (
        f"the gradient of {name} explodes: it {pace}is a hundredfold after "
        f"{_counted(state.survived + 1, unit)}"
    )


def _counted(number: int, unit: str) -> str:
    return f"{number} {unit[:-1] if number == 1 else unit}"


def _without_recurrence(parameters: Sequence[Parameter]) -> str:
    reached = [p for p in parameters if p.reached]
    if not parameters:
        return "no step refers to an earlier one, and there is no scalar loss: nothing flows"
    if not reached:
        return "no parameter gets a gradient"
    low, high = min(p.norm for p in reached), max(p.norm for p in reached)
    whom = "all" if len(reached) == len(parameters) else f"{len(reached)} of {len(parameters)}"
    return (
        f"no step refers to an earlier one; gradients reach {whom} parameters, with norms from "
        f"{low:.2g} to {high:.2g}"
    )


def advice(
    states: Sequence[State],
    activations: Sequence[Activation],
    parameters: Sequence[Parameter],
    start: Start | None,
    clip: float | None,
    gated: bool,
) -> list[str]:
    """What would change what was found, most telling first.

    `clip` is a norm to clip at, `gated` whether states have gates already.
    """
    said: list[str] = []
    whole = [state for state in states if not state.part]
    worst = {kind: [s for s in whole if s.verdict == kind] for kind in ("explodes", "vanishes")}
    if exploding := worst["explodes"]:
        state = min(exploding, key=lambda s: s.survived)
        norm = (
            f" at a norm of about {clip:.2g}, which it has while the derivative has not yet grown tenfold"
            if clip
            else ""
        )
        said.append(
            f"Clip the gradient{norm}; or truncate backpropagation after "
            f"{_counted(state.survived or 1, state.unit)}."
        )
        if not math.isnan(state.factor):
            said.append(
                f"Start with recurrent matrices smaller by {state.factor:.3g}, or orthogonal ones."
            )
    if vanishing := worst["vanishes"]:
        state = min(vanishing, key=lambda s: s.survived)
        if state.unit == "layers":
            said.append(
                "Residual connections, ReLU with He's initialisation, or normalisation between "
                "layers keep the gradient's size through depth."
            )
        else:
            said.append(
                f"Nothing is learnt over more than {_counted(state.survived or 1, state.unit)}: truncating "
                "backpropagation there loses little."
            )
            if gated:
                said.append(
                    "A forget gate that starts near 1 (bias 1 to 3) lets the state through."
                )
            else:
                said.append(
                    "Gates (LSTM with a forget bias of 1, GRU), attention over earlier states, or ReLU "
                    "with an identity or orthogonal recurrent matrix would carry it further."
                )
    for activation in activations:
        if activation.function == "relu" and activation.dead >= MANY:
            said.append(
                f"{100 * activation.dead:.0f} % of the units of {activation.name} are never active: "
                "smaller or positive biases, or a leaky ReLU."
            )
        elif activation.function != "relu" and activation.saturated >= MANY:
            said.append(
                f"{100 * activation.saturated:.0f} % of the units of {activation.name} are saturated: "
                "smaller weights or inputs."
            )
    for parameter in parameters:
        if not parameter.reached:
            said.append(f"{parameter.name} gets no gradient, and will not be learnt.")
    if start is not None and start.expected is not None and start.loss > start.expected + FAR:
        said.append(
            f"The loss starts at {start.loss:.3g}, above ln {start.classes} = {start.expected:.3g} "
            "of an even guess: scale the output's weights down."
        )
    return said
