"""Claims about numbers: digits shown, rounding, and what is only roughly right (NOTATION 5)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fractions import Fraction

import numpy as np

from backprove.judge.combine import Array
from backprove.judge.verdict import Kind
from backprove.notation.syntax import Array as ArraySyntax
from backprove.notation.syntax import Call, Expr, Number, Power, Product, Quotient, Sum

#: how close a number with decimals must be to count as rounded on the way
ROUGHLY = 0.01
#: relative difference up to which float64 values at different points are one constant
SAME = 1e-12


@dataclass(frozen=True, slots=True)
class Literal:
    """A written number: its value, and the size of one unit of its last digit (0 of a fraction)."""

    value: Fraction
    unit: Fraction
    decimals: bool


def literal_number(expr: Expr) -> Literal | None:
    """The number or fraction that an expression is, with a sign perhaps; None for anything else."""
    if isinstance(expr, Sum) and len(expr.terms) == 1:
        sign, term = expr.terms[0]
        inner = literal_number(term)
        return inner and Literal(sign * inner.value, inner.unit, inner.decimals)
    if isinstance(expr, Quotient):
        over, under = literal_number(expr.over), literal_number(expr.under)
        if over is None or under is None or over.decimals or under.decimals or not under.value:
            return None
        return Literal(over.value / under.value, Fraction(0), False)
    if not isinstance(expr, Number):
        return None
    unit = _unit(expr.text, expr.value)
    return Literal(expr.value, unit, "." in expr.text or unit.denominator != 1)


def _unit(text: str, value: Fraction) -> Fraction:
    """The place of the last digit: 0.01 for `2.41`, 0.001 for `75.3%`, 1e-4 for `6.6e-3`."""
    digits = ""
    for letter in text.strip().lstrip("+-−"):
        if not (letter.isdigit() or letter == "."):
            break
        digits += letter
    places = len(digits.partition(".")[2])
    try:
        mantissa = Fraction(Decimal(digits))
    except InvalidOperation:
        return Fraction(1)
    scale = abs(value) / mantissa if mantissa else _scale(text)
    return Fraction(1, 10**places) * scale


def _scale(text: str) -> Fraction:
    """What the digits of a written number are multiplied by: 1e-6 in `0e-6`, 0.01 in `0%`."""
    power = re.search(r"(?:[eE]|10\s*\^)\s*\{?\s*([-−+]?\d+)", text)
    scale = Fraction(10) ** int(power.group(1).replace("−", "-")) if power else Fraction(1)
    return scale / 100 if "%" in text else scale


def literal_numbers(expr: Expr) -> list[Literal] | None:
    """The numbers of a literal array, row by row, or of a single number."""
    if isinstance(expr, ArraySyntax):
        found: list[Literal] = []
        for item in expr.items:
            inner = literal_numbers(item)
            if inner is None:
                return None
            found += inner
        return found
    single = literal_number(expr)
    return None if single is None else [single]


def has_decimals(expr: Expr) -> bool:
    """Whether an expression of numbers holds a decimal fraction."""
    match expr:
        case Number():
            return "." in expr.text
        case Sum():
            return any(has_decimals(t) for _, t in expr.terms)
        case Product():
            return any(has_decimals(f) for f in expr.factors)
        case Quotient():
            return has_decimals(expr.over) or has_decimals(expr.under)
        case Power():
            return has_decimals(expr.base) or has_decimals(expr.exponent)
        case Call():
            return any(has_decimals(a) for a in expr.args)
        case ArraySyntax():
            return any(has_decimals(i) for i in expr.items)
        case _:
            return False


def constant_value(arrays: Sequence[Array]) -> Array | None:
    """The value of something that is the same at every point and size, else None."""
    first = arrays[0][0]
    for array in arrays:
        if array.shape[1:] != first.shape:
            return None
        if not (np.abs(array - first) <= SAME * np.abs(first)).all():  # NaN is not the same either
            return None
    return first


def judge_number(truth: float, claimed: Literal, about: bool) -> Kind:
    """The verdict on one number; with `about` (≈) one percent is enough."""
    if rounds_to(truth, claimed):
        return Kind.CORRECT
    if close(truth, float(claimed.value)):
        if about:
            return Kind.CORRECT
        if claimed.decimals:
            return Kind.APPROXIMATE
    return Kind.WRONG


def rounds_to(truth: float, claimed: Literal) -> bool:
    """Whether a number is the truth, rounded half up or half even to the digits shown."""
    value, unit = float(claimed.value), float(claimed.unit)
    gap = abs(truth - value)
    if gap <= 1e-9 * abs(truth):
        return True
    if not claimed.decimals and abs(truth - round(truth)) < 1e-12 * max(1.0, abs(truth)):
        return False
    if abs(gap - unit / 2) <= 1e-9 * unit + 1e-12 * abs(truth):
        # half way: down only to an even digit
        return truth < value or truth < 0 or (claimed.value / claimed.unit) % 2 == 0
    return gap < unit / 2


def judge_numbers(truth: Array, claimed: Sequence[Literal], about: bool) -> Kind:
    """The verdict on the numbers of an array, read row by row: that of the worst."""
    kinds = [judge_number(float(v), c, about) for v, c in zip(truth.ravel(), claimed, strict=True)]
    return max(kinds, key=lambda k: k.rank)


def close(truth: float, value: float) -> bool:
    """Whether a number is within one percent of the truth."""
    return abs(truth - value) <= ROUGHLY * abs(truth) * (1 + 1e-12)


def judge_literals(left: Literal, right: Literal) -> Kind:
    """Between two written numbers a link holds when one is the other, rounded."""
    fine, coarse = (left, right) if left.unit <= right.unit else (right, left)
    return judge_number(float(fine.value), coarse, False)
