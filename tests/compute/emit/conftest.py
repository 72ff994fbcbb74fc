"""What the tests of emitted code share: running it in each library."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import pytest

pytest.importorskip("jax")

TARGETS = ("numpy", "torch", "jax")


def given(target: str, value: Any) -> Any:
    """An array for a library, in float64."""
    if target == "torch":
        import torch

        return torch.tensor(value, dtype=torch.float64)
    if target == "jax":
        import jax.numpy as jnp

        return jnp.asarray(value)
    return np.asarray(value)


@pytest.fixture(params=TARGETS)
def target(request: pytest.FixtureRequest) -> str:
    if request.param == "torch":
        pytest.importorskip("torch")
    return request.param


def called(target: str, function: Callable[..., Any], values: Mapping[str, Any]) -> list[Any]:
    """The results of an emitted function for those of the values that it takes."""
    arguments = {n: given(target, values[n]) for n in inspect.signature(function).parameters}
    if target == "jax":
        import jax

        function = jax.jit(function)
    found = function(**arguments)
    return [np.asarray(v) for v in (found if isinstance(found, tuple) else (found,))]


@pytest.fixture
def run(target: str) -> Callable[..., list[np.ndarray]]:
    """Calls an emitted function of the library that is tested; a list of its results."""
    return partial(called, target)


def close(found: Any, expected: Any) -> None:
    """Equal shapes, float64, and numbers that agree to 1e-10."""
    assert found.shape == expected.shape
    assert found.dtype == np.float64
    size = max(1.0, float(np.abs(expected).max(initial=0.0)))
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10 * size)


@pytest.fixture(name="close")
def _close() -> Callable[[Any, Any], None]:
    return close
