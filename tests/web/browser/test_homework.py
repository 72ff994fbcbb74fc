"""The page for whole homeworks: files in, a report out."""

from __future__ import annotations

from pathlib import Path

import pytest

for needed in ("fastapi", "uvicorn", "playwright.sync_api"):
    pytest.importorskip(needed, reason="needs the extras: pip install 'backprove[web,browser]'")

from playwright.sync_api import expect
from tests.web.conftest import HOMEWORKS

LINEAR = "x in R^n, t in R^m\nW in R^{m x n}\ny = sigmoid(W x)\nL = 1/2 sum((y - t)^2)"


def test_a_homework_is_checked(page) -> None:
    page.goto("/homework")
    page.locator("#homework-file").set_input_files(HOMEWORKS / "homework.md")
    expect(page.locator(".report .tally")).to_contain_text("9 of 14 claims accepted")
    with page.expect_download() as found:
        page.get_by_role("button", name="HTML", exact=True).click()
    assert "<!doctype html>" in Path(found.value.path()).read_text()
    assert found.value.suggested_filename == "homework-report.html"


def test_a_submission_is_marked_by_a_sheet(page, picture) -> None:
    page.goto("/homework")
    page.locator("#sheet-file").set_input_files(HOMEWORKS / "sheet.md")
    page.locator("#homework-file").set_input_files(HOMEWORKS / "submission.md")
    page.get_by_label("Give marks by the sheet").check()
    expect(page.locator(".report .tally")).to_contain_text("6 of 10 marks")
    picture("homework")


def test_a_dropped_file(page) -> None:
    page.goto("/homework")
    page.evaluate(
        """text => {
          const data = new DataTransfer();
          data.items.add(new File([text], 'mine.md'));
          const drop = document.querySelector('[data-for=homework-file]');
          drop.dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true }));
        }""",
        f"# Mine <img src=x onerror=alert(1)>\n```model\n{LINEAR}\n```\n$dL/dy = y - t$\n",
    )
    expect(page.locator(".report .tally")).to_contain_text("1 of 1 claim accepted")
    assert page.locator(".report img").count() == 0


def test_a_file_that_cannot_be_used_is_told(page, tmp_path) -> None:
    scan = tmp_path / "scan.md"
    scan.write_bytes(b"%PDF-1.7 \xff\xfe\x00")
    page.goto("/homework")
    page.locator("#homework-file").set_input_files(scan)
    expect(page.get_by_role("alert")).to_contain_text("not UTF-8 text")
