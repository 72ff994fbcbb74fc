"""Gradients of the IoU family by a box's parameters, derived by the calculus from these models.

The measures are written as in `backprove.detection.overlap`; their derivatives are Backprove's own.
At kinks (edges that meet) no side is right, and one of them is taken.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import ArrayLike

from backprove.detection.boxes import BoxError, Floats, boxes
from backprove.mathematics import Model

#: the edges of the box with parameters p, by convention
_EDGES = {
    "xyxy": "c = p[1]\nd = p[2]\ne = p[3]\nf = p[4]",
    "xywh": "c = p[1]\nd = p[2]\ne = p[1] + p[3]\nf = p[2] + p[4]",
    "cxcywh": ("c = p[1] - p[3]/2\nd = p[2] - p[4]/2\ne = p[1] + p[3]/2\nf = p[2] + p[4]/2"),
}
_IOU = """
w = max(min(e, b[3]) - max(c, b[1]), 0)
h = max(min(f, b[4]) - max(d, b[2]), 0)
U = (e - c) (f - d) + (b[3] - b[1]) (b[4] - b[2]) - w h
J = (w h) / U
"""
_HULL = """
m = max(e, b[3]) - min(c, b[1])
n = max(f, b[4]) - min(d, b[2])
"""
_DISTANCE = """
x = (c + e - b[1] - b[3]) / 2
y = (d + f - b[2] - b[4]) / 2
D = (x^2 + y^2) / (m^2 + n^2)
"""
#: arctan is no function of the notation: the angles s and t of the diagonals are given to it
_SHAPE = """
v = 4/π^2 (t - s)^2
a = v / (1 - J + v)
"""
MODELS = {
    "iou": f"{_IOU}L = J",
    "giou": f"{_IOU}{_HULL}L = J - (m n - U) / (m n)",
    "diou": f"{_IOU}{_HULL}{_DISTANCE}L = J - D",
    "ciou": f"{_IOU}{_HULL}{_DISTANCE}{_SHAPE}L = J - D - a v",
}


def overlap_gradient(
    measure: str, first: ArrayLike, second: ArrayLike, convention: str = "xyxy"
) -> tuple[Floats, Floats]:
    """The measure of matched pairs, (n,), and its gradient by the first boxes' parameters, (n, 4).

    `measure` is iou, giou, diou or ciou; `first` holds boxes in `convention`, (n, 4), `second`
    xyxy boxes, (n, 4). Raises `BoxError` for another measure, convention or shape.
    """
    if measure not in MODELS or convention not in _EDGES:
        raise BoxError(
            f"there are the measures {', '.join(MODELS)} and the conventions {', '.join(_EDGES)}; "
            f"not {measure} of {convention}"
        )
    p, b = boxes(first), boxes(second)
    if p.shape != b.shape or p.ndim != 2:
        raise BoxError(f"matched pairs are two arrays (n, 4), not {p.shape} and {b.shape}")
    if measure != "ciou":
        value, gradient = _function(measure, convention, "p")(p=p, b=b)
        return value, gradient
    wide, high = _sides(p, convention)
    angles = {"s": np.arctan2(wide, high), "t": np.arctan2(b[:, 2] - b[:, 0], b[:, 3] - b[:, 1])}
    value, direct = _function(measure, convention, "p")(p=p, b=b, **angles)
    _, by_angle = _function(measure, convention, "s")(p=p, b=b, **angles)
    # the derivative of arctan(w / h), and of w and h by the parameters
    scale = by_angle / (wide**2 + high**2)
    by_size = np.stack([scale * high, -scale * wide], axis=-1)
    before = -by_size if convention == "xyxy" else np.zeros_like(by_size)
    return value, direct + np.concatenate([before, by_size], axis=-1)


def _sides(p: Floats, convention: str) -> tuple[Floats, Floats]:
    size = p[:, 2:] - p[:, :2] if convention == "xyxy" else p[:, 2:]
    return size[:, 0], size[:, 1]


@cache
def _function(measure: str, convention: str, by: str) -> Callable[..., tuple[Floats, Floats]]:
    angles = "\ns, t in R" if measure == "ciou" else ""
    text = f"p, b in R^4{angles}\n{_EDGES[convention]}\n{MODELS[measure]}"
    batched = ["p", "b", *(("s", "t") if angles else ())]
    return Model(text).derive("L", by).function("numpy", batch=batched, value=True)
