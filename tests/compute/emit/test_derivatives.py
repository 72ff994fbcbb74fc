"""The emitted functions agree with JAX differentiating the same quantity, to 1e-10 in float64."""

from __future__ import annotations

import pytest
from tests.compute.emit.zoo import (
    ATTENTION,
    BLOCKS,
    FOCAL,
    GRADIENTS,
    GRU,
    HESSIANS,
    IMAGE,
    JACOBIANS,
    LAST_STEP,
    NETWORK,
    Case,
)
from tests.compute.emit.zoo_involved import INVOLVED

from backprove import Model


def cases(table: dict[str, Case]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", table.values(), ids=table.keys())


@cases(GRADIENTS | JACOBIANS | INVOLVED)
def test_all_derivatives_at_once(case, target, run, close):
    """One function gives the derivatives by all of the variables, after one backward pass."""
    function = Model(case.text).derivatives(case.of, case.by).function(target)
    found = run(function, case.values())
    for derivative, truth in zip(found, case.truth, strict=True):
        close(derivative, truth)


@pytest.mark.parametrize("case", [NETWORK, ATTENTION, IMAGE])
def test_one_derivative(case, target, run, close):
    derivation = Model(case.text).derive(case.of, case.by[0])
    (found,) = run(derivation.function(target), case.values())
    close(found, case.truth[0])


@cases(HESSIANS)
def test_hessians(case, target, run, close):
    (by,) = case.by
    hessian = Model(case.text).derive(f"∂{case.of}/∂{by}", by)
    (found,) = run(hessian.function(target), case.values())
    close(found, case.hessian)


@pytest.mark.parametrize("case", [BLOCKS, LAST_STEP, GRU, FOCAL])
def test_the_quantity_itself(case, target, run, close):
    question = Model(case.text).derivatives(case.of, case.by[:1])
    value, derivative = run(question.function(target, value=True), case.values())
    close(value, case.value)
    close(derivative, case.truth[0])
