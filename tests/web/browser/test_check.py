"""The page that checks: what a person types, shares and keeps."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

for needed in ("fastapi", "uvicorn", "playwright.sync_api"):
    pytest.importorskip(needed, reason="needs the extras: pip install 'backprove[web,browser]'")

from playwright.sync_api import Page, expect

LINEAR = "x in R^n, t in R^m\nW in R^{m x n}\ny = sigmoid(W x)\nL = 1/2 sum((y - t)^2)"


def write(page: Page, model: str, claims: str) -> None:
    page.goto("/")
    expect(page.locator("#verdicts article")).to_have_count(4)
    clear(page)
    page.get_by_role("textbox", name="Model").fill(model)
    page.get_by_role("textbox", name="Claims").fill(claims)


def clear(page: Page) -> None:
    """No claims, and no verdicts: those of the example must not be taken for the next."""
    page.get_by_role("textbox", name="Claims").fill("")
    expect(page.locator("#verdicts article")).to_have_count(0)
    expect(page.locator("#verdicts")).to_have_attribute("aria-busy", "false")


def test_verdicts_come_while_one_types(page, picture) -> None:
    page.goto("/")
    expect(page.locator("#verdicts article")).to_have_count(4)
    picture("check")
    clear(page)
    page.get_by_role("textbox", name="Model").fill(LINEAR)
    claims = page.get_by_role("textbox", name="Claims")
    claims.press_sequentially("dL/dy = t - y", delay=15)
    expect(page.locator("#verdicts .badge")).to_have_text(["✗ wrong: sign"])
    expect(page.locator("#verdicts .claim math mfrac")).to_have_count(1)
    expect(page.locator("#verdicts .here").first).to_have_text(re.compile("t"))
    expect(page.locator(".corrected")).to_contain_text("What would be right")
    for _ in range(5):
        claims.press("Backspace")
    claims.press_sequentially("y - t", delay=15)
    expect(page.locator("#verdicts .badge")).to_have_text(["✓ correct"])
    expect(page.locator("#tally")).to_have_text("1 claim: 1 accepted, 0 partly, 0 not")


def test_what_cannot_be_read_is_pointed_at(page) -> None:
    write(page, LINEAR, "dL/dy = (t - y")
    expect(page.locator("#verdicts mark")).to_have_text(["("])
    write(page, "x in R^n\ny = Q x", "y = x")
    expect(page.locator("#model-problem")).to_contain_text("line 2")
    expect(page.locator("#model-problem")).to_contain_text("^")


def test_the_last_word_counts(page, hold) -> None:
    write(page, LINEAR, "")
    claims = page.get_by_role("textbox", name="Claims")
    held = hold("**/api/check", "t - y")
    claims.fill("dL/dy = t - y")
    late = held()
    expect(page.locator("#verdicts")).to_have_attribute("aria-busy", "true")
    claims.fill("dL/dy = y - t")
    expect(page.locator("#verdicts .badge")).to_have_text(["✓ correct"])
    late.fulfill(json={"claims": [], "definitions": [], "counts": "late", "html": "late"})
    page.wait_for_timeout(300)
    expect(page.locator("#verdicts .badge")).to_have_text(["✓ correct"])
    expect(page.locator("#verdicts")).to_have_attribute("aria-busy", "false")


def test_claims_that_are_taken_away_while_they_are_judged_leave_nothing(page, hold) -> None:
    write(page, LINEAR, "")
    held = hold("**/api/check")
    page.get_by_role("textbox", name="Claims").fill("dL/dy = t - y")
    held()
    expect(page.locator("#verdicts")).to_have_attribute("aria-busy", "true")
    clear(page)


def test_evidence_stays_open_and_a_line_leads_back(page) -> None:
    write(page, LINEAR, "dL/dy = y - t\ndL/dy = t - y")
    expect(page.locator("#verdicts article")).to_have_count(2)
    page.locator("#claim-2 summary").click()
    sides = page.locator("#claim-2 .sides")
    expect(sides).to_be_visible()
    claims = page.get_by_role("textbox", name="Claims")
    claims.press("End")
    claims.press_sequentially(" + 0")
    expect(page.locator("#claim-2 .claim")).to_contain_text("0")
    expect(sides).to_be_visible()
    page.locator("#claim-1 a.line").click()
    chosen = page.evaluate("getSelection().toString()")
    assert chosen == "dL/dy = y - t"


def test_a_state_is_shared_by_its_address(page, copied, browser, server) -> None:
    write(page, LINEAR, "dL/dW = ((y - t) ⊙ y ⊙ (1 - y)) xᵀ\ndL/dy = t - y")
    expect(page.locator("#verdicts .badge")).to_have_text(["✓ correct", "✗ wrong: sign"])
    page.locator("#claim-2 summary").click()
    expect(page.locator("#claim-2 .sides")).to_be_visible()
    address = copied("Copy link")
    assert address.startswith(server + "/#")
    other = browser.new_context().new_page()
    other.goto(address)
    expect(other.locator("#verdicts .badge")).to_have_text(["✓ correct", "✗ wrong: sign"])
    expect(other.locator("#claim-2 .sides")).to_be_visible()
    assert other.locator("#claim-1 details").get_attribute("open") is None
    assert other.locator("#model").input_value() == LINEAR
    other.context.close()


def test_nothing_at_all_is_a_state_too(page) -> None:
    write(page, "", "")
    expect(page.locator("#model-read math")).to_have_count(0)
    page.wait_for_function("location.hash === '#model=&claims='")
    page.reload()
    expect(page.get_by_role("textbox", name="Claims")).to_have_value("")
    expect(page.get_by_role("textbox", name="Model")).to_have_value("")


def test_a_shipped_model_and_signs(page) -> None:
    page.goto("/")
    page.get_by_label("Take a model").select_option("lstm")
    expect(page.locator("#model")).to_have_value(re.compile("forget|LSTM|long short", re.I))
    claims = page.get_by_role("textbox", name="Claims")
    claims.fill("")
    page.get_by_role("button", name="Put in ∂, partial").click()
    expect(claims).to_have_value("∂")
    expect(claims).to_be_focused()


def test_a_model_that_comes_late_does_not_replace_what_is_written(page, hold) -> None:
    page.goto("/")
    expect(page.locator("#verdicts article")).to_have_count(4)
    held = hold("**/api/models/lstm")
    page.get_by_label("Take a model").select_option("lstm")
    late = held()
    page.get_by_role("textbox", name="Model").fill(LINEAR)
    late.fulfill(json={"name": "lstm", "summary": "", "text": "late in R"})
    page.wait_for_timeout(300)
    expect(page.get_by_role("textbox", name="Model")).to_have_value(LINEAR)
    expect(page.get_by_label("Take a model")).to_have_value("")


def test_a_model_that_does_not_come_is_told(page) -> None:
    page.goto("/")
    expect(page.locator("#verdicts article")).to_have_count(4)
    page.route("**/api/models/lstm", lambda route: route.fulfill(status=422, json={"detail": "no"}))
    page.get_by_label("Take a model").select_option("lstm")
    expect(page.locator("#model-problem")).to_have_text("no")
    expect(page.get_by_role("textbox", name="Model")).to_have_value(re.compile("h_0 in R"))


def test_downloads(page) -> None:
    write(page, LINEAR, "dL/dy = t - y")
    expect(page.locator("#verdicts .badge")).to_have_text(["✗ wrong: sign"])
    for kind, part in (("Markdown", "**wrong: sign**"), ("HTML", "<!doctype html>")):
        with page.expect_download() as found:
            page.get_by_role("button", name=kind, exact=True).click()
        assert part in Path(found.value.path()).read_text()


def test_hostile_text_is_inert(page) -> None:
    hostile = "<img src=x onerror=alert(1)> = <script>alert(2)</script>"
    write(page, f"# {hostile}\n{LINEAR}", f"{hostile}\ndL/dy = {hostile}")
    expect(page.locator("#verdicts article")).to_have_count(2)
    assert page.locator("#verdicts img, #verdicts script, #model-read img").count() == 0
