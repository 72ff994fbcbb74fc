"""Real scans, where they are at hand: every line as a careful lecturer marks it."""

from __future__ import annotations

from pathlib import Path

import pytest

from backprove.course.marking import MarkReport, mark_document
from backprove.judge.verdict import Kind

ROOT = Path(__file__).parents[2]
SCANS = ROOT.parent / "shared" / "seeds"

pytestmark = pytest.mark.skipif(not SCANS.is_dir(), reason="the scans are not here")

ACCEPTED = {"correct", "convention", "notation"}
NOT_ACCEPTED = {"wrong", "unreadable"}


def marked(course: str, prefix: str) -> MarkReport:
    (path,) = SCANS.glob(f"{prefix}_*.txt")
    return mark_document(ROOT / "courses" / course / "sheet.md", path)


@pytest.fixture(scope="module")
def recurrent() -> MarkReport:
    return marked("recurrent", "000")


@pytest.fixture(scope="module")
def gated() -> MarkReport:
    return marked("gated", "003")


def verdicts(report: MarkReport, line: int) -> list[str]:
    return [str(c.verdict.verdict) for c in report.claims if c.line == line]


def mistakes(report: MarkReport, line: int) -> list[str | None]:
    return [c.verdict.mistake for c in report.claims if c.line == line]


def outcome(report: MarkReport, number: str, asked: str) -> str:
    items = [i for q in report.questions if q.question.number == number for i in q.items]
    return next(item.outcome for item in items if item.asked == asked)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (28, ["notation"]),
        (32, ["notation"]),
        (36, ["scalar"]),
        (38, ["wrong"]),
        *((line, ["correct"]) for line in (44, 46, 48, 56, 60)),
        (58, ["notation"]),
        (62, ["notation"]),
        (64, ["correct", "notation"]),
        (68, ["notation"]),
        (70, ["scalar"]),
        (72, ["notation"]),
        (74, ["scalar"]),
        (76, ["scalar"]),
        (78, ["correct"]),
        (80, ["notation"]),
        (84, ["notation"]),
        (92, ["notation"]),
        (94, ["scalar"]),
        (100, ["correct"]),
        (102, ["correct"]),
        (108, ["wrong"]),
        (203, ["approximate"]),
        (219, ["correct"]),
        (231, ["wrong"]),
        *((line, ["correct"]) for line in (260, 261, 265, 277, 338, 340, 342, 344)),
        (361, ["wrong"]),
        (372, ["correct"]),
        (378, ["correct"]),
    ],
)
def test_a_recurrent_network(recurrent: MarkReport, line: int, expected: list[str]) -> None:
    assert verdicts(recurrent, line) == expected


def test_what_may_not_be_accepted(recurrent: MarkReport) -> None:
    for line in (86, 88, 96):
        assert set(verdicts(recurrent, line)) <= NOT_ACCEPTED, line


def test_the_tables(recurrent: MarkReport) -> None:
    for line in (*range(165, 175), *range(187, 198)):
        assert set(verdicts(recurrent, line)) == {"correct"}, line
    assert outcome(recurrent, "3", "precision, recall by rank") == "correct"
    assert outcome(recurrent, "3", "P_inter by recall") == "correct"


def test_the_names_of_the_mistakes(recurrent: MarkReport, gated: MarkReport) -> None:
    assert mistakes(recurrent, 38) == ["missing-path"]
    assert mistakes(recurrent, 231) == ["sign"]
    assert mistakes(gated, 38) == ["wrong-bounds"]
    assert mistakes(gated, 58) == mistakes(gated, 60) == ["missing-path"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        *((line, {"correct"}) for line in (7, 11, 15, 17, 21, 23, 35, 52, 56, 63, 77)),
        (27, {"convention"}),
        (29, {"convention"}),
        (38, {"wrong"}),
        (58, {"wrong"}),
        (60, {"wrong"}),
        (118, {"notation"}),
        (121, {"notation"}),
        (126, {"notation"}),
        (131, {"correct"}),
        (134, {"unreadable"}),
        (136, {"unreadable"}),
        (144, {"notation"}),
        (163, {"correct"}),
        (165, {"correct"}),
    ],
)
def test_convolution_and_cells(gated: MarkReport, line: int, expected: set[str]) -> None:
    assert set(verdicts(gated, line)) == expected


def test_a_mistake_is_followed(gated: MarkReport) -> None:
    assert outcome(gated, "1.2.1(c)", "∂ℓ/∂W_x") == "follow-through"


def test_another_answer_to_the_same_assignment() -> None:
    report = marked("recurrent", "001")
    assert verdicts(report, 76) == ["approximate"]
    assert set(verdicts(report, 56)) == {"correct"}  # recalls whose bars a scan has lost
    assert verdicts(report, 194) == ["correct"]  # a matrix for an example kernel
    assert outcome(report, "6(a)", "O") == "correct"


def test_the_assignment_itself_answers_nothing() -> None:
    report = marked("recurrent", "002")
    assert (report.awarded, report.pending, report.claims) == (0, 0, ())


def test_blocks_and_losses() -> None:
    report = marked("foundations", "004")
    for number, asked in (("2(1)", "J_x"), ("2(4)", "∂L/∂y"), ("2(5)", "∂Loss/∂z"), ("2(7)", "y")):
        assert outcome(report, number, asked) in ACCEPTED, number
    wrong = [c.line for c in report.claims if c.verdict.verdict is Kind.WRONG]
    assert set(wrong) == {91, 105, 145, 151}
    for line in (101, 103, 147, 149):  # entries, with their indices on the right only
        assert verdicts(report, line) == ["notation"]
    assert verdicts(report, 151) == ["wrong", "notation"]
    assert outcome(report, "2(6)", "∂Loss/∂y") == "recovered"
