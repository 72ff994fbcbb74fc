"""Small pieces of written mathematics: numbers, names, whole numbers, signed sums, products.

They know syntax only. What array stands in which place is decided in `write` and `write_product`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm

from backprove.notation.syntax import (
    Call,
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
from backprove.tensor.whole import Whole

ONES = Name("ones")
DECIMALS = 10**9
LAST_LETTERS = "abcdfghijklmnopqrstuvwxyzαβγζηικμνξρτυφχψω"


class NoMatrixForm(Exception):
    """An array that cannot be written with names and products alone, only by its components."""


@dataclass(frozen=True, slots=True)
class Letters:
    """Preferences: letters for indices in their order, and names that have a meaning already."""

    indices: tuple[str, ...] = tuple("ijklrspquvabcdmnxyz")
    taken: frozenset[str] = frozenset()

    def fresh(self, used: frozenset[str]) -> str:
        """A letter for an index that is not in use."""
        for letter in (*self.indices, *LAST_LETTERS):
            if letter not in used:
                return letter
        raise NoMatrixForm("no letter is left for an index")


def number(value: Fraction | int) -> Expr:
    """A rational number: `2`, `\\frac{1}{2}`, `0.9` where the denominator asks for it, `-3`."""
    value = Fraction(value)
    if value < 0:
        return Sum(((-1, number(-value)),))
    bottom = value.denominator
    if bottom == 1:
        return Number(value, str(value.numerator))
    if bottom >= 10 and bottom % 5 == 0 and DECIMALS % bottom == 0:
        return Number(value, _decimal(value))
    return Quotient(number(value.numerator), number(bottom))


def _decimal(value: Fraction) -> str:
    """The exact decimal of a fraction whose denominator divides a power of ten."""
    digits = str(value * DECIMALS).rjust(10, "0")
    return f"{digits[:-9]}.{digits[-9:].rstrip('0')}"


def signed(terms: Iterable[tuple[int, Expr]]) -> Expr:
    """A sum of terms, sums inside it opened; a positive term comes first where there is one."""
    flat: list[tuple[int, Expr]] = []
    for sign, term in terms:
        flat += [(sign * s, t) for s, t in term.terms] if isinstance(term, Sum) else [(sign, term)]
    if not flat:
        return number(0)
    lead = next((at for at, (sign, _) in enumerate(flat) if sign > 0), 0)
    flat.insert(0, flat.pop(lead))
    return flat[0][1] if len(flat) == 1 and flat[0][0] > 0 else Sum(tuple(flat))


def juxtapose(factors: Sequence[Expr]) -> Expr:
    """Factors beside each other."""
    return factors[0] if len(factors) == 1 else Product(tuple(factors), ("",) * (len(factors) - 1))


def elementwise(factors: Sequence[Expr]) -> Expr:
    """Factors joined by ⊙."""
    return factors[0] if len(factors) == 1 else Product(tuple(factors), ("⊙",) * (len(factors) - 1))


def scaled(factors: Sequence[Expr], body: Expr) -> Expr:
    """Scalars before an array; they join the first factor of a product by ⊙."""
    if not factors:
        return body
    if isinstance(body, Product) and body.ops[0] == "⊙":
        return Product((scaled(factors, body.factors[0]), *body.factors[1:]), body.ops)
    if isinstance(body, Product) and not body.ops[0] and not _guarded(body):
        return juxtapose([*factors, *body.factors])
    return juxtapose([*factors, body])


def _guarded(product: Product) -> bool:
    """Whether a condition stands first, beside which the rest must stay where it may fail."""
    first = product.factors[0]
    return isinstance(first, Call) and first.function == "indicator"


def transposed(expr: Expr) -> Expr:
    """The transpose of a matrix or vector that is one factor."""
    if isinstance(expr, Transpose):
        return expr.base
    if expr == Name("I"):
        return expr
    return Transpose(expr)


def raised(base: Expr, exponent: Fraction) -> Expr:
    """A positive power: `x^2`, `sqrt(x)`; the root of a squared norm is the norm."""
    if isinstance(base, Power) and isinstance(base.base, Call) and base.base.function in NORMS:
        assert isinstance(base.exponent, Number)
        base, exponent = base.base, base.exponent.value * exponent
    if exponent == 1:
        return base
    if exponent == Fraction(1, 2):
        return Call("sqrt", (base,))
    return Power(base, number(exponent))


NORMS = frozenset({"norm", "norm_F"})


def written_index(whole: Whole) -> Expr:
    """A size or an index: `n`, `t - 1`, `3 - t`, `2(r - 1) + i`, `\\frac{n}{2}`."""
    bottom = lcm(*(Fraction(c).denominator for _, c in whole.terms))
    if bottom > 1:
        return Quotient(written_index(whole * bottom), number(bottom))
    ordered = sorted(whole.terms, key=lambda t: (not t[0], t[0]))
    strides = [(m, c) for m, c in ordered if len(m) == 1 and abs(c) > 1]
    constant = ordered[-1][1] if ordered and not ordered[-1][0] else Fraction(0)
    left = constant + sum(c for _, c in strides)
    if abs(left) >= abs(constant):
        return signed(_monomial(m, c) for m, c in ordered)
    ahead = [_stride(m, c) for m, c in sorted(strides, key=lambda t: -t[1]) if c > 0]
    plain = [_monomial(m, c) for m, c in ordered if m and (m, c) not in strides]
    terms = [*ahead, *plain, *(_stride(m, c) for m, c in strides if c < 0)]
    return signed([*terms, _monomial((), left)] if left else terms)


def _stride(names: tuple[str, ...], coefficient: Fraction | int) -> tuple[int, Expr]:
    """Steps counted from 1, as in `2(r - 1) + i`."""
    step = signed([(1, _size_name(names[0])), (-1, number(1))])
    return (1 if coefficient > 0 else -1), juxtapose([number(abs(coefficient)), step])


def _monomial(names: tuple[str, ...], coefficient: Fraction | int) -> tuple[int, Expr]:
    size = abs(coefficient)
    head = [number(size)] if size != 1 or not names else []
    return (1 if coefficient > 0 else -1), juxtapose([*head, *(_size_name(n) for n in names)])


def _size_name(name: str) -> Expr:
    """A size may wear a number below (`n_1`), which is part of its name."""
    head, _, tail = name.rpartition("_")
    return Index(_size_name(head), (_item(tail),)) if head else Name(name)


def _item(text: str) -> Expr:
    return Number(Fraction(int(text)), text) if text.isdigit() else Name(text)


def written_name(name: str, index: tuple[Whole, ...] = ()) -> Expr:
    """A name, or the member of a family: `W_c`, `h_{t-1}`, `W^{(2)}`, `δ^{(h)}_t`.

    After a name that wears a letter below, the member's index stands in brackets (`W_c[t]`), since
    two subscripts would run together.
    """
    base, mark, above = name.partition("^")
    written = _size_name(base)
    if mark and above:
        written = Tag(written, (written_name(above.rstrip("^")),))
    elif mark and index:
        written, index = Tag(written, (written_index(index[0]),)), index[1:]
    items = tuple(written_index(i) for i in index)
    return Index(written, items, isinstance(written, Index)) if items else written
