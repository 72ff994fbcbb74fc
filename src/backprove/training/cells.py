"""PyTorch's recurrent layers, one step at a time: their state as one vector.

The equations are those of the documentation of `torch.nn.RNN`, `LSTM` and `GRU`. LSTM's state is
h and c, one behind the other.
"""

# PyTorch is not installed where types are checked, and types itself in part only
# pyright: basic, reportMissingImports=false

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

#: what `Step.forward` puts through an activation function, in its order
GATES = {
    "RNN_TANH": ("state",),
    "RNN_RELU": ("state",),
    "GRU": ("update gate", "reset gate", "candidate"),
    "LSTM": ("forget gate", "input gate", "candidate", "output gate", "cell"),
}


@dataclass(frozen=True)
class Step:
    """A layer's step: `forward(state, x)` of one example, or of a batch; vectors on the last axis."""

    kind: str
    hidden: int
    input_weight: Tensor
    weight: Tensor
    input_bias: Tensor | None
    bias: Tensor | None
    projection: Tensor | None = None

    @property
    def size(self) -> int:
        """Entries of the state."""
        out = self.hidden if self.projection is None else self.projection.shape[0]
        return out + self.hidden if self.kind == "LSTM" else out

    @property
    def shown(self) -> int:
        """Entries of the state that are the layer's output: the first ones."""
        return self.hidden if self.projection is None else self.projection.shape[0]

    def start(self, examples: int) -> Tensor:
        """The state before the first step: zeros, (examples, size)."""
        return self.weight.new_zeros(examples, self.size)

    def forward(self, state: Tensor, x: Tensor) -> Tensor:
        h = state[..., : self.shown]
        given = nn.functional.linear(x, self.input_weight, self.input_bias)
        carried = nn.functional.linear(h, self.weight, self.bias)
        if self.kind in ("RNN_TANH", "RNN_RELU"):
            z = given + carried
            return torch.tanh(z) if self.kind == "RNN_TANH" else torch.relu(z)
        if self.kind == "GRU":
            r, z, n = given.chunk(3, -1)
            hr, hz, hn = carried.chunk(3, -1)
            update = torch.sigmoid(z + hz)
            new = torch.tanh(n + torch.sigmoid(r + hr) * hn)
            return (1 - update) * new + update * h
        i, f, g, o = (given + carried).chunk(4, -1)
        c = torch.sigmoid(f) * state[..., self.shown :] + torch.sigmoid(i) * torch.tanh(g)
        out = torch.sigmoid(o) * torch.tanh(c)
        if self.projection is not None:
            out = nn.functional.linear(out, self.projection)
        return torch.cat([out, c], dim=-1)


def step_of(layer: nn.RNNBase, number: int, reverse: bool = False) -> Step:
    """The step of one of a layer's layers, with its weights as they are now."""
    suffix = f"_l{number}" + ("_reverse" if reverse else "")

    def weight(name: str) -> Tensor:
        return getattr(layer, name + suffix).detach()

    return Step(
        layer.mode,
        layer.hidden_size,
        weight("weight_ih"),
        weight("weight_hh"),
        weight("bias_ih") if layer.bias else None,
        weight("bias_hh") if layer.bias else None,
        weight("weight_hr") if layer.proj_size else None,
    )


def steps_of(layer: nn.RNNBase, x: Tensor, most: int) -> Iterator[tuple[Step, Tensor]]:
    """Every layer's forward step with its inputs (time, examples, features), without dropout.

    Of the batch at most so many examples are followed. Layers that run in both directions get the
    outputs of both.
    """
    with torch.no_grad():
        inputs = x if x.ndim == 3 else x.unsqueeze(0 if layer.batch_first else 1)
        inputs = inputs.transpose(0, 1) if layer.batch_first else inputs
        inputs = inputs[:, :most]
        for number in range(layer.num_layers):
            step = step_of(layer, number)
            yield step, inputs
            outputs = [run(step, inputs)[..., : step.shown]]
            if layer.bidirectional:
                back = step_of(layer, number, reverse=True)
                outputs.append(run(back, inputs.flip(0)).flip(0)[..., : back.shown])
            inputs = torch.cat(outputs, dim=-1)


def run(step: Step, inputs: Tensor) -> Tensor:
    """The states after every step, (time, examples, size)."""
    state = step.start(inputs.shape[1])
    states: list[Tensor] = []
    for x in inputs:
        state = step.forward(state, x)
        states.append(state)
    return torch.stack(states)
