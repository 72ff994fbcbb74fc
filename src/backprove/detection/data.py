"""What is evaluated: the boxes that are there, and those that a detector found, as columns.

Images and classes are numbers into the lists of their names. A box is kept by its edges and by its
size: where a file gives sizes, x + w − x is not always w, and published figures rest on w.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from backprove.detection.boxes import Bools, BoxError, Floats, Ints, boxes


@dataclass(frozen=True, slots=True)
class Truth:
    """The boxes that are there, n of them.

    `edges` is (n, 4) xyxy, `size` (n, 2), `area` (n,) what protocols sort by size (of the
    object where the data says so), `crowd` a region of many, `difficult` one that need not be
    found. `records` says where each stood. `extent` is the images' width and height, NaN where it
    is not known. The order of the images is the order in which ties in score are broken.
    """

    images: tuple[str, ...]
    classes: tuple[str, ...]
    image: Ints
    label: Ints
    edges: Floats
    size: Floats
    area: Floats
    crowd: Bools
    difficult: Bools
    extent: Floats
    records: Sequence[str] = field(default=(), repr=False)

    def __len__(self) -> int:
        return len(self.image)

    def record(self, index: int) -> str:
        return self.records[index] if self.records else f"box {index + 1}"


@dataclass(frozen=True, slots=True)
class Predictions:
    """What a detector found, n boxes in the order of their file, about a `Truth`'s images."""

    image: Ints
    label: Ints
    edges: Floats
    size: Floats
    score: Floats
    records: Sequence[str] = field(default=(), repr=False)

    def __len__(self) -> int:
        return len(self.image)

    def record(self, index: int) -> str:
        return self.records[index] if self.records else f"prediction {index + 1}"


def truth(
    images: Sequence[str],
    classes: Sequence[str],
    image: ArrayLike,
    label: ArrayLike,
    xyxy: ArrayLike,
    *,
    area: ArrayLike | None = None,
    crowd: ArrayLike | None = None,
    difficult: ArrayLike | None = None,
    size: ArrayLike | None = None,
    extent: ArrayLike | None = None,
    records: Sequence[str] = (),
) -> Truth:
    """A `Truth` from arrays; raises `BoxError` where they do not fit together.

    `image` and `label` number into `images` and `classes`; a missing `area` is the box's.
    """
    edges, sizes = _measured(xyxy, size)
    count = len(edges)
    which, kinds = _numbers(image, len(images), count), _numbers(label, len(classes), count)
    known = np.full((len(images), 2), np.nan) if extent is None else np.asarray(extent, float)
    return Truth(
        tuple(images),
        tuple(classes),
        which,
        kinds,
        edges,
        sizes,
        sizes[:, 0] * sizes[:, 1] if area is None else _column(area, count, np.float64),
        np.zeros(count, bool) if crowd is None else _column(crowd, count, np.bool_),
        np.zeros(count, bool) if difficult is None else _column(difficult, count, np.bool_),
        known.reshape(len(images), 2),
        records,
    )


def predictions(
    about: Truth,
    image: ArrayLike,
    label: ArrayLike,
    xyxy: ArrayLike,
    score: ArrayLike,
    *,
    size: ArrayLike | None = None,
    records: Sequence[str] = (),
) -> Predictions:
    """`Predictions` from arrays; raises `BoxError` where they do not fit, or a score is NaN."""
    edges, sizes = _measured(xyxy, size)
    count = len(edges)
    scores = _column(score, count, np.float64)
    if np.isnan(scores).any():
        raise BoxError(f"the score of prediction {int(np.isnan(scores).argmax()) + 1} is NaN")
    which = _numbers(image, len(about.images), count)
    return Predictions(
        which, _numbers(label, len(about.classes), count), edges, sizes, scores, records
    )


def _measured(xyxy: ArrayLike, size: ArrayLike | None) -> tuple[Floats, Floats]:
    edges = boxes(xyxy)
    if edges.ndim != 2:
        raise BoxError(f"a list of boxes has shape (n, 4), not {edges.shape}")
    if np.isnan(edges).any():
        raise BoxError(f"box {int(np.isnan(edges).any(axis=1).argmax()) + 1} has a NaN")
    if size is None:
        return edges, edges[:, 2:] - edges[:, :2]
    return edges, np.asarray(size, np.float64).reshape(len(edges), 2)


def _column(values: ArrayLike, count: int, kind: type) -> np.ndarray[tuple[int], np.dtype]:
    column = np.asarray(values, dtype=kind).reshape(-1)
    if len(column) != count:
        raise BoxError(f"{count} boxes and {len(column)} values do not match")
    return column


def _numbers(values: ArrayLike, names: int, count: int) -> Ints:
    column = _column(values, count, np.int64)
    if count and not (column.min() >= 0 and column.max() < names):
        raise BoxError(f"images and classes are numbers from 0 to {names - 1} here")
    return column
