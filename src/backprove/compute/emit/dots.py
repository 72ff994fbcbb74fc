"""Products of two labelled arrays as text: elementwise, matrix product, or einsum, in this order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

from backprove.compute.emit.spellings import Target
from backprove.compute.emit.text import PRODUCT, Text, product
from backprove.compute.emit.values import Axis, Label, Value
from backprove.tensor.whole import ONE, Whole


def aligned(text: Text, labels: Sequence[Label], out: Sequence[Label], target: Target) -> Text:
    """An array brought to the axes `out`, with axes of length 1 where it has none."""
    kept = [x for x in out if x in labels]
    text = permuted(text, labels, kept, target)
    missing = [x not in labels for x in out]
    while missing and missing[0]:
        del missing[0]
    if not any(missing):
        return text
    index = ", ".join("None" if new else ":" for new in missing)
    return Text(f"{text.at(4)}[{index}]")


def permuted(text: Text, labels: Sequence[Label], out: Sequence[Label], target: Target) -> Text:
    """An array with its axes in another order."""
    order = [list(labels).index(x) for x in out]
    if order == sorted(order):
        return text
    if len(order) == 2:
        return Text(f"{text.at(4)}.T")
    return Text(target.word("permute", text.at(4), ", ".join(map(str, order))))


def dot_text(
    value: Value, show: Callable[[Value], Text], target: Target, size: Callable[[Whole], Text]
) -> Text:
    """The text of a product; its result has exactly the axes of `value.labels`."""
    left, right = value.args
    out = value.labels
    summed = [x for x in left.labels if x in right.labels and x not in out]
    if not summed:
        return _elementwise(value, show, target)
    common = [x for x in out if x in left.labels and x in right.labels]
    if not common:
        return _matrix(left, right, out, summed, show, target, size)
    return _batched(value, common, summed, show, target)


def _elementwise(value: Value, show: Callable[[Value], Text], target: Target) -> Text:
    left, right = value.args
    out = value.labels
    for one, other in ((left, right), (right, left)):
        if other.op == "power" and other.info and other.info[0] == -1 and one is not other:
            below = aligned(show(other.args[0]), other.args[0].labels, out, target)
            return product(aligned(show(one), one.labels, out, target), below, "/")
    if right.number:
        left, right = right, left
    return product(
        aligned(show(left), left.labels, out, target),
        aligned(show(right), right.labels, out, target),
    )


def _matrix(
    left: Value,
    right: Value,
    out: Sequence[Label],
    summed: list[Label],
    show: Callable[[Value], Text],
    target: Target,
    size: Callable[[Whole], Text],
) -> Text:
    first = [x for x in left.labels if x not in summed]
    second = [x for x in right.labels if x not in summed]
    if list(out) != first + second and (list(out) == second + first or _before(out, second, first)):
        left, right, first, second = right, left, second, first
    a, b = show(left), show(right)
    if not first and not second and len(summed) > 1:
        other = permuted(b, right.labels, left.labels, target)
        return Text(target.word("total", f"({product(a, other).text})"))
    if len(summed) == 1 and len(right.labels) <= 2 and len(left.labels) <= 2:
        s = summed[0]
        if {len(left.labels), len(right.labels)} == {1, 2}:
            # on the side that needs no transposition: it is quicker, in JAX by a factor of four
            matrix = left if len(left.labels) == 2 else right
            vector, other = (b, a) if matrix is left else (a, b)
            pair = (vector, other) if matrix.labels[0] == s else (other, vector)
            return product(*pair, "@")
        a = permuted(a, left.labels, [*first, s], target)
        b = permuted(b, right.labels, [s, *second], target)
        return permuted(product(a, b, "@"), [*first, *second], out, target)
    if (
        len(summed) == 1
        and len(right.labels) <= 2
        and left.labels[-1] == summed[0]
        and target.name != "numpy"
    ):
        b = permuted(b, right.labels, [summed[0], *second], target)
        return permuted(product(a, b, "@"), [*first, *second], out, target)
    if len(first) == 1 and len(second) == 1 and _leading(left, summed) and _leading(right, summed):
        # all steps and examples below each other: one matrix product
        wide = [size(v.lengths[-1]) for v in (left, right)]
        rows = [f"{t.at(4)}.reshape(-1, {n})" for t, n in zip((a, b), wide, strict=True)]
        return permuted(Text(f"{rows[0]}.T @ {rows[1]}", PRODUCT), [*first, *second], out, target)
    # in the order of the larger factor, which then need not be laid out anew
    larger = max((right, left), key=lambda v: len(v.labels))
    summed = [x for x in larger.labels if x in summed]
    if target.name == "jax" and first and second:
        # one product of two matrices: XLA is slow at sums over several axes
        one = _flat(a, left, first, summed, target, size, columns=True)
        two = _flat(b, right, second, summed, target, size, columns=False)
        text = product(one, two, "@")
        if len(first) + len(second) > 2:
            lengths = [left.length(x) for x in first] + [right.length(x) for x in second]
            shape = ", ".join(size(n).text for n in lengths)
            text = Text(target.word("reshape", text.at(4), f"({shape})"))
        return permuted(text, [*first, *second], out, target)
    axes = [[v.labels.index(x) for x in summed] for v in (left, right)]
    text = Text(target.word("tensordot", a.text, b.text, *axes))
    return permuted(text, [*first, *second], out, target)


def _flat(
    text: Text,
    value: Value,
    free: list[Label],
    summed: list[Label],
    target: Target,
    size: Callable[[Whole], Text],
    columns: bool,
) -> Text:
    """A factor as a matrix, with the summed axes as its columns or as its rows."""
    leading = list(value.labels) == [*summed, *free]
    if not leading:
        text = permuted(text, value.labels, [*free, *summed], target)
    if len(value.labels) > 2:
        last = prod((value.length(x) for x in (free if leading else summed)), start=ONE)
        text = Text(f"{text.at(4)}.reshape(-1, {size(last)})")
    return Text(f"{text.at(4)}.T") if leading == columns else text


def _before(out: Sequence[Label], one: list[Label], other: list[Label]) -> bool:
    """Whether the labels of one side come first in the result."""
    return bool(one) and bool(other) and list(out).index(one[0]) < list(out).index(other[0])


def _leading(value: Value, summed: list[Label]) -> bool:
    return list(value.labels[: len(summed)]) == summed


def _batched(
    value: Value,
    common: list[Label],
    summed: list[Label],
    show: Callable[[Value], Text],
    target: Target,
) -> Text:
    left, right = value.args
    out = value.labels
    a, b = show(left), show(right)
    first = [x for x in left.labels if x not in summed and x not in common]
    second = [x for x in right.labels if x not in summed and x not in common]
    if len(first) == len(second) == len(summed) == 1:
        x, y = (
            permuted(a, left.labels, [*common, *first, *summed], target),
            permuted(b, right.labels, [*common, *summed, *second], target),
        )
        if list(out) != [*common, *second, *first]:
            return permuted(product(x, y, "@"), [*common, *first, *second], out, target)
        x, y = (
            permuted(b, right.labels, [*common, *second, *summed], target),
            permuted(a, left.labels, [*common, *summed, *first], target),
        )
        return product(x, y, "@")
    if not first and not second and list(left.labels) == list(right.labels) and len(summed) == 1:
        total = Text(target.word("sum", f"({product(a, b).text})", left.labels.index(summed[0])))
        return permuted(total, common, out, target)
    letters = _letters([*left.labels, *right.labels])
    groups = ["".join(letters[x] for x in labels) for labels in (left.labels, right.labels, out)]
    return Text(
        target.word("einsum", f"{groups[0]},{groups[1]}->{groups[2]}", f"{a.text}, {b.text}")
    )


def _letters(labels: Sequence[Label]) -> dict[Label, str]:
    """A letter for each label; an axis keeps its own where it can."""
    found: dict[Label, str] = {}
    for label in labels:
        if label in found:
            continue
        wish = label.name[:1] if isinstance(label, Axis) and label.name.isascii() else ""
        options = [wish, *"ijklmnopqrsuvwxyz"]
        found[label] = next(x for x in options if x.isalpha() and x not in found.values())
    return found
