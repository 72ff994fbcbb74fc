"""Checking: which claim is judged by which model, and where its verdicts stand.

The judge is a stand-in here that knows words: a claim's names must all stand in the model's text.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import pytest

import backprove
from backprove.course import SheetError, check_document
from backprove.documents import DocumentError
from backprove.judge.verdict import Kind, Verdict


@dataclass
class FakeModel:
    text: str

    def __post_init__(self) -> None:
        if "broken" in self.text:
            line = self.text[: self.text.index("broken")].count("\n") + 1
            raise DocumentError(f"line {line}: broken")

    @property
    def world(self) -> FakeModel:
        return self


class FakeSystem:
    """A system without names: nothing in a claim can be mended."""

    def copy(self) -> FakeSystem:
        return self

    def named(self, name: str) -> list[object]:
        return []

    def is_size(self, name: str) -> bool:
        return False


@dataclass
class FakeSession:
    model: FakeModel
    defined: set[str] = field(default_factory=set)
    system: FakeSystem = field(default_factory=FakeSystem)
    written: list[object] = field(default_factory=list)
    brief: bool = False

    def knows(self, text: str) -> bool:
        names = set(re.findall(r"[A-Za-z]+", text))
        return names <= set(re.findall(r"[A-Za-z]+", self.model.text)) | self.defined | {"ln"}

    def check(self, text: str) -> Verdict | None:
        sides = [side.strip() for side in text.split("=")]
        if not self.knows(sides[0]):
            self.defined.add(sides[0])
            return None
        links = tuple(Verdict(Kind.CORRECT, f"{left} = {right}") for left, right in pairwise(sides))
        reason = self.model.text.strip()
        return Verdict(Kind.CORRECT, text, reason, links=links if len(links) > 1 else ())


@pytest.fixture(autouse=True)
def fake_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("backprove.judge.session")
    module.Session = FakeSession  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "backprove.judge.session", module)
    monkeypatch.setattr(backprove, "Model", FakeModel, raising=False)


SHEET = """
## 1 First

```model
a b
```

### (a) Part

## 2 Second

```model
b c
```
"""


@pytest.fixture
def write(tmp_path: Path):
    def write_(name: str, text: str) -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write_


def test_a_document_with_its_own_models(write) -> None:
    path = write(
        "d.md",
        "# Work\n\n```model\na b\n```\n\n$a = b$\n\n(b)\n\n```model\nc\n```\n\n$c = c$\n",
    )
    report = check_document(path)
    assert (report.path, report.title, report.notes) == (path, "Work", ())
    assert [(r.line, r.text, r.verdict.reason) for r in report.results] == [
        (7, "a = b", "a b"),
        (15, "c = c", "c"),
    ]


def test_by_number_then_by_names(write) -> None:
    sheet = write("s.md", SHEET)
    path = write(
        "d.txt",
        "Q2\n\n$b = b$\n\nQ1)\n\n(a)\n\n$b = b$\n\nQ7\n\n$b = c$\n\n$d = e$\n\n$e = d$\n",
    )
    report = check_document(path, sheet)
    assert [(r.line, r.question, r.verdict.reason) for r in report.results] == [
        (3, "2 Second", "b c"),
        (9, "1(a) Part", "a b"),
        (13, "2 Second", "b c"),
    ]
    assert report.notes == ("2 formulas on lines 15, 17 belong to no question of the sheet.",)


def test_parts_of_a_question_share_the_writers_definitions(write) -> None:
    sheet = write("s.md", SHEET)
    path = write("d.txt", "Q1)\n\n$z = a$\n\n(a)\n\n$z = b$\n")
    assert [(r.line, r.text) for r in check_document(path, sheet).results] == [(7, "z = b")]


def test_definitions_in_a_document_without_numbers(write) -> None:
    sheet = write("s.md", SHEET)
    path = write("d.txt", "$z = c$\n\n$c = z$\n")
    assert [r.text for r in check_document(path, sheet).results] == ["c = z"]


def test_a_chain_gives_a_result_for_every_link_on_its_line(write) -> None:
    path = write("d.md", "```model\na b\n```\n\n$$a = b$$\n\nso\n\n$$= 2 a$$\n\n$$= 2 b$$\n")
    assert [(r.line, r.text) for r in check_document(path).results] == [
        (5, "a = b"),
        (9, "b = 2 a"),
        (11, "2 a = 2 b"),
    ]


def test_arithmetic_needs_no_model(write) -> None:
    sheet = write("s.md", SHEET)
    path = write(
        "d.txt", "Q9\n\nFirst guess = ln(4) = 1.386\n\n$$AP = p(1)$$\n$$= 3 + 6$$\n\n= 9\n"
    )
    report = check_document(path, sheet)
    assert [(r.line, r.question, r.text) for r in report.results] == [
        (3, "9", "ln(4) = 1.386"),
        (8, "9", "3 + 6 = 9"),
    ]


def test_brackets_without_a_model_are_left_alone(write) -> None:
    sheet = write("s.md", SHEET)
    report = check_document(write("d.txt", "$[17/4] + 1 = 5$\n\n$1 + 1 = 2$\n"), sheet)
    assert [r.text for r in report.results] == ["1 + 1 = 2"]
    assert report.notes == ("1 formula on line 1 belongs to no question of the sheet.",)


def test_the_sheet_goes_before_the_documents_own_models(write) -> None:
    sheet = write("s.md", SHEET)
    report = check_document(write("d.md", "```model\nc\n```\n\n$a = b$\n"), sheet)
    assert [r.verdict.reason for r in report.results] == ["a b"]
    assert len(report.notes) == 1


def test_errors_have_the_lines_of_their_files(write) -> None:
    document = write("d.md", "text\n\n```model\na\nbroken\n```\n")
    with pytest.raises(DocumentError, match="line 5"):
        check_document(document)
    sheet = write("s.md", "## 1 One\n\n```model\nbroken\n```\n")
    with pytest.raises(SheetError, match="line 4"):
        check_document(write("e.md", "$a = b$"), sheet)


def test_a_document_without_models(write) -> None:
    with pytest.raises(DocumentError, match="no model"):
        check_document(write("d.md", "$a = b$"))
    with pytest.raises(DocumentError, match="question of the sheet"):
        check_document(write("d.md", "$e = f$"), write("s.md", SHEET))


def test_a_document_without_formulas(write) -> None:
    report = check_document(write("d.md", "Only words."))
    assert report.results == ()
    assert len(report.notes) == 1
