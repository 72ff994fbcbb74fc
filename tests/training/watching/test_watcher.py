"""The watcher reads what is there, warns once, and changes nothing."""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
nn = torch.nn

from backprove import BackproveError, watch  # noqa: E402
from backprove.training.watching.watcher import TrainingWarning, Watcher  # noqa: E402

pytestmark = pytest.mark.filterwarnings(
    "ignore::backprove.training.watching.watcher.TrainingWarning"
)


class Recurrent(nn.Module):
    """A recurrent layer with dropout before a linear one, on all or the last of its outputs."""

    def __init__(self, kind: str, last: bool = True, **options: Any) -> None:
        super().__init__()
        self.layer = getattr(nn, kind)(5, 6, batch_first=True, **options)
        ways = 2 if options.get("bidirectional") else 1
        self.drop, self.out, self.last = nn.Dropout(0.2), nn.Linear(6 * ways, 4), last

    def forward(self, x: Any) -> Any:
        states = self.layer(x)[0]
        return self.out(self.drop(states[:, -1] if self.last else states))


class Looped(nn.Module):
    """A cell that is called step by step."""

    def __init__(self) -> None:
        super().__init__()
        self.cell, self.out = nn.GRUCell(5, 6), nn.Linear(6, 4)

    def forward(self, x: Any) -> Any:
        h = x.new_zeros(len(x), 6)
        for t in range(x.shape[1]):
            h = self.cell(x[:, t], h)
        return self.out(h)


def perceptron() -> Any:
    return nn.Sequential(
        nn.Flatten(), nn.Linear(35, 8), nn.BatchNorm1d(8), nn.ReLU(inplace=True), nn.Linear(8, 4)
    )


MODULES: dict[str, Callable[[], Any]] = {
    "perceptron": perceptron,
    "RNN": lambda: Recurrent("RNN"),
    "LSTM": lambda: Recurrent("LSTM", num_layers=2, dropout=0.3),
    "GRU": lambda: Recurrent("GRU", bidirectional=True),
    "cell": Looped,
}


def trained(
    make: Callable[[], Any],
    steps: int = 7,
    watching: dict[str, Any] | None = None,
    rate: float = 0.01,
    data: Callable[[int], tuple[Any, Any]] | None = None,
) -> tuple[list[bytes], Watcher | None]:
    """The bits of the losses and of the weights of a short run, and its watcher."""
    torch.manual_seed(3)
    model = make()
    optimizer = torch.optim.Adam(model.parameters(), rate)
    watcher = None if watching is None else watch(model, **watching)
    bits: list[bytes] = []
    for number in range(steps):
        x, y = data(number) if data else (torch.randn(9, 7, 5), torch.randint(4, (9,)))
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        if watcher is not None:
            watcher.step(loss)
        bits.append(loss.detach().numpy().tobytes())
    bits += [p.detach().numpy().tobytes() for p in model.state_dict().values()]
    return bits, watcher


@pytest.mark.parametrize("every", [1, 3, 100])
@pytest.mark.parametrize("name", MODULES)
def test_a_watched_run_has_the_same_bits(name: str, every: int) -> None:
    alone, _ = trained(MODULES[name])
    watched, watcher = trained(MODULES[name], watching={"every": every, "classes": 4})
    assert watched == alone
    assert watcher is not None
    assert [r.step for r in watcher.records] == [1, *range(1 + every, 8, every)]


def test_no_hook_is_there_between_the_steps_that_are_looked_at() -> None:
    model = perceptron()
    watcher = watch(model, every=3)
    hooked = [bool(m._forward_hooks) for m in model.modules()]
    assert sum(hooked) == 6
    watcher.step(1.0)
    assert not any(m._forward_hooks for m in model.modules())
    assert not any(p._post_accumulate_grad_hooks for p in model.parameters())
    watcher.step(1.0)
    watcher.step(1.0)
    assert any(m._forward_hooks for m in model.modules())
    watcher.close()
    assert not any(m._forward_hooks for m in model.modules())


def test_norms_and_the_ratio_of_the_update() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    x, y = torch.randn(6, 3), torch.randint(2, (6,))
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    watcher = watch(model)
    inner = model[:2](x).detach()
    loss = nn.functional.cross_entropy(model(x), y)
    loss.backward()
    gradients = {n: p.grad.clone() for n, p in model.named_parameters()}
    before = model[0].weight.detach().clone()
    optimizer.step()
    # what is asked afterwards may be gone: the watcher has read it during the backward pass
    optimizer.zero_grad(set_to_none=True)
    record = watcher.step(loss)
    assert record is not None
    assert record.layers["1"].activation == pytest.approx(inner.square().mean().sqrt().item())
    weight = record.parameters["0.weight"]
    assert weight.gradient == pytest.approx(gradients["0.weight"].norm().item())
    assert weight.ratio == pytest.approx(
        (0.1 * gradients["0.weight"]).norm().item() / before.norm().item(), rel=1e-4
    )
    whole = math.sqrt(sum(float(g.norm()) ** 2 for g in gradients.values()))
    assert record.gradient == pytest.approx(whole, rel=1e-5)


def unrolled_gradients(model: Any, x: Any, y: Any) -> list[float]:
    """The gradient by each state of a one-layer network, its cell called by hand."""
    layer = model.layer
    cell = {"RNN": nn.RNNCell, "LSTM": nn.LSTMCell, "GRU": nn.GRUCell}[layer.mode[:4].rstrip("_")]
    cell = cell(5, 6)
    cell.load_state_dict({n.removesuffix("_l0"): p for n, p in layer.state_dict().items()})
    state, states = torch.zeros(len(x), 6), []
    carried = torch.zeros(len(x), 6)
    for t in range(x.shape[1]):
        if layer.mode == "LSTM":
            state, carried = cell(x[:, t], (state, carried))
            # the state is both: the cell goes on from what is kept here
            joined = torch.cat([state, carried], dim=1)
            joined.retain_grad()
            states.append(joined)
            state, carried = joined[:, :6], joined[:, 6:]
        else:
            state = cell(x[:, t], state)
            state.retain_grad()
            states.append(state)
    nn.functional.cross_entropy(model.out(state), y).backward()
    return [float(s.grad.square().mean().sqrt()) for s in states]


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_the_gradient_through_time_is_that_of_cells_called_one_by_one(kind: str) -> None:
    torch.manual_seed(1)
    model = Recurrent(kind)
    model.drop.p = 0.0
    x, y = torch.randn(4, 7, 5), torch.randint(4, (4,))
    watcher = watch(model)
    loss = nn.functional.cross_entropy(model(x), y)
    loss.backward()
    record = watcher.step(loss)
    assert record is not None
    times = record.times["layer"]
    assert times.gradient == pytest.approx(unrolled_gradients(model, x, y), rel=1e-4)
    states = model.layer(x)[0].detach()
    assert times.activation == pytest.approx(states.square().mean(dim=(0, 2)).sqrt().tolist())


def test_a_state_to_start_from_and_lower_layers_are_followed() -> None:
    torch.manual_seed(1)
    layer = nn.LSTM(5, 6, num_layers=2)
    x, start = torch.randn(7, 4, 5), (torch.randn(2, 4, 6), torch.randn(2, 4, 6))
    watcher = watch(layer)
    output = layer(x, start)[0]
    output[-1].sum().backward()
    record = watcher.step()
    assert record is not None
    # the same by hand: the upper layer alone, from the lower one's outputs
    below = nn.LSTM(5, 6)
    below.load_state_dict({k: v for k, v in layer.state_dict().items() if "l0" in k})
    upper = nn.LSTMCell(6, 6)
    upper.load_state_dict(
        {k.removesuffix("_l1"): v for k, v in layer.state_dict().items() if "l1" in k}
    )
    given = below(x, (start[0][:1], start[1][:1]))[0].detach()
    state = torch.cat([start[0][1], start[1][1]], dim=1)
    states = []
    for step in given:
        state = torch.cat(upper(step, (state[:, :6], state[:, 6:])), dim=1)
        state.retain_grad()
        states.append(state)
    states[-1][:, :6].sum().backward()
    wanted = [float(s.grad.square().mean().sqrt()) for s in states]
    assert record.times["LSTM"].gradient == pytest.approx(wanted, rel=1e-4)


def test_cells_in_a_loop_are_followed_call_by_call() -> None:
    _, watcher = trained(Looped, steps=1, watching={})
    assert watcher is not None
    times = watcher.records[0].times["cell"]
    assert len(times.activation) == 7
    assert times.gradient is not None
    assert times.gradient[0] < times.gradient[-1]


def test_saturated_and_dead_units() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 2))
    with torch.no_grad():
        model[0].bias.copy_(torch.tensor([50.0, 50, 50, 0]))
        model[0].weight[3] = 0
        model[2].bias.copy_(torch.tensor([-90.0, -90, 90, 90, 90]))
    watcher = watch(model)
    model(torch.randn(8, 3)).sum().backward()
    record = watcher.step()
    assert record is not None
    assert record.layers["1"].saturated == 0.75
    assert record.layers["3"].dead == pytest.approx(0.4)


# --- warnings -------------------------------------------------------------------------------------


def said(watcher: Watcher | None) -> list[tuple[str, str]]:
    assert watcher is not None
    return [(f.kind, f.place) for f in watcher.findings]


def test_a_loss_that_starts_above_an_even_guess() -> None:
    def loud() -> Any:
        model = perceptron()
        with torch.no_grad():
            model[4].weight.mul_(40)
        return model

    _, watcher = trained(loud, watching={"classes": 4, "every": 2})
    assert ("initial-loss", "") in said(watcher)
    _, quiet = trained(perceptron, watching={"classes": 4, "every": 2})
    assert said(quiet) == []


def test_a_parameter_without_a_gradient_is_named_once() -> None:
    def partly() -> Any:
        model = perceptron()
        model.spare = nn.Linear(3, 3)
        model.forward = lambda x: nn.Sequential.forward(model[:5], x)
        return model

    _, watcher = trained(partly, watching={"every": 1})
    assert said(watcher) == [("no-gradient", "spare.weight"), ("no-gradient", "spare.bias")]


def test_a_deep_stack_of_sigmoids_lets_the_gradient_vanish() -> None:
    def deep() -> Any:
        layers = [m for _ in range(12) for m in (nn.Linear(8, 8), nn.Sigmoid())]
        return nn.Sequential(nn.Flatten(), nn.Linear(35, 8), *layers, nn.Linear(8, 4))

    _, watcher = trained(deep, watching={"every": 5})
    assert ("vanishing", "1") in said(watcher)


def test_learning_too_fast() -> None:
    _, watcher = trained(perceptron, watching={"every": 2}, rate=5.0)
    assert ("large-update", "1.weight") in said(watcher)


def test_what_is_not_given_to_the_optimizer() -> None:
    model = perceptron()
    watcher = watch(model, every=1)
    for _ in range(3):
        nn.functional.cross_entropy(model(torch.randn(9, 7, 5)), torch.randint(4, (9,))).backward()
        watcher.step()
    assert ("no-update", "4.weight") in said(watcher)


def test_a_gradient_that_explodes() -> None:
    def data(number: int) -> tuple[Any, Any]:
        return torch.randn(9, 7, 5) * (1e4 if number == 9 else 1), torch.randint(4, (9,))

    def linear() -> Any:
        return nn.Sequential(nn.Flatten(), nn.Linear(35, 4))

    _, watcher = trained(linear, 10, {"every": 1}, data=data)
    assert ("exploding", "") in said(watcher)


@pytest.mark.parametrize("every", [1, 100])
def test_the_first_place_that_is_not_finite(every: int) -> None:
    class Broken(nn.Module):
        def forward(self, x: Any) -> Any:
            return torch.log(x - 1e9)

    def model() -> Any:
        return nn.Sequential(nn.Flatten(), nn.Linear(35, 8), Broken(), nn.Linear(8, 4))

    _, watcher = trained(model, watching={"every": every})
    assert said(watcher) == [("not-finite", "2")]


def test_an_update_that_breaks_the_weights_between_the_steps_that_are_looked_at() -> None:
    def data(number: int) -> tuple[Any, Any]:
        scale = float("inf") if number == 3 else 1.0
        return torch.randn(9, 7, 5) * scale, torch.randint(4, (9,))

    def linear() -> Any:
        return nn.Sequential(nn.Flatten(), nn.Linear(35, 4))

    _, watcher = trained(linear, 6, {"every": 100}, data=data)
    assert watcher is not None
    (finding,) = watcher.findings
    assert (finding.kind, finding.step, finding.place) == ("not-finite", 4, "1.weight")


def test_findings_are_warnings_unless_someone_takes_them(tmp_path: Path) -> None:
    model = perceptron()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        watch(model, classes=4).step(9.0)
        taken: list[Any] = []
        watch(model, classes=4, told=taken.append).step(9.0)
    words = [str(w.message) for w in caught if issubclass(w.category, TrainingWarning)]
    assert any("the loss starts at 9, above 1.39 of an even guess" in w for w in words)
    assert len(words) == len(taken)


# --- records --------------------------------------------------------------------------------------


def test_records_are_json_lines(tmp_path: Path) -> None:
    file = tmp_path / "runs" / "run.jsonl"
    _, watcher = trained(MODULES["RNN"], watching={"every": 3, "file": file, "classes": 4})
    assert watcher is not None
    watcher.close()
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    steps = [entry for entry in lines if entry["type"] == "step"]
    assert [entry["step"] for entry in steps] == [1, 4, 7]
    assert steps[0]["expected"] == pytest.approx(math.log(4))
    assert len(steps[0]["times"]["layer"]["gradient"]) == 7
    assert set(steps[0]["parameters"]["out.weight"]) == {"norm", "gradient", "ratio", "axes"}


def test_numbers_that_are_not_finite_are_written_as_text(tmp_path: Path) -> None:
    file = tmp_path / "run.jsonl"
    watcher = watch(perceptron(), file=file)
    watcher.step(float("nan"))
    first = json.loads(file.read_text().splitlines()[0])
    assert first["loss"] == "nan"


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"every": 0}, "every must be at least 1"),
        ({"classes": 1}, "at least two classes"),
    ],
)
def test_what_makes_no_sense_is_refused(asked: dict[str, Any], words: str) -> None:
    with pytest.raises(BackproveError, match=words):
        watch(perceptron(), **asked)
    with pytest.raises(BackproveError, match=r"a torch\.nn\.Module can be watched, not str"):
        watch("model")
