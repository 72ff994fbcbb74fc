"""Real scans, where they are at hand: which lines of them carry claims."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from backprove.documents import Document, read_document

SCANS = Path(__file__).parents[3] / "shared" / "seeds"

pytestmark = pytest.mark.skipif(not SCANS.is_dir(), reason="the scans are not here")


def scan_of(prefix: str) -> Document:
    (path,) = SCANS.glob(f"{prefix}_*.txt")
    return read_document(path)


def lines(document: Document, first: int, last: int) -> list[tuple[int, ...]]:
    """For each claim that begins between the lines, the lines of its links."""
    return [claim.link_lines() for claim in document.claims if first <= claim.line <= last]


def test_a_homework_on_a_recurrent_network() -> None:
    document = scan_of("000")
    assert lines(document, 1, 110) == [
        *((line,) for line in (22, 24, 28, 30, 32, 36, 38, 42, 44, 46, 48)),
        (56, 58),
        (60, 62),
        (64, 64),
        (68, 70),
        (72, 74, 76),
        (78, 80),
        (84, 86, 88),
        (92, 94, 96),
        (100, 102),
        (108,),
    ]
    assert {claim.number[:1] for claim in document.claims if claim.line < 104} == {"1"}
    assert (199, 201, 203) in lines(document, 110, 400)


def test_a_homework_on_convolution_and_a_gate() -> None:
    document = scan_of("003")
    assert lines(document, 1, 68) == [
        *((line,) for line in (7, 15, 21, 23, 27, 29, 38, 52, 52, 56, 58, 60, 63, 63)),
    ]
    numbers = {claim.line: claim.number for claim in document.claims}
    assert numbers[21] == "1.1(c)(ii)"
    assert numbers[60] == "1.2.1(c)"
    assert numbers[163] == numbers[165] == "1.3(4)"
    texts = {claim.line: claim.text for claim in document.claims}
    assert texts[163] == "ln(4) = 1.386"
    assert texts[165] == r"\frac{1}{4} = 0.25"
    assert texts[29].endswith("if 1 ≤ i-2(r-1) ≤ 3; 0 otherwise}")


@pytest.mark.parametrize("prefix", ["000", "001", "002", "003", "004"])
def test_no_claim_is_made_of_prose(prefix: str) -> None:
    document = scan_of(prefix)
    words = {"the", "is", "of", "and", "we", "to", "so"}
    for claim in document.claims:
        unmarked = re.sub(r"\\text\s*\{[^{}]*\}", " ", claim.text)
        assert not words & set(unmarked.split()), claim
