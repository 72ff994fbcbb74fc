"""Code as it is asked for: of a derivation, and of several derivatives at once."""

from __future__ import annotations

import numpy as np
import pytest

from backprove import BackproveError, Model
from backprove.code import compiled

MODEL = "x in R^n, A in R^{n x n}\nq = x^T A x"


@pytest.fixture
def model() -> Model:
    return Model(MODEL)


@pytest.mark.parametrize(
    ("of", "by", "name"),
    [("q", "x", "gradient"), ("∂q/∂x", "x", "hessian"), ("A x", "x", "jacobian")],
)
def test_a_function_is_called_what_it_is(model, of, by, name):
    assert f"def {name}(" in model.derive(of, by).code("numpy")


def test_the_value_comes_first(model):
    source = model.derive("q", "x").code("numpy", value=True)
    assert "def value_and_gradient(x, A):" in source
    value, gradient = model.derive("q", "x").function("numpy", value=True)(
        np.array([1.0, 2.0]), np.eye(2)
    )
    assert value == 5
    assert list(gradient) == [2, 4]


def test_derivatives_come_in_the_order_asked_for(model):
    by_matrix, by_vector = model.derivatives("q", ["A", "x"]).function("numpy")(
        np.array([1.0, 2.0]), np.eye(2)
    )
    assert by_matrix.tolist() == [[1, 2], [2, 4]]
    assert by_vector.tolist() == [2, 4]


def test_other_kinds_of_numbers_are_kept(model):
    gradient = model.derive("q", "x").function("numpy")
    single = gradient(np.ones(2, np.float32), np.eye(2, dtype=np.float32))
    assert single.dtype == np.float32


@pytest.mark.parametrize(
    ("text", "of", "by"),
    [
        ("x in R^n\nL = sum(x)", "L", "x"),
        ("x in R^n\ny = 2 x", "y", "x"),
        ("x, z in R^n\nL = sum(z)", "L", "x"),
    ],
)
def test_results_without_any_number_of_the_arguments_have_their_kind(text, of, by):
    found = Model(text).derive(of, by).function("numpy")(np.ones(3, np.float32))
    assert found.dtype == np.float32
    assert found.shape[-1] == 3


def test_what_has_no_meaning_is_said(model):
    with pytest.raises(BackproveError, match="B"):
        model.derivatives("q", ["B"])


def test_wrappers_that_a_library_does_not_have(model):
    with pytest.raises(BackproveError, match="the wrappers for torch: function"):
        model.derive("q", "x").code("torch", wrapper="custom_vjp")


def test_a_library_that_is_not_there_is_named(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(
        BackproveError, match=r"torch is not installed; pip install 'backprove\[torch\]'"
    ):
        compiled("", "torch", "gradient")


def test_an_immediate_derivative_has_no_code():
    model = Model("h_0, w in R\nh_t = tanh(w h_{t-1}) for t = 1..3")
    with pytest.raises(BackproveError, match="total derivatives only"):
        model.derive("h_3", "w", immediate=True).code("numpy")


def test_nothing_is_imported_for_writing():
    """Source for PyTorch and JAX is written without them."""
    import subprocess
    import sys

    code = (
        "import sys; from backprove import Model\n"
        f"d = Model({MODEL!r}).derive('q', 'x')\n"
        "d.code('torch'), d.code('jax')\n"
        "assert not {'torch', 'jax'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
