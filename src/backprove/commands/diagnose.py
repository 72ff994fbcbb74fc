"""`backprove diagnose`: what is wrong with a training run, from its log."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from backprove.commands.frame import fail, mistakes_told


def diagnose(
    run: Annotated[
        Path,
        typer.Argument(
            metavar="RUN",
            help="A log: CSV, JSON lines, TensorBoard events, Lightning, Hugging Face, Keras; or its folder.",
        ),
    ],
    columns: Annotated[
        str, typer.Option(help="Which column is what, as train_loss=NAME,val_loss=NAME.")
    ] = "",
    classes: Annotated[
        int | None, typer.Option(min=2, help="The number of classes, where it is a classification.")
    ] = None,
    majority: Annotated[
        float | None, typer.Option(min=0, max=1, help="The share of the largest class.")
    ] = None,
    steps_per_epoch: Annotated[
        float | None, typer.Option(min=1, help="Steps in an epoch, where the log does not say.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(help="Write a page with the figure and all findings here.")
    ] = None,
    png: Annotated[Path | None, typer.Option(help="Write the figure to this file.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON in place of text.")] = False,
) -> None:
    """Say what is wrong with a training run, with the evidence, or that it looks healthy.

    Exit status: 0 healthy, 1 something is wrong, 2 the log could not be used.
    """
    with mistakes_told():
        from backprove.report.diagnosis import as_json, show
        from backprove.training.diagnosis.doctor import diagnose as examine
        from backprove.training.diagnosis.run import Facts

        for option, out in (("--html", html), ("--png", png)):
            if out is not None and out.exists() and run.exists() and out.samefile(run):
                fail(f"{option} would overwrite the log {run} itself")
        made = examine(run, columns, Facts(classes, majority, steps_per_epoch))
        if html is not None:
            from backprove.report.diagnosis_page import page

            html.write_text(page(made), encoding="utf-8", errors="replace")
        if png is not None:
            from backprove.report.diagnosis_figure import png as picture

            png.write_bytes(picture(made))
        if json:
            typer.echo(as_json(made))
        else:
            show(made)
    if not made.healthy:
        raise typer.Exit(1)
