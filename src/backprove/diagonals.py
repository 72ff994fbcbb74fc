"""Sums over one-hot vectors: Σ_r e_r ⊗ g(r) is the array whose rows are g(1), g(2), …

The Jacobian of a definition by components comes as such sums, one for each index of the quantity.
Summed as they stand they would be products with identity matrices.
"""

from __future__ import annotations

from backprove.tensor.build import build, contract, fold, literal, scale, scatter, select, where
from backprove.tensor.nodes import (
    Add,
    Build,
    Contract,
    Fold,
    Identity,
    Node,
    Scatter,
    Select,
    Where,
)
from backprove.tensor.whole import Whole


def stacked(node: Fold) -> Node:
    """The sum without its one-hot factor, where it has one that runs over an axis."""
    if node.op != "sum" or node.low != 1:
        return node
    found = _taken(node.body, node.index)
    if found is None or node.high != node.shape[found[1]]:
        return node
    rest, axis = found
    rows = build((node.index,), (node.high,), rest)
    order = list(range(1, node.rank))
    order.insert(axis, 0)
    return contract([rows], [list(range(node.rank))], order)


def _taken(node: Node, letter: str) -> tuple[Node, int] | None:
    """g and the axis of e_letter, where the node is e_letter ⊗ g."""
    match node:
        case Select(arg=Identity()):
            at = [w for w in node.at if w is not None]
            return (literal(1), 0) if at == [Whole.of(letter)] else None
        case Select(arg=Contract() as product):
            inside = _inwards(node, product)
            return None if inside is None else _taken(inside, letter)
        case Contract():
            return _factor(node, letter)
        case Add() if len(node.terms) == 1:
            ((number, part),) = node.terms
            found = _taken(part, letter)
            return None if found is None else (scale(number, found[0]), found[1])
        case Scatter():
            found = _taken(node.arg, letter)
            if found is None:
                return None
            axis = [k for k, w in enumerate(node.at) if w is None][found[1]]
            at, shape = list(node.at), list(node.shape)
            del at[axis], shape[axis]
            return scatter(found[0], at, tuple(shape)), axis
        case Fold(op="sum"):
            found = _taken(node.body, letter)
            if found is None or letter in node.low.names | node.high.names:
                return None
            return fold("sum", node.index, node.low, node.high, found[0]), found[1]
        case Build():
            found = _taken(node.body, letter)
            if found is None:
                return None
            count = len(node.indices)
            return build(node.indices, node.shape[:count], found[0]), found[1] + count
        case Where():
            found = _taken(node.then, letter)
            if found is None or not (isinstance(node.otherwise, Add) and not node.otherwise.terms):
                return None
            rest = found[0]
            return where(node.condition, rest, scale(0, rest)), found[1]
        case _:
            return None


def _inwards(node: Select, product: Contract) -> Node | None:
    """The component of a product as the product of components."""
    if len(set(product.out)) < len(product.out):
        return None
    fixed = {x: w for x, w in zip(product.out, node.at, strict=True) if w is not None}
    parts: list[Node] = []
    rows: list[list[int]] = []
    for part, labels in zip(product.operands, product.labels, strict=True):
        parts.append(select(part, [fixed.get(x) for x in labels]))
        rows.append([x for x in labels if x not in fixed])
    return contract(parts, rows, [x for x in product.out if x not in fixed])


def _factor(node: Contract, letter: str) -> tuple[Node, int] | None:
    for place, (part, labels) in enumerate(zip(node.operands, node.labels, strict=True)):
        found = _taken(part, letter)
        if found is None:
            continue
        rest, axis = found
        label = labels[axis]
        others = [x for i, row in enumerate(node.labels) if i != place for x in row]
        if node.out.count(label) != 1 or label in others or labels.count(label) != 1:
            continue
        parts, rows = list(node.operands), [list(row) for row in node.labels]
        parts[place] = rest
        del rows[place][axis]
        return contract(parts, rows, [x for x in node.out if x != label]), node.out.index(label)
    return None
