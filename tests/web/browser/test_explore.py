"""The page to play with: boxes, ranked hits, convolutions, losses and time."""

from __future__ import annotations

import math
import re

import pytest

for needed in ("fastapi", "uvicorn", "playwright.sync_api"):
    pytest.importorskip(needed, reason="needs the extras: pip install 'backprove[web,browser]'")

from playwright.sync_api import Page, expect

from backprove.detection.overlap import iou

#: the first answer is read a while after it arrived, as on a slow machine
SLOW = """
const json = Response.prototype.json;
let first = true;
Response.prototype.json = async function () {
  if (first) {
    first = false;
    await new Promise((done) => setTimeout(done, 400));
  }
  return json.call(this);
};
"""


def edges(page: Page) -> tuple[list[int], list[int]]:
    """The two boxes as they are drawn."""
    first, second = (
        [int(page.locator(f"#{name}{edge}").input_value()) for edge in range(4)] for name in "ab"
    )
    return first, second


def expect_figures(page: Page) -> tuple[float, str]:
    """The figures become those of the boxes that are drawn; gives L2, and IoU as it is shown."""
    first, second = edges(page)
    distance = math.dist(first, second)
    for figure, value in (("distance", distance), ("iou", float(iou(first, second)))):
        page.wait_for_function(
            "([id, v]) => Math.abs(Number(document.getElementById(id).textContent) / v - 1) < 2e-3",
            arg=[figure, value],
        )
    return distance, page.locator("#iou").inner_text()


def test_boxes_are_dragged_and_another_pair_is_found(page, picture) -> None:
    page.goto("/explore")
    expect(page.locator("#iou")).to_have_text("0.212")
    picture("explore")
    box = page.locator("#box-b .box").bounding_box()
    x, y = box["x"] + box["width"] * 0.7, box["y"] + box["height"] * 0.7
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 60, y - 40, steps=6)
    page.mouse.up()
    expect(page.locator("#b0")).not_to_have_value("9")
    distance, overlap = expect_figures(page)
    overlaps = {overlap}
    for _ in range(3):
        before = edges(page)[1]
        page.get_by_role("button", name="Find another pair").click()
        page.wait_for_function(
            "before => before.some((v, n) => document.getElementById(`b${n}`).value != v)",
            arg=before,
        )
        same, overlap = expect_figures(page)
        assert same == distance
        overlaps.add(overlap)
    assert len(overlaps) > 1
    page.reload()
    expect(page.locator("#distance")).to_have_text(f"{distance:.4g}")


def test_boxes_by_keyboard(page) -> None:
    page.goto("/explore")
    expect(page.locator("#b0")).to_have_value("9")
    page.locator("#box-b").focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Shift+ArrowDown")
    expect(page.locator("#b0")).to_have_value("8")
    expect(page.locator("#b3")).to_have_value("18")
    page.locator("#b3").fill("20")
    expect(page.locator("#box-b")).to_have_attribute("aria-label", re.compile("to 18, 20"))
    expect_figures(page)


def test_an_answer_that_is_abandoned_while_it_is_read_is_nobodys(page) -> None:
    page.add_init_script(SLOW)
    with page.expect_response("**/api/explore/boxes"):
        page.goto("/explore")
    page.locator("#box-b").focus()
    page.keyboard.press("ArrowLeft")
    expect_figures(page)
    page.wait_for_timeout(500)
    expect_figures(page)


def test_boxes_that_are_moved_are_not_moved_back_by_a_late_answer(page, hold) -> None:
    page.goto("/explore")
    expect(page.locator("#iou")).to_have_text("0.212")
    held = hold("**/api/explore/pair")
    page.get_by_role("button", name="Find another pair").click()
    late = held()
    page.locator("#box-b").focus()
    page.keyboard.press("ArrowLeft")
    with page.expect_response("**/api/explore/pair"):
        late.continue_()
    page.wait_for_timeout(100)
    expect(page.locator("#b0")).to_have_value("8")
    expect_figures(page)


def test_a_panel_that_is_left_says_nothing_on_the_next(page, hold) -> None:
    page.goto("/explore#tab=ranking")
    expect(page.locator("#average")).to_contain_text("=")
    held = hold("**/api/explore/ranking")
    page.locator("#positives").fill("1")
    late = held()
    page.get_by_text("Boxes: IoU and L2").click()
    expect(page.locator("#iou")).to_have_text("0.212")
    late.fulfill(status=422, json={"detail": "too few"})
    page.wait_for_timeout(300)
    expect(page.locator("#problem")).to_be_hidden()


def test_the_ranked_table_becomes_a_curve(page) -> None:
    page.goto("/explore#tab=ranking&hits=TTFTF&positives=4")
    expect(page.locator("#average")).to_have_text("15/22 = 0.6818")
    page.get_by_role("button", name="Prediction 3 is a miss").click()
    expect(page.locator("#average")).not_to_contain_text("15/22")
    expect(page.locator("#curve .curve.two")).to_be_visible()
    page.get_by_role("button", name="Show as measured").click()
    expect(page.locator("#curve .curve.two")).to_have_count(0)


def test_the_convolution_shows_what_meets(page, picture) -> None:
    page.goto("/explore#tab=convolution")
    expect(page.locator("#sum")).to_contain_text("Y₁₁ = K₁₁ X₁₁")
    page.locator("#grid-output .cell").nth(4).hover()
    expect(page.locator("#grid-input .lit")).to_have_count(9)
    expect(page.locator("#sum")).to_contain_text("Y₂₂")
    page.locator("#grid-output").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#sum")).to_contain_text("Y₂₃")
    page.get_by_label("transposed").check()
    expect(page.locator("#size")).to_contain_text("= 7")
    page.locator("#stride").fill("2")
    expect(page.locator("#grid-output .cell")).to_have_count(121)
    picture("convolution")


def test_losses_and_time(page) -> None:
    page.goto("/explore#tab=loss")
    expect(page.locator("#losses")).to_contain_text("−0.993")
    page.locator("#logit").fill("5")
    expect(page.locator("#losses")).to_contain_text("−0.00669")
    page.get_by_text("Gradients through time").click()
    expect(page.locator("#rate")).to_contain_text("vanishes")
    page.get_by_role("button", name="Keep this line").click()
    page.locator("#scale").fill("4")
    expect(page.locator("#rate")).to_contain_text("depends on the draw")
    expect(page.locator("#time-chart path.curve.kept")).to_have_count(2)  # and in the legend
    page.reload()
    expect(page.locator("#rate")).to_contain_text("depends on the draw")
    expect(page.locator("#time-chart path.curve.kept")).to_have_count(2)  # and in the legend


@pytest.mark.parametrize("tab", ["boxes", "ranking", "convolution", "loss", "time"])
def test_what_has_no_answer_yet_cannot_be_kept(page, hold, tab: str) -> None:
    held = hold("**/api/explore/*")
    page.goto(f"/explore#tab={tab}")
    late = held()
    page.get_by_role("button", name="Markdown").click()
    expect(page.locator("#problem")).to_have_text("There is nothing to keep yet.")
    late.continue_()
    expect(page.locator("#problem")).to_be_hidden()
    with page.expect_download() as found:
        page.get_by_role("button", name="Markdown").click()
    text = found.value.path().read_text()
    assert text.startswith("# ")
    assert "undefined" not in text
    assert "NaN" not in text
