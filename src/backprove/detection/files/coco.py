"""COCO's JSON: a data set with images, categories and annotations; and a list of results."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np

from backprove.detection.boxes import Floats
from backprove.detection.data import Predictions
from backprove.detection.files.jsons import load, no_collection, pieces
from backprove.detection.files.names import Names
from backprove.detection.files.notes import DataError, Note, Places, Rule
from backprove.detection.files.records import Dataset, Records, make_predictions, make_truth

Entry = dict[str, Any]


@no_collection()
def read_truth(path: Path) -> Dataset:
    """A data set; raises `DataError` with the record that cannot be used."""
    data = load(path)
    if isinstance(data, list):
        raise DataError(
            f"{path} is a list, as predictions are: a data set is an object with images"
        )
    if not isinstance(data, dict):
        raise DataError(f"{path} holds no data set: an object with images, annotations, categories")
    whole = cast(Entry, data)
    images, annotations, categories = (
        _entries(path, whole, key) for key in ("images", "annotations", "categories")
    )
    image_ids = _ids(path, "images", images)
    class_ids = _ids(path, "categories", categories)
    order = sorted(range(len(images)), key=lambda i: _sorting(image_ids[i]))
    images, image_ids = [images[i] for i in order], [image_ids[i] for i in order]
    kinds = sorted(range(len(categories)), key=lambda i: _sorting(class_ids[i]))
    notes = _odd_ids(path, annotations)
    where = Places(path, "annotations[{}]", range(len(annotations)))
    records = _records(annotations, where)
    records.area = _numbers(annotations, "area", where, missing=np.nan)
    crowd = _numbers(annotations, "iscrowd", where, missing=0) != 0
    records.crowd = crowd
    if any("difficult" in a for a in annotations):
        records.difficult = _numbers(annotations, "difficult", where, missing=0) != 0
    if any("ignore" in a for a in annotations):
        marked = _numbers(annotations, "ignore", where, missing=0) != 0
        if said := np.flatnonzero(marked & ~crowd).tolist():
            notes.append(Note(Rule.IGNORE, [where[i] for i in said]))
    extent = np.stack(
        [
            _numbers(images, key, Places(path, "images[{}]", order), missing=np.nan)
            for key in ("width", "height")
        ],
        axis=-1,
    ).reshape(len(images), 2)
    return make_truth(
        records,
        Names([str(i.get("file_name", i["id"])) for i in images], image_ids, files=True),
        Names(
            [str(categories[k].get("name", class_ids[k])) for k in kinds],
            [class_ids[k] for k in kinds],
        ),
        extent,
        str(path),
        notes,
    )


@no_collection()
def read_predictions(path: Path, about: Dataset) -> tuple[Predictions, list[Note]]:
    """Results: a list of objects with image_id, category_id, bbox and score."""
    return make_predictions(_portions(path), about)


def _portions(path: Path) -> Iterator[Records]:
    parts, pattern = _results(path)
    start = 0
    for part in parts:
        where = Places(path, pattern, np.arange(start, start + len(part)))
        entries = _objects(part, where.__getitem__)
        records = _records(entries, where)
        records.score = _numbers(entries, "score", where)
        yield records
        start += len(part)


def _results(path: Path) -> tuple[Iterator[list[Any]], str]:
    """The list of results in parts, and how the place of one is written."""
    if (parts := pieces(path)) is not None:
        return parts, "[{}]"
    data = load(path)
    if isinstance(data, dict):
        listed = cast(Entry, data).get("annotations")
        if isinstance(listed, list):
            return iter([cast(list[Any], listed)]), "annotations[{}]"
    elif isinstance(data, list):
        return iter([cast(list[Any], data)]), "[{}]"
    raise DataError(f"{path} holds no predictions: they are a list of objects with a score")


def _entries(path: Path, whole: Entry, key: str) -> list[Entry]:
    if key not in whole:
        raise DataError(f"{path} has no {key}; a data set has images, annotations and categories")
    if not isinstance(whole[key], list):
        raise DataError(f"{path}: {key} is not a list")
    return _objects(whole[key], lambda i: f"{path}, {key}[{i}]")


def _objects(entries: list[Any], where: Callable[[int], str]) -> list[Entry]:
    if set(map(type, entries)) - {dict}:
        odd = next(i for i, entry in enumerate(entries) if not isinstance(entry, dict))
        raise DataError(f"{where(odd)} is not an object")
    return entries


def _ids(path: Path, key: str, entries: list[Entry]) -> list[Hashable]:
    ids: list[Hashable] = []
    for i, entry in enumerate(entries):
        if type(entry.get("id")) not in (int, str):
            raise DataError(f"{path}, {key}[{i}] has no id")
        ids.append(entry["id"])
    twice = [name for name, count in Counter(ids).items() if count > 1]
    if twice:
        raise DataError(f"{path}: two {key} have the id {twice[0]}")
    return ids


def _sorting(key: Hashable) -> tuple[bool, Any]:
    return isinstance(key, str), key


def _odd_ids(path: Path, annotations: list[Entry]) -> list[Note]:
    """Ids that evaluators which go by ids stumble over: pycocotools takes 0 for no match."""
    counts = Counter(_hashable(a.get("id")) for a in annotations if "id" in a)
    odd = {key for key, count in counts.items() if count > 1 or key == 0}
    if not odd:
        return []
    found = [
        f"{path}, annotations[{i}]: id {a['id']}"
        for i, a in enumerate(annotations)
        if "id" in a and _hashable(a["id"]) in odd
    ]
    return [Note(Rule.IDENTITY, found, "it does not matter here, but does to pycocotools")]


def _hashable(key: Any) -> Hashable:
    return key if isinstance(key, int | str) else str(key)


def _records(entries: list[Entry], where: Sequence[str]) -> Records:
    try:
        image = [e["image_id"] for e in entries]
        label = [e["category_id"] for e in entries]
        box = np.array([e["bbox"] for e in entries]) if entries else np.zeros((0, 4))
        named = set(map(type, image)) | set(map(type, label))
        # text and null make an array of another kind, and boxes of other lengths none
        if named <= {int, str} and box.dtype.kind in "if" and box.shape == (len(entries), 4):
            if named == {int}:
                image, label = np.array(image, np.int64), np.array(label, np.int64)
            return Records(image, label, box.astype(np.float64), "xywh", where)
    except (KeyError, TypeError, ValueError, OverflowError):
        pass
    # something is wrong: find out where
    for i, entry in enumerate(entries):
        for key in ("image_id", "category_id"):
            if key not in entry:
                raise DataError(f"{where[i]} has no {key}")
            if type(entry[key]) not in (int, str):
                raise DataError(f"{where[i]}: {key} is no id but {_short(entry[key])}")
        bbox = entry.get("bbox")
        numbers = cast(list[Any], bbox) if isinstance(bbox, list) else []
        if len(numbers) != 4 or not all(_is_number(n) for n in numbers):
            raise DataError(f"{where[i]}: bbox is not [x, y, width, height] but {_short(bbox)}")
    box = np.array([[_float(n) for n in e["bbox"]] for e in entries]).reshape(-1, 4)
    return Records(
        [e["image_id"] for e in entries], [e["category_id"] for e in entries], box, "xywh", where
    )


def _numbers(
    entries: list[Entry], key: str, where: Sequence[str], missing: float | None = None
) -> Floats:
    """A column of numbers; raises `DataError` where one is none, or is missing and must not be."""
    values = [e.get(key, missing) for e in entries]
    if set(map(type, values)) <= {float}:
        return np.array(values, dtype=np.float64)
    for i, value in enumerate(values):
        if isinstance(value, float | int):
            continue
        if value is None and missing is not None:
            values[i] = missing
        elif key not in entries[i]:
            raise DataError(f"{where[i]} has no {key}")
        else:
            raise DataError(f"{where[i]}: {key} is not a number but {_short(value)}")
    return np.array([v if type(v) is float else _float(v) for v in values], dtype=np.float64)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf")


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:59] + "…"
