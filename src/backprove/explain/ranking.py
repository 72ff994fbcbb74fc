"""Precision, recall and interpolated average precision of ranked predictions.

M. Everingham et al., "The PASCAL visual object classes (VOC) challenge" (2010), section 4.2.
"""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

from backprove.explain.arguments import Arguments, number
from backprove.explain.explanation import Explanation, both, decimal, fraction, table
from backprove.notation.syntax import Name


def precision(a: Arguments) -> Explanation:
    """The share of true ones among the first predictions."""
    word, rank = a.word("hits"), a.whole("rank")
    found = word[:rank].count("T")
    value = number(a.value)
    lines = [
        f"the first {rank} predictions: {' '.join(word[:rank])}",
        f"precision = true positives/predictions = {found}/{rank}",
    ]
    return Explanation(a.question, tuple(lines), both(value), value)


def recall(a: Arguments) -> Explanation:
    """The share of positives that are among the first predictions."""
    word, rank, positives = a.word("hits"), a.whole("rank"), a.whole("positives")
    found = word[:rank].count("T")
    value = number(a.value)
    lines = [
        f"the first {rank} predictions: {' '.join(word[:rank])}",
        f"recall = true positives/positives = {found}/{positives}",
    ]
    return Explanation(a.question, tuple(lines), both(value), value)


def interpolated_precision(a: Arguments) -> Explanation:
    """The table by rank, and the highest precision at the recall or above."""
    lines, curve = _ranks(a.word("hits"), a.whole("positives"))
    value = number(a.value)
    reached = [fraction(p) for _, p in curve if p == value and value]
    lines += [
        "",
        "interpolated precision at recall r: the highest precision at any recall ≥ r",
        f"the highest there: {reached[0] if reached else '0, for no rank reaches this recall'}",
    ]
    return Explanation(a.question, tuple(lines), both(value), value)


def _ranks(word: str, positives: int) -> tuple[list[str], list[tuple[Fraction, Fraction]]]:
    """The table by rank, and recall and precision after each."""
    curve: list[tuple[Fraction, Fraction]] = []
    rows: list[tuple[object, ...]] = [("rank", "correct", "TP", "precision", "", "recall", "")]
    for rank in range(1, len(word) + 1):
        found = word[:rank].count("T")
        p, r = Fraction(found, rank), Fraction(found, positives)
        curve.append((r, p))
        shown = (f"{found}/{rank}", decimal(p), f"{found}/{positives}", decimal(r))
        rows.append((rank, word[rank - 1], found, *shown))
    return table(rows), curve


def average_precision(a: Arguments) -> Explanation:
    """The table by rank, the interpolated precision at every recall, and their mean or area."""
    lines, curve = _ranks(a.word("hits"), a.whole("positives"))
    points = a.expr("points")
    by_area = isinstance(points, Name)
    lines += ["", "interpolated precision at recall r: the highest precision at any recall ≥ r", ""]
    value = number(a.value)
    if by_area:
        lines += _area(curve, value)
    else:
        lines += _mean(curve, a.whole("points", 11), value)
    return Explanation(a.question, tuple(lines), both(value), value)


def _best(curve: list[tuple[Fraction, Fraction]], recall: Fraction) -> Fraction:
    return max((p for r, p in curve if r >= recall), default=Fraction(0))


def _mean(curve: list[tuple[Fraction, Fraction]], points: int, value: Fraction) -> list[str]:
    """The mean over equally spaced recalls; those with one precision stand together."""
    recalls = [Fraction(i, points - 1) for i in range(points)]
    best = [_best(curve, r) for r in recalls]
    rows: list[tuple[object, ...]] = [("recalls", "points", "precision", "")]
    start = 0
    for i in range(1, points + 1):
        if i == points or best[i] != best[start]:
            first, last = decimal(recalls[start]), decimal(recalls[i - 1])
            span = first if start == i - 1 else f"{first} to {last}"
            rows.append((span, i - start, fraction(best[start]), decimal(best[start])))
            start = i
    counts = Counter(best)
    terms = [
        fraction(p) if count == 1 else f"{count}·{fraction(p)}" for p, count in counts.items() if p
    ]
    total = " + ".join(terms) or "0"
    return [*table(rows), "", f"AP = ({total})/{points} = {both(value)}"]


def _area(curve: list[tuple[Fraction, Fraction]], value: Fraction) -> list[str]:
    """The area under the interpolated curve, a rectangle for each recall that is reached."""
    rows: list[tuple[object, ...]] = [("recall from", "to", "width", "precision", "area")]
    terms: list[str] = []
    before = Fraction(0)
    for recall in sorted({r for r, _ in curve if r > 0}):
        best, width = _best(curve, recall), recall - before
        area = width * best
        cells = (before, recall, width, best, area)
        rows.append(tuple(map(fraction, cells)))
        terms.append(fraction(area))
        before = recall
    return [*table(rows), "", f"AP = {' + '.join(terms) or '0'} = {both(value)}"]
