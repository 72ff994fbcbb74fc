"""Which format a path has, by what is in it; and reading it."""

from __future__ import annotations

from pathlib import Path

from backprove.detection.data import Predictions
from backprove.detection.files import coco, table, voc, yolo
from backprove.detection.files.notes import DataError, Note
from backprove.detection.files.records import Dataset

_KNOWN = "COCO JSON (.json), PASCAL VOC XML (a folder), YOLO text (a folder), CSV (.csv)"


def read_truth(
    path: Path,
    images: Path | None = None,
    classes: Path | None = None,
    pixels: bool | None = None,
) -> Dataset:
    """The ground truth at a path, of any format; raises `DataError`.

    `images` is a folder with the pictures and `classes` a list of class names, for YOLO's text.
    `pixels` says of formats with corners that these name the first and the last pixel of a box,
    or its edges; else that is so in PASCAL VOC's XML alone.
    """
    if path.is_dir():
        if any(path.glob("*.xml")):
            return voc.read_truth(path, pixels is not False)
        if any(path.glob("*.txt")):
            _without_corners(path, pixels)
            return yolo.read_truth(path, images, classes)
        raise DataError(f"{path} has neither .xml nor .txt files; known are {_KNOWN}")
    if path.suffix.lower() in (".csv", ".tsv"):
        return table.read_truth(path, pixels)
    if path.suffix.lower() == ".json":
        _without_corners(path, pixels)
        return coco.read_truth(path)
    raise _unknown(path)


def read_predictions(path: Path, about: Dataset) -> tuple[Predictions, list[Note]]:
    """The predictions at a path, of any format, about a data set; and what is to be remarked."""
    if path.is_dir():
        texts = [f for f in path.glob("*.txt") if f.name not in yolo.CLASS_LISTS]
        if any(path.glob("*.xml")):
            return voc.read_xml_predictions(path, about)
        if texts and all(voc.RESULTS.fullmatch(f.name) for f in texts):
            return voc.read_results(path, about)
        if texts:
            return yolo.read_predictions(path, about)
        raise DataError(f"{path} has neither .xml nor .txt files; known are {_KNOWN}")
    if path.suffix.lower() in (".csv", ".tsv"):
        return table.read_predictions(path, about)
    if path.suffix.lower() == ".json":
        return coco.read_predictions(path, about)
    raise _unknown(path)


def _without_corners(path: Path, pixels: bool | None) -> None:
    if pixels is not None:
        raise DataError(f"{path} has boxes by their size, and no corners to be read either way")


def _unknown(path: Path) -> Exception:
    if not path.exists():
        return FileNotFoundError(2, "No such file or directory", str(path))
    return DataError(f"{path}: the format is not known; known are {_KNOWN}")
