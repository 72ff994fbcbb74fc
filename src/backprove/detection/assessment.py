"""All that is said about a detector: read, evaluated, broken down, with what was remarked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path

import numpy as np

from backprove.detection.boxes import Ints
from backprove.detection.breakdown import Breakdown, breakdown
from backprove.detection.confusion import Calibration, calibration, confusion
from backprove.detection.engines import BUILT_IN, faster_coco_eval
from backprove.detection.evaluation import Evaluation
from backprove.detection.files.formats import read_predictions, read_truth
from backprove.detection.files.notes import Note
from backprove.detection.files.records import Dataset
from backprove.detection.protocols import ALL, COCO, PROTOCOLS, Protocol
from backprove.errors import BackproveError


@dataclass(frozen=True)
class Assessment:
    """An evaluation at one of its thresholds, and everything that explains it.

    `threshold` is the number of the threshold that tables, curves and errors are about;
    `figures` are the protocol's own by name, NaN where there is nothing to find, from `engine`.
    All else is the core's.
    """

    dataset: Dataset
    evaluation: Evaluation
    figures: dict[str, float]
    predictions: str
    notes: tuple[Note, ...]
    threshold: int = 0
    least_score: float = 0.0
    engine: str = BUILT_IN

    @property
    def protocol(self) -> Protocol:
        return self.evaluation.protocol

    @property
    def classes(self) -> Sequence[str]:
        return self.evaluation.truth.classes

    @property
    def iou(self) -> float:
        """The threshold itself."""
        return self.protocol.thresholds[self.threshold]

    @property
    def left_out(self) -> int:
        """How many records are not in the evaluation."""
        return sum(len(note.records) for note in self.notes if note.rule.leaves_out)

    @cached_property
    def breakdown(self) -> Breakdown:
        return breakdown(self.evaluation, self.threshold)

    @cached_property
    def confusion(self) -> Ints:
        return confusion(self.evaluation, self.threshold, self.least_score)

    @cached_property
    def calibration(self) -> Calibration:
        return calibration(self.evaluation, self.threshold)

    @cached_property
    def ignored(self) -> dict[str, int]:
        """What the protocol leaves out of account, by its rule: boxes, and detections."""
        truth, matching = self.evaluation.truth, self.evaluation.matching
        limits = self.protocol.limits
        return {
            "boxes that need not be found (crowd)": int(truth.crowd.sum()),
            "boxes that need not be found (difficult)": int((truth.difficult & ~truth.crowd).sum()),
            f"boxes outside of the areas of {ALL!r}": int(
                (matching.ignored(ALL) & ~matching.care_not).sum()
            ),
            f"detections beyond the best {max(limits) if limits else 0} of image and class": (
                len(self.evaluation.predictions) - len(matching.order)
            ),
            f"detections on such boxes, at IoU {self.iou:g}": self._on_ignored,
        }

    @property
    def _on_ignored(self) -> int:
        _, box = self.evaluation.matching.taken(self.threshold, ALL)
        return int(self.evaluation.matching.ignored(ALL)[box].sum())

    def class_number(self, name: str) -> int:
        """The number of the class of that name; raises `BackproveError` with the nearest."""
        if name in self.classes:
            return self.classes.index(name)
        near = get_close_matches(name, self.classes, 1, 0.4)
        hint = (
            f"; did you mean {near[0]}?" if near else f"; there are {', '.join(self.classes[:9])}"
        )
        raise BackproveError(f"there is no class {name}{hint}")


def assess(
    truth: Path,
    predictions: Path,
    protocol: str,
    *,
    iou: float | None = None,
    images: Path | None = None,
    classes: Path | None = None,
    least_score: float = 0.0,
    pixels: bool | None = None,
    engine: str = BUILT_IN,
) -> Assessment:
    """Read and evaluate; raises `BackproveError` for what cannot be used.

    `pixels`: corners name the first and the last pixel of a box (None: as its format has it).
    """
    rules = PROTOCOLS[protocol]
    if engine != BUILT_IN and rules is not COCO:
        raise BackproveError(f"{engine} has the protocol coco only, not {protocol}")
    dataset = read_truth(truth, images, classes, pixels)
    if engine != BUILT_IN and dataset.normalised:
        raise BackproveError(f"{engine} needs boxes in pixels; name the folder of the images")
    if dataset.normalised and len(rules.areas) > 1:
        # nothing can be said by size in pixels when the sizes of the images are not known
        rules = replace(rules, areas={ALL: (-np.inf, np.inf)})
    found, notes = read_predictions(predictions, dataset)
    evaluation = Evaluation(dataset.truth, found, rules)
    figures = evaluation.summary()
    if engine != BUILT_IN:
        figures = faster_coco_eval(dataset.truth, found, list(figures))
    return Assessment(
        dataset,
        evaluation,
        figures,
        str(predictions),
        (*dataset.notes, *notes),
        _threshold(rules, iou),
        least_score,
        engine,
    )


def _threshold(protocol: Protocol, iou: float | None) -> int:
    if iou is None:
        return 0
    near = np.flatnonzero(np.isclose(protocol.thresholds, iou))
    if not len(near):
        known = ", ".join(f"{t:.2f}" for t in protocol.thresholds)
        raise BackproveError(f"{protocol.name} has no IoU threshold {iou:g}; it has {known}")
    return int(near[0])
