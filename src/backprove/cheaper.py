"""The form of an expression that takes less work, where the short form would take more.

`(diag(p) − p pᵀ) g` is short on paper; computed as it stands it makes a matrix. Multiplied out, it
is `p ⊙ g − (pᵀ g) p`. Sums whose terms are outer products or diagonals are multiplied out where
this takes much less work; other sums stay, since multiplying out `(x − y)²` costs digits.
"""

from __future__ import annotations

from backprove.calculus.expand import distributed
from backprove.compute.emit.work import volume, work
from backprove.diagonals import stacked
from backprove.tensor.build import rebuild
from backprove.tensor.nodes import Add, Contract, Fold, Identity, Node

#: a form is preferred when it takes so much less work
LESS = 0.7


class Cheaper:
    """Multiplies out what is quicker so; `sizes` are the letters that do not run over a range."""

    def __init__(self, sizes: frozenset[str]) -> None:
        self.sizes = sizes
        self._done: dict[Node, Node] = {}

    def __call__(self, node: Node) -> Node:
        found = self._done.get(node)
        if found is None:
            inner = [self(child) for child in node.children]
            same = all(a is b for a, b in zip(inner, node.children, strict=True))
            found = node if same else rebuild(node, inner)
            if isinstance(found, Contract):
                found = self._product(found)
            elif isinstance(found, Fold):
                found = stacked(found)
            self._done[node] = found
        return found

    def _product(self, node: Contract) -> Node:
        for place, factor in enumerate(node.operands):
            if isinstance(factor, Add) and _is_spread(factor):
                fresh = distributed(node, [place])
                if fresh is not node and self.work(fresh) < LESS * self.work(node):
                    return self(fresh)
        return node

    def work(self, node: Node) -> float:
        return work(node, self.sizes)


def _is_spread(total: Add) -> bool:
    """Whether every term is a product that is larger than each of its factors, or a diagonal."""
    return all(
        isinstance(n, Identity)
        or (
            isinstance(n, Contract)
            and (
                len(set(n.out)) < len(n.out)
                or volume(n.shape) > max(volume(part.shape) for part in n.operands)
            )
        )
        for _, n in total.terms
    )
