"""Notebooks: their Markdown cells are a document, and lines are told by cell."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from backprove.documents import DocumentError, read_document


def write(path: Path, *cells: tuple[str, Any]) -> Path:
    data = {"nbformat": 4, "cells": [{"cell_type": k, "source": s} for k, s in cells]}
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


def test_claims_stand_in_markdown_cells(tmp_path: Path) -> None:
    path = write(
        tmp_path / "homework.ipynb",
        ("markdown", ["# Homework\n", "\n", "## 1\n", "$y = W x$"]),
        ("code", "y = W @ x\nz = 3"),
        ("markdown", "$L = \\frac12 y^2$"),
    )
    document = read_document(path)
    assert document.title == "Homework"
    assert [(c.text, document.where(c.line), c.number) for c in document.claims] == [
        ("y = W x", "cell 1, line 4", "1"),
        (r"L = \frac12 y^2", "cell 3, line 1", "1"),
    ]


def test_other_documents_have_lines_only(tmp_path: Path) -> None:
    path = tmp_path / "homework.md"
    path.write_text("$y = x$\n", encoding="utf-8")
    assert read_document(path).where(1) == ""


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "not JSON"),
        ("[]", "no cells"),
        ('{"cells": [3]}', "a cell is no object"),
        ('{"cells": [{"source": 3}]}', "no text"),
    ],
)
def test_what_is_no_notebook(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "homework.ipynb"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DocumentError, match=reason):
        read_document(path)
