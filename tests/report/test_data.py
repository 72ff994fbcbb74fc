from __future__ import annotations

import json

from backprove.course.checking import DocumentReport
from backprove.report.data import as_json, dumps


def test_json_has_a_summary_and_an_entry_for_each_claim(report: DocumentReport) -> None:
    data = json.loads(as_json(report))
    assert data["document"] == "homework.md"
    assert data["summary"]["claims"] == 8
    assert data["summary"]["accepted"] == 3
    assert data["summary"]["partly"] == 2
    assert data["summary"]["verdicts"]["wrong"] == 1
    wrong = data["claims"][3]
    assert (wrong["line"], wrong["question"]) == (24, "1 (b)")
    assert (wrong["verdict"], wrong["mistake"]) == ("wrong", "missing-path")
    assert data["notes"] == ["Line 60 is damaged."]


def test_json_is_strict_where_a_value_is_infinite(report: DocumentReport) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    data = json.loads(as_json(report), parse_constant=refuse)
    assert data["claims"][3]["evidence"]["left"] == [[1.0, 2.0], [3.0, "inf"]]


def test_one_object_is_one_line() -> None:
    assert dumps({"claim": "a\nδ", "x": float("nan")}) == '{"claim": "a\\nδ", "x": "nan"}'
