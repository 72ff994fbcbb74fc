"""Marks as one self-contained page: what each question earned, its claims, and what a person marks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backprove.report.html import environment
from backprove.report.marks_words import lines, marks, number, of, sign, total

if TYPE_CHECKING:
    from backprove.course.marking import MarkReport

_GROUPS = {"✓": "accepted", "~": "partly", "✗": "wrong", "☐": "unclear"}


def page(report: MarkReport, fragment: bool = False) -> str:
    """The page's HTML; as a fragment without its frame, to stand in another page."""
    named = {claim.question for question in report.questions for claim in question.claims}
    return (
        environment()
        .get_template("marks.html")
        .render(
            report=report,
            fragment=fragment,
            others=[claim for claim in report.claims if claim.question not in named],
            total=total(report),
            marks=marks,
            number=number,
            of=of,
            sign=sign,
            groups=_GROUPS,
            lines=lambda numbers: lines(numbers, report.document),
        )
    )
