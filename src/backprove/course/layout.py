"""The layout of a derivative, as the writer has given it with its shape.

Who says that ∂f/∂x has the shape 3 × (5 × 7) for an x of 7 × 5 writes its components in that
order, too: `(∂f/∂x)[r, k, i]` is then what the notation calls `(∂f/∂x)[r, i, k]`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from backprove.documents.formula import sides

if TYPE_CHECKING:
    from backprove.judge.session import Session

_COMPONENT = re.compile(r"\s*(?P<whole>.+?)\s*\[(?P<places>[^\[\]]+)\]\s*")
_SIZE = re.compile(r"[A-Za-z0-9_]+")


@dataclass(slots=True)
class Layouts:
    """For each derivative, by its text, the order of its axes in the writer's layout."""

    orders: dict[str, tuple[int, ...]] = field(default_factory=dict[str, tuple[int, ...]])

    def learn(self, text: str, session: Session) -> None:
        """Take up the layout that a claim about a shape gives."""
        from backprove.judge.stated import shape_of, stated

        parts = sides(text)
        found = stated(f"{parts[0]} = {parts[0]}", session)
        if len(parts) != 2 or "^" not in parts[1] or not found or found[0].about is None:
            return
        claimed = _SIZE.findall(parts[1].partition("^")[2].replace("\\times", " "))
        true = re.split(r"[×\s]+", shape_of(found[0].about))
        if sorted(claimed) == sorted(true) and len(set(true)) == len(true):
            self.orders[_plain(parts[0])] = tuple(claimed.index(size) for size in true)

    def turned(self, text: str) -> str | None:
        """A claim about components in the notation's own order; None where there is no other."""
        left = sides(text)[0]
        match = _COMPONENT.fullmatch(left)
        if match is None:
            return None
        order = self.orders.get(_plain(match["whole"]))
        places = re.sub(r"\\[,;:! ]", " ", match["places"]).split(",")
        if order is None or len(places) != len(order):
            return None
        turned = ", ".join(places[at].strip() for at in order)
        return f"{match['whole']}[{turned}]{text[len(left) + len(text) - len(text.lstrip()) :]}"


def _plain(text: str) -> str:
    """A derivative's text without blanks and outer brackets."""
    bare = re.sub(r"\\[,;:! ]|\s", "", text)
    return bare[1:-1] if bare.startswith("(") and bare.endswith(")") else bare
