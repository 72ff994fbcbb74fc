"""Marks as Markdown: what each question earned and why, and what a person must see."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backprove.report.markdown import claim, plain
from backprove.report.marks_words import lines, marks, of, sign, total
from backprove.report.summary import sentence

if TYPE_CHECKING:
    from backprove.course.marking import Item, MarkReport


def written(report: MarkReport) -> str:
    """The report's Markdown."""
    parts = [f"# {plain(report.title or report.path.name)}", f"**{total(report)}**"]
    for question in report.questions:
        if not question.items and not question.claims:
            continue
        number = plain(f"{question.question.number} {question.question.title}".strip())
        earned = of(question.awarded, question.of, question.pending) if question.items else ""
        parts.append(f"## {number}" + (f" ({earned})" if earned else ""))
        parts += [_item(item, report) for item in question.items]
        parts += [claim(c) for c in question.claims if not c.verdict.accepted]
    if report.looks:
        parts.append("## A human eye is needed")
        parts.append(
            "\n".join(
                f"- {plain(look.question)} {lines(look.lines, report.document)}: "
                f"{plain(sentence(look.what))}"
                for look in report.looks
            )
        )
    parts += [plain(sentence(note)) for note in report.notes]
    return "\n\n".join(parts) + "\n"


def _item(item: Item, report: MarkReport) -> str:
    where = lines(item.lines, report.document)
    text = f"- {sign(item)} {plain(item.asked)}: {marks(item.awarded, item.of)}"
    text += f" ({where})" if where else ""
    text += f". {plain(sentence(item.reason))}" if item.reason else ""
    return text + "".join(f"\n  - {plain(point)}" for point in item.points)
