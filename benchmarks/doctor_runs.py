"""Small real training runs with one fault each, and healthy ones: what the doctor is tested on.

Every run trains a network of a few hundred to a few ten thousand parameters in PyTorch on one of
scikit-learn's bundled data sets or on generated sequences. Data, architecture, sizes, optimiser,
learning rate, fault strength and the form of the log are drawn from the run's id alone. A fault
that does not bite (a step size that was called too large and converged) is no fault: such a draw
is thrown away and drawn again, by what is true of the network, not by what the doctor says of it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from doctor_data import Data, load
from torch import nn

FINITE = 1e30
NO_GRADIENT = -1.0


@dataclass
class Setting:
    """A run before it is run."""

    data: str
    net: str = "mlp"
    hidden: tuple[int, ...] = (32,)
    activation: str = "relu"
    dropout: float = 0.0
    norm: bool = False
    optimiser: str = "adam"
    lr: float = 3e-3
    schedule: str = "none"
    epochs: int = 30
    batch: int = 32
    decay: float = 0.0
    clip: float = 0.0
    patience: int = 0
    samples: int = 0
    label_noise: float = 0.0
    # the faults
    init_scale: float = 1.0
    output_scale: float = 1.0
    input_scale: float = 1.0
    bias_shift: float = 0.0
    frozen: int = 0
    sign: float = 1.0
    zero_grad: bool = True
    order: str = "shuffled"
    evaluating: bool = True
    train_labels: str = "true"
    val_labels: str = "true"
    val_inputs: str = "all"
    majority: float = 0.0
    logged_sign: float = 1.0
    metrics_swapped: bool = False
    #: the running training figures of an epoch, or those of the network as it is after it
    train_after: bool = False


@dataclass
class Trace:
    """What happened: figures of every step and every epoch, and what is true of the network."""

    classes: int
    batch: int
    steps_per_epoch: int
    steps: list[dict[str, float]] = field(default_factory=list[dict[str, float]])
    epochs: list[dict[str, float]] = field(default_factory=list[dict[str, float]])
    truth: dict[str, float] = field(default_factory=dict[str, float])


class Recurrent(nn.Module):
    """A recurrent layer and a readout of its last state."""

    def __init__(self, kind: str, width: int, size: int, outputs: int, activation: str) -> None:
        super().__init__()
        if kind == "rnn":
            act = "relu" if activation == "relu" else "tanh"
            self.cell = nn.RNN(width, size, batch_first=True, nonlinearity=act)
        else:
            self.cell = {"gru": nn.GRU, "lstm": nn.LSTM}[kind](width, size, batch_first=True)
        self.head = nn.Linear(size, outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.cell(x)[0][:, -1])


def network(s: Setting, data: Data) -> nn.Module:
    outputs = data.classes or 1
    if s.net in ("rnn", "gru", "lstm"):
        return Recurrent(s.net, data.x.shape[-1], s.hidden[0], outputs, s.activation)
    act = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid, "gelu": nn.GELU}[s.activation]
    layers: list[nn.Module] = []
    if s.net == "cnn":
        layers += [nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, s.hidden[0], 3, padding=1), act()]
        layers += [nn.MaxPool2d(2), nn.Conv2d(s.hidden[0], s.hidden[-1], 3, padding=1), act()]
        layers += [nn.Flatten(), nn.Dropout(s.dropout), nn.Linear(16 * s.hidden[-1], outputs)]
        return nn.Sequential(*layers)
    width = math.prod(data.x.shape[1:])
    layers.append(nn.Flatten())
    for size in s.hidden:
        layers += [nn.Linear(width, size)]
        layers += [nn.BatchNorm1d(size)] if s.norm else []
        layers += [act()]
        layers += [nn.Dropout(s.dropout)] if s.dropout else []
        width = size
    layers.append(nn.Linear(width, outputs))
    return nn.Sequential(*layers)


def spoil(model: nn.Module, s: Setting) -> None:
    """Put the faults that lie in the parameters into the network."""
    named = [(n, p) for n, p in model.named_parameters() if p.dim() > 1]
    with torch.no_grad():
        for name, p in named[:-1]:
            if s.net in ("rnn", "gru", "lstm"):
                if "weight_hh" in name and s.init_scale != 1.0:
                    nn.init.orthogonal_(p)
                    p.mul_(s.init_scale)
            else:
                p.mul_(s.init_scale)
        named[-1][1].mul_(s.output_scale)
        if s.bias_shift:
            for name, p in list(model.named_parameters())[:-2]:
                if name.endswith("bias"):
                    p.sub_(s.bias_shift)
    layers = [m for m in model.modules() if isinstance(m, nn.Linear | nn.Conv2d | nn.RNNBase)]
    for layer in layers[: s.frozen]:
        for p in layer.parameters():
            p.requires_grad_(False)


def train(s: Setting, seed: int) -> Trace:
    """Train; the run ends after its epochs, or a little after its loss is no number any more."""
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    data = load(s.data, seed, s.samples)
    x, y, xv, yv = split(data, s, rng)
    if s.majority:
        data = dataclasses.replace(data, classes=2)
    model = network(s, data)
    spoil(model, s)
    trainable = [p for p in model.parameters() if p.requires_grad]
    if s.optimiser == "adam":
        optimiser: torch.optim.Optimizer = torch.optim.Adam(trainable, s.lr, weight_decay=s.decay)
    else:
        momentum = 0.9 if s.optimiser == "momentum" else 0.0
        optimiser = torch.optim.SGD(trainable, s.lr, momentum=momentum, weight_decay=s.decay)
    criterion = nn.CrossEntropyLoss() if data.classes else nn.MSELoss()
    relus = [m for m in model.modules() if isinstance(m, nn.ReLU)]
    dead: list[float] = []
    for relu in relus:
        relu.register_forward_hook(
            lambda _m, _i, out: dead.append(float((out <= 0).flatten(1).all(0).float().mean()))
        )
    per = math.ceil(len(x) / s.batch)
    trace = Trace(data.classes, s.batch, per)
    total, step, best, since, broken = per * s.epochs, 0, math.inf, 0, 0
    for epoch in range(s.epochs):
        order = rng.permutation(len(x)) if s.order == "shuffled" else np.arange(len(x))
        seen: list[tuple[float, float, int]] = []
        for start in range(0, len(x), s.batch):
            rows = torch.from_numpy(order[start : start + s.batch])
            if len(rows) < 2 and s.norm:
                continue
            rate = scheduled(s, step, total, per)
            for group in optimiser.param_groups:
                group["lr"] = rate
            model.train()
            if s.zero_grad:
                optimiser.zero_grad()
            dead.clear()
            out = model(x[rows])
            loss = criterion(out if data.classes else out[:, 0], y[rows])
            if trainable:
                (s.sign * loss).backward()
            norms = layer_norms(model)
            if s.clip:
                nn.utils.clip_grad_norm_(trainable, s.clip)
            optimiser.step()
            right = accuracy(out, y[rows], s) if data.classes else math.nan
            value = s.logged_sign * loss.item()
            seen.append((value, right, len(rows)))
            record = {"step": step, "epoch": step / per, "loss": value, "lr": rate}
            known = [v for v in norms.values() if v != NO_GRADIENT]
            record["grad_norm"] = math.hypot(*known)
            if data.classes:
                record["acc"] = right
            record |= {f"grad:{name}": value for name, value in norms.items()}
            record |= {f"dead:{k}": value for k, value in enumerate(dead)}
            trace.steps.append(record)
            step += 1
            if not math.isfinite(loss.item()) or abs(loss.item()) > FINITE:
                broken += 1
        row = {"epoch": epoch, "step": step - 1, "lr": rate}
        weights = np.array([n for *_, n in seen], float)
        row["loss"] = float(np.average([v for v, *_ in seen], weights=weights))
        if data.classes:
            row["acc"] = float(np.average([a for _, a, _ in seen], weights=weights))
        true_train = figures(model, criterion, x, y, data, s, evaluating=True)
        if s.train_after:
            row |= {"loss": s.logged_sign * true_train[0]}
            row |= {"acc": true_train[1]} if data.classes else {}
        value = figures(model, criterion, xv, yv, data, s, evaluating=s.evaluating)
        row["val_loss"] = s.logged_sign * value[0]
        if data.classes:
            row |= {"val_acc": value[1], "val_balanced": value[2]}
        row["true_train"] = true_train[0]
        row["true_val"] = (
            value if s.evaluating else figures(model, criterion, xv, yv, data, s, evaluating=True)
        )[0]
        trace.epochs.append(row)
        best, since = (value[0], 0) if value[0] < best else (best, since + 1)
        if (s.patience and since >= s.patience) or broken > per:
            break
    dead.clear()
    figures(model, criterion, x, y, data, s, evaluating=True)
    # ReLUs' outputs over the whole training set, after the last step
    trace.truth["dead"] = max(dead, default=0.0)
    trace.truth["majority"] = (
        float(np.max(np.bincount(yv.numpy())) / len(yv)) if data.classes else 0
    )
    return trace


def split(data: Data, s: Setting, rng: np.random.Generator) -> tuple[torch.Tensor, ...]:
    """Training and validation data, with the faults that lie in data."""
    x, y = data.x * s.input_scale, data.y.copy()
    cut = int(0.7 * len(x))
    xt, yt, xv, yv = x[:cut], y[:cut], x[cut:], y[cut:]
    if s.majority:
        xt, yt = unbalanced(xt, yt, s.majority, rng)
        xv, yv = unbalanced(xv, yv, s.majority, rng)
    if s.label_noise and data.classes:
        flip = rng.random(len(yt)) < s.label_noise
        yt[flip] = rng.integers(0, data.classes, int(flip.sum()))
    if s.train_labels == "permuted":
        yt = rng.permutation(yt)
    if s.train_labels == "constant inputs":
        xt, xv = xt * 0 + 1, xv * 0 + 1
    if s.val_labels == "swapped":
        yv = (yv + 1) % data.classes
    if s.val_inputs == "leaked":  # drawn from the training set, with its true labels
        rows = rng.permutation(cut)[: len(xv)]
        xv, yv = x[:cut][rows], y[:cut][rows]
    if s.val_inputs == "easy":  # the validation examples that lie nearest to their class's mean
        means = np.stack([xt[yt == c].mean(0).ravel() for c in range(data.classes)])
        away = ((xv.reshape(len(xv), 1, -1) - means[None]) ** 2).sum(-1)
        margin = np.sort(away, 1)[:, 1] - away[np.arange(len(yv)), yv]
        rows = np.argsort(-margin)[: max(len(xv) // 4, 8)]
        xv, yv = xv[rows], yv[rows]
    if s.order == "sorted":
        rows = np.argsort(yt, kind="stable")
        xt, yt = xt[rows], yt[rows]
    kind = torch.int64 if data.classes else torch.float32
    to = torch.from_numpy
    return (
        to(xt.astype(np.float32)), to(yt).to(kind), to(xv.astype(np.float32)), to(yv).to(kind)
    )  # fmt: skip


def unbalanced(
    x: np.ndarray, y: np.ndarray, share: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Class 0 against the rest, with so large a share of the rest."""
    rare, common = np.flatnonzero(y == 0), np.flatnonzero(y != 0)
    keep = max(2, int(len(common) * (1 - share) / share))
    rows = rng.permutation(np.concatenate([rng.permutation(rare)[:keep], common]))
    return x[rows], (y[rows] != 0).astype(y.dtype)


def scheduled(s: Setting, step: int, total: int, per: int) -> float:
    part = step / max(total, 1)
    if s.schedule == "steps":
        return s.lr * 0.1 ** sum(part >= place for place in (0.5, 0.8))
    if s.schedule == "cosine":
        return s.lr * 0.5 * (1 + math.cos(math.pi * part))
    if s.schedule == "warmup":
        return s.lr * min(1.0, (step + 1) / (0.15 * total))
    if s.schedule == "restarts":
        return s.lr * (0.05 + 0.475 * (1 + math.cos(math.pi * (4 * part % 1))))
    return s.lr


def accuracy(out: torch.Tensor, y: torch.Tensor, s: Setting) -> float:
    said = out.argmax(1)
    if s.metrics_swapped:
        said = (said + 1) % out.shape[1]
    return float((said == y).float().mean())


def figures(
    model: nn.Module, criterion: nn.Module, x: torch.Tensor, y: torch.Tensor, data: Data, s: Setting,
    *, evaluating: bool,
) -> tuple[float, float, float]:  # fmt: skip
    """Loss, accuracy and balanced accuracy."""
    model.train(not evaluating)
    with torch.no_grad():
        out = model(x)
        loss = criterion(out if data.classes else out[:, 0], y).item()
        if not data.classes:
            return loss, math.nan, math.nan
        said = out.argmax(1)
        recalls = [float((said[y == c] == c).float().mean()) for c in y.unique().tolist()]
        return loss, accuracy(out, y, s), float(np.mean(recalls))


def layer_norms(model: nn.Module) -> dict[str, float]:
    """Gradient norms of the weight matrices."""
    return {
        name: NO_GRADIENT if p.grad is None else float(p.grad.norm())
        for name, p in model.named_parameters()
        if p.dim() > 1
    }


def seed_of(name: str, attempt: int = 0) -> int:
    digest = hashlib.sha256(f"{name}/{attempt}".encode()).digest()
    return int.from_bytes(digest[:4], "big")


def held_back(names: list[str]) -> set[str]:
    """Of the runs of a kind, the half that is looked at once, at the very end."""
    ordered = sorted(names, key=lambda name: hashlib.sha256(f"half/{name}".encode()).digest())
    return set(ordered[len(names) // 2 :])


def made(
    name: str, draw: Callable[[np.random.Generator], Setting], bites: Callable[[Trace], bool]
) -> tuple[Setting, Trace, int] | None:
    """The first of some draws in which the fault does what it is called after."""
    for attempt in range(12):
        seed = seed_of(name, attempt)
        setting = draw(np.random.default_rng(seed))
        trace = train(setting, seed % 2**31)
        if bites(trace):
            return setting, trace, attempt
    return None


def last(trace: Trace, key: str, share: float = 0.2) -> float:
    """The mean of the last part of an epoch column."""
    values = [row[key] for row in trace.epochs]
    return float(np.mean(values[-max(1, int(share * len(values))) :]))


def all_values(trace: Trace, key: str) -> list[Any]:
    return [row[key] for row in trace.epochs]
