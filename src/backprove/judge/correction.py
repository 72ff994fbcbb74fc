"""The right right-hand side of a wrong claim, in the writer's letters.

Where a change of the claim made it true, that is the correction: the writer's own line, with the
mistake undone. Otherwise the truth is derived and written; what it needs to be said in more than
one line follows after “where”.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from time import thread_time
from typing import Any

import numpy as np

from backprove.judge.link import find_reading
from backprove.judge.readings import OutOfTime, Search
from backprove.judge.trial import PATIENCE, WrongClaim
from backprove.judge.truth import truth_of
from backprove.model.scope import Scope
from backprove.model.value import NoMeaning
from backprove.model.write_syntax import written_index
from backprove.notation.latex import to_latex
from backprove.notation.syntax import Big, Binder, Expr, Space
from backprove.tensor.whole import Shape


def corrected(claim: WrongClaim, fixed: Expr | None) -> str | None:
    """The LaTeX of the right side as it should be; None where it cannot be written."""
    if fixed is not None and (claim.fits or _accepted(claim, fixed)):
        return to_latex(fixed)
    truth = truth_of(claim)
    return None if truth is None else truth.latex


def summed(claim: WrongClaim, scope: Scope, loose: Sequence[str]) -> str | None:
    """A right side with indices that stand on the right only, summed over them."""
    fixed: Expr | None = claim.right
    for name in loose:
        uses = scope.uses.get(scope.inner_name(name), [])
        use = next((u for u in uses if u.low is not None and u.high is not None), None)
        if use is None or use.low is None or use.high is None:
            fixed = None
            break
        binder = Binder(name, written_index(use.low), written_index(use.high))
        fixed = Big("sum", (binder,), fixed)
    return corrected(claim, fixed)


def numbers_latex(values: Any, unit: Fraction | None = None) -> str:
    """A number, or an array of numbers as a literal, to three digits or those of the claim."""
    array = np.asarray(values, dtype=float)
    if array.ndim:
        return "[" + ", ".join(numbers_latex(v, unit) for v in array) + "]"
    value = float(array)
    if abs(value - round(value)) < 1e-9 * max(1.0, abs(value)):
        return str(round(value))
    digits = 2 - math.floor(math.log10(abs(value)))
    if unit is not None and 0 < unit < 1:
        digits = max(digits, round(-math.log10(float(unit))))
    return f"{value:.{max(digits, 0)}f}"


def shape_latex(shape: Shape) -> str:
    """The set of arrays of a shape."""
    return to_latex(Space(tuple(written_index(size) for size in shape)))


def _accepted(claim: WrongClaim, fixed: Expr) -> bool:
    """Whether a change found where sizes are 1 is true at all sizes, read suitably."""
    search = Search(claim.scope, claim.settings, claim.grid, thread_time() + PATIENCE, free=True)
    try:
        return find_reading(search, fixed, claim.truth, claim.strict)[0] is not None
    except (NoMeaning, OutOfTime):
        return False
