"""Which output and loss still have a gradient where a prediction is confident and wrong?

The shipped models `identity-output`, `sigmoid-output` and `softmax-output`, with squared error S,
cross-entropy C and focal loss F, for an example whose true class is the positive one. The softmax
is over two classes with logits z and 0, so that its probability is the sigmoid's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from backprove.studies.frame import Cell, Formula, Option, Picture, Result, Study, Table, shown
from backprove.studies.numbers import Floats, Numbers, shipped
from backprove.studies.style import BLACK, line

if TYPE_CHECKING:
    from matplotlib.figure import Figure

OUTPUTS = ("identity", "sigmoid", "softmax")
LOSSES = {"S": "squared error", "C": "cross-entropy", "F": "focal loss"}
#: a gradient below this is called lost
LOST = 0.01


def losses(output: str, logits: Floats, gamma: float) -> dict[str, tuple[Floats, Floats, Floats]]:
    """For every loss: the probability of the true class, the loss and its derivative by z.

    `logits` is (n,), and so is every result; an identity output takes z itself for the probability,
    and has a cross-entropy only where 0 < z < 1 (NaN elsewhere).
    """
    model = shipped(f"{output}-output")
    points = len(logits)
    softmax = output == "softmax"
    z = np.stack([logits, np.zeros(points)], axis=1) if softmax else logits
    target = [[1.0, 0.0]] if softmax else [1.0]
    numbers = Numbers(model, {"k": 2}, {"z": z, "t": target, "γ": [gamma]})
    found: dict[str, tuple[Floats, Floats, Floats]] = {}
    with np.errstate(invalid="ignore", divide="ignore"):
        p = numbers.value("p")
        for name in LOSSES:
            value, slope = numbers.value(name), numbers.derivative(name, "z")
            inside = np.isfinite(value)
            slope = np.where(inside, slope[:, 0] if softmax else slope, np.nan)
            found[name] = (p[:, 0] if softmax else p, np.where(inside, value, np.nan), slope)
    return found


def answer(logit: float, gamma: float, points: int) -> Result:
    grid = np.linspace(-8, 8, points)
    curves = {output: losses(output, grid, gamma) for output in OUTPUTS}
    marked = {output: losses(output, np.array([logit]), gamma) for output in OUTPUTS}
    rows: list[tuple[Cell, ...]] = []
    for output in OUTPUTS:
        for name, words in LOSSES.items():
            p, value, slope = (float(a[0]) for a in marked[output][name])
            if not np.isnan(value):
                rows.append((output, words, p, value, slope))
    return Result(
        conclusion=_conclusion(marked, logit, gamma),
        tables=(
            Table(
                "marked",
                f"At z = {shown(logit)}, true class 1 (focal loss with γ = {gamma:g})",
                ("output", "loss", "p", "loss there", "derivative by z"),
                tuple(rows),
            ),
        ),
        pictures=(_picture(grid, curves, marked, logit),),
        formulas=tuple(
            Formula(f"{output}, {words}", shipped(f"{output}-output").derive(name, "z"))
            for output in ("sigmoid", "softmax")
            for name, words in LOSSES.items()
        ),
        data={
            "z": grid,
            "gradients": {
                output: {LOSSES[name]: each[2] for name, each in by.items()}
                for output, by in curves.items()
            },
            "marked": {"z": logit, "t": 1},
        },
    )


def _conclusion(
    marked: dict[str, dict[str, tuple[Floats, Floats, Floats]]], logit: float, gamma: float
) -> tuple[str, ...]:
    at = {
        (output, name): tuple(float(a[0]) for a in by[name])
        for output, by in marked.items()
        for name in LOSSES
    }
    p, _, slope = at["sigmoid", "S"]
    cross, focal = at["sigmoid", "C"][2], at["sigmoid", "F"][2]
    said = [
        f"Sigmoid with squared error at z = {shown(logit)}, t = 1: y = {shown(p, 2)} and "
        f"∂L/∂z = {shown(slope, 2)}"
        + (
            f", though the prediction is wrong by {shown(1 - p, 3)}: the gradient is lost, because the "
            "derivative of the sigmoid is a factor of it."
            if abs(slope) < LOST < 1 - p
            else "."
        ),
        f"Cross-entropy has ∂L/∂z = p − t = {shown(cross, 4)} there: {shown(cross / slope, 3)} times as much. "
        "The factor p (1 − p) is cancelled by the logarithm, for sigmoid and softmax alike.",
        f"Softmax over two classes doubles the gradient of the squared error ({shown(at['softmax', 'S'][2], 2)}), "
        "because both outputs are wrong, and saturates like the sigmoid.",
        f"Focal loss (γ = {gamma:g}) has {shown(focal, 4)} there: "
        + (
            "hardly less than cross-entropy."
            if 0.9 < focal / cross <= 1
            else "more than cross-entropy; see the study `focal`."
            if focal / cross > 1
            else "less than cross-entropy, as the prediction is not that wrong."
        ),
        f"A linear output with squared error has the gradient z − t = {shown(at['identity', 'S'][2])}: it does not "
        "saturate, and pulls on confident right predictions (z above 1) as well. It is no "
        "probability outside 0 to 1, and has no cross-entropy there.",
    ]
    return tuple(said)


def _picture(
    grid: Floats,
    curves: dict[str, dict[str, tuple[Floats, Floats, Floats]]],
    marked: dict[str, dict[str, tuple[Floats, Floats, Floats]]],
    logit: float,
) -> Picture:
    def draw(figure: Figure) -> None:
        axes = figure.subplots(1, 3, sharey=True)
        for output, ax in zip(OUTPUTS, axes, strict=True):
            for number, (name, words) in enumerate(LOSSES.items()):
                ax.plot(grid, curves[output][name][2], label=words, **line(number, len(grid)))
                spot = marked[output][name][2]
                if np.isfinite(spot[0]) and abs(spot[0]) <= 2.2:
                    ax.plot(
                        [logit], spot, "o", markersize=11, fillstyle="none", color=BLACK, zorder=5
                    )
            ax.axhline(0, color=BLACK, linewidth=0.8)
            ax.axvline(logit, color=BLACK, linewidth=0.8, linestyle=":")
            ax.set_ylim(-2.2, 0.6)
            ax.set_title(output)
            ax.set_xlabel("z")
        axes[0].set_ylabel("derivative of the loss by z, t = 1")
        axes[1].annotate(
            f"z = {shown(logit)}: {shown(float(marked['sigmoid']['S'][2][0]), 2)}",
            (logit, float(marked["sigmoid"]["S"][2][0])),
            xytext=(-4.2 if logit < 0 else logit, 0.35),
            arrowprops={"arrowstyle": "->"},
        )
        figure.legend(*axes[1].get_legend_handles_labels(), loc="outside lower center", ncols=3)

    return Picture(
        "A confident mistake, and who still learns from it",
        "The derivative of three losses by the logit, for a linear, a sigmoid and a softmax output and the "
        "true class 1. With squared error behind a sigmoid or softmax it goes to zero on the left, where "
        "the prediction is most wrong; with cross-entropy it goes to −1.",
        draw,
        (10.7, 4.8),
    )


STUDY = Study(
    "loss-saturation",
    "Which output and which loss still learn from a prediction that is confident and wrong?",
    answer,
    (
        Option("logit", -5.0, "The logit that is marked.", -8, 8),
        Option("gamma", 2.0, "The focal loss's γ.", 0.1, 10),
        Option("points", 321, "Logits at which curves are drawn.", 21, 5001),
    ),
)
