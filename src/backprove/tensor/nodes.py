"""Typed tensor expressions: the few kinds of node that all mathematics here is made of.

A node is an array-valued expression. Its `shape` is known, with symbolic sizes; `free` holds the
names of the whole numbers (open indices such as `t`, and sizes) that its value depends on. Nodes
are hash-consed: equal expressions are the same object, so `is` and dictionary look-ups compare
whole expressions, and shared parts exist once.

Indices count from 1, as on paper. Nodes are made through the functions in `build.py`, which
check shapes and simplify; the classes here only hold what those decided.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any, ClassVar, Self
from weakref import WeakValueDictionary

from backprove.tensor.whole import Shape, Whole

_TABLE: WeakValueDictionary[tuple[Any, ...], Node] = WeakValueDictionary()
_NONE: frozenset[str] = frozenset()


class Node:
    """The common part: interning, `shape`, `free` and `children`."""

    __slots__ = ("__weakref__", "children", "free", "shape")
    fields: ClassVar[tuple[str, ...]] = ()

    shape: Shape
    free: frozenset[str]
    children: tuple[Node, ...]

    @classmethod
    def intern(
        cls, shape: Shape, free: frozenset[str], children: tuple[Node, ...], *values: Any
    ) -> Self:
        """The one node of this kind with these field values."""
        key = (cls, shape, values)
        found = _TABLE.get(key)
        if found is None:
            found = object.__new__(cls)
            found.shape, found.free, found.children = shape, free, children
            for name, value in zip(cls.fields, values, strict=True):
                object.__setattr__(found, name, value)
            _TABLE[key] = found
        return found  # type: ignore[return-value]

    @property
    def rank(self) -> int:
        return len(self.shape)

    def __repr__(self) -> str:
        inner = ", ".join(f"{getattr(self, f)!r}" for f in self.fields)
        return f"{type(self).__name__}({inner})"


def free_of(children: tuple[Node, ...], *wholes: Whole | None) -> frozenset[str]:
    """The free names of children and of whole-number expressions together."""
    found = _NONE
    for child in children:
        if child.free:
            found = found | child.free
    for whole in wholes:
        if whole is not None and whole.names:
            found = found | whole.names
    return found


class Literal(Node):
    """A rational number; a scalar."""

    __slots__ = ("value",)
    fields = ("value",)
    value: Fraction


class Constant(Node):
    """`e` or `π`; a scalar."""

    __slots__ = ("name",)
    fields = ("name",)
    name: str


class Count(Node):
    """A whole-number expression used as a number: `1/N`, `2r - 1`; a scalar."""

    __slots__ = ("whole",)
    fields = ("whole",)
    whole: Whole


class Symbol(Node):
    """A declared or defined name, or the member of a family at `index`.

    `name` is the base name (`h` of `h_{t-1}`, `W_c` of `W_c`); `index` is empty for a single name.
    """

    __slots__ = ("facts", "index", "name")
    fields = ("name", "index", "facts")
    name: str
    index: tuple[Whole, ...]
    facts: frozenset[str]


class Ones(Node):
    """The array of ones of this shape."""

    __slots__ = ()


class Identity(Node):
    """The identity matrix of this shape."""

    __slots__ = ()


class Add(Node):
    """A linear combination of nodes of one shape: pairs of a rational coefficient and a node."""

    __slots__ = ("terms",)
    fields = ("terms",)
    terms: tuple[tuple[Fraction, Node], ...]


class Contract(Node):
    """A generalised Einstein product: every operand has a label for each of its axes.

    The result has the axes `out`; labels that are not in `out` are summed over. An operand may
    repeat a label (its diagonal is meant); so may `out` (the result is placed on the diagonal).
    Every label of `out` occurs in an operand. Labels are small integers, numbered by first use.
    """

    __slots__ = ("labels", "operands", "out")
    fields = ("operands", "labels", "out")
    operands: tuple[Node, ...]
    labels: tuple[tuple[int, ...], ...]
    out: tuple[int, ...]


class Apply(Node):
    """An elementwise function of one or two arrays of the same shape (see `functions.py`)."""

    __slots__ = ("args", "function")
    fields = ("function", "args")
    function: str
    args: tuple[Node, ...]


class Power(Node):
    """Elementwise power with a scalar exponent."""

    __slots__ = ("base", "exponent")
    fields = ("base", "exponent")
    base: Node
    exponent: Node


class Along(Node):
    """A function along the last axis: softmax (keeps it), logsumexp, max, min (remove it)."""

    __slots__ = ("arg", "function")
    fields = ("function", "arg")
    function: str
    arg: Node


class Inverse(Node):
    """The inverse of a square matrix."""

    __slots__ = ("arg",)
    fields = ("arg",)
    arg: Node


class Determinant(Node):
    """The determinant of a square matrix, or with `log` the logarithm of its absolute value."""

    __slots__ = ("arg", "log")
    fields = ("arg", "log")
    arg: Node
    log: bool


class Select(Node):
    """Components: each axis of `arg` is fixed at a whole-number index, or kept (None)."""

    __slots__ = ("arg", "at")
    fields = ("arg", "at")
    arg: Node
    at: tuple[Whole | None, ...]


class Scatter(Node):
    """The transpose of `Select`: an array of this shape, `arg` at `at`, zero elsewhere.

    Positions outside the array are dropped.
    """

    __slots__ = ("arg", "at")
    fields = ("arg", "at")
    arg: Node
    at: tuple[Whole | None, ...]


class Fold(Node):
    """`Σ` or `Π` of `body` over a whole number `index` from `low` to `high` (inclusive).

    `op` is 'sum' or 'prod'; the product of matrices is taken in rising order of the index, or in
    falling order for 'prod-down'. An empty sum is 0, an empty product 1 (the identity).
    """

    __slots__ = ("body", "high", "index", "low", "op")
    fields = ("op", "index", "low", "high", "body")
    op: str
    index: str
    low: Whole
    high: Whole
    body: Node


class Build(Node):
    """The array whose component at `indices` is `body`: axes first for indices, then the body's."""

    __slots__ = ("body", "indices")
    fields = ("indices", "body")
    indices: tuple[str, ...]
    body: Node


class Test(Node):
    """1 where a relation between whole numbers holds, else 0; op is one of `= ≠ < ≤`."""

    __slots__ = ("left", "op", "right")
    fields = ("op", "left", "right")
    op: str
    left: Whole
    right: Whole


class Where(Node):
    """`then` where the scalar `condition` is not 0, else `otherwise`; the other is not used."""

    __slots__ = ("condition", "otherwise", "then")
    fields = ("condition", "then", "otherwise")
    condition: Node
    then: Node
    otherwise: Node


class Stack(Node):
    """Nodes of one shape along a new first axis."""

    __slots__ = ("parts",)
    fields = ("parts",)
    parts: tuple[Node, ...]


class Concat(Node):
    """Arrays joined along their first axis."""

    __slots__ = ("parts",)
    fields = ("parts",)
    parts: tuple[Node, ...]


class Reshape(Node):
    """The same entries, read row by row, in another shape."""

    __slots__ = ("arg",)
    fields = ("arg",)
    arg: Node


class Derivative(Node):
    """A derivative not worked out yet; shape (shape of `of`) + (shape of `by`).

    `mode` is 'total', 'immediate' (paths inside one step) or 'line' (by the definition line of
    `of` alone, all else held fixed).
    """

    __slots__ = ("by", "mode", "of")
    fields = ("of", "by", "mode")
    of: Node
    by: Node
    mode: str


def walk(*roots: Node) -> Iterator[Node]:
    """Every node below the roots once, children before parents."""
    seen: set[Node] = set()
    stack: list[tuple[Node, bool]] = [(root, False) for root in reversed(roots)]
    while stack:
        node, done = stack.pop()
        if done:
            yield node
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            stack.extend((child, False) for child in reversed(node.children) if child not in seen)
