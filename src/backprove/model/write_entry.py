"""Arrays by their components: the entry of an expression at given indices, as an expression.

Selection is pushed down to the names, and what a contraction sums becomes a `Σ` over a new letter.
Parts that do not depend on the indices stay whole, so that they can be written as matrices.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from backprove.model.write_cases import conditioned
from backprove.model.write_syntax import NoMatrixForm
from backprove.tensor.build import (
    add,
    along,
    apply,
    contract,
    fold,
    literal,
    power,
    scale,
    select,
    split_coefficient,
    stack,
    substitute,
    test,
    where,
    zero,
)
from backprove.tensor.nodes import (
    Add,
    Along,
    Apply,
    Build,
    Concat,
    Contract,
    Derivative,
    Fold,
    Identity,
    Node,
    Power,
    Reshape,
    Scatter,
    Select,
    Stack,
    Test,
    Where,
    walk,
)
from backprove.tensor.whole import ONE, Whole

#: an index for each axis; None keeps the axis
At = Sequence[Whole | None]
Names = frozenset[str]
#: a letter that is not among the names given
Fresh = Callable[[Names], str]


@dataclass(frozen=True, slots=True)
class Place:
    """Where an entry is written: letters in use, and the first and last value of those known."""

    fresh: Fresh
    used: Names
    ranges: Mapping[str, tuple[Whole, Whole]]

    def within(self, letter: str, low: Whole, high: Whole) -> Place:
        """Inside a sum over a letter."""
        return Place(self.fresh, self.used | {letter}, {**self.ranges, letter: (low, high)})


def entry(node: Node, at: At, place: Place) -> Node:
    """The entry of `node` at `at`; raises NoMatrixForm."""

    def below(part: Node, index: At = at) -> Node:
        return part if not index and _is_matrix_product(part) else entry(part, index, place)

    if not node.shape and not isinstance(node, Contract):
        return shallow(node.arg, node.at) if isinstance(node, Select) else node
    match node:
        case Add():
            parts = [(c, below(n)) for c, n in node.terms]
            return add(parts, tuple(s for s, i in zip(node.shape, at, strict=True) if i is None))
        case Contract():
            return _sum_of_products(node, at, place)
        case Identity():
            i, j = at
            return select(node, at) if i is None or j is None else test("=", i, j)
        case Apply():
            return apply(node.function, *(below(n) for n in node.args))
        case Power():
            return power(below(node.base), node.exponent)
        case Along() if node.function == "softmax":
            inner = along("softmax", below(node.arg, [*at[:-1], None]))
            return select(inner, [*[None] * (inner.rank - 1), at[-1]])
        case Along():
            return along(node.function, below(node.arg, [*at, None]))
        case Select():
            rest = iter(at)
            return below(node.arg, [next(rest) if i is None else i for i in node.at])
        case Scatter():
            return _scattered(node, at, below)
        case Fold() if node.op == "sum" or node.rank != 2:
            index, body = _renamed(node.index, node.body, place)
            inner = entry(body, at, place.within(index, node.low, node.high))
            if node.op == "sum" and not inner.shape:
                return _summed(index, node.low, node.high, inner, place)
            return fold(node.op, index, node.low, node.high, inner)
        case Build() if None not in at[: len(node.indices)]:
            body = node.body
            pairs = zip(node.indices, at, strict=False)
            body = substitute(body, {n: i for n, i in pairs if i is not None})
            return below(body, at[len(node.indices) :])
        case Where():
            return where(node.condition, below(node.then), below(node.otherwise))
        case Stack() if at[0] is None or any(p.shape for p in node.parts):
            rows = stack([below(part, at[1:]) for part in node.parts])
            return select(rows, [at[0], *[None] * (rows.rank - 1)])
        case Concat() if at[0] is not None:
            return _joined(node, at[0], at[1:], below)
        case Reshape() if node.arg.rank == 1 and None not in at:
            return below(node.arg, [_flat(node, at)])
        case _:
            return select(node, at)


def _is_matrix_product(node: Node) -> bool:
    """Whether a scalar is made of vectors and matrices only, such as `e_jᵀ (y − t)`."""
    if not isinstance(node, Contract) or node.shape:
        return False
    return all(n.rank <= 2 and not isinstance(n, _BY_PLACES) for n in walk(node))


#: arrays that are made, or read, place by place
_BY_PLACES = (Build, Concat, Derivative, Fold, Reshape, Scatter, Select, Stack, Test, Where)

Below = Callable[[Node, At], Node]


def _sum_of_products(node: Contract, at: At, place: Place) -> Node:
    """Σ over the summed labels of the product of the operands' entries."""
    given: dict[int, Whole | None] = {}
    equal: list[Node] = []
    for label, index in zip(node.out, at, strict=True):
        known = given.setdefault(label, index)
        if known is not index and (known is None or index is None):
            raise NoMatrixForm("a row of a diagonal matrix")
        if known is not None and index is not None and known != index:
            equal.append(test("=", known, index))
    kept = [label for label in dict.fromkeys(node.out) if given[label] is None]
    whole, apart = _parts(node, {label for label, index in given.items() if index is not None})
    if kept:  # a row or column: its products stay products
        apart += whole
        factors = [entry(n, [given.get(name) for name in names], place) for n, names in apart]
        labels = [[name for name in names if given.get(name) is None] for _, names in apart]
        return _conditioned(equal, contract(factors, labels, kept))
    bounds: list[tuple[str, Whole]] = []
    for n, names in apart:
        for name, size in zip(names, n.shape, strict=True):
            if name not in given:
                letter = place.fresh(place.used)
                place = place.within(letter, ONE, size)
                given[name] = Whole.of(letter)
                bounds.append((letter, size))
    result = _product([entry(n, [given[name] for name in names], place) for n, names in apart])
    for letter, size in reversed(bounds):
        result = _summed(letter, ONE, size, result, place)
    if whole:
        operands = [n if n.shape else entry(n, (), place) for n, _ in whole]
        inner = contract(operands, [names for _, names in whole], ())
        result = contract([inner, result], [(), ()], ())
    return _conditioned(equal, result)


Operands = list[tuple[Node, tuple[int, ...]]]


def _parts(node: Contract, fixed: set[int]) -> tuple[Operands, Operands]:
    """Operands that hang together without a fixed label (they make a scalar), and the others.

    Where all operands make one such scalar it is taken apart all the same.
    """
    groups: list[tuple[set[int], Operands]] = []
    for n, names in zip(node.operands, node.labels, strict=True):
        labels, members = set(names), [(n, names)]
        for group in [g for g in groups if g[0] & labels]:
            groups.remove(group)
            labels |= group[0]
            members = group[1] + members
        groups.append((labels, members))
    arrays = [g for g in groups if g[0]]
    # what keeps an axis counts as apart too: it is no scalar
    open_ = fixed | set(node.out)
    apart = arrays if len(arrays) == 1 else [g for g in arrays if g[0] & open_]
    if not apart:  # the part that is least likely to be a matrix product
        tensors = [g for g in arrays if any(n.rank > 2 for n, _ in g[1])]
        apart = tensors or [max(arrays, key=lambda g: len(g[1]))] if arrays else []
    whole = [g for g in groups if all(g is not a for a in apart)]
    return [m for g in whole for m in g[1]], [m for g in apart for m in g[1]]


def _product(factors: Sequence[Node]) -> Node:
    """The product of scalars; conditions on entries are taken outside."""
    conditions, plain = _conditions(contract(factors, [()] * len(factors), ()))
    return _conditioned(conditions, plain)


def _conditions(node: Node) -> tuple[list[Node], Node]:
    """The conditions without which a scalar is 0, and the scalar where they hold."""
    found, node = conditioned(node)
    coefficient, node = split_coefficient(node)
    if isinstance(node, Test):
        return [*found, node], literal(coefficient)
    if isinstance(node, Contract) and not node.shape:
        plain: list[tuple[Node, tuple[int, ...]]] = []
        for part, labels in zip(node.operands, node.labels, strict=True):
            inner: list[Node] = []
            if not part.shape:
                inner, part = _conditions(part)
            found += inner
            plain.append((part, labels))
        node = contract([n for n, _ in plain], [names for _, names in plain], ())
    return found, scale(coefficient, node)


def _summed(index: str, low: Whole, high: Whole, body: Node, place: Place) -> Node:
    """Σ of a scalar; a condition that gives the index its value takes the sum away."""
    conditions, inner = _conditions(body)
    for condition in conditions:
        value = _solved(condition, index)
        if value is None:
            continue
        rest = [c for c in conditions if c is not condition]
        inner, *rest = (substitute(n, {index: value}) for n in (inner, *rest))
        if place.ranges.get(value.name or "") != (low, high):
            rest = [test("≤", low, value), test("≤", value, high), *rest]
        return _conditioned(rest, inner)
    outside = [c for c in conditions if index not in c.free]
    inside = [c for c in conditions if index in c.free]
    coefficient, inner = split_coefficient(inner)
    total = fold("sum", index, low, high, _conditioned(inside, inner))
    return _conditioned(outside, scale(coefficient, total))


def _solved(condition: Node, index: str) -> Whole | None:
    """The value that an equation gives to an index."""
    if not isinstance(condition, Test) or condition.op != "=":
        return None
    gap = condition.left - condition.right
    slope = gap.coefficient(index)
    return Whole.of(index) - gap * slope if slope in (1, -1) else None


def _conditioned(conditions: Sequence[Node], node: Node) -> Node:
    for condition in reversed(conditions):
        node = where(condition, node, zero(node.shape) if node.shape else literal(0))
    return node


def _scattered(node: Scatter, at: At, below: Below) -> Node:
    rest = [i for i, fixed in zip(at, node.at, strict=True) if fixed is None]
    tests: list[Node] = []
    for index, fixed in zip(at, node.at, strict=True):
        if fixed is not None:
            if index is None:
                raise NoMatrixForm("a row of zeros but for some places")
            tests.append(test("=", index, fixed))
    return _conditioned(tests, below(node.arg, rest))


def _joined(node: Concat, index: Whole, rest: At, below: Below) -> Node:
    """The part in which the index falls."""
    starts = [Whole.of(0)]
    for part in node.parts:
        starts.append(starts[-1] + part.shape[0])
    pieces = [
        below(part, [index - start, *rest]) for part, start in zip(node.parts, starts, strict=False)
    ]
    result = pieces[-1]
    for piece, end in reversed([*zip(pieces[:-1], starts[1:], strict=False)]):
        result = where(test("≤", index, end), piece, result)
    return result


def _flat(node: Reshape, at: At) -> Whole:
    """The place of an entry, read row by row."""
    place = Whole.of(0)
    for index, size in zip(at, node.shape, strict=True):
        assert index is not None
        place = place * size + index - 1
    return place + 1


def _renamed(index: str, body: Node, place: Place) -> tuple[str, Node]:
    """The index and body of a sum, the index not among letters in use."""
    if index not in place.used:
        return index, body
    letter = place.fresh(place.used | body.free)
    return letter, substitute(body, {index: letter})


def shallow(node: Node, at: At) -> Node:
    """The entry of what acts on every entry alike; products that sum are left whole."""
    if None in at:
        return select(node, at)
    match node:
        case Identity() if at[0] is not None and at[1] is not None:
            return test("=", at[0], at[1])
        case Add():
            return add([(c, shallow(n, at)) for c, n in node.terms], ())
        case Apply():
            return apply(node.function, *(shallow(n, at) for n in node.args))
        case Power():
            return power(shallow(node.base, at), node.exponent)
        case Contract() if {n for names in node.labels for n in names} == set(node.out):
            if len(set(node.out)) < len(node.out):
                return select(node, at)
            given = dict(zip(node.out, at, strict=True))
            pairs = zip(node.operands, node.labels, strict=True)
            factors = [shallow(n, [given[name] for name in names]) for n, names in pairs]
            return contract(factors, [()] * len(factors), ())
        case Build() if all(i is not None for i in at) and len(at) == len(node.indices):
            places = zip(node.indices, at, strict=True)
            return substitute(node.body, {n: i for n, i in places if i is not None})
        case _:
            return select(node, at) if node.shape else node
