"""Products, sums and quotients as written (NOTATION 2): the first meaning that fits the shapes."""

from __future__ import annotations

from collections.abc import Sequence

from backprove.model.value import NoMeaning, Value, fit_shapes, fit_sizes, has_hole
from backprove.notation.syntax import Span
from backprove.tensor.build import (
    add,
    broadcast,
    contract,
    hadamard,
    is_zero,
    literal,
    matmul,
    outer,
    reciprocal,
    reshape,
    times,
    transpose,
    where,
    zero,
)
from backprove.tensor.nodes import Node, Test, Where


def is_condition(node: Node) -> bool:
    """Whether a scalar is an indicator: 0 or 1 by a condition on whole numbers."""
    if isinstance(node, Where):
        return all(is_condition(p) or is_number01(p) for p in (node.then, node.otherwise))
    return isinstance(node, Test)


def is_number01(node: Node) -> bool:
    return is_zero(node) or node is literal(1) or node is literal(0)


def scaled(factor: Node, node: Node) -> Node:
    """A scalar times an array; beside a condition that fails, nothing else matters."""
    if is_condition(factor):
        return where(factor, node, zero(node.shape) if node.shape else literal(0))
    if not node.shape and is_condition(node):
        return where(node, factor, literal(0))
    return times(factor, node)


def multiply(a: Value, b: Value, sign: str, span: Span) -> Value:
    """`a b` or `a sign b` as written; raises NoMeaning where nothing fits."""
    chained = chain_rule(a, b)
    if chained is not None:
        return chained
    if not a.rank or not b.rank:
        scalar, array = (a, b) if not a.rank else (b, a)
        return Value(scaled(scalar.node, array.node), array.row, array.of, array.by)
    if sign == "⊗":
        return tensor_product(a, b, span)
    if sign != "⊙":
        product = matrix_product(a, b)
        if product is not None:
            return product
    same = fit_shapes(a.node, b.node) if a.row == b.row else None
    if same is not None:
        return Value(hadamard(*same), a.row)
    how = {"⊙": "elementwise", "⊗": "as an outer product"}.get(sign, "together")
    raise NoMeaning(
        f"{a.show()} and {b.show()} cannot be multiplied {how}{_what_would_fit(a, b)}", span
    )


def _what_would_fit(a: Value, b: Value) -> str:
    """A transpose or another order for which the shapes of a product would fit."""
    for words, x, y in (
        ("with the first factor transposed", turned(a), b),
        ("with the second factor transposed", a, turned(b)),
        ("in the other order", b, a),
    ):
        if matrix_product(x, y) is not None:
            return f"; {words} they would fit"
    return ""


def turned(value: Value) -> Value:
    """The transpose: a column becomes a row; a scalar stays; axes reverse."""
    if value.rank == 0:
        return value
    if value.rank == 1:
        return Value(value.node, not value.row)
    return Value(transpose(value.node))


def matrix_product(a: Value, b: Value) -> Value | None:
    """The matrix product with vectors as columns and rows as rows, or None where it does not fit."""
    if a.row and b.row:
        return None
    if b.row:
        if a.rank == 1:  # column times row
            return Value(outer(a.node, b.node))
        if a.rank == 2 and a.shape[1] == 1:
            return Value(contract([a.node, b.node], ["io", "j"], "ij"))
        return None
    if a.rank == 1 and not a.row:  # a column fits a one-row matrix only
        if b.rank == 2 and b.shape[0] == 1:
            return Value(contract([a.node, b.node], ["i", "oj"], "ij"))
        return None
    pair = fit_sizes(a.node, -1, b.node, 0)
    if pair is None:
        return None
    return Value(matmul(*pair), row=a.row and b.rank == 2)


def tensor_product(a: Value, b: Value, span: Span) -> Value:
    """`x ⊗ y`: outer for vectors, Kronecker for matrices."""
    if a.rank == 1 and b.rank == 1:
        return Value(outer(a.node, b.node))
    if a.rank == 2 and b.rank == 2:
        (m, n), (p, q) = a.shape, b.shape
        return Value(reshape(contract([a.node, b.node], ["ij", "kl"], "ikjl"), (m * p, n * q)))
    raise NoMeaning(f"{a.show()} ⊗ {b.show()} has no meaning", span)


def chain_rule(a: Value, b: Value) -> Value | None:
    """The product of two derivatives that share a variable: the sum over its entries."""
    if a.of is None or b.of is None or a.by is None or b.by is None:
        return None
    if a.by is not b.of:
        if b.by is not a.of:
            return None
        a, b = b, a
    assert a.of is not None
    assert a.by is not None
    assert b.by is not None
    shared = [("s", i) for i in range(a.by.rank)]
    left = [("l", i) for i in range(a.rank - len(shared))]
    right = [("r", i) for i in range(b.rank - len(shared))]
    node = contract([a.node, b.node], [[*left, *shared], [*shared, *right]], [*left, *right])
    return Value(node, of=a.of, by=b.by)


def total(terms: Sequence[tuple[int, Value]], span: Span) -> Value:
    """A sum as written: one shape, scalars spread over arrays."""
    if len(terms) == 1:
        sign, only = terms[0]
        return Value(add([(sign, only.node)]), only.row, only.of, only.by)
    arrays = [v for _, v in terms if v.rank]
    row = bool(arrays) and arrays[0].row
    nodes: list[tuple[int, Node]] = [(s, v.node) for s, v in terms]
    if arrays:
        whole = next((v for v in arrays if not has_hole(v.node)), arrays[0])
        model = whole.node
        for value in arrays:
            pair = fit_shapes(model, value.node) if value.row == row else None
            if pair is None:
                raise NoMeaning(f"{whole.show()} and {value.show()} cannot be added", span)
            model = pair[0]  # with sizes that this term tells
        for position, (sign, value) in enumerate(terms):
            fitted = fit_shapes(value.node, model) if value.rank else None
            spread = fitted[0] if fitted else broadcast(value.node, model.shape)
            nodes[position] = (sign, spread)
    first = terms[0][1]
    shared = first.of is not None and all(v.of is first.of and v.by is first.by for _, v in terms)
    return Value(add(nodes), row, first.of if shared else None, first.by if shared else None)


def divide(a: Value, b: Value, span: Span) -> Value:
    """`a / b`: by a scalar, or elementwise between arrays of one shape, or a scalar over an array."""
    if not b.rank:
        return Value(
            times(reciprocal(b.node), a.node) if a.rank else _ratio(a.node, b.node),
            a.row,
            a.of,
            a.by,
        )
    if not a.rank:
        return Value(times(a.node, reciprocal(b.node)), b.row)
    same = fit_shapes(a.node, b.node) if a.row == b.row else None
    if same is None:
        raise NoMeaning(f"{a.show()} cannot be divided by {b.show()}", span)
    return Value(hadamard(same[0], reciprocal(same[1])), a.row)


def _ratio(a: Node, b: Node) -> Node:
    return times(a, reciprocal(b))
