"""What is certain about whole-number expressions whose letters run over ranges.

Sizes are at least 1. An answer is True, False or None where it depends on the sizes.
"""

from __future__ import annotations

from collections.abc import Mapping

from backprove.tensor.nodes import Contract, Literal, Node, Test
from backprove.tensor.whole import Whole

#: the first and the last value of each letter
Ranges = Mapping[str, tuple[Whole, Whole]]


def not_negative(whole: Whole) -> bool:
    """Whether a polynomial in sizes is certainly not negative."""
    if any(c < 0 for monomial, c in whole.terms if monomial):
        return False
    return whole.value(dict.fromkeys(whole.names, 1)) >= 0


def extreme(whole: Whole, ranges: Ranges, low: bool) -> Whole | None:
    """The least (or largest) value over the ranges of its letters, in terms of sizes."""
    for _ in range(len(ranges) + 1):
        letter = next((n for n in sorted(whole.names) if n in ranges), None)
        if letter is None:
            return whole
        factor = whole.coefficient(letter)
        if factor is None:
            return None
        whole = whole.put({letter: ranges[letter][0 if (factor > 0) == low else 1]})
    return None


def at_most(left: Whole, right: Whole, ranges: Ranges) -> bool | None:
    """Whether left ≤ right for all values of the letters (True), for none (False), or neither."""
    least = extreme(right - left, ranges, low=True)
    if least is not None and not_negative(least):
        return True
    least = extreme(left - right - 1, ranges, low=True)
    return False if least is not None and not_negative(least) else None


def decided(condition: Node, ranges: Ranges) -> bool | None:
    """Whether a condition holds for all values of the letters, for none, or neither."""
    match condition:
        case Literal():
            return condition.value != 0
        case Test(op="≤"):
            return at_most(condition.left, condition.right, ranges)
        case Test(op="<"):
            return at_most(condition.left + 1, condition.right, ranges)
        case Test(op=op):
            apart = {
                at_most(condition.left + 1, condition.right, ranges),
                at_most(condition.right + 1, condition.left, ranges),
            }
            if True in apart:
                return op == "≠"
            same = condition.left == condition.right
            return (op == "=") if same else None
        case Contract() if not condition.shape and not any(condition.labels):
            found = {decided(part, ranges) for part in condition.operands}
            return False if False in found else True if found == {True} else None
        case _:
            return None
