"""Where a sheet sends its reader there is a study, and the page of studies names all of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from backprove import studies

ROOT = Path(__file__).parents[2]
SHEETS = sorted((ROOT / "courses").glob("*/sheet.md"))


def named(text: str) -> set[str]:
    return set(re.findall(r"`backprove study ([\w-]+)`?", text))


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda path: path.parent.name)
def test_a_sheet_points_to_studies_that_exist(sheet: Path) -> None:
    found = named(sheet.read_text(encoding="utf-8"))
    assert found
    assert found <= set(studies.names())


def test_every_study_is_pointed_to_by_a_sheet() -> None:
    found = set[str]().union(*(named(sheet.read_text(encoding="utf-8")) for sheet in SHEETS))
    assert found == set(studies.names())


def test_every_study_has_its_place_on_the_page() -> None:
    page = (ROOT / "docs" / "studies.md").read_text(encoding="utf-8")
    assert set(studies.names()) <= set(re.findall(r"^## ([\w-]+)", page, re.MULTILINE))
