"""Arrays by their components: the entry of an expression at given indices, as an expression.

Selection is pushed down to the names, and what a contraction sums becomes a `Σ` over a new letter.
Parts that do not depend on the indices stay whole, so that they can be written as matrices.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from backprove.model.write_syntax import NoMatrixForm
from backprove.tensor.build import (
    add,
    along,
    apply,
    contract,
    fold,
    is_zero,
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
    Fold,
    Identity,
    Node,
    Power,
    Reshape,
    Scatter,
    Select,
    Stack,
    Where,
)
from backprove.tensor.whole import Whole

#: an index for each axis; None keeps the axis
At = Sequence[Whole | None]
Names = frozenset[str]
#: a letter that is not among the names given
Fresh = Callable[[Names], str]


def entry(node: Node, at: At, fresh: Fresh, avoid: Names) -> Node:
    """The entry of `node` at `at`; `avoid` are the letters in use. Raises NoMatrixForm."""

    def below(part: Node, place: At = at) -> Node:
        return entry(part, place, fresh, avoid)

    if not node.shape and not isinstance(node, Contract):
        return node
    match node:
        case Add():
            parts = [(c, below(n)) for c, n in node.terms]
            return add(parts, tuple(s for s, i in zip(node.shape, at, strict=True) if i is None))
        case Contract():
            return _sum_of_products(node, at, fresh, avoid)
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
            index, body = _renamed(node.index, node.body, fresh, avoid)
            inner = entry(body, at, fresh, avoid | {index})
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
        case Reshape():
            raise NoMatrixForm("entries in another arrangement")
        case _:
            return select(node, at)


Below = Callable[[Node, At], Node]


def _sum_of_products(node: Contract, at: At, fresh: Fresh, avoid: Names) -> Node:
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
        operands = [
            entry(n, [given.get(name) for name in names], fresh, avoid) for n, names in apart
        ]
        labels = [[name for name in names if given.get(name) is None] for _, names in apart]
        return _conditioned(equal, contract(operands, labels, kept))
    bounds: list[tuple[str, Whole]] = []
    for n, names in apart:
        for name, size in zip(names, n.shape, strict=True):
            if name not in given:
                letter = fresh(avoid)
                avoid = avoid | {letter}
                given[name] = Whole.of(letter)
                bounds.append((letter, size))
    factors = [entry(n, [given[name] for name in names], fresh, avoid) for n, names in apart]
    result = _product(factors)
    for letter, size in reversed(bounds):
        coefficient, body = split_coefficient(result)
        result = scale(coefficient, fold("sum", letter, 1, size, body))
    if whole:
        inner = contract([n for n, _ in whole], [names for _, names in whole], ())
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
    conditions: list[Node] = []
    plain: list[Node] = []
    for factor in factors:
        while isinstance(factor, Where) and _is_nothing(factor.otherwise):
            conditions.append(factor.condition)
            factor = factor.then
        plain.append(factor)
    return _conditioned(conditions, contract(plain, [()] * len(plain), ()))


def _conditioned(conditions: Sequence[Node], node: Node) -> Node:
    for condition in reversed(conditions):
        node = where(condition, node, zero(node.shape) if node.shape else literal(0))
    return node


def _is_nothing(node: Node) -> bool:
    return is_zero(node) or node is literal(0)


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


def _renamed(index: str, body: Node, fresh: Fresh, avoid: Names) -> tuple[str, Node]:
    """The index and body of a sum, the index not among letters in use."""
    if index not in avoid:
        return index, body
    letter = fresh(avoid | body.free)
    return letter, substitute(body, {index: letter})
