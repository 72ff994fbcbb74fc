"""Records of any format, as columns, checked and made into a `Truth` or `Predictions`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

import numpy as np

from backprove.detection.boxes import Bools, Floats, Ints, convert
from backprove.detection.data import Predictions, Truth
from backprove.detection.files.notes import DataError, Note, Places, Rule

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


class Names:
    """Names of images or classes: what each is called, and what else it answers to."""

    def __init__(
        self, names: Sequence[str], ids: Sequence[Hashable] = (), files: bool = False
    ) -> None:
        self.names = tuple(names)
        self.ids = {key: i for i, key in enumerate(ids)}
        self._by_name: dict[str, int] = {}
        for i, name in enumerate(names):
            self._by_name.setdefault(name, i)
        aliases: list[tuple[str, int]] = [(str(key), i) for key, i in self.ids.items()]
        if files:
            for i, name in enumerate(names):
                path = PurePath(name)
                bare = name.removesuffix(path.suffix) if path.suffix else name
                aliases += [(alias, i) for alias in {path.name, path.stem, bare}]
        meant = Counter(alias for alias, _ in set(aliases))
        self._aliases = {alias: i for alias, i in aliases if meant[alias] == 1}
        self.files = files

    def __len__(self) -> int:
        return len(self.names)

    def find(self, keys: Iterable[Hashable] | Ints) -> Ints:
        """The numbers of what is meant; −1 where nothing is."""
        if isinstance(keys, np.ndarray):
            return self._find_numbers(keys)
        known: dict[Hashable, int] = {}
        found: list[int] = []
        for key in keys:
            number = known.get(key)
            if number is None:
                number = known[key] = self._find(key)
            found.append(number)
        return np.array(found, dtype=np.int64)

    def _find_numbers(self, keys: Ints) -> Ints:
        """The same of numbers, which almost always are ids."""
        whole = [key for key in self.ids if type(key) is int and abs(key) < 2**63]
        ids = np.array(sorted(whole), dtype=np.int64)
        if not len(ids):
            return self.find(keys.tolist())
        place = np.minimum(np.searchsorted(ids, keys), len(ids) - 1)
        number = np.array([self.ids[key] for key in ids.tolist()])
        found = np.where(ids[place] == keys, number[place], -1)
        other = np.flatnonzero(found < 0)
        found[other] = self.find(keys[other].tolist())
        return found

    def _find(self, key: Hashable) -> int:
        # an id as the file writes it first, then a name, then whatever else is not ambiguous
        if not isinstance(key, str) and key in self.ids:
            return self.ids[key]
        name = str(key)
        found = self._by_name.get(name, self._aliases.get(name, -1))
        if found < 0 and self.files:
            path = PurePath(name)
            found = self._aliases.get(path.name, self._aliases.get(path.stem, -1))
        return found


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
    image, label, kept = _known(records, images, classes, notes)
    edges, size = _edges(records, image, extent, kept, pixels, normalised)
    where = _some(records.where, kept)
    notes += _remarks(records, edges, size, extent[image[kept]], where, normalised)
    own = size[:, 0] * size[:, 1]
    count = len(records.box)
    truth = Truth(
        images.names,
        classes.names,
        image[kept],
        label[kept],
        edges,
        size,
        own if records.area is None else np.where(np.isnan(a := records.area[kept]), own, a),
        _flags(records.crowd, count)[kept],
        _flags(records.difficult, count)[kept],
        extent,
        where,
    )
    return Dataset(truth, images, classes, notes, source, pixels, normalised)


def _alike(classes: Names, source: str) -> list[Note]:
    """Classes of one name, which tables cannot tell apart."""
    names = [name for name, count in Counter(classes.names).items() if count > 1]
    return [Note(Rule.NAME, [f"{source}: {name}" for name in names])] if names else []


def make_predictions(records: Records, about: Dataset, notes: list[Note]) -> Predictions:
    """`Predictions` of the records that can be used; raises `DataError` without scores."""
    assert records.score is not None
    if records.normalised and not about.normalised:
        extent = about.truth.extent
        if not np.isfinite(extent).all():
            raise DataError(
                "the predictions are in shares of the image, the ground truth in pixels, and the "
                "images' sizes are not known; name the folder of the images"
            )
    elif about.normalised and not records.normalised and len(records.box):
        raise DataError(
            "the predictions are in pixels, the ground truth in shares of the image, and the "
            "images' sizes are not known; name the folder of the images"
        )
    image, label, kept = _known(records, about.images, about.classes, notes)
    extent = about.truth.extent
    edges, size = _edges(records, image, extent, kept, about.pixels, about.normalised)
    where, score = _some(records.where, kept), records.score[kept]
    notes += _remarks(records, edges, size, extent[image[kept]], where, about.normalised)
    odd = np.flatnonzero((score < 0) | (score > 1))
    if len(odd):
        notes.append(Note(Rule.SCORE, [f"{where[i]}: {score[i]:g}" for i in odd.tolist()]))
    return Predictions(image[kept], label[kept], edges, size, score, where)


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
    records: Records, image: Ints, extent: Floats, kept: Ints, pixels: bool, normalised: bool
) -> tuple[Floats, Floats]:
    box = records.box[kept]
    if records.normalised and not normalised:
        box = box * np.concatenate([extent, extent], axis=1)[image[kept]]
    edges = convert(box, records.convention, "xyxy")
    if records.convention != "xyxy":
        # the size as it was written: edges are rounded
        return edges, box[:, 2:].copy()
    if pixels:
        edges[:, 2:] += 1
    return edges, edges[:, 2:] - edges[:, :2]


def _remarks(
    records: Records,
    edges: Floats,
    size: Floats,
    extent: Floats,
    where: Sequence[str],
    normalised: bool,
) -> list[Note]:
    notes: list[Note] = []
    empty = np.flatnonzero((size <= 0).any(axis=1)).tolist()
    if empty:
        said = [f"{where[i]}: {size[i, 0]:g} wide, {size[i, 1]:g} high" for i in empty]
        notes.append(Note(Rule.EMPTY, said))
    if len(edges) and (hint := _hint(records, edges, size, extent, normalised)) is not None:
        text, some = hint
        notes.append(Note(Rule.CONVENTION, [where[int(i)] for i in some], text))
    return notes


def _hint(
    records: Records, edges: Floats, size: Floats, extent: Floats, normalised: bool
) -> tuple[str, Ints] | None:
    """Whether most boxes would make more sense in another convention; the records that say so."""
    count = len(edges)
    limit = np.ones_like(extent) if normalised else extent
    slack = 0.02 if normalised else SLACK
    outside = ((edges[:, 2:] > limit + slack) | (edges[:, :2] < -slack)).any(axis=1)
    some = np.flatnonzero(outside)
    if records.convention == "xywh" and len(some) > SHARE * count:
        far = edges[:, :2] + size
        as_corners = size
        fits = (as_corners > edges[:, :2]).all(axis=1) & (as_corners <= limit + slack).all(axis=1)
        if fits.sum() > max(0.9 * count, count - len(some)) and (far > limit + slack).any():
            return (
                f"{len(some)} of {count} boxes reach outside of their image; as corners x1 y1 x2 y2 "
                f"{int(fits.sum())} would lie inside, but x y width height is expected",
                some,
            )
    inverted = np.flatnonzero((size < 0).any(axis=1))
    if records.convention == "xyxy" and len(inverted) > SHARE * count:
        return (
            f"{len(inverted)} of {count} boxes are inside out: they may be x y width height, where "
            "corners x1 y1 x2 y2 are expected",
            inverted,
        )
    known = np.isfinite(limit).all(axis=1) & (limit > 2).all(axis=1)
    if not normalised and known.any() and not records.normalised:
        tiny = (np.abs(edges) <= 1).all(axis=1) & known & (size > 0).all(axis=1)
        if tiny.sum() > 0.9 * count:
            return "all numbers are below 1: they may be shares of the image", np.flatnonzero(tiny)
    if len(some) > SHARE * count:
        text = f"{len(some)} of {count} boxes reach outside of their image"
        if records.normalised:
            text += ": they may be in pixels, where shares of the image are expected"
        return text, some
    return None


def _some(where: Sequence[str], kept: Ints) -> Sequence[str]:
    if isinstance(where, Places):
        return Places(where.file, where.pattern, np.asarray(where.numbers)[kept])
    return [where[int(i)] for i in kept]


def _flags(column: Bools | None, count: int) -> Bools:
    return np.zeros(count, bool) if column is None else column
