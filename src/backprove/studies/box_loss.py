"""Boxes at one L2 distance whose overlap is anything: IoU from 0 to nearly 1, in exact numbers.

Two constructions, both in fractions. Squares of side s, the one shifted along an axis by δ: the
corners' L2 distance is √2 δ whatever s is, and IoU = (s − δ)/(s + δ), which is q for
s = δ (1 + q)/(1 − q). And one true box with all predictions at one distance from it in whole
pixels: the errors (a, b, c, d) of the four edges with a² + b² + c² + d² = N, each with its IoU.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from itertools import product
from math import isqrt
from typing import TYPE_CHECKING

import numpy as np

from backprove.detection.overlap import iou
from backprove.explain import explain
from backprove.mathematics import Model
from backprove.overlaps import overlap_gradient
from backprove.studies.frame import Formula, Option, Picture, Result, Study, Table, shown
from backprove.studies.numbers import Floats, Numbers
from backprove.studies.style import BLACK, BLUE, ORANGE, line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Box = tuple[Fraction, Fraction, Fraction, Fraction]
Pair = tuple[Box, Box]
#: the overlaps that shifted squares are made for
WANTED = (*(Fraction(n, 10) for n in range(10)), Fraction(99, 100), Fraction(999, 1000))
SHIFT = Fraction(1)
#: pairs that are drawn
DRAWN = (Fraction(0), Fraction(3, 10), Fraction(6, 10), Fraction(9, 10))


@cache
def _distance_model() -> Model:
    return Model("p, b in R^4\nL = ‖p - b‖")


def exact_iou(pair: Pair) -> Fraction:
    """Intersection over union in fractions, as `explain` works it out."""
    first, second = (f"[{', '.join(map(str, box))}]" for box in pair)
    found = explain(f"iou({first}, {second})").exact
    assert found is not None
    return found


def squared_distance(pair: Pair) -> Fraction:
    """The squared L2 distance of the corners."""
    return sum(((p - q) ** 2 for p, q in zip(*pair, strict=True)), Fraction(0))


def shifted(overlap: Fraction, shift: Fraction = SHIFT) -> Pair:
    """Two squares with this IoU, 0 ≤ IoU < 1, the second to the right of the first by `shift`."""
    side = shift * (1 + overlap) / (1 - overlap)
    zero = Fraction(0)
    return (zero, zero, side, side), (shift, zero, side + shift, side)


def errors(squared: int) -> list[tuple[int, int, int, int]]:
    """All whole errors of four edges with this sum of squares."""
    most = isqrt(squared)
    found: list[tuple[int, int, int, int]] = []
    for a, b, c in product(range(-most, most + 1), repeat=3):
        rest = squared - a * a - b * b - c * c
        d = isqrt(rest) if rest >= 0 else -1
        if d >= 0 and d * d == rest:
            found += [(a, b, c, d), (a, b, c, -d)] if d else [(a, b, c, 0)]
    return found


def answer(side: int, distance: int) -> Result:
    pairs = {overlap: shifted(overlap) for overlap in WANTED}
    truth = (0, 0, side, side)
    made = np.array(errors(distance**2), dtype=float)
    boxes = made + np.array(truth, dtype=float)
    boxes = boxes[(boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])]
    overlaps = iou(boxes, np.array(truth, dtype=float))
    squares = overlaps[boxes[:, 2] - boxes[:, 0] == boxes[:, 3] - boxes[:, 1]]
    ends = [_exact(boxes[at], truth) for at in (int(overlaps.argmin()), int(overlaps.argmax()))]
    slopes = _gradients(pairs)
    proof = all(
        squared_distance(pair) == 2 * SHIFT**2 and exact_iou(pair) == overlap
        for overlap, pair in pairs.items()
    )
    low, high = (exact_iou(pair) for pair in ends)
    return Result(
        conclusion=(
            f"Squares shifted by {SHIFT} have the L2 distance √2 whatever their side, and IoU (s − 1)/(s + 1): "
            f"from {shown(float(min(WANTED)))} to {shown(float(max(WANTED)))} in the table"
            + (", each pair verified in fractions." if proof else ", but not all pairs hold.")
            + " Any IoU from 0 to below 1 can be had; L2 does not know how large the boxes are.",
            f"The size is not all. For one true box of {side} × {side}, the {len(boxes)} boxes in whole pixels at the "
            f"distance {distance} have IoU from {low} = {shown(float(low), 3)} to {high} = "
            f"{shown(float(high), 3)}: it matters how the four errors go together.",
            "That both boxes are squares changes nothing: all pairs of the first table are, and the "
            f"{len(squares)} squares among the boxes of the second have IoU from "
            f"{shown(float(squares.min()), 3)} to {shown(float(squares.max()), 3)}.",
            "Where boxes do not overlap, IoU is 0 and so is its gradient "
            f"({shown(slopes[0][2])} for the first pair), while L2 still pulls with "
            f"{shown(slopes[0][1], 3)}: as losses the two fail at opposite ends. GIoU keeps a gradient "
            f"({shown(slopes[0][3], 3)}).",
        ),
        tables=(
            Table(
                "shifted",
                "Squares, one shifted by 1: the same L2 distance, every IoU",
                ("side", "box a", "box b", "L2²", "IoU", "IoU, decimal"),
                tuple(
                    (
                        pair[0][2],
                        _written(pair[0]),
                        _written(pair[1]),
                        squared_distance(pair),
                        exact_iou(pair),
                        float(exact_iou(pair)),
                    )
                    for pair in pairs.values()
                ),
            ),
            Table(
                "one_truth",
                f"One true box {_written(ends[0][1])}, L2 distance {distance}: the least and the greatest IoU",
                ("predicted box", "error of the edges", "L2²", "IoU", "IoU, decimal"),
                tuple(
                    (
                        _written(pair[0]),
                        _written(tuple(p - q for p, q in zip(*pair, strict=True))),
                        squared_distance(pair),
                        exact_iou(pair),
                        float(exact_iou(pair)),
                    )
                    for pair in ends
                ),
            ),
            Table(
                "gradients",
                "Norm of the gradient by the predicted box",
                ("IoU", "of L2", "of IoU", "of GIoU"),
                tuple(slopes),
            ),
        ),
        pictures=(_pairs(pairs), _histogram(overlaps, side, distance)),
        formulas=(Formula("The gradient of L2", _distance_model().derive("L", "p")),),
        data={
            "boxes_at_distance": len(boxes),
            "iou_at_distance": np.sort(overlaps),
            "pairs_hold_exactly": proof,
        },
    )


def _exact(box: Floats, truth: tuple[int, ...]) -> Pair:
    first, second = (
        tuple(Fraction(round(float(edge))) for edge in edges) for edges in (box, truth)
    )
    return first, second  # pyright: ignore[reportReturnType]


def _gradients(pairs: dict[Fraction, Pair]) -> list[tuple[float, float, float, float]]:
    """IoU, and the norms of the derived gradients of L2, IoU and GIoU, for each pair.

    The predicted box is moved by a hair to the inside of the true one's other edges: where edges
    are level, IoU has a kink.
    """
    true = np.array([pair[0] for pair in pairs.values()], dtype=float)
    predicted = np.array([pair[1] for pair in pairs.values()], dtype=float)
    predicted = predicted + np.array([0.0, 1e-7, 0.0, -1e-7])
    # side 1 shifted by 1 touches: a hair apart
    predicted[0] += np.array([1e-7, 0.0, 1e-7, 0.0])
    numbers = Numbers(_distance_model(), {}, {"p": predicted, "b": true})
    slopes = [numbers.derivative("L", "p")]
    slopes += [overlap_gradient(name, predicted, true)[1] for name in ("iou", "giou")]
    norms = [np.linalg.norm(each, axis=1) for each in slopes]
    return [
        (float(overlap), *(float(each[row]) for each in norms))  # pyright: ignore[reportReturnType]
        for row, overlap in enumerate(pairs)
    ]


def _written(box: tuple[Fraction, ...]) -> str:
    return f"[{', '.join(shown(edge) for edge in box)}]"


def _pairs(pairs: dict[Fraction, Pair]) -> Picture:
    def draw(figure: Figure) -> None:
        axes = figure.subplots(1, len(DRAWN))
        for overlap, ax in zip(DRAWN, axes, strict=True):
            _boxes(ax, pairs[overlap])
            ax.set_title(f"L2 = √2, IoU = {shown(float(overlap))}")
            # the same shift in every panel, so the same scale
            ax.set_xlim(-1, 21)
            ax.set_ylim(-1, 20)

    return Picture(
        "The same L2 distance, another overlap",
        "Pairs of squares, the second shifted to the right by 1. The smaller the squares, the less they "
        "overlap; the distance of the corners is the same in all panels.",
        draw,
        (10.7, 3.2),
    )


def _boxes(axes: Axes, pair: Pair) -> None:
    from matplotlib.patches import Rectangle

    for box, (color, style, hatch) in zip(
        pair, ((BLUE, "-", ""), (ORANGE, "--", "///")), strict=True
    ):
        x, y, right, top = map(float, box)
        axes.add_patch(
            Rectangle(
                (x, y),
                right - x,
                top - y,
                fill=False,
                edgecolor=color,
                linestyle=style,
                linewidth=2,
                hatch=hatch,
            )
        )
    axes.set_aspect("equal")
    axes.grid(visible=False)
    axes.set_xticks([])
    axes.set_yticks([])


def _histogram(overlaps: Floats, side: int, distance: int) -> Picture:
    def draw(figure: Figure) -> None:
        ax = figure.subplots()
        ax.hist(overlaps, bins=40, color=line(0)["color"], edgecolor="white")
        for value in (float(overlaps.min()), float(overlaps.max())):
            ax.axvline(value, color=BLACK, linestyle=":")
            ax.text(value, ax.get_ylim()[1] * 0.95, f" {shown(value, 3)}", rotation=0)
        ax.set_xlabel("IoU")
        ax.set_ylabel("boxes")

    return Picture(
        f"All boxes at the distance {distance} from one box of {side} × {side}",
        "How many of the boxes in whole pixels at one L2 distance from a true box have which IoU.",
        draw,
    )


STUDY = Study(
    "box-loss",
    "What does the L2 distance of two boxes say about their overlap?",
    answer,
    (
        Option("side", 20, "The side of the one true box, in pixels.", 4, 200),
        Option("distance", 10, "The L2 distance from it.", 1, 20),
    ),
)
