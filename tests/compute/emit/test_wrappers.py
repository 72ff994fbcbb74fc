"""Quantities with their derivatives built in pass the libraries' own checks of gradients."""

from __future__ import annotations

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from tests.compute.emit.conftest import given
from tests.compute.emit.zoo import (
    ATTENTION,
    GATED,
    GRU,
    IMAGE,
    LAYER_NORM,
    LOGISTIC,
    LSTM,
    NETWORK,
    PADDED,
    PERCEPTRON,
    SOFTMAX,
    TWO_BACK,
    Case,
)

from backprove import BackproveError, Model

CASES = {
    "three-layer perceptron": PERCEPTRON,
    "attention": ATTENTION,
    "recurrent network": NETWORK,
    "lstm": LSTM,
    "gated cell": GATED,
    "two steps back": TWO_BACK,
    "padded convolution": PADDED,
    "convolution of an image": IMAGE,
    "logistic regression": LOGISTIC,
    "softmax and cross-entropy": SOFTMAX,
    "gated recurrent unit": GRU,
    "layer norm": LAYER_NORM,
}
cases = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())


def wrapped(case: Case, target: str, batch=False):
    """The function, and its arguments in order."""
    question = Model(case.text).derivatives(case.of, case.by[:1])
    source = question.source(target, wrapper=True, batch=batch)
    head = r"def forward\(ctx, (.*)\):" if target == "torch" else r"def [a-z]\w*\((.*)\):"
    names = re.search(head, source, re.IGNORECASE)[1].split(", ")
    return question.function(target, wrapper=True, batch=batch), names


@cases
def test_torch_checks_the_function(case):
    torch = pytest.importorskip("torch")
    function, names = wrapped(case, "torch")
    arguments = [given("torch", case.values()[n]).requires_grad_() for n in names]
    np.testing.assert_allclose(function(*arguments).detach(), case.value, rtol=1e-10)
    assert torch.autograd.gradcheck(function, arguments)


def test_torch_checks_a_batch():
    torch = pytest.importorskip("torch")
    function, names = wrapped(NETWORK, "torch", batch=["x", "y"])
    values = NETWORK.values()
    values |= {n: np.stack([NETWORK.values(k)[n] for k in range(3)]) for n in ("x", "y")}
    arguments = [given("torch", values[n]).requires_grad_() for n in names]
    assert torch.autograd.gradcheck(function, arguments)


def test_torch_works_out_only_what_is_needed():
    pytest.importorskip("torch")
    function, names = wrapped(ATTENTION, "torch")
    arguments = {n: given("torch", ATTENTION.values()[n]) for n in names}
    arguments["Q"].requires_grad_()
    function(*arguments.values()).backward()
    np.testing.assert_allclose(arguments["Q"].grad, ATTENTION.truth[0], rtol=1e-10)
    assert all(a.grad is None for n, a in arguments.items() if n != "Q")


def test_torch_does_not_differentiate_it_twice():
    """The derivatives are formulas of saved parts: differentiating them would be wrong."""
    torch = pytest.importorskip("torch")
    function, _ = wrapped(SOFTMAX, "torch")
    z, y = (given("torch", SOFTMAX.values()[n]) for n in ("z", "y"))
    z.requires_grad_()
    (first,) = torch.autograd.grad(function(z, y), z, create_graph=True)
    with pytest.raises(RuntimeError, match=r"once_differentiable|does not require grad"):
        first.sum().backward()


@cases
def test_jax_checks_the_function(case):
    function, names = wrapped(case, "jax")
    arguments = [jnp.asarray(case.values()[n]) for n in names]
    np.testing.assert_allclose(function(*arguments), case.value, rtol=1e-10)
    check_grads(jax.jit(function), arguments, order=1, modes=["rev"])


@pytest.mark.parametrize("case", [ATTENTION, GATED, LAYER_NORM])
def test_jax_differentiates_it_again(case):
    function, names = wrapped(case, "jax")
    check_grads(
        jax.jit(function),
        [jnp.asarray(case.values()[n]) for n in names],
        order=2,
        modes=["rev"],
        rtol=1e-3,
    )


def test_numpy_has_no_wrapper():
    question = Model("x in R^n\nL = sum(x^2)").derivatives("L", ["x"])
    with pytest.raises(BackproveError, match="NumPy"):
        question.source("numpy", wrapper=True)
