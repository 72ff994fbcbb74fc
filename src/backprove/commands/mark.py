"""`backprove mark`: what a submission earns on a sheet, and what a person must see."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from backprove.commands.frame import fail, mistakes_told

NOT_ALL = 1


def mark(
    sheet: Annotated[
        Path, typer.Argument(help="The sheet: questions, their models and what they ask.")
    ],
    submission: Annotated[
        Path, typer.Argument(help="What was handed in: Markdown, plain text, LaTeX or a notebook.")
    ],
    html: Annotated[
        Path | None, typer.Option(help="Write a page with typeset mathematics to this file.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON in place of a table.")] = False,
) -> None:
    """Mark a submission by a sheet.

    Marks are given for what can be worked out, under the sheet's policy; what needs a human eye is
    listed. Exit status: 0 full marks, 1 not, or some await a person, 2 the input could not be used.
    """
    with mistakes_told():
        from backprove.course.marking import mark_document

        for path in (sheet, submission):
            if html is not None and html.exists() and path.exists() and html.samefile(path):
                fail(f"--html would overwrite {path} itself")
        report = mark_document(sheet, submission)
        if html is not None:
            from backprove.report.marks_page import page

            html.write_text(page(report), encoding="utf-8", errors="replace")
        if json:
            from backprove.report.marks_data import as_json

            typer.echo(as_json(report))
        else:
            from backprove.report.marks_terminal import show

            show(report)
    if report.awarded != report.of:
        raise typer.Exit(NOT_ALL)
