"""Collections: every line is answered, in order, in bounded memory, and nothing ends the run."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from backprove.errors import BackproveError
from backprove.judge import collection
from backprove.judge.collection import Line, Worlds, answer, judge_line, judge_record, numbered
from backprove.judge.crew import judge_lines
from backprove.judge.lines import Lines, ResumeError, answered
from backprove.judge.session import Session
from backprove.judge.verdict import Evidence, Kind, Verdict
from backprove.judge.watch import TimeUp, watched

MODEL = "x in R^n\nA in R^{n x n}\nE = x^T A x"
RIGHT = "∂E/∂x = A x + A^T x"
WRONG = "∂E/∂x = A x - A^T x"


def record(name: object, claim: str = RIGHT, model: str = MODEL) -> str:
    return json.dumps({"id": name, "model": model, "claim": claim}, ensure_ascii=False)


def lines(*texts: str) -> list[Line]:
    return list(numbered(texts))


def verdict(claim: str = RIGHT, model: str = MODEL, **options: Any) -> Verdict:
    return judge_record({"claim": claim, "model": model}, Worlds(), **options)


# --- records -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "property name"),
        ("[1]", "object"),
        ("3", "object"),
        ('{"id": 1}', "claim"),
        ('{"claim": 3}', "claim"),
        ('{"claim": "x", "model": 3}', "model"),
        ("[" * 100_000, "nested"),
    ],
)
def test_a_line_without_a_record_is_answered_with_its_number(text: str, reason: str) -> None:
    found = judge_line(Line(7, text), Worlds())
    assert found["line"] == 7
    assert reason in found["error"]


def test_a_record_without_a_name_has_its_number() -> None:
    found = judge_line(Line(4, json.dumps({"model": MODEL, "claim": RIGHT})), Worlds())
    assert (found["id"], found["verdict"]) == (4, "correct")


def test_too_long_texts_are_unreadable() -> None:
    assert "too long" in verdict("x = x" + " + x" * 10_000).reason
    assert "too long" in verdict(model=MODEL + "\n# " + "x" * 300_000).reason


def test_an_unreadable_model_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[str] = []

    def read(text: str) -> None:
        reads.append(text)
        raise BackproveError("no")

    monkeypatch.setattr(collection, "read_model", read)
    worlds = Worlds()
    for _ in range(3):
        found = judge_record({"claim": "x = 1", "model": "?"}, worlds)
        assert (found.verdict, found.reason) == (Kind.UNREADABLE, "the model cannot be read: no")
    assert reads == ["?"]


def test_only_the_latest_models_are_kept() -> None:
    worlds = Worlds(2)
    texts = [f"x in R^{n}" for n in (1, 2, 3)]
    first, second, _ = (worlds.get(text) for text in texts)
    assert worlds.get(texts[1]) is second
    assert worlds.get(texts[0]) is not first


# --- answers -------------------------------------------------------------------------------------


def test_the_answer_to_what_holds_is_short() -> None:
    found = answer(verdict())
    assert set(found) == {"verdict", "evidence", "seconds"}
    assert set(found["evidence"]) <= {"summary", "difference"}


def test_the_answer_to_what_is_wrong_shows_values() -> None:
    found = answer(verdict(WRONG))
    assert found["verdict"] == "wrong"
    assert found["mistake"] == "sign"
    assert found["evidence"]["values"].keys() == {"x", "A"}
    json.dumps(found)


def test_many_values_are_counted_not_shown() -> None:
    evidence = Evidence("it fails", values={"x": [[0.5] * 300] * 2, "y": [1.0]}, left=[2.0])
    shown = answer(Verdict(Kind.WRONG, "", evidence=evidence))["evidence"]
    assert shown["values"] == {"x": "600 numbers", "y": [1.0]}


# --- what goes wrong ------------------------------------------------------------------------------


def spin(*_: object) -> None:
    while True:
        pass


def refuse(error: BaseException) -> Any:
    def check(*_: object) -> None:
        raise error

    return check


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no interval timer")
class TestWatch:
    def test_it_ends_a_loop(self) -> None:
        with pytest.raises(TimeUp), watched(0.05):
            spin()

    def test_it_is_raised_again_where_it_was_swallowed(self) -> None:
        def swallowing() -> None:
            try:
                spin()
            except TimeUp:
                spin()

        with pytest.raises(TimeUp), watched(0.05):
            swallowing()

    def test_nothing_rings_afterwards(self) -> None:
        with watched(0.05):
            pass
        until = time.process_time() + 0.1
        while time.process_time() < until:
            pass

    def test_a_signal_that_comes_late_means_nothing(self) -> None:
        with watched(5):
            pass
        signal.raise_signal(signal.SIGPROF)

    def test_a_claim_that_hangs_is_unreadable(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Session, "check", spin)
        found = verdict(budget=0.02, guard=True)
        assert (found.verdict, found.reason) == (Kind.UNREADABLE, "this takes too long")

    def test_a_model_that_hangs_is_unreadable_once_and_for_all(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(collection, "read_model", spin)
        worlds = Worlds()
        for _ in range(2):
            start = time.process_time()
            found = judge_record({"claim": RIGHT, "model": MODEL}, worlds, budget=0.05, guard=True)
            assert found.verdict == Kind.UNREADABLE
            assert "the model cannot be read" in found.reason
        assert time.process_time() - start < 0.05


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (MemoryError(), Kind.UNREADABLE, "memory"),
        (RecursionError(), Kind.UNREADABLE, "deeply"),
        (ZeroDivisionError("oh"), Kind.WITHHELD, "oh"),
    ],
)
def test_what_goes_wrong_in_a_claim_is_its_answer(
    error: BaseException, kind: Kind, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BACKPROVE_DEBUG", raising=False)
    monkeypatch.setattr(Session, "check", refuse(error))
    found = verdict(guard=True)
    assert found.verdict == kind
    assert words in found.reason


def test_without_guard_a_fault_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Session, "check", refuse(ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        verdict()


# --- lines ---------------------------------------------------------------------------------------


def test_lines_are_read_one_by_one_with_their_numbers() -> None:
    text = "\ufeffα\r\n\n  \nb\x85c\n" + "x" * 50 + "\nlast"
    read = Lines(BytesIO(text.encode()), longest=20)
    assert list(read) == [
        Line(1, "α\r\n"),
        Line(4, "b\x85c\n"),
        Line(5, "", "this line is longer than 20 bytes"),
        Line(6, "last"),
    ]
    assert read.read == len(text.encode())


def test_a_line_in_another_encoding_is_a_problem_of_its_own() -> None:
    read = list(Lines(BytesIO(b"a\n\xff\xfe\nb")))
    assert [bool(line.problem) for line in read] == [False, True, False]


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "out.jsonl"


ASKED = ('{"id": "a", "claim": ""}', "no json", '{"claim": ""}', '{"id": "d", "claim": ""}')


def test_what_was_answered_is_passed_over(output: Path) -> None:
    whole = '{"id": "a", "verdict": "wrong"}\n{"line": 2, "error": "x"}\n{"id": 3}\n'
    output.write_text(whole + '{"id": "d", "ver', encoding="utf-8")
    rest = iter(lines(*ASKED))
    assert [line.number for line, _ in answered(output, rest)] == [1, 2, 3]
    assert [line.number for line in rest] == [4]
    assert output.read_text(encoding="utf-8") == whole


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"id": "b"}\n', '"b"'),
        ('{"line": 1, "error": ""}\n', '"a"'),
        ("{}\n", "null"),
        ("[]\n", "no answer"),
        ("\n", "no answer"),
        ('{"id": "a"}\n{"line": 2}\n{"id": 3}\n{"id": "d"}\n{"id": "e"}\n', "more answers"),
    ],
)
def test_answers_to_something_else_are_refused(text: str, words: str, output: Path) -> None:
    output.write_text(text, encoding="utf-8")
    with pytest.raises(ResumeError, match=words.replace("[", r"\[")):
        list(answered(output, iter(lines(*ASKED))))
    assert output.read_text(encoding="utf-8") == text


# --- processes -----------------------------------------------------------------------------------


def verdicts(found: Iterator[tuple[Line, dict[str, Any]]]) -> list[tuple[int, Any]]:
    return [(line.number, answer.get("verdict")) for line, answer in found]


def test_several_processes_keep_the_order() -> None:
    texts = [record(n, WRONG if n % 3 else RIGHT) for n in range(70)]
    texts[40] = "no json"
    alone = verdicts(judge_lines(lines(*texts)))
    assert verdicts(judge_lines(lines(*texts), jobs=2)) == alone
    assert [number for number, _ in alone] == list(range(1, 71))


def test_no_lines_are_no_answers() -> None:
    assert list(judge_lines([], jobs=2)) == []


def test_a_reader_is_not_far_ahead_of_the_answers() -> None:
    taken = 0

    def endless() -> Iterator[Line]:
        nonlocal taken
        while True:
            taken += 1
            yield Line(taken, "no json")

    found = judge_lines(endless(), jobs=2)
    for _ in range(1000):
        next(found)
    found.close()  # type: ignore[attr-defined]
    assert taken <= 1000 + 2 * 5 * 32


def test_a_worker_that_dies_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    from backprove.judge import crew

    monkeypatch.setattr(crew, "_work", dying)
    found = list(judge_lines(lines(*map(record, "abcde")), jobs=2))
    kinds = [answer["verdict"] for _, answer in found]
    assert kinds == ["correct", "correct", "unreadable", "correct", "correct"]
    assert found[2][1]["id"] == "c"
    assert "memory" in found[2][1]["reason"]


def dying(pipe: Any, budget: float) -> None:
    """A worker that one claim ends."""
    worlds = Worlds()
    while True:
        for line in pipe.recv():
            if '"c"' in line.text:
                os._exit(9)
            pipe.send(judge_line(line, worlds))


def test_a_silent_worker_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    from backprove.judge import crew

    monkeypatch.setattr(crew, "_work", sleeping)
    monkeypatch.setattr(crew, "PATIENCE", 0.5)
    found = list(judge_lines(lines(*map(record, "abc")), jobs=2, budget=0.1))
    assert [answer["verdict"] for _, answer in found] == ["correct", "unreadable", "correct"]
    assert "too long" in found[1][1]["reason"]


def sleeping(pipe: Any, budget: float) -> None:
    """A worker that one claim puts to sleep."""
    worlds = Worlds()
    while True:
        chunk = pipe.recv()
        for line in chunk:
            if '"b"' in line.text:
                time.sleep(600)
            pipe.send(judge_line(line, worlds))
