"""A program as the source of a module: imports, what is read off the arguments, and the function."""

from __future__ import annotations

from collections.abc import Sequence

from backprove.compute.emit.loopwriter import ListLoops, LoopWriter, PlainLoops, Scans
from backprove.compute.emit.names import Names, identifier
from backprove.compute.emit.program import Program
from backprove.compute.emit.spellings import TARGETS
from backprove.compute.emit.text import whole
from backprove.compute.emit.values import BATCH_SIZE, Value
from backprove.compute.emit.writer import origin, reach
from backprove.tensor.whole import Shape, Whole

WRITERS: dict[str, type[LoopWriter]] = {"numpy": PlainLoops, "torch": ListLoops, "jax": Scans}


class Frame:
    """What the functions of one module share: the names, and a writer for their lines."""

    def __init__(self, made: Program, target: str, *taken: str) -> None:
        self.made = made
        self.library = TARGETS[target]
        names = Names()
        for name in taken:
            names.unique(name)
        self.arguments = [names.unique(i.name) for i in made.inputs]
        sizes: dict[str, str] = {}  # sizes keep their letters where no argument has them
        for size in _size_names(made):
            sizes[size] = names.unique("B" if size == BATCH_SIZE else identifier(size))
        self.writer = WRITERS[target](
            self.library, names, reach(made.values), made.reference, dict(made.fixed), sizes
        )

    def result(self, value: Value, name: str) -> str:
        """The text of something returned, after the lines that it needs."""
        inner = origin(value)
        if inner.wish is None and inner.args and name:
            inner.wish = name
        self.writer.emit([value])
        text = self.writer.show(value).text
        if value.number or (inner.op == "full" and not inner.labels):
            return self.writer.word("array", text, self.made.reference).text
        return text

    def module(self, body: Sequence[str]) -> str:
        """The source around classes and functions."""
        modules = set(self.writer.modules)
        helpers = [t for h, t in self.library.helpers.items() if h in self.writer.helpers]
        if any("math." in text for text in helpers):
            modules.add("math")
        lines = [f"import {m}" for m in sorted(modules)]
        lines += [""] if modules else []
        lines += self.library.imports
        for text in helpers:
            lines += ["", "", *text.split("\n")]
        return "\n".join([*lines, "", "", *body]) + "\n"

    def preamble(self) -> tuple[list[str], list[str]]:
        """Lines that read the sizes off the arguments, and the sizes that have to be given."""
        return _preamble(self.made, self.writer)

    def docstring(self, title: str, extra: Sequence[str], returns: bool = True) -> list[str]:
        return _docstring(self.made, self.writer, title, extra, returns)


def source(made: Program, target: str, name: str = "derivative") -> str:
    """The text of a module with one function, which returns the outputs in order."""
    frame = Frame(made, target, name)
    results = [frame.result(v, o.name) for v, o in zip(made.values, made.outputs, strict=True)]
    preamble, extra = frame.preamble()
    title = _listed([out.spoken or identifier(out.name) for out in made.outputs])
    body = [frame.library.decorator] if frame.library.decorator else []
    body.append(f"def {name}({', '.join([*frame.arguments, *extra])}):")
    body += indented([*frame.docstring(title, extra), *preamble])
    body += [*frame.writer.lines, f"    return {', '.join(results)}"]
    return frame.module(body)


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
    made: Program, writer: LoopWriter, title: str, extra: Sequence[str], returns: bool
) -> list[str]:
    def shape(lengths: Shape) -> str:
        spelled = {n: writer.sizes.get(n, identifier(n)) for w in lengths for n in w.names}
        inner = ", ".join(whole(w.put(made.fixed), spelled).text for w in lengths)
        return f"({inner},)" if len(lengths) == 1 else f"({inner})"

    titles = [out.spoken or identifier(out.name) for out in made.outputs]
    lines = [f'"""{title}.', "", "Arguments:"]
    for item in made.inputs:
        more = (
            f"; {item.name}[k] is member {whole(item.first[0], _spelled(item.first[0], writer))} + k"
            if len(item.first) == 1 and not item.batched
            else ""
        )
        lines.append(
            f"    {item.name}: {_kind(item.value.lengths)}{shape(item.value.lengths)}{more}"
        )
    lines += [f"    {name}: a whole number" for name in extra]
    if not returns:
        return [*lines, '"""']
    lines += ["", "Returns:"]
    for value, title in zip(made.values, titles, strict=True):
        lines.append(
            f"    {title[:1].lower() + title[1:] if title[1:2].islower() else title}: "
            f"{_kind(value.lengths)}{shape(value.lengths)}"
        )
    return [*lines, '"""']


def _spelled(value: Whole, writer: LoopWriter) -> dict[str, str]:
    return {n: writer.sizes.get(n, identifier(n)) for n in value.names}


def _kind(lengths: Shape) -> str:
    return "shape " if lengths else "a number, shape "


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]
