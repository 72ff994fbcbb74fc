from __future__ import annotations

import json

from backprove.report.tally import Tally, group


def tally(*pairs: tuple[dict[str, object], dict[str, object]]) -> Tally:
    counted = Tally()
    for record, answer in pairs:
        counted.add(json.dumps(record), answer)
    return counted


def test_verdicts_fall_into_three_groups() -> None:
    assert [group(v) for v in ("correct", "convention", "notation")] == ["accepted"] * 3
    assert [group(v) for v in ("scalar", "approximate")] == ["partly"] * 2
    assert [group(v) for v in ("wrong", "unreadable", "withheld")] == ["not"] * 3


def test_agreement_is_counted_by_group_by_verdict_and_by_kind() -> None:
    counted = tally(
        ({"expect": "correct"}, {"verdict": "correct"}),
        ({"expect": "correct"}, {"verdict": "notation"}),
        (
            {"expect": "wrong", "mistake": ["sign", "factor"]},
            {"verdict": "wrong", "mistake": "sign"},
        ),
        ({"expect": "wrong", "mistake": "sign"}, {"verdict": "wrong", "mistake": "other"}),
        ({"expect": "wrong", "mistake": "sign"}, {"verdict": "correct"}),
        ({"expect": "unreadable"}, {"verdict": "wrong"}),
    )
    assert (counted.grouped, counted.exact, counted.labelled) == (5, 3, 6)
    assert (counted.named, counted.wrongs) == (1, 2)
    assert counted.wrong_accepted == 1
    assert [(m.expected, m.got) for m in counted.misses] == [
        ("correct", "notation"),
        ("wrong (sign)", "wrong (other)"),
        ("wrong (sign)", "correct"),
        ("unreadable", "wrong"),
    ]


def test_unlabelled_and_unusable_lines_are_counted_only() -> None:
    counted = Tally()
    counted.add("{}", {"verdict": "correct"})
    counted.add("not json", {"line": 2, "error": "this is no JSON"})
    assert (counted.claims, counted.unusable, counted.labelled) == (2, 1, 0)
    assert counted.summary() == "2 claims: 1 correct, 1 that could not be used"


def test_the_summary_tells_the_agreement() -> None:
    text = tally(({"expect": "wrong", "mistake": "sign"}, {"verdict": "correct"})).summary()
    assert "0/1 (0.0%) on accepted, partly or not" in text
    assert "wrong claims accepted: 1" in text
