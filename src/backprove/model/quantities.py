"""The named quantities of NOTATION 2: sizes, convolutions, boxes, precision and recall.

Sizes follow the arithmetic of Dumoulin and Visin, "A guide to convolution arithmetic for deep
learning" (2016), relationships 6, 13 and 14 with dilation; average precision is that of the
PASCAL VOC challenge (Everingham et al. 2010, section 4.2) and its later variants.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import accumulate
from math import prod

from backprove.model.scope import Scope
from backprove.model.value import NoMeaning
from backprove.notation.syntax import Array, Call, Expr, Name
from backprove.tensor.build import (
    add,
    apply,
    build,
    fold,
    is_zero,
    literal,
    reciprocal,
    select,
    stack,
    test,
    times,
    where,
)
from backprove.tensor.nodes import Literal, Node
from backprove.tensor.whole import Whole

#: what can be written down: entries of a matrix, and recalls at which a precision is taken
MOST_ENTRIES = 100_000
MOST_POINTS = 1001


def _arguments(expr: Call, *names: str) -> dict[str, Expr]:
    """Arguments by name, positional ones first."""
    if len(expr.args) > len(names):
        raise NoMeaning(f"{expr.function} takes at most {len(names)} arguments", expr.span, "form")
    given = dict(zip(names, expr.args, strict=False))
    for name, value in expr.options:
        if name not in names:
            raise NoMeaning(
                f"{expr.function} has no argument {name}; it has {', '.join(names)}",
                expr.span,
                "form",
            )
        given[name] = value
    return given


def _required(given: dict[str, Expr], name: str, expr: Call) -> Expr:
    if name not in given:
        raise NoMeaning(f"{expr.function} needs {name}", expr.span, "form")
    return given[name]


def _number(value: Expr | None, default: int, scope: Scope, expr: Call) -> int:
    if value is None:
        return default
    whole = _whole(value, scope)
    if whole is None:
        raise NoMeaning(f"{expr.function} needs whole numbers here", value.span, "form")
    return whole


def _whole(value: Expr, scope: Scope) -> int | None:
    """The whole number that an argument is: a size, or an expression of numbers and quantities."""
    size = scope.try_whole(value)
    if size is not None:
        return size.constant if isinstance(size.constant, int) else None
    node = _array(value, scope)
    if isinstance(node, Literal) and node.value.denominator == 1:
        return int(node.value)
    return None


def _numbers(value: Expr, scope: Scope, expr: Call) -> list[int]:
    items = value.items if isinstance(value, Array) else (value,)
    return [_number(item, 0, scope, expr) for item in items]


def _positive(value: Expr, scope: Scope, expr: Call) -> list[int]:
    found = _numbers(value, scope, expr)
    if min(found) < 1:
        raise NoMeaning(f"{expr.function} needs sizes of at least 1", value.span, "form")
    return found


# --- sizes ----------------------------------------------------------------------------------------


def conv_length(n: int, k: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> int:
    """Output length of a convolution: floor((n + 2p − d(k−1) − 1) / s) + 1."""
    return (n + 2 * padding - dilation * (k - 1) - 1) // stride + 1


def transposed_length(
    n: int, k: int, stride: int = 1, padding: int = 0, output_padding: int = 0, dilation: int = 1
) -> int:
    """Output length of a transposed convolution: (n−1)s − 2p + d(k−1) + o + 1."""
    return (n - 1) * stride - 2 * padding + dilation * (k - 1) + output_padding + 1


_STRIDES = {"stride": 1, "padding": 0, "dilation": 1}
_TRANSPOSED_STRIDES = {"stride": 1, "padding": 0, "output_padding": 0, "dilation": 1}


def _strides(expr: Call) -> dict[str, int]:
    """The settings that a convolution has, in the order of its formula, with their defaults."""
    return _TRANSPOSED_STRIDES if expr.function.startswith("conv_transpose") else _STRIDES


def _length(expr: Call) -> Callable[..., int]:
    return transposed_length if expr.function.startswith("conv_transpose") else conv_length


def _settings(given: dict[str, Expr], axes: int, scope: Scope, expr: Call) -> list[tuple[int, ...]]:
    """The settings of a convolution, axis by axis; a single number holds for every axis."""
    columns: list[list[int]] = []
    for name, default in _strides(expr).items():
        numbers = _numbers(given[name], scope, expr) if name in given else [default]
        least = 1 if name in ("stride", "dilation") else 0
        if min(numbers) < least:
            raise NoMeaning(f"{name} must be at least {least}", expr.span, "form")
        columns.append(_spread_over(numbers, axes, expr))
    return list(zip(*columns, strict=True))


def _spread_over(numbers: list[int], axes: int, expr: Call) -> list[int]:
    if len(numbers) not in (1, axes):
        raise NoMeaning(f"{expr.function} has {axes} axes here", expr.span, "form")
    return numbers if len(numbers) == axes else numbers * axes


def _lengths(
    inputs: Sequence[int], kernels: Sequence[int], settings: list[tuple[int, ...]], expr: Call
) -> list[int]:
    lengths = [_length(expr)(n, k, *s) for n, k, s in zip(inputs, kernels, settings, strict=True)]
    if min(*inputs, *kernels, *lengths) < 1:
        raise NoMeaning("the kernel is larger than the padded input", expr.span, "form")
    return lengths


def _size(expr: Call, scope: Scope) -> Node:
    given = _arguments(expr, "input", "kernel", *_strides(expr))
    inputs = _numbers(_required(given, "input", expr), scope, expr)
    kernels = _numbers(_required(given, "kernel", expr), scope, expr)
    axes = max(len(inputs), len(kernels))
    lengths = _lengths(
        _spread_over(inputs, axes, expr),
        _spread_over(kernels, axes, expr),
        _settings(given, axes, scope, expr),
        expr,
    )
    nodes = [literal(length) for length in lengths]
    return nodes[0] if axes == 1 else stack(nodes)


def _receptive_field(expr: Call, scope: Scope) -> Node:
    given = _arguments(expr, "layers")
    layers = _required(given, "layers", expr)
    rows = layers.items if isinstance(layers, Array) else ()
    if not rows or not all(isinstance(row, Array) and len(row.items) <= 3 for row in rows):
        raise NoMeaning(
            "receptive_field needs a list of layers, each [kernel, stride, dilation]",
            layers.span,
            "form",
        )
    field, jump = 1, 1
    for row in rows:
        kernel, stride, dilation = [*_positive(row, scope, expr), 1, 1][:3]
        field += (kernel - 1) * dilation * jump
        jump *= stride
    return literal(field)


def _parameters(expr: Call, scope: Scope) -> Node:
    given = _arguments(expr, "kernel", "in", "out", "bias")
    total = 1
    for size in _positive(_required(given, "kernel", expr), scope, expr):
        total *= size
    inputs, *_ = _positive(_required(given, "in", expr), scope, expr)
    outputs, *_ = _positive(_required(given, "out", expr), scope, expr)
    return literal(total * inputs * outputs + outputs * _number(given.get("bias"), 1, scope, expr))


# --- convolutions ---------------------------------------------------------------------------------


def _array(value: Expr, scope: Scope) -> Node:
    from backprove.model.meaning import meaning

    return meaning(value, scope).node


def _conv(expr: Call, scope: Scope) -> Node:
    given = _arguments(expr, "input", "kernel", *_strides(expr))
    x = _array(_required(given, "input", expr), scope)
    k = _array(_required(given, "kernel", expr), scope)
    if x.rank != k.rank or x.rank not in (1, 2):
        raise NoMeaning(f"{expr.function} needs two vectors or two matrices", expr.span)
    settings = _settings(given, x.rank, scope, expr)
    sizes = [
        _out_length(n, m, *setting, expr=expr)
        for n, m, setting in zip(x.shape, k.shape, settings, strict=True)
    ]
    return (
        convolve(x, k, sizes, settings)
        if expr.function == "conv"
        else spread(x, k, sizes, settings)
    )


def _out_length(n: Whole, k: Whole, *setting: int, expr: Call) -> Whole:
    if isinstance(n.constant, int) and isinstance(k.constant, int):
        return Whole.of(_lengths([n.constant], [k.constant], [setting], expr)[0])
    if expr.function == "conv_transpose":
        stride, padding, beyond, dilation = setting
        return (n - 1) * stride - 2 * padding + (k - 1) * dilation + beyond + 1
    stride, padding, dilation = setting
    if stride == 1:
        return n + 2 * padding - (k - 1) * dilation
    raise NoMeaning("a stride needs sizes that are numbers", expr.span)


def _meeting(r: str, i: str, setting: tuple[int, ...]) -> Whole:
    """The place in the larger array where entry r of the smaller meets entry i of the kernel."""
    stride, padding, *_, dilation = setting
    return (Whole.of(r) - 1) * stride + (Whole.of(i) - 1) * dilation + 1 - padding


def convolve(x: Node, k: Node, sizes: list[Whole], settings: list[tuple[int, ...]]) -> Node:
    """Cross-correlation: y[r] = Σ_i x[s(r−1) + d(i−1) + 1 − p] k[i], zero outside x."""
    rows = ["r", "q"][: x.rank]
    inner = ["i", "j"][: x.rank]
    at = [_meeting(r, i, s) for r, i, s in zip(rows, inner, settings, strict=True)]
    term = times(select(x, at), select(k, [Whole.of(i) for i in inner]))
    for place, size, (_, padding, _) in zip(at, x.shape, settings, strict=True):
        if padding:
            term = where(
                test("≤", 1, place), where(test("≤", place, size), term, literal(0)), literal(0)
            )
    for i, size in reversed(list(zip(inner, k.shape, strict=True))):
        term = fold("sum", i, 1, size, term)
    return build(rows, sizes, term)


def spread(x: Node, k: Node, sizes: list[Whole], settings: list[tuple[int, ...]]) -> Node:
    """The transpose of `convolve` in its input: y[p] = Σ_{r,i} x[r] k[i] where r, i meet p."""
    rows = ["r", "q"][: x.rank]
    inner = ["i", "j"][: x.rank]
    places = ["p", "o"][: x.rank]
    term = times(select(x, [Whole.of(r) for r in rows]), select(k, [Whole.of(i) for i in inner]))
    for r, i, p, setting in zip(rows, inner, places, settings, strict=True):
        term = where(test("=", p, _meeting(r, i, setting)), term, literal(0))
    for i, size in reversed(list(zip(inner, k.shape, strict=True))):
        term = fold("sum", i, 1, size, term)
    for r, size in reversed(list(zip(rows, x.shape, strict=True))):
        term = fold("sum", r, 1, size, term)
    return build(places, sizes, term)


def _matrix(expr: Call, scope: Scope) -> Node:
    """conv_matrix and conv_transpose_matrix, entry by entry; a vector kernel has one input axis."""
    given = _arguments(expr, "kernel", "input", *_strides(expr))
    k = _array(_required(given, "kernel", expr), scope)
    inputs = _numbers(_required(given, "input", expr), scope, expr)
    kernel = [s.constant for s in k.shape if isinstance(s.constant, int)]
    if not len(inputs) == len(kernel) == k.rank:
        raise NoMeaning(f"{expr.function} needs a kernel and an input of one rank", expr.span)
    settings = _settings(given, k.rank, scope, expr)
    outputs = _lengths(inputs, kernel, settings, expr)
    small, large = (outputs, inputs) if expr.function == "conv_matrix" else (inputs, outputs)
    if prod(small) * prod(large) > MOST_ENTRIES:
        raise NoMeaning("this matrix has too many entries to write down", expr.span, "form")
    return stack(
        [stack([_entry(k, s, p, settings) for p in _places(large)]) for s in _places(small)]
    )


def _places(shape: list[int]) -> list[tuple[int, ...]]:
    found: list[tuple[int, ...]] = [()]
    for size in shape:
        found = [(*p, i) for p in found for i in range(size)]
    return found


def _entry(
    k: Node, small: tuple[int, ...], large: tuple[int, ...], settings: list[tuple[int, ...]]
) -> Node:
    at: list[int] = []
    for s, p, size, (stride, padding, *_, dilation) in zip(
        small, large, k.shape, settings, strict=True
    ):
        step, rest = divmod(p - stride * s + padding, dilation)
        if rest or not 0 <= step < int(size.constant or 0):
            return literal(0)
        at.append(step + 1)
    return select(k, at)


# --- boxes ----------------------------------------------------------------------------------------


def _overlap(expr: Call, scope: Scope) -> Node:
    given = _arguments(expr, "a", "b")
    a, b = (_array(_required(given, name, expr), scope) for name in ("a", "b"))
    if a.shape != (4,) or b.shape != (4,):
        raise NoMeaning(f"{expr.function} needs two boxes [x1, y1, x2, y2]", expr.span)
    ax1, ay1, ax2, ay2 = (select(a, [i]) for i in range(1, 5))
    bx1, by1, bx2, by2 = (select(b, [i]) for i in range(1, 5))

    def gap(high: Node, low: Node) -> Node:
        return add([(1, high), (-1, low)])

    def area(width: Node, height: Node) -> Node:
        return times(width, height)

    zero = literal(0)
    common = area(
        apply("max", gap(apply("min", ax2, bx2), apply("max", ax1, bx1)), zero),
        apply("max", gap(apply("min", ay2, by2), apply("max", ay1, by1)), zero),
    )
    union = add(
        [
            (1, area(gap(ax2, ax1), gap(ay2, ay1))),
            (1, area(gap(bx2, bx1), gap(by2, by1))),
            (-1, common),
        ]
    )
    iou = times(common, reciprocal(union))
    if expr.function == "iou":
        return iou
    # GIoU = IoU − |C \ (A ∪ B)| / |C|, C the smallest enclosing box
    # (Rezatofighi et al. 2019, alg. 1)
    hull = area(
        gap(apply("max", ax2, bx2), apply("min", ax1, bx1)),
        gap(apply("max", ay2, by2), apply("min", ay1, by1)),
    )
    empty = times(gap(hull, union), reciprocal(hull))
    return add([(1, iou), (-1, empty)])


# --- ranked predictions ---------------------------------------------------------------------------


def _hits(value: Expr, expr: Call) -> list[bool]:
    if not isinstance(value, Name) or set(value.text) - {"T", "F"}:
        raise NoMeaning(f"{expr.function} needs a word of T and F", value.span, "form")
    return [letter == "T" for letter in value.text]


def _precision(expr: Call, scope: Scope) -> Node:
    given = _arguments(expr, "hits", "rank")
    hits = _hits(_required(given, "hits", expr), expr)
    rank = _rank(given, hits, scope, expr)
    return literal(Fraction(sum(hits[:rank]), rank))


def _recall(expr: Call, scope: Scope) -> Node:
    given = _arguments(expr, "hits", "rank", "positives")
    hits = _hits(_required(given, "hits", expr), expr)
    rank = _rank(given, hits, scope, expr)
    return literal(Fraction(sum(hits[:rank]), _positives(given, scope, expr)))


def _rank(given: dict[str, Expr], hits: list[bool], scope: Scope, expr: Call) -> int:
    rank = _number(_required(given, "rank", expr), 0, scope, expr)
    if not 1 <= rank <= len(hits):
        raise NoMeaning(f"the rank must be from 1 to {len(hits)}", expr.span, "form")
    return rank


def _positives(given: dict[str, Expr], scope: Scope, expr: Call) -> int:
    positives = _number(_required(given, "positives", expr), 0, scope, expr)
    if positives < 1:
        raise NoMeaning("the number of positives must be at least 1", expr.span, "form")
    found = sum(_hits(_required(given, "hits", expr), expr))
    if positives < found:
        raise NoMeaning(
            f"{found} predictions are correct, so there are no fewer positives", expr.span, "form"
        )
    return positives


def average_precision(hits: list[bool], positives: int, points: int | None) -> Fraction:
    """Interpolated average precision of ranked predictions.

    With `points` (11 or 101) the mean over equally spaced recalls of the highest precision at that
    recall or above; with None the area under the interpolated curve (VOC 2010 and later).
    """
    curve = precision_recall(hits, positives)
    if points is None:
        steps = sorted({r for r, _ in curve if r > 0})
        before = Fraction(0)
        area = Fraction(0)
        for recall in steps:
            area += (recall - before) * interpolated(curve, recall)
            before = recall
        return area
    steps = [Fraction(i, points - 1) for i in range(points)]
    return sum((interpolated(curve, recall) for recall in steps), Fraction(0)) / points


def precision_recall(hits: list[bool], positives: int) -> list[tuple[Fraction, Fraction]]:
    """Recall and precision after each prediction."""
    found = list(accumulate(hits))
    return [(Fraction(n, positives), Fraction(n, rank)) for rank, n in enumerate(found, 1)]


def interpolated(curve: list[tuple[Fraction, Fraction]], recall: Fraction) -> Fraction:
    """The highest precision at this recall or above."""
    return max((p for r, p in curve if r >= recall), default=Fraction(0))


def _interpolated_precision(expr: Call, scope: Scope) -> Node:
    given = _arguments(expr, "hits", "recall", "positives")
    hits = _hits(_required(given, "hits", expr), expr)
    recall = _array(_required(given, "recall", expr), scope)
    at = Fraction(0) if is_zero(recall) else getattr(recall, "value", None)
    if not isinstance(at, Fraction) or recall.rank or not 0 <= at <= 1:
        raise NoMeaning("the recall must be a number from 0 to 1", expr.span, "form")
    return literal(interpolated(precision_recall(hits, _positives(given, scope, expr)), at))


def _average_precision(expr: Call, scope: Scope) -> Node:
    given = _arguments(expr, "hits", "positives", "points")
    hits = _hits(_required(given, "hits", expr), expr)
    positives = _positives(given, scope, expr)
    points = given.get("points")
    if isinstance(points, Name) and points.text == "all":
        return literal(average_precision(hits, positives, None))
    number = _number(points, 11, scope, expr)
    if not 2 <= number <= MOST_POINTS:
        raise NoMeaning("points must be 11, 101 or all", expr.span, "form")
    return literal(average_precision(hits, positives, number))


QUANTITIES: dict[str, Callable[[Call, Scope], Node]] = {
    "conv_size": _size,
    "conv_transpose_size": _size,
    "conv": _conv,
    "conv_transpose": _conv,
    "conv_matrix": _matrix,
    "conv_transpose_matrix": _matrix,
    "iou": _overlap,
    "giou": _overlap,
    "precision": _precision,
    "recall": _recall,
    "interpolated_precision": _interpolated_precision,
    "average_precision": _average_precision,
    "receptive_field": _receptive_field,
    "parameters": _parameters,
}
