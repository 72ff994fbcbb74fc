"""Checking a document: every claim with the verdict on each of its links."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from backprove.course.judging import Judged, Judging
from backprove.course.sheet import read_sheet
from backprove.documents import Document, DocumentError, read_document
from backprove.judge.verdict import Verdict


@dataclass(frozen=True, slots=True)
class ClaimResult:
    """The verdict on one link of a claim, with the line on which its right side begins.

    `where` says the line as people do who have no line numbers (`cell 3, line 2`); empty where
    lines are counted through the file.
    """

    line: int
    question: str
    text: str
    verdict: Verdict
    where: str = ""

    @property
    def place(self) -> str:
        """The line for people."""
        return self.where or f"line {self.line}"

    def unquestioned(self) -> ClaimResult:
        """The same without its question, where that is said already."""
        return replace(self, question="")


@dataclass(frozen=True, slots=True)
class DocumentReport:
    path: Path
    title: str
    results: tuple[ClaimResult, ...]
    notes: tuple[str, ...] = ()


def check_document(
    path: Path | str, sheet: Path | str | None = None, replay: bool = False
) -> DocumentReport:
    """Judge every claim of a document, by its own models or by those of a sheet.

    With `replay` the evidence against a wrong claim holds a script that shows it.
    """
    document = read_document(Path(path))
    if sheet is None:
        return checked(Judging(document, replay=replay))
    return checked(Judging(document, read_sheet(Path(sheet)), Path(sheet), replay))


def checked(judging: Judging) -> DocumentReport:
    """The report on a document that is already read."""
    document = judging.document
    judging.run()
    found = (r for judged in judging.claims for r in links_of(judged, document))
    results = tuple(sorted(found, key=lambda result: result.line))
    return DocumentReport(document.path, document.title, results, _notes(judging))


def links_of(judged: Judged, document: Document) -> list[ClaimResult]:
    """The verdicts on a claim's links, each with its line."""
    lines, verdict = judged.lines, judged.verdict
    if len(verdict.links) < 2:
        return [_result(lines[0], judged, judged.text, verdict, document)]
    # Where the judge has left out links (a new name's definition), they were the first.
    skipped = max(0, len(lines) - len(verdict.links))
    return [
        _result(lines[min(skipped + k, len(lines) - 1)], judged, link.claim, link, document)
        for k, link in enumerate(verdict.links)
    ]


def _result(
    line: int, judged: Judged, text: str, verdict: Verdict, document: Document
) -> ClaimResult:
    return ClaimResult(line, judged.question, text, verdict, document.where(line))


def _notes(judging: Judging) -> tuple[str, ...]:
    notes: list[str] = []
    document, left_out = judging.document, judging.left_out
    if not document.claims:
        notes.append("There is no formula with a relation sign in this document.")
    elif left_out and not judging.claims:
        raise DocumentError(
            f"{document.path}: none of its {len(document.claims)} formulas fits a"
            " question of the sheet"
            if judging.sheet is not None
            else f"{document.path} has no model; put one before the claims in a fenced"
            " block marked `model`, or give a sheet"
        )
    elif left_out:
        notes.append(left_out_note(judging))
    if judging.unused_models:
        notes.append("The document's own models were not used: the sheet supplies them.")
    return tuple(notes)


def left_out_note(judging: Judging) -> str:
    """Which formulas were not judged, because no model knows their names."""
    count = len(judging.left_out)
    what = "formula" if count == 1 else "formulas"
    where = "line" if count == 1 else "lines"
    belong = "belongs" if count == 1 else "belong"
    to = "no question of the sheet" if judging.sheet else "no model"
    return f"{count} {what} on {where} {spans(judging.left_out)} {belong} to {to}."


def spans(lines: list[int]) -> str:
    """Line numbers in order, the first twelve of many."""
    ordered = sorted(set(lines))
    shown = [str(line) for line in ordered[:12]]
    more = len(ordered) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")
