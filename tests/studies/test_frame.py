"""What all studies have in common: options, results as data, pictures, and the nearest name."""

from __future__ import annotations

import json
import sys

import pytest

from backprove import studies
from backprove.errors import BackproveError
from backprove.studies.frame import Option, shown
from backprove.studies.style import rendered

#: small enough for a test
SMALL: dict[str, dict[str, int]] = {
    "vanishing": {"steps": 5, "width": 3, "draws": 2},
    "gated-explosion": {"steps": 8},
    "focal": {"easy": 200, "hard": 10},
    "initial-loss": {"draws": 20},
}


@pytest.fixture(scope="module", params=studies.names())
def result(request: pytest.FixtureRequest) -> studies.Result:
    return studies.run(request.param, **SMALL.get(request.param, {}))


def test_a_study_ends_in_words_numbers_and_pictures(result: studies.Result) -> None:
    assert result.question.endswith("?")
    assert len(result.conclusion) >= 3
    assert all(line[0].isupper() or line[0] == "γ" for line in result.conclusion)
    assert all(line.endswith(".") for line in result.conclusion)
    assert result.pictures
    for table in result.tables:
        assert table.rows
        assert {len(row) for row in table.rows} == {len(table.head)}


def test_the_data_is_json_with_what_was_asked(result: studies.Result) -> None:
    data = json.loads(result.as_json())
    assert data["study"] == result.name
    assert data["settings"] == result.settings
    assert data["tables"].keys() == {table.key for table in result.tables}
    assert "NaN" not in result.as_json()


@pytest.mark.parametrize("name", ["vanishing", "focal", "initial-loss"])
def test_the_same_seed_has_the_same_answer(name: str) -> None:
    found = [studies.run(name, **SMALL[name], seed=seed).as_json() for seed in (1, 1, 2)]
    assert found[0] == found[1] != found[2]


def test_pictures_can_be_drawn_and_told(result: studies.Result) -> None:
    pytest.importorskip("matplotlib")
    for picture in result.pictures:
        assert b"<svg" in rendered(picture, "svg", 50)
        assert picture.words.endswith(".")


def test_a_picture_is_drawn_the_same_each_time() -> None:
    pytest.importorskip("matplotlib")
    drawn = [rendered(studies.run("filters").pictures[0], "svg") for _ in range(2)]
    assert drawn[0] == drawn[1]


def test_without_matplotlib_the_extra_is_named(
    result: studies.Result, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(BackproveError, match=r"backprove\[figures\]"):
        rendered(result.pictures[0], "png")


@pytest.mark.parametrize(
    ("name", "nearest"), [("vanish", "vanishing"), ("box_loss", "box-loss"), ("XOR", "xor")]
)
def test_an_unknown_study_suggests_the_nearest(name: str, nearest: str) -> None:
    with pytest.raises(BackproveError, match=f"did you mean {nearest}"):
        studies.load(name)


def test_an_unknown_option_says_which_there_are() -> None:
    with pytest.raises(BackproveError, match="has no option sed; it has easy, hard, seed"):
        studies.run("focal", sed=1)


@pytest.mark.parametrize("value", [0, 11, 2.5, True, "3"])
def test_an_option_takes_only_what_fits(value: object) -> None:
    option = Option("count", 3, "How many.", 1, 10)
    with pytest.raises(BackproveError, match="count must be a whole number from 1 to 10"):
        option.checked(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.00066, "0.00066"),
        (-6.6e-9, "−6.6·10⁻⁹"),
        (12345, "12 345"),
        (float("inf"), "∞"),
        (2e12, "2·10¹²"),
    ],
)
def test_numbers_are_shown_as_people_write_them(value: float, text: str) -> None:
    assert shown(value) == text
