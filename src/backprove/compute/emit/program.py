"""A function to be written: what it takes, what it gives, and its source for a library."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from backprove.compute.emit.families import Input
from backprove.compute.emit.loopwriter import ListLoops, LoopWriter, PlainLoops, Scans
from backprove.compute.emit.lower import Lower
from backprove.compute.emit.names import Names, identifier
from backprove.compute.emit.scope import TOP
from backprove.compute.emit.spellings import TARGETS
from backprove.compute.emit.text import whole
from backprove.compute.emit.values import BATCH, BATCH_SIZE, FAMILY, Axis, Label, NoCode, Value
from backprove.compute.emit.writer import origin, reach
from backprove.model.entity import IndexRange, System
from backprove.tensor.nodes import Node
from backprove.tensor.whole import Shape, Whole


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
    wishes: Mapping[Node, str] | None = None,
) -> Program:
    """The program for some expressions over the names of a system; raises NoCode.

    `batch` names the arguments that have a leading batch axis.
    """
    batched = frozenset(map(identifier, batch))
    lower = Lower(system, [out.node for out in outputs], batched)
    values = [_result(lower, out) for out in outputs]
    unknown = batched - set(lower.inputs)
    if unknown:
        raise NoCode(f"{', '.join(sorted(unknown))} is no argument that the result depends on")
    found = reach(values)
    inputs = [i for i in lower.inputs.values() if i.value in found.uses]
    order = {e: n for n, e in enumerate(_declared(system))}
    inputs.sort(key=lambda i: order.get(i.name, 0))
    if not inputs:
        inputs = list(lower.inputs.values())
    return Program(tuple(inputs), tuple(outputs), tuple(values), system.fixed(), inputs[0].name if inputs else "")


def _declared(system: System) -> list[str]:
    from backprove.compute.emit.families import identifiers

    return list(identifiers(system))


def _result(lower: Lower, out: Output) -> Value:
    """The value of an output, with its axes in the order of the docstring."""
    axes: list[Axis] = []
    for r in out.axes:
        if r.low is None or r.high is None:
            raise NoCode(f"the range of {r.name} is not known")
        axes.append(Axis(r.name, r.low, r.high, FAMILY))
    summed = frozenset() if out.batched else frozenset([BATCH]) if lower.batched else frozenset[Axis]()
    value = lower.low(out.node, TOP.opened(*axes), summed)
    lead: list[Axis] = [*([BATCH] if out.batched else []), *axes]
    labels: list[Label] = [*lead, *range(out.node.rank)]
    lengths = [*(a.length for a in lead), *out.node.shape]
    return lower.graph.expand(value, labels, lengths)


def source(made: Program, target: str, name: str = "derivative") -> str:
    """The text of a module with one function."""
    library = TARGETS[target]
    names = Names()
    arguments = [names.unique(i.name) for i in made.inputs]
    # sizes keep their letters
    sizes: dict[str, str] = {}
    for size in _size_names(made):
        sizes[size] = names.unique("B" if size == BATCH_SIZE else identifier(size))
    found = reach(made.values)
    kinds: dict[str, type[LoopWriter]] = {"jax": Scans, "torch": ListLoops, "numpy": PlainLoops}
    kind = kinds[target]
    writer = kind(library, names, found, made.reference, dict(made.fixed), sizes)
    results: list[str] = []
    for value, out in zip(made.values, made.outputs, strict=True):
        inner = origin(value)
        if inner.wish is None and not inner.args == () and out.name:
            inner.wish = out.name
        writer.emit([value])
        text = writer.show(value)
        results.append(writer.word("array", text.text, made.reference).text if value.number or inner.op == "full" and not inner.labels else text.text)
    preamble, extra = _preamble(made, writer)
    head = [*library.imports]
    modules = sorted(f"import {m}" for m in writer.modules)
    lines = [*modules, *([""] if modules else []), *head, ""]
    for helper, text in library.helpers.items():
        if helper in writer.helpers:
            if "math." in text and "import math" not in lines:
                lines.insert(0, "import math")
                lines.insert(1, "")
            lines += ["", text, ""]
    lines += [""]
    if library.decorator:
        lines.append(library.decorator)
    lines.append(f"def {name}({', '.join([*arguments, *extra])}):")
    lines += [f"    {line}".rstrip() for line in _docstring(made, writer, extra)]
    lines += [f"    {line}" for line in preamble]
    lines += writer.lines
    lines.append(f"    return {', '.join(results)}")
    return "\n".join(lines) + "\n"


def _size_names(made: Program) -> list[str]:
    found: dict[str, None] = {}
    for item in made.inputs:
        for length in item.value.lengths:
            for name in sorted(length.names):
                found[name] = None
    return [n for n in found if n not in made.fixed]


def _preamble(made: Program, writer: LoopWriter) -> tuple[list[str], list[str]]:
    """Lines that read the sizes off the arguments, and the sizes that have to be given."""
    lines: list[str] = []
    known: set[str] = set(made.fixed)
    wanted = {n for n in writer.wanted_sizes if n not in known}
    progress = True
    while wanted and progress:
        progress = False
        for item in made.inputs:
            for axis, length in enumerate(item.value.lengths):
                length = length.put(made.fixed)
                unknown = length.names - known
                if len(unknown) != 1:
                    continue
                (name,) = unknown
                factor = length.coefficient(name)
                if factor is None or name not in wanted and not (unknown & wanted):
                    continue
                rest = length - Whole.of(name) * factor
                text = f"{item.name}.shape[{axis}]"
                if rest != 0:
                    text = f"{text} - ({whole(rest, writer.sizes)})" if len(rest.terms) > 1 else _moved(text, rest, writer)
                if factor != 1:
                    text = f"({text}) // {factor}" if rest != 0 else f"{text} // {factor}"
                lines.append(f"{writer.sizes[name]} = {text}")
                known.add(name)
                wanted.discard(name)
                progress = True
    return lines, [writer.sizes[n] for n in sorted(wanted)]


def _moved(text: str, rest: Whole, writer: LoopWriter) -> str:
    fixed = rest.constant
    if isinstance(fixed, int):
        return f"{text} {'-' if fixed > 0 else '+'} {abs(fixed)}"
    return f"{text} - {whole(rest, writer.sizes).at(1)}"


def _docstring(made: Program, writer: LoopWriter, extra: list[str]) -> list[str]:
    def shape(lengths: Shape) -> str:
        spelled = {n: writer.sizes.get(n, identifier(n)) for w in lengths for n in w.names}
        inner = ", ".join(whole(w.put(made.fixed), spelled).text for w in lengths)
        return f"({inner},)" if len(lengths) == 1 else f"({inner})"

    titles = [out.spoken or identifier(out.name) for out in made.outputs]
    lines = [f'"""{_listed(titles)}.', "", "Arguments:"]
    for item in made.inputs:
        more = f"; {item.name}[k] is member {whole(item.first[0], _spelled(item.first[0], writer))} + k" if len(item.first) == 1 and not item.batched else ""
        lines.append(f"    {item.name}: {_kind(item.value.lengths)}{shape(item.value.lengths)}{more}")
    lines += [f"    {name}: a whole number" for name in extra]
    lines += ["", "Returns:"]
    for value, title in zip(made.values, titles, strict=True):
        lines.append(f"    {title[:1].lower() + title[1:] if title[1:2].islower() else title}: {_kind(value.lengths)}{shape(value.lengths)}")
    return [*lines, '"""']


def _spelled(value: Whole, writer: LoopWriter) -> dict[str, str]:
    return {n: writer.sizes.get(n, identifier(n)) for n in value.names}


def _kind(lengths: Shape) -> str:
    return "shape " if lengths else "a number, shape "


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]
