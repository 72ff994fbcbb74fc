"""Convolutions and transposed convolutions: every entry of the result, and their matrices.

Entries of arrays that have names are shown with their places as subscripts: K₁₂ is in row 1,
column 2.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import product
from math import prod

from backprove.errors import BackproveError
from backprove.explain.arguments import STRIDES, TRANSPOSED, Arguments
from backprove.explain.explanation import Explanation, fraction, matrix
from backprove.explain.sizes import DEFAULTS
from backprove.notation.unicode import to_unicode
from backprove.tensor.build import select
from backprove.tensor.nodes import Literal, Node, Select, Symbol
from backprove.tensor.whole import Whole

SUBSCRIPTS = str.maketrans("0123456789,", "₀₁₂₃₄₅₆₇₈₉,")
#: larger arrays are not written out
MOST_ENTRIES = 400

Place = tuple[int, ...]
#: a sum of products of names, with their coefficients
Entry = dict[tuple[str, ...], Fraction]
Table = dict[Place, Entry]


def as_matrix(a: Arguments) -> Explanation:
    """conv_matrix and conv_transpose_matrix: the matrix, and its product with an input."""
    transposed = a.function == "conv_transpose_matrix"
    rows, columns = _shape(a.value)
    _small(rows * columns)
    table = _entries(a.value)
    kernel, inputs = a.node("kernel"), a.wholes("input")
    name = "Z" if isinstance(kernel, Symbol) and kernel.name == "X" else "X"
    x: Table = {at: {(_subscripted(name, at),): Fraction(1)} for at in _places(inputs)}
    flat = [*x.values()]
    out, shape = _apply(a, x, inputs, _entries(kernel), _shape(kernel))
    small, large = ("input", "output") if transposed else ("output", "input")
    letter, shown = ("C", "Cᵀ") if transposed else ("M", "M")
    spoken = to_unicode(a.expr("kernel") or a.call)
    done = f"{a.function.removesuffix('_matrix')}({name}, {spoken})"
    lines = [
        *a.remarks,
        f"{letter} is {rows} × {columns}: a row for each entry of the {small} ({_sizes(a, small)}),",
        f"a column for each of the {large} ({_sizes(a, large)}), both read row by row.",
        "",
        *_grid(table, (rows, columns)),
        "",
        f"vec_rows({done}) = {shown} vec_rows({name}), with "
        f"vec_rows({name}) = [{', '.join(map(_written, flat))}]:",
        "",
        *(f"{i}: {_written(entry)}" for i, entry in enumerate(out.values(), 1)),
        "",
        f"as an array of {' × '.join(map(str, shape))}:",
        "",
        *_grid(out, shape),
    ]
    return Explanation(a.question, tuple(lines), "\n".join(_grid(table, (rows, columns))))


def result(a: Arguments) -> Explanation:
    """conv and conv_transpose: the products that every entry is the sum of."""
    x, k = a.node("input"), a.node("kernel")
    _small(prod(_shape(a.value)))
    out, shape = _apply(a, _entries(x), _shape(x), _entries(k), _shape(k))
    rule = (
        "Every input entry, times the kernel, is added at its place in the output."
        if a.function == "conv_transpose"
        else "Every entry is the sum of the kernel's entries times the input entries under them."
    )
    sums = [f"{_subscripted('Y', at)} = {_written_out(a, at, x, k)}" for at in _places(list(shape))]
    lines = [*a.remarks, rule, "", *sums]
    return Explanation(a.question, tuple(lines), "\n".join(_grid(out, shape)))


# --- the arithmetic -------------------------------------------------------------------------------


def _meetings(
    a: Arguments, inputs: Sequence[int], kernel: Sequence[int]
) -> Iterator[tuple[Place, Place, Place]]:
    """Places in the input, the kernel and the output that meet, counted from 0."""
    transposed = "transpose" in a.function
    names = TRANSPOSED if transposed else STRIDES
    settings = {name: a.wholes(name, len(inputs), DEFAULTS[name]) for name in names}
    steps = (settings["stride"], settings["padding"], settings["dilation"])
    return meetings(inputs, kernel, _out_shape(a), *steps, transposed)


def meetings(
    inputs: Sequence[int],
    kernel: Sequence[int],
    out: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    transposed: bool,
) -> Iterator[tuple[Place, Place, Place]]:
    """Places in the input, the kernel and the output that meet, counted from 0.

    All have a number for each axis. Every meeting is a product in the sum that its output entry is.
    """
    small, large = (inputs, out) if transposed else (out, inputs)
    for r in product(*map(range, small)):
        for i in product(*map(range, kernel)):
            p = tuple(
                s * at + d * j - pad
                for at, j, s, d, pad in zip(r, i, stride, dilation, padding, strict=True)
            )
            if all(0 <= at < size for at, size in zip(p, large, strict=True)):
                yield (r, i, p) if transposed else (p, i, r)


def _out_shape(a: Arguments) -> tuple[int, ...]:
    """The shape of the result of a convolution, also for its matrix."""
    from backprove.model.quantities import conv_length, transposed_length

    if not a.function.endswith("_matrix"):
        return _shape(a.value)
    transposed = a.function == "conv_transpose_matrix"
    inputs, kernel = a.wholes("input"), _shape(a.node("kernel"))
    names = TRANSPOSED if transposed else STRIDES
    columns = [a.wholes(name, len(inputs), DEFAULTS[name]) for name in names]
    length = transposed_length if transposed else conv_length
    return tuple(length(*numbers) for numbers in zip(inputs, kernel, *columns, strict=True))


def _apply(
    a: Arguments, x: Table, inputs: Sequence[int], k: Table, kernel: Sequence[int]
) -> tuple[Table, tuple[int, ...]]:
    shape = _out_shape(a)
    out: Table = {at: {} for at in _places(shape)}
    for p, i, r in _meetings(a, inputs, kernel):
        entry = out[_counted(r)]
        for left, c in k[_counted(i)].items():
            for right, d in x[_counted(p)].items():
                key = tuple(sorted((*left, *right)))
                entry[key] = entry.get(key, Fraction(0)) + c * d
    return out, shape


def _written_out(a: Arguments, at: Place, x: Node, k: Node) -> str:
    """The sum for one entry, product by product."""
    left, right = _entries(k), _entries(x)
    terms = [
        f"{_factor(left[_counted(i)])}·{_factor(right[_counted(p)])}"
        for p, i, r in _meetings(a, _shape(x), _shape(k))
        if _counted(r) == at
    ]
    total = _apply_one(a, at, x, k)
    numeric = all(not key for key in total)
    return " + ".join(terms or ["0"]) + (f" = {_written(total)}" if numeric and terms else "")


def _apply_one(a: Arguments, at: Place, x: Node, k: Node) -> Entry:
    return _apply(a, _entries(x), _shape(x), _entries(k), _shape(k))[0][at]


# --- entries --------------------------------------------------------------------------------------


def _shape(node: Node) -> tuple[int, ...]:
    sizes = [size.constant for size in node.shape]
    if not all(isinstance(size, int) for size in sizes):
        raise BackproveError("this can be explained for arrays with sizes that are numbers only")
    return tuple(int(size) for size in sizes if size is not None)


def _places(shape: Sequence[int]) -> Iterator[Place]:
    """The places of an array, counted from 1."""
    return product(*(range(1, size + 1) for size in shape))


def _counted(place: Place) -> Place:
    return tuple(p + 1 for p in place)


def _entries(node: Node) -> Table:
    """Every entry of an array, with a name or a number for each."""
    return {at: _entry(select(node, [Whole.of(p) for p in at])) for at in _places(_shape(node))}


def _entry(node: Node) -> Entry:
    if isinstance(node, Literal):
        return {(): node.value} if node.value else {}
    if isinstance(node, Select) and isinstance(node.arg, Symbol):
        places = [w.constant for w in node.at if w is not None]
        if len(places) == node.arg.rank:
            at = tuple(int(p) for p in places if p is not None)
            return {(_subscripted(node.arg.name, at),): Fraction(1)}
    if isinstance(node, Symbol):
        return {(node.name,): Fraction(1)}
    raise BackproveError("this can be explained for arrays of names and numbers only")


def _subscripted(name: str, at: Place) -> str:
    comma = "," if max(at) > 9 else ""
    return name + comma.join(map(str, at)).translate(SUBSCRIPTS)


def _written(entry: Entry) -> str:
    """`K₁₁ X₂₁ + 2 K₁₂`."""
    text = ""
    for names, c in entry.items():
        number = fraction(abs(c)) if abs(c) != 1 or not names else ""
        sign = " − " if c < 0 else " + "
        text += (sign if text else "−" * (c < 0)) + " ".join([number] * bool(number) + [*names])
    return text or "0"


def _factor(entry: Entry) -> str:
    text = _written(entry)
    return f"({text})" if text.startswith("−") else text


def _grid(table: Table, shape: Sequence[int]) -> list[str]:
    """An array of one or two axes, in brackets."""
    cells = [_written(entry) for entry in table.values()]
    width = shape[-1]
    return matrix([cells[i : i + width] for i in range(0, len(cells), width)]).split("\n")


def _sizes(a: Arguments, role: str) -> str:
    shape = a.wholes("input") if role == "input" else _out_shape(a)
    return " × ".join(map(str, shape))


def _small(entries: int) -> None:
    if entries > MOST_ENTRIES:
        raise BackproveError(
            f"{entries} entries are too many to write down ({MOST_ENTRIES} at most)"
        )
