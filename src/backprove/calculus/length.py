"""How long an expression is on paper, roughly: what the search for a short form goes by."""

from __future__ import annotations

from backprove.tensor.nodes import Add, Apply, Contract, Literal, Node, Ones, Power, Symbol

#: the rank of what can be written as a matrix
MATRIX = 2
#: what an array of higher order costs
HIGH = 40


class Lengths:
    """The lengths of nodes, kept."""

    def __init__(self) -> None:
        self._known: dict[Node, int] = {}

    def of(self, node: Node) -> int:
        """Symbols and signs: 2 for a name, 1 for a number, a sign or a bracket."""
        found = self._known.get(node)
        if found is None:
            found = self._known[node] = self._count(node)
        return found

    def _count(self, node: Node) -> int:
        # an array of higher order inside has to be written by components
        return self._plain(node) + sum(HIGH for child in node.children if child.rank > MATRIX)

    def _plain(self, node: Node) -> int:
        match node:
            case Literal() | Ones():
                return 1
            case Symbol():
                return 2
            case Add():
                signs = sum(1 + (abs(c) != 1) for c, _ in node.terms)
                return signs + sum(self.of(n) for _, n in node.terms)
            case Power() if isinstance(node.exponent, Literal):
                below = node.exponent.value < 0
                return self.of(node.base) + 1 + below + _brackets(node.base)
            case Contract():
                spread = 2 * (node.rank > 1 and any(isinstance(n, Ones) for n in node.operands))
                diagonal = 2 * (len(set(node.out)) < len(node.out))
                return diagonal + spread + 1 + sum(self.of(n) + _brackets(n) for n in node.operands)
            case Apply() | _:
                return 1 + sum(self.of(child) for child in node.children)


def _brackets(node: Node) -> int:
    return isinstance(node, Add) and len(node.terms) > 1
