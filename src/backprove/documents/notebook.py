"""Jupyter notebooks: the text of their cells, with the cell in which each line stands.

Markdown cells are read as a document; code and what it printed are kept out of it, in fences. The
format is JSON (nbformat 4): `cells`, each with its `cell_type` and its `source`, which is a text or
a list of lines.
"""

from __future__ import annotations

import json
from typing import Any, cast

from backprove.documents.passage import DocumentError

Cells = tuple[tuple[int, int], ...]


def notebook_text(data: str) -> tuple[str, Cells]:
    """A notebook's text, and for each cell its first line and its number (from 1).

    Raises DocumentError for what is no notebook.
    """
    try:
        book: Any = json.loads(data)
    except ValueError:
        raise DocumentError("this is no notebook: it is not JSON") from None
    cells: Any = cast(dict[str, Any], book).get("cells") if isinstance(book, dict) else None
    if not isinstance(cells, list):
        raise DocumentError("this is no notebook of version 4: it has no cells")
    lines: list[str] = []
    places: list[tuple[int, int]] = []
    for number, cell in enumerate(cast(list[Any], cells), 1):
        source, kind = _source(cell)
        own = source.split("\n")
        if kind != "markdown":
            lines.append("```python")
        places.append((len(lines) + 1, number))
        lines += own
        lines += [""] if kind == "markdown" else ["```", ""]
    return "\n".join(lines), tuple(places)


def _source(cell: Any) -> tuple[str, str]:
    """The text of a cell, and its kind; raises DocumentError where it has none."""
    if not isinstance(cell, dict):
        raise DocumentError("this is no notebook: a cell is no object")
    known = cast(dict[str, Any], cell)
    source: Any = known.get("source", "")
    if isinstance(source, list):
        source = "".join(str(line) for line in cast(list[Any], source))
    if not isinstance(source, str):
        raise DocumentError("this is no notebook: a cell's source is no text")
    return source.rstrip("\n"), str(known.get("cell_type", "code"))
