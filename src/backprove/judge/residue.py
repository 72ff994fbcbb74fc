"""What is left between the truth and a claim: a multiple of one of its terms, or of a quantity.

These need no search. If truth − claim is a constant times a term of the claim, that term has a
wrong coefficient; if it is a multiple of a vector of the model's, a term with it is missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

import numpy as np

from backprove.judge.changes import Change
from backprove.judge.combine import Array
from backprove.judge.pool import ONE, Piece, ready
from backprove.judge.rewrite import addends, at_path, multiplied, put_at, shown, summed, terms_of
from backprove.judge.trial import Trial
from backprove.model.write_syntax import number
from backprove.notation.syntax import Call, Expr, Number, Product, Quotient, Span

CLOSE = 1e-9


def coefficients(root: Expr, trial: Trial) -> tuple[str, str, Span, Expr] | None:
    """Terms of the claim with a wrong sign or number: kind, sentence, place, the right side."""
    terms = terms_of(root)
    if not 2 <= len(terms) <= 8:
        return None
    gap = residue(root, trial)
    if gap is None:
        return None
    values: list[Array] = []
    for _, term in terms:
        found = _of_shape(term, trial, gap)
        if found is None:
            return None
        values.append(found)
    table = np.stack([v.ravel() for v in values], axis=1)
    if np.linalg.matrix_rank(table) < len(terms):
        return None
    solution = np.linalg.lstsq(table, gap.ravel(), rcond=None)[0]
    if np.abs(table @ solution - gap.ravel()).max() > CLOSE * max(float(np.abs(table).max()), 1.0):
        return None
    off = [n for n, c in enumerate(solution) if abs(c) > 1e-7]
    if not off or (len(off) == len(terms) and len(off) > 2):
        return None
    return _named(terms, solution, off)


def _named(
    terms: list[tuple[int, Expr]], solution: Array, off: list[int]
) -> tuple[str, str, Span, Expr] | None:
    new: list[tuple[int, Expr]] = []
    kinds: list[str] = []
    for n, (sign, term) in enumerate(terms):
        if n not in off:
            new.append((sign, term))
            continue
        right = sign + float(solution[n])
        fraction = Fraction(right).limit_denominator(720)
        if abs(float(fraction) - right) > 1e-7:
            return None
        if not fraction:
            kinds.append("extra-term")
            continue
        kinds.append("sign" if fraction == -sign else "factor")
        size = abs(fraction)
        body = term if size == 1 else _scaled(size, term)
        new.append((1 if fraction > 0 else -1, body))
    if len(set(kinds)) > 1:
        return None
    kind, term = kinds[0], terms[off[0]][1]
    right = 1 + terms[off[0]][0] * float(solution[off[0]])
    words = {
        "sign": f"the sign of {shown(term)} is wrong",
        "extra-term": f"the term {shown(term)} does not belong here",
        "factor": f"the term {shown(term)} must be multiplied by "
        f"{Fraction(right).limit_denominator(720)}",
    }[kind]
    return kind, words, term.span, summed(new)


def times_number(value: Fraction, expr: Expr) -> Expr:
    """A number times an expression, as one writes it."""
    terms = terms_of(expr)
    if len(terms) == 1:
        sign, term = terms[0]
        body = term if abs(value) == 1 else _scaled(abs(value), term)
        return summed([(sign if value > 0 else -sign, body)])
    return summed([(1 if value > 0 else -1, _scaled(abs(value), expr))])


def times(factor: Expr, value: Fraction, expr: Expr) -> Expr:
    """A factor of sizes and a number times an expression, all numbers in that factor."""
    terms = terms_of(expr)
    if len(terms) > 1:
        return Product((times_number(value, factor), expr), ("",))
    ((sign, term),) = terms
    there, rest = _coefficient(term)
    value *= sign * there
    if value < 0:
        return summed([(-1, times(factor, -value, rest or ONE))])
    factor = factor if value == 1 else times_number(value, factor)
    return factor if rest is None else _before(factor, rest)


def _scaled(size: Fraction, term: Expr) -> Expr:
    """A positive number times a term, put together with the number that stands there."""
    there, rest = _coefficient(term)
    if there == 1 and isinstance(rest, Product) and rest.ops[0]:
        return Product((number(size), rest), ("",))
    value = size * there
    if rest is None:
        return number(value)
    if isinstance(rest, Quotient):
        over = _times(value.numerator, rest.over)
        return Quotient(over, _times(value.denominator, rest.under))
    if isinstance(rest, Product) and isinstance(rest.factors[0], Quotient) and not rest.ops[0]:
        first = rest.factors[0]
        over, under = _times(value.numerator, first.over), _times(value.denominator, first.under)
        return Product((Quotient(over, under), *rest.factors[1:]), rest.ops)
    return rest if value == 1 else _before(number(value), rest)


def _coefficient(term: Expr) -> tuple[Fraction, Expr | None]:
    """The number before a term, and what it is the number of; None for 1."""
    match term:
        case Number():
            return term.value, None
        case Quotient():
            over, above = _coefficient(term.over)
            under, below = _coefficient(term.under)
            if under and below is None:
                return over / under, above
            if under:
                return over / under, Quotient(ONE if above is None else above, below or ONE)
        case Product():
            value, first = _coefficient(term.factors[0])
            if value != 1 or first is None:
                kept = term.factors[1:] if first is None else (first, *term.factors[1:])
                return value, multiplied(kept, term.ops[1:] if first is None else term.ops)
        case _:
            pass
    return Fraction(1), term


def _times(value: int, expr: Expr) -> Expr:
    """A whole number times a numerator or denominator."""
    if value == 1:
        return expr
    there, rest = _coefficient(expr)
    if rest is None:
        return number(value * there)
    return _before(number(value), expr)


def _before(factor: Expr, expr: Expr) -> Expr:
    if isinstance(expr, Product) and not expr.ops[0]:
        return Product((factor, *expr.factors), ("", *expr.ops))
    return Product((factor, expr), ("",))


def missing_piece(
    root: Expr, trial: Trial, constant: bool = True
) -> tuple[str, Expr | None] | None:
    """A term that is missing: one of the model's quantities, times a number.

    Without `constant` the number may differ from point to point: what it is, is not said then.
    """
    gap = residue(root, trial)
    if gap is None:
        return None
    shape = trial.claim.value.shape
    for piece in ready(root, trial):
        if not _may_be(piece, shape):
            continue
        values = _of_shape(piece.expr, trial, gap)
        written: Expr = piece.expr
        if values is None and len(shape) == 2:
            written = Call("diag", (piece.expr,))
            values = _of_shape(written, trial, gap)
        if values is None or not np.abs(values).max():
            continue
        ratios = multiple(gap, values)
        if ratios is None or (not shape and np.ptp(ratios) > 1e-8 * np.abs(ratios).max()):
            continue
        same = float(np.ptp(ratios)) <= 1e-8 * float(np.abs(ratios).max())
        if same and constant:
            fraction = Fraction(float(ratios[0])).limit_denominator(720)
            if fraction and abs(float(fraction) - float(ratios[0])) < 1e-8:
                sign = 1 if fraction > 0 else -1
                body = written if abs(fraction) == 1 else _scaled(abs(fraction), written)
                return f"the term {shown(body)} is missing", summed([*terms_of(root), (sign, body)])
        elif not same and not constant and shape and piece.role != "scalar":
            return f"a term with {shown(written)} is missing", None
    return None


def _may_be(piece: Piece, shape: tuple[object, ...]) -> bool:
    if piece.shape == shape:
        return True
    return len(shape) == 2 and piece.shape == shape[:1] and shape[0] == shape[1]


def multiple(gap: Array, values: Array) -> Array | None:
    """The factor at each point by which `values` become `gap`; None where there is none."""
    a, b = gap.reshape(len(gap), -1), values.reshape(len(values), -1)
    norms = (b * b).sum(axis=1)
    if not (norms > 0).all():
        return None
    ratios = (a * b).sum(axis=1) / norms
    if np.abs(a - ratios[:, None] * b).max() > CLOSE * max(float(np.abs(a).max()), 1e-12):
        return None
    return ratios


def scalar_multiple(root: Expr, trial: Trial) -> bool:
    """Whether the truth is the claim times a number that differs from point to point."""
    said = trial.array(root)
    truth = trial.true_values()
    if said is None or said[0].shape != truth.shape or truth[0].size < 2:
        return False
    return bool(np.abs(said[0]).max()) and multiple(truth, said[0]) is not None


def residue(root: Expr, trial: Trial) -> Array | None:
    """Truth minus claim at the place looked at."""
    said = trial.array(root)
    truth = trial.true_values()
    if said is None or said[0].shape != truth.shape:
        return None
    return truth - said[0]


def _of_shape(expr: Expr, trial: Trial, like: Array) -> Array | None:
    found = trial.plain(expr)
    if found is None:
        return None
    if found.ndim < like.ndim:
        found = (
            found.reshape(found.shape + (1,) * (like.ndim - found.ndim))
            if found.ndim == 1
            else found
        )
    try:
        return np.broadcast_to(found, like.shape) if found.ndim == like.ndim else None
    except ValueError:
        return None


# --- what changes add up to --------------------------------------------------------------------------


def further_terms(root: Expr, trial: Trial) -> Iterator[tuple[Expr, Expr]]:
    """Terms that may be missing: the claim's own with another index; and the whole with it."""
    known = _logged(root, trial, "wrong-index")
    if known is None:
        return
    gap, said, effects = known
    terms = terms_of(root)
    values = [trial.plain(term) for _, term in terms]
    size = max(float(np.abs(gap + said).max()), 1e-12)
    for change, effect in effects:
        new, value = terms_of(change.root), values[change.term]
        if change.kind != "wrong-index" or len(new) != len(terms) or value is None:
            continue
        sign = terms[change.term][0]
        own = value[: len(said)]
        if own.shape == said.shape and np.abs(effect + sign * own - gap).max() <= CLOSE * size:
            yield new[change.term][1], summed([*terms, new[change.term]])


def pairs(root: Expr, trial: Trial) -> Iterator[tuple[Change, Change, Expr]]:
    """Two changes of one kind, in two terms, whose effects add up to what is wrong."""
    known = _logged(root, trial)
    way = addends(root)
    if known is None or way is None:
        return
    gap, _, effects = known
    weights = np.random.default_rng(7).normal(size=gap.size)
    marks = np.array([float(e.ravel() @ weights) for _, e in effects])
    order = np.argsort(marks)
    sorted_marks = marks[order]
    wanted, largest = float(gap.ravel() @ weights), max(float(np.abs(gap).max()), 1e-9)
    near = 1e-8 * largest * gap.size
    for n, (first, effect) in enumerate(effects):
        low = np.searchsorted(sorted_marks, wanted - marks[n] - near)
        high = np.searchsorted(sorted_marks, wanted - marks[n] + near)
        for m in order[low:high]:
            second, other = effects[m]
            if m <= n or second.kind != first.kind:
                continue
            if first.addend == second.addend or -1 in (first.addend, second.addend):
                continue
            if np.abs(effect + other - gap).max() <= 1e-8 * largest:
                fixed = _both(root, way, first, second)
                if fixed is not None:
                    yield first, second, fixed


def _logged(
    root: Expr, trial: Trial, kind: str = ""
) -> tuple[Array, Array, list[tuple[Change, Array]]] | None:
    """What is wrong, what is said, and what each change of one term would add."""
    gap = residue(root, trial)
    changes: list[tuple[Change, Array]] = []
    for n, (change, array) in enumerate(trial.log):
        if change.term < 0 or kind not in ("", change.kind):
            continue
        if not array.size and trial.probes is not None:  # it was seen to be no remedy alone
            trial.claim.spend()
            array = trial.probes.effect(change)
            trial.log[n] = (change, np.full(1, np.nan) if array is None else array)
        if array is not None and not np.isnan(array).any():
            changes.append((change, array))
    if gap is None or not changes:
        return None
    points = min(len(a) for _, a in changes)
    said = (trial.true_values() - gap)[:points]
    effects = [(c, a[:points] - said) for c, a in changes if a.shape[1:] == said.shape[1:]]
    return (gap[:points], said, effects) if effects else None


def _both(root: Expr, way: Sequence[int], first: Change, second: Change) -> Expr | None:
    """A sum with one addend as a change has it and another as another has it."""
    a, b = terms_of(at_path(first.root, way)), terms_of(at_path(second.root, way))
    if not len(a) == len(b) == len(terms_of(at_path(root, way))):
        return None
    both = summed([b[n] if n == second.addend else a[n] for n in range(len(a))])
    return put_at(root, way, both)
