"""Every line of the claim collections is read, and is read back from what is written of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backprove.notation.error import ReadError
from backprove.notation.latex import to_latex
from backprove.notation.statements import read_line
from backprove.notation.syntax import Declaration, Expr, Index, Name, Number, Statement, Tag
from backprove.notation.unicode import to_unicode

CLAIMS = Path(__file__).resolve().parents[3] / "shared" / "claims"

if not CLAIMS.is_dir():
    pytest.skip("the claim collections are not here", allow_module_level=True)

RECORDS: list[dict[str, Any]] = [
    json.loads(line)
    for path in sorted(CLAIMS.glob("*.jsonl"))
    for line in path.read_text(encoding="utf-8").splitlines()
    if line.strip()
]


def declared(node: Expr) -> set[str]:
    """The names that a definition or declaration of this node introduces."""
    names: set[str] = set()
    while isinstance(node, Index | Tag):
        if isinstance(node, Index) and isinstance(node.base, Name) and len(node.items) == 1:
            item = node.items[0]
            if isinstance(item, Name | Number):
                names.add(f"{node.base.text}_{item.text}")
        node = node.base
    return names | {node.text} if isinstance(node, Name) else names


def read_all(record: dict[str, Any]) -> list[tuple[Statement, frozenset[str]]]:
    names: set[str] = set()
    found: list[tuple[Statement, frozenset[str]]] = []
    for line in f"{record['model']}\n{record['claim']}".split("\n"):
        known = frozenset(names)
        for statement in read_line(line, known):
            found.append((statement, known))
            for target in (
                statement.targets if isinstance(statement, Declaration) else statement.sides[:1]
            ):
                names |= declared(target)  # type: ignore[arg-type]
    return found


def test_every_claim_is_read() -> None:
    refused: dict[str, ReadError] = {}
    for record in RECORDS:
        try:
            read_all(record)
        except ReadError as error:
            if record["expect"] != "unreadable":
                refused[record["id"]] = error
    assert not refused


def test_every_claim_is_read_back(plain: Callable[[Any], Any]) -> None:
    for record in RECORDS:
        if record["expect"] == "unreadable":
            continue
        for statement, names in read_all(record):
            for write in (to_latex, to_unicode):
                text = write(statement)
                assert plain(read_line(text, names)) == plain((statement,)), (
                    f"{record['id']}: {text}"
                )
