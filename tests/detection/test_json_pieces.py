"""Long JSON lists are read in pieces, and are what they are when read whole."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from backprove.detection.files import jsons
from backprove.detection.files.notes import DataError


def entries(seed: int) -> list[Any]:
    """Objects in which an end of an object seems to be where it is not."""
    chance = random.Random(seed)
    nested: list[Any] = [
        {"a": 1},
        {"a": [{"b": 1}, {"c": [{}, {}]}, {}]},
        {"text": "}, {", "more": "]}, {[\"'\\"},
        {"text": "é→𝄞" * 9, "n": [1.5, -2e300, None, True]},
        {},
    ]
    return [chance.choice(nested) for _ in range(chance.randrange(40))]


@pytest.mark.parametrize("block", [1, 2, 7, 64, 1000])
def test_the_pieces_are_the_whole(block: int, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(jsons, "BLOCK", block)
    for seed in range(60):
        wanted = entries(seed)
        dense = {"ensure_ascii": False, "separators": (",", ":")}
        text = json.dumps(wanted, **[{}, {"indent": 1}, dense][seed % 3])
        file = tmp_path / "list.json"
        file.write_text(" \n" * (block == 1000) + text + "\n")
        parts = jsons.pieces(file)
        if block < 3 and parts is None:  # the bracket is beyond the first block
            continue
        assert parts is not None
        found = list(parts)
        assert [entry for part in found for entry in part] == wanted
        if block == 64 and len(wanted) > 30:
            assert len(found) > 3


def test_other_encodings_and_what_is_no_list(tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.write_text('{"a": 1}')
    assert jsons.pieces(file) is None
    file.write_bytes(json.dumps([{"a": "é"}]).encode("utf-16"))
    assert jsons.pieces(file) is None
    assert jsons.load(file) == [{"a": "é"}]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[{"a": 1},\n {"a": 2},\n {"a" 3},\n {"a": 4}]', "line 3, column 7: not JSON"),
        ('[{"a": 1},\n {"a": 2}', "line 2, column 10: not JSON"),
        ('[{"a": 1},\n {"a": 2}] x', "line 2, column 12: not JSON: Extra data"),
        ('[{"a": 1}, ' + "9" * 5000 + "]", "thousands of digits"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
@pytest.mark.parametrize("block", [16, 1 << 18])
def test_a_mistake_is_told_with_its_line(
    block: int, text: str, said: str, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(jsons, "BLOCK", block)
    file = tmp_path / "list.json"
    file.write_text(text)
    with pytest.raises(DataError, match=said):
        for _ in jsons.pieces(file) or ():
            pass
