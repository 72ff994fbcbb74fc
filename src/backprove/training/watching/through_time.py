"""The whole gradient of the loss by a recurrent layer's state after every step.

PyTorch's recurrent layers are one operation for all steps, so their inner states have no
gradients to look at. The layer is run again, a step at a time, for some examples of the batch, on
copies of its weights, and the gradient that came to its outputs goes back through these steps.
"""

# PyTorch is not installed where types are checked, and types itself in part only
# pyright: basic, reportMissingImports=false

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from backprove.training.cells import Step, step_of
from backprove.training.watching.probes import size

#: so many examples are followed
FOLLOWED = 8


def activations(layer: nn.RNNBase, output: Tensor) -> list[Tensor]:
    """Root mean squares of a layer's output, step by step."""
    return list(
        torch.linalg.vector_norm(_timed(layer, output).float(), dim=(1, 2)) / _root(layer, output)
    )


def _root(layer: nn.RNNBase, output: Tensor) -> float:
    steps = _timed(layer, output)
    return max(steps.shape[1] * steps.shape[2], 1) ** 0.5


def gradients(
    layer: nn.RNNBase, inputs: Tensor, hidden: Any, arrived: Tensor
) -> list[Tensor] | None:
    """Root mean squares of the gradient by the last layer's forward state after each step.

    `hidden` is the state that the layer was given to start from (None: zeros), `arrived` the
    gradient that came to its output. None where the states before it
    cannot be had again: below a dropout that was active, or of inputs of different lengths.
    """
    if layer.num_layers > 1 and layer.dropout and layer.training:
        return None
    with torch.no_grad():
        steps = _timed(layer, inputs)[:, :FOLLOWED]
        came = _timed(layer, arrived)[:, :FOLLOWED]
        for number in range(layer.num_layers - 1):
            parts = [_outputs(layer, steps, hidden, number, False)]
            if layer.bidirectional:
                parts.append(_outputs(layer, steps.flip(0), hidden, number, True).flip(0))
            steps = torch.cat(parts, dim=-1)
    last = layer.num_layers - 1
    step = step_of(layer, last)
    with torch.enable_grad():
        state = _start(step, layer, hidden, last, False, steps.shape[1]).requires_grad_()
        states: list[Tensor] = []
        for x in steps:
            state = step.forward(state, x)
            states.append(state)
        shown = torch.stack([s[..., : step.shown] for s in states])
        found = torch.autograd.grad(shown, states, came[..., : step.shown])
    with torch.no_grad():
        return [size(gradient) for gradient in found]


def _start(
    step: Step, layer: nn.RNNBase, hidden: Any, number: int, reverse: bool, examples: int
) -> Tensor:
    if hidden is None:
        return step.start(examples)
    which = number * (2 if layer.bidirectional else 1) + reverse
    parts = hidden if isinstance(hidden, tuple) else (hidden,)
    rows = [part.detach()[which] for part in parts]
    return torch.cat([r if r.ndim == 2 else r.unsqueeze(0) for r in rows], dim=-1)[:examples]


def _outputs(layer: nn.RNNBase, steps: Tensor, hidden: Any, number: int, reverse: bool) -> Tensor:
    step = step_of(layer, number, reverse)
    state = _start(step, layer, hidden, number, reverse, steps.shape[1])
    outputs: list[Tensor] = []
    for x in steps:
        state = step.forward(state, x)
        outputs.append(state[..., : step.shown])
    return torch.stack(outputs)


def _timed(layer: nn.RNNBase, values: Tensor) -> Tensor:
    """(time, examples, features), whatever the layer's order."""
    if values.ndim == 2:
        return values.unsqueeze(1)
    return values.transpose(0, 1) if layer.batch_first else values
