"""Courses: sheets of questions with their models, and the checking of what people hand in."""

from backprove.course.checking import ClaimResult, DocumentReport, check_document
from backprove.course.sheet import Question, Sheet, SheetError, parse_sheet, read_sheet

__all__ = [
    "ClaimResult",
    "DocumentReport",
    "Question",
    "Sheet",
    "SheetError",
    "check_document",
    "parse_sheet",
    "read_sheet",
]
