"""Sheets: the questions of a homework, each with the model that its answers are about.

A sheet is a Markdown file:

    ---
    title: Homework 2
    ---

    ## 1 A recurrent network [3 marks]

    What is asked, in prose. The model that answers are judged by:

    ```model
    x_t in R^n for t = 1..3
    …
    ```

    ### 1 (a) All three losses [1 mark]

    ## 2 The same network, other questions

    model: 1

A heading that begins with a number is a question; `(a)` after it names a part, and a heading that
begins with `(a)` is a part of the question above it. Marks stand in brackets at the heading's end.
A question without a block of its own takes the one that a line `model: NUMBER` names, or else that
of the heading under which it is nested (by number or by level); a block before the first question
is for all of them. Front matter may be left out: the title is then the first heading without a
number.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from backprove.documents import DocumentError, read_text
from backprove.documents.headings import (
    markdown_title,
    normal_number,
    split_number,
    split_parts,
)
from backprove.documents.scanner import front_matter, front_matter_length
from backprove.errors import BackproveError

_FENCE = re.compile(r"\s{0,3}(?P<mark>`{3,}|~{3,})\s*(?P<info>.*?)\s*$")
_MARKS = re.compile(r"\s*[\[(]\s*(?P<marks>\d+(?:\.\d+)?)\s*(?:marks?|points?|pts?)\s*[\])]\s*$")
_REFERENCE = re.compile(r"\s*model:\s*(?P<number>\S.*?)\s*$", re.IGNORECASE)


class SheetError(BackproveError):
    """A sheet that cannot be used; the message says why, and at which line."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question: its number (`1`, `1.2`, `1(a)`), and its model's text, empty if it has none.

    `line` is the heading's; `model_line` that on which the model's text begins.
    """

    number: str
    title: str
    marks: float | None
    model: str
    line: int
    model_line: int = 0


@dataclass(frozen=True, slots=True)
class Sheet:
    title: str
    questions: tuple[Question, ...]

    def question(self, number: str) -> Question | None:
        """The question of that number, or the nearest one in which it is a part."""
        known = {question.number: question for question in self.questions}
        while number:
            if number in known:
                return known[number]
            number = _parent(number)
        return None


@dataclass(slots=True)
class _Draft:
    number: str
    title: str
    marks: float | None
    line: int
    level: int
    model: str = ""
    model_line: int = 0
    reference: str = ""
    reference_line: int = 0
    above: list[_Draft] = field(default_factory=list["_Draft"])


def read_sheet(path: Path | str) -> Sheet:
    """Read a sheet from a file."""
    path = Path(path)
    try:
        text = read_text(path)
    except DocumentError as error:
        raise SheetError(str(error)) from None
    try:
        return parse_sheet(text, path.stem)
    except SheetError as error:
        raise SheetError(f"{path}, {error}") from None


def parse_sheet(text: str, name: str = "sheet") -> Sheet:
    """The sheet that a text describes; `name` is its title if it has none."""
    lines = text.split("\n")
    common, title = _drafts(lines)
    drafts = common.above
    if not any(draft.model for draft in (common, *drafts)):
        raise SheetError(
            "line 1: this sheet has no models; give each question a fenced block marked `model`"
        )
    if not drafts:
        raise SheetError("line 1: this sheet has no questions; begin a heading with a number")
    resolved: dict[str, _Draft] = {}
    for draft in drafts:
        if draft.number in resolved:
            first = resolved[draft.number].line
            raise SheetError(
                f"line {draft.line}: question {draft.number} is there already, on line {first}"
            )
        _resolve(draft, common, resolved)
        resolved[draft.number] = draft
    title = front_matter(lines).get("title") or title or name
    return Sheet(title, tuple(_question(draft) for draft in drafts))


def _question(draft: _Draft) -> Question:
    return Question(
        draft.number, draft.title, draft.marks, draft.model, draft.line, draft.model_line
    )


def _drafts(lines: list[str]) -> tuple[_Draft, str]:
    """The questions as they stand, below a draft for what precedes them; and the title."""
    common = _Draft("", "", None, 1, 0)
    current = common
    title = ""
    i = front_matter_length(lines)
    while i < len(lines):
        if fence := _FENCE.match(lines[i]):
            end = _fence_end(lines, i, fence["mark"])
            if fence["info"].lower().split()[:1] == ["model"]:
                if current.model:
                    raise SheetError(f"line {i + 1}: this question has a model already")
                current.model = "\n".join(lines[i + 1 : end])
                current.model_line = i + 2
                if not current.model.strip():
                    raise SheetError(f"line {i + 1}: this model is empty")
            i = end
        elif heading := markdown_title(lines[i]):
            draft = _heading(*heading, i + 1, common.above)
            if draft is not None:
                common.above.append(draft)
                current = draft
            elif not title and current is common:
                title = heading[1]
        elif reference := _REFERENCE.match(lines[i]):
            current.reference = "".join(reference["number"].split()).strip(".`*")
            current.reference_line = i + 1
        i += 1
    return common, title


def _fence_end(lines: list[str], start: int, mark: str) -> int:
    closing = re.compile(rf"\s{{0,3}}{re.escape(mark[0])}{{{len(mark)},}}\s*$")
    for i in range(start + 1, len(lines)):
        if closing.match(lines[i]):
            return i
    raise SheetError(f"line {start + 1}: this block is never closed")


def _heading(level: int, title: str, line: int, before: list[_Draft]) -> _Draft | None:
    marks = _MARKS.search(title)
    if marks is not None:
        title = title[: marks.start()]
    number, parts, rest = split_number(title)
    if not number:
        parts, rest = split_parts(title)
        above = next((draft for draft in reversed(before) if draft.level < level), None)
        if not parts or above is None:
            return None
        number = above.number
    above = [draft for draft in before if draft.level < level]
    value = float(marks["marks"]) if marks is not None else None
    return _Draft(normal_number(number, parts), rest, value, line, level, above=above[-1:])


def _resolve(draft: _Draft, common: _Draft, resolved: dict[str, _Draft]) -> None:
    """Give a question without a block of its own the model it stands under."""
    if draft.model:
        return
    source: _Draft | None = None
    if draft.reference:
        source = resolved.get(draft.reference)
        if source is None:
            raise SheetError(
                f"line {draft.reference_line}: no question {draft.reference} stands above this line"
            )
    else:
        number = _parent(draft.number)
        while number and source is None:
            source = resolved.get(number)
            number = _parent(number)
        source = source or next(iter(draft.above), None)
        if source is None or not source.model:
            source = common
    draft.model, draft.model_line = source.model, source.model_line


def _parent(number: str) -> str:
    """The number one step up: `1.2(c)(ii)`, `1.2(c)`, `1.2`, `1`, and then nothing."""
    if number.endswith(")"):
        return number[: number.rindex("(")]
    return number.rpartition(".")[0]
