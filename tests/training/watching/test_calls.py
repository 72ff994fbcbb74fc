"""Activation functions are seen wherever a forward pass calls them, and the pass is left as it was."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")
nn, functional = torch.nn, torch.nn.functional

from torch.utils.checkpoint import checkpoint  # noqa: E402

from backprove import watch  # noqa: E402
from backprove.training.watching.watcher import Watcher  # noqa: E402

pytestmark = pytest.mark.filterwarnings(
    "ignore::backprove.training.watching.watcher.TrainingWarning"
)


def modes() -> int:
    """How many function modes are entered."""
    return torch._C._len_torch_function_stack()


class Functional(nn.Module):
    """A network without modules for its activations; its units saturate and die as biases say."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.out = nn.Linear(3, 4), nn.Linear(4, 5), nn.Linear(5, 2)
        with torch.no_grad():
            self.first.bias.copy_(torch.tensor([50.0, 50, 50, 0]))
            self.first.weight[3] = 0
            self.second.bias.copy_(torch.tensor([-90.0, -90, 90, 90, 90]))

    def forward(self, x: Any) -> Any:
        return self.out(functional.relu(self.second(torch.tanh(self.first(x)))))


class Checkpointed(Functional):
    """What it saves for the backward pass is computed once more there."""

    def forward(self, x: Any) -> Any:
        return self.out(checkpoint(self.hidden, x, use_reentrant=False))

    def hidden(self, x: Any) -> Any:
        return self.second(torch.tanh(self.first(x))).relu()


class Frozen(Functional):
    """Before it an encoder that is not trained, and takes its faster way."""

    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, activation="gelu")
        self.encoder, self.down = nn.TransformerEncoder(layer, 2), nn.Linear(8, 3)
        self.encoder.requires_grad_(False)

    def forward(self, x: Any) -> Any:
        self.encoder.eval()
        wide = x.repeat(1, 3)[:, None, :8]
        return super().forward(self.down(self.encoder(wide)[:, 0]))


class Mapped(Functional):
    """Example by example, inside of a transformation."""

    def forward(self, x: Any) -> Any:
        return torch.vmap(super().forward)(x)


class Recovering(Functional):
    """A part fails, which is made good."""

    def forward(self, x: Any) -> Any:
        with pytest.raises(RuntimeError):
            self.first(x[:, :2])
        return super().forward(x)


def trained(make: Callable[[], Any], every: int = 0) -> tuple[list[bytes], Watcher | None]:
    """The bits of losses and weights of a short run, and its watcher."""
    torch.manual_seed(5)
    model = make()
    optimizer = torch.optim.SGD(
        [p for p in model.parameters() if p.requires_grad], 0.1, momentum=0.5
    )
    watcher = watch(model, every=every) if every else None
    bits: list[bytes] = []
    for _ in range(5):
        optimizer.zero_grad()
        loss = functional.cross_entropy(model(torch.randn(8, 3)), torch.randint(2, (8,)))
        assert modes() == 0
        loss.backward()
        optimizer.step()
        bits.append(loss.detach().numpy().tobytes())
        if watcher is not None:
            watcher.step(loss)
    bits += [p.detach().numpy().tobytes() for p in model.state_dict().values()]
    return bits, watcher


@pytest.mark.parametrize("make", [Functional, Checkpointed, Frozen, Mapped, Recovering])
@pytest.mark.parametrize("every", [1, 2])
def test_a_watched_run_has_the_same_bits(make: Callable[[], Any], every: int) -> None:
    alone, _ = trained(make)
    assert trained(make, every)[0] == alone


@pytest.mark.parametrize("make", [Functional, Checkpointed])
def test_units_of_functions_are_those_of_modules(make: Callable[[], Any]) -> None:
    _, watcher = trained(make, 100)
    assert watcher is not None
    (record,) = watcher.records
    tanh, relu = (record.layers[f"{make.__name__} #{k}"] for k in (1, 2))
    assert (tanh.kind, tanh.saturated, tanh.dead) == ("tanh", 0.75, None)
    assert (relu.kind, relu.saturated, relu.dead) == ("relu", None, pytest.approx(0.4))


def test_dead_units_of_a_function_are_told_with_their_place() -> None:
    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(3, 4)
            nn.init.constant_(self.linear.bias, -100)

        def forward(self, x: Any) -> Any:
            return functional.relu(self.linear(x))

    model = nn.Sequential(Block(), nn.Linear(4, 2))
    watcher = watch(model)
    model(torch.randn(8, 3)).sum().backward()
    watcher.step()
    (found,) = (f for f in watcher.findings if f.kind == "dead")
    assert found.place == "0"
    assert "100 % of the units of 0 (relu) are zero" in found.words


def test_a_channel_is_one_unit() -> None:
    model = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU())
    with torch.no_grad():
        model[0].bias.copy_(torch.tensor([-99.0, -99, -99, 0]))
    watcher = watch(model)
    model(torch.randn(2, 1, 6, 6)).sum().backward()
    record = watcher.step()
    assert record is not None
    assert record.layers["1"].dead == 0.75


def test_parts_that_are_called_without_the_whole_are_seen() -> None:
    model = nn.ModuleDict({"one": Functional(), "two": Functional()})
    watcher = watch(model)
    (model.one(torch.randn(8, 3)) + model.two(torch.randn(8, 3))).sum().backward()
    record = watcher.step()
    assert record is not None
    assert record.layers["two #1"].saturated == 0.75


def test_the_mode_is_left_after_an_exception_and_after_an_interruption() -> None:
    class Failing(Functional):
        error: type[BaseException] = RuntimeError

        def forward(self, x: Any) -> Any:
            assert modes() == 1
            raise self.error

    model = Failing()
    watcher = watch(model)
    with pytest.raises(RuntimeError):
        model(torch.zeros(2, 3))
    assert modes() == 0
    model.error = KeyboardInterrupt
    with pytest.raises(KeyboardInterrupt):
        model(torch.zeros(2, 3))
    watcher.close()
    assert modes() == 0


def test_two_watchers_see_the_same_and_leave() -> None:
    model = Functional()
    watchers = watch(model), watch(model)
    model(torch.randn(8, 3)).sum().backward()
    assert modes() == 0
    one, two = (w.step() for w in watchers)
    assert one is not None
    assert two is not None
    assert one.layers == two.layers


def test_a_validation_pass_without_gradients_is_not_counted() -> None:
    model = Functional()
    watcher = watch(model)
    model(torch.randn(8, 3)).sum().backward()
    with torch.no_grad():
        model(torch.full((8, 3), torch.nan))
        assert modes() == 0
    record = watcher.step()
    assert record is not None
    assert record.layers["Functional #1"].saturated == 0.75


def test_copies_and_saved_models_are_not_watched() -> None:
    model = Functional()
    seen: list[int] = []
    watcher = watch(model)
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        handle = other.out.register_forward_hook(lambda *_: seen.append(modes()))
        other(torch.randn(8, 3)).sum().backward()
        handle.remove()
    assert seen == [0, 0]
    record = watcher.step()
    assert record is not None
    assert record.layers == {}


def test_an_empty_batch_has_no_units() -> None:
    model = Functional()
    watcher = watch(model)
    model(torch.zeros(0, 3)).sum().backward()
    record = watcher.step()
    assert record is not None
    assert all(layer.dead is None and layer.saturated is None for layer in record.layers.values())
