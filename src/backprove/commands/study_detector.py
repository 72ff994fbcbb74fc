"""`backprove study detector`: which losses make the better detector?"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Annotated

import typer

from backprove.commands.frame import fail, mistakes_told


def detector(
    out: Annotated[
        Path, typer.Option("--out", help="Keep weights, predictions and figures in this folder.")
    ] = Path("detector"),
    data: Annotated[
        Path | None,
        typer.Option(help="A COCO-format folder with train.json, test.json and pictures."),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="How often each pair of losses is tried.")] = 3,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the training scenes.")] = 10,
    training: Annotated[int, typer.Option(min=1, help="Generated scenes to train on.")] = 1200,
    test: Annotated[int, typer.Option(min=1, help="Generated scenes to test on.")] = 400,
    side: Annotated[int, typer.Option(min=16, help="Pixels of a side; a multiple of 4.")] = 64,
    jobs: Annotated[int, typer.Option(min=0, help="Processes; 0 is one for each core.")] = 0,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where an interrupted study ended.")
    ] = False,
    evaluate: Annotated[
        bool, typer.Option("--evaluate", help="Train nothing; evaluate what was saved.")
    ] = False,
    html: Annotated[
        Path | None, typer.Option(help="Write a page with figures and pictures to this file.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON in place of tables.")] = False,
) -> None:
    """Train a small detector of flowers with L2, IoU and GIoU, cross-entropy and focal loss.

    Exit status: 0 done, 2 the input could not be used, or PyTorch is not installed.
    """
    if importlib.util.find_spec("torch") is None:
        fail("PyTorch is not installed; pip install 'backprove[torch]' brings it")
    if side % 4:
        fail(f"--side must be a multiple of 4, not {side}")
    with mistakes_told():
        from backprove.detection.detector.study import Plan, study
        from backprove.report.detector import show

        plan = Plan(seeds, epochs, training, test, side, str(data) if data else "")
        try:
            made = study(
                plan,
                out,
                resume=resume,
                evaluate=evaluate,
                jobs=jobs or None,
                told=lambda line: typer.echo(line, err=True),
            )
        except KeyboardInterrupt:
            typer.echo(f"backprove: stopped; --resume --out {out} goes on", err=True)
            raise typer.Exit(130) from None
        if html is not None:
            from backprove.report.detector_page import page

            html.write_text(page(made, out), encoding="utf-8")
        if json:
            typer.echo(made.as_json())
        else:
            show(made)
