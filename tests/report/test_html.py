from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from backprove.course.checking import DocumentReport
from backprove.report.html import page, pointed, value

VOID = {"meta", "br", "wbr", "img", "link"}


class Elements(HTMLParser):
    """Collects the elements of a page, and sees that each is closed in its turn."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def elements(report: DocumentReport) -> Elements:
    parser = Elements()
    parser.feed(page(report))
    parser.close()
    assert parser.open == []
    return parser


def test_the_page_needs_no_script_and_no_network(elements: Elements) -> None:
    tags = {tag for tag, _ in elements.seen}
    assert tags.isdisjoint({"script", "link", "img", "iframe", "object"})
    for _, attributes in elements.seen:
        assert not any(name.startswith("on") for name in attributes)
        assert all(a.startswith("#") for n, a in attributes.items() if n in ("href", "src") and a)


def test_what_a_writer_wrote_is_inert(report: DocumentReport) -> None:
    assert "<script" not in page(report)
    assert "&lt;script&gt;" in page(report)


def test_mathematics_is_typeset(elements: Elements) -> None:
    tags = [tag for tag, _ in elements.seen]
    assert tags.count("article") == 8
    assert "math" in tags
    assert "mfrac" in tags


def test_each_claim_has_line_verdict_and_remarks(elements: Elements) -> None:
    text = " ".join(elements.text.split())
    for said in (
        "line 24",
        "wrong: missing path",
        "The path through h_1 is left out.",
        "What would be right",
        "Repaired 0_1 as o_1",
        "Line 60 is damaged.",
        "3 of 8 claims accepted, 2 in part, 3 not.",
    ):
        assert said in text


def test_links_lead_somewhere(elements: Elements) -> None:
    ids = {a["id"] for _, a in elements.seen if "id" in a}
    links = {a["href"] for tag, a in elements.seen if tag == "a"}
    assert links == {f"#{name}" for name in ids}


def test_a_page_without_claims_says_so() -> None:
    empty = DocumentReport(Path("empty.md"), "", (), ())
    assert "No claim was found" in page(empty)


def test_a_place_is_marked() -> None:
    assert pointed("a < ) b", (4, 5)) == '<code class="raw">a &lt; <mark>)</mark> b</code>'


@pytest.mark.parametrize(
    ("data", "numbers"),
    [
        (0.25, ["0.25"]),
        ([1.0, -2.0], ["1", "−2"]),
        ([[1.0, 2.0], [3.0, 3e-7]], ["1", "2", "3", "3", "10", "−7"]),
        (1.5e12, ["1.5", "10", "12"]),
        ([float("nan")], ["nan"]),
    ],
)
def test_values_are_typeset(data: object, numbers: list[str]) -> None:
    assert re.findall(r"<mn>(.*?)</mn>", value(data)) == numbers


def test_values_that_are_no_matrix_are_shown_as_text() -> None:
    assert "<mn>" not in value([[[1.0]]])
    assert "<mn>" not in value([[1.0, 2.0], [3.0]])
    assert len(value([1.0] * 1000)) < 400
