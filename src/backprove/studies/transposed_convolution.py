"""A transposed convolution is a product with a transposed matrix: the pictures of it.

The matrix and the layer are the quantities `conv_transpose_matrix` and `conv_transpose` of a model
like the shipped `transposed-conv`, in whole numbers; the backward pass is derived from it.
V. Dumoulin, F. Visin, "A guide to convolution arithmetic for deep learning", arXiv:1603.07285
(2016), section 4.
"""

from __future__ import annotations

import importlib.util
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from backprove.errors import BackproveError
from backprove.mathematics import Model
from backprove.studies.frame import Formula, Option, Picture, Result, Study, Table
from backprove.studies.numbers import Floats, Numbers, shipped
from backprove.studies.style import cells

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: matrices of more entries are not drawn
MOST = 250_000


@cache
def layer(input: int, kernel: int, stride: int) -> Model:
    """A square input under a square kernel, both as the layer and as the matrix."""
    out = (input - 1) * stride + kernel
    return Model(
        f"X in R^{{{input} x {input}}}, K in R^{{{kernel} x {kernel}}}, D in R^{{{out} x {out}}}\n"
        f"Y = conv_transpose(X, K, stride={stride})\n"
        f"C = conv_transpose_matrix(K, input=[{input}, {input}], stride={stride})\n"
        f"B = conv(D, K, stride={stride})\n"
        "E = 1/2 ‖Y - D‖_F^2"
    )


def answer(input: int, kernel: int, stride: int, seed: int) -> Result:
    out = (input - 1) * stride + kernel
    if (out * input) ** 2 > MOST:
        raise BackproveError(
            f"a {input} × {input} input under a {kernel} × {kernel} kernel with stride {stride} makes a "
            f"matrix of {input**2} × {out**2}, which is too large to show"
        )
    model = layer(input, kernel, stride)
    ones = Numbers(model, {}, {"X": np.ones((1, input, input)), "K": np.ones((1, kernel, kernel))})
    result, matrix = ones.value("Y")[0], ones.value("C")[0]
    small = np.array([[[1.0, 2.0], [3.0, 4.0]]])
    example = Numbers(shipped("transposed-conv"), {}, {"X": small, "K": small})
    tiny = example.value("C")[0]
    rng = np.random.default_rng(seed)
    x, k, d = (rng.integers(-9, 10, (1, size, size)).astype(float) for size in (input, kernel, out))
    random = Numbers(model, {}, {"X": x, "K": k, "D": d})
    y, c = random.value("Y")[0], random.value("C")[0]
    product = (c.T @ x.reshape(-1)).reshape(out, out)
    same = bool(np.array_equal(product, y))
    # the gradient by the input is the convolution of the gradient by the output
    slope = random.derivative("E", "X")[0]
    error = Numbers(model, {}, {"K": k, "D": y - d})
    back = bool(np.array_equal(slope, error.value("B")[0]))
    counted = result.max()
    said = [
        f"A {input} × {input} input under a {kernel} × {kernel} kernel with stride {stride} gives {out} × {out}: "
        f"({input} − 1)·{stride} + {kernel} = {out}.",
        f"With ones everywhere an entry counts how many input entries reach it: 1 in the corners, at most "
        f"{counted:g}"
        + (
            ", with holes where none does."
            if (result == 0).any()
            else "; counts that differ from place to place inside are the checkerboard of such layers."
            if _uneven(result, kernel, stride)
            else "."
        ),
        f"The matrix C of {matrix.shape[0]} × {matrix.shape[1]} has a row for each input entry: the kernel, laid at "
        "its place. Cᵀ times the flattened input "
        + ("equals" if same else "does not equal")
        + " the layer, in whole numbers drawn at random.",
        "Its backward pass "
        + ("is" if back else "is not")
        + " the ordinary convolution with the same kernel: ∂E/∂X = conv(Y − D, K), that is C times the "
        "flattened gradient.",
        _torch(x, k, stride, y),
    ]
    return Result(
        conclusion=tuple(said),
        tables=(
            Table(
                "matrix_2x2",
                "C for a 2 × 2 input and the kernel [[1, 2], [3, 4]]: a row for each input entry",
                tuple(f"o_{j}" for j in range(1, 10)),
                tuple(tuple(int(v) for v in row) for row in tiny),
            ),
            Table(
                "example_2x2",
                "The result for the input [[1, 2], [3, 4]]",
                ("", "", ""),
                tuple(tuple(int(v) for v in row) for row in example.value("Y")[0]),
            ),
        ),
        pictures=(_result(result, input, kernel), _matrix(matrix, tiny)),
        formulas=(
            Formula("Backwards, by the input", shipped("transposed-conv").derive("E", "X")),
            Formula("Backwards, by the kernel", shipped("transposed-conv").derive("E", "K")),
        ),
        data={
            "result": result.astype(int),
            "matrix": matrix.astype(int),
            "layer_equals_product": same,
            "backward_is_convolution": back,
        },
    )


def _uneven(result: Floats, kernel: int, stride: int) -> bool:
    """Whether entries inside, away from the edges, are reached by different numbers of inputs."""
    inside = result[kernel - 1 : 1 - kernel or None, kernel - 1 : 1 - kernel or None]
    return stride > 1 and inside.size > 0 and bool(inside.min() != inside.max())


def _torch(x: Floats, k: Floats, stride: int, y: Floats) -> str:
    if importlib.util.find_spec("torch") is None:
        return "It was not compared with PyTorch's layer, which is not installed."
    import torch

    found = torch.nn.functional.conv_transpose2d(
        torch.from_numpy(x)[:, None], torch.from_numpy(k)[:, None], stride=stride
    )
    equal = np.array_equal(found[0, 0].numpy(), y)
    return f"PyTorch's conv_transpose2d gives {'the same' if equal else 'something else'}."


def _result(result: Floats, input: int, kernel: int) -> Picture:
    def draw(figure: Figure) -> None:
        left, middle, right = figure.subplots(
            1, 3, width_ratios=(max(input, 3), max(kernel, 3), len(result))
        )
        limits = (0.0, float(result.max()))
        cells(left, np.ones((input, input)), limits, words=input <= 12)
        left.set_title(f"input, {input} × {input}")
        cells(middle, np.ones((kernel, kernel)), limits, words=kernel <= 12)
        middle.set_title(f"kernel, {kernel} × {kernel}")
        cells(right, result, limits, words=len(result) <= 16)
        right.set_title(f"result, {len(result)} × {len(result)}")

    return Picture(
        "A transposed convolution of ones",
        "The input, the kernel and the result as shaded cells with their numbers: each input entry adds the "
        "kernel at its place.",
        draw,
        (10.7, 4.8),
    )


def _matrix(matrix: Floats, tiny: Floats) -> Picture:
    def draw(figure: Figure) -> None:
        top, below = figure.subplots(2, 1)
        cells(top, tiny, (0.0, float(tiny.max())))
        top.set_title("C for a 2 × 2 input and a 2 × 2 kernel 1, 2, 3, 4")
        top.set_ylabel("input entry")
        cells(below, matrix, (0.0, 1.0), words=False)
        below.set_title(f"C of ones, {matrix.shape[0]} × {matrix.shape[1]}")
        below.set_ylabel("input entry")
        below.set_xlabel("output entry, row by row")

    return Picture(
        "The matrix of a transposed convolution",
        "The matrix C as shaded cells, a row for each input entry and a column for each output entry; the "
        "kernel's rows stand in it at the distance of the output's rows.",
        draw,
        (10.7, 5.4),
    )


STUDY = Study(
    "transposed-convolution",
    "What does a transposed convolution do, and which matrix is it?",
    answer,
    (
        Option("input", 3, "Rows and columns of the input.", 1, 12),
        Option("kernel", 7, "Rows and columns of the kernel.", 1, 12),
        Option("stride", 1, "How far apart the kernel is laid down.", 1, 6),
        Option("seed", 0, "Where the random numbers start.", 0, 2**31 - 1),
    ),
)
