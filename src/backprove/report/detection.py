"""An assessed detector for the terminal and for programs."""

from __future__ import annotations

import json
import math
import os
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from backprove.detection.assessment import Assessment
    from backprove.detection.evaluation import Row

_PIPED_WIDTH = 110


def figure(value: float, digits: int = 3) -> str:
    """A figure with so many decimals; a dash where there is none."""
    return "–" if math.isnan(value) else f"{value:.{digits}f}"


def headline(made: Assessment) -> str:
    """What was evaluated on what."""
    truth = made.evaluation.truth
    return (
        f"{len(made.evaluation.predictions)} detections against {len(truth)} boxes of "
        f"{len(truth.classes)} classes on {len(truth.images)} images"
    )


def class_columns(made: Assessment) -> dict[str, list[float]]:
    """Figures by class: those of all thresholds together, and at the one that is looked at."""
    evaluation = made.evaluation
    ap = evaluation.ap()
    several = len(made.protocol.thresholds) > 1
    columns = {"AP": ap.mean(axis=0).tolist()} if several else {}
    columns[f"AP{100 * made.iou:.0f}"] = ap[made.threshold].tolist()
    for area in list(made.protocol.areas)[1:]:
        columns[f"AP {area}"] = evaluation.ap(area).mean(axis=0).tolist()
    columns[f"recall{100 * made.iou:.0f}"] = evaluation.recall()[made.threshold].tolist()
    return columns


def detections(made: Assessment) -> list[int]:
    """How many detections of every class are ranked."""
    start = made.evaluation.matching.start
    return (start[1:] - start[:-1]).tolist()


def boxed(box: tuple[float, ...] | None) -> str:
    """A box as a student writes it."""
    return "–" if box is None else "(" + ", ".join(f"{edge:.6g}" for edge in box) + ")"


def eleven(made: Assessment, label: int) -> str:
    """The sum that an AP at given recalls is, where there are few enough to write down."""
    values = [p for _, p in made.evaluation.reached(label, made.threshold)]
    recalls = made.protocol.recalls
    if recalls is None or len(recalls) > 11 or not made.evaluation.positives()[label]:
        return ""
    terms = " + ".join(f"{v:.4g}" for v in values)
    return f"AP = ({terms}) / {len(values)} = {sum(values) / len(values):.4f}"


def show(made: Assessment) -> None:
    """Print the figures, the classes, the errors, and what was remarked."""
    console = _console()
    _print_head(console, made)
    figures = Table.grid(padding=(0, 2, 0, 1))
    for name, value in made.figures.items():
        figures.add_row(Text(name), Text(figure(value), "bold"))
    console.print(figures)
    console.print()
    console.print(_classes(made))
    console.print()
    console.print(_errors(made))
    calibrated = made.calibration
    console.print()
    console.print(
        f"Calibration: scores are off by {figure(calibrated.error)} on average "
        "(expected calibration error, 10 bins)."
    )
    _print_notes(console, made)


def show_ranked(made: Assessment, label: int, most: int) -> None:
    """Print the ranked table of one class."""
    console = _console()
    _print_head(console, made)
    evaluation = made.evaluation
    positives = int(evaluation.positives()[label])
    console.print(
        Text(f"{made.classes[label]}: {positives} to find, IoU at least {made.iou:g}", "bold")
    )
    rows = evaluation.rows(label, made.threshold, most=most or None)
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("rank", "image", "score", "box", "met", "IoU", "", "precision", "recall"):
        table.add_column(name, justify="right" if name in ("rank", "score", "IoU") else "left")
    for row in rows:
        table.add_row(
            str(row.rank),
            Text(row.image),
            f"{row.score:.4g}",
            boxed(row.box),
            boxed(row.met_box),
            f"{row.overlap:.3f}",
            Text(str(row.outcome), "green" if row.outcome == "hit" else ""),
            f"{row.precision:.4f}",
            figure(row.recall, 4),
        )
    console.print(table)
    hidden = detections(made)[label] - len(rows)
    if hidden:
        console.print(Text(f"… and {hidden} more; --rows 0 shows all", "dim"))
    value = float(evaluation.ap()[made.threshold, label])
    console.print(eleven(made, label) or f"AP = {figure(value, 4)}")
    _print_notes(console, made)


def as_json(made: Assessment, label: int | None = None) -> str:
    """Everything as JSON; with `label`, the ranked table of that class too. NaN is null."""
    errors, calibrated = made.breakdown, made.calibration
    columns = class_columns(made)
    positives = made.evaluation.positives().tolist()
    data: dict[str, Any] = {
        "truth": made.dataset.source,
        "predictions": made.predictions,
        "protocol": made.protocol.name,
        "iou": made.iou,
        "images": len(made.evaluation.truth.images),
        "boxes": len(made.evaluation.truth),
        "detections": len(made.evaluation.predictions),
        "engine": made.engine,
        "summary": made.figures,
        "classes": [
            {
                "class": name,
                "positives": positives[k],
                "detections": detections(made)[k],
                **{column: values[k] for column, values in columns.items()},
            }
            for k, name in enumerate(made.classes)
        ],
        "errors": {
            "ap": errors.ap,
            "kinds": {str(c.error): {"count": c.count, "cost": c.cost} for c in errors.costs},
            "false_positives": errors.false_positives,
            "false_negatives": errors.false_negatives,
        },
        "confusion": {
            "classes": [*made.classes, "background"],
            "counts": made.confusion.tolist(),
        },
        "calibration": {
            "error": calibrated.error,
            "edges": calibrated.edges.tolist(),
            "count": calibrated.count.tolist(),
            "score": calibrated.score.tolist(),
            "share": calibrated.share.tolist(),
        },
        "ignored": made.ignored,
        "notes": [
            {
                "rule": str(note.rule),
                "left_out": note.rule.leaves_out,
                "about": note.about,
                "records": list(note.records),
            }
            for note in made.notes
        ],
    }
    if label is not None:
        rows = made.evaluation.rows(label, made.threshold)
        data["ranked"] = {"class": made.classes[label], "rows": [_row(row, made) for row in rows]}
    return json.dumps(_plain(data), ensure_ascii=False, indent=2)


def _row(row: Row, made: Assessment) -> dict[str, Any]:
    return {
        "rank": row.rank,
        "image": row.image,
        "score": row.score,
        "box": list(row.box),
        "met": list(row.met_box) if row.met_box else None,
        "iou": row.overlap,
        "outcome": str(row.outcome),
        "precision": row.precision,
        "recall": row.recall,
        "record": made.evaluation.predictions.record(row.prediction),
    }


def _plain(data: Any) -> Any:
    if isinstance(data, float):
        return data if math.isfinite(data) else None
    if isinstance(data, dict):
        return {str(key): _plain(value) for key, value in data.items()}
    if isinstance(data, list):
        return [_plain(value) for value in data]
    return data


def _print_head(console: Console, made: Assessment) -> None:
    console.print(Text(made.protocol.title, "bold"))
    console.print(Text(headline(made), "dim"))
    console.print()


def _classes(made: Assessment) -> Table:
    columns = class_columns(made)
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("class")
    for name in ("to find", "found", *columns):
        table.add_column(name, justify="right")
    positives = made.evaluation.positives().tolist()
    for k, name in enumerate(made.classes):
        values = [figure(column[k]) for column in columns.values()]
        table.add_row(Text(name), str(positives[k]), str(detections(made)[k]), *values)
    return table


def _errors(made: Assessment) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column(f"errors at IoU {made.iou:g}")
    table.add_column("number", justify="right")
    table.add_column("cost in AP", justify="right")
    table.add_column("")
    for cost in made.breakdown.costs:
        table.add_row(
            str(cost.error), str(cost.count), figure(cost.cost), Text(cost.meaning, "dim")
        )
    table.add_row("all that are wrong", "", figure(made.breakdown.false_positives), "")
    table.add_row("all that were not found", "", figure(made.breakdown.false_negatives), "")
    return table


def remarks(made: Assessment) -> list[str]:
    """What was left out and why: by the protocol, and for what the records are."""
    ignored = [f"{count} {what}" for what, count in made.ignored.items() if count]
    lines = [f"Not counted, by the protocol: {'; '.join(ignored)}."] if ignored else []
    if made.dataset.normalised:
        lines.append("The images' sizes are not known, so there are no figures by size.")
    return lines + [note.summary for note in made.notes]


def _print_notes(console: Console, made: Assessment) -> None:
    lines = remarks(made)
    if lines:
        console.print()
    for line in lines:
        console.print(Text(line, "dim"))


def _console() -> Console:
    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _PIPED_WIDTH
    return console
