"""`backprove models`: the shipped models, listed or shown."""

from __future__ import annotations

from typing import Annotated

import typer

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
) -> None:
    """Show the text of a shipped model, with its source."""
    with mistakes_told():
        from backprove.models import text

        typer.echo(text(name), nl=False)
