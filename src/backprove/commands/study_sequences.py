"""`backprove study sequences`: which networks learn what from sequences?"""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from backprove.commands.frame import fail, mistakes_told

STOPPED = 130


def sequences(
    out: Annotated[
        Path, typer.Option("--out", help="Keep weights and histories in this folder.")
    ] = Path("sequences"),
    full: Annotated[
        bool, typer.Option("--full", help="Longer lags, more data, larger networks, five seeds.")
    ] = False,
    seeds: Annotated[int | None, typer.Option(min=1, help="How often each is trained.")] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Passes over the sequences.")] = None,
    training: Annotated[int | None, typer.Option(min=32, help="Sequences to train on.")] = None,
    lag: Annotated[int | None, typer.Option(min=1, help="Steps to remember a symbol.")] = None,
    budget: Annotated[int | None, typer.Option(min=500, help="Parameters at most.")] = None,
    jobs: Annotated[int, typer.Option(min=0, help="Processes; 0 is one for each core.")] = 0,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where an interrupted study ended.")
    ] = False,
    html: Annotated[
        Path | None, typer.Option(help="Write a page with figures to this file.")
    ] = None,
    png: Annotated[Path | None, typer.Option(help="Write the figures to this file.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON in place of tables.")] = False,
) -> None:
    """Train seven networks on three tasks of sequences, and compare what they learn.

    Exit status: 0 done, 2 the input could not be used or a library is missing, 130 interrupted.
    """
    for library, extra in (("torch", "torch"), ("sklearn", "studies")):
        if importlib.util.find_spec(library) is None:
            fail(f"{library} is not installed; pip install 'backprove[{extra}]' brings it")
    with mistakes_told():
        from backprove.report.progress import progress
        from backprove.report.study_files import written
        from backprove.studies.sequences import result
        from backprove.training.sequences.study import FULL, Plan, study

        asked = {
            "seeds": seeds,
            "epochs": epochs,
            "training": training,
            "lag": lag,
            "budget": budget,
        }
        given = {name: value for name, value in asked.items() if value is not None}
        plan = replace(FULL if full else Plan(), **given)
        try:
            with progress("epochs") as told:
                made = study(plan, out, resume=resume, jobs=jobs or None, told=told)
        except KeyboardInterrupt:
            typer.echo(f"backprove: stopped; --resume --out {out} goes on", err=True)
            raise typer.Exit(STOPPED) from None
        written(result(made), html, png, json)
