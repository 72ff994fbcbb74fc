"""Writes what-it-can-derive.md from the gallery of textbook results that the tests check.

python docs/what_it_can_derive.py
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parent
GALLERY = DOCS.parent / "tests" / "calculus" / "gallery.toml"
PAGE = DOCS / "what-it-can-derive.md"

HEAD = """# What it can derive

Every result below is what `backprove derive` answers, letter for letter; a test compares it with
this page, and with numbers: with forward-mode differentiation of the definitions at a random point
and, for most, with JAX. This page is made from `tests/calculus/gallery.toml` by
`python docs/what_it_can_derive.py`.
"""


def page(results: list[dict[str, Any]]) -> str:
    """The page: a section for each topic, results about one model together."""
    parts = [HEAD]
    topic = model = ""
    for result in results:
        if result["topic"] != topic:
            topic, model = result["topic"], ""
            parts.append(f"\n## {topic}\n")
        if result["model"] != model:
            model = result["model"]
            title = result["title"].partition(", by ")[0].partition(", ∂")[0]
            parts.append(f"\n**{title}**\n\n```\n{model.strip()}\n```\n")
        parts.append(f"\n{_asked(result)}\n\n```\n{result['lines'].strip()}\n```\n")
    return "".join(parts)


def _asked(result: dict[str, Any]) -> str:
    of, by = result["of"], result["by"]
    words = f"`derive '{of}' '{by}'`"
    if result.get("immediate"):
        words += " `--immediate`"
    return words + (f" `--{result['view']}`" if "view" in result else "")


def main() -> None:
    results = tomllib.loads(GALLERY.read_text(encoding="utf-8"))["result"]
    PAGE.write_text(page(results), encoding="utf-8")


if __name__ == "__main__":
    main()
