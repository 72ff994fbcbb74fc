"""A probe's tensors to a record of numbers, and the first place that is not finite."""

# PyTorch is not installed where types are checked, and types itself in part only
# pyright: basic, reportMissingImports=false

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from backprove.training.calls import RECTIFIERS
from backprove.training.watching import through_time
from backprove.training.watching.probes import Probe, numbers, sampled
from backprove.training.watching.records import Finding, Layer, Record, Times, Weights


@torch.no_grad()
def read(
    model: nn.Module,
    probe: Probe,
    before: dict[str, Tensor],
    step: int,
    loss: float | None,
    expected: float | None,
    through: bool = True,
) -> tuple[Record, Finding | None]:
    """The record of a step, and what first was not finite in it (None: all is).

    `through` says whether recurrent layers are run again for the gradient through time.
    """
    found = _Numbers()
    record = Record(step, loss, expected)
    for name in probe.order:
        record.layers[name] = Layer(probe.kinds[name])
        for key in ("activation", "gradient"):
            found.ask(getattr(probe, key).get(name), record.layers[name], key)
    for site in probe.calls.sites():
        # the calls of a layer that is more than its activation have lines of their own
        layer = record.layers.setdefault(site.name, Layer(site.function))
        if site.function in RECTIFIERS:
            found.ask(site.dead, layer, "dead")
        else:
            found.ask(site.saturated, layer, "saturated")
    changes: list[tuple[Weights, list[float]]] = []
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        weights = record.parameters[name] = Weights(0.0, axes=parameter.ndim)
        found.ask(torch.linalg.vector_norm(parameter.detach().float()), weights, "norm")
        gradient = probe.by_parameter.get(name)
        if gradient is not None:
            found.ask(gradient, weights, "gradient")
        if name in before:
            norms: list[float] = []
            found.add(torch.linalg.vector_norm((sampled(parameter) - before[name]).float()), norms)
            found.add(torch.linalg.vector_norm(before[name].float()), norms)
            changes.append((weights, norms))
    times = _times(probe, through)
    for name, (states, gradients) in times.items():
        record.times[name] = Times([], None if gradients is None else [])
        for value in states:
            found.add(value, record.times[name].activation)
        for value in gradients or ():
            into = record.times[name].gradient
            assert into is not None
            found.add(value, into)
    sizes: list[float] = []
    for _, size in (*probe.forwards, *probe.backwards):
        found.add(size, sizes)
    found.fetch()
    for weights, (change, own) in changes:
        weights.ratio = change / own if own else math.inf if change else 0.0
    norms = [w.gradient for w in record.parameters.values() if w.gradient is not None]
    record.gradient = math.hypot(*norms) if norms else None
    return record, _first_broken(model, probe, sizes, step, loss, record)


def _times(probe: Probe, through: bool) -> dict[str, tuple[list[Tensor], list[Tensor] | None]]:
    """Recurrent layers and cells, step by step."""
    found: dict[str, tuple[list[Tensor], list[Tensor] | None]] = {}
    for name, (layer, inputs, hidden) in probe.layers.items():
        arrived = probe.output_gradients.get(name)
        gradients = None
        if arrived is not None and through:
            gradients = through_time.gradients(layer, inputs, hidden, arrived)
        found[name] = through_time.activations(layer, probe.outputs[name]), gradients
    for name, states in probe.cell_states.items():
        if len(states) > 1:
            came = probe.cell_gradients.get(name, {})
            zero = torch.zeros_like(states[0])
            found[name] = states, [came.get(i, zero) for i in range(len(states))] if came else None
    return found


def _first_broken(
    model: nn.Module,
    probe: Probe,
    sizes: list[float],
    step: int,
    loss: float | None,
    record: Record,
) -> Finding | None:
    """Where a number that is not finite first arose: forwards, in the loss, backwards, or an update."""
    forwards = len(probe.forwards)
    for (name, _), value in zip(probe.forwards, sizes[:forwards], strict=True):
        if not math.isfinite(value):
            return Finding(
                step,
                "not-finite",
                name,
                f"the output of {name} is the first that is not finite in the forward pass",
            )
    if loss is not None and not math.isfinite(loss):
        return Finding(
            step, "not-finite", "", f"the loss is {loss}, though what every layer gives is finite"
        )
    for (name, _), value in zip(probe.backwards, sizes[forwards:], strict=True):
        if not math.isfinite(value):
            return Finding(
                step,
                "not-finite",
                name,
                f"the gradient by the output of {name} is the first that is not finite in the "
                "backward pass",
            )
    for name, weights in record.parameters.items():
        if weights.gradient is not None and not math.isfinite(weights.gradient):
            return Finding(step, "not-finite", name, f"the gradient of {name} is not finite")
    place = broken_weights(model)
    if place:
        return Finding(step, "not-finite", place, f"the update made {place} not finite")
    return None


@torch.no_grad()
def broken_weights(model: nn.Module) -> str:
    """The first parameter with an entry that is not finite, or nothing."""
    named = [(n, p) for n, p in model.named_parameters() if p.is_floating_point()]
    flags = numbers([torch.isfinite(p.detach()).all() for _, p in named])
    return next((name for (name, _), ok in zip(named, flags, strict=True) if not ok), "")


class _Numbers:
    """Tensors that are wanted as numbers, fetched together."""

    def __init__(self) -> None:
        self._tensors: list[Tensor] = []
        self._places: list[tuple[object, str | None]] = []

    def ask(self, tensor: Tensor | None, owner: object, key: str) -> None:
        """The number is to become an attribute."""
        if tensor is not None:
            self._tensors.append(tensor)
            self._places.append((owner, key))

    def add(self, tensor: Tensor, owner: list[float]) -> None:
        """The number is to be the next of a list."""
        self._tensors.append(tensor)
        self._places.append((owner, None))

    def fetch(self) -> None:
        for value, (owner, key) in zip(numbers(self._tensors), self._places, strict=True):
            if key is None:
                assert isinstance(owner, list)
                owner.append(value)
            else:
                setattr(owner, key, value)
