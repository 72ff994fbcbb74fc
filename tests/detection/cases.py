"""Random evaluations that are hard on a matching: ties, duplicates, crowds, empty everything."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from backprove.detection.boxes import Floats
from backprove.detection.data import Predictions, Truth, predictions, truth

#: sizes around the borders of COCO's small, medium and large
SIDES = (0, 1, 2, 8, 16, 31, 32, 33, 64, 96, 97, 128)


@dataclass(frozen=True)
class Case:
    """One case, with its boxes as x y width height, as files have them."""

    truth: Truth
    predictions: Predictions
    there: Floats
    found: Floats


def case(seed: int, most: int = 14) -> Case:
    """A case of up to `most` boxes and three times as many detections."""
    random = np.random.default_rng(seed)
    images, classes = int(random.integers(1, 5)), int(random.integers(1, 4))
    boxes, detections = int(random.integers(0, most)), int(random.integers(0, 3 * most))
    crowded = random.random() < 0.5
    there = _boxes(random, boxes, crowded)
    found = _boxes(random, detections, crowded)
    image, label = random.integers(0, images, boxes), random.integers(0, classes, boxes)
    if boxes and random.random() < 0.8:
        copied = random.random(detections) < 0.7
        source = random.integers(0, boxes, detections)
        shift = random.integers(-2, 3, (detections, 4)) * (random.random((detections, 1)) < 0.6)
        found[copied] = np.maximum(there[source] + shift, 0)[copied]
        found_image = np.where(copied, image[source], random.integers(0, images, detections))
        found_label = np.where(copied, label[source], random.integers(0, classes, detections))
    else:
        found_image = random.integers(0, images, detections)
        found_label = random.integers(0, classes, detections)
    steps = int(random.choice([1, 3, 10, 1000]))
    about = truth(
        [f"image {i}" for i in range(images)],
        [f"class {k}" for k in range(classes)],
        image,
        label,
        _edges(there),
        size=there[:, 2:],
        area=there[:, 2] * there[:, 3] * random.choice([0.5, 1.0, 1.5], boxes),
        crowd=random.random(boxes) < random.choice([0, 0.3]),
    )
    scores = random.integers(0, steps + 1, detections) / steps
    given = predictions(about, found_image, found_label, _edges(found), scores, size=found[:, 2:])
    return Case(about, given, there, found)


def _boxes(random: np.random.Generator, count: int, crowded: bool) -> Floats:
    sides = random.choice(SIDES, (count, 2)).astype(float)
    if crowded:
        sides = random.choice([4.0, 6.0, 8.0, 12.0], (count, 2))
    corners = random.integers(0, 6 if crowded else 60, (count, 2)).astype(float)
    fraction = random.choice([0.0, 0.1, 0.37]) if random.random() < 0.3 else 0.0
    return np.concatenate([corners, sides + fraction], axis=1)


def _edges(boxes: Floats) -> Floats:
    return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)
