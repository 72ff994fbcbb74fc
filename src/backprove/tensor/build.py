"""Making nodes: every function here checks shapes and brings the result into a simple form.

The simplifications are those that are always wanted: like terms are collected, products of
products become one product, numbers move to the front, zeros, ones and identities vanish, powers
of one base meet, and a one-hot or simplex vector sums to one. Rewriting that is a matter of taste
(multiplying out, factoring) is not done here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from backprove.tensor.nodes import (
    Add,
    Along,
    Apply,
    Build,
    Concat,
    Contract,
    Count,
    Derivative,
    Determinant,
    Fold,
    Identity,
    Inverse,
    Node,
    Ones,
    Power,
    Reshape,
    Scatter,
    Select,
    Stack,
    Symbol,
    Test,
    Where,
    free_of,
)
from backprove.tensor.product import (
    SUMS_TO_ONE,
    broadcast,
    contract,
    diagonal_matrix,
    hadamard,
    matmul,
    outer,
    permute,
    sum_axes,
    sums_to_one,
    times,
    transpose,
    with_facts,
)
from backprove.tensor.simple import (
    NOTHING,
    UNIT,
    ShapeError,
    add,
    constant,
    count,
    identity,
    is_nothing,
    is_zero,
    literal,
    minus,
    ones,
    power,
    reciprocal,
    scale,
    split_coefficient,
    square,
    symbol,
    test,
    where,
    zero,
)
from backprove.tensor.whole import Shape, Whole, WholeLike, show_shape

__all__ = [
    "NOTHING",
    "SUMS_TO_ONE",
    "UNIT",
    "ShapeError",
    "add",
    "along",
    "apply",
    "broadcast",
    "build",
    "concat",
    "constant",
    "contract",
    "count",
    "derivative",
    "determinant",
    "diagonal_matrix",
    "fold",
    "hadamard",
    "identity",
    "inverse",
    "is_zero",
    "literal",
    "matmul",
    "minus",
    "ones",
    "outer",
    "permute",
    "power",
    "rebuild",
    "reciprocal",
    "replace",
    "reshape",
    "scale",
    "scatter",
    "select",
    "split_coefficient",
    "square",
    "stack",
    "substitute",
    "sum_axes",
    "sums_to_one",
    "symbol",
    "test",
    "times",
    "transpose",
    "unused",
    "where",
    "with_facts",
    "zero",
]

# --- functions --------------------------------------------------------------------------------


def apply(function: str, *args: Node) -> Node:
    """An elementwise function; the arguments have one shape."""
    shape = args[0].shape
    if any(a.shape != shape for a in args):
        raise ShapeError(" and ".join(show_shape(a.shape) for a in args) + " differ")
    if function in ("exp", "log") and isinstance(args[0], Apply):
        inner = args[0]
        if {function, inner.function} == {"exp", "log"} and function == "log":
            return inner.args[0]
    return Apply.intern(shape, free_of(args), args, function, args)


def along(function: str, arg: Node) -> Node:
    """softmax, logsumexp, max or min along the last axis."""
    if not arg.shape:
        raise ShapeError(f"{function} needs a vector, not a scalar")
    shape = arg.shape if function == "softmax" else arg.shape[:-1]
    return Along.intern(shape, arg.free, (arg,), function, arg)


def inverse(a: Node) -> Node:
    """The inverse of a square matrix."""
    _square(a, "the inverse")
    if isinstance(a, Identity):
        return a
    if isinstance(a, Inverse):
        return a.arg
    return Inverse.intern(a.shape, a.free, (a,), a)


def determinant(a: Node, log: bool = False) -> Node:
    """det A, or log |det A|."""
    _square(a, "the determinant")
    return Determinant.intern((), a.free, (a,), a, log)


def _square(a: Node, what: str) -> None:
    if a.rank != 2 or a.shape[0] != a.shape[1]:
        raise ShapeError(f"{what} needs a square matrix, not {show_shape(a.shape)}")


# --- components -------------------------------------------------------------------------------


def select(arg: Node, at: Sequence[WholeLike | None]) -> Node:
    """Components of an array: an index, or None to keep the axis, for each axis."""
    index = tuple(None if i is None else Whole.of(i) for i in at)
    if len(index) != arg.rank:
        raise ShapeError(f"{len(index)} indices for {arg.rank} axes of {show_shape(arg.shape)}")
    if all(i is None for i in index):
        return arg
    shape = tuple(s for s, i in zip(arg.shape, index, strict=True) if i is None)
    if is_zero(arg):
        return zero(shape) if shape else literal(0)
    if isinstance(arg, Where):
        # a condition stays in front, so that it guards what the component is multiplied by
        return where(arg.condition, select(arg.then, index), select(arg.otherwise, index))
    if isinstance(arg, Ones):
        return ones(shape)
    if isinstance(arg, Build) and _inside(index, arg):
        head = {n: i for n, i in zip(arg.indices, index, strict=False) if i is not None}
        body = substitute(arg.body, head)
        return select(body, index[len(arg.indices) :]) if body.shape else body
    first = index[0]
    number = first.constant if first is not None else None
    if isinstance(arg, Stack) and isinstance(number, int) and 1 <= number <= len(arg.parts):
        part = arg.parts[number - 1]
        return select(part, index[1:]) if part.shape else part
    return Select.intern(shape, free_of((arg,), *index), (arg,), arg, index)


def _inside(index: tuple[Whole | None, ...], arg: Build) -> bool:
    """Whether the indices of a built array are all given, as numbers inside its range."""
    for place, size in zip(index[: len(arg.indices)], arg.shape, strict=False):
        number, length = place.constant if place is not None else None, size.constant
        if not isinstance(number, int) or not isinstance(length, int):
            return False
        if not 1 <= number <= length:
            return False
    return True


def scatter(arg: Node, at: Sequence[WholeLike | None], shape: Shape) -> Node:
    """The transpose of `select`: `arg` at the place `at` of an array of zeros."""
    index = tuple(None if i is None else Whole.of(i) for i in at)
    if all(i is None for i in index):
        return arg
    if isinstance(arg, Where) and (is_nothing(arg.then) or is_nothing(arg.otherwise)):
        then, otherwise = (
            zero(shape) if is_nothing(case) else scatter(case, at, shape)
            for case in (arg.then, arg.otherwise)
        )
        return where(arg.condition, then, otherwise)
    return Scatter.intern(shape, free_of((arg,), *index), (arg,), arg, index)


def fold(op: str, index: str, low: WholeLike, high: WholeLike, body: Node) -> Node:
    """Σ or Π of `body` for `index` from `low` to `high`."""
    low, high = Whole.of(low), Whole.of(high)
    length = (high - low).constant
    if length is not None and length < 0:
        if not body.shape:
            return literal(0) if op == "sum" else UNIT
        if op == "sum" and not any(index in size.names for size in body.shape):
            return zero(body.shape)
    if op == "sum" and is_zero(body):
        return body
    free = (body.free - {index}) | low.names | high.names
    return Fold.intern(body.shape, free, (body,), op, index, low, high, body)


def build(indices: Sequence[str], sizes: Sequence[WholeLike], body: Node) -> Node:
    """The array with components `body` for each value of the indices, which count from 1."""
    if not indices:
        return body
    shape = tuple(Whole.of(s) for s in sizes)
    if isinstance(body, Select) and body.at == tuple(Whole.of(i) for i in indices):
        whole = body.arg
        if whole.shape == shape and whole.free.isdisjoint(indices):
            return whole
    free = body.free - set(indices)
    for size in shape:
        free = free | size.names
    return Build.intern(shape + body.shape, free, (body,), tuple(indices), body)


def stack(parts: Sequence[Node]) -> Node:
    """Nodes of one shape along a new first axis."""
    if any(p.shape != parts[0].shape for p in parts):
        raise ShapeError("the rows of an array must have one shape")
    children = tuple(parts)
    shape = (Whole.of(len(parts)), *parts[0].shape)
    return Stack.intern(shape, free_of(children), children, children)


def concat(parts: Sequence[Node]) -> Node:
    """Arrays joined along their first axis."""
    if any(p.rank == 0 or p.shape[1:] != parts[0].shape[1:] for p in parts):
        raise ShapeError("stacked parts must agree in all axes but the first")
    length = Whole.of(0)
    for part in parts:
        length = length + part.shape[0]
    children = tuple(parts)
    return Concat.intern((length, *parts[0].shape[1:]), free_of(children), children, children)


def reshape(arg: Node, shape: Shape) -> Node:
    """The same entries, row by row, in another shape."""
    if isinstance(arg, Reshape):
        arg = arg.arg
    if arg.shape == shape:
        return arg
    return Reshape.intern(shape, arg.free, (arg,), arg)


def derivative(of: Node, by: Node, mode: str = "total") -> Node:
    """A derivative to be worked out."""
    children = (of, by)
    return Derivative.intern(of.shape + by.shape, free_of(children), children, of, by, mode)


# --- rewriting --------------------------------------------------------------------------------


def rebuild(node: Node, children: Sequence[Node]) -> Node:
    """The node with other children, made (and simplified) anew."""
    match node:
        case Add():
            pairs = [(c, n) for (c, _), n in zip(node.terms, children, strict=True)]
            return add(pairs) if pairs else node
        case Contract():
            return contract(children, node.labels, node.out)
        case Apply():
            return apply(node.function, *children)
        case Power():
            return power(children[0], children[1])
        case Along():
            return along(node.function, children[0])
        case Inverse():
            return inverse(children[0])
        case Determinant():
            return determinant(children[0], node.log)
        case Select():
            return select(children[0], node.at)
        case Scatter():
            return scatter(children[0], node.at, node.shape)
        case Fold():
            return fold(node.op, node.index, node.low, node.high, children[0])
        case Build():
            return build(node.indices, node.shape[: len(node.indices)], children[0])
        case Where():
            return where(children[0], children[1], children[2])
        case Stack():
            return stack(children)
        case Concat():
            return concat(children)
        case Reshape():
            return reshape(children[0], node.shape)
        case Derivative():
            return derivative(children[0], children[1], node.mode)
        case _:
            return node


def replace(node: Node, table: Mapping[Any, Node]) -> Node:
    """The node with some parts exchanged for others of the same shape."""
    memo: dict[Node, Node] = dict(table)

    def visit(part: Node) -> Node:
        found = memo.get(part)
        if found is None:
            fresh = [visit(child) for child in part.children]
            same = all(a is b for a, b in zip(fresh, part.children, strict=True))
            found = memo[part] = part if same else rebuild(part, fresh)
        return found

    return visit(node)


def substitute(node: Node, values: Mapping[str, WholeLike]) -> Node:
    """The node with wholes in the place of open indices (or sizes used as numbers)."""
    table = {name: Whole.of(value) for name, value in values.items()}
    names = frozenset().union(*(w.names for w in table.values())) if table else NOTHING
    memo: dict[Node, Node] = {}

    def visit(part: Node) -> Node:
        if part.free.isdisjoint(table):
            return part
        found = memo.get(part)
        if found is None:
            found = memo[part] = _substituted(part)
        return found

    def _substituted(part: Node) -> Node:
        match part:
            case Count():
                return count(part.whole.put(table))
            case Symbol():
                return symbol(part.name, part.shape, [i.put(table) for i in part.index], part.facts)
            case Test():
                return test(part.op, part.left.put(table), part.right.put(table))
            case Select() | Scatter():
                at = [None if i is None else i.put(table) for i in part.at]
                arg = visit(part.arg)
                return select(arg, at) if isinstance(part, Select) else scatter(arg, at, part.shape)
            case Fold():
                body, index = part.body, part.index
                if index in names or index in table:
                    fresh = unused(index, names | body.free | set(table))
                    body, index = substitute(body, {index: fresh}), fresh
                return fold(part.op, index, part.low.put(table), part.high.put(table), visit(body))
            case Build():
                body, indices = part.body, part.indices
                clash = [i for i in indices if i in names or i in table]
                if clash:
                    taken = names | body.free | set(table) | set(indices)
                    renamed: dict[str, str] = {}
                    for i in clash:
                        renamed[i] = unused(i, taken)
                        taken = taken | {renamed[i]}
                    body = substitute(body, renamed)
                    indices = tuple(renamed.get(i, i) for i in indices)
                return build(indices, part.shape[: len(indices)], visit(body))
            case _:
                return rebuild(part, [visit(child) for child in part.children])

    return visit(node)


def unused(name: str, taken: Iterable[str]) -> str:
    """A name like this one that is not taken: `i`, `i′`, `i″`, …"""
    taken = set(taken)
    while name in taken:
        name += "′"
    return name
