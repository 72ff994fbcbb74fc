"""PASCAL VOC: a folder of XML annotations; predictions as XML with scores, or as result files.

Corners name the first and the last pixel of a box, so its far edges lie one further.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from backprove.detection.boxes import Floats
from backprove.detection.data import Predictions
from backprove.detection.files.names import Names
from backprove.detection.files.notes import DataError, Note
from backprove.detection.files.records import Dataset, Records, make_predictions, make_truth

#: the development kit's result files, one for each class: comp4_det_test_rose.txt
RESULTS = re.compile(r"(?:comp\d+_)?det_[A-Za-z0-9]+_(?P<name>.+)\.txt")
_CORNERS = ("xmin", "ymin", "xmax", "ymax")


@dataclass(slots=True)
class _Columns:
    image: list[str] = field(default_factory=list[str])
    label: list[str] = field(default_factory=list[str])
    box: list[list[float]] = field(default_factory=list[list[float]])
    where: list[str] = field(default_factory=list[str])
    difficult: list[bool] = field(default_factory=list[bool])
    score: list[float] = field(default_factory=list[float])

    def records(self) -> Records:
        box = np.array(self.box, dtype=np.float64).reshape(-1, 4)
        return Records(self.image, self.label, box, "xyxy", self.where)


def read_truth(folder: Path, pixels: bool = True) -> Dataset:
    """A folder with an XML file for each image; raises `DataError` with file and object.

    The development kit's corners are `pixels`; other programs write edges.
    """
    columns, images, extents = _Columns(), list[str](), list[Floats]()
    for file in _files(folder, "*.xml"):
        root = _parse(file)
        images.append(file.stem)
        extents.append(_extent(file, root))
        for where, entry in _objects(file, root):
            _read(entry, where, file.stem, columns)
            columns.difficult.append(_difficult(entry, where))
    classes = sorted(set(columns.label))
    records = columns.records()
    records.difficult = np.array(columns.difficult, dtype=bool)
    extent = np.array(extents, dtype=np.float64).reshape(-1, 2)
    names = Names(images, files=True)
    return make_truth(records, names, Names(classes), extent, str(folder), [], pixels)


def read_xml_predictions(folder: Path, about: Dataset) -> tuple[Predictions, list[Note]]:
    """XML files whose objects have a `score` (or `confidence`)."""
    columns = _Columns()
    for file in _files(folder, "*.xml"):
        for where, entry in _objects(file, _parse(file)):
            _read(entry, where, file.stem, columns)
            said = entry.findtext("score") or entry.findtext("confidence")
            if said is None:
                raise DataError(f"{where} has no score")
            columns.score.append(_number(said, where, "score"))
    return _finished(columns, about)


def read_results(folder: Path, about: Dataset) -> tuple[Predictions, list[Note]]:
    """The development kit's files, a class each; lines of image, score, and four corners."""
    columns = _Columns()
    for file in _files(folder, "*.txt"):
        named = RESULTS.fullmatch(file.name)
        if named is None:
            raise DataError(f"{file}: the file of a class is called comp4_det_test_CLASS.txt")
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            if not line.strip():
                continue
            where = f"{file}, line {number}"
            image, *rest = line.split()
            if len(rest) != 5:
                raise DataError(f"{where}: expected image, score, xmin, ymin, xmax, ymax: {line}")
            score, *corners = (_number(text, where, "a column") for text in rest)
            columns.image.append(image)
            columns.label.append(named["name"])
            columns.box.append(corners)
            columns.where.append(where)
            columns.score.append(score)
    return _finished(columns, about)


def _finished(columns: _Columns, about: Dataset) -> tuple[Predictions, list[Note]]:
    records = columns.records()
    records.score = np.array(columns.score, dtype=np.float64)
    return make_predictions([records], about)


def _files(folder: Path, pattern: str) -> list[Path]:
    files = sorted(folder.glob(pattern))
    if not files:
        raise DataError(f"{folder} has no files {pattern}")
    return files


def _parse(file: Path) -> ElementTree.Element:
    data = file.read_bytes()
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        # entities can blow a small file up to any size
        raise DataError(f"{file}: annotations have no document type or entities")
    try:
        root = ElementTree.fromstring(data)
    except ElementTree.ParseError as error:
        line, column = error.position
        raise DataError(
            f"{file}, line {line}, column {column + 1}: not XML: {str(error).split(':')[0]}"
        ) from None
    if root.tag != "annotation":
        raise DataError(f"{file} is no annotation: its root is <{root.tag}>, not <annotation>")
    return root


def _difficult(entry: ElementTree.Element, where: str) -> bool:
    text = (entry.findtext("difficult") or "0").strip()
    if text not in ("0", "1"):
        raise DataError(f"{where}: difficult is neither 0 nor 1 but {text[:40]!r}")
    return text == "1"


def _extent(file: Path, root: ElementTree.Element) -> Floats:
    """Width and height, NaN where they are missing or 0, as some programs write."""
    found = np.array(
        [
            _number(root.findtext(f"size/{key}") or "nan", str(file), f"size/{key}")
            for key in ("width", "height")
        ]
    )
    return np.where(found > 0, found, np.nan)


def _objects(file: Path, root: ElementTree.Element) -> list[tuple[str, ElementTree.Element]]:
    return [(f"{file}, object {n}", entry) for n, entry in enumerate(root.iter("object"), 1)]


def _read(entry: ElementTree.Element, where: str, image: str, columns: _Columns) -> None:
    name = (entry.findtext("name") or "").strip()
    if not name:
        raise DataError(f"{where} has no name")
    corners: list[float] = []
    for key in _CORNERS:
        text = entry.findtext(f"bndbox/{key}")
        if text is None:
            raise DataError(f"{where} ({name}) has no {key}")
        corners.append(_number(text, f"{where} ({name})", key))
    columns.image.append(image)
    columns.label.append(name)
    columns.box.append(corners)
    columns.where.append(f"{where} ({name})")


def _number(text: str, where: str, what: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise DataError(f"{where}: {what} is not a number but {text.strip()[:40]!r}") from None
