"""The page that derives: what by what, in the view that is asked for."""

from __future__ import annotations

import re

import pytest

for needed in ("fastapi", "uvicorn", "playwright.sync_api"):
    pytest.importorskip(needed, reason="needs the extras: pip install 'backprove[web,browser]'")

from playwright.sync_api import expect


def test_the_views(page, picture) -> None:
    page.goto("/derive")
    expect(page.locator(".derived")).to_contain_text("δ")
    picture("derive")
    page.get_by_text("Unrolled", exact=True).click()
    page.get_by_label("for").fill("2")
    expect(page.locator(".derived msub").filter(has_text="δ2").first).to_be_visible()
    page.get_by_text("Graph", exact=True).click()
    expect(page.locator(".diagram svg g.data").first).to_be_visible()
    page.get_by_label("by", exact=True).fill("Q")
    page.get_by_text("Definitions", exact=True).click()
    expect(page.locator("#problem")).to_contain_text("Q")
    page.get_by_label("by", exact=True).fill("")
    expect(page.locator("#problem")).to_contain_text("Say what to derive")
    page.get_by_label("by", exact=True).fill("W")
    expect(page.locator(".derived")).to_contain_text("δ")
    expect(page.locator("#problem")).to_be_hidden()


def test_steps_are_revealed_one_at_a_time(page) -> None:
    page.goto("/derive")
    page.get_by_text("Step by step", exact=True).click()
    shown = page.locator(".steps > li:visible")
    expect(shown).to_have_count(1)
    page.get_by_role("button", name="Next step").click()
    page.keyboard.press("Enter")
    expect(shown).to_have_count(3)
    page.reload()
    expect(shown).to_have_count(3)
    page.get_by_role("button", name="All steps").click()
    expect(page.get_by_role("button", name="Next step")).to_be_disabled()


def test_code_is_copied(page, copied) -> None:
    page.goto("/derive")
    page.get_by_text("Code", exact=True).click()
    page.get_by_text("PyTorch", exact=True).click()
    expect(page.locator("pre.code")).to_contain_text("import torch")
    assert "import torch" in copied("Copy code")


def test_code_is_copied_where_the_clipboard_is_closed_to_pages(page) -> None:
    """As over a network without encryption, where browsers offer pages no clipboard."""
    page.add_init_script("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    page.goto("/derive#view=code")
    expect(page.locator("pre.code")).to_contain_text("import numpy")
    button = page.get_by_role("button", name="Copy code")
    handle = button.element_handle()
    button.click()
    page.wait_for_function("button => button.textContent === 'Copied'", arg=handle)
    page.locator("#of").fill("")
    page.locator("#of").press("Control+V")
    expect(page.locator("#of")).to_have_value(re.compile("import numpy"))


def test_another_model_has_its_own_names(page) -> None:
    page.goto("/derive")
    page.get_by_label("Take a model").select_option("sigmoid-output")
    expect(page.locator("#of")).not_to_have_value("E")
    expect(page.locator(".derived")).to_be_visible()
    expect(page.locator("#problem")).to_be_hidden()


def test_an_address_is_the_whole_state(page) -> None:
    page.goto("/derive#view=unrolled&count=2&immediate=1&by=V")
    expect(page.locator(".derived")).to_be_visible()
    expect(page.locator("#immediate")).to_be_checked()
    page.evaluate("location.hash = 'view=definitions'")
    expect(page.locator("#count")).to_have_value("")
    expect(page.locator("#by")).to_have_value("W")
    expect(page.locator("#immediate")).not_to_be_checked()
