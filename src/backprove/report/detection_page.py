"""An assessed detector as one self-contained page: tables, curves, no scripts, no network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jinja2 import Environment, PackageLoader

from backprove.report.detection import (
    boxed,
    class_columns,
    detections,
    eleven,
    figure,
    headline,
    remarks,
)

if TYPE_CHECKING:
    from backprove.detection.assessment import Assessment
    from backprove.detection.boxes import Floats
    from backprove.detection.evaluation import Row

#: the drawing of a curve, in units of its view box
WIDE, HIGH = 300.0, 190.0
#: points of a drawn curve, rows of a class's table, and classes of a drawn matrix, at most
_POINTS, _ROWS, _CELLS = 400, 100, 30


@dataclass(frozen=True, slots=True)
class _Class:
    """What the page shows of a class."""

    name: str
    positives: int
    detections: int
    figures: list[str]
    ap: str
    curve: str
    envelope: str
    dots: list[tuple[float, float]]
    sum: str
    rows: list[Row]


@dataclass(frozen=True, slots=True)
class _Taken:
    """Boxes of one class that are detected as another, most frequent first."""

    count: int
    true: str
    said: str


def page(made: Assessment) -> str:
    """The page's HTML."""
    environment = Environment(
        loader=PackageLoader("backprove.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(figure=figure, boxed=boxed)
    columns = class_columns(made)
    most = max([0.001, *(cost.cost for cost in made.breakdown.costs)])
    return environment.get_template("detection.html").render(
        made=made,
        headline=headline(made),
        columns=list(columns),
        classes=[_class(made, k, columns) for k in range(len(made.classes))],
        errors=[(cost, 100 * cost.cost / most) for cost in made.breakdown.costs],
        names=[*made.classes, "background"],
        matrix=made.confusion.tolist() if len(made.classes) <= _CELLS else None,
        taken=_taken(made),
        bins=_bins(made),
        remarks=remarks(made),
        wide=WIDE,
        high=HIGH,
    )


def _class(made: Assessment, label: int, columns: dict[str, list[float]]) -> _Class:
    evaluation = made.evaluation
    ranked = evaluation.ranked(label, made.threshold)
    counted = ranked.outcome != 0
    recall, precision = ranked.recall[counted], ranked.precision[counted]
    reached = np.array(evaluation.reached(label, made.threshold)).reshape(-1, 2)
    known = bool(ranked.positives)
    return _Class(
        made.classes[label],
        ranked.positives,
        detections(made)[label],
        [figure(column[label]) for column in columns.values()],
        figure(columns[f"AP{100 * made.iou:.0f}"][label]),
        polyline(recall, precision) if known else "",
        _steps(reached) if known else "",
        [_at(r, p) for r, p in reached.tolist()] if known and len(reached) <= 11 else [],
        eleven(made, label),
        evaluation.rows(label, made.threshold, most=_ROWS),
    )


def _at(recall: float, precision: float) -> tuple[float, float]:
    return round(WIDE * recall, 1), round(HIGH * (1 - precision), 1)


def polyline(recall: Floats, precision: Floats) -> str:
    """Points of a polyline; of very many detections, evenly chosen ones."""
    count = len(recall)
    chosen = np.unique(np.linspace(0, count - 1, min(count, _POINTS)).astype(int)) if count else []
    points = (_at(float(recall[i]), float(precision[i])) for i in chosen)
    return " ".join(f"{x:g},{y:g}" for x, y in points)


def _steps(reached: Floats) -> str:
    """The interpolated curve: each precision holds back to the recall before."""
    points: list[tuple[float, float]] = []
    before = 0.0
    for recall, precision in reached.tolist():
        points += [_at(before, precision), _at(recall, precision)]
        before = recall
    return " ".join(f"{x:g},{y:g}" for x, y in points)


def _taken(made: Assessment, most: int = 12) -> list[_Taken]:
    table = made.confusion[:-1, :-1].copy()
    np.fill_diagonal(table, 0)
    order = np.argsort(-table, axis=None, kind="stable")[:most]
    found = [(int(i) // len(table), int(i) % len(table)) for i in order]
    names = made.classes
    return [_Taken(int(table[a, b]), names[a], names[b]) for a, b in found if table[a, b]]


def _bins(made: Assessment) -> list[dict[str, float]]:
    """Bars of the drawing of calibration: the share of hits by score."""
    found = made.calibration
    bars: list[dict[str, float]] = []
    for k, count in enumerate(found.count.tolist()):
        if count:
            x, y = _at(float(found.edges[k]), float(found.share[k]))
            score_x, score_y = _at(float(found.score[k]), float(found.share[k]))
            width = WIDE / len(found.count)
            bars.append(
                {
                    "x": x,
                    "y": y,
                    "width": round(width - 1, 1),
                    "height": round(HIGH - y, 1),
                    "dot_x": score_x,
                    "dot_y": score_y,
                    "count": count,
                    "score": float(found.score[k]),
                    "share": float(found.share[k]),
                }
            )
    return bars
