"""Sizes along the axes of convolutions, receptive fields and counts of parameters.

The arithmetic is that of V. Dumoulin and F. Visin, "A guide to convolution arithmetic for deep
learning" (2016).
"""

from __future__ import annotations

from fractions import Fraction
from math import prod

from backprove.explain.arguments import STRIDES, TRANSPOSED, Arguments
from backprove.explain.explanation import Explanation, table
from backprove.model.quantities import conv_length, transposed_length

LETTERS = {"stride": "s", "padding": "p", "output_padding": "o", "dilation": "d"}
DEFAULTS = {"stride": 1, "padding": 0, "output_padding": 0, "dilation": 1}


def size(a: Arguments) -> Explanation:
    """conv_size and conv_transpose_size: the formula, with the numbers of every axis put in."""
    axes = max(len(a.wholes("input")), len(a.wholes("kernel")))
    transposed = a.function == "conv_transpose_size"
    names = TRANSPOSED if transposed else STRIDES
    columns = [a.wholes("input", axes), a.wholes("kernel", axes)]
    columns += [a.wholes(name, axes, DEFAULTS[name]) for name in names]
    work = _transposed if transposed else _plain
    lines: list[str] = []
    sizes: list[int] = []
    for axis, numbers in enumerate(zip(*columns, strict=True)):
        letters = ("n", "k", *(LETTERS[name] for name in names))
        told = ", ".join(f"{x} = {v}" for x, v in zip(letters, numbers, strict=True))
        lines += ([""] if axis else []) + ([f"axis {axis + 1}: {told}"] if axes > 1 else [told])
        steps, found = work(*numbers)
        lines += [("= " if i else "  ") + step for i, step in enumerate(steps)]
        sizes.append(found)
    value = str(sizes[0]) if axes == 1 else f"[{', '.join(map(str, sizes))}]"
    return Explanation(a.question, tuple(lines), value, Fraction(sizes[0]) if axes == 1 else None)


def _plain(n: int, k: int, s: int, p: int, d: int) -> tuple[list[str], int]:
    over = n + 2 * p - d * (k - 1) - 1
    steps = [
        "⌊(n + 2p − d(k − 1) − 1)/s⌋ + 1",
        f"⌊({n} + 2·{p} − {d}·({k} − 1) − 1)/{s}⌋ + 1",
        f"⌊{over}/{s}⌋ + 1",
        f"{over // s} + 1",
    ]
    return [*steps, str(over // s + 1)], conv_length(n, k, s, p, d)


def _transposed(n: int, k: int, s: int, p: int, o: int, d: int) -> tuple[list[str], int]:
    steps = [
        "(n − 1)s − 2p + d(k − 1) + o + 1",
        f"({n} − 1)·{s} − 2·{p} + {d}·({k} − 1) + {o} + 1",
        f"{(n - 1) * s} − {2 * p} + {d * (k - 1)} + {o} + 1",
    ]
    found = transposed_length(n, k, s, p, o, d)
    return [*steps, str(found)], found


def receptive_field(a: Arguments) -> Explanation:
    """Layer by layer: the field grows by (k − 1) d times the distance of neighbouring outputs."""
    from backprove.notation.syntax import Array

    layers = a.expr("layers")
    rows: list[tuple[object, ...]] = [("layer", "k", "s", "d", "(k − 1)·d·jump", "field", "jump")]
    field, jump = 1, 1
    for i, layer in enumerate(layers.items if isinstance(layers, Array) else (), 1):
        k, s, d = [*a.list_of(layer), 1, 1][:3]
        grown = (k - 1) * d * jump
        field += grown
        work = f"{k - 1}·{d}·{jump} = {grown}"
        jump *= s
        rows.append((i, k, s, d, work, field, jump))
    lines = [
        "One output sees 1 entry of itself; a layer adds (k − 1)·d·jump, where jump, the product",
        "of the strides before it, is how far apart its neighbouring inputs are in the first input.",
        "",
        *table(rows),
    ]
    return Explanation(a.question, tuple(lines), str(field), Fraction(field))


def parameters(a: Arguments) -> Explanation:
    """The weights of every filter, and a bias for each."""
    kernel, inputs, outputs = a.wholes("kernel"), a.whole("in"), a.whole("out")
    bias = a.whole("bias", 1)
    weights = prod(kernel) * inputs * outputs
    lines = [
        f"{outputs} filters of {' × '.join(map(str, [*kernel, inputs]))} weights",
        f"{outputs}·{'·'.join(map(str, [*kernel, inputs]))} = {weights}",
    ]
    if bias:
        lines += [f"{outputs} biases", f"{weights} + {outputs * bias} = {weights + outputs * bias}"]
    total = weights + outputs * bias
    return Explanation(a.question, tuple(lines), str(total), Fraction(total))
