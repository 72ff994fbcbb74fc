"""A function to be written: what it takes, what it gives, and how its values come about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from backprove.compute.emit.columns import as_arrays
from backprove.compute.emit.families import Input, identifiers
from backprove.compute.emit.fuse import fuse
from backprove.compute.emit.layers import as_layers
from backprove.compute.emit.lower import Lower
from backprove.compute.emit.names import identifier
from backprove.compute.emit.reach import reach
from backprove.compute.emit.scope import TOP
from backprove.compute.emit.values import BATCH, FAMILY, Axis, Label, NoCode, Value
from backprove.model.entity import IndexRange, System
from backprove.tensor.nodes import Node


@dataclass(frozen=True, slots=True)
class Output:
    """Something that the function returns.

    `axes` are open indices of `node`, which become leading axes of the result; `batched` says
    that each example has a result of its own, where otherwise the examples' are added up.
    """

    name: str
    node: Node
    axes: tuple[IndexRange, ...] = ()
    batched: bool = False
    spoken: str = ""
    #: for a derivative, the argument that it is by
    of: str = ""


@dataclass(frozen=True, slots=True)
class Program:
    """The intermediate program of one function."""

    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    values: tuple[Value, ...]
    fixed: Mapping[str, int]
    reference: str


def program(
    system: System,
    outputs: Sequence[Output],
    batch: Iterable[str] = (),
) -> Program:
    """The program for some expressions over the names of a system; raises NoCode.

    `batch` names the arguments that have a leading batch axis.
    """
    batched = frozenset(map(identifier, batch))
    system, nodes = as_arrays(*as_layers(system, [out.node for out in outputs]))
    outputs = [replace(out, node=node) for out, node in zip(outputs, nodes, strict=True)]
    lower = Lower(system, nodes, batched)
    values = [_result(lower, out) for out in outputs]
    unknown = batched - set(lower.inputs)
    if unknown:
        raise NoCode(f"{', '.join(sorted(unknown))} is no argument that the result depends on")
    fuse(lower.graph, lower.running, values)
    found = reach(values)
    inputs = [i for i in lower.inputs.values() if i.value in found.uses]
    known = identifiers(system)
    # the sizes of results are read off what is differentiated by, where nothing else has them
    missing = {n for v in values for length in v.lengths for n in length.names} - set(
        system.fixed()
    )
    for name in dict.fromkeys(out.of for out in outputs if out.of in known):
        argument = lower.argument(known[name])
        unknown = missing - _sizes(inputs)
        if argument not in inputs and (not inputs or not unknown.isdisjoint(_sizes([argument]))):
            inputs.append(argument)
    order = {name: n for n, name in enumerate(known)}
    inputs.sort(key=lambda i: order.get(i.name, 0))
    return Program(
        tuple(inputs), tuple(outputs), tuple(values), system.fixed(), _reference(inputs, outputs)
    )


def _sizes(inputs: Iterable[Input]) -> set[str]:
    return {n for i in inputs for length in i.value.lengths for n in length.names}


def _reference(inputs: Sequence[Input], outputs: Sequence[Output]) -> str:
    """The argument whose kind of numbers new arrays have: one that is differentiated by."""
    names = [i.name for i in inputs]
    return next((out.of for out in outputs if out.of in names), names[0] if names else "")


def _result(lower: Lower, out: Output) -> Value:
    """The value of an output, with its axes in the order of the docstring."""
    axes: list[Axis] = []
    for r in out.axes:
        if r.low is None or r.high is None:
            raise NoCode(f"the range of {r.name} is not known")
        axes.append(Axis(r.name, r.low, r.high, FAMILY))
    summed = (
        frozenset() if out.batched else frozenset([BATCH]) if lower.batched else frozenset[Axis]()
    )
    value = lower.low(out.node, TOP.opened(*axes), summed)
    lead: list[Axis] = [*([BATCH] if out.batched else []), *axes]
    labels: list[Label] = [*lead, *range(out.node.rank)]
    lengths = [*(a.length for a in lead), *out.node.shape]
    return lower.graph.expand(value, labels, lengths)
