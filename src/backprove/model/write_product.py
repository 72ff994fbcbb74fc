"""A contraction back in matrix notation.

The operands are seen as a graph: labels are its points, matrices its edges, vectors sit on points.
The graph is taken apart the way a person reads it, one rule at a time: what stands on the same
labels meets by ⊙; a label summed by one matrix (and a vector) is a matrix times a vector; one
summed by two matrices is a matrix product, with `diag` of the vector between; two matrices
forming a loop are the diagonal of their product, whose sum is the trace. What these rules cannot
reduce (three matrices meeting in a point that is kept, a net of four) has no matrix form.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from backprove.model.write_chain import (
    Chain,
    Factor,
    diagonals,
    row_of,
    summed,
    transposes,
)
from backprove.model.write_syntax import (
    ONES,
    NoMatrixForm,
    juxtapose,
    number,
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
)
from backprove.tensor.build import literal, ones, power
from backprove.tensor.nodes import Contract, Identity, Literal, Node, Ones
from backprove.tensor.nodes import Derivative as DerivativeNode
from backprove.tensor.nodes import Power as PowerNode
from backprove.tensor.whole import ONE, Whole

Write = Callable[[Node], Expr]
#: `I` of a size
Sized = Callable[[Whole], Expr]


def written_product(coefficient: Fraction, node: Node, write: Write, identity: Sized) -> Expr:
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
    return _assemble(coefficient, graph.scalars, graph.body(node.shape[-1] if node.shape else ONE))


def inverted(node: Node) -> Node | None:
    """What a node is one over (elementwise), where it is a negative power."""
    if not isinstance(node, PowerNode) or not isinstance(node.exponent, Literal):
        return None
    value = node.exponent.value
    return power(node.base, literal(-value)) if value < 0 else None


#: a product, the factors that it is made of, and its labels
Joined = tuple[Chain, tuple[Factor, ...], tuple[int, ...]]


# --- the graph ------------------------------------------------------------------------------------


@dataclass(slots=True)
class Scalars:
    """Scalar factors, above and below the fraction line."""

    over: list[Expr] = field(default_factory=list[Expr])
    under: list[Expr] = field(default_factory=list[Expr])


@dataclass(slots=True)
class _Graph:
    write: Write
    identity: Sized
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
        """The matrices and the vector on a summed label; None where other things are on it."""
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
                    return self._exchange(
                        (f, g), Factor(f.labels, f.over + g.over, f.under + g.under)
                    )
        return False

    def _overlay(self) -> bool:
        """Arrays on the same labels meet by ⊙."""
        for at, f in enumerate(self.factors):
            for g in self.factors[at + 1 :]:
                if f.labels == g.labels:
                    return self._exchange((f, g), f.times(g))
                if f.labels == g.labels[::-1]:
                    ways = (f.times(g.turned()), f.turned().times(g))
                    return self._exchange((f, g), min(ways, key=lambda way: way.signs))
        return False

    def _close(self) -> bool:
        """An array that stands alone and is summed is a scalar."""
        for f in self.factors:
            alone = all(
                label not in g.labels for g in self.factors if g is not f for label in f.labels
            )
            if alone and not set(f.labels) & set(self.out):
                self.scalars.over.append(summed(f))
                self.factors = [g for g in self.factors if g is not f]
                return True
        return False

    def _loop(self) -> bool:
        """Two matrices one after the other and back: the diagonal of their product."""
        chains: list[Joined] = []
        for turn in (1, -1):
            for label, pair, vectors in self._between():
                other = pair[0].across(label)
                overlaid = any(f.is_entrywise for f in pair) and other in self.out
                if pair[0].labels == pair[1].labels and all(len(f.chain) == 1 for f in pair):
                    overlaid = True
                if pair[1].across(label) == other and not overlaid:
                    first, last = pair[::turn]
                    chain = (*first.towards(other), *diagonals(vectors), *last.towards(label))
                    chains.append((chain, (*pair, *vectors), (other,)))
        if not chains:
            return False
        chain, old, labels = min(chains, key=lambda found: transposes(found[0]))
        return self._exchange(old, Factor(labels, [(Call("diag", (juxtapose(chain),)),)]))

    def _leaf(self) -> bool:
        """A matrix times a vector; a matrix times ones only where there is no other."""
        leaves = [(n, f) for n in self._labels() if (f := self._at(n)) and len(f[0]) == 1]
        if not leaves:
            return False
        label, ((matrix,), vectors) = max(leaves, key=lambda leaf: len(leaf[1][1]))
        other = matrix.across(label)
        chain = (*matrix.towards(other), *(vectors[0].chain if vectors else (ONES,)))
        return self._exchange((matrix, *vectors), Factor((other,), [chain]))

    def _pair(self) -> bool:
        """A matrix times a matrix; one that is joined entry by entry waits for others to join."""
        chains: list[Joined] = []
        for label, (a, b), vectors in self._between():
            ends = (a.across(label), b.across(label))
            chain = (*a.towards(ends[0]), *diagonals(vectors), *b.towards(label))
            chains.append((chain, (a, b, *vectors), ends))
        if not chains:
            return False
        chain, old, labels = min(
            chains, key=lambda found: (any(f.is_entrywise for f in found[1]), transposes(found[0]))
        )
        return self._exchange(old, Factor(labels, [chain]))

    def _between(self) -> Iterator[tuple[int, tuple[Factor, Factor], list[Factor]]]:
        """Summed labels on which two matrices stand, with the vector on them if any."""
        for label in self._labels():
            found = self._at(label)
            if found is not None and len(found[0]) == 2:
                (a, b), vectors = found
                yield label, (a, b), vectors

    # --- what is left ---

    def body(self, size: Whole) -> Expr | None:
        """The array that the reduced graph is, without its scalars; None for a scalar.

        `size` is that of the last axis.
        """
        out = self.out
        if len(out) == 2 and out[0] != out[1]:
            return self._matrix(*out)
        if len(self.factors) != len(out[:1]):
            raise NoMatrixForm("arrays that no matrix product joins")
        if not out:
            return None
        (only,) = self.factors
        if len(out) == 2 and len(only.labels) == 1:
            return self.identity(size) if only.is_ones else Call("diag", (juxtapose(only.chain),))
        if out in (only.labels, only.labels[::-1]):
            return juxtapose(only.towards(out[0]))
        raise NoMatrixForm("axes in an order that is neither kept nor reversed")

    def _matrix(self, row: int, column: int) -> Expr:
        """`diag(u) M diag(v)`, or the outer product of two vectors."""
        sides = {f.labels[0]: f for f in self.factors if len(f.labels) == 1}
        rest = [f for f in self.factors if len(f.labels) > 1]
        if not rest and set(sides) == {row, column}:
            return juxtapose((*sides[row].chain, *row_of(sides[column].chain)))
        if len(rest) != 1 or set(rest[0].labels) != {row, column} or set(sides) - {row, column}:
            raise NoMatrixForm("matrices that no product joins")
        ends = [diagonals([sides[n]] if n in sides else []) for n in (row, column)]
        return juxtapose((*ends[0], *rest[0].towards(row), *ends[1]))


def _find_diagonal(operands: Sequence[tuple[Node, list[int]]]) -> int | None:
    """An operand that is zero off its diagonal, so that its two labels are one."""
    for at, (node, names) in enumerate(operands):
        diagonal = isinstance(node, Contract) and len(node.out) == 2 and node.out[0] == node.out[1]
        if len(names) == 2 and (isinstance(node, Identity) or diagonal):
            return at
    return None


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
