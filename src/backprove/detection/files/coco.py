"""COCO's JSON: a data set with images, categories and annotations; and a list of results."""

from __future__ import annotations

import gc
import json
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np

from backprove.detection.boxes import Floats
from backprove.detection.data import Predictions
from backprove.detection.files.notes import DataError, Note, Places, Rule
from backprove.detection.files.records import (
    Dataset,
    Names,
    Records,
    make_predictions,
    make_truth,
)

Entry = dict[str, Any]


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


def read_predictions(path: Path, about: Dataset) -> tuple[Predictions, list[Note]]:
    """Results: a list of objects with image_id, category_id, bbox and score."""
    data = load(path)
    pattern = "[{}]"
    if isinstance(data, dict):
        if "annotations" not in data:
            raise DataError(f"{path} holds no predictions: they are a list of objects with a score")
        data, pattern = cast(Entry, data)["annotations"], "annotations[{}]"
    if not isinstance(data, list):
        raise DataError(f"{path} holds no predictions: they are a list of objects with a score")
    entries = _objects(cast(list[Any], data), lambda i: f"{path}, {pattern.format(i)}")
    where = Places(path, pattern, range(len(entries)))
    notes: list[Note] = []
    records = _records(entries, where)
    records.score = _numbers(entries, "score", where)
    return make_predictions(records, about, notes), notes


def load(path: Path) -> Any:
    """The JSON of a file; raises `DataError` with the line."""
    # millions of objects, none of them garbage: looking for some takes longer than reading
    collects = gc.isenabled()
    gc.disable()
    try:
        return json.loads(path.read_bytes())
    except json.JSONDecodeError as error:
        raise DataError(
            f"{path}, line {error.lineno}, column {error.colno}: not JSON: {error.msg}"
        ) from None
    except UnicodeDecodeError:
        raise DataError(f"{path} is not text in UTF-8") from None
    except RecursionError:
        raise DataError(f"{path}: brackets are nested too deeply") from None
    finally:
        if collects:
            gc.enable()


def _entries(path: Path, whole: Entry, key: str) -> list[Entry]:
    if key not in whole:
        raise DataError(f"{path} has no {key}; a data set has images, annotations and categories")
    if not isinstance(whole[key], list):
        raise DataError(f"{path}: {key} is not a list")
    return _objects(whole[key], lambda i: f"{path}, {key}[{i}]")


def _objects(entries: list[Any], where: Callable[[int], str]) -> list[Entry]:
    for i, entry in enumerate(entries):
        if not isinstance(entry, dict):
            raise DataError(f"{where(i)} is not an object")
    return entries


def _ids(path: Path, key: str, entries: list[Entry]) -> list[Hashable]:
    ids: list[Hashable] = []
    for i, entry in enumerate(entries):
        if not isinstance(entry.get("id"), int | str):
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
        named = set(map(type, image)) | set(map(type, label)) <= {int, str}
        # text and null make an array of another kind, and boxes of other lengths none
        if named and box.dtype.kind in "if" and box.shape == (len(entries), 4):
            return Records(image, label, box.astype(np.float64), "xywh", where)
    except (KeyError, TypeError, ValueError, OverflowError):
        pass
    # something is wrong: find out where
    for i, entry in enumerate(entries):
        for key in ("image_id", "category_id"):
            if not isinstance(entry.get(key), int | str):
                raise DataError(f"{where[i]} has no {key}")
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
