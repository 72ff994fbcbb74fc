"""Every page: on phones, in the dark, by keyboard, with axe-core, and small."""

from __future__ import annotations

import pytest

for needed in ("fastapi", "uvicorn", "playwright.sync_api"):
    pytest.importorskip(needed, reason="needs the extras: pip install 'backprove[web,browser]'")

from playwright.sync_api import Response, expect
from tests.web.conftest import HOMEWORKS

PAGES = ("/", "/homework", "/derive", "/explore")
PHONE = {"width": 390, "height": 844}
NARROW = {"width": 320, "height": 640}


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("size", [PHONE, NARROW], ids=["phone", "narrow"])
def test_no_page_is_wider_than_a_phone(page, path, size) -> None:
    page.set_viewport_size(size)
    page.goto(path)
    page.wait_for_load_state("networkidle")
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]


def test_a_phone(page, picture) -> None:
    page.set_viewport_size(PHONE)
    page.goto("/")
    expect(page.locator("#verdicts article")).to_have_count(4)
    picture("phone")


def test_dark_as_the_system_or_as_one_says(page, picture) -> None:
    def paper() -> str:
        return page.evaluate("getComputedStyle(document.body).backgroundColor")

    page.goto("/")
    light = paper()
    page.emulate_media(color_scheme="dark")
    dark = paper()
    assert dark != light
    expect(page.locator("#verdicts article")).to_have_count(4)
    picture("dark")
    page.get_by_role("button", name="Light or dark").click()
    assert paper() == light
    page.goto("/derive")
    assert paper() == light
    page.goto("/?theme=dark")
    assert paper() == dark


def test_by_keyboard_alone(page) -> None:
    page.goto("/")
    expect(page.locator("#verdicts article")).to_have_count(4)
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to the page")).to_be_focused()
    seen = []
    for _ in range(40):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("document.activeElement.id || document.activeElement.text"))
        if seen[-1] == "claims":
            break
    assert "shipped" in seen
    assert "model" in seen
    page.keyboard.press("Control+A")
    page.keyboard.type("E = E")
    expect(page.locator("#verdicts .badge")).to_have_text(["✓ correct"])
    for _ in range(10):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.tagName") == "SUMMARY":
            break
    page.keyboard.press("Enter")
    expect(page.locator("#verdicts details")).to_have_attribute("open", "")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "path",
    [
        *PAGES,
        "/derive#view=steps&step=4",
        "/derive#view=code",
        "/derive#view=graph",
        *(f"/explore#tab={tab}" for tab in ("ranking", "convolution", "loss", "time")),
    ],
)
def test_wcag_as_far_as_axe_sees(page, path: str, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="no axe-core")
    page.emulate_media(color_scheme=scheme)
    page.goto(path)
    if path == "/homework":
        page.locator("#homework-file").set_input_files(HOMEWORKS / "homework.md")
        expect(page.locator(".report .tally")).to_be_visible()
    page.wait_for_load_state("networkidle")
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
    found = axe.Axe().run(page, options={"runOnly": {"type": "tag", "values": tags}})
    assert not found.response["violations"], found.generate_report()


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_small(page, path: str) -> None:
    answers: list[Response] = []
    page.on("response", lambda answer: answers.append(answer))
    page.goto(path)
    page.wait_for_load_state("networkidle")
    assert len(answers) > 5
    assert sum(len(answer.body()) for answer in answers) < 200_000
