"""The flow of gradients in models: where it is known by hand, and against PyTorch."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backprove import BackproveError, Model, flow
from backprove.models import names
from backprove.training.flow.carried import carried
from backprove.training.flow.jacobians import exponents
from backprove.training.flow.setting import read_values

LINEAR = """
x_t in R^m for t = 1..T
h_0 in R^m
W in R^{m x m}
h_t = W h_{t-1} + x_t for t = 1..T
E = 1/2 ‖h_T‖^2
"""


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("rnn", [("h", 1)]),
        ("lstm", [("h", 1), ("c", 1)]),
        ("gru", [("h", 1)]),
        ("attention-two", [("h", 2)]),
        ("attention-all", [("h", None)]),
        ("mlp", []),
        ("stacked-blocks", []),
    ],
)
def test_what_is_carried_from_step_to_step(name: str, wanted: list[tuple[str, int | None]]) -> None:
    assert [(c.name, c.lag) for c in carried(Model.load(name).system)] == wanted


def test_a_linear_recurrence_is_known_by_hand() -> None:
    weights = np.diag([0.5, 0.25, 0.125])
    found = flow(LINEAR, given={"W": weights}, steps=8, draws=2)
    (state,) = found.states
    assert state.norms == pytest.approx([0.5**d for d in range(9)])
    assert state.factor == pytest.approx(0.5)
    assert state.half_life == pytest.approx(1)
    assert state.singular == pytest.approx([0.5**8, 0.25**8, 0.125**8])
    assert state.exponents == pytest.approx(np.log([0.5, 0.25, 0.125]))
    # 2^-7 is the first power below 1 %
    assert (state.verdict, state.survived) == ("vanishes", 6)
    assert "halves every 1 steps and is below 1 % after 7 steps" in found.verdict


@pytest.mark.parametrize(
    ("scale", "verdict", "words"),
    [
        (1.0, "survives", "survives all 12 steps"),
        (3.0, "explodes", "grows by a factor of 3 a step and is a hundredfold after 5 steps"),
        (0.1, "vanishes", "is below 1 % after 3 steps"),
    ],
)
def test_orthogonal_recurrences(scale: float, verdict: str, words: str) -> None:
    found = flow(LINEAR, steps=12, start="orthogonal", scale=scale)
    (state,) = found.states
    assert state.verdict == verdict
    assert words in found.verdict
    assert all(e == pytest.approx(math.log(scale)) for e in state.exponents)


def test_an_explosion_is_told_what_to_clip_at_and_where_to_truncate() -> None:
    found = flow(LINEAR, steps=12, start="orthogonal", scale=3.0)
    assert any(line.startswith("Clip the gradient at a norm of about") for line in found.advice)
    assert any("truncate backpropagation after 4 steps" in line for line in found.advice)
    assert any("smaller by 3" in line for line in found.advice)


def test_relu_with_an_identity_keeps_the_gradient() -> None:
    found = flow("relu-rnn", start="identity", steps=50)
    assert found.states[0].verdict == "survives"
    assert flow("rnn", steps=50).states[0].verdict == "vanishes"


def test_a_forget_gate_near_one_keeps_the_cell() -> None:
    rng = np.random.default_rng(0)
    width = 12
    bias = {"b_f": np.full(width, 5.0)}
    small = {f"U_{g}": 0.1 * rng.normal(size=(width, width)) for g in "ifgo"}
    kept = flow("lstm", given={**bias, **small}, steps=30, width=width)
    lost = flow("lstm", given=small, steps=30, width=width)
    assert [s.name for s in kept.states] == ["(h, c)", "h", "c"]
    assert [s.part for s in kept.states] == [False, True, True]
    assert kept.states[0].verdict == "survives"
    assert lost.states[0].verdict == "vanishes"
    assert any("forget gate that starts near 1" in line for line in lost.advice)


def test_exponents_of_products_that_no_number_can_hold() -> None:
    """After a thousand steps the smallest singular value is far below what floats can hold."""
    jacobians = np.broadcast_to(np.diag([2.0, 1e-3]), (1000, 3, 2, 2))
    assert exponents(jacobians) == pytest.approx(np.log([2.0, 1e-3]))


@pytest.mark.parametrize("name", ["rnn", "relu-rnn"])
def test_norms_are_pytorchs(name: str) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(1)
    u, w, x = rng.normal(size=(5, 3)), rng.normal(size=(5, 5)) / 2, rng.normal(size=(9, 3))
    given = {"U": u, "W": w, "V": rng.normal(size=(4, 5)), "x": x, "h_0": np.zeros(5)}
    found = flow(name, given=given, sizes={"T": 9}, draws=1)
    layer = torch.nn.RNN(3, 5, bias=False, nonlinearity="tanh" if name == "rnn" else "relu")
    layer = layer.double()
    with torch.no_grad():
        layer.weight_ih_l0.copy_(torch.tensor(u))
        layer.weight_hh_l0.copy_(torch.tensor(w))
    theirs = flow(layer, torch.tensor(x).unsqueeze(1))
    assert found.states[0].norms == pytest.approx(theirs.states[0].norms, rel=1e-9)
    assert found.states[0].exponents == pytest.approx(theirs.states[0].exponents, rel=1e-9)


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_a_modules_states_are_those_of_autograd(kind: str) -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    layer = getattr(torch.nn, kind)(3, 4).double()
    x = torch.randn(6, 2, 3, dtype=torch.float64)
    state = flow(layer, x).states[0]
    # ∂(state after the last step)/∂(state after step 2), by running the layer from there
    with torch.no_grad():
        start = layer(x[:2])[1]
    parts = start if isinstance(start, tuple) else (start,)

    def end(*given: Any) -> Any:
        hidden = tuple(g.reshape(1, 1, 4) for g in given)
        out = layer(x[2:, :1], hidden if len(hidden) > 1 else hidden[0])[1]
        return tuple(o.reshape(4) for o in (out if isinstance(out, tuple) else (out,)))

    blocks = torch.autograd.functional.jacobian(end, tuple(p[0, 0] for p in parts))
    matrix = torch.cat([torch.cat(row, dim=1) for row in blocks])
    norm = float(torch.linalg.matrix_norm(matrix, 2))
    assert state.least[4] - 1e-12 <= norm <= state.greatest[4] + 1e-12
    assert norm == pytest.approx(state.least[4]) or norm == pytest.approx(state.greatest[4])


def test_attention_takes_the_derivatives_as_they_stand() -> None:
    found = flow("attention-all", steps=6, width=4, draws=2)
    (state,) = found.states
    assert state.norms[0] == pytest.approx(1)
    assert state.exponents == ()
    assert {p.name for p in found.parameters} == {"Q_x", "K_x", "V_x", "Q", "K", "V"}
    assert all(p.reached for p in found.parameters)


# --- the start, units and parameters --------------------------------------------------------------


def test_zero_output_weights_give_an_even_guess() -> None:
    found = flow("rnn", given={"V": np.zeros((7, 16))}, steps=5)
    assert found.start is not None
    assert found.start.classes == 7
    assert found.start.targets == 6
    assert found.start.loss == pytest.approx(math.log(7))
    assert found.start.expected == pytest.approx(math.log(7))
    assert found.start.accuracy == pytest.approx(1 / 7)
    # then nothing comes back through the output either
    assert {p.name for p in found.parameters if p.reached} == {"V"}
    assert "W gets no gradient, and will not be learnt." in found.advice


def test_large_inputs_saturate_and_large_negative_biases_kill() -> None:
    loud = flow("rnn", given={"U": np.full((16, 16), 90.0)}, steps=5)
    (units,) = loud.activations
    assert (units.name, units.function) == ("h_t", "tanh")
    assert units.saturated > 0.9
    dead = flow("mlp", given={"b_1": np.full(16, -99.0)})
    first = dead.activations[0]
    assert (first.name, first.dead, first.saturated) == ("h_1", 1.0, 1.0)
    assert any("never active" in line for line in dead.advice)
    assert "W_1 gets no gradient, and will not be learnt." in dead.advice


def test_gradients_by_parameters_are_those_of_the_derivation() -> None:
    rng = np.random.default_rng(2)
    given = {"W": rng.normal(size=(2, 3)), "x": rng.normal(size=3), "t": rng.normal(size=2)}
    found = flow("x in R^n, t in R^m\nW in R^{m x n}\nL = 1/2 sum((W x - t)^2)", given=given)
    error = given["W"] @ given["x"] - given["t"]
    (weights,) = found.parameters
    assert weights.norm == pytest.approx(np.linalg.norm(np.outer(error, given["x"])))


@pytest.mark.parametrize("name", names())
def test_every_shipped_model_can_be_looked_at(name: str) -> None:
    found = flow(name, draws=2)
    assert found.verdict
    data = json.loads(found.as_json())
    assert data["verdict"] == found.verdict
    assert len(data["states"]) == len(found.states)


def test_a_model_whose_steps_no_array_shows() -> None:
    """T is the last step, and no argument of the loss has as many members."""
    text = (
        "h_0, c_0 in R^m\nA in R^{m x m}\n"
        "h_t = tanh(A c_{t-1}) for t = 1..T\nc_t = tanh(A h_t) for t = 1..T\nE = sum(c_T)"
    )
    rng = np.random.default_rng(0)
    given = {"A": rng.normal(size=(3, 3)), "c_0": rng.normal(size=3)}
    found = flow(text, given=given, steps=6)
    assert [p.reached for p in found.parameters] == [True]
    assert found.start is not None


def test_a_scalar_recurrence() -> None:
    text = "a in R\nh_0 in R\nT = 3\nh_t = a h_{t-1} for t = 1..T\nL = h_T^2"
    found = flow(text, given={"a": 0.5, "h_0": 1.0})
    assert found.states[0].norms == pytest.approx([1, 0.5, 0.25])
    # L = a^6
    assert found.parameters[0].norm == pytest.approx(6 * 0.5**5)


# --- modules --------------------------------------------------------------------------------------


def test_a_module_is_left_as_it_was() -> None:
    torch = pytest.importorskip("torch")
    nn = torch.nn
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(), nn.Linear(8, 3))
    before = {k: v.clone() for k, v in model.state_dict().items()}
    torch.manual_seed(5)
    numbers = torch.get_rng_state()
    found = flow(model, torch.randn(6, 4), torch.randint(3, (6,)))
    assert found.start is not None
    assert found.start.classes == 3
    torch.manual_seed(5)
    assert torch.equal(torch.get_rng_state(), numbers)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())
    assert not any(m._forward_hooks for m in model.modules())


def test_a_deep_stack_of_sigmoids_vanishes_with_depth() -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    nn = torch.nn
    layers = [m for _ in range(8) for m in (nn.Linear(16, 16), nn.Sigmoid())]
    found = flow(nn.Sequential(*layers, nn.Linear(16, 3)), torch.randn(9, 16), torch.arange(9) % 3)
    (state,) = found.states
    assert state.unit == "layers"
    assert state.verdict == "vanishes"
    assert "Residual connections" in found.advice[0]


def test_units_and_parameters_of_a_module() -> None:
    torch = pytest.importorskip("torch")
    nn = torch.nn
    model = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 2))
    with torch.no_grad():
        model[0].bias.fill_(-99.0)
    found = flow(model, torch.randn(6, 4))
    assert [(a.name, a.dead) for a in found.activations] == [("1", 1.0)]
    assert [p.name for p in found.parameters if not p.reached] == [
        "0.weight",
        "0.bias",
        "2.weight",
    ]


def test_functions_called_in_a_forward_pass_are_seen_as_modules_are() -> None:
    torch = pytest.importorskip("torch")
    nn, functional = torch.nn, torch.nn.functional

    class Custom(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.c = nn.Linear(4, 6), nn.Linear(6, 6), nn.Linear(6, 2)
            self.act = nn.Sigmoid()
            self.spare = nn.Linear(3, 3)

        def forward(self, x: Any) -> Any:
            h = functional.relu(self.a(x) - 99)
            h = torch.tanh(100 * (self.b(h) + 1))
            h = functional.gelu(self.b(h), approximate="tanh")
            h = self.b(h).relu_()
            return self.c(self.act(h))

    torch.manual_seed(0)
    model, x = Custom(), torch.randn(16, 4)
    found = flow(model, x, torch.zeros(16, dtype=torch.long))
    shares = {a.name: (a.function, a.saturated, a.dead) for a in found.activations}
    assert shares["Custom #1"] == ("relu", 1.0, 1.0)
    assert shares["Custom #2"][:2] == ("tanh", 1.0)
    assert shares["Custom #3"][0] == "gelu"
    assert shares["act"] == ("sigmoid", 0.0, 0.0)
    # the fourth: what is off is what is not positive there
    with torch.no_grad():
        h = torch.tanh(100 * (model.b(torch.zeros(16, 6)) + 1))
        z = model.b(functional.gelu(model.b(h), approximate="tanh"))
    assert shares["Custom #4"] == ("relu", pytest.approx((z <= 0).double().mean()),
                                   pytest.approx((z <= 0).all(0).double().mean()))  # fmt: skip
    assert [p.name for p in found.parameters if not p.reached][-2:] == [
        "spare.weight",
        "spare.bias",
    ]
    assert any("Custom #1 are never active" in said for said in found.advice)


@pytest.mark.parametrize("name", ["tanh", "sigmoid", "relu", "elu", "silu", "softsign", "hardtanh"])
def test_units_with_a_small_share_of_the_greatest_slope_are_saturated(name: str) -> None:
    torch = pytest.importorskip("torch")
    function = getattr(torch.nn.functional, name)

    class Once(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = torch.nn.Parameter(torch.ones(()))

        def forward(self, x: Any) -> Any:
            return function(self.w * x)

    x = torch.linspace(-6, 6, 997, dtype=torch.float64)
    around = (function(x + 1e-6) - function(x - 1e-6)) / 2e-6
    (unit,) = flow(Once(), x.reshape(-1, 1)).activations
    assert unit.saturated == pytest.approx(
        float((around.abs() < 0.05 * around.max()).double().mean()), abs=3e-3
    )


def test_a_loop_over_cells_is_one_place_and_so_is_a_layer_of_a_transformer() -> None:
    torch = pytest.importorskip("torch")
    nn = torch.nn

    class Loop(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.step, self.out = nn.Linear(5, 5), nn.Linear(5, 2)

        def forward(self, x: Any) -> Any:
            h = torch.zeros(len(x), 5)
            for part in x.unbind(1):
                h = torch.tanh(self.step(h) + part)
            return self.out(h)

    torch.manual_seed(0)
    assert [a.name for a in flow(Loop(), torch.randn(3, 7, 5)).activations] == ["Loop"]
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    found = flow(nn.TransformerEncoder(layer, 2, enable_nested_tensor=False), torch.randn(3, 7, 8))
    assert [(a.name, a.function) for a in found.activations] == [
        ("layers.0", "relu"),
        ("layers.1", "relu"),
    ]
    # a unit is a feature, at all places of all sequences
    assert all(a.dead == 0 for a in found.activations)


@pytest.mark.parametrize(
    ("kind", "gate", "rows"),
    [
        ("LSTM", "forget gate", slice(5, 10)),
        ("GRU", "update gate", slice(5, 10)),
        ("RNN", "state", slice(0, 5)),
    ],
)
def test_gates_of_recurrent_layers_that_are_saturated_are_named(
    kind: str, gate: str, rows: slice
) -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    layer = getattr(torch.nn, kind)(3, 5)
    with torch.no_grad():
        layer.bias_ih_l0[rows] = 30.0
    units = {a.name: a.saturated for a in flow(layer, torch.randn(6, 2, 3)).activations}
    assert [name for name, share in units.items() if share == 1.0] == [f"{kind.lower()}: {gate}"]


def test_frozen_parameters_are_noted_and_a_loss_of_none_is_refused() -> None:
    torch = pytest.importorskip("torch")
    nn = torch.nn
    model = nn.Sequential(nn.Linear(2, 3).requires_grad_(False), nn.ReLU(), nn.Linear(3, 1))
    found = flow(model, torch.randn(4, 2))
    assert "frozen (requires_grad is off): 0.weight, 0.bias" in found.notes
    assert [p.name for p in found.parameters] == ["2.weight", "2.bias"]
    with pytest.raises(BackproveError, match="no parameter that requires a gradient"):
        flow(model.requires_grad_(False), torch.randn(4, 2))


# --- what does not fit ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"steps": 1}, "steps must be at least 2"),
        ({"start": "zeros"}, "a start is normal, orthogonal, identity"),
        ({"sizes": {"q": 3}}, "no size q; its sizes: T, k, m, n"),
        ({"sizes": {"m": 0}}, "m must be at least 1"),
        ({"given": {"Q": [1.0]}}, "declares no Q; it declares x, y, h_0, U, W, V"),
        ({"given": {"W": [1.0, 2.0]}}, "W has 2 axes in the model, not 1"),
        ({"given": {"W": np.zeros((3, 4))}}, "W has 4 for m, another array 3"),
        ({"loss": "h"}, "no scalar h; its scalars: E"),
        ({"depth": 3}, "depth is no option of flow"),
        ({"inputs": [1.0]}, "inputs are named"),
    ],
)
def test_what_does_not_fit_is_told(asked: dict[str, Any], words: str) -> None:
    with pytest.raises(BackproveError, match=words):
        flow("rnn", **asked)


def test_what_is_no_model_is_told() -> None:
    with pytest.raises(BackproveError, match="not int"):
        flow(3)
    with pytest.raises(BackproveError, match="no model rmn; did you mean rnn"):
        flow("rmn")
    torch = pytest.importorskip("torch")
    with pytest.raises(BackproveError, match="needs a batch"):
        flow(torch.nn.Linear(2, 2))
    with pytest.raises(BackproveError, match="could not be run on this batch"):
        flow(torch.nn.Linear(2, 2), torch.zeros(3, 5))
    with pytest.raises(BackproveError, match="do not fit an output"):
        flow(torch.nn.Linear(2, 2), torch.zeros(3, 2), torch.zeros(3, 4))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[1, 2]", "an object with an array for each name"),
        ('{"W": "a"}', "W is no array of numbers"),
        ('{"W": [[1], [1, 2]]}', "W is no array of numbers"),
        ('{"W": [NaN]}', "W has entries that are not finite"),
        ("{", "not JSON"),
    ],
)
def test_malformed_values(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "values.json"
    path.write_text(text)
    with pytest.raises(BackproveError, match=words):
        read_values(path)


def test_values_from_both_formats(tmp_path: Path) -> None:
    np.savez(tmp_path / "v.npz", W=np.eye(2))
    (tmp_path / "v.json").write_text('{"W": [[1, 0], [0, 1]]}')
    for name in ("v.npz", "v.json"):
        assert read_values(tmp_path / name)["W"].tolist() == np.eye(2).tolist()
