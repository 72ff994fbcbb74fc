"""The networks that are compared: each gives a state after every step, and reads its answer there.

All are as in the shipped models (`rnn`, `relu-rnn`, `gated-cell`, `lstm`, `gru`, `attention-k`,
`attention-all`), with biases; attention has queries from the input and a weight for each distance,
so that it can tell places apart.
"""

# PyTorch is not installed where types are checked, and types itself in part only
# pyright: basic, reportMissingImports=false

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

NETWORKS = {
    "tanh": "tanh RNN",
    "relu": "ReLU RNN from I",
    "gated": "gated cell",
    "lstm": "LSTM",
    "gru": "GRU",
    "attention-k": "attention to the last 4",
    "attention-all": "attention to all",
}
#: states that attention over the last k looks back to
LAST = 4


class Recurrent(nn.Module):
    """One of PyTorch's layers; ReLU starts from the identity, LSTM with open forget gates.

    A forget bias of ln(T − 1) keeps a state for about T steps (C. Tallec, Y. Ollivier, "Can
    recurrent neural networks warp time?", ICLR 2018); it is at least 1.
    """

    def __init__(self, kind: str, entries: int, width: int, steps: int) -> None:
        super().__init__()
        made: dict[str, Any] = {
            "tanh": lambda: nn.RNN(entries, width, batch_first=True),
            "relu": lambda: nn.RNN(entries, width, batch_first=True, nonlinearity="relu"),
            "lstm": lambda: nn.LSTM(entries, width, batch_first=True),
            "gru": lambda: nn.GRU(entries, width, batch_first=True),
        }
        self.layer = made[kind]()
        with torch.no_grad():
            if kind == "relu":
                # Le, Jaitly and Hinton: identity, zero biases, small weights into the state
                nn.init.eye_(self.layer.weight_hh_l0)
                nn.init.normal_(self.layer.weight_ih_l0, std=0.1)
                nn.init.zeros_(self.layer.bias_ih_l0)
                nn.init.zeros_(self.layer.bias_hh_l0)
            if kind == "lstm":
                self.layer.bias_ih_l0[width : 2 * width] = max(1.0, math.log(max(steps - 1, 1)))

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x)[0]


class Gated(nn.Module):
    """c_t = σ(W_c x_t + W_h h_{t−1} + b),  h_t = c_t ⊙ h_{t−1} + (1 − c_t) ⊙ (W_x x_t)."""

    def __init__(self, entries: int, width: int) -> None:
        super().__init__()
        self.width = width
        self.given = nn.Linear(entries, 2 * width)
        self.carried = nn.Linear(width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack(self.states(x), dim=1)

    def states(self, x: Tensor) -> list[Tensor]:
        h = x.new_zeros(len(x), self.width)
        found: list[Tensor] = []
        for gate, new in (part.chunk(2, -1) for part in self.given(x).unbind(1)):
            c = torch.sigmoid(gate + self.carried(h))
            h = c * h + (1 - c) * new
            found.append(h)
        return found


class Attention(nn.Module):
    """A state mixes its input's value with those of earlier states, by softmax of their scores."""

    def __init__(self, entries: int, width: int, last: int | None, steps: int) -> None:
        super().__init__()
        self.last, self.width = last, width
        self.query, self.key = nn.Linear(entries, width), nn.Linear(width, width, bias=False)
        self.own = nn.Linear(entries, 2 * width)
        self.value = nn.Linear(width, width, bias=False)
        self.distance = nn.Parameter(torch.zeros((last or steps) + 1))

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack(self.states(x), dim=1)

    def states(self, x: Tensor) -> list[Tensor]:
        queries = self.query(x).unbind(1)
        found: list[Tensor] = []
        keys: list[Tensor] = []
        values: list[Tensor] = []
        for query, own in zip(queries, self.own(x).unbind(1), strict=True):
            key, value = own.chunk(2, -1)
            # nearest first: the input itself, then the state before, …
            count = len(found) if self.last is None else min(self.last, len(found))
            seen_keys = torch.stack([key, *keys[::-1][:count]], dim=1)
            seen_values = torch.stack([value, *values[::-1][:count]], dim=1)
            scores = (seen_keys * query.unsqueeze(1)).sum(-1) / self.width**0.5
            weights = torch.softmax(scores + self.distance[: count + 1], dim=1)
            h = torch.tanh((weights.unsqueeze(-1) * seen_values).sum(1))
            found.append(h)
            keys.append(self.key(h))
            values.append(self.value(h))
        return found


class Network(nn.Module):
    """A body with states, and an output: logits at every step, or at the last."""

    def __init__(
        self, kind: str, entries: int, width: int, classes: int, steps: int, every_step: bool
    ) -> None:
        super().__init__()
        self.every_step = every_step
        if kind == "gated":
            self.body: nn.Module = Gated(entries, width)
        elif kind == "attention-k":
            self.body = Attention(entries, width, LAST, steps)
        elif kind == "attention-all":
            self.body = Attention(entries, width, None, steps)
        else:
            self.body = Recurrent(kind, entries, width, steps)
        self.out = nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        states = self.body(x)
        return self.out(states if self.every_step else states[:, -1])


def count(model: nn.Module) -> int:
    """How many parameters a module has."""
    return sum(p.numel() for p in model.parameters())


def network(
    kind: str, budget: int, entries: int, classes: int, steps: int, every_step: bool
) -> tuple[Network, int]:
    """The widest network of a kind with at most `budget` parameters, and its width."""
    shape = (classes, steps, every_step)
    width = 1
    with torch.device("meta"):
        while count(Network(kind, entries, width + 1, *shape)) <= budget:
            width += 1
    return Network(kind, entries, width, *shape), width
