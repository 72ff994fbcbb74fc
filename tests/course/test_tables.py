"""Tables: whichever way they stand, and whatever a scan has left of them."""

from __future__ import annotations

from backprove.course.key import read_key
from backprove.course.tables import Cell, answers, numeric_array
from backprove.documents import Passage

KEY = read_key("table rank = 1..3: precision(TFT, rank), recall(TFT, rank, 2)", 1)


def passage(text: str) -> Passage:
    return Passage("table", text, 10, 10 + text.count("\n"))


def found(text: str) -> dict[int, list[tuple[str, str, int]]]:
    _, rows = answers(passage(text), KEY)
    return {r.column: [(v, c.content, c.line) for v, c in r.cells] for r in rows}


def test_columns_by_their_headings() -> None:
    rows = found("rank\thit\tprecision\trecall\n1\tT\t1\t0.5\n2\tF\t1/2\t0.5\n3\tT\t2/3\t1")
    assert rows[0] == [("1", "1", 11), ("2", "1/2", 12), ("3", "2/3", 13)]
    assert [content for _, content, _ in rows[1]] == ["0.5", "0.5", "1"]


def test_a_table_between_bars_with_a_rule() -> None:
    rows = found("| Recall | Rank |\n| --- | --- |\n| 0.5 | 1 |\n| 0.5 | 2 |\n| 1 | 3 |")
    assert rows == {1: [("1", "0.5", 12), ("2", "0.5", 13), ("3", "1", 14)]}


def test_a_table_on_its_side_with_damaged_headings() -> None:
    rows = found("\tRank\t1\t2\t3\n\tPaccision\t1\t1/2\t2/3\n\tRecal\t0.5\t0.5\t1")
    assert [content for _, content, _ in rows[0]] == ["1", "1/2", "2/3"]
    assert [content for _, content, _ in rows[1]] == ["0.5", "0.5", "1"]


def test_some_rows_are_found_by_their_index() -> None:
    assert found("rank\tprecision\n3\t2/3") == {0: [("3", "2/3", 11)]}


def test_another_table_answers_nothing() -> None:
    assert found("x\ty\tz\n1\t2\t3") == {}


def test_what_a_cell_claims() -> None:
    assert Cell("3/5 $2/5 = 0.4$", 1).content == "2/5 = 0.4"
    assert Cell("25", 1).options == ["25", "2/5"]
    assert Cell("5 10", 1).options == ["5 10", "5/10"]
    assert Cell("0.4", 1).options == ["0.4"]


def test_a_table_of_numbers_is_an_array() -> None:
    assert numeric_array(passage("1\t0\n0\t-1")) == "[[1, 0], [0, -1]]"
    assert numeric_array(passage("a\tb\n0\t1")) is None
    assert numeric_array(passage("1\t2\t3\n4\t5")) is None
