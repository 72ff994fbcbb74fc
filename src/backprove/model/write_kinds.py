"""What kind of array an expression is, as far as its writing depends on it."""

from __future__ import annotations

from collections.abc import Sequence

from backprove.tensor import nodes
from backprove.tensor.build import (
    UNIT,
    add,
    apply,
    broadcast,
    contract,
    fold,
    literal,
    power,
    where,
)
from backprove.tensor.nodes import Contract, Node
from backprove.tensor.whole import Shape

#: arrays of no more entries than this are written out
SMALL = 12


def uniform(node: Node) -> Node | None:
    """The scalar in every place of an array that is the same everywhere; None for other arrays."""
    if not node.shape:
        return node
    match node:
        case nodes.Ones():
            return UNIT
        case nodes.Add():
            parts = [(c, uniform(n)) for c, n in node.terms]
            known = [(c, n) for c, n in parts if n is not None]
            if len(known) < len(parts):
                return None
            return add(known, ()) if known else literal(0)
        case Contract():
            pairs = [*zip(node.operands, node.labels, strict=True)]
            rest = [(n, a) for n, a in pairs if not isinstance(n, nodes.Ones)]
            if len(set(node.out)) < len(node.out) or any(set(a) & set(node.out) for _, a in rest):
                return None
            return contract([n for n, _ in rest], [a for _, a in rest], ())
        case nodes.Apply():
            args = [uniform(n) for n in node.args]
            known = [n for n in args if n is not None]
            return apply(node.function, *known) if len(known) == len(args) else None
        case nodes.Power():
            base = uniform(node.base)
            return None if base is None else power(base, node.exponent)
        case nodes.Fold() if node.op == "sum" or node.rank != 2:
            body = uniform(node.body)
            return None if body is None else fold(node.op, node.index, node.low, node.high, body)
        case nodes.Where():
            then, other = uniform(node.then), uniform(node.otherwise)
            if then is None or other is None:
                return None
            return where(node.condition, then, other)
        case _:
            return None


def spread_out(node: Contract) -> Node:
    """A product in which arrays that are the same everywhere are scalars."""
    plain = [
        uniform(n) if n.shape and not isinstance(n, nodes.Ones) else None for n in node.operands
    ]
    if all(scalar is None for scalar in plain):
        return node
    pairs = zip(node.operands, plain, strict=True)
    operands = [n if s is None else broadcast(s, n.shape) for n, s in pairs]
    return contract(operands, node.labels, node.out)


def is_condition(node: Node) -> bool:
    """Whether a scalar is 0 or 1 by conditions on whole numbers."""
    if isinstance(node, nodes.Where):
        parts = (node.condition, node.then)
        return not node.shape and node.otherwise is literal(0) and all(map(is_condition, parts))
    return isinstance(node, nodes.Test)


def is_small(shape: Shape) -> bool:
    """Whether an array has few enough entries to be written out."""
    total = 1
    for size in shape:
        total *= size.constant if isinstance(size.constant, int) else 0
    return 0 < total <= SMALL


def open_axes(node: Node, sized: bool = False) -> tuple[bool, ...]:
    """Which axes of an array have a size that its syntax leaves open, as `I` and `ones` do.

    With `sized` the identity is written `I_n`.
    """
    match node:
        case nodes.Ones():
            return (True,) * node.rank
        case nodes.Identity():
            return (not sized,) * 2
        case nodes.Add():
            return _all_open(node.rank, [n for _, n in node.terms], sized)
        case nodes.Apply():
            return _all_open(node.rank, node.args, sized)
        case nodes.Power():
            return open_axes(node.base, sized)
        case nodes.Fold():
            return open_axes(node.body, sized)
        case nodes.Where():
            return _all_open(node.rank, (node.then, node.otherwise), sized)
        case nodes.Select():
            pairs = zip(open_axes(node.arg, sized), node.at, strict=True)
            return tuple(is_open for is_open, index in pairs if index is None)
        case Contract():
            found = open_labels(node, sized)
            return tuple(label in found for label in node.out)
        case _:
            return (False,) * node.rank


def _all_open(rank: int, parts: Sequence[Node], sized: bool) -> tuple[bool, ...]:
    """The axes that are open in all parts of one shape."""
    found = [open_axes(part, sized) for part in parts]
    return tuple(all(axes[i] for axes in found) for i in range(rank))


def open_labels(node: Contract, sized: bool = False) -> set[int]:
    """The labels of a contraction whose size no operand tells."""
    told: set[int] = set()
    labels: set[int] = set()
    for part, names in zip(node.operands, node.labels, strict=True):
        labels |= set(names)
        told |= {n for n, o in zip(names, open_axes(part, sized), strict=True) if not o}
    return labels - told


def kronecker(node: nodes.Reshape) -> tuple[Node, Node] | None:
    """The matrices whose Kronecker product this is, which may be products themselves."""
    arg = node.arg
    if not isinstance(arg, Contract) or node.rank != 2 or len(set(arg.out)) != 4:
        return None
    out = arg.out
    first = _joined(arg, out[0])
    groups = [[i for i in range(len(arg.operands)) if (i in first) == wanted] for wanted in (1, 0)]
    sides: list[Node] = []
    for group, axes in zip(groups, ((out[0], out[2]), (out[1], out[3])), strict=True):
        labels = [arg.labels[i] for i in group]
        if {n for names in labels for n in names} & set(out) != set(axes):
            return None
        sides.append(contract([arg.operands[i] for i in group], labels, axes))
    return sides[0], sides[1]


def _joined(node: Contract, label: int) -> set[int]:
    """The operands that hang together with a label; a scalar hangs with the first axis."""
    labels, found = {label}, {i for i, names in enumerate(node.labels) if not names}
    grown = True
    while grown:
        more = {i for i, names in enumerate(node.labels) if not labels.isdisjoint(names)}
        grown = not more <= found
        found |= more
        labels |= {n for i in more for n in node.labels[i]}
    return found
