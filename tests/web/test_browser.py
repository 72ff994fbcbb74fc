"""The pages in a real browser: what a person types, drags, uploads, shares and reads.

With BACKPROVE_SCREENSHOTS=docs/images the pictures of the documentation are made anew.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

for needed in ("fastapi", "uvicorn", "playwright.sync_api"):
    pytest.importorskip(needed, reason="needs the extras: pip install 'backprove[web,browser]'")

from playwright.sync_api import Browser, Page, expect, sync_playwright
from tests.web.conftest import HOMEWORKS

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is on the path"),
    pytest.mark.xdist_group("browser"),
]
PAGES = ("/", "/homework", "/derive", "/explore")
PHONE = {"width": 390, "height": 844}
NARROW = {"width": 320, "height": 640}
LINEAR = "x in R^n, t in R^m\nW in R^{m x n}\ny = sigmoid(W x)\nL = 1/2 sum((y - t)^2)"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def page(browser: Browser, server: str) -> Iterator[Page]:
    """A page on which nothing may go wrong: no error, no refused style, no request elsewhere."""
    context = browser.new_context(base_url=server, viewport={"width": 1280, "height": 800})
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


def picture(page: Page, name: str) -> None:
    """A small picture for the documentation, where it is asked for."""
    folder = os.environ.get("BACKPROVE_SCREENSHOTS")
    if not folder:
        return
    path = Path(folder) / f"{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=path)
    from PIL import Image

    Image.open(path).convert("RGB").quantize(64).save(path, optimize=True)


def verdicts(page: Page) -> list[str]:
    expect(page.locator("#verdicts")).to_have_attribute("aria-busy", "false")
    return [text.strip() for text in page.locator("#verdicts .badge").all_inner_texts()]


class TestCheck:
    def write(self, page: Page, model: str, claims: str) -> None:
        page.goto("/")
        expect(page.locator("#verdicts article")).to_have_count(4)
        self.clear(page)
        page.get_by_role("textbox", name="Model").fill(model)
        page.get_by_role("textbox", name="Claims").fill(claims)

    def clear(self, page: Page) -> None:
        """No claims, and no verdicts: those of the example must not be taken for the next."""
        page.get_by_role("textbox", name="Claims").fill("")
        expect(page.locator("#verdicts article")).to_have_count(0)

    def test_verdicts_come_while_one_types(self, page) -> None:
        page.goto("/")
        expect(page.locator("#verdicts article")).to_have_count(4)
        picture(page, "check")
        self.clear(page)
        page.get_by_role("textbox", name="Model").fill(LINEAR)
        claims = page.get_by_role("textbox", name="Claims")
        claims.press_sequentially("dL/dy = t - y", delay=15)
        expect(page.locator("#verdicts .badge")).to_have_text(["✗ wrong: sign"])
        expect(page.locator("#verdicts math mfrac")).to_be_visible()
        expect(page.locator("#verdicts .here").first).to_have_text(re.compile("t"))
        expect(page.locator(".corrected")).to_contain_text("What would be right")
        for _ in range(5):
            claims.press("Backspace")
        claims.press_sequentially("y - t", delay=15)
        expect(page.locator("#verdicts .badge")).to_have_text(["✓ correct"])
        expect(page.locator("#tally")).to_have_text("1 claim: 1 accepted, 0 partly, 0 not")

    def test_what_cannot_be_read_is_pointed_at(self, page) -> None:
        self.write(page, LINEAR, "dL/dy = (t - y")
        expect(page.locator("#verdicts mark")).to_have_text("(")
        self.write(page, "x in R^n\ny = Q x", "y = x")
        expect(page.locator("#model-problem")).to_contain_text("line 2")
        expect(page.locator("#model-problem")).to_contain_text("^")

    def test_the_last_word_counts(self, page) -> None:
        self.write(page, LINEAR, "")
        claims = page.get_by_role("textbox", name="Claims")
        for sign in ("t - y", "2 y - t", "y + t", "y - t"):
            claims.fill(f"dL/dy = {sign}")
        expect(page.locator("#verdicts .badge")).to_have_text(["✓ correct"])
        page.wait_for_timeout(400)
        assert verdicts(page) == ["✓ correct"]

    def test_evidence_stays_open_and_a_line_leads_back(self, page) -> None:
        self.write(page, LINEAR, "dL/dy = y - t\ndL/dy = t - y")
        expect(page.locator("#verdicts article")).to_have_count(2)
        page.locator("#verdicts summary").nth(1).click()
        expect(page.get_by_text("right side", exact=True)).to_be_visible()
        page.get_by_role("textbox", name="Claims").press("End")
        page.get_by_role("textbox", name="Claims").type(" + 0")
        expect(page.locator("#verdicts article").nth(1)).to_contain_text("0")
        expect(page.get_by_text("right side", exact=True)).to_be_visible()
        page.locator("a.line").first.click()
        chosen = page.evaluate("getSelection().toString()")
        assert chosen == "dL/dy = y - t"

    def test_a_state_is_shared_by_its_address(self, page, browser, server) -> None:
        self.write(page, LINEAR, "dL/dW = ((y - t) ⊙ y ⊙ (1 - y)) xᵀ")
        expect(page.locator("#verdicts .badge")).to_have_text(["✓ correct"])
        page.get_by_role("button", name="Copy link").click()
        address = page.evaluate("navigator.clipboard.readText()")
        assert address.startswith(server + "/#")
        other = browser.new_context().new_page()
        other.goto(address)
        expect(other.locator("#verdicts .badge")).to_have_text(["✓ correct"])
        assert other.locator("#model").input_value() == LINEAR
        other.context.close()

    def test_a_shipped_model_and_signs(self, page) -> None:
        page.goto("/")
        page.get_by_label("Take a model").select_option("lstm")
        expect(page.locator("#model")).to_have_value(re.compile("forget|LSTM|long short", re.I))
        claims = page.get_by_role("textbox", name="Claims")
        claims.fill("")
        page.get_by_role("button", name="Put in ∂, partial").click()
        expect(claims).to_have_value("∂")
        expect(claims).to_be_focused()

    def test_downloads(self, page) -> None:
        self.write(page, LINEAR, "dL/dy = t - y")
        expect(page.locator("#verdicts .badge")).to_have_text(["✗ wrong: sign"])
        for kind, part in (("Markdown", "**wrong: sign**"), ("HTML", "<!doctype html>")):
            with page.expect_download() as found:
                page.get_by_role("button", name=kind, exact=True).click()
            assert part in Path(found.value.path()).read_text()

    def test_hostile_text_is_inert(self, page) -> None:
        hostile = "<img src=x onerror=alert(1)> = <script>alert(2)</script>"
        self.write(page, f"# {hostile}\n{LINEAR}", f"{hostile}\ndL/dy = {hostile}")
        expect(page.locator("#verdicts article")).to_have_count(2)
        assert page.locator("#verdicts img, #verdicts script, #model-read img").count() == 0


class TestHomework:
    def test_a_homework_is_checked(self, page) -> None:
        page.goto("/homework")
        page.locator("#homework-file").set_input_files(HOMEWORKS / "homework.md")
        expect(page.locator(".report .tally")).to_contain_text("9 of 14 claims accepted")
        with page.expect_download() as found:
            page.get_by_role("button", name="HTML", exact=True).click()
        assert "<!doctype html>" in Path(found.value.path()).read_text()
        assert found.value.suggested_filename == "homework-report.html"

    def test_a_submission_is_marked_by_a_sheet(self, page) -> None:
        page.goto("/homework")
        page.locator("#sheet-file").set_input_files(HOMEWORKS / "sheet.md")
        page.locator("#homework-file").set_input_files(HOMEWORKS / "submission.md")
        page.get_by_label("Give marks by the sheet").check()
        expect(page.locator(".report .tally")).to_contain_text("6 of 10 marks")
        picture(page, "homework")

    def test_a_dropped_file(self, page) -> None:
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

    def test_a_file_that_cannot_be_used_is_told(self, page, tmp_path) -> None:
        scan = tmp_path / "scan.md"
        scan.write_bytes(b"%PDF-1.7 \xff\xfe\x00")
        page.goto("/homework")
        page.locator("#homework-file").set_input_files(scan)
        expect(page.get_by_role("alert")).to_contain_text("not UTF-8 text")


class TestDerive:
    def test_the_views(self, page) -> None:
        page.goto("/derive")
        expect(page.locator(".derived")).to_contain_text("δ")
        picture(page, "derive")
        page.get_by_text("Unrolled", exact=True).click()
        page.get_by_label("for").fill("2")
        expect(page.locator(".derived mtr")).not_to_have_count(2)
        page.get_by_text("Graph", exact=True).click()
        expect(page.locator(".diagram svg g.data").first).to_be_visible()
        page.get_by_label("by", exact=True).fill("Q")
        page.get_by_text("Definitions", exact=True).click()
        expect(page.locator("#problem")).to_contain_text("Q")

    def test_steps_are_revealed_one_at_a_time(self, page) -> None:
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

    def test_code_is_copied(self, page) -> None:
        page.goto("/derive")
        page.get_by_text("Code", exact=True).click()
        page.get_by_text("PyTorch", exact=True).click()
        expect(page.locator("pre.code")).to_contain_text("import torch")
        page.get_by_role("button", name="Copy code").click()
        assert "import torch" in page.evaluate("navigator.clipboard.readText()")

    def test_another_model_has_its_own_names(self, page) -> None:
        page.goto("/derive")
        page.get_by_label("Take a model").select_option("sigmoid-output")
        expect(page.locator("#of")).not_to_have_value("E")
        expect(page.locator(".derived")).to_be_visible()
        expect(page.locator("#problem")).to_be_hidden()


class TestExplore:
    def number(self, page: Page, name: str) -> float:
        return float(page.locator(name).inner_text().replace("−", "-"))

    def test_boxes_are_dragged_and_another_pair_is_found(self, page) -> None:
        page.goto("/explore")
        expect(page.locator("#iou")).to_have_text("0.212")
        picture(page, "explore")
        box = page.locator("#box-b .box").bounding_box()
        x, y = box["x"] + box["width"] * 0.7, box["y"] + box["height"] * 0.7
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x - 60, y - 40, steps=6)
        page.mouse.up()
        expect(page.locator("#iou")).not_to_have_text("0.212")
        page.wait_for_timeout(300)  # the last step of the drag is answered
        distance, overlaps = self.number(page, "#distance"), set()
        for _ in range(3):
            page.get_by_role("button", name="Find another pair").click()
            page.wait_for_timeout(250)
            assert self.number(page, "#distance") == distance
            overlaps.add(self.number(page, "#iou"))
        assert len(overlaps) > 1
        page.reload()
        expect(page.locator("#distance")).to_have_text(f"{distance:g}")

    def test_boxes_by_keyboard(self, page) -> None:
        page.goto("/explore")
        expect(page.locator("#b0")).to_have_value("9")
        page.locator("#box-b").focus()
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("Shift+ArrowDown")
        expect(page.locator("#b0")).to_have_value("8")
        expect(page.locator("#b3")).to_have_value("18")
        page.locator("#b3").fill("20")
        expect(page.locator("#box-b")).to_have_attribute("aria-label", re.compile("to 18, 20"))

    def test_the_ranked_table_becomes_a_curve(self, page) -> None:
        page.goto("/explore#tab=ranking&hits=TTFTF&positives=4")
        expect(page.locator("#average")).to_have_text("15/22 = 0.6818")
        page.get_by_role("button", name="Prediction 3 is a miss").click()
        expect(page.locator("#average")).not_to_contain_text("15/22")
        expect(page.locator("#curve .curve.two")).to_be_visible()
        page.get_by_role("button", name="Show as measured").click()
        expect(page.locator("#curve .curve.two")).to_have_count(0)

    def test_the_convolution_shows_what_meets(self, page) -> None:
        page.goto("/explore#tab=convolution")
        expect(page.locator("#sum")).to_contain_text("Y₁₁ = K₁₁ X₁₁")
        page.locator("#grid-output .cell").nth(4).hover()
        expect(page.locator("#grid-input .lit")).to_have_count(9)
        page.locator("#grid-output").focus()
        page.keyboard.press("ArrowRight")
        expect(page.locator("#sum")).to_contain_text("Y₂₃")
        page.get_by_label("transposed").check()
        expect(page.locator("#size")).to_contain_text("= 7")
        page.locator("#stride").fill("2")
        expect(page.locator("#grid-output .cell")).to_have_count(121)
        picture(page, "convolution")

    def test_losses_and_time(self, page) -> None:
        page.goto("/explore#tab=loss")
        expect(page.locator("#losses")).to_contain_text("−0.993")
        page.locator("#logit").fill("5")
        expect(page.locator("#losses")).to_contain_text("−0.00669")
        page.get_by_text("Gradients through time").click()
        expect(page.locator("#rate")).to_contain_text("vanishes")
        page.get_by_role("button", name="Keep this line").click()
        page.locator("#scale").fill("4")
        expect(page.locator("#rate")).to_contain_text("depends on the draw")
        expect(page.locator("#time-chart path.curve.kept").first).to_be_visible()


class TestForEveryone:
    @pytest.mark.parametrize("path", PAGES)
    @pytest.mark.parametrize("size", [PHONE, NARROW], ids=["phone", "narrow"])
    def test_no_page_is_wider_than_a_phone(self, page, path, size) -> None:
        page.set_viewport_size(size)
        page.goto(path)
        page.wait_for_load_state("networkidle")
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]

    def test_a_phone(self, page) -> None:
        page.set_viewport_size(PHONE)
        page.goto("/")
        expect(page.locator("#verdicts article")).to_have_count(4)
        picture(page, "phone")

    def test_dark_as_the_system_or_as_one_says(self, page) -> None:
        def paper() -> str:
            return page.evaluate("getComputedStyle(document.body).backgroundColor")

        page.goto("/")
        light = paper()
        page.emulate_media(color_scheme="dark")
        dark = paper()
        assert dark != light
        expect(page.locator("#verdicts article")).to_have_count(4)
        picture(page, "dark")
        page.get_by_role("button", name="Light or dark").click()
        assert paper() == light
        page.goto("/derive")
        assert paper() == light
        page.goto("/?theme=dark")
        assert paper() == dark

    def test_by_keyboard_alone(self, page) -> None:
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
    def test_wcag_as_far_as_axe_sees(self, page, path: str, scheme: str) -> None:
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
    def test_a_page_is_small(self, page, path: str) -> None:
        sizes: list[int] = []
        page.on("response", lambda answer: sizes.append(len(answer.body())))
        page.goto(path)
        page.wait_for_load_state("networkidle")
        assert sum(sizes) < 200_000
