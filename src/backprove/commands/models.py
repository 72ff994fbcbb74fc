"""`backprove models`: the shipped models, listed or shown."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from backprove.commands.diagram import draw
from backprove.commands.frame import mistakes_told

app = typer.Typer(help="List the shipped models, or show one.", invoke_without_command=True)


@app.callback()
def models(context: typer.Context) -> None:
    """List the shipped models with a line for each, or show one."""
    if context.invoked_subcommand is None:
        from backprove.models import listing, names

        width = max(map(len, names()))
        for name, summary in listing():
            typer.echo(f"{name:{width}}  {summary}")


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="The name of a shipped model, such as lstm.")],
    diagram: Annotated[
        Path | None, typer.Option(help="Draw its computational graph to this file (SVG).")
    ] = None,
    mermaid: Annotated[
        bool, typer.Option("--mermaid", help="Show its computational graph in Mermaid's language.")
    ] = False,
) -> None:
    """Show the text of a shipped model, with its source."""
    with mistakes_told():
        from backprove.models import text

        found = text(name)
        if diagram is not None:
            diagram.write_text(draw(found, name), encoding="utf-8")
        typer.echo(draw(found, name, mermaid=True) if mermaid else found, nl=False)
