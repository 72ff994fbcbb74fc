"""Records of any format, as columns, checked and made into a `Truth` or `Predictions`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from backprove.detection.boxes import Bools, Floats, Ints, convert
from backprove.detection.data import Predictions, Truth
from backprove.detection.files.names import Names
from backprove.detection.files.notes import DataError, Note, Places, Rule, joined, together

#: boxes may reach so far outside of their image, in pixels, before that is a hint
SLACK = 2.0
#: numbers that no product of two overflows
LARGEST = 1e100
#: a hint needs so large a share of the boxes
SHARE = 0.05


@dataclass(slots=True)
class Records:
    """Boxes as a file has them, before they are checked.

    `image` and `label` are what the file calls them; `box` is (n, 4) in `convention`, in shares of
    the image where `normalised`; `where` tells the place of each.
    """

    image: Sequence[Hashable] | Ints
    label: Sequence[Hashable] | Ints
    box: Floats
    convention: str
    where: Sequence[str]
    normalised: bool = False
    score: Floats | None = None
    area: Floats | None = None
    crowd: Bools | None = None
    difficult: Bools | None = None


@dataclass(slots=True)
class Dataset:
    """The truth, how its images and classes are called, and what was to be remarked.

    `pixels`: corners name the first and the last pixel, as in PASCAL VOC, not the edges.
    `normalised`: the images' sizes are not known, and all boxes are shares of them.
    """

    truth: Truth
    images: Names
    classes: Names
    notes: list[Note]
    source: str
    pixels: bool = False
    normalised: bool = False
    extra: dict[str, Any] = field(default_factory=dict[str, Any])


def make_truth(
    records: Records,
    images: Names,
    classes: Names,
    extent: Floats,
    source: str,
    notes: list[Note],
    pixels: bool = False,
) -> Dataset:
    """A `Dataset` of the records that can be used; `extent` is (images, 2), NaN where unknown."""
    notes += _alike(classes, source)
    normalised = records.normalised and not np.isfinite(extent).all()
    part = _checked(records, images, classes, extent, pixels, normalised)
    notes += part.notes + _hint([part], normalised)
    own = part.size[:, 0] * part.size[:, 1]
    count, kept = len(records.box), part.kept
    truth = Truth(
        images.names,
        classes.names,
        part.image,
        part.label,
        part.edges,
        part.size,
        own if records.area is None else np.where(np.isnan(a := records.area[kept]), own, a),
        _flags(records.crowd, count)[kept],
        _flags(records.difficult, count)[kept],
        extent,
        part.where,
    )
    return Dataset(truth, images, classes, notes, source, pixels, normalised)


def _alike(classes: Names, source: str) -> list[Note]:
    """Classes of one name, which tables cannot tell apart."""
    names = [name for name, count in Counter(classes.names).items() if count > 1]
    return [Note(Rule.NAME, [f"{source}: {name}" for name in names])] if names else []


def make_predictions(parts: Iterable[Records], about: Dataset) -> tuple[Predictions, list[Note]]:
    """`Predictions` of the records that can be used, and what is to be remarked.

    A file's records come in portions: checked while they are few, they need no memory twice, and
    the processor still has them at hand. Raises `DataError` where sizes of images are missed.
    """
    found: list[_Checked] = []
    scores: list[Floats] = []
    for records in parts:
        assert records.score is not None
        _same_unit(records, about)
        extent = about.truth.extent
        part = _checked(
            records, about.images, about.classes, extent, about.pixels, about.normalised
        )
        score = records.score[part.kept]
        odd = np.flatnonzero((score < 0) | (score > 1)).tolist()
        if odd:
            said = [f"{part.where[i]}: {score[i]:g}" for i in odd]
            part.notes.append(Note(Rule.SCORE, said))
        found.append(part)
        scores.append(score)
    notes = together(note for part in found for note in part.notes)
    notes += _hint(found, about.normalised)
    return Predictions(
        np.concatenate([part.image for part in found]),
        np.concatenate([part.label for part in found]),
        np.concatenate([part.edges for part in found]),
        np.concatenate([part.size for part in found]),
        np.concatenate(scores),
        joined([part.where for part in found]),
    ), notes


def _same_unit(records: Records, about: Dataset) -> None:
    if records.normalised and not about.normalised:
        if not np.isfinite(about.truth.extent).all():
            raise DataError(
                "the predictions are in shares of the image, the ground truth in pixels, and the "
                "images' sizes are not known; name the folder of the images"
            )
    elif about.normalised and not records.normalised and len(records.box):
        raise DataError(
            "the predictions are in pixels, the ground truth in shares of the image, and the "
            "images' sizes are not known; name the folder of the images"
        )


@dataclass(slots=True)
class _Checked:
    """Those of some records that can be used (`kept` are their numbers), and what was remarked.

    `looks` (5, n) says of each what hints at another convention, see `_looks`.
    """

    kept: Ints
    image: Ints
    label: Ints
    edges: Floats
    size: Floats
    where: Sequence[str]
    looks: Bools
    convention: str
    normalised: bool
    notes: list[Note]


def _checked(
    records: Records,
    images: Names,
    classes: Names,
    extent: Floats,
    pixels: bool,
    normalised: bool,
) -> _Checked:
    notes: list[Note] = []
    image, label, kept = _known(records, images, classes, notes)
    image, label, where = image[kept], label[kept], _some(records.where, kept)
    edges, size = _edges(records, extent[image], kept, pixels, normalised)
    empty = np.flatnonzero((size[:, 0] <= 0) | (size[:, 1] <= 0)).tolist()
    if empty:
        said = [f"{where[i]}: {size[i, 0]:g} wide, {size[i, 1]:g} high" for i in empty]
        notes.append(Note(Rule.EMPTY, said))
    limit = np.ones_like(extent[image]) if normalised else extent[image]
    looks = _looks(edges, size, limit, 0.02 if normalised else SLACK)
    return _Checked(
        kept,
        image,
        label,
        edges,
        size,
        where,
        looks,
        records.convention,
        records.normalised,
        notes,
    )


def _known(
    records: Records, images: Names, classes: Names, notes: list[Note]
) -> tuple[Ints, Ints, Ints]:
    """Numbers of image and class, and which records can be used; the others are noted."""
    image, label = images.find(records.image), classes.find(records.label)
    # NaN is not below the largest
    finite: Bools = np.all(np.abs(records.box) < LARGEST, axis=1)
    if records.score is not None:
        finite &= np.isfinite(records.score)
    reasons: tuple[tuple[Rule, Bools, Callable[[int], str]], ...] = (
        (Rule.UNKNOWN_IMAGE, image < 0, lambda i: str(records.image[i])),
        (Rule.UNKNOWN_CLASS, label < 0, lambda i: str(records.label[i])),
        (Rule.NOT_FINITE, ~finite, lambda i: _numbers_of(records, i)),
    )
    left = np.ones(len(records.box), bool)
    for rule, wrong, found in reasons:
        out = np.flatnonzero(wrong & left).tolist()
        left &= ~wrong
        if out:
            notes.append(Note(rule, [f"{records.where[i]}: {found(i)}" for i in out]))
    return image, label, np.flatnonzero(left)


def _numbers_of(records: Records, index: int) -> str:
    """The box of a record, and its score, as they were read."""
    text = _list(records.box[index])
    return text if records.score is None else f"{text}, score {records.score[index]:g}"


def _list(numbers: Floats) -> str:
    return "[" + ", ".join(f"{n:.6g}" for n in numbers) + "]"


def _edges(
    records: Records, extent: Floats, kept: Ints, pixels: bool, normalised: bool
) -> tuple[Floats, Floats]:
    box = records.box[kept]
    if records.normalised and not normalised:
        box = box * np.concatenate([extent, extent], axis=1)
    edges = convert(box, records.convention, "xyxy")
    if records.convention != "xyxy":
        # the size as it was written: edges are rounded
        return edges, box[:, 2:]
    if pixels:
        edges[:, 2:] += 1
    return edges, edges[:, 2:] - edges[:, :2]


def _looks(edges: Floats, size: Floats, limit: Floats, slack: float) -> Bools:
    """Which boxes reach beyond the far edges of their image, or any edge; which would be inside
    of it if their sizes were corners; are inside out; have numbers below 1 among pixels.
    """
    (x, y, far_x, far_y), (wide, high) = edges.T, size.T
    width, height = limit.T
    most_x, most_y = width + slack, height + slack
    beyond = (far_x > most_x) | (far_y > most_y)
    fits = (wide > x) & (high > y) & (wide <= most_x) & (high <= most_y)
    # NaN, where the size of the image is not known, is not above 2
    large = (width > 2) & (height > 2)
    small = (np.abs(edges) <= 1).all(axis=1) & (wide > 0) & (high > 0)
    outside = beyond | (x < -slack) | (y < -slack)
    return np.stack([beyond, outside, fits, (wide < 0) | (high < 0), large & small])


def _hint(parts: Sequence[_Checked], normalised: bool) -> list[Note]:
    """A note where most boxes would make more sense in another convention."""
    beyond, outside, fits, inverted, small = np.concatenate([p.looks for p in parts], axis=1)
    count, convention, shares = len(beyond), parts[0].convention, parts[0].normalised
    many = outside.sum() > SHARE * count
    out = f"{outside.sum()} of {count} boxes reach outside of their image"
    better = fits.sum() > max(0.9 * count, count - outside.sum())
    if convention == "xywh" and many and better and beyond.any():
        which = outside
        text = (
            f"{out}; as corners x1 y1 x2 y2 {fits.sum()} would lie inside, but x y width height is "
            "expected"
        )
    elif convention == "xyxy" and inverted.sum() > SHARE * count:
        which = inverted
        text = (
            f"{inverted.sum()} of {count} boxes are inside out: they may be x y width height, where "
            "corners x1 y1 x2 y2 are expected"
        )
    elif not normalised and not shares and small.sum() > 0.9 * count:
        which, text = small, "all numbers are below 1: they may be shares of the image"
    elif many:
        which, text = outside, out
        if shares:
            text += ": they may be in pixels, where shares of the image are expected"
    else:
        return []
    where = joined([part.where for part in parts])
    said = [where[i] for i in np.flatnonzero(which).tolist()]
    return [Note(Rule.CONVENTION, said, text)]


def _some(where: Sequence[str], kept: Ints) -> Sequence[str]:
    if isinstance(where, Places):
        return Places(where.file, where.pattern, np.asarray(where.numbers)[kept])
    return [where[int(i)] for i in kept]


def _flags(column: Bools | None, count: int) -> Bools:
    return np.zeros(count, bool) if column is None else column
