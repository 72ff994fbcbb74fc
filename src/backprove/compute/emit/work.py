"""How much work an expression is, roughly: what code prefers, where people prefer what is short."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from backprove.compute.emit.product import GUESS, cheapest, size_of
from backprove.tensor.nodes import Add, Apply, Contract, Node, Ones, Symbol, walk
from backprove.tensor.whole import Whole


def work(node: Node, sizes: frozenset[str]) -> float:
    """Multiplications, each part once; open letters (all names but `sizes`) run over a guess."""
    return sum(_own(part) * GUESS ** len(part.free - sizes) for part in walk(node))


def volume(shape: Sequence[Whole]) -> float:
    """How many entries an array has."""
    total = 1.0
    for length in shape:
        total *= size_of(length)
    return total


def _own(node: Node) -> float:
    match node:
        case Contract():
            return _product(node)
        case Add():
            return volume(node.shape) * len(node.terms)
        case Apply():
            return volume(node.shape)
        case _ if isinstance(node, Symbol) or not node.children:
            return 0.0
        case _:
            return max(volume(part.shape) for part in (node, *node.children))


def _product(node: Contract) -> float:
    lengths: dict[Hashable, Whole] = {}
    factors: list[frozenset[Hashable]] = []
    for factor, labels in zip(node.operands, node.labels, strict=True):
        lengths.update(zip(labels, factor.shape, strict=True))
        if not isinstance(factor, Ones):
            factors.append(frozenset(labels))
    out = frozenset(node.out)
    if len(factors) < 2:
        return volume([lengths[x] for x in frozenset().union(*factors)])
    cost, _ = cheapest(factors, out, lengths, lambda k: False, lambda group, kept: False)
    return cost + (volume(node.shape) if len(set(node.out)) < len(node.out) else 0.0)
