"""A program as the source of a module: imports, what is read off the arguments, and the function."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap

from backprove.compute.emit.loopwriter import LoopWriter, PlainLoops, Scans
from backprove.compute.emit.names import Names, identifier
from backprove.compute.emit.program import Output, Program
from backprove.compute.emit.reach import origin, reach
from backprove.compute.emit.spellings import TARGETS
from backprove.compute.emit.text import whole
from backprove.compute.emit.torchwriter import TensorLoops
from backprove.compute.emit.values import BATCH_SIZE, Value
from backprove.tensor.whole import Shape, Whole

#: a docstring is no wider
WIDTH = 92

WRITERS: dict[str, type[LoopWriter]] = {"numpy": PlainLoops, "torch": TensorLoops, "jax": Scans}


class Frame:
    """What the functions of one module share: the names, and a writer for their lines."""

    def __init__(self, made: Program, target: str, *taken: str) -> None:
        self.made = made
        self.spelling = TARGETS[target]
        names = Names()
        for name in taken:
            names.unique(name)
        for value, out in zip(made.values, made.outputs, strict=True):
            inner = origin(value)
            if inner.wish is None and inner.args and out.name:
                inner.wish = out.name
        self.arguments = [names.unique(i.name) for i in made.inputs]
        sizes: dict[str, str] = {}  # sizes keep their letters where no argument has them
        for size in _size_names(made):
            sizes[size] = names.unique("B" if size == BATCH_SIZE else identifier(size))
        self.writer = WRITERS[target](
            self.spelling, names, reach(made.values), made.reference, dict(made.fixed), sizes
        )

    def result(self, value: Value) -> str:
        """The text of something returned, after the lines that it needs."""
        inner = origin(value)
        self.writer.emit([value])
        text = self.writer.show(value).text
        if value.number or (inner.op == "full" and not inner.labels):
            return self.writer.word("array", text, self.made.reference).text
        return text

    def module(self, body: Sequence[str]) -> str:
        """The source around classes and functions."""
        modules = set(self.writer.modules)
        helpers = [t for h, t in self.spelling.helpers.items() if h in self.writer.helpers]
        if any("math." in text for text in helpers):
            modules.add("math")
        lines = [f"import {m}" for m in sorted(modules)]
        lines += [""] if modules else []
        lines += self.spelling.imports
        for text in helpers:
            lines += ["", "", *text.split("\n")]
        return "\n".join([*lines, "", "", *body]) + "\n"

    def preamble(self) -> tuple[list[str], list[str]]:
        """Lines that read the sizes off the arguments, and the sizes that have to be given."""
        return _preamble(self.made, self.writer)

    def docstring(
        self, title: str, extra: Sequence[str], arguments: Sequence[str] = (), outputs: int = 0
    ) -> list[str]:
        """A title, the shapes of the arguments (all, or those named), and of the first outputs."""
        return _docstring(self.made, self.writer, title, extra, arguments, outputs)


def source(made: Program, target: str, name: str = "derivative") -> str:
    """The text of a module with one function, which returns the outputs in order."""
    frame = Frame(made, target, name)
    results = [frame.result(value) for value in made.values]
    preamble, extra = frame.preamble()
    body = [frame.spelling.decorator] if frame.spelling.decorator else []
    body.append(f"def {name}({', '.join([*frame.arguments, *extra])}):")
    text = frame.docstring(_title(made), extra, outputs=len(made.outputs))
    body += indented([*text, *preamble])
    body += [*frame.writer.lines, f"    return {', '.join(results)}"]
    return frame.module(body)


def _title(made: Program) -> str:
    """What the outputs are, in one sentence."""
    parts = [out.spoken for out in made.outputs if not out.of]
    variables = [out for out in made.outputs if out.of]
    if variables:
        quantity = variables[0].spoken.rpartition(" by ")[0]
        many = "s" if len(variables) > 1 else ""
        listed = _listed([out.spoken.rpartition(" by ")[2] for out in variables])
        parts.append(f"{quantity.replace('derivative', 'derivative' + many, 1)} by {listed}")
    text = " and the ".join(parts)
    return text[:1].upper() + text[1:] if variables and len(parts) == 1 else text


def indented(lines: Sequence[str], by: int = 4) -> list[str]:
    return [f"{' ' * by}{line}".rstrip() for line in lines]


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
                if factor is None or (name not in wanted and not (unknown & wanted)):
                    continue
                rest = length - Whole.of(name) * factor
                text = f"{item.name}.shape[{axis}]"
                if rest != 0:
                    text = (
                        f"{text} - ({whole(rest, writer.sizes)})"
                        if len(rest.terms) > 1
                        else _moved(text, rest, writer)
                    )
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


def _docstring(
    made: Program,
    writer: LoopWriter,
    title: str,
    extra: Sequence[str],
    arguments: Sequence[str],
    outputs: int,
) -> list[str]:
    def shape(lengths: Shape) -> str:
        spelled = {n: writer.sizes.get(n, identifier(n)) for w in lengths for n in w.names}
        inner = ", ".join(whole(w.put(made.fixed), spelled).text for w in lengths)
        kind = "shape " if lengths else "a number, shape "
        return f"{kind}({inner},)" if len(lengths) == 1 else f"{kind}({inner})"

    lines = wrap(f'"""{title}.', WIDTH)
    if any(item.batched for item in made.inputs):
        size = writer.sizes.get(BATCH_SIZE, "B")
        lines += ["", f"An argument whose first axis is {size} holds {size} examples."]
    lines += ["", "Arguments:"]
    for item in made.inputs:
        if arguments and item.name not in arguments:
            continue
        about = [f"{item.name}: {shape(item.value.lengths)}", *sorted(item.facts)]
        if len(item.first) == 1 and not item.batched:
            first = whole(item.first[0], _spelled(item.first[0], writer))
            about.append(f"{item.name}[0] is member {first}")
        lines.append(f"    {'; '.join(about)}")
    lines += [f"    {name}: a whole number" for name in extra]
    lines += ["", "Returns:"]
    for value, out in list(zip(made.values, made.outputs, strict=True))[:outputs]:
        summed = "; added up over the examples" if _is_summed(made, out) else ""
        lines.append(f"    {out.spoken}: {shape(value.lengths)}{summed}")
    return [*lines, '"""']


def _is_summed(made: Program, out: Output) -> bool:
    return any(item.batched for item in made.inputs) and not out.batched


def _spelled(value: Whole, writer: LoopWriter) -> dict[str, str]:
    return {n: writer.sizes.get(n, identifier(n)) for n in value.names}


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]
