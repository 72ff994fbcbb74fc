"""Which side of a claim asks, which one answers, and how a question about members is meant."""

from __future__ import annotations

from backprove.judge.readings import has_derivative
from backprove.notation.syntax import (
    Derivative,
    Expr,
    Index,
    Name,
    Number,
    Product,
    Quotient,
    Sum,
    Tag,
    Transpose,
)
from backprove.tensor.nodes import Node, Symbol


def is_question(expr: Expr) -> bool:
    """Whether this asks for a derivative: `∂L/∂W`, `-2 ∂L/∂w[j]`, also with terms beside it."""
    match expr:
        case Derivative():
            return True
        case Index():
            return is_question(expr.base)
        case Transpose():
            return is_question(expr.base)
        case Product():
            rest = [f for f in expr.factors if not isinstance(f, Number | Quotient)]
            return len(rest) == 1 and is_question(rest[0])
        case Sum():
            asked = [term for _, term in expr.terms if has_derivative(term)]
            return len(asked) == 1 and is_question(asked[0])
        case _:
            return False


def is_answer(expr: Expr) -> bool:
    """Whether this is a formula that answers such a question: `Wᵀ δ = ∂L/∂h`."""
    return not isinstance(expr, Name | Index | Tag) and not has_derivative(expr)


def next_member(of: Node | None, by: Node | None) -> bool:
    """Whether a family member is differentiated by one of the step before (or of its own step).

    An immediate derivative stays inside one step, so ∂h_3/∂h_1 cannot be meant as one.
    """
    if not isinstance(of, Symbol) or not isinstance(by, Symbol) or not of.index:
        return False
    if len(of.index) != len(by.index):
        return False
    gaps = [(a - b).constant for a, b in zip(of.index, by.index, strict=True)]
    return all(gap in (-1, 0, 1) for gap in gaps)
