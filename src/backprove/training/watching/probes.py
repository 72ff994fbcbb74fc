"""What hooks read at one step: numbers stay on the device until all of them are wanted.

A hook reads and returns nothing, so that autograd and the layers go on with what they had.
"""

# PyTorch is not installed where types are checked, and types itself in part only
# pyright: basic, reportMissingImports=false

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch._C._functorch import is_functorch_wrapped_tensor

from backprove.training.calls import BOUNDED, RECTIFIERS, Calls
from backprove.training.hooks import Hook

RECURRENT = (nn.RNN, nn.LSTM, nn.GRU)
CELLS = (nn.RNNCell, nn.LSTMCell, nn.GRUCell)
#: so many entries of a parameter stand for it in the ratio of its update
SAMPLED = 65_536
#: so many entries of an activation stand for it, where units are looked at
ENTRIES = 262_144


def size(values: Tensor) -> Tensor:
    """The root mean square."""
    return torch.linalg.vector_norm(values.float()) / max(values.numel(), 1) ** 0.5


def sampled(values: Tensor) -> Tensor:
    """A copy of at most `SAMPLED` entries, evenly chosen."""
    flat = values.detach().reshape(-1)
    return flat[:: max(1, -(-flat.numel() // SAMPLED))].clone()


@dataclass
class Probe:
    """Everything that is read at one step; tensors of one number each, by name."""

    order: list[str] = field(default_factory=list)
    kinds: dict[str, str] = field(default_factory=dict)
    activation: dict[str, Tensor] = field(default_factory=dict)
    gradient: dict[str, Tensor] = field(default_factory=dict)
    by_parameter: dict[str, Tensor] = field(default_factory=dict)
    #: recurrent layers: the module, its input, and the state that it starts from; its output, and
    #: after the backward pass the gradient that came there
    layers: dict[str, tuple[nn.RNNBase, Tensor, Any]] = field(default_factory=dict)
    outputs: dict[str, Tensor] = field(default_factory=dict)
    output_gradients: dict[str, Tensor] = field(default_factory=dict)
    #: cells that are called once a step: numbers in the order of the calls
    cell_states: dict[str, list[Tensor]] = field(default_factory=dict)
    cell_gradients: dict[str, dict[int, Tensor]] = field(default_factory=dict)
    #: sizes of outputs, and of gradients by them, in the order in which they came to be
    forwards: list[tuple[str, Tensor]] = field(default_factory=list)
    backwards: list[tuple[str, Tensor]] = field(default_factory=list)
    handles: list[Any] = field(default_factory=list)
    #: activation functions, wherever a forward pass calls them
    calls: Calls = field(default_factory=lambda: Calls((*BOUNDED, *RECTIFIERS), ENTRIES))

    def attach(self, model: nn.Module) -> None:
        """Put hooks on the modules and parameters of a model."""
        self.calls.attach(model)
        for name, module in model.named_modules():
            if not any(True for _ in module.children()):
                hook = Hook(self._forward(name or type(module).__name__))
                self.handles.append(module.register_forward_hook(hook))
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                self.handles.append(
                    parameter.register_post_accumulate_grad_hook(self._accumulated(name))
                )

    def detach(self) -> None:
        """Take all hooks away."""
        self.calls.detach()
        for handle in self.handles:
            handle.remove()
        self.handles.clear()

    def _accumulated(self, name: str) -> Callable[[Tensor], None]:
        def hook(parameter: Tensor) -> None:
            if parameter.grad is not None:
                gradient = parameter.grad.detach()
                if gradient.is_sparse:
                    gradient = gradient.coalesce().values()
                self.by_parameter[name] = torch.linalg.vector_norm(gradient.float())

        return hook

    def _forward(self, name: str) -> Callable[[nn.Module, Any, Any], None]:
        def hook(module: nn.Module, arguments: Any, output: Any) -> None:
            first = _tensor(output)
            if first is None or not first.is_floating_point() or is_functorch_wrapped_tensor(first):
                return
            # what is computed here is none of the model's calls
            with torch.no_grad(), torch._C.DisableTorchFunction():
                self._read(name, module, arguments, first.detach())
            if first.requires_grad:
                first.register_hook(self._backward(name, module))

        return hook

    def _read(self, name: str, module: nn.Module, arguments: Any, output: Tensor) -> None:
        if name not in self.kinds:
            self.order.append(name)
        self.kinds[name] = type(module).__name__
        self.activation[name] = size(output)
        self.forwards.append((name, self.activation[name]))
        if isinstance(module, RECURRENT):
            given = _tensor(arguments)
            if given is not None:
                hidden = arguments[1] if len(arguments) > 1 else None
                self.layers[name] = module, given.detach(), hidden
                self.outputs[name] = output
        elif isinstance(module, CELLS):
            self.cell_states.setdefault(name, []).append(self.activation[name])

    def _backward(self, name: str, module: nn.Module) -> Callable[[Tensor], None]:
        call = len(self.cell_states.get(name, ())) - 1

        def hook(gradient: Tensor) -> None:
            with torch.no_grad():
                value = self.gradient[name] = size(gradient.detach())
                self.backwards.append((name, value))
                if isinstance(module, CELLS):
                    self.cell_gradients.setdefault(name, {})[call] = value
                elif isinstance(module, RECURRENT):
                    self.output_gradients[name] = gradient.detach()

        return hook


def _tensor(given: Any) -> Tensor | None:
    """The first tensor in what a module takes or gives."""
    if isinstance(given, Tensor):
        return given
    if isinstance(given, nn.utils.rnn.PackedSequence):
        return None
    if isinstance(given, tuple | list):
        return next((found for entry in given if (found := _tensor(entry)) is not None), None)
    if isinstance(given, dict):
        return _tensor(list(given.values()))
    return None


def numbers(tensors: list[Tensor]) -> list[float]:
    """All at once, so that a device is waited for once."""
    if not tensors:
        return []
    device = tensors[0].device
    return torch.stack([t.detach().float().to(device) for t in tensors]).tolist()
