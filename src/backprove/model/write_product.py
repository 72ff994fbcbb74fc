"""A contraction back in matrix notation.

The operands are seen as a graph: labels are its points, matrices its edges, vectors sit on points.
The graph is taken apart the way a person reads it, one rule at a time: what stands on the same
labels meets by ⊙; a label summed by one matrix (and a vector) is a matrix times a vector; one
summed by two matrices is a matrix product, with `diag` of the vector between; two matrices
forming a loop are the diagonal of their product, whose sum is the trace. What these rules cannot
reduce (three matrices meeting in a point that is kept, a net of four) has no matrix form.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from backprove.model.write_syntax import (
    ONES,
    NoMatrixForm,
    elementwise,
    juxtapose,
    number,
    raised,
    scaled,
    transposed,
)
from backprove.notation.syntax import (
    Big,
    Call,
    Derivative,
    Expr,
    Index,
    Name,
    Number,
    Power,
    Product,
    Quotient,
    Sum,
    Tag,
    Transpose,
)
from backprove.tensor.build import literal, ones, power
from backprove.tensor.nodes import Contract, Identity, Literal, Node, Ones
from backprove.tensor.nodes import Derivative as DerivativeNode
from backprove.tensor.nodes import Power as PowerNode

#: factors beside each other, which are matrices but for a vector at the end
Chain = tuple[Expr, ...]
Write = Callable[[Node], Expr]
TWO = number(2)


def written_product(coefficient: Fraction, node: Node, write: Write, identity: Expr) -> Expr:
    """A positive number times a node, with `write` for its operands; raises NoMatrixForm."""
    graph = _Graph(write, identity)
    tensors = _tensor_product(node, write)
    if tensors is not None and node.rank:
        graph.factors.append(Factor(tuple(range(node.rank)), [tensors]))
        graph.out = tuple(range(node.rank))
    elif tensors is not None:
        graph.scalars.over.append(juxtapose(tensors))
    elif isinstance(node, Contract):
        graph.put_all(node.operands, node.labels, node.out)
    else:
        axes = tuple(range(node.rank))
        graph.put_all((node,), (axes,), axes)
    graph.reduce()
    return _assemble(coefficient, graph.scalars, graph.body())


def inverted(node: Node) -> Node | None:
    """What a node is one over (elementwise), where it is a negative power."""
    if isinstance(node, PowerNode) and isinstance(node.exponent, Literal):
        if node.exponent.value < 0:
            return power(node.base, literal(-node.exponent.value))
    return None


# --- arrays ---------------------------------------------------------------------------------------


@dataclass(slots=True)
class Factor:
    """An array in the product: `over` by ⊙, ⊘ `under`; ones where both are empty."""

    labels: tuple[int, ...]
    over: list[Chain] = field(default_factory=list[Chain])
    under: list[Chain] = field(default_factory=list[Chain])

    @property
    def is_ones(self) -> bool:
        return not self.over and not self.under

    @property
    def chain(self) -> Chain:
        if not self.under:
            return self.over[0] if len(self.over) == 1 else (_entrywise(self.over),)
        above = _entrywise(self.over) if self.over else number(1)
        return (Quotient(above, _entrywise(self.under), elementwise=True),)

    def turned(self) -> Factor:
        """The transpose."""
        over, under = ([_turned(c) for c in chains] for chains in (self.over, self.under))
        return Factor(self.labels[::-1], over, under)

    def towards(self, label: int) -> Chain:
        """A matrix as a chain with this label for its rows."""
        return self.chain if self.labels[0] == label else _turned(self.chain)

    def across(self, label: int) -> int:
        """The other label of a matrix."""
        return self.labels[1] if self.labels[0] == label else self.labels[0]


def _entrywise(chains: Sequence[Chain]) -> Expr:
    """Chains joined by ⊙; derivatives that share a variable would be read as the chain rule."""
    if not chains:
        return ONES
    factors = [juxtapose(chain) for chain in chains]
    derivatives = [f for f in factors if isinstance(f, Derivative)]
    if any(a.by == (b.of,) for a in derivatives for b in derivatives):
        raise NoMatrixForm("an elementwise product of derivatives that share a variable")
    return elementwise(factors)


def _turned(chain: Chain) -> Chain:
    """The transpose of a chain of matrices; `diag(v)` is its own."""
    diagonal = [isinstance(f, Call) and f.function == "diag" for f in chain]
    pairs = zip(chain, diagonal, strict=True)
    return tuple(f if same else transposed(f) for f, same in reversed([*pairs]))


def _row(chain: Chain) -> Chain:
    """The transpose of a chain that ends in a vector."""
    return (transposed(chain[-1]), *_turned(chain[:-1]))


def _upright(*chains: Chain) -> Chain:
    """The chain with the fewest transposes, the first of these."""
    return min(chains, key=lambda chain: sum(isinstance(f, Transpose) for f in chain))


# --- the graph ------------------------------------------------------------------------------------


@dataclass(slots=True)
class Scalars:
    """Scalar factors, above and below the fraction line."""

    over: list[Expr] = field(default_factory=list[Expr])
    under: list[Expr] = field(default_factory=list[Expr])


@dataclass(slots=True)
class _Graph:
    write: Write
    identity: Expr
    out: tuple[int, ...] = ()
    factors: list[Factor] = field(default_factory=list[Factor])
    scalars: Scalars = field(default_factory=Scalars)

    # --- taking operands in ---

    def put_all(
        self, nodes: Sequence[Node], labels: Sequence[Sequence[int]], out: Sequence[int]
    ) -> None:
        """Take the operands in; what makes two labels one (I, a diagonal) is settled first."""
        operands = [(node, list(names)) for node, names in zip(nodes, labels, strict=True)]
        target = list(out)
        spare = 1 + max((n for _, names in operands for n in names), default=0)
        while (at := _find_diagonal(operands)) is not None:
            node, (keep, drop) = operands.pop(at)
            if isinstance(node, Contract):
                inner = {n for names in node.labels for n in names} - set(node.out)
                table = {name: spare + i for i, name in enumerate(inner)} | {node.out[0]: keep}
                spare += len(inner)
                operands[at:at] = [
                    (part, [table[n] for n in names])
                    for part, names in zip(node.operands, node.labels, strict=True)
                ]
            else:
                operands.append((ones(node.shape[:1]), [keep]))
            for names in (target, *(names for _, names in operands)):
                names[:] = [keep if n == drop else n for n in names]
        self.out = tuple(target)
        for node, names in operands:
            self._put(node, names)

    def _put(self, node: Node, names: list[int]) -> None:
        below = inverted(node)
        if isinstance(node, Ones):
            self.factors += [Factor((name,)) for name in names]
            return
        expr = self.write(node if below is None else below)
        if not names:
            (self.scalars.over if below is None else self.scalars.under).append(expr)
            return
        if len(set(names)) < len(names):
            if len(names) > 2:
                raise NoMatrixForm("a diagonal of an array of higher order")
            expr, names = Call("diag", (expr,)), names[:1]
        chains: tuple[list[Chain], list[Chain]] = ([(expr,)], [])
        over, under = chains if below is None else chains[::-1]
        self.factors.append(Factor(tuple(names), over, under))

    # --- rules ---

    def reduce(self) -> None:
        """Apply the rules until none fits."""
        rules = (self._meet, self._close, self._loop, self._overlay, self._leaf, self._pair)
        while any(rule() for rule in rules):
            pass

    def _at(self, label: int) -> tuple[list[Factor], list[Factor]] | None:
        """The matrices on a summed label, and its vector if any; None where it is no such label."""
        on = [f for f in self.factors if label in f.labels]
        matrices = [f for f in on if len(f.labels) == 2]
        vectors = [f for f in on if len(f.labels) == 1]
        plain = label not in self.out and len(matrices) + len(vectors) == len(on)
        return (matrices, vectors) if plain else None

    def _labels(self) -> list[int]:
        return list(dict.fromkeys(label for f in self.factors for label in f.labels))

    def _exchange(self, old: Sequence[Factor], new: Factor) -> bool:
        """Put one factor where the first of some others stood."""
        place = min(at for at, f in enumerate(self.factors) if any(f is o for o in old))
        kept = [f for f in self.factors if not any(f is o for o in old)]
        self.factors = [*kept[:place], new, *kept[place:]]
        return True

    def _meet(self) -> bool:
        """Vectors on one label meet by ⊙; ones vanish beside anything else."""
        for f in self.factors:
            if len(f.labels) != 1:
                continue
            for g in self.factors:
                if f.is_ones and g is not f and f.labels[0] in g.labels:
                    self.factors = [h for h in self.factors if h is not f]
                    return True
                if g is not f and g.labels == f.labels:
                    return self._exchange((f, g), Factor(f.labels, f.over + g.over, f.under + g.under))
        return False

    def _overlay(self) -> bool:
        """Arrays on the same labels meet by ⊙."""
        for at, f in enumerate(self.factors):
            for g in self.factors[at + 1 :]:
                if f.labels in (g.labels, g.labels[::-1]):
                    h = g if g.labels == f.labels else g.turned()
                    return self._exchange((f, g), Factor(f.labels, f.over + h.over, f.under + h.under))
        return False

    def _close(self) -> bool:
        """An array that stands alone and is summed is a scalar."""
        for f in self.factors:
            alone = all(label not in g.labels for g in self.factors if g is not f for label in f.labels)
            if alone and not set(f.labels) & set(self.out):
                self.scalars.over.append(_summed(f))
                self.factors = [g for g in self.factors if g is not f]
                return True
        return False

    def _loop(self) -> bool:
        """Two matrices one after the other and back: the diagonal of their product."""
        for label in self._labels():
            found = self._at(label)
            if found is None or len(found[0]) != 2:
                continue
            (a, b), vectors = found
            other = a.across(label)
            overlaid = a.labels == b.labels and len(a.chain) == len(b.chain) == 1
            if b.across(label) != other or overlaid:
                continue
            middle = _diagonals(vectors)
            chain = _upright(
                (*a.towards(other), *middle, *b.towards(label)),
                (*b.towards(other), *middle, *a.towards(label)),
            )
            diagonal = Call("diag", (juxtapose(chain),))
            return self._exchange((a, b, *vectors), Factor((other,), [(diagonal,)]))
        return False

    def _leaf(self) -> bool:
        """A matrix times a vector."""
        for label in self._labels():
            found = self._at(label)
            if found is not None and len(found[0]) == 1:
                (matrix,), vectors = found
                other = matrix.across(label)
                chain = (*matrix.towards(other), *(vectors[0].chain if vectors else (ONES,)))
                return self._exchange((matrix, *vectors), Factor((other,), [chain]))
        return False

    def _pair(self) -> bool:
        """A matrix times a matrix."""
        for label in self._labels():
            found = self._at(label)
            if found is not None and len(found[0]) == 2:
                (a, b), vectors = found
                ends = (a.across(label), b.across(label))
                chain = (*a.towards(ends[0]), *_diagonals(vectors), *b.towards(label))
                return self._exchange((a, b, *vectors), Factor(ends, [chain]))
        return False

    # --- what is left ---

    def body(self) -> Expr | None:
        """The array that the reduced graph is, without its scalars; None for a scalar."""
        out = self.out
        if len(out) == 2 and out[0] != out[1]:
            return self._matrix(*out)
        if len(self.factors) != len(out[:1]):
            raise NoMatrixForm("arrays that no matrix product joins")
        if not out:
            return None
        (only,) = self.factors
        if len(out) == 2 and len(only.labels) == 1:
            return self.identity if only.is_ones else Call("diag", (juxtapose(only.chain),))
        for form in (only, only.turned()):
            if form.labels == out:
                return juxtapose(form.chain)
        raise NoMatrixForm("axes in an order that is neither kept nor reversed")

    def _matrix(self, row: int, column: int) -> Expr:
        """`diag(u) M diag(v)`, or the outer product of two vectors."""
        sides = {f.labels[0]: f for f in self.factors if len(f.labels) == 1}
        rest = [f for f in self.factors if len(f.labels) > 1]
        if not rest and set(sides) == {row, column}:
            return juxtapose((*sides[row].chain, *_row(sides[column].chain)))
        if len(rest) != 1 or set(rest[0].labels) != {row, column} or set(sides) - {row, column}:
            raise NoMatrixForm("matrices that no product joins")
        ends = [_diagonals([sides[n]] if n in sides else []) for n in (row, column)]
        return juxtapose((*ends[0], *rest[0].towards(row), *ends[1]))


def _find_diagonal(operands: Sequence[tuple[Node, list[int]]]) -> int | None:
    """An operand that is zero off its diagonal, so that its two labels are one."""
    for at, (node, names) in enumerate(operands):
        diagonal = isinstance(node, Contract) and len(node.out) == 2 and node.out[0] == node.out[1]
        if len(names) == 2 and (isinstance(node, Identity) or diagonal):
            return at
    return None


def _diagonals(vectors: Sequence[Factor]) -> Chain:
    return tuple(Call("diag", (juxtapose(v.chain),)) for v in vectors if not v.is_ones)


def _summed(f: Factor) -> Expr:
    """The sum of all entries: `xᵀ y`, `‖x‖²`, `tr(A B)`, `sum(x)`."""
    rank = len(f.labels)
    if rank == 1 and len(f.over) == 2 and not f.under:
        a, b = f.over
        return juxtapose(_upright((*_row(a), *b), (*_row(b), *a)))
    chain = f.chain
    if rank == 1 and len(chain) > 1 and chain[-1] is ONES:
        chain = chain[:-1]
        rank = 2
    if rank == 2:
        chain = _upright(chain, _turned(chain))
    whole = juxtapose(chain)
    match whole:
        case Power(base, exponent) if exponent == TWO:
            return Power(Call("norm_F" if rank == 2 else "norm", (base,)), TWO)
        case Call("diag", (matrix,)) if rank == 1:
            return Call("tr", (matrix,))
        case _:
            return Call("sum", (whole,))


# --- tensors of higher order ----------------------------------------------------------------------


def _tensor_product(node: Node, write: Write) -> Chain | None:
    """Two arrays beside each other: the last axis of one summed over the first of the other.

    Derivatives are summed over all axes of the variable that they share (the chain rule).
    """
    if not isinstance(node, Contract) or len(node.operands) != 2:
        return None
    (a, b), (left, right) = node.operands, node.labels
    chained = isinstance(a, DerivativeNode) and isinstance(b, DerivativeNode) and a.by is b.of
    shared = a.by.rank if isinstance(a, DerivativeNode) and chained else 1
    if not shared or not (chained or max(a.rank, b.rank) > 2):
        return None
    rest = (*left[: len(left) - shared], *right[shared:])
    fits = left[len(left) - shared :] == right[:shared] and node.out == rest
    if not fits or len(set(rest)) < len(rest) or set(rest) & set(right[:shared]):
        return None
    first = write(a)
    return (transposed(first) if a.rank == 1 and not chained else first, write(b))


# --- scalars in front -----------------------------------------------------------------------------


def _assemble(coefficient: Fraction, scalars: Scalars, body: Expr | None) -> Expr:
    """A number, scalars above and below the line, and an array, in the order of a textbook."""
    over = sorted(scalars.over, key=_weight)
    if not scalars.under:
        front = [number(coefficient)] if coefficient != 1 else []
        if body is not None:
            return scaled([*front, *over], body)
        return scaled(front, juxtapose(over)) if over else number(coefficient)
    top = [number(coefficient.numerator)] if coefficient.numerator != 1 else []
    bottom = [number(coefficient.denominator)] if coefficient.denominator != 1 else []
    under = juxtapose([*bottom, *sorted(scalars.under, key=_weight)])
    light = [s for s in over if not isinstance(s, Big)]
    heavy = [s for s in over if isinstance(s, Big)]
    above = [*top, *light]
    if not above and not heavy and isinstance(body, Name | Index | Tag | Call | Sum | Power):
        return Quotient(body, under)
    fraction = Quotient(juxtapose(above) if above else number(1), under)
    if body is None:
        return juxtapose([fraction, *heavy])
    return scaled([fraction, *heavy], body)


def _weight(expr: Expr) -> int:
    """Numbers before names before everything longer; a big sum last."""
    for weight, kinds in enumerate(_ORDER):
        if isinstance(expr, kinds):
            return weight
    return len(_ORDER) - 1


_ORDER = (Number, Name | Index | Tag, Power | Call | Quotient | Product | Sum, Derivative, Big)
