"""The comparison of losses for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from backprove.report.detection import figure

if TYPE_CHECKING:
    from backprove.detection.detector.study import Spread, Study

#: how the losses are called in words
WORDS = {"l2": "L2", "iou": "IoU", "giou": "GIoU", "focal": "focal"}


def spread(found: Spread) -> str:
    """A mean and what the seeds make of it."""
    return f"{figure(found.mean)} ± {figure(found.deviation)}"


def table(made: Study) -> list[list[str]]:
    """A row for each pair of losses, with figures over the seeds; the first row is the head."""
    head = ["box loss", "class loss", "11-point AP", "AP 50:95", "AP75", "IoU of hits"]
    rows = [[*head, *(f"AP {name}" for name in made.classes)]]
    pairs = list(dict.fromkeys((r.localisation, r.classification) for r in made.runs))
    for pair in pairs:
        figures = [
            made.spread(pair, lambda r: r.map),
            made.spread(pair, lambda r: r.coco),
            made.spread(pair, lambda r: r.ap75),
            made.spread(pair, lambda r: r.iou),
        ]
        figures += [made.spread(pair, lambda r, k=k: r.ap[k]) for k in range(len(made.classes))]
        names = [WORDS.get(name, name) for name in pair]
        rows.append([*names, *map(spread, figures)])
    return rows


def show(made: Study) -> None:
    """Print the figures of every pair of losses, and the conclusion."""
    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = 160
    head, *rows = table(made)
    printed = Table(box=None, pad_edge=False, header_style="dim")
    for name in head:
        printed.add_column(name)
    for row in rows:
        printed.add_row(*row)
    console.print(printed)
    console.print()
    for line in [*made.conclusion, *made.notes]:
        console.print(line)
