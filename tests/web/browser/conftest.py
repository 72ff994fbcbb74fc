"""A real browser for the tests of the pages, and a page on which nothing may go wrong.

What a test waits for is on the page or in an answer, never a time: the machine may be slow.
With BACKPROVE_SCREENSHOTS=docs/images the pictures of the documentation are made anew.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
#: milliseconds that a machine with much else to do may take
PATIENCE = 30_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, which ends with the module: while Playwright runs, asyncio cannot be used."""
    if CHROMIUM is None:
        pytest.skip("no Chromium is on the path")
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"], timeout=2 * PATIENCE
        )
        yield found
        found.close()


@pytest.fixture
def page(browser: Browser, server: str) -> Iterator[Page]:
    """A page on which nothing may go wrong: no error, no refused style, no request elsewhere."""
    context = browser.new_context(base_url=server, viewport={"width": 1280, "height": 800})
    context.set_default_timeout(2 * PATIENCE)
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on(
        "console",
        lambda said: (
            wrong.append(said.text) if said.type == "error" and "422" not in said.text else None
        ),
    )
    page.on(
        "request",
        lambda asked: (
            None if asked.url.startswith((server, "blob:", "data:")) else wrong.append(asked.url)
        ),
    )
    page.on("dialog", lambda dialog: (wrong.append(dialog.message), dialog.dismiss()))
    yield page
    context.close()
    assert not wrong


@pytest.fixture
def picture(page: Page) -> Callable[[str], None]:
    """Makes a small picture for the documentation, where it is asked for."""

    def made(name: str) -> None:
        folder = os.environ.get("BACKPROVE_SCREENSHOTS")
        if not folder:
            return
        path = Path(folder) / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=path)
        from PIL import Image

        Image.open(path).convert("RGB").quantize(64).save(path, optimize=True)

    return made


@pytest.fixture
def copied(page: Page) -> Callable[[str], str]:
    """Presses the button of this name, and gives what it copies."""

    def text(name: str) -> str:
        button = page.get_by_role("button", name=name)
        handle = button.element_handle()
        button.click()
        # its name changes when the clipboard holds the text
        page.wait_for_function("button => button.textContent === 'Copied'", arg=handle)
        return page.evaluate("navigator.clipboard.readText()")

    return text


@pytest.fixture
def hold(page: Page) -> Callable[..., Callable[[], Route]]:
    """Holds requests whose address and text fit; what it gives waits for one, to let it go late."""

    def held(address: str, text: str = "") -> Callable[[], Route]:
        routes: list[Route] = []

        def keep(route: Route) -> None:
            if text in (route.request.post_data or ""):
                routes.append(route)
            else:
                route.continue_()

        def first() -> Route:
            while not routes:
                page.wait_for_timeout(20)
            return routes.pop(0)

        page.route(address, keep)
        return first

    return held
