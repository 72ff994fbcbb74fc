"""NOTATION, section 2, *Named quantities*: values worked out here by other means."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backprove.model.value import NoMeaning

few = settings(max_examples=30, deadline=None)


def value(reader, text: str):
    return reader("n in N").value(text)


# --- sizes ----------------------------------------------------------------------------------------


def count_positions(size, kernel, stride, padding, dilation):
    """The positions at which the kernel lies inside the padded input, one by one."""
    reach = dilation * (kernel - 1)
    return len([p for p in range(0, size + 2 * padding, stride) if p + reach < size + 2 * padding])


@few
@given(
    st.integers(7, 40), st.integers(1, 3), st.integers(1, 4), st.integers(0, 3), st.integers(1, 3)
)
def test_conv_size_counts_the_places_of_the_kernel(reader, size, kernel, stride, padding, dilation):
    text = f"conv_size({size}, {kernel}, stride={stride}, padding={padding}, dilation={dilation})"
    assert value(reader, text) == count_positions(size, kernel, stride, padding, dilation)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("conv_size(32, 5)", 28),
        ("conv_size(224, 7, stride=2, padding=3)", 112),
        ("conv_size(input=28, kernel=3, padding=1)", 28),
        ("conv_size(10, 3, dilation=4)", 2),
        ("conv_transpose_size(4, 3)", 6),
        ("conv_transpose_size(7, 4, stride=2, padding=1)", 14),
        ("conv_transpose_size(7, 3, stride=2, padding=1, output_padding=1)", 14),
        ("conv_transpose_size(5, 3, dilation=2)", 9),
    ],
)
def test_known_sizes(reader, text, size):
    assert value(reader, text) == size


@few
@given(st.integers(2, 20), st.integers(1, 5), st.integers(1, 3), st.integers(1, 2))
def test_a_transposed_convolution_goes_back(reader, size, kernel, stride, dilation):
    options = f"stride={stride}, dilation={dilation}"
    large = int(value(reader, f"conv_transpose_size({size}, {kernel}, {options})"))
    assert value(reader, f"conv_size({large}, {kernel}, {options})") == size


def test_a_kernel_larger_than_its_input_is_refused(reader):
    with pytest.raises(NoMeaning, match="larger"):
        value(reader, "conv_size(3, 5)")


# --- convolutions ---------------------------------------------------------------------------------


def correlate(x, k, stride=1, padding=0, dilation=1):
    """Cross-correlation by its definition, in any number of axes."""
    x = np.pad(x, padding)
    reach = [dilation * (s - 1) + 1 for s in k.shape]
    sizes = [(n - r) // stride + 1 for n, r in zip(x.shape, reach, strict=True)]
    out = np.zeros(sizes)
    for at in product(*map(range, sizes)):
        window = tuple(
            slice(stride * p, stride * p + r, dilation) for p, r in zip(at, reach, strict=True)
        )
        out[at] = (x[window] * k).sum()
    return out


def transposed(x, k, stride=1, padding=0, dilation=1):
    """Every entry stamps the kernel at its place; the padding is cut off."""
    sizes = [
        (n - 1) * stride + dilation * (m - 1) + 1 for n, m in zip(x.shape, k.shape, strict=True)
    ]
    out = np.zeros(sizes)
    for at in product(*map(range, x.shape)):
        window = tuple(
            slice(stride * p, stride * p + dilation * (m - 1) + 1, dilation)
            for p, m in zip(at, k.shape, strict=True)
        )
        out[window] += x[at] * k
    cut = tuple(slice(padding, s - padding) for s in sizes)
    return out[cut]


OPTIONS = [{}, {"stride": 2}, {"padding": 1}, {"dilation": 2}, {"stride": 2, "padding": 1}]
SHAPES = [("R^7", "R^3"), ("R^{6 x 5}", "R^{3 x 2}")]


def written(options):
    return "".join(f", {name}={v}" for name, v in options.items())


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize(("space", "kernel"), SHAPES)
def test_conv_is_a_cross_correlation(reader, space, kernel, options):
    model = reader(f"X in {space}\nK in {kernel}")
    x, k = model.given["X"], model.given["K"]
    model.is_worth(f"conv(X, K{written(options)})", correlate(x, k, **options))


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize(("space", "kernel"), SHAPES)
def test_conv_transpose_is_its_transpose(reader, space, kernel, options):
    model = reader(f"X in {space}\nK in {kernel}")
    x, k = model.given["X"], model.given["K"]
    model.is_worth(f"conv_transpose(X, K{written(options)})", transposed(x, k, **options))


@pytest.mark.parametrize("options", OPTIONS)
def test_conv_matrix_does_what_conv_does(reader, options):
    model = reader("X in R^{6 x 5}\nK in R^{3 x 2}")
    x, k = model.given["X"], model.given["K"]
    matrix = model.value(f"conv_matrix(K, input=[6, 5]{written(options)})")
    np.testing.assert_allclose(matrix @ x.ravel(), correlate(x, k, **options).ravel())


@pytest.mark.parametrize("options", OPTIONS)
def test_conv_transpose_matrix_has_a_row_for_each_input_entry(reader, options):
    model = reader("X in R^{3 x 4}\nK in R^{3 x 2}")
    x, k = model.given["X"], model.given["K"]
    matrix = model.value(f"conv_transpose_matrix(K, input=[3, 4]{written(options)})")
    assert len(matrix) == x.size
    np.testing.assert_allclose(matrix.T @ x.ravel(), transposed(x, k, **options).ravel())


def test_one_axis(reader):
    model = reader("X in R^6\nK in R^3")
    matrix = model.value("conv_matrix(K, input=[6])")
    np.testing.assert_allclose(matrix @ model.given["X"], correlate(**lower(model.given)))


def lower(given):
    return {"x": given["X"], "k": given["K"]}


# --- boxes ----------------------------------------------------------------------------------------


def overlap(a, b):
    """Areas of intersection, union and hull, counted over the unit squares of a grid."""
    squares = [
        {(x, y) for x in range(box[0], box[2]) for y in range(box[1], box[3])} for box in (a, b)
    ]
    hull = (max(a[2], b[2]) - min(a[0], b[0])) * (max(a[3], b[3]) - min(a[1], b[1]))
    return len(squares[0] & squares[1]), len(squares[0] | squares[1]), hull


boxes = st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(1, 4), st.integers(1, 4)).map(
    lambda b: [b[0], b[1], b[0] + b[2], b[1] + b[3]]
)


@few
@given(boxes, boxes)
def test_iou_and_giou_of_boxes(reader, a, b):
    meet, union, hull = overlap(a, b)
    assert value(reader, f"iou({a}, {b})") == pytest.approx(meet / union)
    assert value(reader, f"giou({a}, {b})") == pytest.approx(meet / union - (hull - union) / hull)


def test_known_boxes(reader):
    assert value(reader, "iou([0, 0, 2, 2], [1, 1, 3, 3])") == pytest.approx(1 / 7)
    assert value(reader, "iou([0, 0, 1, 1], [2, 2, 3, 3])") == 0
    assert value(reader, "giou([0, 0, 1, 1], [0, 0, 1, 1])") == 1


# --- precision and recall -------------------------------------------------------------------------

hits = st.text("TF", min_size=1, max_size=12)


@few
@given(hits, st.data())
def test_precision_and_recall_after_a_rank(reader, word, data):
    rank = data.draw(st.integers(1, len(word)))
    positives = word.count("T") + data.draw(st.integers(1, 3))
    found = word[:rank].count("T")
    assert value(reader, f"precision({word}, {rank})") == pytest.approx(found / rank)
    assert value(reader, f"recall({word}, rank={rank}, positives={positives})") == pytest.approx(
        found / positives
    )


def interpolated(word, positives, points):
    """Average precision from its definition, on the list of (recall, precision) pairs."""
    pairs = [
        (Fraction(word[:r].count("T"), positives), Fraction(word[:r].count("T"), r))
        for r in range(1, len(word) + 1)
    ]

    def best(recall):
        return max((p for r, p in pairs if r >= recall), default=Fraction(0))

    if points == "all":  # a step of height best(recall) ends at every recall that is reached
        ends = [Fraction(i, positives) for i in range(1, word.count("T") + 1)]
        return sum((best(r) for r in ends), Fraction(0)) / positives
    return sum((best(Fraction(i, points - 1)) for i in range(points)), Fraction(0)) / points


@few
@given(hits, st.integers(0, 2))
def test_average_precision_is_the_mean_of_interpolated_precisions(reader, word, missed):
    positives = max(1, word.count("T") + missed)
    steps = [
        value(reader, f"interpolated_precision({word}, {i}/10, {positives})") for i in range(11)
    ]
    mean = value(reader, f"average_precision({word}, positives={positives}, points=11)")
    assert sum(steps) / 11 == pytest.approx(mean)


@few
@given(hits, st.integers(0, 3), st.sampled_from([11, 101, "all"]))
def test_average_precision(reader, word, missed, points):
    positives = word.count("T") + missed + (not word.count("T") and not missed)
    text = f"average_precision({word}, positives={positives}, points={points})"
    assert value(reader, text) == pytest.approx(float(interpolated(word, positives, points)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # all found at once: precision 1 at every recall
        ("average_precision(TTT, positives=3)", 1),
        ("average_precision(FFF, positives=3)", 0),
        # recall stops at 1/2: six of the eleven points (0, 0.1, …, 0.5) have precision 1
        ("average_precision(T, positives=2)", Fraction(6, 11)),
        ("average_precision(T, positives=2, points=all)", Fraction(1, 2)),
        ("average_precision(T, positives=2, points=101)", Fraction(51, 101)),
        # T F T of two: precision 1 up to recall 1/2, then 2/3
        ("average_precision(TFT, positives=2)", (6 + 5 * Fraction(2, 3)) / 11),
        ("average_precision(TFT, positives=2, points=all)", Fraction(5, 6)),
        # the interpolation looks ahead: F T has precision 1/2 everywhere
        ("average_precision(FT, positives=1)", Fraction(1, 2)),
    ],
)
def test_known_values_of_voc(reader, text, expected):
    assert value(reader, text) == pytest.approx(float(expected))


# --- counts ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("receptive_field([[3, 1, 1]])", 3),
        ("receptive_field([[3, 1, 1], [3, 1, 1]])", 5),
        ("receptive_field([[3, 2, 1], [3, 2, 1], [3, 2, 1]])", 15),
        ("receptive_field([[3, 1, 1], [3, 1, 2], [3, 1, 4]])", 15),
        ("receptive_field([[2, 2, 1], [2, 2, 1]])", 4),
        ("parameters(3, 4, 8)", 3 * 4 * 8 + 8),
        ("parameters([3, 3], 16, 32)", 9 * 16 * 32 + 32),
        ("parameters([3, 3], 16, 32, bias=0)", 9 * 16 * 32),
        ("parameters(kernel=[5, 5], in=1, out=6)", 156),
    ],
)
def test_counts(reader, text, expected):
    assert value(reader, text) == expected


def test_arguments_may_be_expressions(reader):
    model = reader("s = 2\nk = 3\nsize = conv_size(7 + 2, k, stride=s)")
    model.is_worth("size", 4)


@pytest.mark.parametrize(
    "text",
    [
        "conv_size(3)",
        "conv_size(9, 3, step=2)",
        "conv_size(9, 3, 1, 1, 1, 1)",
        "iou([0, 0, 1], [1])",
    ],
)
def test_wrong_arguments_are_named(reader, text):
    with pytest.raises(NoMeaning):
        value(reader, text)
