"""Training one network on one task, epoch by epoch, so that it can be stopped and taken up again."""

# PyTorch is not installed where types are checked, and types itself in part only
# pyright: basic, reportMissingImports=false

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from backprove.errors import BackproveError
from backprove.training.cells import step_of
from backprove.training.sequences.networks import Network, Recurrent, network
from backprove.training.sequences.tasks import Part, Task

BATCH = 32
#: gradients are clipped at this norm, for all networks alike
CLIP = 1.0
#: sequences at whose states the gradient is taken
FOLLOWED = 64


@dataclass(frozen=True, slots=True)
class Setting:
    """What is trained: which network on which task, from which seed, how long, how large, how fast.

    A pilot is trained to choose a learning rate, and tells nothing else.
    """

    task: str
    network: str
    seed: int
    epochs: int
    budget: int
    rate: float
    pilot: bool = False

    @property
    def name(self) -> str:
        pilot = f"_pilot_{self.rate:g}" if self.pilot else ""
        return f"{self.task}_{self.network}_{self.seed}{pilot}"


@dataclass(slots=True)
class History:
    """Losses and accuracies on training and test data after every epoch.

    `start` and `end` are the gradient of the loss by the state after each step, as root mean
    squares over entries and sequences, before training and after.
    """

    train: list[float] = field(default_factory=list)
    test: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    start: list[float] = field(default_factory=list)
    end: list[float] = field(default_factory=list)
    width: int = 0
    parameters: int = 0


def device() -> torch.device:
    """The first GPU where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def train(
    setting: Setting,
    task: Task,
    folder: Path,
    resume: bool = False,
    told: Callable[[], None] = lambda: None,
) -> History:
    """Train a network; its state is saved in `folder` after each epoch, when `told` is called.

    With `resume` it goes on after the last epoch that was finished: an interruption costs at most
    one. Raises `BackproveError` where the saved state is of another setting.
    """
    torch.manual_seed(1000 + setting.seed)
    model, width = network(
        setting.network, setting.budget, task.entries, task.classes, task.steps, task.every_step
    )
    model = model.to(device())
    optimiser = torch.optim.Adam(model.parameters(), setting.rate)
    steps = -(-len(task.train) // BATCH) * setting.epochs
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, setting.rate, total_steps=steps)
    parts: dict[str, Any] = {"model": model, "optimiser": optimiser, "schedule": schedule}
    history = History(width=width, parameters=sum(p.numel() for p in model.parameters()))
    path = folder / f"{setting.name}.pt"
    if resume and path.exists():
        history = _restore(path, setting, parts)
        for _ in history.train:
            told()
    train_data, test_data = _moved(task.train), _moved(task.test)
    if not history.start:
        history.start = gradients(model, *_first(test_data))
    for epoch in range(len(history.train), setting.epochs):
        began = time.perf_counter()
        history.train.append(_epoch(setting, epoch, parts, *train_data))
        loss, accuracy = _evaluate(model, *test_data)
        history.test.append(loss)
        history.accuracy.append(accuracy)
        history.seconds.append(time.perf_counter() - began)
        if epoch + 1 == setting.epochs:
            history.end = gradients(model, *_first(test_data))
        _save(path, setting, history, parts)
        told()
    return history


def _moved(part: Part) -> tuple[Tensor, Tensor]:
    where = device()
    return torch.from_numpy(part.inputs).to(where), torch.from_numpy(part.targets).to(where)


def _first(data: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    return data[0][:FOLLOWED], data[1][:FOLLOWED]


def _loss(logits: Tensor, targets: Tensor) -> Tensor:
    return nn.functional.cross_entropy(logits.flatten(0, -2), targets.flatten())


def _epoch(
    setting: Setting, epoch: int, parts: dict[str, Any], inputs: Tensor, targets: Tensor
) -> float:
    """One pass over the training data, in an order that the seed and the epoch fix."""
    model, optimiser, schedule = parts["model"], parts["optimiser"], parts["schedule"]
    random = torch.Generator().manual_seed(1000 * setting.seed + epoch)
    order = torch.randperm(len(inputs), generator=random).to(inputs.device)
    model.train()
    total = inputs.new_zeros(())
    for chosen in order.split(BATCH):
        loss = _loss(model(inputs[chosen]), targets[chosen])
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimiser.step()
        schedule.step()
        total += loss.detach() * len(chosen)
    return float(total) / len(inputs)


@torch.no_grad()
def _evaluate(model: Network, inputs: Tensor, targets: Tensor) -> tuple[float, float]:
    model.eval()
    logits = torch.cat([model(part) for part in inputs.split(256)])
    right = (logits.argmax(-1) == targets).float().mean()
    return float(_loss(logits, targets)), float(right)


def gradients(model: Network, inputs: Tensor, targets: Tensor) -> list[float]:
    """Root mean squares of the loss's gradient by the state after every step, by all paths."""
    with torch.enable_grad():
        states = _states(model, inputs)
        shown = torch.stack([s[..., : model.out.in_features] for s in states], dim=1)
        logits = model.out(shown if model.every_step else shown[:, -1])
        found = torch.autograd.grad(_loss(logits, targets), states, allow_unused=True)
    # by a sequence, so that the size of the batch does not matter
    return [0.0 if g is None else float(g.square().mean().sqrt()) * len(inputs) for g in found]


def _states(model: Network, inputs: Tensor) -> list[Tensor]:
    body = model.body
    if not isinstance(body, Recurrent):
        return body.states(inputs)  # pyright: ignore[reportCallIssue]
    step = step_of(body.layer, 0)
    state = step.start(len(inputs)).requires_grad_()
    states: list[Tensor] = []
    for x in inputs.unbind(1):
        state = step.forward(state, x)
        states.append(state)
    return states


def _save(path: Path, setting: Setting, history: History, parts: dict[str, Any]) -> None:
    state: dict[str, Any] = {name: part.state_dict() for name, part in parts.items()}
    # an interruption while writing must not cost the state before
    scratch = path.with_suffix(".new")
    torch.save(state | {"setting": asdict(setting), "history": asdict(history)}, scratch)
    scratch.replace(path)
    log = json.dumps({"setting": asdict(setting), **asdict(history)})
    path.with_suffix(".json").write_text(log, encoding="utf-8")


def _restore(path: Path, setting: Setting, parts: dict[str, Any]) -> History:
    try:
        state: dict[str, Any] = torch.load(path, map_location=device(), weights_only=True)
    except Exception as error:
        raise BackproveError(f"{path} cannot be read as saved weights: {error}") from None
    if state.get("setting") != asdict(setting):
        raise BackproveError(f"{path} was saved by another setting: {state.get('setting')}")
    for name, part in parts.items():
        part.load_state_dict(state[name])
    return History(**state["history"])
