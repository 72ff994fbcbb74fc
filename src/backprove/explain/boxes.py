"""Intersection over union of two boxes, and its generalisation.

H. Rezatofighi et al., "Generalized intersection over union" (2019).
"""

from __future__ import annotations

from fractions import Fraction

from backprove.errors import BackproveError
from backprove.explain.arguments import Arguments, entries
from backprove.explain.explanation import Explanation, both, fraction

Box = list[Fraction]


def overlap(a: Arguments) -> Explanation:
    """The areas that the quantity is made of, and the quantity."""
    boxes = {name: entries(a.node(name)) for name in ("a", "b")}
    first, second = boxes.values()
    lines: list[str] = []
    areas: list[Fraction] = []
    for name, box in boxes.items():
        if box[2] < box[0] or box[3] < box[1]:
            raise BackproveError(f"{name} is no box [x1, y1, x2, y2]: x1 ≤ x2 and y1 ≤ y2")
        shown, area = _area(box)
        areas.append(area)
        lines.append(f"area of {name}: {shown}")
    common = [max(first[0], second[0]), max(first[1], second[1])]
    common += [min(first[2], second[2]), min(first[3], second[3])]
    if common[2] <= common[0] or common[3] <= common[1]:
        shared = Fraction(0)
        lines.append("intersection: 0, they do not overlap")
    else:
        shown, shared = _area(common)
        lines.append(f"both: x from {_from(common, 0)}, y from {_from(common, 1)}")
        lines.append(f"intersection: {shown}")
    union = sum(areas) - shared
    lines.append(
        f"union: {' + '.join(map(fraction, areas))} − {fraction(shared)} = {fraction(union)}"
    )
    if not union:
        raise BackproveError("both boxes are empty: they have no IoU")
    iou = shared / union
    lines.append(f"IoU = {_ratio(shared, union)} = {fraction(iou)}")
    if a.function == "giou":
        hull = [min(first[0], second[0]), min(first[1], second[1])]
        hull += [max(first[2], second[2]), max(first[3], second[3])]
        shown, area = _area(hull)
        lines += [
            f"smallest box around both: {shown}",
            f"of it empty: {fraction(area)} − {fraction(union)} = {fraction(area - union)}",
            f"GIoU = {fraction(iou)} − {_ratio(area - union, area)} = {fraction(iou - (area - union) / area)}",
        ]
        iou -= (area - union) / area
    return Explanation(a.question, tuple(lines), both(iou), iou)


def _area(box: Box) -> tuple[str, Fraction]:
    width, height = box[2] - box[0], box[3] - box[1]
    area = width * height
    return f"{fraction(width)} × {fraction(height)} = {fraction(area)}", area


def _ratio(over: Fraction, under: Fraction) -> str:
    texts = [fraction(n) if n.denominator == 1 else f"({fraction(n)})" for n in (over, under)]
    return "/".join(texts)


def _from(box: Box, axis: int) -> str:
    return f"{fraction(box[axis])} to {fraction(box[axis + 2])}"
