"""Sheets: the questions of a homework, each with the model that its answers are about.

A sheet is a Markdown file:

    ---
    title: Homework 2
    marks: 4
    policy:
      scalar: 1/2
    ---

    ## 1 A recurrent network [3 marks]

    What is asked, in prose. The model that answers are judged by:

    ```model
    x_t in R^n for t = 1..3
    …
    ```

    ### 1 (a) All three losses [1 mark]

    ```answer
    ∂E/∂W
    shape ∂E/∂W
    ```

    ## 2 The same network, other questions [3 marks]

    model: 1

    ```manual
    Why the product of many Jacobians is small.
    ```

A heading that begins with a number is a question; `(a)` after it names a part, and a heading that
begins with `(a)` is a part of the question above it. Marks stand in brackets at the heading's end.
A question without a block of its own takes the one that a line `model: NUMBER` names, or else that
of the heading under which it is nested (by number or by level); a block before the first question
is for all of them. What is asked stands in blocks marked `answer` (`course/key.py`) and `manual`;
it shares the question's marks evenly where it has none of its own. Front matter may be left out:
the title is then the first heading without a number, and the policy the usual one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

from backprove.course.key import BadKey, Key, Manual, read_key, split_marks
from backprove.course.policy import Policy, read_share
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
_REFERENCE = re.compile(r"\s*model:\s*(?P<number>\S.*?)\s*$", re.IGNORECASE)


class SheetError(BackproveError):
    """A sheet that cannot be used; the message says why, and at which line."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question: its number (`1`, `1.2`, `1(a)`), and its model's text, empty if it has none.

    `line` is the heading's; `model_line` that on which the model's text begins. `marks` are what
    the heading says, with those of its parts; what is asked here has marks of its own.
    """

    number: str
    title: str
    marks: float | None
    model: str
    line: int
    model_line: int = 0
    keys: tuple[Key, ...] = ()
    manual: tuple[Manual, ...] = ()

    @property
    def asks(self) -> bool:
        return bool(self.keys or self.manual)


@dataclass(frozen=True, slots=True)
class Sheet:
    title: str
    questions: tuple[Question, ...]
    policy: Policy = field(default_factory=Policy)

    @property
    def marks(self) -> Fraction:
        """All that can be had."""
        return sum(
            (item.marks or Fraction(0) for q in self.questions for item in (*q.keys, *q.manual)),
            Fraction(0),
        )

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
    marks: Fraction | None
    line: int
    level: int
    keys: list[Key] = field(default_factory=list[Key])
    manual: list[Manual] = field(default_factory=list[Manual])
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
    return sheet_of(text, path)


def sheet_of(text: str, path: Path) -> Sheet:
    """The sheet of a file's text; `path` is what it is called, and is not opened."""
    try:
        return parse_sheet(text, path.stem)
    except SheetError as error:
        raise SheetError(f"{path}, {error}") from None


def parse_sheet(text: str, name: str = "sheet") -> Sheet:
    """The sheet that a text describes; `name` is its title if it has none."""
    lines = text.split("\n")
    common, title = _drafts(lines)
    drafts = common.above
    if not any(draft.model or draft.keys or draft.manual for draft in (common, *drafts)):
        raise SheetError(
            "line 1: this sheet has no models; give each question a fenced block marked `model`"
        )
    if not drafts:
        raise SheetError("line 1: this sheet has no questions; begin a heading with a number")
    if common.keys or common.manual:
        line = (*common.keys, *common.manual)[0].line
        raise SheetError(f"line {line}: this answer belongs to no question")
    resolved: dict[str, _Draft] = {}
    for draft in drafts:
        if draft.number in resolved:
            first = resolved[draft.number].line
            raise SheetError(
                f"line {draft.line}: question {draft.number} is there already, on line {first}"
            )
        _resolve(draft, common, resolved)
        resolved[draft.number] = draft
    _share_marks(drafts)
    title = front_matter(lines).get("title") or title or name
    sheet = Sheet(title, tuple(_question(draft) for draft in drafts), _policy(lines))
    _check_total(sheet, lines)
    return sheet


def _question(draft: _Draft) -> Question:
    return Question(
        draft.number,
        draft.title,
        None if draft.marks is None else float(draft.marks),
        draft.model,
        draft.line,
        draft.model_line,
        tuple(draft.keys),
        tuple(draft.manual),
    )


# --- marks and policy -----------------------------------------------------------------------------


def _share_marks(drafts: list[_Draft]) -> None:
    """Give everything that is asked its marks: its own, or an even share of what is left."""
    for draft in reversed(drafts):  # parts before the question that they belong to
        inside = [d for d in drafts if d.above[-1:] == [draft]]
        below = sum((d.marks for d in inside if d.marks is not None), Fraction(0))
        items = [*draft.keys, *draft.manual]
        own = sum((i.marks for i in items if i.marks is not None), Fraction(0))
        open_ = [i for i in items if i.marks is None]
        if draft.marks is None:
            if items and not open_:
                draft.marks = own + below
            elif inside and not items and all(d.marks is not None for d in inside):
                draft.marks = below
            continue
        rest = draft.marks - below - own
        asking = bool(items) or any(d.keys or d.manual for d in inside)
        if asking and (rest < 0 or (rest > 0 and not open_)):
            raise SheetError(
                f"line {draft.line}: question {draft.number} has {shown(draft.marks)} marks, but"
                f" what it asks adds up to {shown(below + own)}"
            )
        if open_:
            each = rest / len(open_)
            draft.keys = [k if k.marks is not None else replace(k, marks=each) for k in draft.keys]
            draft.manual = [
                m if m.marks is not None else replace(m, marks=each) for m in draft.manual
            ]


def _policy(lines: list[str]) -> Policy:
    """The settings indented below `policy:` in the front matter, or written behind it."""
    settings: dict[str, str] = {}
    inside = False
    for number, line in enumerate(lines[: front_matter_length(lines)], 1):
        name, sign, value = line.partition(":")
        if not sign or line.lstrip().startswith("#"):
            continue
        if inside and line[:1].isspace():
            pairs = [(name, value)]
        else:
            inside = name.strip().lower() == "policy"
            pairs = [p.rpartition(" ")[::2] for p in value.split(",")] if inside else []
        found = {n.strip().lower(): v.strip() for n, v in pairs if n.strip() or v.strip()}
        try:
            Policy.read(found)
        except ValueError as error:
            raise SheetError(f"line {number}: {error}") from None
        settings.update(found)
    return Policy.read(settings)


def _check_total(sheet: Sheet, lines: list[str]) -> None:
    """The marks of the front matter are those of the questions."""
    text = front_matter(lines).get("marks")
    if text is None:
        return
    number = next(i for i, line in enumerate(lines, 1) if line.strip().lower().startswith("marks:"))
    total = read_share(text)
    if total is None:
        raise SheetError(f"line {number}: {text!r} is no number of marks")
    if total != sheet.marks:
        raise SheetError(
            f"line {number}: the sheet has {text} marks, but what it asks adds up to"
            f" {shown(sheet.marks)}"
        )


def shown(marks: Fraction) -> str:
    """A number of marks as people write it: at most two decimals."""
    return f"{float(marks):.2f}".rstrip("0").rstrip(".")


# --- lines ----------------------------------------------------------------------------------------


def _drafts(lines: list[str]) -> tuple[_Draft, str]:
    """The questions as they stand, below a draft for what precedes them; and the title."""
    common = _Draft("", "", None, 1, 0)
    current = common
    title = ""
    i = front_matter_length(lines)
    while i < len(lines):
        if fence := _FENCE.match(lines[i]):
            end = _fence_end(lines, i, fence["mark"])
            info, marks = split_marks(fence["info"])
            kind = info.strip().lower()
            if kind in ("answer", "answers"):
                current.keys += _keys(lines[i + 1 : end], i + 2)
            elif kind == "manual":
                points = [line.strip().lstrip("-*• ").strip() for line in lines[i + 1 : end]]
                current.manual.append(Manual(tuple(filter(None, points)), i + 1, marks))
            elif kind.split()[:1] == ["model"]:
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


def _keys(lines: list[str], first: int) -> list[Key]:
    """What the lines of an `answer` block ask for; `#` begins a remark."""
    found: list[Key] = []
    for number, line in enumerate(lines, first):
        text = re.sub(r"(?:^|\s)#\s.*$", "", line).strip()
        if text:
            try:
                found.append(read_key(text, number))
            except BadKey as error:
                raise SheetError(f"line {number}: {error}") from None
    return found


def _fence_end(lines: list[str], start: int, mark: str) -> int:
    closing = re.compile(rf"\s{{0,3}}{re.escape(mark[0])}{{{len(mark)},}}\s*$")
    for i in range(start + 1, len(lines)):
        if closing.match(lines[i]):
            return i
    raise SheetError(f"line {start + 1}: this block is never closed")


def _heading(level: int, title: str, line: int, before: list[_Draft]) -> _Draft | None:
    title, marks = split_marks(title)
    number, parts, rest = split_number(title)
    if not number:
        parts, rest = split_parts(title)
        above = next((draft for draft in reversed(before) if draft.level < level), None)
        if not parts or above is None:
            return None
        number = above.number
    above = [draft for draft in before if draft.level < level]
    return _Draft(normal_number(number, parts), rest, marks, line, level, above=above[-1:])


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
