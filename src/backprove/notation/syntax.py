"""The syntax of written mathematics: what stands on the paper, before it means anything.

A tree of small frozen nodes. It knows neither shapes nor calculus: `W x` is a `Product` of two
names whether or not the sizes fit, and `x_t` an `Index` whether t is a step or a component.
Every node keeps its `span`, the half-open range of characters it was read from, so that an error
or a correction can point at its place. Spans do not take part in equality.

Names are canonical: Greek letters in Unicode (`\\alpha`, `alpha` and `α` are `α`), accents as
combining characters in NFC (`\\hat{y}` and `ŷ` are one name), LaTeX dressing removed.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, is_dataclass
from fractions import Fraction
from functools import cache
from typing import cast

Span = tuple[int, int]
NOWHERE: Span = (0, 0)


def _span() -> Span:
    return field(default=NOWHERE, compare=False, repr=False)  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class Number:
    """A literal: `0.5`, `6.6e-3`, `75.3%` (value 753/1000). `text` is as written, for rounding."""

    value: Fraction
    text: str
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Name:
    """A letter or word that is no function here: `W`, `ŷ`, `FL`, `e`, `I`, `ones`."""

    text: str
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Index:
    """Subscript `x_t`, `W_{ij}`, `W_c` (bracket False) or component `x[i, k]` (bracket True).

    `x_{ij}` holds the single item `Name("ij")`, `x_{12}` the single `Number`: whether these are one
    subscript or two is a question of meaning. `x[i][k]` is read as `x[i, k]`.
    """

    base: Expr
    items: tuple[Expr, ...]
    bracket: bool = False
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Tag:
    """A bracketed superscript, which belongs to the name: `W^{(2)}`, `δ^{(l)}`."""

    base: Expr
    items: tuple[Expr, ...]
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Sum:
    """`a - b + c`: signs (+1 or -1) with terms. A lone negative term is `Sum(((-1, a),))`."""

    terms: tuple[tuple[int, Expr], ...]
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Product:
    """Factors with the signs between them; `len(ops) == len(factors) - 1`.

    Each op is `''` (juxtaposition), `'*'`, `'·'`, `'×'`, `'⊙'` or `'⊗'`. One Product is one level of
    binding, so its ops are either all `''` or all explicit; factors associate from the left.
    """

    factors: tuple[Expr, ...]
    ops: tuple[str, ...]
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Quotient:
    """`\\frac{a}{b}`, `a/b`; `elementwise` when written `⊘` or `./`."""

    over: Expr
    under: Expr
    elementwise: bool = False
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Power:
    """`x^2`, `A^{-1}` (exponent `Number(-1)`). Never a transpose."""

    base: Expr
    exponent: Expr
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Transpose:
    """`A^T`, `A^\\top`, `Aᵀ`, `A'`; `A^{-T}` is `Transpose(Power(A, -1))`."""

    base: Expr
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Call:
    """A function applied: `exp(x)`, `\\log p_i`, `softmax(z)`, `conv(X, K, stride=2)`.

    `function` is canonical (`log` for ln, `sigmoid` for σ, `norm`, `norm_1`, `norm_F`, `abs`, `dot`,
    `indicator` for `1[…]`, `sum` for `sum(x)`). `primes` counts derivative marks: `σ'(z)` has 1.
    """

    function: str
    args: tuple[Expr, ...]
    options: tuple[tuple[str, Expr], ...] = ()
    primes: int = 0
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Binder:
    """An index of a sum or product: `i = 1..n`, or without bounds (its whole range).

    Bounds are inclusive.
    """

    name: str
    low: Expr | None = None
    high: Expr | None = None
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Big:
    """`\\sum_{i=1}^{n} body` or `\\prod`; `condition` restricts (`k ≠ i`)."""

    op: str  # 'sum' or 'prod'
    binders: tuple[Binder, ...]
    body: Expr
    condition: Expr | None = None
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Derivative:
    """`∂of/∂by`. Two entries in `by` make a second derivative; `immediate` is `∂⁺`."""

    of: Expr
    by: tuple[Expr, ...]
    immediate: bool = False
    style: str = "frac"  # 'frac', 'slash', 'd' (dE/dW) or 'nabla', as it was written
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Array:
    """A literal: `[1, 2]` has two items; `[[1, 2], [3, 4]]` and a bmatrix two items, each an Array."""

    items: tuple[Expr, ...]
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Stack:
    """`[a; b]`: vectors (or scalars) one under the other."""

    parts: tuple[Expr, ...]
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Cases:
    """Values with conditions, the first that holds is taken; a None condition is "otherwise"."""

    branches: tuple[tuple[Expr, Expr | None], ...]
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Compare:
    """A condition, chained: `1 ≤ i < 3`. Ops: `=`, `≠`, `<`, `≤`, `>`, `≥`."""

    operands: tuple[Expr, ...]
    ops: tuple[str, ...]
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Both:
    """Several conditions that must all hold (`i = j and k > 1`, or separated by commas)."""

    parts: tuple[Expr, ...]
    span: Span = _span()


Expr = (
    Number
    | Name
    | Index
    | Tag
    | Sum
    | Product
    | Quotient
    | Power
    | Transpose
    | Call
    | Big
    | Derivative
    | Array
    | Stack
    | Cases
    | Compare
    | Both
)


@dataclass(frozen=True, slots=True)
class Space:
    """A set: `R` (no axes), `R^n`, `R^{m x n}`, `R^{3×(1×5×3)}` (an axis may be a group), or `N`."""

    axes: tuple[Expr | tuple[Expr, ...], ...] = ()
    kind: str = "R"  # 'R' or 'N'
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Range:
    """`t = 1..T` after `for`; inclusive. May run backwards (`t = 3..1`)."""

    name: str
    low: Expr
    high: Expr
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Declaration:
    """`U, W in R^{m x m} invertible for t = 1..3`: each target is a Name, Index or Tag."""

    targets: tuple[Expr, ...]
    space: Space
    facts: tuple[str, ...] = ()
    ranges: tuple[Range, ...] = ()
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Relation:
    """`a = b = c`: a definition or a claim. Ops: `=`, `≈` or `∈` (whose right side is a Space).

    `intro` is the word that opened the line, `let` or `where`, else empty.
    """

    sides: tuple[Expr | Space, ...]
    ops: tuple[str, ...]
    ranges: tuple[Range, ...] = ()
    intro: str = ""
    span: Span = _span()


Statement = Declaration | Relation


def parts_of(node: object) -> list[object]:
    """All nodes of a tree, or of several in a tuple."""
    found: list[object] = []
    stack: list[object] = [node]
    while stack:
        current = stack.pop()
        if isinstance(current, tuple):
            stack.extend(cast(tuple[object, ...], current))
        elif names := _fields(type(current)):
            found.append(current)
            for name in names:
                stack.append(getattr(current, name))
    return found


@cache
def _fields(kind: type) -> tuple[str, ...]:
    """The fields of a kind of node, but for its place in the text; none for another type."""
    found = fields(kind) if is_dataclass(kind) else ()
    return tuple(f.name for f in found if f.name != "span")
