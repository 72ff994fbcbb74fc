"""YOLO's text: a file for each image, a line for each box, in shares of the image.

`class cx cy width height`, and a score at the end of the line of a prediction. Without the images
their sizes are not known; then everything is reckoned in shares, and nothing by size.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from backprove.detection.data import Predictions
from backprove.detection.files.names import Names
from backprove.detection.files.notes import DataError, Note
from backprove.detection.files.pictures import image_size, pictures
from backprove.detection.files.records import Dataset, Records, make_predictions, make_truth

#: files beside the labels that name the classes, one a line
CLASS_LISTS = ("classes.txt", "obj.names", "classes.names")


def read_truth(folder: Path, images: Path | None, classes: Path | None) -> Dataset:
    """A folder of label files; `images` is a folder of pictures, `classes` a list of names."""
    listed = classes or _class_list(folder)
    records = _read(folder, 5)
    files = {file.stem: file for file in pictures(images)} if images else {}
    stems = sorted({f.stem for f in label_files(folder)} | set(files))
    if images is not None and (without := [s for s in stems if s not in files]):
        raise DataError(f"{images} has no picture {without[0]}, which {folder} has labels of")
    sizes = [image_size(files[stem]) if stem in files else (np.nan, np.nan) for stem in stems]
    extent = np.array(sizes, dtype=np.float64).reshape(-1, 2)
    names = _names(listed, records)
    return make_truth(records, Names(stems, files=True), names, extent, str(folder), [])


def read_predictions(folder: Path, about: Dataset) -> tuple[Predictions, list[Note]]:
    """A folder of label files whose lines end with a score."""
    records = _read(folder, 6)
    # the numbers of classes are places in the list of names, not another format's ids
    names = about.classes.names
    numbered = [int(str(key)) for key in records.label]
    records.label = [names[k] if k < len(names) else f"class number {k}" for k in numbered]
    return make_predictions([records], about)


def label_files(folder: Path) -> list[Path]:
    """The files with labels, sorted."""
    return sorted(f for f in folder.glob("*.txt") if f.name not in CLASS_LISTS)


def _read(folder: Path, columns: int) -> Records:
    image: list[str] = []
    label: list[int] = []
    where: list[str] = []
    numbers: list[list[float]] = []
    for file in label_files(folder):
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            raise DataError(f"{file} is not text in UTF-8") from None
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            place = f"{file}, line {number}"
            kind, row = _line(line, place, columns)
            image.append(file.stem)
            label.append(kind)
            numbers.append(row)
            where.append(place)
    table = np.array(numbers, dtype=np.float64).reshape(-1, columns - 1)
    records = Records(image, label, table[:, :4], "cxcywh", where, normalised=True)
    records.score = table[:, 4] if columns == 6 else None
    return records


def _line(line: str, place: str, columns: int) -> tuple[int, list[float]]:
    words = line.split()
    wanted = "class cx cy width height" + (" score" if columns == 6 else "")
    if len(words) != columns:
        raise DataError(f"{place}: expected {wanted}, found {len(words)} columns")
    try:
        kind, row = int(words[0]), [float(word) for word in words[1:]]
    except ValueError:
        raise DataError(f"{place}: expected the numbers {wanted}: {line.strip()[:60]}") from None
    if kind < 0:
        raise DataError(f"{place}: a class counts from 0, not {kind}")
    return kind, row


def _class_list(folder: Path) -> Path | None:
    for place in (folder, folder.parent):
        for name in CLASS_LISTS:
            if (place / name).is_file():
                return place / name
    return None


def _names(listed: Path | None, records: Records) -> Names:
    most = max((int(str(k)) for k in records.label), default=-1)
    if listed is None:
        names = [f"class {k}" for k in range(most + 1)]
    else:
        names = [n.strip() for n in listed.read_text(encoding="utf-8").splitlines() if n.strip()]
        if most >= len(names):
            raise DataError(f"{listed} names {len(names)} classes; the labels have class {most}")
    records.label = [names[int(str(k))] for k in records.label]
    return Names(names)
