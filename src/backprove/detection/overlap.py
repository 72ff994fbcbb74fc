"""How well two boxes fit: IoU and its relatives, elementwise and for all pairs.

All take xyxy boxes whose leading axes broadcast, and return that shape: `iou(a, b)` of two arrays
(n, 4) is of matched pairs, (n,), and `pairwise(iou, a, b)` of (n, 4) and (m, 4) is (n, m).

- GIoU: Rezatofighi et al. 2019, "Generalized intersection over union", algorithm 1.
- DIoU, CIoU: Zheng et al. 2020, "Distance-IoU loss", equations 7 and 10.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from backprove.detection.boxes import Floats, area, boxes


def iou(a: ArrayLike, b: ArrayLike) -> Floats:
    """Intersection over union; 0 where both boxes are empty."""
    p, q = boxes(a), boxes(b)
    common = _intersection(p, q)
    return _share(common, area(p) + area(q) - common)


def giou(a: ArrayLike, b: ArrayLike) -> Floats:
    """IoU less the share of the smallest box around both that neither covers; in [-1, 1]."""
    p, q = boxes(a), boxes(b)
    common = _intersection(p, q)
    union = area(p) + area(q) - common
    hull = area(_hull(p, q))
    return _share(common, union) - _share(hull - union, hull)


def diou(a: ArrayLike, b: ArrayLike) -> Floats:
    """IoU less the squared distance of the centres by the hull's squared diagonal."""
    p, q = boxes(a), boxes(b)
    return iou(p, q) - _distance(p, q)


def ciou(a: ArrayLike, b: ArrayLike) -> Floats:
    """DIoU less α v for unlike shapes.

    v = 4/π² (arctan(w_b / h_b) − arctan(w_a / h_a))² and α = v / (1 − IoU + v).
    """
    p, q = boxes(a), boxes(b)
    overlap = iou(p, q)
    v = 4 / np.pi**2 * (_slant(q) - _slant(p)) ** 2
    return overlap - _distance(p, q) - v * _share(v, 1 - overlap + v)


def pairwise(
    measure: Callable[[ArrayLike, ArrayLike], Floats], a: ArrayLike, b: ArrayLike
) -> Floats:
    """The measure of every box of `a`, (n, 4), with every box of `b`, (m, 4): (n, m)."""
    return measure(boxes(a)[:, None], boxes(b)[None])


def _intersection(p: Floats, q: Floats) -> Floats:
    low, high = np.maximum(p[..., :2], q[..., :2]), np.minimum(p[..., 2:], q[..., 2:])
    size = np.maximum(high - low, 0)
    return size[..., 0] * size[..., 1]


def _hull(p: Floats, q: Floats) -> Floats:
    low, high = np.minimum(p[..., :2], q[..., :2]), np.maximum(p[..., 2:], q[..., 2:])
    return np.concatenate([low, high], axis=-1)


def _distance(p: Floats, q: Floats) -> Floats:
    hull = _hull(p, q)
    diagonal = ((hull[..., 2:] - hull[..., :2]) ** 2).sum(axis=-1)
    between = (p[..., :2] + p[..., 2:] - q[..., :2] - q[..., 2:]) / 2
    return _share((between**2).sum(axis=-1), diagonal)


def _slant(b: Floats) -> Floats:
    """The angle of a box's diagonal to the vertical, arctan(w / h)."""
    return np.arctan2(b[..., 2] - b[..., 0], b[..., 3] - b[..., 1])


def _share(part: Floats, whole: Floats) -> Floats:
    """part / whole, 0 where there is no whole."""
    return np.divide(part, whole, out=np.zeros(np.shape(whole)), where=np.not_equal(whole, 0))
