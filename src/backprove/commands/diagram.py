"""`backprove diagram`: the computational graph of a model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from backprove.commands.frame import fail, mistakes_told, model_text

Output = Annotated[
    Path | None, typer.Option("-o", "--output", help="Write to this file, not to the screen.")
]


def diagram(
    model: Annotated[
        Path, typer.Argument(help="A file with a model, a shipped model's name, or -.")
    ],
    output: Output = None,
    mermaid: Annotated[bool, typer.Option("--mermaid", help="Mermaid in place of SVG.")] = False,
    unroll: Annotated[
        bool, typer.Option("--unroll", help="Draw every member of a family, as in x_1, x_2, x_3.")
    ] = False,
    size: Annotated[
        list[str] | None, typer.Option(help="A number for a size, such as T=3; may be repeated.")
    ] = None,
) -> None:
    """Draw the computational graph of a model.

    Exit status: 0 drawn, 2 the input could not be used.
    """
    with mistakes_told():
        if output is not None and output.exists() and model.exists() and output.samefile(model):
            fail(f"--output would overwrite the model {model} itself")
        text = "\n".join([*sizes(size or []), model_text(model)])
        drawn = draw(text, str(model), mermaid, unroll)
        if output is None:
            typer.echo(drawn, nl=False)
        else:
            output.write_text(drawn, encoding="utf-8")


def draw(text: str, title: str, mermaid: bool = False, unroll: bool = False) -> str:
    """The graph of a model's text, as SVG or Mermaid."""
    from backprove import Model
    from backprove.diagram import graph, to_mermaid, to_svg

    found = graph(text, Model(text).system, unroll)
    return to_mermaid(found) if mermaid else to_svg(found, title)


def sizes(given: list[str]) -> list[str]:
    """Lines for `T=3` and the like; ends the command where one is something else."""
    lines: list[str] = []
    for text in given:
        name, _, number = text.partition("=")
        if not name.strip().isalpha() or not number.strip().isdigit():
            fail(f"--size takes a size and its number, such as T=3, not {text}")
        lines.append(f"{name} = {number}")
    return lines
