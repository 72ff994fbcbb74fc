"""What the tests of the notation share."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from backprove.notation.syntax import Number


def _plain(node: Any) -> Any:
    if isinstance(node, tuple):
        return tuple(_plain(part) for part in node)
    if isinstance(node, Number):
        kept = node.text if node.text.replace(".", "").replace("-", "").isdigit() else ""
        return ("Number", node.value, kept)
    if dataclasses.is_dataclass(node):
        kept = [f.name for f in dataclasses.fields(node) if f.name not in ("span", "style")]
        return (type(node).__name__, *(_plain(getattr(node, name)) for name in kept))
    return node


@pytest.fixture(scope="session")
def plain() -> Callable[[Any], Any]:
    """A tree without what writing does not keep: places, the style of a derivative, and how a
    power of ten was written."""
    return _plain
