"""Whole homeworks: checked or marked as `backprove check` and `mark` do, from memory alone."""

from __future__ import annotations

from pathlib import Path

from backprove.course.checking import checked
from backprove.course.judging import Judging
from backprove.course.marking import MarkReport, marked
from backprove.course.sheet import Sheet, sheet_of
from backprove.documents import Document, DocumentError, decoded
from backprove.documents import document as read
from backprove.report import data, html, markdown, marks_data, marks_page
from backprove.report.marks_markdown import written as marks_written
from backprove.web.messages import DocumentAnswer, DocumentRequest, File

#: what homeworks come as
KINDS = (".md", ".markdown", ".txt", ".tex", ".ipynb")


def document(asked: DocumentRequest) -> DocumentAnswer:
    """The report on a homework; raises `BackproveError` for a file that cannot be used."""
    handed_in = read(_text(asked.document), _path(asked.document))
    sheet = _sheet(asked.sheet) if asked.sheet else None
    if asked.mark:
        if sheet is None or asked.sheet is None:
            raise DocumentError("marks are given by a sheet: give one beside the homework")
        return _marked(marked(sheet, _path(asked.sheet), handed_in), asked.page)
    path = _path(asked.sheet) if asked.sheet else None
    return _checked(handed_in, sheet, path, asked.page)


def _checked(
    handed_in: Document, sheet: Sheet | None, path: Path | None, page: bool
) -> DocumentAnswer:
    report = checked(Judging(handed_in, sheet, path))
    return DocumentAnswer(
        report=data.finite(data.as_data(report)),
        html=html.page(report, fragment=not page),
        markdown=markdown.written(report),
    )


def _marked(report: MarkReport, page: bool) -> DocumentAnswer:
    return DocumentAnswer(
        report=data.finite(marks_data.as_data(report)),
        html=marks_page.page(report, fragment=not page),
        markdown=marks_written(report),
    )


def _sheet(file: File) -> Sheet:
    return sheet_of(_text(file), _path(file))


def _path(file: File) -> Path:
    """What a file is called: a name without a folder, which is never opened."""
    path = Path(file.name)
    if path.suffix.lower() not in KINDS:
        raise DocumentError(
            f"{file.name} is of a kind that is not read; there are {', '.join(KINDS)}"
        )
    return path


def _text(file: File) -> str:
    return decoded(file.text.encode("utf-8", "replace"), _path(file))
