"""Products: the generalised Einstein product, simplified, and the products that people write."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from fractions import Fraction

from backprove.tensor.nodes import (
    Add,
    Along,
    Contract,
    Identity,
    Literal,
    Node,
    Ones,
    Power,
    Symbol,
    Where,
    free_of,
)
from backprove.tensor.simple import (
    ONCE,
    UNIT,
    ShapeError,
    count,
    identity,
    is_nothing,
    is_zero,
    literal,
    ones,
    power,
    scale,
    split_coefficient,
    where,
    zero,
)
from backprove.tensor.whole import Shape, Whole, show_shape

SUMS_TO_ONE = frozenset({"one-hot", "simplex", "one-hot rows", "simplex rows"})
SYMMETRIC = frozenset({"symmetric", "positive-definite"})


def contract(
    operands: Sequence[Node],
    labels: Sequence[Sequence[Hashable]],
    out: Sequence[Hashable],
    *,
    facts: bool = False,
) -> Node:
    """The generalised Einstein product (see `nodes.Contract`), simplified.

    With `facts` what is declared of names is used: a one-hot or simplex vector sums to one, a
    symmetric matrix is its own transpose. That is for results only, since facts do not bind a
    derivative. Raises `ShapeError` when a label is used for two different sizes.
    """
    sizes: dict[Hashable, Whole] = {}
    for node, names in zip(operands, labels, strict=True):
        for name, size in zip(names, node.shape, strict=True):
            if sizes.setdefault(name, size) != size:
                raise ShapeError(f"sizes {sizes[name]} and {size} do not fit")
    shape = tuple(sizes[name] for name in out)
    for position, node in enumerate(operands):
        if isinstance(node, Where) and (is_nothing(node.then) or is_nothing(node.otherwise)):
            # a condition on a factor is a condition on the product
            nothing = zero(shape) if shape else literal(0)
            cases = [
                nothing
                if is_nothing(case)
                else contract(
                    [*operands[:position], case, *operands[position + 1 :]],
                    labels,
                    out,
                    facts=facts,
                )
                for case in (node.then, node.otherwise)
            ]
            return where(node.condition, *cases)
    product = _Product(sizes, list(out), facts)
    for node, names in zip(operands, labels, strict=True):
        product.put(node, list(names))
    return product.finish(shape)


class _Product:
    """A product being simplified: a coefficient and a list of (operand, labels)."""

    def __init__(self, sizes: dict[Hashable, Whole], out: list[Hashable], facts: bool) -> None:
        self.sizes = sizes
        self.facts = facts
        self.out = out
        self.coefficient = ONCE
        self.factors: list[tuple[Node, list[Hashable]]] = []
        #: the kinds of node among the factors, so that most rules are not even begun
        self.kinds: set[type[Node]] = set()
        self.fresh = 0

    def put(self, node: Node, names: list[Hashable]) -> None:
        """Take a factor in, opening nested products and numbers."""
        coefficient, node = split_coefficient(node)
        if coefficient is not ONCE:
            self.coefficient *= coefficient
        if node is UNIT:
            return
        if isinstance(node, Contract) and len(set(node.out)) == len(node.out):
            inner: dict[int, Hashable] = dict(zip(node.out, names, strict=True))
            for part, part_labels in zip(node.operands, node.labels, strict=True):
                renamed: list[Hashable] = []
                for label, size in zip(part_labels, part.shape, strict=True):
                    if label not in inner:
                        self.fresh += 1
                        inner[label] = ("inner", self.fresh)
                        self.sizes[inner[label]] = size
                    renamed.append(inner[label])
                self.put(part, renamed)
            return
        self.kinds.add(type(node))
        self.factors.append((node, names))

    def finish(self, shape: Shape) -> Node:
        kinds = self.kinds
        if not self.coefficient or (Add in kinds and any(is_zero(n) for n, _ in self.factors)):
            return zero(shape)
        if Identity in kinds:
            self._drop_identities()
        if len(self.factors) > 1:
            self._merge_powers()
        if self.facts or Along in kinds:
            self._sum_out()
        if Ones in kinds:
            self._drop_ones()
        if not self.factors:
            return scale(self.coefficient, ones(shape))
        return scale(self.coefficient, self._node(shape))

    def _drop_identities(self) -> None:
        """An identity whose one label is summed renames that label to the other."""
        position = 0
        while position < len(self.factors):
            node, names = self.factors[position]
            if isinstance(node, Identity):
                a, b = names
                keep, drop = (b, a) if a not in self.out else (a, b)
                if a == b:
                    self.factors[position] = (ones((node.shape[0],)), [a])
                    self.kinds.add(Ones)
                    continue
                if drop not in self.out:
                    del self.factors[position]
                    for _, other in self.factors:
                        other[:] = [keep if n == drop else n for n in other]
                    if not any(keep in other for _, other in self.factors):
                        self.factors.append((ones((node.shape[0],)), [keep]))
                        self.kinds.add(Ones)
                    position = 0
                    continue
            position += 1

    def _merge_powers(self) -> None:
        """Powers of one base with the same labels meet, when the exponents are numbers."""
        found: dict[tuple[Node, tuple[Hashable, ...]], int] = {}
        merged: list[tuple[Node, list[Hashable]]] = []
        for node, names in self.factors:
            base, exponent = (
                (node.base, node.exponent.value)
                if isinstance(node, Power) and isinstance(node.exponent, Literal)
                else (node, ONCE)
            )
            key = (base, tuple(names))
            if key in found and len(set(names)) == len(names):
                at = found[key]
                old = merged[at][0]
                before = (
                    old.exponent.value
                    if isinstance(old, Power)
                    and old.base is base
                    and isinstance(old.exponent, Literal)
                    else ONCE
                    if old is base
                    else Fraction(0)
                )
                total = power(base, literal(before + exponent))
                self.kinds.add(type(total))  # x / x is an array of ones
                merged[at] = (total, names)
            else:
                found[key] = len(merged)
                merged.append((node, names))
        if len(merged) < len(self.factors):
            self.factors = [(n, names) for n, names in merged if n is not UNIT]

    def _uses(self, name: Hashable) -> int:
        return sum(names.count(name) for _, names in self.factors) + self.out.count(name)

    def _sum_out(self) -> None:
        """A vector that sums to one disappears where it is only summed."""
        for position, (node, names) in enumerate(self.factors):
            if self.facts and _is_symmetric(node) and self._stands_turned(names):
                names.reverse()
            if names and sums_to_one(node, self.facts) and self._uses(names[-1]) == 1:
                rest = names[:-1]
                self.factors[position] = (ones(node.shape[:-1]), rest)
                self.kinds.add(Ones)
        self.factors = [(n, names) for n, names in self.factors if n is not UNIT]

    def _stands_turned(self, names: list[Hashable]) -> bool:
        """Whether a symmetric matrix reads better as its own transpose: its result's axis first."""
        first, second = (
            self.out.index(name) if name in self.out else len(self.out) for name in names
        )
        return second < first

    def _drop_ones(self) -> None:
        """Ones are dropped axis by axis where another operand carries the label."""
        kept: list[tuple[Node, list[Hashable]]] = []
        pending = [f for f in self.factors if isinstance(f[0], Ones)]
        others = [f for f in self.factors if not isinstance(f[0], Ones)]
        carried = {name for _, names in others for name in names}
        for _, names in pending:
            left: list[Hashable] = []
            for name in names:
                if name in carried:
                    continue
                carried.add(name)
                if name in self.out:
                    left.append(name)
                else:
                    factor = count(self.sizes[name])
                    coefficient, rest = split_coefficient(factor)
                    self.coefficient *= coefficient
                    if rest is not UNIT:
                        others.append((rest, []))
            if left:
                kept.append((ones(tuple(self.sizes[n] for n in left)), left))
        self.factors = others + kept

    def _node(self, shape: Shape) -> Node:
        if len(self.factors) == 1:
            node, names = self.factors[0]
            if names == self.out and len(set(names)) == len(names):
                return node
            if isinstance(node, Ones) and len(set(self.out)) == len(self.out):
                return ones(shape)
        scalars = [f for f in self.factors if not f[1]]
        arrays = [f for f in self.factors if f[1]]
        numbers: dict[Hashable, int] = {}
        ordered = scalars + arrays
        labels = tuple(
            tuple(numbers.setdefault(name, len(numbers)) for name in names) for _, names in ordered
        )
        operands = tuple(node for node, _ in ordered)
        out = tuple(numbers[name] for name in self.out)
        return Contract.intern(shape, free_of(operands), operands, operands, labels, out)


def sums_to_one(node: Node, facts: bool) -> bool:
    """Whether the last axis of a node sums to one: a softmax always, a name by its facts."""
    if isinstance(node, Symbol):
        return facts and bool(node.facts & SUMS_TO_ONE)
    return isinstance(node, Along) and node.function == "softmax"


def _is_symmetric(node: Node) -> bool:
    return isinstance(node, Symbol) and node.rank == 2 and bool(node.facts & SYMMETRIC)


def with_facts(node: Node) -> Node:
    """The node with what is declared of the names in it used, at its top; for results only."""
    if isinstance(node, Contract):
        return contract(node.operands, node.labels, node.out, facts=True)
    return node


def matmul(a: Node, b: Node) -> Node:
    """The last axis of `a` summed over the first of `b`; raises `ShapeError` where they differ."""
    if not a.shape or not b.shape or a.shape[-1] != b.shape[0]:
        raise ShapeError(f"{show_shape(a.shape)} and {show_shape(b.shape)} do not fit in a product")
    left = [("l", i) for i in range(a.rank - 1)]
    right = [("r", i) for i in range(1, b.rank)]
    return contract([a, b], [[*left, "s"], ["s", *right]], [*left, *right])


def times(scalar: Node, b: Node) -> Node:
    """A scalar node times an array."""
    axes = list(range(b.rank))
    return contract([scalar, b], [[], axes], axes)


def hadamard(a: Node, b: Node) -> Node:
    """The elementwise product of two arrays of one shape."""
    if a.shape != b.shape:
        raise ShapeError(
            f"{show_shape(a.shape)} and {show_shape(b.shape)} do not fit in an elementwise product"
        )
    axes = list(range(a.rank))
    return contract([a, b], [axes, axes], axes)


def outer(a: Node, b: Node) -> Node:
    """The outer product: axes of `a`, then axes of `b`."""
    left = [("l", i) for i in range(a.rank)]
    right = [("r", i) for i in range(b.rank)]
    return contract([a, b], [left, right], [*left, *right])


def permute(a: Node, order: Sequence[int]) -> Node:
    """The axes of `a` in another order."""
    return contract([a], [list(range(a.rank))], list(order))


def transpose(a: Node) -> Node:
    """The axes of `a` in reverse order."""
    if isinstance(a, Identity):
        return a
    return permute(a, range(a.rank)[::-1])


def diagonal_matrix(v: Node) -> Node:
    """diag of a vector."""
    return contract([v, identity(v.shape[0])], [["i"], ["i", "j"]], ["i", "j"])


def sum_axes(a: Node, axes: Iterable[int] | None = None) -> Node:
    """The sum over some axes, or over all."""
    gone = set(range(a.rank) if axes is None else axes)
    return contract([a], [list(range(a.rank))], [i for i in range(a.rank) if i not in gone])


def broadcast(scalar: Node, shape: Shape) -> Node:
    """A scalar in every place of an array."""
    return times(scalar, ones(shape)) if shape else scalar
