"""`backprove explain`: a named quantity with its working."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from backprove.commands.frame import mistakes_told, model_text


def explain(
    quantity: Annotated[
        str, typer.Argument(help="Such as 'average_precision(TTFT, positives=3)'.")
    ],
    model: Annotated[
        Path | None,
        typer.Option(help="A model (a file or a shipped one) that says what its names are."),
    ] = None,
) -> None:
    """Work out a named quantity, step by step and in exact numbers."""
    with mistakes_told():
        from backprove.explain import explain as explained

        typer.echo(str(explained(quantity, model_text(model) if model else "")))
