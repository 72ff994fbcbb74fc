"""Taking out common factors: `A x + Aᵀ x` is `(A + Aᵀ) x`, `p ⊙ v − (pᵀ v) p` is `p ⊙ (v − pᵀ v)`.

A term is a network of factors that share labels. What is common to two terms is a factor that
hangs in both of them in the same way: on the same axes of the result, or on the rest. Where it
is on the result in one and on the rest in the other, the identity is put between
(`W Wᵀ W − W` is `W (Wᵀ W − I)`).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from backprove.calculus.canonical import Canon
from backprove.calculus.settle import split_power
from backprove.tensor.build import (
    UNIT,
    add,
    contract,
    identity,
    is_zero,
    literal,
    ones,
    power,
    scale,
)
from backprove.tensor.nodes import Add, Contract, Identity, Literal, Node, Ones, Symbol, Test, Where
from backprove.tensor.whole import Whole

#: how an axis of a factor hangs: ('o', place in the result), 'i' on the rest, 'a' alone
Hang = tuple[str, int]
INNER, ALONE, EITHER = ("i", 0), ("a", 0), ("*", 0)
Label = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Term:
    """A number times a network; labels of the result are ('o', place), others ('x', …)."""

    number: Fraction
    operands: tuple[Node, ...]
    labels: tuple[tuple[Label, ...], ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a factor stands in a term: which operand, to what exponent, with what sign."""

    term: int
    operand: int
    exponent: Node
    sign: int


#: terms without the factor: number, operands, labels
Rests = Sequence[tuple[Fraction, list[Node], list[tuple[Label, ...]]]]
#: a factor as a key: its base and how its axes hang
Common = tuple[Node, tuple[Hang, ...]]


class Factor:
    """Common factors of sums, compared by their keys."""

    def __init__(self, canon: Canon) -> None:
        self.canon = canon

    def options(self, node: Add) -> Iterator[Node]:
        """The sum with each of its common factors taken out of all terms that have it."""
        terms = [_term(c, n) for c, n in node.terms]
        found: dict[Common, list[Place]] = {}
        for at, term in enumerate(terms):
            if term is not None:
                for common, place in self._factors(at, term):
                    places = found.setdefault(common, [])
                    if all(p.term != at for p in places):
                        places.append(place)
        for common, places in sorted(found.items(), key=lambda f: -len(f[1])):
            if len(places) > 1:
                taken = self._taken(node, terms, common, places)
                if taken is not None:
                    yield taken

    def _factors(self, at: int, term: Term) -> Iterator[tuple[Common, Place]]:
        diagonal = any(map(_is_diagonal, term.operands, term.labels))
        open_ = _open(term)
        for place, (n, names) in enumerate(zip(term.operands, term.labels, strict=True)):
            base, exponent = split_power(n)
            if isinstance(base, Ones | Test | Where) or len(set(names)) < len(names):
                continue
            if diagonal and names and not _is_diagonal(n, names):
                continue  # of diag(p) − p pᵀ nothing is taken out
            if names and open_ and open_.isdisjoint(names):
                continue  # a scalar such as xᵀ A x stays whole
            key, sign = self._key(base)
            if sign < 0 and exponent is not UNIT:
                key, sign = self.canon.key(base), 1
            others = {name for i, row in enumerate(term.labels) if i != place for name in row}
            hangs = tuple(
                name if name[0] == "o" else INNER if name in others else ALONE for name in names
            )
            yield (key, hangs), Place(at, place, exponent, sign)
            if n.rank == 2 and exponent is UNIT and not isinstance(n, Identity):
                for axis in (0, 1):
                    direct = hangs[axis][0] == "o"
                    if hangs[1 - axis][0] == "o" and (direct or hangs[axis] == INNER):
                        mixed = tuple(EITHER if i == axis else h for i, h in enumerate(hangs))
                        yield (key, mixed), Place(at, place, exponent, sign)

    def _key(self, base: Node) -> tuple[Node, int]:
        """The key of a factor up to its sign: that of `a − b` and of `b − a` is one."""
        key = self.canon.key(base)
        if not isinstance(base, Add):
            return key, 1
        other = self.canon.key(scale(-1, base))
        return min((key, 1), (other, -1), key=lambda pair: self.canon.serial(pair[0]))

    def _taken(
        self, node: Add, terms: Sequence[Term | None], common: Common, places: Sequence[Place]
    ) -> Node | None:
        """The sum with a factor taken out of the terms at some places."""
        exponent = _least([p.exponent for p in places])
        if exponent is None:
            return None
        hangs = common[1]
        first = terms[places[0].term]
        assert first is not None
        lead = first.operands[places[0].operand]
        base, _ = split_power(lead)
        if EITHER in hangs and all(self._direct(terms[p.term], p, hangs) for p in places):
            return None  # nothing lies between: the plain way of taking it out does
        own: list[Label] = [h if h[0] == "o" else ("f", i) for i, h in enumerate(hangs)]
        rests: list[tuple[Fraction, list[Node], list[tuple[Label, ...]]]] = []
        for p in places:
            term = terms[p.term]
            assert term is not None
            rests.append(_rest(term, p, hangs, exponent, p.sign * places[0].sign))
        kept = _interface(rests, own)
        if any(
            name[0] == "o" and name not in own
            for _, _, rows in rests
            for name in kept
            if not _has(rows, name)
        ):
            return None
        if any(name[0] == "f" for _, _, rows in rests for name in kept if not _has(rows, name)):
            return None
        sizes = _sizes(rests, lead, own)
        inner = add(
            [(c, _body(ns, rows, kept, sizes)) for c, ns, rows in rests],
            tuple(sizes[k] for k in kept),
        )
        outside: list[Hashable] = [("o", i) for i in range(node.rank)]
        factor = power(base, exponent)
        pair = [(factor, own), (inner, kept)]
        if not isinstance(lead, Symbol) and places[0].operand > 0:
            pair.reverse()
        product = contract([n for n, _ in pair], [names for _, names in pair], outside)
        used = {p.term for p in places}
        result = [(c, n) for i, (c, n) in enumerate(node.terms) if i not in used]
        result.insert(places[0].term, (Fraction(1), product))
        return add(result, node.shape)

    @staticmethod
    def _direct(term: Term | None, place: Place, hangs: tuple[Hang, ...]) -> bool:
        assert term is not None
        axis = hangs.index(EITHER)
        return term.labels[place.operand][axis][0] == "o"


def _term(number: Fraction, node: Node) -> Term | None:
    """A term as a network; a diagonal has the identity on its two axes."""
    if isinstance(node, Where):
        return None
    if not isinstance(node, Contract):
        return Term(number, (node,), (tuple(("o", i) for i in range(node.rank)),))
    operands = node.operands
    table: dict[int, Label] = {}
    equal: list[tuple[Label, ...]] = []
    for i, label in enumerate(node.out):
        if label in table:
            operands = (*operands, identity(node.shape[i]))
            equal.append((table[label], ("o", i)))
        else:
            table[label] = ("o", i)
    rows = tuple(tuple(table.get(n, ("x", n)) for n in names) for names in node.labels)
    return Term(number, operands, (*rows, *equal))


def _least(exponents: Sequence[Node]) -> Node | None:
    """The exponent that can be taken out of all powers; None where there is none."""
    if all(isinstance(e, Literal) for e in exponents):
        numbers = [e.value for e in exponents if isinstance(e, Literal)]
        if min(numbers) > 0:
            return literal(min(numbers))
        return literal(max(numbers)) if max(numbers) < 0 else None
    numbers = [_value(add([(1, e), (-1, exponents[0])])) for e in exponents]
    if any(n is None for n in numbers):
        return None
    least = min(n for n in numbers if n is not None)
    return add([(1, exponents[0]), (1, literal(least))])


def _value(node: Node) -> Fraction | None:
    """The number that a scalar is, if it is one."""
    if is_zero(node):
        return Fraction(0)
    return node.value if isinstance(node, Literal) else None


def _rest(
    term: Term, place: Place, hangs: tuple[Hang, ...], exponent: Node, sign: int
) -> tuple[Fraction, list[Node], list[tuple[Label, ...]]]:
    """A term without the factor; the axes by which it hung on it are labelled ('f', axis)."""
    names = term.labels[place.operand]
    table: dict[Label, Label] = {name: ("f", i) for i, name in enumerate(names) if name[0] != "o"}
    operands: list[Node] = []
    rows: list[tuple[Label, ...]] = []
    for i, (n, row) in enumerate(zip(term.operands, term.labels, strict=True)):
        if i == place.operand:
            base, own = split_power(n)
            left = add([(1, own), (-1, exponent)])
            if _value(left) == 0:
                continue
            n = power(base, left)
        operands.append(n)
        rows.append(tuple(table.get(name, name) for name in row))
    for i, hang in enumerate(hangs):
        if hang == EITHER and names[i][0] == "o":
            operands.append(identity(term.operands[place.operand].shape[i]))
            rows.append((("f", i), names[i]))
    return term.number * sign, operands, rows


def _is_diagonal(node: Node, names: tuple[Label, ...]) -> bool:
    """Whether a factor is the identity between two axes of the result."""
    return isinstance(node, Identity) and all(name[0] == "o" for name in names)


def _open(term: Term) -> set[Label]:
    """The labels that hang together with the result; all others belong to scalars."""
    found = {name for row in term.labels for name in row if name[0] == "o"}
    grown = True
    while grown:
        grown = False
        for row in term.labels:
            if not found.isdisjoint(row) and not found.issuperset(row):
                found.update(row)
                grown = True
    return found


def _has(rows: Sequence[tuple[Label, ...]], name: Label) -> bool:
    return any(name in row for row in rows)


def _interface(rests: Rests, own: Sequence[Label]) -> list[Label]:
    """The labels that the rests have outside, in an order in which the product reads well."""
    found: dict[Label, None] = {}
    for _, _, rows in rests:
        for row in rows:
            found.update(dict.fromkeys(name for name in row if name[0] in "of"))
    kept = sorted(found, key=lambda name: (name[0] == "f", name[1]))
    if len(kept) != 2:
        return kept
    if kept[1][0] == "f" and any(name[0] == "o" and name[1] < kept[0][1] for name in own):
        kept.reverse()
    plain = [rows[0] for _, _, rows in rests if len(rows) == 1 and len(rows[0]) == 2]
    turned = sum(list(row) != kept for row in plain)
    return kept[::-1] if 2 * turned > len(rests) else kept


def _sizes(
    rests: Rests,
    factor: Node,
    own: Sequence[Label],
) -> dict[Label, Whole]:
    found = dict(zip(own, factor.shape, strict=True))
    for _, operands, rows in rests:
        for n, row in zip(operands, rows, strict=True):
            found.update(
                {name: size for name, size in zip(row, n.shape, strict=True) if name[0] in "of"}
            )
    return found


def _body(
    operands: Sequence[Node],
    rows: Sequence[tuple[Label, ...]],
    kept: Sequence[Label],
    sizes: dict[Label, Whole],
) -> Node:
    """A rest as an array of the common shape."""
    operands, rows = list(operands), list(rows)
    for name in kept:
        if not _has(rows, name):
            operands.append(ones((sizes[name],)))
            rows.append((name,))
    return contract(operands, rows, list(kept)) if operands else literal(1)
