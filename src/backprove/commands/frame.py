"""What all commands share: how they tell people what went wrong."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import NoReturn

import typer

UNUSABLE = 2


def fail(message: str) -> NoReturn:
    """End with status 2 and one paragraph on standard error."""
    typer.echo(f"backprove: {message}", err=True)
    raise typer.Exit(UNUSABLE)


@contextmanager
def mistakes_told() -> Generator[None]:
    """What a user can put right is told in a paragraph, with status 2 and no traceback."""
    from backprove.errors import BackproveError

    try:
        yield
    except BackproveError as error:
        fail(str(error))
    except BrokenPipeError:
        raise
    except OSError as error:
        fail(f"{error.filename}: {error.strerror}" if error.filename else str(error))
