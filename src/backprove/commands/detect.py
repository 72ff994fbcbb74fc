"""`backprove detect`: how good a detector is, and why it is no better."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from backprove.commands.frame import fail, mistakes_told


class Corners(StrEnum):
    """What the corners of a box name."""

    EDGES = "edges"
    PIXELS = "pixels"


class Engine(StrEnum):
    """Who works out COCO's twelve figures."""

    BUILT_IN = "built-in"
    FASTER = "faster-coco-eval"


class ProtocolName(StrEnum):
    """The protocols, as they are called on the command line."""

    VOC07 = "voc07"
    VOC10 = "voc10"
    COCO = "coco"


def detect(
    truth: Annotated[
        Path,
        typer.Argument(
            metavar="GT", help="The boxes that are there: COCO JSON, CSV, a VOC or YOLO folder."
        ),
    ],
    predictions: Annotated[
        Path, typer.Argument(metavar="PRED", help="The boxes that were found, with scores.")
    ],
    protocol: Annotated[ProtocolName, typer.Option(help="By whose rules.")] = ProtocolName.COCO,
    name: Annotated[
        str | None, typer.Option("--class", help="Show the ranked table of this class.")
    ] = None,
    iou: Annotated[
        float | None, typer.Option(help="The IoU threshold of tables and errors (else the lowest).")
    ] = None,
    rows: Annotated[int, typer.Option(min=0, help="Lines of a ranked table; 0 is all.")] = 50,
    images: Annotated[
        Path | None, typer.Option(help="The folder of the images, for YOLO's shares of them.")
    ] = None,
    classes: Annotated[
        Path | None, typer.Option(help="The names of YOLO's classes, one a line.")
    ] = None,
    min_score: Annotated[
        float, typer.Option(help="The confusion of classes is of detections of this score or more.")
    ] = 0.0,
    corners: Annotated[
        Corners | None,
        typer.Option(help="Corners are edges, or first and last pixels (else VOC's XML alone)."),
    ] = None,
    engine: Annotated[
        Engine, typer.Option(help="Who works out COCO's twelve figures.")
    ] = Engine.BUILT_IN,
    html: Annotated[
        Path | None, typer.Option(help="Write a page with curves and tables to this file.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON in place of tables.")] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse data of which records must be left out.")
    ] = False,
) -> None:
    """Evaluate a detector: average precision, curves, kinds of error.

    Exit status: 0 evaluated, 1 evaluated but some records had to be left out, 2 the input could
    not be used.
    """
    with mistakes_told():
        from backprove.detection.assessment import assess
        from backprove.report.detection import as_json, show, show_ranked

        for given in (truth, predictions):
            if html is not None and html.exists() and given.exists() and html.samefile(given):
                fail(f"--html would overwrite {given} itself")
        made = assess(
            truth,
            predictions,
            protocol.value,
            iou=iou,
            images=images,
            classes=classes,
            least_score=min_score,
            pixels=None if corners is None else corners is Corners.PIXELS,
            engine=engine.value,
        )
        if strict and made.left_out:
            wrong = [note.summary for note in made.notes if note.rule.leaves_out]
            fail("; ".join(wrong))
        label = None if name is None else made.class_number(name)
        if html is not None:
            from backprove.report.detection_page import page

            html.write_text(page(made), encoding="utf-8", errors="replace")
        if json:
            typer.echo(as_json(made, label))
        elif label is not None:
            show_ranked(made, label, rows)
        else:
            show(made)
    if made.left_out:
        raise typer.Exit(1)
