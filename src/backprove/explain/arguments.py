"""The arguments of a quantity, by name and as numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from backprove.errors import BackproveError
from backprove.model.entity import Entity, System
from backprove.model.meaning import meaning
from backprove.model.scope import Scope
from backprove.notation.syntax import Array, Call, Expr, Name
from backprove.tensor.build import select
from backprove.tensor.nodes import Literal, Node
from backprove.tensor.whole import Whole

STRIDES = ("stride", "padding", "dilation")
TRANSPOSED = ("stride", "padding", "output_padding", "dilation")
#: the positional names of every quantity (NOTATION 2)
NAMES: dict[str, tuple[str, ...]] = {
    "conv_size": ("input", "kernel", *STRIDES),
    "conv_transpose_size": ("input", "kernel", *TRANSPOSED),
    "conv": ("input", "kernel", *STRIDES),
    "conv_transpose": ("input", "kernel", *TRANSPOSED),
    "conv_matrix": ("kernel", "input", *STRIDES),
    "conv_transpose_matrix": ("kernel", "input", *TRANSPOSED),
    "iou": ("a", "b"),
    "giou": ("a", "b"),
    "precision": ("hits", "rank"),
    "recall": ("hits", "rank", "positives"),
    "interpolated_precision": ("hits", "recall", "positives"),
    "average_precision": ("hits", "positives", "points"),
    "receptive_field": ("layers",),
    "parameters": ("kernel", "in", "out", "bias"),
}
#: the length along each axis of arrays that are not declared
KERNEL, INPUT = 2, {"conv": 3, "conv_transpose": 2}


@dataclass(frozen=True, slots=True)
class Arguments:
    """A call whose value is known, so that its arguments are what they should be."""

    #: as it was asked
    question: str
    call: Call
    scope: Scope
    value: Node
    #: what was taken for granted
    remarks: tuple[str, ...] = ()

    @property
    def function(self) -> str:
        return self.call.function

    def expr(self, name: str) -> Expr | None:
        """An argument as it was written, or None where it was not given."""
        return dict(self._given()).get(name)

    def _given(self) -> Iterator[tuple[str, Expr]]:
        yield from zip(NAMES[self.function], self.call.args, strict=False)
        yield from self.call.options

    def node(self, name: str) -> Node:
        """An argument as a typed expression."""
        expr = self.expr(name)
        assert expr is not None
        return meaning(expr, self.scope).node

    def whole(self, name: str, default: int = 0) -> int:
        """A whole number."""
        expr = self.expr(name)
        return default if expr is None else self._whole(expr)

    def wholes(self, name: str, axes: int | None = None, default: int = 0) -> list[int]:
        """A whole number for each axis; a single one holds for all."""
        expr = self.expr(name)
        found = [default] if expr is None else self.list_of(expr)
        return found * axes if axes is not None and len(found) == 1 else found

    def list_of(self, expr: Expr) -> list[int]:
        """A list of whole numbers, or one."""
        return [self._whole(e) for e in (expr.items if isinstance(expr, Array) else (expr,))]

    def _whole(self, expr: Expr) -> int:
        size = self.scope.try_whole(expr)
        if size is not None and isinstance(size.constant, int):
            return size.constant
        return int(number(meaning(expr, self.scope).node))

    def word(self, name: str) -> str:
        """A word of T and F."""
        expr = self.expr(name)
        assert isinstance(expr, Name)
        return expr.text


def number(node: Node) -> Fraction:
    """An exact number; raises `BackproveError` for what is not known exactly."""
    if not isinstance(node, Literal):
        raise BackproveError("this can be explained for numbers only, and exact ones")
    return node.value


def entries(node: Node) -> list[Fraction]:
    """The entries of a vector of numbers."""
    (size,) = node.shape
    assert isinstance(size.constant, int)
    return [number(select(node, [Whole.of(i)])) for i in range(1, size.constant + 1)]


def _axes(a: Arguments) -> int:
    """The axes of a convolution, as far as its arguments tell; else two."""
    given = a.expr("input")
    if a.function.endswith("_matrix"):
        return len(given.items) if isinstance(given, Array) else 1
    for expr in (given, a.expr("kernel")):
        if isinstance(expr, Array):
            return 2 if isinstance(expr.items[0], Array) else 1
    return 2


def assumed(call: Call, system: System) -> list[str]:
    """Declare the arrays of a convolution that nobody has, small ones; what was assumed, in words."""
    remarks: list[str] = []
    bound = Arguments("", call, Scope(system), Literal.intern((), frozenset(), (), Fraction(0)))
    if "kernel" not in NAMES.get(call.function, ()) or call.function.endswith("_size"):
        return remarks
    if call.function == "parameters":
        return remarks
    axes = _axes(bound)
    for role in ("input", "kernel"):
        expr = bound.expr(role)
        if isinstance(expr, Name) and not system.named(expr.text):
            length = KERNEL if role == "kernel" else INPUT[call.function.removesuffix("_matrix")]
            shape = tuple(Whole.of(length) for _ in range(axes))
            system.add(Entity(expr.text, (), (), shape))
            size = "×".join([str(length)] * axes)
            remarks.append(f"{expr.text} is not declared and is taken to be {size}.")
    return remarks
