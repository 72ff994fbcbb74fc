"""The flow of gradients in a PyTorch module, on a batch.

Recurrent layers are looked at step by step, each layer by itself; layers one behind the other by
the gradient of the loss at their outputs. The module is copied, and nothing of it changes.
"""

# PyTorch is not installed where types are checked, and types itself in part only
# pyright: basic, reportMissingImports=false

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from backprove.errors import BackproveError
from backprove.training.calls import Calls
from backprove.training.cells import GATES, Step, steps_of
from backprove.training.flow import words
from backprove.training.flow.finding import Activation, Flow, Parameter, Start, State
from backprove.training.flow.jacobians import of_products

#: so many examples of the batch are followed through recurrent layers
FOLLOWED = 8


def flow(
    module: nn.Module,
    inputs: Any,
    targets: Tensor | None = None,
    loss: Callable[[Any, Any], Tensor] | None = None,
    name: str = "",
) -> Flow:
    """How gradients flow through a module on a batch.

    `inputs` is what it is called with (a tuple: several). The gradient is that of
    `loss(output, targets)`; without `loss` cross-entropy where the targets are class numbers,
    the squared error where they have the output's shape, and without targets the output's mean
    square. Raises `BackproveError` where these do not fit.
    """
    given = inputs if isinstance(inputs, tuple) else (inputs,)
    try:
        copied = copy.deepcopy(module)
    except (RuntimeError, TypeError) as error:
        raise BackproveError(f"the module could not be copied to be looked at: {error}") from None
    copied.zero_grad(set_to_none=True)
    seen: list[tuple[str, nn.Module, Tensor]] = []
    layers: list[tuple[str, nn.RNNBase, Tensor]] = []

    def leaf(path: str) -> Callable[[nn.Module, Any, Any], None]:
        def hook(layer: nn.Module, arguments: Any, output: Any) -> None:
            if isinstance(layer, nn.RNN | nn.LSTM | nn.GRU) and isinstance(arguments[0], Tensor):
                layers.append((path, layer, arguments[0].detach()))
            output = output[0] if isinstance(output, tuple) else output
            if isinstance(output, Tensor) and output.requires_grad:
                output.retain_grad()
                seen.append((path, layer, output))

        return hook

    hooks = [
        m.register_forward_hook(leaf(path))
        for path, m in copied.named_modules()
        if not list(m.children())
    ]
    calls = Calls()
    calls.attach(copied)
    with torch.random.fork_rng(), torch.enable_grad():
        try:
            output = copied(*given)
            value, start = _loss(output, targets, loss)
            if not value.requires_grad:
                raise BackproveError(
                    "the loss depends on no parameter that requires a gradient: nothing flows"
                )
            value.backward()
        except (RuntimeError, ValueError, TypeError, IndexError) as error:
            if isinstance(error, BackproveError):
                raise
            raise BackproveError(f"the module could not be run on this batch: {error}") from None
        finally:
            calls.detach()
            for hook in hooks:
                hook.remove()
    states: list[State] = []
    units = _activations(calls)
    for path, layer, x in layers:
        more, gates = _recurrent(path, layer, x)
        states += more
        units += gates
    states += _depth(seen)
    parameters = [_parameter(n, p) for n, p in copied.named_parameters() if p.requires_grad]
    clip = float(np.sqrt(sum(p.norm**2 for p in parameters)))
    notes: list[str] = []
    frozen = [n for n, p in copied.named_parameters() if not p.requires_grad]
    if frozen:
        more_of = f" and {len(frozen) - 4} more" if len(frozen) > 4 else ""
        notes.append(f"frozen (requires_grad is off): {', '.join(frozen[:4])}{more_of}")
    if any(isinstance(m, torch.jit.ScriptModule) for m in copied.modules()):
        notes.append("activations inside of compiled (TorchScript) parts are not seen")
    return Flow(
        name or type(module).__name__,
        f"a batch of {len(given[0]) if isinstance(given[0], Tensor) else 1}",
        start,
        states,
        units,
        parameters,
        words.verdict(states, parameters),
        words.advice(
            states,
            units,
            parameters,
            start,
            clip if np.isfinite(clip) else None,
            any(not isinstance(layer, nn.RNN) for _, layer, _ in layers),
        ),
        notes,
    )


def _loss(
    output: Any, targets: Tensor | None, loss: Callable[[Any, Any], Tensor] | None
) -> tuple[Tensor, Start | None]:
    if loss is not None:
        value = loss(output, targets)
        return value, _start(value, output, targets)
    output = output[0] if isinstance(output, tuple) else output
    if not isinstance(output, Tensor):
        raise BackproveError(
            f"the module gives {type(output).__name__}, not a tensor: name a loss that takes it"
        )
    if targets is None:
        return (output**2).mean(), None
    if not targets.is_floating_point():
        if output.ndim == targets.ndim + 1 and output.shape[:-1] == targets.shape:
            value = nn.functional.cross_entropy(output.flatten(0, -2), targets.flatten())
        else:
            value = nn.functional.cross_entropy(output, targets)
        return value, _start(value, output, targets)
    if output.shape != targets.shape:
        raise BackproveError(
            f"targets {tuple(targets.shape)} do not fit an output {tuple(output.shape)}: name a loss"
        )
    value = nn.functional.mse_loss(output, targets)
    return value, _start(value, output, targets)


def _start(value: Tensor, output: Any, targets: Any) -> Start:
    number = float(value.detach())
    classes = None
    if (
        isinstance(output, Tensor)
        and isinstance(targets, Tensor)
        and not targets.is_floating_point()
    ):
        last = output.ndim == targets.ndim + 1 and output.shape[:-1] == targets.shape
        classes = int(output.shape[-1] if last else output.shape[1])
    return Start(number, number, number, 1, classes)


def _recurrent(path: str, layer: nn.RNNBase, x: Tensor) -> tuple[list[State], list[Activation]]:
    """Products of one-step Jacobians of each layer, forwards in time, and its gates' saturation."""
    found: list[State] = []
    gates: list[Activation] = []
    for number, (step, inputs) in enumerate(steps_of(layer, x, FOLLOWED)):
        calls = Calls()
        jacobians = _jacobians(step, inputs, calls)
        label = path or type(layer).__name__.lower()
        if getattr(layer, "num_layers", 1) > 1:
            label += f", layer {number + 1}"
        if len(jacobians):
            found.append(of_products(label, jacobians))
        for gate, units in zip(GATES[step.kind], _activations(calls), strict=True):
            gates.append(replace(units, name=f"{label}: {gate}"))
    return found, gates


def _activations(calls: Calls) -> list[Activation]:
    return [
        Activation(s.name, s.function, float(s.saturated), 0.0 if s.dead is None else float(s.dead))
        for s in calls.sites()
    ]


def _jacobians(step: Step, inputs: Tensor, calls: Calls) -> np.ndarray:
    """(steps − 1, examples, S, S): the first step starts from what does not vary."""
    state = step.start(inputs.shape[1])
    found: list[np.ndarray] = []
    by_state = torch.func.vmap(torch.func.jacrev(step.forward, argnums=0))
    for t, x in enumerate(inputs):
        if t:
            found.append(by_state(state, x).detach().double().cpu().numpy())
        with calls:
            state = step.forward(state, x).detach()
    return np.stack(found) if found else np.zeros((0, 1, 1, 1))


def _depth(seen: list[tuple[str, nn.Module, Tensor]]) -> list[State]:
    """The gradient at the outputs of layers with weights, as shares of that at the last."""
    kept = [
        (path, out.grad)
        for path, layer, out in seen
        if out.grad is not None and any(p.ndim > 1 for p in layer.parameters(recurse=False))
    ]
    if len(kept) < 3:
        return []
    # by an entry of the output, since outputs differ in size
    sizes = [float(g.norm()) / max(g.numel(), 1) ** 0.5 for _, g in kept][::-1]
    if not sizes[0]:
        return []
    shares = [size / sizes[0] for size in sizes]
    return [State("a layer's output by depth", len(kept), shares, shares, shares, unit="layers")]


def _parameter(name: str, parameter: nn.Parameter) -> Parameter:
    gradient = parameter.grad
    norm = 0.0 if gradient is None else float(gradient.norm())
    return Parameter(name, tuple(parameter.shape), norm, norm != 0)
