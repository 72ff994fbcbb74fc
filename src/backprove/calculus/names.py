"""Names for what the model names: where a result holds the right-hand side of a definition, it
is written by its name (`p` for `softmax(z)`, the Rayleigh quotient ρ for `xᵀ A x/‖x‖²`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from backprove.calculus.canonical import Canon
from backprove.model.entity import Entity, member
from backprove.tensor.build import contract, literal, power, scale, split_coefficient
from backprove.tensor.nodes import Add, Contract, Literal, Node, Power, Symbol
from backprove.tensor.subproduct import regrouped

#: a definition of fewer parts than this is as easily written out
SHORTEST = 2


#: a factor, and the axes of the result on which it stands
Place = tuple[Node, tuple[int, ...]]
Operand = tuple[Node, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Product:
    """A definition that is an elementwise product: its name, and factors with their exponents."""

    name: Node
    number: Fraction
    factors: dict[Place, Fraction]


class Names:
    """The definitions of a model, by what they are."""

    def __init__(
        self, canon: Canon, entities: Iterable[Entity], quantity: str | None = None
    ) -> None:
        self.canon = canon
        self.whole: dict[Node, Node] = {}
        self.products: list[Product] = []
        #: products of arrays, which may be parts of others
        self.parts: list[tuple[Contract, Node]] = []
        for entity in entities:
            body = entity.body
            if body is None or not body.children or isinstance(body, Symbol) or entity.zero_outside:
                continue
            number, rest = split_coefficient(body)
            if not rest.children:
                continue
            if number == 1 and not (entity.name == quantity and isinstance(body, Add | Contract)):
                self.whole.setdefault(canon.key(body), member(entity))
                if isinstance(body, Contract) and body.shape and not entity.index:
                    self.parts.append((body, member(entity)))
            if isinstance(rest, Contract) and not entity.index:
                factors = self._factors(rest)
                # a quotient comes up again in its own derivative
                if len(factors) >= SHORTEST and min(factors.values()) < 0:
                    self.products.append(Product(member(entity), number, factors))

    def named(self, node: Node) -> Node:
        """The node by its name, if it has one, or with its scalar factors by theirs."""
        if not node.children:
            return node
        found = self.whole.get(self.canon.key(node))
        if found is not None:
            return found
        for product in self.products:
            if not isinstance(node, Contract):
                return node
            node = self._divided(node, product)
        for pattern, name in self.parts:
            found = regrouped(node, pattern, self._same, lambda _, name=name: name)
            if isinstance(found, Contract):
                node = contract(found.operands, found.labels, found.out)
        return node

    def _same(self, part: Node, factor: Node) -> tuple[()] | None:
        return () if self.canon.key(part) is self.canon.key(factor) else None

    def _factors(self, node: Contract) -> dict[Place, Fraction]:
        """The factors of an elementwise product; none of one that sums."""
        if len(set(node.out)) < len(node.out):
            return {}
        have = self._exponents(_operands(node))
        if any(label not in node.out for _, labels in have for label in labels):
            return {}
        return {
            (key, tuple(node.out.index(label) for label in labels)): exponent
            for (key, labels), exponent in have.items()
        }

    def _exponents(self, operands: Iterable[Operand]) -> dict[Place, Fraction]:
        found: dict[Place, Fraction] = {}
        for n, labels in operands:
            base, exponent = _power(n)
            place = (self.canon.key(base), labels)
            found[place] = found.get(place, Fraction(0)) + exponent
        return found

    def _divided(self, node: Contract, product: Product) -> Node:
        """A product with the name of another one in the place of its factors."""
        for operands in (_operands(node), [*zip(node.operands, node.labels, strict=True)]):
            found = self._without(node, operands, product)
            if found is not None:
                return found
        return node

    def _without(
        self, node: Contract, operands: Sequence[Operand], product: Product
    ) -> Node | None:
        have = self._exponents(operands)
        for labels in self._places(have, product):
            wanted = {
                (key, tuple(labels[axis] for axis in axes)): exponent
                for (key, axes), exponent in product.factors.items()
            }
            if all(_covers(have.get(place, Fraction(0)), e) for place, e in wanted.items()):
                left: list[Operand] = [(product.name, labels)]
                bases = {(self.canon.key(_power(n)[0]), at): _power(n)[0] for n, at in operands}
                for place, base in bases.items():
                    exponent = have[place] - wanted.get(place, Fraction(0))
                    if exponent:
                        left.append((power(base, literal(exponent)), place[1]))
                whole = contract([n for n, _ in left], [at for _, at in left], node.out)
                return scale(1 / product.number, whole)
        return None

    @staticmethod
    def _places(have: Iterable[Place], product: Product) -> Iterator[tuple[int, ...]]:
        """The axes on which a product may stand: those of its factor with all of its axes."""
        rank = product.name.rank
        lead = next((p for p in product.factors if len(p[1]) == rank), None)
        if lead is None:
            return
        for key, labels in have:
            if key is lead[0] and len(labels) == rank and len(set(labels)) == rank:
                yield tuple(labels[lead[1].index(axis)] for axis in range(rank))


def _covers(have: Fraction, wanted: Fraction) -> bool:
    """Whether a power holds another one."""
    return have * wanted > 0 and abs(have) >= abs(wanted)


def _power(node: Node) -> tuple[Node, Fraction]:
    if isinstance(node, Power) and isinstance(node.exponent, Literal):
        return node.base, node.exponent.value
    return node, Fraction(1)


def _operands(node: Contract) -> list[Operand]:
    """The operands; those that make a scalar (hang together, but not with the result) as one."""
    groups: list[tuple[set[int], list[Operand]]] = []
    for n, names in zip(node.operands, node.labels, strict=True):
        labels, members = set(names), [(n, names)]
        for group in [g for g in groups if g[0] & labels]:
            groups.remove(group)
            labels |= group[0]
            members = group[1] + members
        groups.append((labels, members))
    found: list[Operand] = []
    for labels, members in groups:
        if labels & set(node.out):
            found += members
        else:
            scalar = contract([n for n, _ in members], [names for _, names in members], ())
            found.append((scalar, ()))
    return found
