"""Making nodes: every function here checks shapes and brings the result into a simple form.

The simplifications are those that are always wanted: like terms are collected, products of
products become one product, numbers move to the front, zeros, ones and identities vanish, powers
of one base meet, and a one-hot or simplex vector sums to one. Rewriting that is a matter of taste
(multiplying out, factoring) is not done here.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from fractions import Fraction

from backprove.tensor.nodes import (
    Add,
    Along,
    Apply,
    Build,
    Concat,
    Constant,
    Contract,
    Count,
    Derivative,
    Determinant,
    Fold,
    Identity,
    Inverse,
    Literal,
    Node,
    Ones,
    Power,
    Reshape,
    Scatter,
    Select,
    Stack,
    Symbol,
    Test,
    Where,
    free_of,
)
from backprove.tensor.whole import ONE, Shape, Whole, WholeLike, show_shape

NOTHING: frozenset[str] = frozenset()
SUMS_TO_ONE = frozenset({"one-hot", "simplex", "one-hot rows", "simplex rows"})
MOST_EXPONENT = 1000


SYMMETRIC = frozenset({"symmetric", "positive-definite"})


class ShapeError(Exception):
    """Parts that do not fit; the message names both shapes."""


def literal(value: int | Fraction) -> Node:
    """A number."""
    return Literal.intern((), NOTHING, (), Fraction(value))


UNIT = literal(1)


def constant(name: str) -> Node:
    """`e` or `π`."""
    return Constant.intern((), NOTHING, (), name)


def count(whole: WholeLike) -> Node:
    """A size or index used as a number."""
    whole = Whole.of(whole)
    fixed = whole.constant
    return literal(fixed) if fixed is not None else Count.intern((), whole.names, (), whole)


def symbol(
    name: str, shape: Shape, index: Iterable[WholeLike] = (), facts: frozenset[str] = NOTHING
) -> Symbol:
    """A declared or defined name, or the member of a family at an index."""
    at = tuple(Whole.of(i) for i in index)
    return Symbol.intern(shape, free_of((), *at), (), name, at, facts)


def zero(shape: Shape) -> Node:
    """The array of zeros of this shape."""
    return Add.intern(shape, NOTHING, (), ())


def ones(shape: Shape) -> Node:
    """The array of ones of this shape."""
    return Ones.intern(shape, NOTHING, ()) if shape else UNIT


def identity(size: WholeLike) -> Node:
    """The identity matrix."""
    size = Whole.of(size)
    return Identity.intern((size, size), NOTHING, ()) if size != ONE else ones((size, size))


def _is_nothing(node: Node) -> bool:
    return is_zero(node) or (isinstance(node, Literal) and not node.value)


def is_zero(node: Node) -> bool:
    """Whether this is the array of zeros."""
    return isinstance(node, Add) and not node.terms


def split_coefficient(node: Node) -> tuple[Fraction, Node]:
    """A node as a rational number times a node."""
    if isinstance(node, Literal):
        return node.value, UNIT
    if isinstance(node, Add) and len(node.terms) == 1:
        return node.terms[0]
    return Fraction(1), node


def add(terms: Iterable[tuple[int | Fraction, Node]], shape: Shape | None = None) -> Node:
    """The linear combination of nodes of one shape; like terms are collected.

    Raises `ShapeError` where shapes differ. `shape` is needed only when there may be no terms.
    """
    total: dict[Node, Fraction] = {}
    for factor, node in terms:
        if shape is None:
            shape = node.shape
        elif node.shape != shape:
            raise ShapeError(f"cannot add {show_shape(shape)} and {show_shape(node.shape)}")
        if isinstance(node, Add):
            for inner, part in node.terms:
                total[part] = total.get(part, Fraction(0)) + factor * inner
        else:
            inner, part = split_coefficient(node)
            total[part] = total.get(part, Fraction(0)) + factor * inner
    assert shape is not None
    kept = _conditions_met(tuple((c, n) for n, c in total.items() if c), shape)
    if len(kept) == 1:
        (coefficient, node) = kept[0]
        if coefficient == 1:
            return node
        if node is UNIT:
            return literal(coefficient)
    children = tuple(n for _, n in kept)
    return Add.intern(shape, free_of(children), children, kept)


def _conditions_met(
    terms: tuple[tuple[Fraction, Node], ...], shape: Shape
) -> tuple[tuple[Fraction, Node], ...]:
    """Terms under one condition stand under it together."""
    under: dict[Node, list[tuple[Fraction, Node]]] = {}
    for c, n in terms:
        if isinstance(n, Where) and _is_nothing(n.otherwise):
            under.setdefault(n.condition, []).append((c, n.then))
    if all(len(group) < 2 for group in under.values()):
        return terms
    nothing = zero(shape) if shape else literal(0)
    kept: list[tuple[Fraction, Node]] = []
    for c, n in terms:
        if isinstance(n, Where) and _is_nothing(n.otherwise):
            group = under.pop(n.condition, None)
            if group is None:
                continue
            n, c = where(n.condition, add(group, shape), nothing), Fraction(1)
        kept.append((c, n))
    return tuple(kept)


def scale(factor: int | Fraction, node: Node) -> Node:
    """A number times a node."""
    return node if factor == 1 else add([(factor, node)], node.shape)


def minus(left: Node, right: Node) -> Node:
    """left - right."""
    return add([(1, left), (-1, right)])


# --- products ---------------------------------------------------------------------------------


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
        if isinstance(node, Where) and _is_nothing(node.otherwise):
            # a condition on a factor is a condition on the product
            inner = [*operands[:position], node.then, *operands[position + 1 :]]
            nothing = zero(shape) if shape else literal(0)
            return where(node.condition, contract(inner, labels, out, facts=facts), nothing)
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
        self.coefficient = Fraction(1)
        self.factors: list[tuple[Node, list[Hashable]]] = []
        self.fresh = 0

    def put(self, node: Node, names: list[Hashable]) -> None:
        """Take a factor in, opening nested products and numbers."""
        coefficient, node = split_coefficient(node)
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
        self.factors.append((node, names))

    def finish(self, shape: Shape) -> Node:
        if self.coefficient == 0 or any(is_zero(n) for n, _ in self.factors):
            return zero(shape)
        self._drop_identities()
        self._merge_powers()
        self._sum_out()
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
                    continue
                if drop not in self.out:
                    del self.factors[position]
                    for _, other in self.factors:
                        other[:] = [keep if n == drop else n for n in other]
                    if not any(keep in other for _, other in self.factors):
                        self.factors.append((ones((node.shape[0],)), [keep]))
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
                else (node, Fraction(1))
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
                    else Fraction(1)
                    if old is base
                    else Fraction(0)
                )
                merged[at] = (power(base, literal(before + exponent)), names)
            else:
                found[key] = len(merged)
                merged.append((node, names))
        self.factors = [(n, names) for n, names in merged if n is not UNIT]

    def _uses(self, name: Hashable) -> int:
        return sum(names.count(name) for _, names in self.factors) + self.out.count(name)

    def _sum_out(self) -> None:
        """A vector that sums to one disappears where it is only summed."""
        for position, (node, names) in enumerate(self.factors):
            if self.facts and names and _is_symmetric(node) and names[1] in self.out:
                if names[0] not in self.out or self.out.index(names[1]) < self.out.index(names[0]):
                    names.reverse()
            if names and sums_to_one(node, self.facts) and self._uses(names[-1]) == 1:
                rest = names[:-1]
                self.factors[position] = (ones(node.shape[:-1]), rest)
        self.factors = [(n, names) for n, names in self.factors if n is not UNIT]

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


# --- functions --------------------------------------------------------------------------------


def apply(function: str, *args: Node) -> Node:
    """An elementwise function; the arguments have one shape."""
    shape = args[0].shape
    if any(a.shape != shape for a in args):
        raise ShapeError(" and ".join(show_shape(a.shape) for a in args) + " differ")
    if function in ("exp", "log") and isinstance(args[0], Apply):
        inner = args[0]
        if {function, inner.function} == {"exp", "log"} and function == "log":
            return inner.args[0]
    return Apply.intern(shape, free_of(args), args, function, args)


def power(base: Node, exponent: Node) -> Node:
    """Elementwise power with a scalar exponent."""
    if exponent.shape:
        raise ShapeError(f"an exponent must be a scalar, not {show_shape(exponent.shape)}")
    if isinstance(exponent, Literal):
        if exponent.value == 0:
            return ones(base.shape)
        if exponent.value == 1 or isinstance(base, Ones):
            return base
        # a number is worked out as long as it can be written down
        whole = exponent.value.denominator == 1 and abs(exponent.value) <= MOST_EXPONENT
        if isinstance(base, Literal) and whole and (base.value or exponent.value > 0):
            return literal(base.value ** int(exponent.value))
        coefficient, rest = split_coefficient(base)
        if whole and coefficient != 1 and coefficient and rest is not UNIT:
            return scale(coefficient ** int(exponent.value), power(rest, exponent))
        if isinstance(base, Power) and whole and isinstance(base.exponent, Literal):
            return power(base.base, literal(base.exponent.value * exponent.value))
        if isinstance(base, Test) and exponent.value > 0:
            return base
    children = (base, exponent)
    return Power.intern(base.shape, free_of(children), children, base, exponent)


def square(a: Node) -> Node:
    """a², elementwise."""
    return power(a, literal(2))


def reciprocal(a: Node) -> Node:
    """1/a, elementwise."""
    return power(a, literal(-1))


def along(function: str, arg: Node) -> Node:
    """softmax, logsumexp, max or min along the last axis."""
    if not arg.shape:
        raise ShapeError(f"{function} needs a vector, not a scalar")
    shape = arg.shape if function == "softmax" else arg.shape[:-1]
    return Along.intern(shape, arg.free, (arg,), function, arg)


def inverse(a: Node) -> Node:
    """The inverse of a square matrix."""
    _square(a, "the inverse")
    if isinstance(a, Identity):
        return a
    if isinstance(a, Inverse):
        return a.arg
    return Inverse.intern(a.shape, a.free, (a,), a)


def determinant(a: Node, log: bool = False) -> Node:
    """det A, or log |det A|."""
    _square(a, "the determinant")
    return Determinant.intern((), a.free, (a,), a, log)


def _square(a: Node, what: str) -> None:
    if a.rank != 2 or a.shape[0] != a.shape[1]:
        raise ShapeError(f"{what} needs a square matrix, not {show_shape(a.shape)}")


# --- components -------------------------------------------------------------------------------


def select(arg: Node, at: Sequence[WholeLike | None]) -> Node:
    """Components of an array: an index, or None to keep the axis, for each axis."""
    index = tuple(None if i is None else Whole.of(i) for i in at)
    if len(index) != arg.rank:
        raise ShapeError(f"{len(index)} indices for {arg.rank} axes of {show_shape(arg.shape)}")
    if all(i is None for i in index):
        return arg
    shape = tuple(s for s, i in zip(arg.shape, index, strict=True) if i is None)
    if isinstance(arg, Ones):
        return ones(shape)
    if isinstance(arg, Build) and _inside(index, arg):
        head = {n: i for n, i in zip(arg.indices, index, strict=False) if i is not None}
        body = substitute(arg.body, head)
        return select(body, index[len(arg.indices) :]) if body.shape else body
    first = index[0]
    if isinstance(arg, Stack) and first is not None and isinstance(first.constant, int):
        if 1 <= first.constant <= len(arg.parts):
            part = arg.parts[first.constant - 1]
            return select(part, index[1:]) if part.shape else part
    return Select.intern(shape, free_of((arg,), *index), (arg,), arg, index)


def _inside(index: tuple[Whole | None, ...], arg: Build) -> bool:
    """Whether the indices of a built array are all given, as numbers inside its range."""
    for place, size in zip(index[: len(arg.indices)], arg.shape, strict=False):
        number, length = place.constant if place is not None else None, size.constant
        if not isinstance(number, int) or not isinstance(length, int):
            return False
        if not 1 <= number <= length:
            return False
    return True


def scatter(arg: Node, at: Sequence[WholeLike | None], shape: Shape) -> Node:
    """The transpose of `select`: `arg` at the place `at` of an array of zeros."""
    index = tuple(None if i is None else Whole.of(i) for i in at)
    if all(i is None for i in index):
        return arg
    return Scatter.intern(shape, free_of((arg,), *index), (arg,), arg, index)


def fold(op: str, index: str, low: WholeLike, high: WholeLike, body: Node) -> Node:
    """Σ or Π of `body` for `index` from `low` to `high`."""
    low, high = Whole.of(low), Whole.of(high)
    first, last = low.constant, high.constant
    if isinstance(first, int) and isinstance(last, int) and last < first and not body.shape:
        return literal(0) if op == "sum" else UNIT
    if op == "sum" and is_zero(body):
        return body
    free = (body.free - {index}) | low.names | high.names
    return Fold.intern(body.shape, free, (body,), op, index, low, high, body)


def build(indices: Sequence[str], sizes: Sequence[WholeLike], body: Node) -> Node:
    """The array with components `body` for each value of the indices, which count from 1."""
    if not indices:
        return body
    shape = tuple(Whole.of(s) for s in sizes)
    if isinstance(body, Select) and body.at == tuple(Whole.of(i) for i in indices):
        if body.arg.shape == shape and body.arg.free.isdisjoint(indices):
            return body.arg
    free = body.free - set(indices)
    for size in shape:
        free = free | size.names
    return Build.intern(shape + body.shape, free, (body,), tuple(indices), body)


def test(op: str, left: WholeLike, right: WholeLike) -> Node:
    """1 where `left op right` holds for whole numbers, else 0."""
    left, right = Whole.of(left), Whole.of(right)
    if op in (">", "≥"):
        left, right, op = right, left, {">": "<", "≥": "≤"}[op]
    gap = (right - left).constant
    if gap is not None:
        holds = {"=": gap == 0, "≠": gap != 0, "<": gap > 0, "≤": gap >= 0}[op]
        return UNIT if holds else literal(0)
    return Test.intern((), left.names | right.names, (), op, left, right)


def where(condition: Node, then: Node, otherwise: Node) -> Node:
    """`then` where the scalar condition is not 0, else `otherwise`."""
    if then.shape != otherwise.shape:
        raise ShapeError(f"cases of {show_shape(then.shape)} and {show_shape(otherwise.shape)}")
    if condition.shape:
        raise ShapeError(f"a condition must be a scalar, not {show_shape(condition.shape)}")
    if isinstance(condition, Literal):
        return then if condition.value else otherwise
    children = (condition, then, otherwise)
    return Where.intern(then.shape, free_of(children), children, condition, then, otherwise)


def stack(parts: Sequence[Node]) -> Node:
    """Nodes of one shape along a new first axis."""
    if any(p.shape != parts[0].shape for p in parts):
        raise ShapeError("the rows of an array must have one shape")
    children = tuple(parts)
    shape = (Whole.of(len(parts)), *parts[0].shape)
    return Stack.intern(shape, free_of(children), children, children)


def concat(parts: Sequence[Node]) -> Node:
    """Arrays joined along their first axis."""
    if any(p.rank == 0 or p.shape[1:] != parts[0].shape[1:] for p in parts):
        raise ShapeError("stacked parts must agree in all axes but the first")
    length = Whole.of(0)
    for part in parts:
        length = length + part.shape[0]
    children = tuple(parts)
    return Concat.intern((length, *parts[0].shape[1:]), free_of(children), children, children)


def reshape(arg: Node, shape: Shape) -> Node:
    """The same entries, row by row, in another shape."""
    if arg.shape == shape:
        return arg
    return Reshape.intern(shape, arg.free, (arg,), arg)


def derivative(of: Node, by: Node, mode: str = "total") -> Node:
    """A derivative to be worked out."""
    children = (of, by)
    return Derivative.intern(of.shape + by.shape, free_of(children), children, of, by, mode)


# --- rewriting --------------------------------------------------------------------------------


def rebuild(node: Node, children: Sequence[Node]) -> Node:
    """The node with other children, made (and simplified) anew."""
    match node:
        case Add():
            pairs = [(c, n) for (c, _), n in zip(node.terms, children, strict=True)]
            return add(pairs) if pairs else node
        case Contract():
            return contract(children, node.labels, node.out)
        case Apply():
            return apply(node.function, *children)
        case Power():
            return power(children[0], children[1])
        case Along():
            return along(node.function, children[0])
        case Inverse():
            return inverse(children[0])
        case Determinant():
            return determinant(children[0], node.log)
        case Select():
            return select(children[0], node.at)
        case Scatter():
            return scatter(children[0], node.at, node.shape)
        case Fold():
            return fold(node.op, node.index, node.low, node.high, children[0])
        case Build():
            return build(node.indices, node.shape[: len(node.indices)], children[0])
        case Where():
            return where(children[0], children[1], children[2])
        case Stack():
            return stack(children)
        case Concat():
            return concat(children)
        case Reshape():
            return reshape(children[0], node.shape)
        case Derivative():
            return derivative(children[0], children[1], node.mode)
        case _:
            return node


def replace(node: Node, table: Mapping[Node, Node]) -> Node:
    """The node with some parts exchanged for others of the same shape."""
    memo: dict[Node, Node] = dict(table)

    def visit(part: Node) -> Node:
        found = memo.get(part)
        if found is None:
            fresh = [visit(child) for child in part.children]
            same = all(a is b for a, b in zip(fresh, part.children, strict=True))
            found = memo[part] = part if same else rebuild(part, fresh)
        return found

    return visit(node)


def substitute(node: Node, values: Mapping[str, WholeLike]) -> Node:
    """The node with wholes in the place of open indices (or sizes used as numbers)."""
    table = {name: Whole.of(value) for name, value in values.items()}
    names = frozenset().union(*(w.names for w in table.values())) if table else NOTHING
    memo: dict[Node, Node] = {}

    def visit(part: Node) -> Node:
        if part.free.isdisjoint(table):
            return part
        found = memo.get(part)
        if found is None:
            found = memo[part] = _substituted(part)
        return found

    def _substituted(part: Node) -> Node:
        match part:
            case Count():
                return count(part.whole.put(table))
            case Symbol():
                return symbol(part.name, part.shape, [i.put(table) for i in part.index], part.facts)
            case Test():
                return test(part.op, part.left.put(table), part.right.put(table))
            case Select() | Scatter():
                at = [None if i is None else i.put(table) for i in part.at]
                arg = visit(part.arg)
                return select(arg, at) if isinstance(part, Select) else scatter(arg, at, part.shape)
            case Fold():
                body, index = part.body, part.index
                if index in names or index in table:
                    fresh = unused(index, names | body.free | set(table))
                    body, index = substitute(body, {index: fresh}), fresh
                return fold(part.op, index, part.low.put(table), part.high.put(table), visit(body))
            case Build():
                body, indices = part.body, part.indices
                clash = [i for i in indices if i in names or i in table]
                if clash:
                    taken = names | body.free | set(table) | set(indices)
                    renamed: dict[str, str] = {}
                    for i in clash:
                        renamed[i] = unused(i, taken)
                        taken = taken | {renamed[i]}
                    body = substitute(body, renamed)
                    indices = tuple(renamed.get(i, i) for i in indices)
                return build(indices, part.shape[: len(indices)], visit(body))
            case _:
                return rebuild(part, [visit(child) for child in part.children])

    return visit(node)


def unused(name: str, taken: Iterable[str]) -> str:
    """A name like this one that is not taken: `i`, `i′`, `i″`, …"""
    taken = set(taken)
    while name in taken:
        name += "′"
    return name
