"""What all commands share: how they read files, and how they tell people what went wrong."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
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


def read(path: Path) -> str:
    """A text file's content, or standard input's for `-`."""
    if str(path) == "-":
        return sys.stdin.read()
    from backprove.documents import read_text

    return read_text(path)


def model_text(source: Path) -> str:
    """A model's text: a file's, a shipped model's where there is no such file, or from `-`."""
    if not source.exists() and str(source) != "-" and source.name == str(source).strip():
        from backprove.models import names, text

        if str(source) in names() or not source.suffix:
            return text(str(source))
    return read(source)
