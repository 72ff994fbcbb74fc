"""Textbook results come out in their textbook form (gallery.toml), and are true at a point.

Three roads agree on the values: the derivation that is shown, forward mode on the definitions and,
where a function of JAX is at hand, JAX.
"""

from __future__ import annotations

import importlib.util
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backprove import Model
from backprove.calculus.derive import derive
from backprove.calculus.lines import View
from backprove.compute.evaluate import Evaluator
from backprove.derivation import Derivation
from backprove.tensor.build import derivative, substitute

jax = pytest.importorskip("jax")
jax.config.update("jax_enable_x64", True)
import jax.numpy as jnp  # noqa: E402
import jax.scipy.special as special  # noqa: E402

GALLERY = tomllib.loads((Path(__file__).parent / "gallery.toml").read_text(encoding="utf-8"))
RESULTS: list[dict[str, Any]] = GALLERY["result"]
NAMES = [f"{r['title']}: ∂{r['of']}/∂{r['by']} {r.get('view', '')}" for r in RESULTS]
#: different sizes, so that what does not fit shows itself
SIZES = {"n": 4, "m": 3, "k": 2, "N": 5, "d": 3, "p": 2, "q": 3, "r": 2, "c": 2, "H": 5, "B": 6}
STEPS = {"T": 4}
#: the open indices of a question stand for these steps
OPEN = {"t": 3}


def view(derivation: Derivation, how: str) -> View:
    """The view of a derivation that an entry shows."""
    match how.split():
        case ["unrolled", steps]:
            return derivation.unrolled(int(steps))
        case ["closed"]:
            return derivation.closed
        case _:
            return derivation


@pytest.mark.parametrize("result", RESULTS, ids=NAMES)
def test_the_form_is_that_of_a_textbook(result):
    model = Model(result["model"])
    derivation = model.derive(result["of"], result["by"], result.get("immediate", False))
    assert str(view(derivation, result.get("view", ""))) == result["lines"].strip("\n")


@pytest.mark.parametrize("result", RESULTS, ids=NAMES)
def test_it_is_true(result, roads):
    sizes = {**SIZES, **STEPS}
    model = roads(result["model"], sizes)
    named = Model(result["model"])
    of, by = (named._expression(result[side])[1].node for side in ("of", "by"))
    mode = "immediate" if result.get("immediate") else "total"
    derived = derive(model.system, of, by, mode)
    at = {**model.sizes, **OPEN}  # the question's letters stand in the adjoints, too
    shown = substitute(derived.result, OPEN)
    value = np.asarray(Evaluator(derived.system, at, model.declared).value(shown))
    value = np.broadcast_to(value, (1, *value.shape[1:]))[0]
    expected = model.plain.value(derivative(substitute(of, OPEN), substitute(by, OPEN), mode))[0]
    size = max(1.0, float(np.abs(expected).max(initial=0.0)))
    np.testing.assert_allclose(value, expected, rtol=1e-7, atol=1e-9 * size)
    truth = TRUTH.get(result["title"].partition(",")[0])
    if truth is not None and "/" not in result["of"]:
        given = {k: v for k, v in model.given.items() if k != result["by"]}
        jacobian = jax.jacrev(lambda v: truth({**given, result["by"]: v})[result["of"]])
        np.testing.assert_allclose(
            value, jacobian(model.given[result["by"]]), rtol=1e-7, atol=1e-9 * size
        )


def test_there_are_enough_and_none_twice():
    assert len(RESULTS) >= 60
    assert len(set(NAMES)) == len(NAMES)


Given = dict[str, Any]


def _perceptron(g: Given) -> Given:
    h = jnp.tanh(g["W_1"] @ g["x"] + g["b_1"])
    y = g["W_2"] @ h + g["b_2"]
    return {"y": y, "L": ((y - g["t"]) ** 2).sum() / 2}


def _attention(g: Given) -> Given:
    p = jax.nn.softmax(g["Q"] @ g["K"].T / jnp.sqrt(g["Q"].shape[1]), axis=-1)
    return {"L": (g["G"] * (p @ g["V"])).sum()}


def _layer_norm(g: Given) -> Given:
    x = g["x"]
    z = (x - x.mean()) / jnp.sqrt(x.var() + g["ε"])
    return {"z": z, "L": (g["g"] * (g["γ"] * z + g["β"])).sum()}


def _batch_norm(g: Given) -> Given:
    x = g["X"]
    z = (x - x.mean(0)) / jnp.sqrt(x.var(0) + g["ε"])
    return {"L": (g["G"] * (g["γ"] * z + g["β"])).sum()}


def _states(g: Given) -> list[Any]:
    states = [g["h_0"]]
    for t in range(1, STEPS["T"] + 1):
        states.append(jnp.tanh(g["U"] @ g[f"x_{t}"] + g["W"] @ states[-1]))
    return states


def _recurrent(g: Given) -> Given:
    logits = [jax.nn.log_softmax(g["V"] @ h) for h in _states(g)[1:]]
    return {"E": -sum((g[f"y_{t}"] * p).sum() for t, p in enumerate(logits, 1))}


def _convolution(g: Given) -> Given:
    y = jnp.correlate(g["x"], g["w"], mode="valid")
    return {"y": y, "L": (g["g"] * y).sum()}


def _strided(g: Given) -> Given:
    f = jnp.stack([(g["x"][2 * r : 2 * r + 3] * g["W"][0].T).sum() for r in range(3)])
    return {"f": f, "L": (g["g"] * f).sum()}


def _channels(g: Given) -> Given:
    y = jax.lax.conv(g["X"][None], g["K"], (1, 1), "VALID")[0] + g["b"][:, None, None]
    return {"L": (g["G"] * y).sum()}


def _lstm(g: Given) -> Given:
    h, c = g["h_0"], g["c_0"]
    for t in range(1, STEPS["T"] + 1):
        f, i, o = (jax.nn.sigmoid(g[f"W_{n}"] @ g[f"x_{t}"] + g[f"U_{n}"] @ h) for n in "fio")
        c = f * c + i * jnp.tanh(g["W_g"] @ g[f"x_{t}"] + g["U_g"] @ h)
        h = o * jnp.tanh(c)
    return {"L": g["v"] @ h}


def _gru(g: Given) -> Given:
    h = g["h_0"]
    for t in range(1, STEPS["T"] + 1):
        z, r = (jax.nn.sigmoid(g[f"W_{n}"] @ g[f"x_{t}"] + g[f"U_{n}"] @ h) for n in "zr")
        h = (1 - z) * jnp.tanh(g["W_n"] @ g[f"x_{t}"] + g["U_n"] @ (r * h)) + z * h
    return {"L": g["v"] @ h}


def _past(g: Given) -> Given:
    h = jnp.stack([jnp.tanh(g["W"] @ g[f"x_{t}"]) for t in range(1, STEPS["T"] + 1)])
    total = 0.0
    for t in range(len(h)):
        total = total + g["v"] @ (jax.nn.softmax(h[: t + 1] @ h[t]) @ h[: t + 1])
    return {"L": total}


def _softmax_loss(g: Given) -> Given:
    return {"L": -(g["t"] * jax.nn.log_softmax(g["z"])).sum()}


def _gaussian(g: Given) -> Given:
    gap = g["x"] - g["μ"]
    log_det = jnp.linalg.slogdet(g["S"])[1]
    return {"l": -log_det / 2 - gap @ jnp.linalg.inv(g["S"]) @ gap / 2}


#: what JAX makes of a model, by the beginning of the title
TRUTH: dict[str, Callable[[Given], Given]] = {
    "A quadratic form": lambda g: {"f": g["x"] @ g["A"] @ g["x"]},
    "A symmetric quadratic form": lambda g: {"f": g["x"] @ g["A"] @ g["x"] / 2 - g["b"] @ g["x"]},
    "The Jacobian of a unit vector": lambda g: {"u": g["x"] / jnp.linalg.norm(g["x"])},
    "The Rayleigh quotient": lambda g: {"ρ": g["x"] @ g["A"] @ g["x"] / (g["x"] @ g["x"])},
    "Ridge regression": lambda g: {
        "L": ((g["X"] @ g["w"] - g["y"]) ** 2).sum() + g["λ"] * (g["w"] ** 2).sum()
    },
    "The variance": lambda g: {"v": jnp.var(g["x"])},
    "A product of all entries": lambda g: {"f": jnp.prod(g["x"])},
    "Two matrices around one": lambda g: {"f": jnp.trace(g["X"].T @ g["A"] @ g["X"] @ g["B"])},
    "The determinant": lambda g: {"f": jnp.linalg.det(g["X"])},
    "The logarithm of the determinant": lambda g: {"f": jnp.linalg.slogdet(g["X"])[1]},
    "The inverse": lambda g: {"Y": jnp.linalg.inv(g["X"])},
    "A Kronecker product": lambda g: {"y": jnp.kron(g["A"], g["B"]) @ g["x"]},
    "Matrix factorisation": lambda g: {"f": ((g["M"] - g["U"] @ g["V"].T) ** 2).sum() / 2},
    "Softmax": lambda g: {"p": jax.nn.softmax(g["z"])},
    "Log-softmax": lambda g: {"l": jax.nn.log_softmax(g["z"])},
    "Softmax with cross-entropy": _softmax_loss,
    "Log-sum-exp": lambda g: {"f": special.logsumexp(g["x"])},
    "The Gaussian log-likelihood": _gaussian,
    "A two-layer perceptron": _perceptron,
    "A two-layer perceptron as a function": _perceptron,
    "A linear autoencoder with tied weights": lambda g: {
        "f": ((g["X"] - g["W"].T @ g["W"] @ g["X"]) ** 2).sum()
    },
    "Layer normalisation": _layer_norm,
    "The Jacobian of layer normalisation": _layer_norm,
    "Batch normalisation": _batch_norm,
    "Dot-product attention": _attention,
    "A recurrent network": _recurrent,
    "The LSTM": _lstm,
    "The GRU": _gru,
    "Attention over all earlier states": _past,
    "A 1-D convolution": _convolution,
    "Stride and channels": _strided,
    "A 2-D convolution with several channels": _channels,
}


def test_the_page_is_made_from_the_gallery():
    docs = Path(__file__).parents[2] / "docs"
    spec = importlib.util.spec_from_file_location("page", docs / "what_it_can_derive.py")
    assert spec is not None
    assert spec.loader is not None
    maker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(maker)
    shown = (docs / "what-it-can-derive.md").read_text(encoding="utf-8")
    assert shown == maker.page(RESULTS), "run python docs/what_it_can_derive.py"
