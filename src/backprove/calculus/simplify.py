"""Choosing the shortest of equal forms.

The smart constructors collect and cancel what stands together. What stands apart, such as the t
and 1 − t parts of a cross-entropy's derivative, meets only after multiplying out; and what people
write in one pair of brackets has to be taken out again. So every part is tried in a few forms
(as it is, multiplied out over one sum or all of them, common factors taken out) and the shortest
is kept.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from fractions import Fraction

from backprove.calculus.canonical import Canon
from backprove.calculus.expand import MOST_TERMS, distributed, expand, sums
from backprove.calculus.factor import Factor
from backprove.calculus.facts import Facts
from backprove.calculus.length import Lengths
from backprove.calculus.names import Names
from backprove.calculus.settle import Settle, split_power
from backprove.tensor.build import add, rebuild, scale, where
from backprove.tensor.nodes import (
    Add,
    Along,
    Contract,
    Identity,
    Literal,
    Node,
    Power,
    Scatter,
    Symbol,
    Where,
)

#: expressions longer than this are not multiplied out
LONG = 400
#: of the common factors of a sum so many are tried, the best first
TRIED = 2
#: a sum may be so much shorter for each term, and a product with a bracket is still preferred
BRACKET = 2
#: forms are tried on forms so often
DEEP = 3
#: so many forms are tried in all: after that an expression stays as it is
WORK = 2000


class Simplifier:
    """Finds short forms, and remembers what it has found; one serves a whole derivation."""

    def __init__(
        self, facts: Facts | None = None, names: Names | None = None, work: int = WORK
    ) -> None:
        self.work = self.budget = work
        self.facts = facts or Facts(None)
        self.canon = names.canon if names else Canon(self.facts.usable)
        self.lengths = Lengths()
        self.factor = Factor(self.canon)
        self.settle = Settle(self.facts, self.canon, self._plainly, names)
        #: facts are found out without names for what the model names
        self._plain = self if names is None else Simplifier(self.facts)
        self._taken: dict[Node, Node] = {}
        self._done: dict[Node, Node] = {}
        self._best: dict[Node, tuple[int, Node]] = {}
        #: what those who use it have found out: derivatives by other names need most of it again
        self.memory: dict[Hashable, Node] = {}

    def __call__(self, node: Node) -> Node:
        """The shortest form found of a node, each part of it treated first."""
        found = self._done.get(node)
        if found is None:
            inner = [self(child) for child in node.children]
            same = all(a is b for a, b in zip(inner, node.children, strict=True))
            fresh = node if same else rebuild(node, inner)
            found = self._done[node] = self._shortest(fresh, DEEP)
        return found

    def begin(self) -> None:
        """A new derivation begins: so many forms may be tried again."""
        self.work = self.budget
        if self._plain is not self:
            self._plain.begin()

    @property
    def size(self) -> int:
        """How many expressions are known."""
        return len(self._done)

    def _plainly(self, node: Node) -> Node:
        return self._plain(node)

    def length(self, node: Node) -> int:
        """How long an expression is on paper, roughly."""
        return self.lengths.of(node)

    def _worth(self, node: Node) -> int:
        """The length by which forms are compared: a product is preferred to a sum."""
        terms = len(node.terms) if isinstance(node, Add) else 1
        return self.length(node) + BRACKET * (terms - 1)

    # --- the search ---

    def _shortest(self, node: Node, depth: int) -> Node:
        node = self._settled(node)
        known = self._best.get(node)
        if known is not None and known[0] >= depth:
            return known[1]
        if isinstance(node, Add) and len(node.terms) == 1:
            ((number, rest),) = node.terms
            return scale(number, self._shortest(rest, depth))
        best = node
        if isinstance(node, Add | Contract):
            self._best[node] = (depth, node)
            if isinstance(node, Add):
                best = node = self._factored(node)
            if depth and self.length(node) <= LONG:
                for option in self._options(node):
                    self.work -= 1
                    if self.work < 0:
                        break
                    candidate = self._again(option, depth - 1)
                    if self._worth(candidate) < self._worth(best):
                        best = candidate
        self._best[node] = (depth, best)
        return best

    def _again(self, node: Node, depth: int) -> Node:
        """The shortest form of a form just made, whose sums inside are new too."""
        if isinstance(node, Add):
            node = add([(c, self._again(n, depth)) for c, n in node.terms], node.shape)
        elif isinstance(node, Contract):
            inner = [self._shortest(n, depth) if isinstance(n, Add) else n for n in node.operands]
            if any(a is not b for a, b in zip(inner, node.operands, strict=True)):
                node = rebuild(node, inner)
        return self._shortest(node, depth)

    def _options(self, node: Node) -> Iterator[Node]:
        """Other forms of a sum or product that may lead to a shorter one.

        Multiplying out pays only where something cancels: a power against its inverse, a sum that
        is known, or terms that come out of two brackets.
        """
        if isinstance(node, Contract):
            for place in sums(node):
                if self._meets(node, place):
                    yield distributed(node, [place])
        elif isinstance(node, Add) and len(node.terms) > 1:
            for deep in (False, True):
                raw = [(c, self._multiplied(n, deep)) for c, n in node.terms]
                count = sum(len(n.terms) if isinstance(n, Add) else 1 for _, n in raw)
                if count == len(node.terms) or count > MOST_TERMS:
                    continue
                total = self._collected_all(raw, node)
                if not isinstance(total, Add) or len(total.terms) < count:
                    yield total

    @staticmethod
    def _multiplied(node: Node, deep: bool) -> Node:
        if deep:
            return expand(node)
        return distributed(node, sums(node)) if isinstance(node, Contract) else node

    def _collected_all(self, terms: list[tuple[Fraction, Node]], node: Add) -> Node:
        total = add(terms, node.shape)
        return self._collected(total) if isinstance(total, Add) else total

    def _meets(self, node: Contract, place: int) -> bool:
        """Whether multiplying out a sum lets a power meet its inverse, or a fact be used."""
        total = node.operands[place]
        assert isinstance(total, Add)
        others = {
            self.canon.key(base)
            for i, n in enumerate(node.operands)
            if i != place
            for base in (split_power(n)[0],)
        }
        below = {
            self.canon.key(n.base) for n in node.operands if isinstance(n, Power) and _is_below(n)
        }
        for _, n in total.terms:
            for part in n.operands if isinstance(n, Contract) else (n,):
                if isinstance(part, Identity | Scatter):
                    return True
                if isinstance(part, Symbol | Along) and self.facts.sums_to_one(part, self._plain):
                    return True
                key = self.canon.key(split_power(part)[0])
                if key in below or (_is_below(part) and key in others):
                    return True
        return False

    # --- sums ---

    def _settled(self, node: Node) -> Node:
        if isinstance(node, Add):
            return self._collected(node)
        fresh = self.settle.node(node)
        return self._collected(fresh) if isinstance(fresh, Add) else fresh

    def _collected(self, node: Add) -> Node:
        """Like terms together, also where their factors stand in another order."""
        shown: dict[Node, Node] = {}
        total: dict[Node, Fraction] = {}
        for c, n in node.terms:
            settled = self.settle.node(n)
            parts = settled.terms if isinstance(settled, Add) else ((Fraction(1), settled),)
            for inner, part in parts:
                key = self.canon.key(part)
                shown.setdefault(key, part)
                total[key] = total.get(key, Fraction(0)) + c * inner
        terms = _met([(total[key], part) for key, part in shown.items()], self.canon)
        same = len(terms) == len(node.terms) and all(
            c == d and n is m for (c, n), (d, m) in zip(terms, node.terms, strict=True)
        )
        return node if same else add(terms, node.shape)

    def _factored(self, node: Node) -> Node:
        """Common factors taken out, the one that shortens most first, as long as one does."""
        if not isinstance(node, Add) or len(node.terms) < 2:
            return node
        found = self._taken.get(node)
        if found is None:
            self._taken[node] = node
            options = sorted(self.factor.options(node), key=self._worth)[:TRIED]
            better = [
                option
                for option in map(self._inner, options)
                if self._worth(option) < self._worth(node)
            ]
            found = self._factored(min(better, key=self._worth)) if better else node
            self._taken[node] = found
        return found

    def _inner(self, node: Node) -> Node:
        """A sum from which something was taken out, with the new sum inside treated the same."""
        if isinstance(node, Add):
            terms = [(c, self._inner(n) if isinstance(n, Contract) else n) for c, n in node.terms]
            return add(terms, node.shape)
        if isinstance(node, Contract):
            operands = [
                self._factored(self._settled(n)) if isinstance(n, Add) else n for n in node.operands
            ]
            return self._settled(rebuild(node, operands))
        return node


def _met(terms: list[tuple[Fraction, Node]], canon: Canon) -> list[tuple[Fraction, Node]]:
    """Terms with cases by the same condition as one: `1[c] a − 1[c] b` is `1[c] (a − b)`."""
    groups: dict[Node, list[tuple[Fraction, Where]]] = {}
    for c, n in terms:
        if isinstance(n, Where):
            groups.setdefault(canon.key(n.condition), []).append((c, n))
    if all(len(group) < 2 for group in groups.values()):
        return terms
    met: list[tuple[Fraction, Node]] = []
    for c, n in terms:
        group = groups.get(canon.key(n.condition), []) if isinstance(n, Where) else []
        if len(group) < 2:
            met.append((c, n))
        elif n is group[0][1]:
            then = add([(c, n.then) for c, n in group], n.shape)
            otherwise = add([(c, n.otherwise) for c, n in group], n.shape)
            met.append((Fraction(1), where(group[0][1].condition, then, otherwise)))
    return met


def _is_below(node: Node) -> bool:
    """Whether a factor stands below a fraction line, or has an exponent that is not a number."""
    if not isinstance(node, Power):
        return False
    return not isinstance(node.exponent, Literal) or node.exponent.value < 0


def simplify(node: Node, work: int = WORK) -> Node:
    """The shortest form found, without facts from definitions, trying at most so many forms."""
    return Simplifier(work=work)(node)


def cost(node: Node) -> int:
    """How long an expression is on paper, roughly."""
    return Lengths().of(node)
