"""Arrays in a product that is being written: chains of matrix factors, joined entry by entry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from backprove.model.write_syntax import (
    ONES,
    NoMatrixForm,
    elementwise,
    juxtapose,
    number,
    transposed,
)
from backprove.notation.syntax import (
    Call,
    Derivative,
    Expr,
    Power,
    Product,
    Quotient,
    Transpose,
)

#: factors beside each other, which are matrices but for a vector at the end
Chain = tuple[Expr, ...]
TWO = number(2)


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

    def times(self, other: Factor) -> Factor:
        """The elementwise product with an array on the same labels."""
        return Factor(self.labels, self.over + other.over, self.under + other.under)

    def turned(self) -> Factor:
        """The transpose."""
        over, under = ([_turned(c) for c in chains] for chains in (self.over, self.under))
        return Factor(self.labels[::-1], over, under)

    @property
    def is_entrywise(self) -> bool:
        """Whether arrays are joined entry by entry in it."""
        return len(self.over) + len(self.under) > 1

    def towards(self, label: int) -> Chain:
        """A matrix as a chain with this label for its rows."""
        if self.labels[0] == label:
            return self.chain
        apart = self.turned().chain
        if not self.is_entrywise:
            return apart
        return min((transposed(juxtapose(self.chain)),), apart, key=signs)

    @property
    def signs(self) -> int:
        """How many signs of transposition there are in its parts."""
        return sum(signs(chain) for chain in (*self.over, *self.under))

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


def row_of(chain: Chain) -> Chain:
    """The transpose of a chain that ends in a vector."""
    return (transposed(chain[-1]), *_turned(chain[:-1]))


def transposes(chain: Chain) -> int:
    """How many factors are transposed; the fewer the better it reads."""
    return sum(isinstance(f, Transpose) for f in chain)


def signs(chain: Chain) -> int:
    """How many signs of transposition are written in a chain, also inside products."""
    return sum(map(_signs, chain))


def _signs(expr: Expr) -> int:
    match expr:
        case Transpose():
            return 1 + _signs(expr.base)
        case Product():
            return signs(expr.factors)
        case Quotient():
            return _signs(expr.over) + _signs(expr.under)
        case _:
            return 0


def upright(*chains: Chain) -> Chain:
    """The chain with the fewest transposes, the first of these."""
    return min(chains, key=transposes)


def diagonals(vectors: Sequence[Factor]) -> Chain:
    return tuple(Call("diag", (juxtapose(v.chain),)) for v in vectors if not v.is_ones)


def summed(f: Factor) -> Expr:
    """The sum of all entries: `xᵀ y`, `‖x‖²`, `tr(A B)`, `sum(x)`."""
    rank = len(f.labels)
    if rank == 1 and len(f.over) == 2 and not f.under:
        a, b = f.over
        return juxtapose(upright((*row_of(a), *b), (*row_of(b), *a)))
    chain = f.chain
    if rank == 1 and len(chain) > 1 and chain[-1] is ONES:
        chain = chain[:-1]
        rank = 2
    if rank == 2:
        chain = upright(chain, _turned(chain))
    whole = juxtapose(chain)
    match whole:
        case Power(base, exponent) if exponent == TWO:
            return Power(Call("norm_F" if rank == 2 else "norm", (base,)), TWO)
        case Call("diag", (matrix,)) if rank == 1:
            return Call("tr", (matrix,))
        case Call("abs", (inside,)) if rank == 1:
            return Call("norm_1", (inside,))
        case _:
            return Call("sum", (whole,))
