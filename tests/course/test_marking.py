"""Marking: answers are paired with what is asked, and earn what the policy says."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from backprove.course import SheetError
from backprove.course.marking import Item, MarkReport, mark_document
from backprove.judge.verdict import Kind

NETWORK = """
x in R^n, t in R^k one-hot
W in R^{m x n}, V in R^{k x m}
z = W x
h = tanh(z)
p = softmax(V h)
L = -sum(t * log(p))
"""
POLICY = (
    "---\npolicy:\n  scalar: 1/2\n  started: 1/4\n  unfinished: 1/3\n  follow-through: 2/3\n---\n"
)


@pytest.fixture
def mark(tmp_path: Path):
    """The report on a submission by a sheet, both as text."""

    def marked(sheet: str, submission: str, name: str = "homework.md") -> MarkReport:
        (tmp_path / "sheet.md").write_text(sheet, encoding="utf-8")
        (tmp_path / name).write_text(submission, encoding="utf-8")
        return mark_document(tmp_path / "sheet.md", tmp_path / name)

    return marked


def sheet(*keys: str, model: str = NETWORK, marks: str = "[1 mark]") -> str:
    """One question with these keys."""
    lines = "\n".join(keys)
    return f"{POLICY}## 1 One {marks}\n```model\n{model}```\n```answer\n{lines}\n```\n"


def items(report: MarkReport) -> list[Item]:
    return [item for question in report.questions for item in question.items]


class TestWorth:
    """What one answer earns."""

    @pytest.mark.parametrize(
        ("answer", "outcome", "share"),
        [
            ("∂L/∂V = (p - t) h^T", "correct", Fraction(1)),
            ("∂L/∂V = h (p - t)^T", "convention", Fraction(1)),
            ("∂L/∂V = (p - t) h", "notation", Fraction(1)),
            ("∂L/∂V = (t - p) h^T", "wrong", Fraction(0)),
            ("∂L/∂V = ∂L/∂p ∂p/∂V", "unfinished", Fraction(1, 3)),
            ("∂L/∂V = ∂L/∂p ∂p/∂V = (t - p) h^T", "started", Fraction(1, 4)),
            ("∂L/∂V = (p - t) ? h", "unreadable", Fraction(0)),
            ("There is no time left.", "unanswered", Fraction(0)),
        ],
    )
    def test_by_its_verdict(self, mark, answer: str, outcome: str, share: Fraction) -> None:
        (item,) = items(mark(sheet("∂L/∂V"), f"## 1\n\n${answer}$\n"))
        assert (item.outcome, item.awarded) == (outcome, share)

    def test_the_last_word_counts(self, mark) -> None:
        text = "## 1\n\n$∂L/∂V = (t - p) h^T$\n\nno:\n\n$∂L/∂V = (p - t) h^T$\n"
        (item,) = items(mark(sheet("∂L/∂V"), text))
        assert (item.outcome, item.lines) == ("correct", (7,))

    def test_derivatives_that_are_worked_out_elsewhere(self, mark) -> None:
        text = "## 1\n\n$∂L/∂W = ∂L/∂z x^T$\n\n$∂L/∂z = (V^T (p - t)) ⊙ (1 - h^2)$\n"
        (item,) = items(mark(sheet("∂L/∂W"), text))
        assert (item.outcome, item.awarded) == ("correct", 1)

    def test_a_chain_rule_may_be_what_is_asked(self, mark) -> None:
        (item,) = items(mark(sheet("chain ∂L/∂W"), "## 1\n\n$∂L/∂W = ∂L/∂z ∂z/∂W$\n"))
        assert (item.outcome, item.awarded) == ("correct", 1)

    def test_a_mistake_that_is_followed_rightly(self, mark) -> None:
        text = (
            "## 1\n\n$∂L/∂h = V^T (t - p)$\n\n$∂L/∂z = ∂L/∂h ⊙ (1 - h^2)$\n\n"
            "$∂L/∂W = ∂L/∂z x^T = ((V^T (t - p)) ⊙ (1 - h^2)) x^T$\n"
        )
        (item,) = items(mark(sheet("∂L/∂W"), text))
        assert (item.outcome, item.awarded) == ("follow-through", Fraction(2, 3))
        assert "line 3" in item.reason

    def test_right_again_behind_a_wrong_step(self, mark) -> None:
        text = "## 1\n\n$$∂L/∂V = (t - p) h^T$$\n$$= (p + t) h^T$$\n$$= (p - t) h^T$$\n"
        report = mark(sheet("∂L/∂V"), text)
        (item,) = items(report)
        assert (item.outcome, item.awarded) == ("recovered", Fraction(3, 4))
        assert "line 3 is wrong" in report.looks[0].what

    def test_a_second_mistake_is_not_followed(self, mark) -> None:
        text = (
            "## 1\n\n$∂L/∂h = V^T (t - p)$\n\n"
            "$∂L/∂z = ∂L/∂h ⊙ (1 - h^2) = (V^T (t - p)) ⊙ (1 - h)$\n"
        )
        (item,) = items(mark(sheet("∂L/∂z"), text))
        assert item.outcome == "started"

    def test_a_wrong_number_used_in_a_formula_of_the_model(self, mark) -> None:
        model = "P = precision(TFT, 3)\nR = recall(TFT, 3, 4)\nF = 2 P R / (P + R)\n"
        text = "## 1\n\n$P = 0.75$, $R = 0.5$\n\n$F = 2 \\cdot 0.75 \\cdot 0.5 / (0.75 + 0.5)$\n"
        asked = sheet("P", "F", model=model, marks="[2 marks]")
        assert [item.outcome for item in items(mark(asked, text))] == ["wrong", "follow-through"]


class TestPairing:
    """Which claims answer what."""

    def test_by_what_is_stated_wherever_it_stands(self, mark) -> None:
        asked = sheet("∂L/∂V") + "\n## 2 Two [1 mark]\nmodel: 1\n```answer\n∂L/∂z\n```\n"
        text = "## 2\n\n$∂L/∂z = (V^T (p - t)) ⊙ (1 - h^2)$\n\n$∂L/∂V = (p - t) h^T$\n"
        assert [item.outcome for item in items(mark(asked, text))] == ["correct", "correct"]

    def test_components_are_an_answer(self, mark) -> None:
        (item,) = items(mark(sheet("∂L/∂V"), "## 1\n\n$(∂L/∂V)[i,j] = (p_i - t_i) h_j$\n"))
        assert item.outcome == "correct"

    @pytest.mark.parametrize(
        ("key", "line"),
        [
            ("shape ∂L/∂V", "The shape of $∂L/∂V$ is $R^{k \\times m}$."),
            ("shape ∂L/∂V", "Dimension is R<sup>k×m</sup>"),
            ("size conv_size(21, 4, stride=4) × 3", "so it is [17/4] + 1 × 3"),
            ("count = parameters([3, 3], in=2, out=4)", "The count = 4 · 2 · 9 + 4 = 76."),
            ("O = conv([1, 2, 3], [1, 1])", "$A = [3, 5]$"),
            ("∂L/∂V", "$(p - t) h^T$"),
        ],
    )
    def test_without_a_left_side_that_is_known(self, mark, key: str, line: str) -> None:
        (item,) = items(mark(sheet(key), f"## 1\n\n{line}\n"))
        assert (item.outcome, item.awarded) == ("correct", 1)

    def test_under_the_number_of_the_whole_question(self, mark) -> None:
        asked = (
            "## 1 One [2 marks]\n### (a) A [1 mark]\n```answer\nsize 8 × conv_size(28, 5)\n```\n"
            "### (b) B [1 mark]\n```answer\ncount = parameters([3, 3], in=2, out=4)\n```\n"
        )
        report = mark(asked, "## 1\n\noutput: 8 x 24\n\nThe count = 76.\n")
        assert [item.outcome for item in items(report)] == ["correct", "correct"]

    def test_a_matrix_of_letters_by_an_example(self, mark) -> None:
        model = "K in R^{2x2}\nM = conv_transpose_matrix(K, input=[1, 2])\n"
        good = "[[1, 2, 0, 3, 4, 0], [0, 1, 2, 0, 3, 4]]"
        asked = sheet("M", model=model)
        report = mark(asked, f"## 1\n\n$A = {good}$\n")
        assert items(report)[0].outcome == "correct"
        assert "K[1, 1] = 1" in (report.claims[0].verdict.reading or "")

    def test_the_rows_of_a_matrix_that_are_wrong(self, mark) -> None:
        model = "a, b, c in R\nM = conv_matrix([a, b, c], input=[4])\n"
        text = "## 1\n\n$A = [[a, b, c, 0], [a, b, c, 0]]$\n"
        report = mark(sheet("M", model=model), text)
        assert items(report)[0].reason == "row 2 is not what it should be"
        assert report.claims[0].verdict.corrected == "[[a, b, c, 0], [0, a, b, c]]"

    def test_a_matrix_of_another_size(self, mark) -> None:
        model = "K in R^{2x2}\nM = conv_transpose_matrix(K, input=[1, 2])\n"
        report = mark(sheet("M", model=model), "## 1\n\n$A = [[1, 2, 0, 3], [0, 1, 2, 0]]$\n")
        assert report.claims[0].verdict.mistake == "shape"
        assert "2 × 6" in items(report)[0].reason

    def test_a_table_cell_by_cell(self, mark) -> None:
        asked = sheet("table rank = 1..2: precision(FT, rank), recall(FT, rank, 1)")
        text = (
            "## 1\n\n| rank | precision | recall |\n|---|---|---|\n| 1 | 0 | 0 |\n| 2 | 0.4 | 1 |\n"
        )
        report = mark(asked, text)
        assert items(report)[0].awarded == Fraction(3, 4)
        assert [c.line for c in report.claims if c.verdict.verdict is Kind.WRONG] == [6]

    def test_the_layout_that_the_writer_has_given(self, mark) -> None:
        asked = sheet("∂f/∂x", model="A in R^{5x2}, x in R^{2x3}, W in R^{3}\nf = A x W\n")
        claim = "$(∂f/∂x)[r, k, i] = A[r, i] W[k]$"
        assert items(mark(asked, f"## 1\n\n{claim}\n"))[0].outcome == "wrong"
        shape = "The shape of $∂f/∂x$ is $R^{5 \\times 3 \\times 2}$."
        assert items(mark(asked, f"## 1\n\n{shape}\n\n{claim}\n"))[0].outcome == "convention"


class TestPeople:
    """What is left to a person, and what is said about it."""

    MANUAL = "## 1 Why [2 marks]\n```manual\n- one thing\n- another\n```\n"

    def test_text_awaits_a_person(self, mark) -> None:
        report = mark(self.MANUAL, "## 1\n\nBecause of the product.\n")
        (item,) = items(report)
        assert (item.awarded, item.points) == (None, ("one thing", "another"))
        assert (report.awarded, report.pending, report.of) == (0, 2, 2)
        assert [(look.question, look.lines) for look in report.looks] == [("1", (3, 3))]

    def test_what_is_not_there_earns_nothing(self, mark) -> None:
        report = mark(self.MANUAL, "# Title\n\nNothing to do with it.\n")
        assert (report.awarded, report.pending) == (0, 0)
        assert "answers none" in report.notes[0]

    def test_a_question_paper_answers_nothing(self, mark) -> None:
        text = "1. (2 marks) Why?\n2. (3 marks) Find $∂L/∂V = (p - t) h^T$.\n"
        report = mark(sheet("∂L/∂V"), text)
        assert (report.awarded, report.pending) == (0, 0)
        assert "question paper" in report.notes[0]

    def test_an_answer_that_cannot_be_read(self, mark) -> None:
        report = mark(sheet("∂L/∂V"), "## 1\n\n$∂L/∂V = (p - t) ? h$\n")
        assert [look.question for look in report.looks] == ["1"]


class TestSheets:
    """Sheets that cannot be used are refused at their line, with the reason."""

    @pytest.mark.parametrize(
        ("key", "reason"),
        [
            ("∂L/∂Q", "Q is not declared"),
            ("∂L/∂", "expected"),
            ("h_9 W", "h"),
            ("p = t", "differ"),
            ("shape Q", "not declared"),
            ("size conv_size(3, 5)", "larger"),
            ("table rank = 1..9: precision(TF, rank)", "from 1 to 2"),
            ("A = average_precision(TX, positives=1)", "T and F"),
        ],
    )
    def test_an_impossible_key(self, mark, key: str, reason: str) -> None:
        text = sheet(key)
        line = text.split("\n").index(key) + 1
        with pytest.raises(SheetError, match=f"line {line}: .*{reason}"):
            mark(text, "## 1\n\n$x = x$\n")

    def test_a_sheet_that_asks_nothing(self, mark) -> None:
        with pytest.raises(SheetError, match="asks nothing"):
            mark("## 1 One\n```model\nx in R\n```\n", "## 1\n\n$x = x$\n")
