"""A COCO-format data set on disk as scenes: `DIR/train.json` and `DIR/test.json`, with pictures.

Pictures lie in `DIR`, `DIR/images`, or `DIR/train` and `DIR/test`. They are scaled into a square.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from backprove.detection.boxes import Floats
from backprove.detection.detector.scenes import Scenes
from backprove.detection.files.coco import read_truth
from backprove.detection.files.notes import DataError, Note


def folder_scenes(folder: Path, part: str, side: int) -> tuple[Scenes, list[Note]]:
    """The part `train` or `test` of a data set, with what is to be remarked on its records."""
    try:
        from PIL import Image  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise DataError(
            "pictures are read with Pillow; pip install 'backprove[pictures]' brings it"
        ) from None
    dataset = read_truth(folder / f"{part}.json")
    truth = dataset.truth
    pictures = np.zeros((len(truth.images), side, side, 3), np.uint8)
    scale = np.ones(len(truth.images))
    for number, name in enumerate(truth.images):
        path = _picture(folder, part, name)
        try:
            with Image.open(path) as opened:
                picture: Any = opened.convert("RGB")
        except OSError as error:
            raise DataError(f"{path} cannot be read as a picture: {error}") from None
        scale[number] = side / max(picture.size)
        size = [max(1, round(n * scale[number])) for n in picture.size]
        pictures[number, : size[1], : size[0]] = np.asarray(picture.resize(size))
    by_box: Floats = scale[truth.image][:, None]
    scaled = replace(
        truth,
        edges=truth.edges * by_box,
        size=truth.size * by_box,
        area=truth.area * by_box[:, 0] ** 2,
        extent=np.full((len(truth.images), 2), float(side)),
    )
    return Scenes(pictures, scaled), dataset.notes


def _picture(folder: Path, part: str, name: str) -> Path:
    for place in (folder / "images", folder / part, folder):
        if (place / name).is_file():
            return place / name
    raise DataError(f"the picture {name} is neither in {folder} nor in its images or {part}")
