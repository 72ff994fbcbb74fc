"""The shipped models are PyTorch's layers of those names: the same values and gradients in float64.

The layer is given the numbers of the model's random point and differentiated by autograd; the
model's gradients are those of the derivation that people are shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from tests.roads import Roads

from backprove import models

torch = pytest.importorskip("torch")
functional = torch.nn.functional

SIZES = {"n": 3, "m": 4, "k": 3, "d": 2, "e": 4, "T": 5, "N": 8, "M": 6}
SIZES |= {"C": 2, "H": 6, "W": 7, "F": 3, "G": 2, "a": 3, "b": 2}


class Twin:
    """A shipped model at a random point, and its numbers as tensors."""

    def __init__(self, name: str) -> None:
        self.roads = Roads(models.text(name), SIZES)
        self.tensors: dict[str, Any] = {
            key: torch.tensor(array, dtype=torch.float64, requires_grad=True)
            for key, array in self.roads.given.items()
        }

    def __getitem__(self, key: str) -> Any:
        return self.tensors[key]

    def steps(self, name: str) -> Any:
        """The members 1..T of a family as one tensor (T, size)."""
        return torch.stack([self[f"{name}_{t}"] for t in range(1, SIZES["T"] + 1)])

    def stacked(self, name: str, parts: str) -> Any:
        """`W_i`, `W_f`, … one above the other, as recurrent layers hold them."""
        return torch.cat([self[f"{name}_{part}"] for part in parts])

    def agree(self, of: str, value: Any, by: Sequence[str] = ()) -> None:
        """That a name has this value, and these derivatives."""
        close(self.roads.value(of), value)
        tensors = [self[key] for key in by]
        for key, gradient in zip(
            by, torch.autograd.grad(value, tensors, retain_graph=True) if by else (), strict=True
        ):
            close(self.roads.tidy(of, key), gradient)


def close(found: Any, expected: Any) -> None:
    expected = np.asarray(expected.detach())
    np.testing.assert_allclose(
        np.asarray(found), expected, rtol=1e-10, atol=1e-10 * max(1.0, np.abs(expected).max())
    )


def recurrent(layer: Any, twin: Twin, weights: Sequence[Any], cell: bool = False) -> Any:
    """All states of a recurrent layer of PyTorch with weights that are functions of the twin's."""
    names = [name for name, _ in layer.named_parameters()]
    start = twin["h_0"][None]
    state = (start, twin["c_0"][None]) if cell else start
    parameters = dict(zip(names, weights, strict=True))
    return torch.func.functional_call(layer, parameters, (twin.steps("x"), state))[0]


@pytest.mark.parametrize(("name", "nonlinearity"), [("rnn", "tanh"), ("relu-rnn", "relu")])
def test_recurrent_networks(name: str, nonlinearity: str) -> None:
    twin = Twin(name)
    sizes = (SIZES["n"], SIZES["m"])
    layer = torch.nn.RNN(*sizes, nonlinearity=nonlinearity, bias=False, dtype=torch.float64)
    states = recurrent(layer, twin, [twin["U"], twin["W"]])
    loss = functional.cross_entropy(states @ twin["V"].T, twin.steps("y"), reduction="sum")
    twin.agree("h_4", states[3])
    twin.agree("E", loss, ["U", "W", "V", "h_0", "x_1", "x_5"])


def test_lstm() -> None:
    twin = Twin("lstm")
    layer = torch.nn.LSTM(SIZES["n"], SIZES["m"], dtype=torch.float64)
    bias = twin.stacked("b", "ifgo")
    weights = [twin.stacked("W", "ifgo"), twin.stacked("U", "ifgo"), bias, torch.zeros_like(bias)]
    states = recurrent(layer, twin, weights, cell=True)
    twin.agree("h_5", states[4])
    parameters = [f"{name}_{gate}" for name in "WUb" for gate in "ifgo"]
    loss = ((states - twin.steps("y")) ** 2).sum() / 2
    twin.agree("E", loss, [*parameters, "h_0", "c_0", "x_1", "x_3"])


def test_gru() -> None:
    twin = Twin("gru")
    layer = torch.nn.GRU(SIZES["n"], SIZES["m"], dtype=torch.float64)
    nothing = torch.zeros(2 * SIZES["m"], dtype=torch.float64)
    biases = [twin.stacked("b", "rzn"), torch.cat([nothing, twin["d_n"]])]
    states = recurrent(layer, twin, [twin.stacked("W", "rzn"), twin.stacked("U", "rzn"), *biases])
    twin.agree("h_5", states[4])
    parameters = [f"{name}_{gate}" for name in "WUb" for gate in "rzn"]
    loss = ((states - twin.steps("y")) ** 2).sum() / 2
    twin.agree("E", loss, [*parameters, "d_n", "h_0", "x_2"])


def test_scaled_dot_product_attention() -> None:
    twin = Twin("scaled-dot-product")
    found = functional.scaled_dot_product_attention(twin["Q"], twin["K"], twin["V"])
    twin.agree("Y", found)
    twin.agree("E", ((found - twin["D"]) ** 2).sum() / 2, ["Q", "K", "V"])


def attended(x: Any, past: Sequence[Any], weights: Sequence[tuple[Any, Any, Any]]) -> Any:
    """softargmax attention of x and past states, each with matrices (Q, K, V), step by step."""
    inputs = [x, *past]
    scores = torch.stack([(q @ v) @ (k @ v) for (q, k, _), v in zip(weights, inputs, strict=True)])
    values = torch.stack([m @ v for (_, _, m), v in zip(weights, inputs, strict=True)])
    return torch.softmax(scores, 0) @ values


def test_attention_over_the_last_two_states() -> None:
    twin = Twin("attention-two")
    weights = [(twin[f"Q_{i}"], twin[f"K_{i}"], twin[f"V_{i}"]) for i in range(3)]
    states = [twin["h_0"], twin["h_1"]]
    for t in range(2, SIZES["T"] + 1):
        states.append(attended(twin[f"x_{t}"], [states[-1], states[-2]], weights))
    loss = ((states[-1] - twin["y"]) ** 2).sum() / 2
    twin.agree("E", loss, [*(f"{n}_{i}" for n in "QKV" for i in range(3)), "h_0", "h_1", "x_2"])


def test_attention_over_the_last_k_states() -> None:
    twin = Twin("attention-k")
    k = SIZES["k"]
    own = (twin["Q_x"], twin["K_x"], twin["V_x"])
    weights = [own, *((twin[f"Q_{i}"], twin[f"K_{i}"], twin[f"V_{i}"]) for i in range(1, k + 1))]
    states = [twin[f"h_{t}"] for t in range(k)]
    for t in range(k, SIZES["T"] + 1):
        states.append(attended(twin[f"x_{t}"], states[: -k - 1 : -1], weights))
    loss = ((states[-1] - twin["y"]) ** 2).sum() / 2
    names = [f"{n}_{i}" for n in "QKV" for i in ("x", *range(1, k + 1))]
    twin.agree("E", loss, [*names, "h_0", "h_2", "x_3"])


def test_attention_over_all_earlier_states() -> None:
    twin = Twin("attention-all")
    own, shared = (twin["Q_x"], twin["K_x"], twin["V_x"]), (twin["Q"], twin["K"], twin["V"])
    states: list[Any] = []
    for t in range(1, SIZES["T"] + 1):
        states.append(attended(twin[f"x_{t}"], states[::-1], [own, *[shared] * len(states)]))
    loss = ((states[-1] - twin["y"]) ** 2).sum() / 2
    twin.agree("E", loss, ["Q", "K", "V", "Q_x", "K_x", "V_x", "x_1", "x_4"])


def test_gated_cell() -> None:
    twin = Twin("gated-cell")
    h = twin["h_0"]
    for x in twin.steps("x"):
        c = torch.sigmoid(twin["W_c"] @ x + twin["W_h"] @ h)
        h = torch.lerp(twin["W_x"] @ x, h, c)
    twin.agree("h_5", h)
    twin.agree("E", functional.mse_loss(h, twin["y"], reduction="sum") / 2, ["W_c", "W_h", "W_x"])


def test_multi_layer_perceptron() -> None:
    twin = Twin("mlp")
    h = twin["x"]
    for i in (1, 2):
        h = torch.relu(functional.linear(h, twin[f"W_{i}"], twin[f"b_{i}"]))
    logits = functional.linear(h, twin["W_3"], twin["b_3"])
    loss = functional.cross_entropy(logits, twin["y"])
    twin.agree("E", loss, [f"{n}_{i}" for n in "Wb" for i in (1, 2, 3)])


def test_stacked_blocks() -> None:
    twin = Twin("stacked-blocks")

    def both(x: Any) -> Any:
        inner = torch.tanh(functional.linear(x, twin["W_A"], twin["b_A"]))
        return torch.tanh(functional.linear(inner, twin["W_B"], twin["b_B"]))

    jacobian = torch.func.jacrev(both)(twin["x_0"])
    assert jacobian.shape == (SIZES["k"], SIZES["n"])
    close(twin.roads.value("J_x"), jacobian)
    close(twin.roads.tidy("y_0", "x_0"), jacobian)
    close(twin.roads.tidy("L", "x_0"), torch.func.vjp(both, twin["x_0"])[1](twin["E_y"])[0])


def test_perceptron() -> None:
    twin = Twin("perceptron")
    points = torch.tensor([[0.0, 0], [1, 1], [1, 0]], dtype=torch.float64)
    features = torch.column_stack([(2 * points[:, 0] - 1) ** 2, points])
    signs = torch.tensor([-1.0, -1, 1], dtype=torch.float64)  # minus for the label 1
    twin.agree("E", torch.relu(signs * (features @ twin["w"])).sum(), ["w"])


def test_strided_convolution() -> None:
    twin = Twin("conv1d")
    found = functional.conv1d(twin["x"].T[None], twin["W"], stride=2)[0, 0]
    twin.agree("f", found)
    twin.agree("E", ((found - twin["y"]) ** 2).sum() / 2, ["W", "x"])


def test_convolution_of_images() -> None:
    twin = Twin("conv2d")
    found = functional.conv2d(twin["X"], twin["K"], twin["c"])
    twin.agree("Y", found)
    twin.agree("E", ((found - twin["D"]) ** 2).sum() / 2, ["K", "X", "c"])


def test_dilated_convolution() -> None:
    twin = Twin("dilated-conv")
    found = functional.conv1d(twin["x"], twin["W"], dilation=2)
    twin.agree("f", found)
    twin.agree("E", ((found - twin["y"]) ** 2).sum() / 2, ["W", "x"])


def test_transposed_convolution() -> None:
    twin = Twin("transposed-conv")
    found = functional.conv_transpose2d(twin["X"][None, None], twin["K"][None, None])[0, 0]
    twin.agree("Y", found)
    close(twin.roads.value("C").T @ twin.roads.given["X"].ravel(), found.ravel())
    twin.agree("E", ((found - twin["D"]) ** 2).sum() / 2, ["X", "K"])


def test_feature_maps() -> None:
    twin = Twin("feature-maps")
    first = torch.relu(functional.conv2d(twin["X"], twin["K_1"]))
    second = torch.relu(functional.conv2d(first, twin["K_2"]))
    twin.agree("B", second)
    twin.agree("E", second.sum(), ["K_1", "K_2", "X"])
    layers = [torch.nn.Conv2d(2, 3, 3, bias=False), torch.nn.Conv2d(3, 2, 2, bias=False)]
    for name, layer in zip(("N_1", "N_2"), layers, strict=True):
        assert twin.roads.value(name) == sum(p.numel() for p in layer.parameters())


@pytest.mark.parametrize("label", [0.0, 1.0])
@pytest.mark.parametrize("name", ["identity-output", "sigmoid-output"])
def test_outputs_of_one_number(name: str, label: float) -> None:
    twin = Twin(name)
    twin.roads.declared["t", ()][...] = label
    t = torch.tensor(label, dtype=torch.float64)
    p = twin["z"] if name == "identity-output" else torch.sigmoid(twin["z"])
    chosen = p if label else 1 - p
    twin.agree("S", functional.mse_loss(p, t) / 2, ["z"])
    twin.agree("C", functional.binary_cross_entropy(p, t), ["z"])
    twin.agree("F", -((1 - chosen) ** twin["γ"]) * torch.log(chosen), ["z", "γ"])


def test_softmax_output() -> None:
    twin = Twin("softmax-output")
    p = torch.softmax(twin["z"], 0)
    label = twin["t"].argmax()
    twin.agree("S", functional.mse_loss(p, twin["t"], reduction="sum") / 2, ["z"])
    twin.agree("C", functional.cross_entropy(twin["z"], label), ["z"])
    twin.agree("F", -((1 - p[label]) ** twin["γ"]) * torch.log(p[label]), ["z", "γ"])
