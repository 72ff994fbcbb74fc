"""The named quantities of NOTATION 2: sizes, convolutions, boxes, precision and recall.

Sizes follow the arithmetic of Dumoulin and Visin, "A guide to convolution arithmetic for deep
learning" (2016), relationships 6, 13 and 14 with dilation; average precision is that of the
PASCAL VOC challenge (Everingham et al. 2010, section 4.2) and its later variants.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from backprove.model.scope import Scope
from backprove.model.value import NoMeaning
from backprove.notation.syntax import Array, Call, Expr, Name
from backprove.tensor.build import (
    add,
    apply,
    build,
    fold,
    literal,
    reciprocal,
    select,
    stack,
    test,
    times,
    where,
)
from backprove.tensor.nodes import Node
from backprove.tensor.whole import Whole


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
    whole = scope.whole(value).constant
    if not isinstance(whole, int):
        raise NoMeaning(f"{expr.function} needs numbers here", value.span, "form")
    return whole


def _numbers(value: Expr, scope: Scope, expr: Call) -> list[int]:
    items = value.items if isinstance(value, Array) else (value,)
    return [_number(item, 0, scope, expr) for item in items]


# --- sizes ----------------------------------------------------------------------------------------


def conv_length(n: int, k: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> int:
    """Output length of a convolution: floor((n + 2p − d(k−1) − 1) / s) + 1."""
    return (n + 2 * padding - dilation * (k - 1) - 1) // stride + 1


def transposed_length(
    n: int, k: int, stride: int = 1, padding: int = 0, output_padding: int = 0, dilation: int = 1
) -> int:
    """Output length of a transposed convolution: (n−1)s − 2p + d(k−1) + o + 1."""
    return (n - 1) * stride - 2 * padding + dilation * (k - 1) + output_padding + 1


_SIZES: dict[str, tuple[Callable[..., int], tuple[tuple[str, int], ...]]] = {
    "conv_size": (conv_length, (("stride", 1), ("padding", 0), ("dilation", 1))),
    "conv_transpose_size": (
        transposed_length,
        (("stride", 1), ("padding", 0), ("output_padding", 0), ("dilation", 1)),
    ),
}


def _size(expr: Call, scope: Scope) -> Node:
    formula, options = _SIZES[expr.function]
    given = _arguments(expr, "input", "kernel", *(name for name, _ in options))
    inputs = _numbers(_required(given, "input", expr), scope, expr)
    kernels = _numbers(_required(given, "kernel", expr), scope, expr)
    settings = [
        _numbers(given[name], scope, expr) if name in given else [default]
        for name, default in options
    ]
    axes = max(len(inputs), len(kernels))

    def on(values: list[int], axis: int) -> int:
        return values[axis] if len(values) > 1 else values[0]

    if any(
        on(s, a) < 1
        for name, s in zip(options, settings, strict=True)
        if name[0] in ("stride", "dilation")
        for a in range(axes)
    ):
        raise NoMeaning("stride and dilation must be at least 1", expr.span, "form")
    lengths = [
        formula(on(inputs, axis), on(kernels, axis), *(on(s, axis) for s in settings))
        for axis in range(axes)
    ]
    if any(length < 1 for length in lengths):
        raise NoMeaning("the kernel is larger than the padded input", expr.span, "form")
    nodes = [literal(length) for length in lengths]
    return nodes[0] if axes == 1 else stack(nodes)


def _receptive_field(expr: Call, scope: Scope) -> Node:
    given = _arguments(expr, "layers")
    layers = _required(given, "layers", expr)
    rows = layers.items if isinstance(layers, Array) else ()
    field, jump = 1, 1
    for row in rows:
        kernel, stride, dilation = (_numbers(row, scope, expr) + [1, 1])[:3]
        field += (kernel - 1) * dilation * jump
        jump *= stride
    return literal(field)


def _parameters(expr: Call, scope: Scope) -> Node:
    given = _arguments(expr, "kernel", "in", "out", "bias")
    total = 1
    for size in _numbers(_required(given, "kernel", expr), scope, expr):
        total *= size
    inputs = _number(_required(given, "in", expr), 0, scope, expr)
    outputs = _number(_required(given, "out", expr), 0, scope, expr)
    return literal(total * inputs * outputs + outputs * _number(given.get("bias"), 1, scope, expr))


# --- convolutions ---------------------------------------------------------------------------------


def _array(value: Expr, scope: Scope) -> Node:
    from backprove.model.meaning import meaning

    return meaning(value, scope).node


def _settings(given: dict[str, Expr], scope: Scope, expr: Call) -> tuple[int, int, int]:
    return (
        _number(given.get("stride"), 1, scope, expr),
        _number(given.get("padding"), 0, scope, expr),
        _number(given.get("dilation"), 1, scope, expr),
    )


def _conv(expr: Call, scope: Scope) -> Node:
    given = _arguments(expr, "input", "kernel", "stride", "padding", "dilation")
    x = _array(_required(given, "input", expr), scope)
    k = _array(_required(given, "kernel", expr), scope)
    if x.rank != k.rank or x.rank not in (1, 2):
        raise NoMeaning(f"{expr.function} needs two vectors or two matrices", expr.span)
    settings = _settings(given, scope, expr)
    return convolve(x, k, *settings) if expr.function == "conv" else spread(x, k, *settings)


def _out_length(n: Whole, k: Whole, stride: int, padding: int, dilation: int) -> Whole:
    if stride == 1:
        return n + 2 * padding - (k - 1) * dilation
    if isinstance(n.constant, int) and isinstance(k.constant, int):
        return Whole.of(conv_length(n.constant, k.constant, stride, padding, dilation))
    raise NoMeaning("a stride needs sizes that are numbers")


def convolve(x: Node, k: Node, stride: int, padding: int, dilation: int) -> Node:
    """Cross-correlation: y[r] = Σ_i x[s(r−1) + d(i−1) + 1 − p] k[i], zero outside x."""
    rows = ["r", "q"][: x.rank]
    inner = ["i", "j"][: x.rank]
    sizes = [
        _out_length(n, m, stride, padding, dilation) for n, m in zip(x.shape, k.shape, strict=True)
    ]
    at = [
        (Whole.of(r) - 1) * stride + (Whole.of(i) - 1) * dilation + 1 - padding
        for r, i in zip(rows, inner, strict=True)
    ]
    term = times(select(x, at), select(k, [Whole.of(i) for i in inner]))
    if padding:
        for place, size in zip(at, x.shape, strict=True):
            term = where(
                test("≤", 1, place), where(test("≤", place, size), term, literal(0)), literal(0)
            )
    for i, size in reversed(list(zip(inner, k.shape, strict=True))):
        term = fold("sum", i, 1, size, term)
    return build(rows, sizes, term)


def spread(x: Node, k: Node, stride: int, padding: int, dilation: int) -> Node:
    """The transpose of `convolve` in its input: y[p] = Σ_{r,i} x[r] k[i] where r, i meet p."""
    rows = ["r", "q"][: x.rank]
    inner = ["i", "j"][: x.rank]
    places = ["p", "o"][: x.rank]
    sizes = [
        (n - 1) * stride - 2 * padding + (m - 1) * dilation + 1
        for n, m in zip(x.shape, k.shape, strict=True)
    ]
    term = times(select(x, [Whole.of(r) for r in rows]), select(k, [Whole.of(i) for i in inner]))
    for r, i, p in zip(rows, inner, places, strict=True):
        meets = (Whole.of(r) - 1) * stride + (Whole.of(i) - 1) * dilation + 1 - padding
        term = where(test("=", p, meets), term, literal(0))
    for i, size in reversed(list(zip(inner, k.shape, strict=True))):
        term = fold("sum", i, 1, size, term)
    for r, size in reversed(list(zip(rows, x.shape, strict=True))):
        term = fold("sum", r, 1, size, term)
    return build(places, sizes, term)


def _matrix(expr: Call, scope: Scope) -> Node:
    """conv_matrix and conv_transpose_matrix, entry by entry; a vector kernel has one input axis."""
    given = _arguments(expr, "kernel", "input", "stride", "padding", "dilation")
    k = _array(_required(given, "kernel", expr), scope)
    shape = _numbers(_required(given, "input", expr), scope, expr)
    stride, padding, dilation = _settings(given, scope, expr)
    kernel = [s.constant for s in k.shape]
    if len(shape) != k.rank or not all(isinstance(s, int) for s in kernel):
        raise NoMeaning(f"{expr.function} needs a kernel and an input of one rank", expr.span)
    sizes = [int(s or 0) for s in kernel]
    if expr.function == "conv_matrix":
        small = [
            conv_length(n, m, stride, padding, dilation) for n, m in zip(shape, sizes, strict=True)
        ]
        large = shape
    else:
        small = shape
        large = [
            transposed_length(n, m, stride, padding, 0, dilation)
            for n, m in zip(shape, sizes, strict=True)
        ]
    if any(n < 1 for n in small + large):
        raise NoMeaning("the kernel is larger than the padded input", expr.span, "form")
    return stack(
        [
            stack([_entry(k, s, l, stride, padding, dilation) for l in _places(large)])
            for s in _places(small)
        ]
    )


def _places(shape: list[int]) -> list[tuple[int, ...]]:
    found: list[tuple[int, ...]] = [()]
    for size in shape:
        found = [(*p, i) for p in found for i in range(size)]
    return found


def _entry(
    k: Node,
    small: tuple[int, ...],
    large: tuple[int, ...],
    stride: int,
    padding: int,
    dilation: int,
) -> Node:
    at: list[int] = []
    for s, l, size in zip(small, large, k.shape, strict=True):
        step, rest = divmod(l - stride * s + padding, dilation)
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
    # GIoU = IoU − |C \ (A ∪ B)| / |C|, C the smallest enclosing box (Rezatofighi et al. 2019, alg. 1)
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
    return positives


def average_precision(hits: list[bool], positives: int, points: int | None) -> Fraction:
    """Interpolated average precision of ranked predictions.

    With `points` (11 or 101) the mean over equally spaced recalls of the highest precision at that
    recall or above; with None the area under the interpolated curve (VOC 2010 and later).
    """
    found = 0
    curve: list[tuple[Fraction, Fraction]] = []
    for rank, hit in enumerate(hits, 1):
        found += hit
        curve.append((Fraction(found, positives), Fraction(found, rank)))

    def best(recall: Fraction) -> Fraction:
        return max((p for r, p in curve if r >= recall), default=Fraction(0))

    if points is None:
        steps = sorted({r for r, _ in curve if r > 0})
        before = Fraction(0)
        area = Fraction(0)
        for recall in steps:
            area += (recall - before) * best(recall)
            before = recall
        return area
    return sum((best(Fraction(i, points - 1)) for i in range(points)), Fraction(0)) / points


def _average_precision(expr: Call, scope: Scope) -> Node:
    given = _arguments(expr, "hits", "positives", "points")
    hits = _hits(_required(given, "hits", expr), expr)
    positives = _positives(given, scope, expr)
    points = given.get("points")
    if isinstance(points, Name) and points.text == "all":
        return literal(average_precision(hits, positives, None))
    number = _number(points, 11, scope, expr)
    if number < 2:
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
    "average_precision": _average_precision,
    "receptive_field": _receptive_field,
    "parameters": _parameters,
}
