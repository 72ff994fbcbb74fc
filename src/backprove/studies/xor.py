"""What a feature adds to a perceptron: points that no line separates, before and after.

Whether points are separable is decided by `backprove.separability`, with weights or with a proof
that there are none; features are definitions of a model. The three points and the quadratic
feature are those of the shipped `perceptron`. M. Minsky, S. Papert, "Perceptrons" (1969).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from backprove.mathematics import Model
from backprove.separability import Separation, separate
from backprove.studies.frame import Formula, Picture, Result, Study, Table
from backprove.studies.numbers import Floats, Numbers, shipped
from backprove.studies.style import BLACK, BLUE, VERMILION

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CORNERS = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
XOR = (0, 1, 1, 0)
#: what is added to the two coordinates, by name
FEATURES = {
    "nothing": "",
    "(2 x_1 − 1)²": "(2 x[1] - 1)^2",
    "x_1²": "x[1]^2",
    "x_1 x_2": "x[1] x[2]",
    "(x_1 − x_2)²": "(x[1] - x[2])^2",
}
#: the feature that is drawn
LIFT = "x_1 x_2"


@cache
def features(added: str) -> Model:
    """The coordinates and one more feature."""
    more = f", {added}" if added else ""
    return Model(f"x in R^2\nφ = [x[1], x[2]{more}]")


def lifted(points: Floats, added: str) -> Floats:
    """The features of points (n, 2), as (n, 2) or (n, 3)."""
    return Numbers(features(added), {}, {"x": points}).value("φ")


def three() -> tuple[Floats, Floats, list[int]]:
    """The points of the shipped perceptron, their features and their labels."""
    numbers = Numbers(shipped("perceptron"), {}, {"w": np.zeros((1, 3))})
    seen = np.stack([numbers.value(f"φ_{i}")[0] for i in (1, 2, 3)])
    return numbers.value("P")[0], seen, numbers.value("z")[0].astype(int).tolist()


def signs(seen: Floats, labels: Sequence[int]) -> dict[tuple[int, ...], Separation]:
    """For every choice of signs of the weights whether weights of these signs classify the points.

    That w_j has the sign s_j is one more point, s_j e_j, that has to lie on the positive side.
    """
    found: dict[tuple[int, ...], Separation] = {}
    count = seen.shape[1]
    for choice in product((1, -1), repeat=count):
        more = np.diag(choice).astype(float)
        found[choice] = separate(
            np.concatenate([seen, more]).tolist(), [*labels, *([1] * count)], bias=False
        )
    return found


def answer() -> Result:
    xor = {name: separate(lifted(CORNERS, added).tolist(), XOR) for name, added in FEATURES.items()}
    points, seen, labels = three()
    with_bias = separate(points.tolist(), labels)
    without = separate(points.tolist(), labels, bias=False)
    with_feature = separate(seen.tolist(), labels, bias=False)
    allowed = {choice: found for choice, found in signs(seen, labels).items() if found.separable}
    helps = [name for name, found in xor.items() if found.separable]
    fails = [name for name, found in xor.items() if not found.separable]
    said = [
        f"XOR is not linearly separable: {_proof(xor['nothing'])}.",
        f"Separable with the feature {' or '.join(helps)}; still not with "
        f"{' or '.join(name for name in fails if name != 'nothing')}: "
        "of a coordinate that is 0 or 1 every function is linear, and adds nothing.",
        "The three points of the perceptron are "
        + ("separable" if with_bias.separable else "not separable")
        + " by a line that may miss the origin"
        + (f" ({_proof(with_bias)})" if with_bias.separable else "")
        + "; through the origin they are "
        + (
            "separable."
            if without.separable
            else "not, as w · x is 0 at the point [0, 0] whatever w is."
            if without.meeting is not None and not any(without.meeting)
            else f"not: {_proof(without)}."
        ),
        "The quadratic feature (2 x_1 − 1)² is "
        + (
            "1 at all three points: it is the bias, and no curve."
            if (seen[:, 0] == 1).all()
            else "not the same at all three points."
        )
        + (f" With it, {_proof(with_feature)}." if with_feature.separable else ""),
        "Weights that classify all three points exist for "
        + (
            f"the signs {', '.join(map(_signs, allowed))} only"
            if len(allowed) < 8
            else "all choices of signs"
        )
        + f", of the {2 ** seen.shape[1]} choices of signs of (w_0, w_1, w_2).",
    ]
    return Result(
        conclusion=tuple(said),
        tables=(
            Table(
                "xor",
                "The four corners with the labels 0, 1, 1, 0",
                (
                    "feature added",
                    "separable",
                    "weights and bias, or the proof that there are none",
                ),
                tuple(
                    (name, "yes" if found.separable else "no", _proof(found))
                    for name, found in xor.items()
                ),
            ),
            Table(
                "three",
                "The three points of the perceptron, with the labels 1, 1, 0",
                ("asked", "separable", "weights and bias, or the proof that there are none"),
                tuple(
                    (name, "yes" if found.separable else "no", _proof(found))
                    for name, found in (
                        ("a line", with_bias),
                        ("a line through the origin", without),
                        ("weights of the three features, no bias", with_feature),
                    )
                ),
            ),
            Table(
                "signs",
                "Signs of (w_0, w_1, w_2), for the three features without a bias",
                ("signs", "possible", "weights, or the proof that there are none"),
                tuple(
                    (_signs(choice), "yes" if found.separable else "no", _proof(found))
                    for choice, found in signs(seen, labels).items()
                ),
            ),
        ),
        pictures=(_picture(xor[LIFT], xor["nothing"]),),
        formulas=(
            Formula("How the feature depends on the point", features("x[1] x[2]").derive("φ", "x")),
        ),
        data={
            "separable": {name: found.separable for name, found in xor.items()},
            "meeting": {name: found.meeting for name, found in xor.items() if not found.separable},
            "weights": {
                name: [*(found.weights or ()), found.bias]
                for name, found in xor.items()
                if found.separable
            },
            "possible_signs": [list(choice) for choice in allowed],
        },
    )


def _proof(found: Separation) -> str:
    """The certificate on one line."""
    _, _, text = str(found).partition(": ")
    return "; ".join(text.splitlines())


def _signs(choice: tuple[int, ...]) -> str:
    return "(" + ", ".join("+" if sign > 0 else "−" for sign in choice) + ")"


def _picture(after: Separation, before: Separation) -> Picture:
    def draw(figure: Figure) -> None:
        left = figure.add_subplot(1, 2, 1)
        right = figure.add_subplot(1, 2, 2, projection="3d")
        _corners(left)
        if before.meeting is not None:
            x, y = map(float, before.meeting)
            for a, b in ((0, 3), (1, 2)):
                left.plot(*CORNERS[[a, b]].T, color=BLACK, linestyle=":", linewidth=1.2)
            left.plot(x, y, "*", markersize=16, color=BLACK)
            left.text(x + 0.12, y, "both classes\nmeet here", va="center")
        left.set_title("no line separates them")
        seen = lifted(CORNERS, FEATURES[LIFT])
        for label, color, mark in ((1, BLUE, "o"), (0, VERMILION, "s")):
            chosen = seen[[i for i, z in enumerate(XOR) if z == label]]
            right.scatter(*chosen.T, s=110, color=color, marker=mark, depthshade=False, zorder=5)  # pyright: ignore[reportArgumentType]
        if after.weights is not None:
            w, b = [float(v) for v in after.weights], float(after.bias)
            x, y = np.meshgrid(np.linspace(-0.2, 1.2, 2), np.linspace(-0.2, 1.2, 2))
            right.plot_surface(x, y, -(w[0] * x + w[1] * y + b) / w[2], color="0.6", alpha=0.45)  # pyright: ignore[reportAttributeAccessIssue]
        right.set_xlabel("x₁")
        right.set_ylabel("x₂")
        right.set_zlabel("x₁ x₂")  # pyright: ignore[reportAttributeAccessIssue]
        right.view_init(elev=18, azim=-60)  # pyright: ignore[reportAttributeAccessIssue]
        right.set_title("a plane does, with their product")

    return Picture(
        "XOR, and what a feature adds",
        "Left: the four corners; the segments that join the points of one class cross, so no line separates "
        "them. Right: with the product as a third coordinate a plane lies between the classes.",
        draw,
        (10.7, 4.8),
    )


def _corners(axes: Axes) -> None:
    for label, color, mark in ((1, BLUE, "o"), (0, VERMILION, "s")):
        chosen = CORNERS[[i for i, z in enumerate(XOR) if z == label]]
        axes.scatter(*chosen.T, s=140, color=color, marker=mark, label=f"label {label}", zorder=5)
    axes.set_xlim(-0.25, 1.25)
    axes.set_ylim(-0.25, 1.25)
    axes.set_aspect("equal")
    axes.set_xlabel("x₁")
    axes.set_ylabel("x₂")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, -0.32), ncols=2)


STUDY = Study(
    "xor",
    "What does a feature add: which points can a perceptron classify with it that it cannot without?",
    answer,
)
