"""The meaning of an expression: a typed node, and what its place in a product needs to know."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import count as counter

from backprove.notation.syntax import NOWHERE, Span
from backprove.tensor.build import identity, is_zero, ones, zero
from backprove.tensor.build import replace as exchange
from backprove.tensor.nodes import Identity, Node, Ones, walk
from backprove.tensor.whole import Shape, Whole, show_shape


class NoMeaning(Exception):
    """An expression that has no meaning as written: where, why, and what would fit."""

    def __init__(self, message: str, span: Span = NOWHERE, kind: str = "shape") -> None:
        super().__init__(message)
        self.message = message
        self.span = span
        #: 'shape' where other products could give it a meaning, 'name' or 'form' where nothing can
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Value:
    """A node with its reading: `row` for a transposed vector (1×n).

    For a derivative `of` and `by` are what was differentiated by what, so that a product of
    derivatives can find the variable that they share.
    """

    node: Node
    row: bool = False
    of: Node | None = None
    by: Node | None = None

    @property
    def shape(self) -> Shape:
        return self.node.shape

    @property
    def rank(self) -> int:
        return len(self.node.shape)

    def plain(self) -> Value:
        """Without the memory of being a derivative."""
        return replace(self, of=None, by=None) if self.of is not None else self

    def show(self) -> str:
        """The shape in words, for messages."""
        text = show_shape(tuple(Whole.of("?") if is_hole(s) else s for s in self.shape))
        return f"1×{text} (a row)" if self.row else text


# --- sizes that the context decides (of `I` and of `ones`) ----------------------------------------

_HOLES = counter(1)


def hole() -> Whole:
    """A size that is not known yet."""
    return Whole.of(f"?{next(_HOLES)}")


def is_hole(size: Whole) -> bool:
    name = size.name
    return name is not None and name.startswith("?")


def has_hole(node: Node) -> bool:
    return any(is_hole(size) for size in node.shape)


def fill(node: Node, place: Whole, size: Whole) -> Node:
    """The node with an open size decided."""
    table: dict[Node, Node] = {}
    for part in walk(node):
        if place in part.shape:
            if isinstance(part, Ones):
                table[part] = ones(tuple(size if s == place else s for s in part.shape))
            elif isinstance(part, Identity):
                table[part] = identity(size)
            elif is_zero(part):
                table[part] = zero(tuple(size if s == place else s for s in part.shape))
    return exchange(node, table) if table else node


def fit_sizes(a: Node, i: int, b: Node, j: int) -> tuple[Node, Node] | None:
    """Both nodes with axis i of a and axis j of b of one size, or None where they differ."""
    left, right = a.shape[i], b.shape[j]
    if left == right:
        return a, b
    for place, size in ((left, right), (right, left)):
        if is_hole(place):  # perhaps in both, once an earlier axis has made them one
            return fill(a, place, size), fill(b, place, size)
    return None


def fit_shapes(a: Node, b: Node) -> tuple[Node, Node] | None:
    """Both nodes with one shape, or None."""
    if a.shape == b.shape:
        return a, b
    if a.rank != b.rank:
        return None
    for axis in range(a.rank):
        pair = fit_sizes(a, axis, b, axis)
        if pair is None:
            return None
        a, b = pair
    return a, b
