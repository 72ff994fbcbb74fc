"""Boxes as arrays of shape (…, 4): their conventions, areas and clipping.

The convention of this package is `xyxy`, the edges left, top, right, bottom. Functions take any
leading axes and return float64.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from backprove.errors import BackproveError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

#: x y x y: edges; x y w h: left top corner and size; c c w h: centre and size
CONVENTIONS = ("xyxy", "xywh", "cxcywh")


class BoxError(BackproveError):
    """An array that holds no boxes, or a convention that is not known."""


def boxes(values: ArrayLike) -> Floats:
    """An array of boxes, shape (…, 4), as float64; raises `BoxError` for another shape."""
    array = np.asarray(values, dtype=np.float64)
    if array.size == 0 and array.shape[-1:] != (4,):
        return np.zeros((0, 4))
    if array.shape[-1:] != (4,):
        raise BoxError(f"boxes have four numbers in their last axis; this has shape {array.shape}")
    return array


def convert(values: ArrayLike, source: str, target: str) -> Floats:
    """Boxes of one convention, shape (…, 4), in another."""
    for name in (source, target):
        if name not in CONVENTIONS:
            raise BoxError(f"{name} is no convention for boxes; there are {', '.join(CONVENTIONS)}")
    given = boxes(values)
    if source == target:
        return given.copy()
    first, second = given[..., :2], given[..., 2:]
    if source == "xyxy":
        low, size = first, second - first
    elif source == "xywh":
        low, size = first, second
    else:
        low, size = first - second / 2, second
    if target == "xywh":
        return _joined(low, size)
    if target == "cxcywh":
        return _joined(low + size / 2, size)
    # the far edge from the centre, not from a rounded near edge
    return _joined(low, first + second / 2 if source == "cxcywh" else low + size)


def _joined(first: Floats, second: Floats) -> Floats:
    return np.concatenate([first, second], axis=-1)


def to_pixels(values: ArrayLike, width: Any, height: Any) -> Floats:
    """Normalised boxes, of any convention, in pixels of an image (or of one image each, …)."""
    return boxes(values) * _scale(width, height)


def to_normalised(values: ArrayLike, width: Any, height: Any) -> Floats:
    """Boxes in pixels, of any convention, as shares of the image's width and height."""
    return boxes(values) / _scale(width, height)


def _scale(width: Any, height: Any) -> Floats:
    wide, high = np.broadcast_arrays(np.asarray(width, float), np.asarray(height, float))
    if not (np.all(wide > 0) and np.all(high > 0)):
        raise BoxError("the width and height of an image are positive")
    return np.stack([wide, high, wide, high], axis=-1)


def area(values: ArrayLike) -> Floats:
    """The areas of xyxy boxes, shape (…); 0 where a box is empty or inside out."""
    b = boxes(values)
    size = np.maximum(b[..., 2:] - b[..., :2], 0)
    return size[..., 0] * size[..., 1]


def clip(values: ArrayLike, width: Any, height: Any) -> Floats:
    """xyxy boxes cut off at the borders of their image; one outside becomes empty."""
    b = boxes(values)
    return np.clip(b, 0, _scale(width, height))
