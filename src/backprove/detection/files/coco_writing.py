"""A truth and predictions in COCO's form; ids are numbers of images, classes and boxes from 1."""

from __future__ import annotations

from typing import Any

import numpy as np

from backprove.detection.data import Predictions, Truth


def dataset(truth: Truth) -> dict[str, Any]:
    """A data set as COCO's JSON has it; sizes of images are there where they are known."""
    boxes = np.concatenate([truth.edges[:, :2], truth.size], axis=1).tolist()
    images: list[dict[str, Any]] = []
    for n, (name, (width, height)) in enumerate(
        zip(truth.images, truth.extent.tolist(), strict=True)
    ):
        size = {"width": width, "height": height} if np.isfinite(width + height) else {}
        images.append({"id": n + 1, "file_name": name, **size})
    return {
        "images": images,
        "categories": [{"id": k + 1, "name": name} for k, name in enumerate(truth.classes)],
        "annotations": [
            {
                "id": i + 1,
                "image_id": int(truth.image[i]) + 1,
                "category_id": int(truth.label[i]) + 1,
                "bbox": boxes[i],
                "area": float(truth.area[i]),
                "iscrowd": int(truth.crowd[i]),
                "difficult": int(truth.difficult[i]),
            }
            for i in range(len(truth))
        ],
    }


def results(found: Predictions) -> list[dict[str, Any]]:
    """Predictions as COCO's list of results."""
    rows = zip(
        (found.image + 1).tolist(),
        (found.label + 1).tolist(),
        np.concatenate([found.edges[:, :2], found.size], axis=1).tolist(),
        found.score.tolist(),
        strict=True,
    )
    return [{"image_id": i, "category_id": k, "bbox": b, "score": s} for i, k, b, s in rows]
