"""What the focal loss's γ does: to the loss, its gradient, and the share of the easy examples.

T.-Y. Lin et al., "Focal loss for dense object detection", ICCV (2017). The loss is that of the
shipped models, for an example of the true class: by the probability p from `identity-output`, by the
logit from `sigmoid-output`.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from backprove.studies.frame import Formula, Option, Picture, Result, Study, Table, shown
from backprove.studies.numbers import Floats, Numbers, shipped
from backprove.studies.style import BLACK, line

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GAMMAS = (0.0, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0)
EASY, HARD = 0.9, 0.1
#: rounding
SAME = 1e-9


def focal(p: Floats, gamma: float, name: str = "F") -> tuple[Floats, Floats]:
    """The loss of an example whose true class has probability p, and its derivative by p.

    `name` is F, or C for cross-entropy, which knows no γ.
    """
    numbers = Numbers(shipped("identity-output"), {}, {"z": p, "t": [1.0], "γ": [gamma]})
    return numbers.value(name), numbers.derivative(name, "z")


def by_logit(p: Floats, gamma: float, name: str = "F") -> Floats:
    """The derivative by the logit behind a sigmoid, where its probability is p."""
    values = {"z": np.log(p / (1 - p)), "t": [1.0], "γ": [gamma]}
    return Numbers(shipped("sigmoid-output"), {}, values).derivative(name, "z")


def answer(easy: int, hard: int, seed: int) -> Result:
    grid = np.linspace(0.002, 0.998, 499)
    pairs = {gamma: focal(np.array([EASY, HARD]), gamma) for gamma in GAMMAS}
    slopes = {gamma: by_logit(np.array([EASY, HARD]), gamma) for gamma in GAMMAS}
    curves = {gamma: focal(grid, gamma) for gamma in GAMMAS}
    by_logits = {gamma: by_logit(grid, gamma) for gamma in GAMMAS}
    crowd = _probabilities(easy, hard, seed)
    shares = {gamma: _share(crowd, easy, gamma) for gamma in GAMMAS}
    cross = focal(grid, 0, "C")
    apart = max(
        float(np.abs(a - b).max())
        for a, b in zip(
            (*curves[0.0], by_logits[0.0]), (*cross, by_logit(grid, 0, "C")), strict=True
        )
    )
    louder = {gamma: _louder(grid, by_logits, gamma) for gamma in GAMMAS[1:]}
    rows = tuple(
        (
            gamma,
            float(pairs[gamma][0][0]),
            float(pairs[gamma][0][1]),
            float(pairs[gamma][0][1] / pairs[gamma][0][0]),
            float(slopes[gamma][1] / slopes[gamma][0]),
            *shares[gamma],
        )
        for gamma in GAMMAS
    )
    return Result(
        conclusion=_conclusion(rows, louder, easy, hard, apart),
        tables=(
            Table(
                "by_gamma",
                f"An easy example (p = {EASY}) and a hard one (p = {HARD}); {easy} easy and {hard} hard together",
                (
                    "γ",
                    "loss, easy",
                    "loss, hard",
                    "hard : easy",
                    "gradient by z, hard : easy",
                    "share of the easy in the loss",
                    "in the gradient",
                ),
                rows,
            ),
            Table(
                "louder",
                "Where the gradient by z is larger than that of cross-entropy",
                ("γ", "for p below", "most, at p", "times"),
                tuple((gamma, *found) for gamma, found in louder.items()),
            ),
        ),
        pictures=(_losses(grid, curves, by_logits), _shares(shares, easy, hard)),
        formulas=(
            Formula("By the probability", shipped("identity-output").derive("F", "z")),
            Formula("By the logit of a sigmoid", shipped("sigmoid-output").derive("F", "z")),
        ),
        data={
            "p": grid,
            "loss": {f"{gamma:g}": found[0] for gamma, found in curves.items()},
            "gradient_by_p": {f"{gamma:g}": found[1] for gamma, found in curves.items()},
            "gradient_by_logit": {f"{gamma:g}": found for gamma, found in by_logits.items()},
            "shares": {f"{gamma:g}": found for gamma, found in shares.items()},
        },
    )


def _probabilities(easy: int, hard: int, seed: int) -> Floats:
    """What a detector half trained says: background mostly near 1, objects anywhere below 1/2."""
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.beta(20, 1.5, easy), rng.uniform(0.02, 0.5, hard)])


def _share(p: Floats, easy: int, gamma: float) -> tuple[float, float]:
    """The part of the whole loss, and of the gradients' absolute values, of the first examples."""
    loss, slope = focal(p, gamma)[0], np.abs(by_logit(p, gamma))
    return tuple(float(each[:easy].sum() / each.sum()) for each in (loss, slope))  # pyright: ignore[reportReturnType]


def _louder(grid: Floats, slopes: dict[float, Floats], gamma: float) -> tuple[float, float, float]:
    """Up to which p the gradient exceeds that of cross-entropy, and where and by how much most."""
    ratio = slopes[gamma] / slopes[0.0]
    above = grid[ratio > 1]
    top = int(ratio.argmax())
    return float(above.max()) if len(above) else 0.0, float(grid[top]), float(ratio[top])


def _conclusion(
    rows: tuple[tuple[float, ...], ...],
    louder: dict[float, tuple[float, float, float]],
    easy: int,
    hard: int,
    apart: float,
) -> tuple[str, ...]:
    none, most = rows[0], rows[-1]
    two = next(row for row in rows if row[0] == 2)
    falling = all(a[5] > b[5] for a, b in pairwise(rows))
    said = [
        "γ = 0 is cross-entropy: "
        + ("the same loss and gradients" if apart < SAME else "but not in these numbers")
        + f" (apart by {shown(apart, 2)} at most, for {shown(0.002)} ≤ p ≤ {shown(0.998)}).",
        f"A hard example (p = {HARD}) counts {shown(none[3], 3)} times an easy one (p = {EASY}) at γ = 0, "
        f"{shown(two[3], 3)} times at γ = 2 and {shown(most[3], 3)} times at γ = {most[0]:g}: every unit of γ "
        f"multiplies the ratio by (1 − {HARD})/(1 − {EASY}) = {shown((1 - HARD) / (1 - EASY), 2)}.",
        f"Of {easy} easy and {hard} hard examples the easy ones make {shown(100 * none[5], 3)}% of the loss "
        f"at γ = 0, {shown(100 * two[5], 3)}% at γ = 2 and {shown(100 * most[5], 2)}% at γ = {most[0]:g}"
        + (", less with every step." if falling else "."),
    ]
    edge, at, times = louder[2.0]
    if times > 1:
        said.append(
            f"Focal loss is not only smaller. Its loss is, for every p; but at γ = 2 the gradient by the "
            f"logit is larger than that of cross-entropy for p below {shown(edge, 2)}, by up to "
            f"{shown(times, 3)} times (at p = {shown(at, 2)}): moderately hard examples pull more."
        )
    return tuple(said)


def _losses(
    grid: Floats, curves: dict[float, tuple[Floats, Floats]], slopes: dict[float, Floats]
) -> Picture:
    drawn = (0.0, 0.5, 1.0, 2.0, 5.0)

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        for number, gamma in enumerate(drawn):
            label = f"γ = {gamma:g}" + (" (cross-entropy)" if not gamma else "")
            left.plot(grid, curves[gamma][0], label=label, **line(number, len(grid)))
            right.plot(grid, slopes[gamma], **line(number, len(grid)))
        for p, words in ((EASY, "easy"), (HARD, "hard")):
            left.axvline(p, color=BLACK, linewidth=0.8, linestyle=":")
            left.text(p, 4.0, f" {words}", fontsize=11)
        left.set_ylim(0, 4.3)
        left.set_ylabel("loss")
        right.set_ylabel("derivative by the logit")
        for ax in (left, right):
            ax.set_xlabel("p, the probability of the true class")
        figure.legend(loc="outside lower center", ncols=len(drawn))

    return Picture(
        "Focal loss and its gradient",
        "The loss and its derivative by the logit against the probability of the true class, a line for "
        "each γ. A larger γ flattens both where p is near 1.",
        draw,
        (10.7, 4.8),
    )


def _shares(shares: dict[float, tuple[float, float]], easy: int, hard: int) -> Picture:
    def draw(figure: Figure) -> None:
        ax = figure.subplots()
        for number, words in enumerate(("of the loss", "of the gradient")):
            values = [100 * found[number] for found in shares.values()]
            ax.plot(list(shares), values, label=words, **line(number))
        ax.set_ylim(0, 100)
        ax.set_xlabel("γ")
        ax.set_ylabel("share of the easy examples, %")
        ax.set_title(f"{easy} easy and {hard} hard examples")
        ax.legend()

    return Picture(
        "Who decides the update",
        "The share of the easy examples in the whole loss and in the whole gradient, against γ.",
        draw,
    )


STUDY = Study(
    "focal",
    "What does γ change in the focal loss: for easy and hard examples, and where easy ones are many?",
    answer,
    (
        Option("easy", 10000, "Easy examples (background).", 1, 10**6),
        Option("hard", 100, "Hard examples (objects).", 1, 10**6),
        Option("seed", 0, "Where the random numbers start.", 0, 2**31 - 1),
    ),
)
