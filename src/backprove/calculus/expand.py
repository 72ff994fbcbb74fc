"""Multiplying out: products over sums, one sum at a time or all of them."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from backprove.tensor.build import add, contract, rebuild
from backprove.tensor.nodes import Add, Contract, Literal, Node, Power

#: a product is not multiplied out into more terms than this
MOST_TERMS = 24


def sums(node: Contract) -> list[int]:
    """The places of the factors of a product that are sums."""
    return [i for i, n in enumerate(node.operands) if isinstance(n, Add) and len(n.terms) > 1]


def distributed(node: Contract, places: Sequence[int]) -> Node:
    """A product multiplied out over the sums at these places; as it is where that is too long."""
    picks: list[tuple[Fraction, list[Node]]] = [(Fraction(1), [])]
    for place, factor in enumerate(node.operands):
        options: Sequence[tuple[Fraction, Node]] = [(Fraction(1), factor)]
        if place in places and isinstance(factor, Add):
            options = factor.terms
        if len(picks) * len(options) > MOST_TERMS:
            return node
        picks = [(c * d, [*chosen, n]) for c, chosen in picks for d, n in options]
    terms = [(c, contract(chosen, node.labels, node.out)) for c, chosen in picks]
    return add(terms, node.shape)


def expand(node: Node) -> Node:
    """Everything multiplied out, also within factors, arguments and squares of sums."""
    memo: dict[Node, Node] = {}

    def visit(part: Node) -> Node:
        found = memo.get(part)
        if found is None:
            found = memo[part] = _expanded(part)
        return found

    def _expanded(part: Node) -> Node:
        if not part.children:
            return part
        inner = [visit(child) for child in part.children]
        fresh = rebuild(part, inner)
        if isinstance(fresh, Power) and _is_square(fresh):
            axes = list(range(fresh.rank))
            labels = (axes, axes)
            pairs = [
                (c * d, contract([a, b], labels, axes))
                for c, a in _terms(fresh.base)
                for d, b in _terms(fresh.base)
            ]
            return add(pairs, fresh.shape)
        if isinstance(fresh, Contract):
            return distributed(fresh, sums(fresh))
        return fresh

    return visit(node)


def _terms(node: Node) -> Sequence[tuple[Fraction, Node]]:
    return node.terms if isinstance(node, Add) else [(Fraction(1), node)]


def _is_square(part: Power) -> bool:
    return (
        isinstance(part.exponent, Literal)
        and part.exponent.value == 2
        and isinstance(part.base, Add)
        and 1 < len(part.base.terms) <= 3
    )
