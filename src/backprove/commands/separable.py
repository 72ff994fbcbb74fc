"""`backprove separable`: whether labelled points are linearly separable, with the proof."""

from __future__ import annotations

from typing import Annotated

import typer

from backprove.commands.frame import mistakes_told


def separable(
    points: Annotated[str, typer.Argument(help="The points, such as '[[0, 0], [1, 1], [1, 0]]'.")],
    labels: Annotated[str, typer.Argument(help="Their labels, 1 or 0, such as '[1, 1, 0]'.")],
    bias: Annotated[
        bool, typer.Option(help="Whether the hyperplane may miss the origin.", show_default=True)
    ] = True,
) -> None:
    """Decide whether labelled points are linearly separable.

    Prints weights that separate them, or a point that both classes can be combined to, which
    proves that none do. Exit status: 0 separable, 1 not, 2 the input could not be used.
    """
    with mistakes_told():
        from backprove.literals import numbers
        from backprove.separability import separate

        found = separate(numbers(points), numbers(labels), bias)
        typer.echo(str(found))
    if not found.separable:
        raise typer.Exit(1)
