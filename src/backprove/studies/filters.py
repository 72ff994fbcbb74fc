"""Kernels that give zero everywhere on a board: the null space of K ↦ conv(X, K), exactly.

The map is linear, so its matrix is the derivative of the convolution by its kernel, derived from the
model at the board; the null space is found in fractions by FLINT, and every kernel of the basis is
put back into the model.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from math import gcd
from typing import TYPE_CHECKING

import numpy as np
from flint import fmpz_mat

from backprove.errors import BackproveError
from backprove.mathematics import Model
from backprove.studies.frame import Cell, Formula, Option, Picture, Result, Study, Table
from backprove.studies.numbers import Floats, Numbers, shipped
from backprove.studies.style import cells

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: bases that are drawn have at most so many kernels
DRAWN = 8


@cache
def layer(rows: int, columns: int, kernel: int, stride: int) -> Model:
    return Model(
        f"X in R^{{{rows} x {columns}}}, K in R^{{{kernel} x {kernel}}}\n"
        f"Y = conv(X, K, stride={stride})"
    )


def boards(rows: int, columns: int) -> dict[str, Floats]:
    """Boards by name: checkerboards of 0 and 1 and of −1 and 1, stripes, and one with an even rim.

    The last is a checkerboard of 1 on 0 that leaves out the first and last column of every second
    row, as pictures of feature maps show them.
    """
    r, c = np.indices((rows, columns))
    odd = (r + c) % 2
    rim = odd * ((c > 0) & (c < columns - 1))
    made = {
        "checkerboard of 0 and 1": odd,
        "checkerboard of −1 and 1": 2 * odd - 1,
        "with an even rim": rim,
        "columns of 0 and 1": c % 2,
    }
    return {name: board.astype(np.float64) for name, board in made.items()}


def null_space(board: Floats, kernel: int, stride: int) -> tuple[int, list[Floats]]:
    """The rank of K ↦ conv(board, K), and whole-numbered kernels that span what it sends to zero."""
    rows, columns = board.shape
    model = layer(rows, columns, kernel, stride)
    numbers = Numbers(model, {}, {"X": board[None]})
    matrix = numbers.derivative("Y", "K")[0].reshape(-1, kernel * kernel)
    found, count = fmpz_mat([[int(v) for v in row] for row in matrix.tolist()]).nullspace()
    basis: list[Floats] = []
    for j in range(count):
        column = [int(found[i, j]) for i in range(kernel * kernel)]
        divisor = gcd(*column) * (1 if next(v for v in column if v) > 0 else -1)
        basis.append(np.array([v // divisor for v in column], dtype=float).reshape(kernel, kernel))
    return kernel * kernel - count, basis


def zero_on(board: Floats, kernels: list[Floats], stride: int) -> bool:
    """Whether the model gives zero everywhere for these kernels."""
    if not kernels:
        return True
    model = layer(*board.shape, len(kernels[0]), stride)
    numbers = Numbers(model, {}, {"X": board[None], "K": np.stack(kernels)})
    return not numbers.value("Y").any()


def answer(rows: int, columns: int, kernel: int) -> Result:
    if kernel > min(rows, columns):
        raise BackproveError(
            f"a kernel of {kernel} × {kernel} does not fit on a board of {rows} × {columns}"
        )
    named = boards(rows, columns)
    found = {
        (name, stride): null_space(board, kernel, stride)
        for name, board in named.items()
        for stride in (1, 2)
    }
    verified = all(
        zero_on(named[name], basis, stride) for (name, stride), (_, basis) in found.items()
    )
    entries = kernel * kernel
    first = "checkerboard of 0 and 1"
    rank, basis = found[first, 1]
    said = [
        f"A kernel of {kernel} × {kernel} has {entries} entries; on a board the result depends on as many "
        "combinations of them as there are independent patches, its rank. The rest is free: kernels "
        "that give zero everywhere form a space of what is left.",
        f"On a {first} with stride 1 the rank is {rank}: there are two kinds of patches, and a kernel gives zero "
        f"exactly where its entries on the one colour add up to 0, and those on the other. That leaves "
        f"{len(basis)} dimensions"
        if rank == 2
        else f"On a {first} with stride 1 the rank is {rank}, which leaves {len(basis)} dimensions",
    ]
    said[-1] += (
        f", spanned by {', '.join(map(_written, basis[:3]))}{' and more' if len(basis) > 3 else ''}."
    )
    double = found[first, 2]
    said.append(
        f"With stride 2 it is {double[0]}, because the kernel sees "
        + ("only one kind of patch" if double[0] == 1 else "the same kinds of patches")
        + f": {len(double[1])} dimensions."
    )
    signed = found["checkerboard of −1 and 1", 1]
    said.append(
        f"On −1 and 1 in place of 0 and 1 the two kinds of patches are each other's negative: rank {signed[0]}, "
        f"{len(signed[1])} dimensions."
    )
    rim, rim_basis = found["with an even rim", 2]
    said.append(
        f"With an even rim and stride 2 the rank is {rim}; "
        + (
            f"zero is given by {' and '.join(map(_written, rim_basis[:2]))}"
            + (" and more." if len(rim_basis) > 2 else " and what they combine to.")
            if rim_basis
            else "only the zero kernel gives zero."
        )
    )
    said.append(
        "Every kernel of every basis "
        + (
            "was put back into the model and gives zero"
            if verified
            else "should give zero, and some do not"
        )
        + "; that there are no others is the rank, in whole numbers."
    )
    rows_: tuple[tuple[Cell, ...], ...] = tuple(
        (name, stride, rank, len(basis), ", ".join(map(_written, basis)) or "only zero")
        for (name, stride), (rank, basis) in found.items()
    )
    return Result(
        conclusion=tuple(said),
        tables=(
            Table(
                "null_spaces",
                f"Kernels of {kernel} × {kernel} that give zero everywhere on a board of {rows} × {columns}",
                ("board", "stride", "rank", "dimensions", "a basis"),
                rows_,
            ),
        ),
        pictures=(_picture(named[first], basis, kernel),),
        formulas=(
            Formula("By the kernel, derived from the model", shipped("conv2d").derive("E", "K")),
        ),
        data={
            "boards": {name: board.astype(int) for name, board in named.items()},
            "bases": {
                f"{name}, stride {stride}": [
                    [[Fraction(int(v)) for v in row] for row in k] for k in basis
                ]
                for (name, stride), (_, basis) in found.items()
            },
            "verified": verified,
        },
    )


def _written(kernel: Floats) -> str:
    rows = ("[" + ", ".join(f"{v:g}".replace("-", "−") for v in row) + "]" for row in kernel)
    return f"[{', '.join(rows)}]"


def _picture(board: Floats, basis: list[Floats], kernel: int) -> Picture:
    drawn = basis[:DRAWN]

    def draw(figure: Figure) -> None:
        places = figure.subplots(2, 1 + len(drawn), squeeze=False)
        for ax in places.flat:
            ax.set_axis_off()
        cells(places[0, 0], board, (0.0, 1.0), words=board.size <= 64)
        places[0, 0].set_title("board")
        for column, each in enumerate(drawn, start=1):
            cells(places[0, column], each, (-1.0, 1.0), words=kernel <= 4)
            places[0, column].set_title(f"kernel {column}")
            model = layer(*board.shape, kernel, 1)
            seen = Numbers(model, {}, {"X": board[None], "K": each[None]}).value("Y")[0]
            cells(places[1, column], seen, (-1.0, 1.0), words=seen.size <= 64)
            places[1, column].set_title("on the board")

    return Picture(
        "Kernels that are blind to a checkerboard",
        "A checkerboard, kernels that span the null space of the convolution over it, and below each what it "
        "gives on the board: zero everywhere.",
        draw,
        (max(6.0, 2.4 * (1 + len(drawn))), 5.0),
    )


STUDY = Study(
    "filters",
    "Which kernels give zero everywhere on a checkerboard?",
    answer,
    (
        Option("rows", 5, "Rows of the board.", 2, 24),
        Option("columns", 7, "Columns of the board.", 2, 24),
        Option("kernel", 2, "Rows and columns of the kernel.", 1, 5),
    ),
)
