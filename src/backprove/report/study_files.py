"""A study's answer, written where it was asked for: a page, pictures, JSON or the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from backprove.report.study import show

if TYPE_CHECKING:
    from backprove.studies import Result


def written(result: Result, html: Path | None, png: Path | None, json: bool) -> None:
    """Write the page and the pictures that are asked for, then JSON or tables to the terminal.

    Raises `BackproveError` where Matplotlib is missing, `OSError` where a file cannot be written.
    """
    if html is not None:
        from backprove.report.study_page import page

        html.write_text(page(result), encoding="utf-8")
    if png is not None:
        from backprove.studies.style import rendered

        for picture, path in zip(result.pictures, _files(png, len(result.pictures)), strict=True):
            path.write_bytes(rendered(picture, "png"))
            typer.echo(f"{path}: {picture.title}", err=True)
    if json:
        typer.echo(result.as_json())
    else:
        show(result)


def _files(png: Path, count: int) -> list[Path]:
    """The named file, and for further figures its name with -2, -3, …"""
    return [png, *(png.with_stem(f"{png.stem}-{number}") for number in range(2, count + 1))]
