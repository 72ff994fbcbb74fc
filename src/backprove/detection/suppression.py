"""Non-maximum suppression: of boxes on one thing, the best remains."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from backprove.detection.boxes import BoxError, Floats, Ints, boxes
from backprove.detection.overlap import iou


def nms(
    values: ArrayLike, scores: ArrayLike, threshold: float = 0.5, labels: ArrayLike | None = None
) -> Ints:
    """Greedy suppression: the indices that remain, by falling score (ties: the first).

    A box goes when its IoU with a better one that remains is above `threshold`; with `labels`,
    shape (n,), only boxes of one label are compared. `values` are xyxy boxes, (n, 4).
    """
    b, s, kinds = _ranked(values, scores, labels)
    order = np.argsort(-s, kind="stable")
    kept: list[int] = []
    while order.size:
        best, rest = order[0], order[1:]
        kept.append(int(best))
        same = kinds[rest] == kinds[best]
        order = rest[~(same & (iou(b[best], b[rest]) > threshold))]
    return np.array(kept, dtype=np.int64)


def soft_nms(
    values: ArrayLike,
    scores: ArrayLike,
    sigma: float = 0.5,
    threshold: float | None = None,
    least: float = 0.001,
    labels: ArrayLike | None = None,
) -> tuple[Ints, Floats]:
    """Soft suppression (Bodla et al. 2017): the indices that remain, and their new scores.

    A score falls by exp(−IoU²/σ) with every better box; with `threshold` given, linearly instead:
    by 1 − IoU where the IoU is above it. A box whose score falls under `least` goes.
    """
    if threshold is None and sigma <= 0:
        raise BoxError(f"σ must be positive, not {sigma}")
    b, s, kinds = _ranked(values, scores, labels)
    s = s.copy()
    left = np.flatnonzero(s >= least)
    kept: list[int] = []
    while left.size:
        best = left[np.argmax(s[left])]
        kept.append(int(best))
        left = left[left != best]
        overlap = np.where(kinds[left] == kinds[best], iou(b[best], b[left]), 0.0)
        if threshold is None:
            s[left] *= np.exp(-(overlap**2) / sigma)
        else:
            s[left] *= np.where(overlap > threshold, 1 - overlap, 1.0)
        left = left[s[left] >= least]
    found = np.array(kept, dtype=np.int64)
    return found, s[found]


def _ranked(
    values: ArrayLike, scores: ArrayLike, labels: ArrayLike | None
) -> tuple[Floats, Floats, Ints]:
    b, s = boxes(values), np.asarray(scores, dtype=np.float64)
    kinds = np.zeros(len(b), np.int64) if labels is None else np.asarray(labels)
    if b.ndim != 2 or s.shape != b.shape[:1] or kinds.shape != s.shape:
        raise BoxError(f"{b.shape} boxes, {s.shape} scores and {kinds.shape} labels do not match")
    if np.isnan(s).any():
        raise BoxError("a score is not a number")
    return b, s, kinds
