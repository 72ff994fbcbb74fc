"""Claims that need no search: shapes, numbers, and links between two numbers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from typing import Any

import numpy as np

from backprove.judge.correction import numbers_latex, shape_latex
from backprove.judge.link import Side
from backprove.judge.numbers import (
    close,
    constant_value,
    has_decimals,
    judge_literals,
    judge_numbers,
    literal_number,
    literal_numbers,
)
from backprove.judge.outcome import Outcome
from backprove.judge.verdict import Evidence, Kind
from backprove.judge.world import Grid, Setting
from backprove.model.definitions import space_shape
from backprove.model.entity import System
from backprove.model.value import Value
from backprove.notation.syntax import Expr, Number, Power, Product, Quotient, Space, Sum
from backprove.tensor.whole import Whole, show_shape


def _is_arithmetic(expr: Expr) -> bool:
    """Whether numbers alone are reckoned with: `64 * 128 * 9`."""
    match expr:
        case Number():
            return True
        case Sum():
            return all(_is_arithmetic(term) for _, term in expr.terms)
        case Product():
            return all(map(_is_arithmetic, expr.factors))
        case Quotient():
            return _is_arithmetic(expr.over) and _is_arithmetic(expr.under)
        case Power():
            return _is_arithmetic(expr.base) and _is_arithmetic(expr.exponent)
        case _:
            return False


def shape_claim(value: Value, space: Space, system: System) -> Outcome:
    claimed = space_shape(space, System(sizes=system.fixed()))
    truth = value.shape
    if value.row:
        truth = (Whole.of(1), *truth)
    words = show_shape(truth)
    if claimed == truth or (not claimed and truth == ()):
        return Outcome(Kind.CORRECT, evidence=Evidence(f"its shape is {words}"))
    if len(claimed) == len(truth) and any(p == claimed for p in permutations(truth)):
        return Outcome(Kind.CONVENTION, f"its axes in another order: the shape is {words}")
    return Outcome(
        Kind.WRONG,
        f"its shape is {words}, not {show_shape(claimed)}",
        "shape",
        corrected=shape_latex(truth),
        place=space.span,
    )


def between_literals(left: Expr, right: Expr, op: str) -> Outcome | None:
    a, b = literal_number(left), literal_number(right)
    if a is None or b is None or op != "=":
        return None
    kind = judge_literals(a, b)
    if kind == Kind.WRONG:
        return Outcome(kind, "the two numbers differ", "value", place=right.span)
    return Outcome(kind)


def number_claim(
    truth: Side,
    right: Expr,
    other: Value,
    settings: Sequence[Setting],
    grid: Grid,
    op: str,
) -> Outcome | None:
    """The verdict on a number or a literal array, or on ≈; None where this is no such claim."""
    value = constant_value(truth.arrays)
    if value is None:
        return None
    claimed = literal_numbers(right)
    if claimed is not None and len(claimed) == value.size and truth.shape == other.shape:
        kind = judge_numbers(value, claimed, op == "≈")
        square = value.ndim == 2 and value.shape[0] == value.shape[1]
        if kind == Kind.WRONG and square:
            turned = judge_numbers(value.T, claimed, op == "≈")
            if turned == Kind.CORRECT:
                return Outcome(Kind.CONVENTION, "the same numbers, rows and columns exchanged")
    else:
        said = constant_value(Side.of(other, settings, grid).arrays)
        if said is None or said.shape != value.shape:
            return None
        pairs = list(zip(value.ravel(), said.ravel(), strict=True))
        if all(abs(a - b) <= 1e-9 * max(abs(a), abs(b), 1e-9) for a, b in pairs):
            kind = Kind.CORRECT
        elif all(close(float(a), float(b)) for a, b in pairs) and (
            op == "≈" or has_decimals(right)
        ):
            kind = Kind.CORRECT if op == "≈" else Kind.APPROXIMATE
        elif _is_arithmetic(right):
            kind = Kind.WRONG
        else:
            return None
    shown = _listed(value) if value.ndim else f"{float(value):.10g}"
    evidence = Evidence(f"the value is {shown}", left=value.tolist())
    if kind == Kind.WRONG:
        return Outcome(
            kind,
            f"the value is {shown}",
            "value",
            corrected=numbers_latex(value, claimed[0].unit if claimed else None),
            evidence=evidence,
            place=right.span,
        )
    if kind == Kind.APPROXIMATE:
        return Outcome(
            kind,
            f"the value is {shown}: within 1%, but rounded on the way",
            corrected=numbers_latex(value, claimed[0].unit if claimed else None),
            evidence=evidence,
            place=right.span,
        )
    return Outcome(kind, evidence=evidence)


def _listed(value: Any) -> str:
    """An array of numbers in a sentence."""
    if np.ndim(value):
        return "[" + ", ".join(_listed(v) for v in value) + "]"
    return f"{float(value):.6g}"
