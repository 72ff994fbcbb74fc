"""Marks as data, for programs."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from backprove.report.data import finite

if TYPE_CHECKING:
    from backprove.course.checking import ClaimResult
    from backprove.course.marking import Item, MarkReport, QuestionMark


def as_data(report: MarkReport) -> dict[str, Any]:
    """A marked submission as JSON-ready data; marks are numbers, `null` where a person decides."""
    return {
        "document": str(report.path),
        "title": report.title,
        "sheet": str(report.sheet),
        "marks": {
            "awarded": _number(report.awarded),
            "pending": _number(report.pending),
            "of": _number(report.of),
        },
        "questions": [_question(question) for question in report.questions],
        "look": [
            {"question": look.question, "lines": list(look.lines), "what": look.what}
            for look in report.looks
        ],
        "claims": [_claim(claim) for claim in report.claims],
        "notes": list(report.notes),
    }


def as_json(report: MarkReport) -> str:
    """The report as one indented JSON document."""
    return json.dumps(finite(as_data(report)), ensure_ascii=False, indent=2, allow_nan=False)


def _question(mark: QuestionMark) -> dict[str, Any]:
    return {
        "number": mark.question.number,
        "title": mark.question.title,
        "awarded": _number(mark.awarded),
        "pending": _number(mark.pending),
        "of": _number(mark.of),
        "items": [_item(item) for item in mark.items],
    }


def _item(item: Item) -> dict[str, Any]:
    found: dict[str, Any] = {
        "asked": item.asked,
        "of": _number(item.of),
        "awarded": _number(item.awarded),
        "outcome": item.outcome,
        "reason": item.reason,
        "lines": list(item.lines),
        "look": item.look,
        "points": list(item.points),
    }
    return {key: value for key, value in found.items() if value not in ("", [], False)}


def _claim(claim: ClaimResult) -> dict[str, Any]:
    place = {"where": claim.where} if claim.where else {}
    return {
        "line": claim.line,
        **place,
        "question": claim.question,
        "text": claim.text,
        **claim.verdict.as_dict(),
    }


def _number(marks: Fraction | None) -> float | None:
    return None if marks is None else round(float(marks), 4)
