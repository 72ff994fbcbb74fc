"""The loss of a network that has learnt nothing: ln C, against the scale of its weights and C.

The shipped `mlp` with random weights, on random inputs and labels. Weights have standard deviation
scale·√2/√(fan in) in the hidden layers (K. He et al., ICCV 2015) and scale/√(fan in) in the last, so that
logits have a standard deviation of about scale³.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from backprove.studies.frame import Cell, Formula, Option, Picture, Result, Study, Table, shown
from backprove.studies.numbers import Floats, Numbers, shipped
from backprove.studies.style import BLACK, line

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLASSES = (2, 4, 10, 100, 1000)
SCALES = (0.01, 0.1, 0.3, 0.5, 1.0, 1.5, 2.0)
#: inputs and hidden units
WIDTH = 32
#: a mean within this part of ln C is called ln C
NEAR = 0.02


@dataclass(frozen=True, slots=True)
class Start:
    """Networks at random weights: the mean loss with its standard error, and their logits' spread."""

    loss: float
    error: float
    spread: float
    accuracy: float
    swapped: float
    swapped_error: float


def start(classes: int, scale: float, draws: int, seed: int) -> Start:
    """Every draw has weights, an input and a label of its own."""
    rng = np.random.default_rng([seed, classes, round(1000 * scale)])
    sizes = {"n": WIDTH, "m": WIDTH, "d": WIDTH, "k": classes}

    def weights(rows: int, gain: float) -> Floats:
        return gain * scale / WIDTH**0.5 * rng.normal(size=(draws, rows, WIDTH))

    labels = rng.integers(classes, size=draws)
    one_hot = np.eye(classes)
    values = {
        "x": rng.normal(size=(draws, WIDTH)),
        "W_1": weights(WIDTH, 2**0.5),
        "W_2": weights(WIDTH, 2**0.5),
        "W_3": weights(classes, 1.0),
    }
    numbers = Numbers(shipped("mlp"), sizes, {**values, "y": one_hot[labels]})
    loss, p = numbers.value("E"), numbers.value("p")
    logits = numbers.value("W_3 h_2")
    # every label replaced by the next class
    other = Numbers(shipped("mlp"), sizes, {**values, "y": one_hot[(labels + 1) % classes]})
    swapped = other.value("E")
    return Start(
        float(loss.mean()),
        _standard_error(loss),
        float(logits.std()),
        float((p.argmax(axis=1) == labels).mean()),
        float(swapped.mean()),
        _standard_error(swapped),
    )


def _standard_error(values: Floats) -> float:
    return float(values.std(ddof=1) / len(values) ** 0.5)


def answer(draws: int, seed: int) -> Result:
    # many classes are averaged over many logits already
    found = {
        (classes, scale): start(
            classes, scale, draws if classes < 1000 else max(20, draws // 5), seed
        )
        for classes in CLASSES
        for scale in SCALES
    }
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            classes,
            float(np.log(classes)),
            *(found[classes, scale].loss for scale in SCALES),
        )
        for classes in CLASSES
    )
    return Result(
        conclusion=_conclusion(found, draws),
        tables=(
            Table(
                "losses",
                "Mean loss at random weights",
                ("C", "ln C", *(f"scale {scale:g}" for scale in SCALES)),
                rows,
            ),
            Table(
                "four",
                "Four classes",
                (
                    "scale",
                    "spread of the logits",
                    "loss",
                    "± standard error",
                    "ln 4 + σ²/2 (1 − 1/4)",
                    "accuracy",
                ),
                tuple(
                    (
                        scale,
                        at.spread,
                        at.loss,
                        at.error,
                        float(np.log(4)) + 3 / 8 * at.spread**2,
                        at.accuracy,
                    )
                    for scale in SCALES
                    for at in (found[4, scale],)
                ),
            ),
        ),
        pictures=(_picture(found),),
        formulas=(Formula("Its gradient by the last bias", shipped("mlp").derive("E", "b_3")),),
        data={
            "classes": CLASSES,
            "scales": SCALES,
            "loss": [[found[c, s].loss for s in SCALES] for c in CLASSES],
            "standard_error": [[found[c, s].error for s in SCALES] for c in CLASSES],
            "spread": [[found[c, s].spread for s in SCALES] for c in CLASSES],
            "accuracy": [[found[c, s].accuracy for s in SCALES] for c in CLASSES],
        },
    )


def _conclusion(found: dict[tuple[int, float], Start], draws: int) -> tuple[str, ...]:
    small = [found[classes, SCALES[0]] for classes in CLASSES]
    apart = max(
        abs(at.loss / np.log(classes) - 1) for at, classes in zip(small, CLASSES, strict=True)
    )
    four = found[4, SCALES[0]]
    fits = [
        scale
        for scale in SCALES
        if all(
            abs(found[c, scale].loss / np.log(c) - 1) < NEAR + 2 * found[c, scale].error / np.log(c)
            for c in CLASSES
        )
    ]
    large = found[4, SCALES[-1]]
    one = found[4, 1.0]
    said = [
        f"With small weights the loss is ln C: for scale {SCALES[0]:g} it is at most "
        f"{shown(float(100 * apart), 2)}% from it, for C from {CLASSES[0]} to {CLASSES[-1]}. The softmax of "
        f"equal logits is 1/C. For four classes: {shown(four.loss)} against ln 4 = "
        f"{shown(float(np.log(4)))}, and the accuracy {shown(four.accuracy, 2)}.",
        (
            f"The loss stays within {100 * NEAR:g}% of ln C up to scale {max(fits):g}. "
            if fits
            else ""
        )
        + "With larger weights the network is sure of something it has not learnt: for four classes "
        f"{shown(one.loss, 3)} at scale 1 and {shown(large.loss, 3)} at scale {SCALES[-1]:g}, where logits spread by "
        f"{shown(large.spread, 2)}. To second order the excess is σ²/2 · (1 − 1/C), σ being that spread.",
    ]
    gap = abs(one.swapped - one.loss)
    noise = 3 * float(np.hypot(one.swapped_error, one.error))
    said.append(
        "Wrong labels do not show at the start: with every label replaced by the next class the loss at scale 1 is "
        f"{shown(one.swapped, 3)} in place of {shown(one.loss, 3)}"
        + (
            ", no more than the draws differ. A first loss far above ln C speaks of large logits, not of labels."
            if gap < noise
            else f", more than the draws ({draws}) should differ."
        )
    )
    return tuple(said)


def _picture(found: dict[tuple[int, float], Start]) -> Picture:
    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        for number, classes in enumerate(CLASSES):
            left.plot(
                SCALES,
                [found[classes, scale].loss for scale in SCALES],
                label=f"C = {classes}",
                **line(number),
            )
            left.axhline(np.log(classes), color=BLACK, linewidth=0.7, linestyle=":")
        left.set_xlabel("weight scale")
        left.set_ylabel("loss at random weights (dotted: ln C)")
        left.legend()
        grid = np.geomspace(CLASSES[0], CLASSES[-1], 50)
        right.semilogx(grid, np.log(grid), color=BLACK, linewidth=1.2, label="ln C")
        for number, scale in enumerate((SCALES[0], 1.0, SCALES[-1])):
            right.semilogx(
                CLASSES,
                [found[classes, scale].loss for classes in CLASSES],
                label=f"scale {scale:g}",
                **line(number),
            )
        right.set_xlabel("classes C")
        right.legend()

    return Picture(
        "The loss before anything is learnt",
        "The mean cross-entropy of a network at random weights against the weights' scale and against the "
        "number of classes; for small weights it is ln C.",
        draw,
        (10.7, 4.8),
    )


STUDY = Study(
    "initial-loss",
    "What is the loss of a classifier that has learnt nothing, and when is it not?",
    answer,
    (
        Option("draws", 500, "Random networks for each number of classes and scale.", 20, 5000),
        Option("seed", 0, "Where the random numbers start.", 0, 2**31 - 1),
    ),
)
