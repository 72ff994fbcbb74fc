"""`backprove flow`: will the gradients of a model survive?"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from backprove.commands.frame import fail, mistakes_told, model_text


class Start(StrEnum):
    """How square matrices start."""

    NORMAL = "normal"
    ORTHOGONAL = "orthogonal"
    IDENTITY = "identity"


def flow(
    source: Annotated[
        Path,
        typer.Argument(metavar="MODEL", help="A model's file, a shipped model's name, or - ."),
    ],
    steps: Annotated[int | None, typer.Option(min=2, help="How many steps back (30).")] = None,
    width: Annotated[int, typer.Option(min=1, help="Entries of states, inputs and layers.")] = 16,
    draws: Annotated[int, typer.Option(min=1, help="Random parameters that are tried.")] = 8,
    seed: Annotated[int, typer.Option(min=0, help="Where the random numbers start.")] = 0,
    scale: Annotated[
        float, typer.Option(help="Of square matrices' entries, times 1/√width.")
    ] = 1.0,
    start: Annotated[Start, typer.Option(help="How square matrices start.")] = Start.NORMAL,
    size: Annotated[
        list[str] | None, typer.Option(help="A size of the model, such as n=32; may be repeated.")
    ] = None,
    values: Annotated[
        Path | None, typer.Option(help="Given parameters: .npz or .json, an array for each name.")
    ] = None,
    loss: Annotated[
        str, typer.Option(help="Which scalar is the loss, where it is not plain.")
    ] = "",
    html: Annotated[
        Path | None, typer.Option(help="Write a page with figures to this file.")
    ] = None,
    png: Annotated[Path | None, typer.Option(help="Write the figure to this file.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON in place of tables.")] = False,
) -> None:
    """Say whether a model's gradients vanish, explode or survive, and what would change it.

    Exit status: 0 looked at, 2 the input could not be used.
    """
    with mistakes_told():
        from backprove.mathematics import Model
        from backprove.report.flow import show
        from backprove.training.flow.notation import flow as found_flow
        from backprove.training.flow.notation import planned
        from backprove.training.flow.setting import read_values

        if scale <= 0:
            fail(f"--scale must be more than 0, not {scale:g}")
        for given in (html, png):
            if given is not None and given.exists() and source.exists() and given.samefile(source):
                fail(f"{given} is the model itself and would be overwritten")
        model = Model(model_text(source))
        arrays = read_values(values) if values is not None else None
        plan = planned(model, steps, width, draws, seed, scale, start.value, _sizes(size or []))
        name = "standard input" if str(source) == "-" else source.name
        made = found_flow(model, name, plan, arrays, loss)
        if html is not None:
            from backprove.report.flow_page import page

            html.write_text(page(made), encoding="utf-8")
        if png is not None:
            from backprove.report.flow_page import picture
            from backprove.studies.style import rendered

            png.write_bytes(rendered(picture(made), "png"))
        if json:
            typer.echo(made.as_json())
        else:
            show(made)


def _sizes(said: list[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for text in said:
        name, equals, number = text.partition("=")
        if not equals or not number.strip().isdecimal():
            fail(f"--size is written like n=32, not {text}")
        found[name.strip()] = int(number)
    return found
