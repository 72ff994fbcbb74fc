"""Names for what the model names: where a result holds the right-hand side of a definition, it
is written by its name (`p` for `softmax(z)`, the Rayleigh quotient ρ for `xᵀ A x/‖x‖²`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from backprove.calculus.canonical import Canon
from backprove.model.entity import Entity, member
from backprove.tensor.build import contract, literal, power, scale, split_coefficient
from backprove.tensor.nodes import Add, Contract, Literal, Node, Power, Symbol

#: a definition of fewer parts than this is as easily written out
SHORTEST = 2


@dataclass(frozen=True, slots=True)
class Product:
    """A scalar definition that is a product: its name, and factors with their exponents."""

    name: Node
    number: Fraction
    factors: dict[Node, Fraction]


class Names:
    """The definitions of a model, by what they are."""

    def __init__(
        self, canon: Canon, entities: Iterable[Entity], quantity: str | None = None
    ) -> None:
        self.canon = canon
        self.whole: dict[Node, Node] = {}
        self.products: list[Product] = []
        for entity in entities:
            body = entity.body
            if body is None or not body.children or isinstance(body, Symbol) or entity.zero_outside:
                continue
            number, rest = split_coefficient(body)
            if not rest.children:
                continue
            if number == 1 and not (entity.name == quantity and isinstance(body, Add | Contract)):
                self.whole.setdefault(canon.key(body), member(entity))
            if not body.shape and isinstance(rest, Contract) and not entity.index:
                scalars, others = _scalars(rest)
                factors = self._exponents(scalars)
                # a quotient comes up again in its own derivative
                if not others and len(factors) >= SHORTEST and min(factors.values()) < 0:
                    self.products.append(Product(member(entity), number, factors))

    def named(self, node: Node) -> Node:
        """The node by its name, if it has one, or with its scalar factors by theirs."""
        if not node.children:
            return node
        found = self.whole.get(self.canon.key(node))
        if found is not None:
            return found
        if isinstance(node, Contract) and self.products:
            for product in self.products:
                node = self._divided(node, product)
                if not isinstance(node, Contract):
                    break
        return node

    def _exponents(self, scalars: Iterable[Node]) -> dict[Node, Fraction]:
        found: dict[Node, Fraction] = {}
        for n in scalars:
            base, exponent = _power(n)
            key = self.canon.key(base)
            found[key] = found.get(key, Fraction(0)) + exponent
        return found

    def _divided(self, node: Contract, product: Product) -> Node:
        """A product with the name of another one in the place of its factors."""
        scalars, others = _scalars(node)
        have = self._exponents(scalars)
        for key, exponent in product.factors.items():
            mine = have.get(key, Fraction(0))
            if mine * exponent <= 0 or abs(mine) < abs(exponent):
                return node
        bases = {self.canon.key(_power(n)[0]): _power(n)[0] for n in scalars}
        left = [
            power(base, literal(have[key] - product.factors.get(key, Fraction(0))))
            for key, base in bases.items()
            if have[key] != product.factors.get(key, Fraction(0))
        ]
        pairs = [(n, ()) for n in [*left, product.name]] + others
        whole = contract([n for n, _ in pairs], [names for _, names in pairs], node.out)
        return scale(1 / product.number, whole)


def _power(node: Node) -> tuple[Node, Fraction]:
    if isinstance(node, Power) and isinstance(node.exponent, Literal):
        return node.base, node.exponent.value
    return node, Fraction(1)


def _scalars(node: Contract) -> tuple[list[Node], list[tuple[Node, tuple[int, ...]]]]:
    """The scalars in a product (what hangs together but not with the result), and the rest."""
    groups: list[tuple[set[int], list[tuple[Node, tuple[int, ...]]]]] = []
    for n, names in zip(node.operands, node.labels, strict=True):
        labels, members = set(names), [(n, names)]
        for group in [g for g in groups if g[0] & labels]:
            groups.remove(group)
            labels |= group[0]
            members = group[1] + members
        groups.append((labels, members))
    scalars: list[Node] = []
    others: list[tuple[Node, tuple[int, ...]]] = []
    for labels, members in groups:
        if labels & set(node.out):
            others += members
        else:
            scalars.append(contract([n for n, _ in members], [names for _, names in members], ()))
    return scalars, others
