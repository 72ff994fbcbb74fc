"""All boxes in whole pixels at one L2 distance from a box, inside a frame, with their overlaps."""

from __future__ import annotations

from math import isqrt

import numpy as np

from backprove.detection.boxes import Floats, Ints
from backprove.detection.overlap import iou

Box = tuple[int, int, int, int]


def equidistant(box: Box, squared: int, width: int, height: int) -> tuple[Ints, Floats]:
    """The boxes (n, 4) in [0, width] × [0, height] with this squared distance, and their IoU.

    They have an area, and come in order of rising IoU.
    """
    most = isqrt(squared)

    def edges(at: int, end: int) -> Ints:
        return np.arange(max(0, at - most), min(end, at + most) + 1)

    left, top, right, bottom = np.meshgrid(
        *(edges(at, end) for at, end in zip(box, (width, height) * 2, strict=True)),
        indexing="ij",
        sparse=True,
    )
    apart = (left - box[0]) ** 2 + (top - box[1]) ** 2
    apart = apart + (right - box[2]) ** 2 + (bottom - box[3]) ** 2
    fits = (apart == squared) & (right > left) & (bottom > top)
    at = np.nonzero(fits)
    found = np.stack(
        [axis.ravel()[i] for axis, i in zip((left, top, right, bottom), at, strict=True)], axis=1
    )
    overlaps = iou(found, np.asarray(box, dtype=float))
    order = np.argsort(overlaps, kind="stable")
    return found[order], overlaps[order]
