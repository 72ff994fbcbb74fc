"""CSV: a line for each box, with a header that says which numbers it has."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from backprove.detection.boxes import Floats
from backprove.detection.data import Predictions
from backprove.detection.files.names import Names
from backprove.detection.files.notes import DataError, Note
from backprove.detection.files.records import Dataset, Records, make_predictions, make_truth

#: what a column may be called
_CALLED = {
    "image": ("image", "filename", "file", "file_name", "image_id", "imageid", "img"),
    "class": ("class", "label", "category", "name", "class_name", "category_id", "labelname"),
    "score": ("score", "confidence", "conf"),
    "difficult": ("difficult",),
    "crowd": ("crowd", "iscrowd", "isgroupof"),
    "area": ("area",),
}
#: how boxes may be written; the first set of columns that is there tells the convention
_BOXES = (
    ("xyxy", ("x1", "y1", "x2", "y2")),
    ("xyxy", ("xmin", "ymin", "xmax", "ymax")),
    ("xyxy", ("left", "top", "right", "bottom")),
    ("cxcywh", ("cx", "cy", "w", "h")),
    ("cxcywh", ("cx", "cy", "width", "height")),
    ("xywh", ("x", "y", "w", "h")),
    ("xywh", ("x", "y", "width", "height")),
    ("xywh", ("left", "top", "width", "height")),
)


class _Sheet:
    """A CSV file's rows, and where its columns are."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            text = path.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError:
            raise DataError(f"{path} is not text in UTF-8") from None
        head = text.split("\n", 1)[0]
        delimiter = max(",;\t", key=head.count)
        self.lines: list[int] = []
        self.rows: list[list[str]] = []
        reader = csv.reader(text.splitlines(), delimiter=delimiter)
        try:
            header = [name.strip().lower() for name in next(reader, [])]
            for row in reader:
                if any(cell.strip() for cell in row):
                    self.rows.append([cell.strip() for cell in row])
                    self.lines.append(reader.line_num)
        except csv.Error as error:
            raise DataError(f"{path}, line {reader.line_num}: not CSV: {error}") from None
        self.header = header
        self.convention, names = self._convention()
        self.corners = [header.index(name) for name in names]
        self.columns = {
            key: next((header.index(n) for n in called if n in header), -1)
            for key, called in _CALLED.items()
        }
        for key in ("image", "class"):
            if self.columns[key] < 0:
                raise DataError(f"{path}, line 1: no column for the {key}; found {self._found()}")
        for row, line in zip(self.rows, self.lines, strict=True):
            if len(row) != len(header):
                raise DataError(
                    f"{path}, line {line}: {len(row)} cells, where the header has {len(header)}"
                )
            if not row[self.columns["image"]]:
                raise DataError(f"{path}, line {line}: no image is named")

    def _convention(self) -> tuple[str, tuple[str, ...]]:
        for convention, names in _BOXES:
            if set(names) <= set(self.header):
                return convention, names
        raise DataError(
            f"{self.path}, line 1: no columns for boxes, such as x1, y1, x2, y2 or x, y, w, h; "
            f"found {self._found()}"
        )

    def _found(self) -> str:
        return ", ".join(self.header)[:200] or "nothing"

    def where(self, row: int) -> str:
        return f"{self.path}, line {self.lines[row]}"

    def text(self, key: str, rows: list[int]) -> list[str]:
        return [self.rows[i][self.columns[key]] for i in rows]

    def number(self, row: int, column: int) -> float:
        cell = self.rows[row][column]
        try:
            return float(cell)
        except ValueError:
            raise DataError(
                f"{self.where(row)}: {self.header[column]} is not a number but {cell[:40]!r}"
            ) from None

    def numbers(self, key: str, rows: list[int]) -> Floats | None:
        column = self.columns[key]
        if column < 0:
            return None
        return np.array([self.number(i, column) if self.rows[i][column] else 0.0 for i in rows])

    def boxes(self, rows: list[int]) -> Floats:
        box = [[self.number(i, column) for column in self.corners] for i in rows]
        return np.array(box, dtype=np.float64).reshape(-1, 4)

    def records(self, rows: list[int]) -> Records:
        where = [self.where(i) for i in rows]
        image, label = self.text("image", rows), self.text("class", rows)
        if "" in label:
            raise DataError(f"{where[label.index('')]}: a box, and no class is named")
        return Records(image, label, self.boxes(rows), self.convention, where)


def read_truth(path: Path, pixels: bool | None = None) -> Dataset:
    """Boxes that are there; a row with an image alone is an image without boxes.

    `pixels`: corners name the first and the last pixel of a box, not its edges.
    """
    sheet = _Sheet(path)
    if pixels is not None and sheet.convention != "xyxy":
        raise DataError(f"{path} has boxes by their size, and no corners to be read either way")
    everything = list(range(len(sheet.rows)))
    full = [i for i in everything if any(sheet.rows[i][c] for c in sheet.corners)]
    records = sheet.records(full)
    records.area = sheet.numbers("area", full)
    crowd, difficult = sheet.numbers("crowd", full), sheet.numbers("difficult", full)
    records.crowd = None if crowd is None else crowd != 0
    records.difficult = None if difficult is None else difficult != 0
    images = sorted(set(sheet.text("image", everything)))
    classes = sorted(set(sheet.text("class", full)))
    extent = _extent(sheet, images)
    names = Names(images, files=True)
    return make_truth(records, names, Names(classes), extent, str(path), [], bool(pixels))


def read_predictions(path: Path, about: Dataset) -> tuple[Predictions, list[Note]]:
    """Boxes that were found, each with a score."""
    sheet = _Sheet(path)
    if sheet.columns["score"] < 0:
        raise DataError(f"{path}, line 1: no column for the score; found {', '.join(sheet.header)}")
    rows = list(range(len(sheet.rows)))
    records = sheet.records(rows)
    column = sheet.columns["score"]
    records.score = np.array([sheet.number(i, column) for i in rows], dtype=np.float64)
    return make_predictions([records], about)


def _extent(sheet: _Sheet, images: list[str]) -> Floats:
    """The images' sizes, where the rows have them beside corners."""
    extent = np.full((len(images), 2), np.nan)
    if sheet.convention != "xyxy" or not {"width", "height"} <= set(sheet.header):
        return extent
    place = {name: i for i, name in enumerate(images)}
    columns = [sheet.header.index(key) for key in ("width", "height")]
    for i, row in enumerate(sheet.rows):
        if all(row[c] for c in columns):
            extent[place[row[sheet.columns["image"]]]] = [sheet.number(i, c) for c in columns]
    return extent
