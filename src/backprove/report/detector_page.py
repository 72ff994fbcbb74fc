"""The comparison of losses as one self-contained page: tables, curves, and pictures with boxes."""

from __future__ import annotations

import struct
import zlib
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jinja2 import Environment, PackageLoader

from backprove.report.detection_page import HIGH, WIDE, polyline
from backprove.report.detector import WORDS, table

if TYPE_CHECKING:
    from backprove.detection.detector.study import Study

#: pictures that are shown, and the score from which a detection is drawn
_SHOWN, _DRAWN = 8, 0.3


@dataclass(frozen=True, slots=True)
class _Box:
    kind: str
    x: float
    y: float
    width: float
    height: float
    words: str


@dataclass(frozen=True, slots=True)
class _Example:
    name: str
    data: str
    boxes: list[_Box]


def page(made: Study, folder: Path) -> str:
    """The page's HTML; the detector of the first setting is loaded from `folder` for pictures."""
    environment = Environment(
        loader=PackageLoader("backprove.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    head, *rows = table(made)
    setting = made.plan.settings()[0]
    examples, curves = _found(made, folder)
    return environment.get_template("detector.html").render(
        made=made,
        head=head,
        rows=rows,
        losses=[
            _losses(made, pair)
            for pair in dict.fromkeys((run.localisation, run.classification) for run in made.runs)
        ],
        shown=f"{WORDS[setting.localisation]} and {setting.classification} loss, seed 0",
        examples=examples,
        curves=curves,
        side=made.plan.side,
        wide=WIDE,
        high=HIGH,
    )


def _losses(made: Study, pair: tuple[str, str]) -> dict[str, Any]:
    """Train and test loss by epoch, the mean over the seeds, as points of two lines."""
    runs = made.of(pair)
    train = np.mean([run.train for run in runs], axis=0)
    test = np.mean([run.test for run in runs], axis=0)
    top = float(max(train.max(), test.max()))
    return {
        "name": f"{WORDS.get(pair[0], pair[0])}, {pair[1]}",
        "train": _line(train, top),
        "test": _line(test, top),
        "top": f"{top:.2g}",
        "last": f"{train[-1]:.3f} train, {test[-1]:.3f} test",
    }


def _line(values: np.ndarray, top: float) -> str:
    steps = max(len(values) - 1, 1)
    points = [(WIDE * i / steps, HIGH * (1 - v / top)) for i, v in enumerate(values.tolist())]
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _found(made: Study, folder: Path) -> tuple[list[_Example], list[dict[str, Any]]]:
    from backprove.detection.detector.study import detections
    from backprove.detection.evaluation import OUTCOMES, Evaluation, Outcome
    from backprove.detection.protocols import VOC07

    test, found = detections(made.plan, folder, made.plan.settings()[0])
    truth = test.truth
    evaluation = Evaluation(truth, found, VOC07)
    outcome = {}
    curves: list[dict[str, Any]] = []
    for k, name in enumerate(truth.classes):
        ranked = evaluation.ranked(k)
        for i, number in zip(ranked.prediction.tolist(), ranked.outcome.tolist(), strict=True):
            outcome[i] = OUTCOMES[number]
        counted = ranked.outcome != OUTCOMES.index(Outcome.IGNORED)
        recall, precision = ranked.recall[counted], ranked.precision[counted]
        curves.append(
            {
                "name": name,
                "ap": f"{float(evaluation.ap()[0, k]):.3f}",
                "points": polyline(recall, precision),
                "dots": [(WIDE * r, HIGH * (1 - p)) for r, p in evaluation.reached(k)],
            }
        )
    examples: list[_Example] = []
    for number in range(min(_SHOWN, len(truth.images))):
        boxes = [
            _box("true", truth.edges[i], truth.classes[int(truth.label[i])])
            for i in np.flatnonzero((truth.image == number) & ~truth.difficult)
        ]
        for i in np.flatnonzero((found.image == number) & (found.score >= _DRAWN)).tolist():
            name = f"{truth.classes[int(found.label[i])]} {found.score[i]:.2f}"
            boxes.append(_box("hit" if outcome[i] is Outcome.HIT else "no", found.edges[i], name))
        data = b64encode(png(test.pictures[number])).decode()
        examples.append(_Example(truth.images[number], data, boxes))
    return examples, curves


def _box(kind: str, edges: np.ndarray, words: str) -> _Box:
    x1, y1, x2, y2 = (round(float(edge), 1) for edge in edges)
    return _Box(kind, x1, y1, round(x2 - x1, 1), round(y2 - y1, 1), words)


def png(picture: np.ndarray) -> bytes:
    """A picture of bytes, (height, width, 3), as a PNG file."""
    height, width, _ = picture.shape
    rows = b"".join(b"\0" + picture[y].tobytes() for y in range(height))

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = (chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)
