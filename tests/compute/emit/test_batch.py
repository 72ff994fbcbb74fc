"""With a batch axis a function gives what it gives for each example, or the sum of these."""

from __future__ import annotations

import numpy as np
import pytest
from tests.compute.emit.conftest import called
from tests.compute.emit.zoo import (
    ATTENTION,
    GATED,
    GRU,
    IMAGE,
    LAST_STEP,
    LAYER_NORM,
    LOGISTIC,
    LSTM,
    MEMBERS,
    NETWORK,
    PADDED,
    PERCEPTRON,
    STRIDED,
    TWO_BACK,
)
from tests.compute.emit.zoo_involved import INVOLVED

from backprove import BackproveError, Model

EXAMPLES = 3
CASES = {
    "three-layer perceptron": (PERCEPTRON, ("x", "y")),
    "attention": (ATTENTION, ("X", "D")),
    "recurrent network": (NETWORK, ("x", "y")),
    "loss at the last step": (LAST_STEP, ("x", "y", "h_0")),
    "lstm": (LSTM, ("x", "y", "h_0", "c_0")),
    "gated cell": (GATED, ("x", "y")),
    "two steps back": (TWO_BACK, ("x", "h_0", "h_1")),
    "strided convolution": (STRIDED, ("x", "q")),
    "padded convolution": (PADDED, ("x",)),
    "convolution of an image": (IMAGE, ("X",)),
    "logistic regression": (LOGISTIC, ("X", "t")),
    "logistic regression by members": (MEMBERS, ("x", "t")),
    "gated recurrent unit": (GRU, ("x", "h")),
    "layer norm": (LAYER_NORM, ("x",)),
    **{
        name: (case, tuple(data for data in ("x", "y", "h") if data in case.given))
        for name, case in INVOLVED.items()
    },
}


@pytest.mark.parametrize(("case", "data"), CASES.values(), ids=CASES.keys())
def test_a_batch(case, data, target, run, close):
    question = Model(case.text).derivatives(case.of, case.by)
    shared = case.values()
    examples = [{**shared, **{n: case.values(k)[n] for n in data}} for k in range(EXAMPLES)]
    alone = [called("numpy", question.function("numpy", value=True), e) for e in examples]
    batch = {**shared, **{n: np.stack([e[n] for e in examples]) for n in data}}
    value, *found = run(question.function(target, batch=data, value=True), batch)
    close(value, np.stack([first for first, *_ in alone]))
    for k, (name, derivative) in enumerate(zip(case.arguments, found, strict=True), 1):
        each = np.stack([results[k] for results in alone])
        close(derivative, each if name in data else each.sum(0))


@pytest.mark.parametrize(
    ("case", "data"),
    [
        (NETWORK, ["x", "y"]),
        (LOGISTIC, ["X", "t"]),
        (PERCEPTRON, ["x", "y"]),
        (MEMBERS, ["x", "t"]),
    ],
)
def test_what_looks_like_data(case, data):
    """`batch=True` gives a batch axis to what is named or declared like data."""
    question = Model(case.text).derivatives(case.of, case.by)
    assert question.data_arguments() == data
    assert question.source("numpy", batch=True) == question.source("numpy", batch=data)


def test_nothing_looks_like_data():
    question = Model("a in R^n\nL = sum(a^2)").derivatives("L", ["a"])
    with pytest.raises(BackproveError, match="name those that have a batch axis"):
        question.source("numpy", batch=True)


def test_the_batch_axis_of_an_unknown_argument_is_refused():
    question = Model("a in R^n\nL = sum(a^2)").derivatives("L", ["a"])
    with pytest.raises(BackproveError, match="b is no argument"):
        question.source("numpy", batch=["b"])


def test_the_docstring_says_what_the_batch_axis_is():
    question = Model(NETWORK.text).derivatives("E", ["W", "x_t"])
    source = question.source("numpy", batch=["x", "y"])
    assert "x: shape (B, T, n)" in source
    assert "derivative of E by W: shape (m, m); added up over the examples" in source
    assert "derivative of E by x_t: shape (B, T, n)\n" in source
