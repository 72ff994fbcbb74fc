"""A quantity as a function that a framework can differentiate through, by the derived formulas.

The program's first output is the quantity, the others its derivatives times `seed`, the gradient
that comes from above. What the first half computes and the second half needs is kept between.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from backprove.compute.emit.program import Program
from backprove.compute.emit.reach import origin, reach
from backprove.compute.emit.source import Frame, indented
from backprove.compute.emit.values import NoCode, Value

SEED = "seed"


def wrapped(made: Program, target: str, name: str) -> str:
    """The source of a `torch.autograd.Function` or of a function with a `custom_vjp`."""
    if target == "torch":
        return _autograd(made, name)
    if target == "jax":
        return _custom_vjp(made, name)
    raise NoCode("NumPy does not differentiate: there is nothing to wrap a function for")


class _Halves:
    """The lines of the forward and of the backward half, and what goes between them."""

    def __init__(self, made: Program, target: str, *taken: str) -> None:
        self.made = made
        self.frame = Frame(made, target, *taken)
        writer = self.frame.writer
        self.value = self.frame.result(made.values[0])
        self.forward, writer.lines = writer.lines, []
        sizes = set(writer.sizes.values())
        self.named = {
            t.text: v
            for v, t in writer.texts.items()
            if t.text.isidentifier() and t.text not in sizes
        }
        self.known = [*self.frame.arguments, *self.named, *writer.sizes.values()]
        self.arguments = [a for a in self.frame.arguments if a != SEED]

    def between(self, lines: Sequence[str]) -> list[str]:
        """The names of the first half that these lines use."""
        words = set(re.findall(r"(?<![\w.])[A-Za-z_]\w*", "\n".join(lines)))
        return [n for n in dict.fromkeys(self.known) if n in words and n != SEED]

    def plain(self, names: Sequence[str]) -> list[str]:
        """Those of the names that stand for Python numbers."""
        sizes = set(self.frame.writer.sizes.values())
        return [n for n in names if n in sizes or (n in self.named and self.named[n].number)]

    def gradients(self) -> dict[str, tuple[Value, str]]:
        """For each argument the output that is its derivative."""
        pairs = zip(self.made.values[1:], self.made.outputs[1:], strict=True)
        return {out.of: (value, out.name) for value, out in pairs}


def _autograd(made: Program, name: str) -> str:
    halves = _Halves(made, "torch", name, "ctx", "needed")
    writer, frame = halves.frame.writer, halves.frame
    gradients = halves.gradients()
    shared = _shared([value for value, _ in gradients.values()])
    writer.emit([v for v in shared if v not in writer.texts])
    results: list[str] = []
    for position, argument in enumerate(halves.arguments):
        if argument not in gradients:
            results.append("None")
            continue
        value, wish = gradients[argument]
        before, writer.lines = writer.lines, []
        writer.indent = "        "
        text = frame.result(value)
        writer.indent = "    "
        block, writer.lines = writer.lines, before
        if not block or text in halves.known:
            writer.lines += [line[4:] for line in block]
            results.append(text)
            continue
        writer.lines.append(f"    {wish} = None")
        writer.lines.append(f"    if ctx.needs_input_grad[{position}]:")
        writer.lines += block
        if text != wish:
            writer.lines.append(f"        {wish} = {text}")
        results.append(wish)
    backward = writer.lines
    preamble, extra = frame.preamble()
    if extra:
        raise NoCode(f"the size {extra[0]} cannot be read off an argument")
    saved = halves.between([*backward, ", ".join(results)])
    sizes = halves.plain(saved)
    tensors = [n for n in saved if n not in sizes]
    lines = [
        f"class {name}(torch.autograd.Function):",
        *indented(frame.docstring(_title(made), [], halves.arguments, outputs=1)),
        "",
        "    @staticmethod",
        f"    def forward(ctx, {', '.join(halves.arguments)}):",
        *indented(preamble, 8),
        *indented(halves.forward),
        *([f"        ctx.sizes = {', '.join(sizes)}"] if sizes else []),
        f"        ctx.save_for_backward({', '.join(tensors)})",
        f"        return {halves.value}",
        "",
        "    @staticmethod",
        "    @torch.autograd.function.once_differentiable",
        f"    def backward(ctx, {SEED}):",
        *([f"        {', '.join(sizes)} = ctx.sizes"] if sizes else []),
        *(
            [f"        {', '.join(tensors)}{',' * (len(tensors) == 1)} = ctx.saved_tensors"]
            if tensors
            else []
        ),
        *indented(backward),
        f"        return {', '.join(results)}",
    ]
    return frame.module(lines)


def _title(made: Program) -> str:
    return f"{made.outputs[0].spoken}, with derivatives by formulas"


def _shared(values: Sequence[Value]) -> list[Value]:
    """What more than one of the values needs, arguments before uses."""
    count: dict[Value, int] = {}
    for value in values:
        for part in reach([value]).uses:
            count[part] = count.get(part, 0) + 1
    several = [v for v, n in count.items() if n > 1 and v.loop is None]
    roots = {origin(value) for value in values}
    return [v for v in several if v.op != "relabel"] + [
        v for v in roots if sum(origin(w) is v for w in values) > 1
    ]


def _custom_vjp(made: Program, name: str) -> str:
    forward_name, backward_name = f"_{name}_forward", f"_{name}_backward"
    halves = _Halves(made, "jax", name)
    writer, frame = halves.frame.writer, halves.frame
    gradients = halves.gradients()
    results = [
        frame.result(gradients[a][0]) if a in gradients else "None" for a in halves.arguments
    ]
    backward = writer.lines
    preamble, extra = frame.preamble()
    if extra:
        raise NoCode(f"the size {extra[0]} cannot be read off an argument")
    saved = halves.between([*backward, ", ".join(results)])
    sizes = halves.plain(saved)
    arrays = [n for n in saved if n not in sizes]
    # sizes are read again: in a traced function they have to stay plain numbers
    again = [line for line in preamble if line.split(" = ")[0] in sizes]
    read = [a for a in halves.arguments if any(re.search(rf"\b{a}\b", line) for line in again)]
    arrays += [a for a in read if a not in arrays]
    kept = f"({', '.join(arrays)}{',' if len(arrays) == 1 else ''})"
    given = ", ".join(halves.arguments)
    lines = [
        "@jax.custom_vjp",
        f"def {name}({given}):",
        *indented(frame.docstring(_title(made), [], halves.arguments, outputs=1)),
        f"    return {forward_name}({given})[0]",
        "",
        "",
        f"def {forward_name}({given}):",
        *indented(preamble),
        *halves.forward,
        f"    return {halves.value}, {kept}",
        "",
        "",
        f"def {backward_name}(saved, {SEED}):",
        *([f"    {kept} = saved"] if arrays else []),
        *indented(again),
        *backward,
        f"    return {', '.join(results)}{',' if len(results) == 1 else ''}",
        "",
        "",
        f"{name}.defvjp({forward_name}, {backward_name})",
    ]
    return frame.module(lines)
