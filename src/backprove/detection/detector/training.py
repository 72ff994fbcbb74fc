"""Training one detector, epoch by epoch, so that it can be stopped and taken up again."""

# PyTorch is not installed where types are checked, and types itself in part only
# pyright: basic, reportMissingImports=false

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from backprove.detection.boxes import Floats
from backprove.detection.data import Predictions, Truth, predictions
from backprove.detection.detector.losses import CLASSIFICATION, LOCALISATION, total
from backprove.detection.detector.network import STRIDE, Detector, decoded, targets
from backprove.detection.detector.scenes import Picture, Scenes
from backprove.detection.suppression import nms
from backprove.errors import BackproveError

BATCH = 32
RATE = 4e-3
#: detections of one picture, and the score below which a place says nothing
MOST, LEAST = 50, 0.02


@dataclass(frozen=True, slots=True)
class Setting:
    """What is trained: the two losses, the seed, and for how many epochs."""

    localisation: str = "giou"
    classification: str = "focal"
    seed: int = 0
    epochs: int = 8

    @property
    def name(self) -> str:
        return f"{self.localisation}_{self.classification}_{self.seed}"


@dataclass
class History:
    """The losses after each epoch, and the seconds that it took."""

    train: list[float] = field(default_factory=list[float])
    test: list[float] = field(default_factory=list[float])
    seconds: list[float] = field(default_factory=list[float])


class Batches:
    """Pictures and targets on a device, in batches."""

    def __init__(self, scenes: Scenes, device: torch.device) -> None:
        cells = scenes.pictures.shape[1] // STRIDE
        self.pictures = normalised(scenes.pictures).to(device)
        self.truth = scenes.truth
        self.kind, self.edges = (part.to(device) for part in targets(scenes.truth, cells))

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, chosen: Tensor | slice) -> tuple[Tensor, Tensor, Tensor]:
        return self.pictures[chosen], self.kind[chosen], self.edges[chosen]


def normalised(pictures: Picture) -> Tensor:
    """Bytes (n, s, s, 3) as floats around 0, (n, 3, s, s)."""
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 128 - 1


def device() -> torch.device:
    """The GPU where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def train(
    setting: Setting,
    classes: int,
    training: Batches,
    test: Batches,
    folder: Path,
    resume: bool = False,
    told: Callable[[str], None] = lambda _: None,
) -> tuple[Detector, History]:
    """Train a detector; its state is saved in `folder` after each epoch.

    With `resume` it goes on after the last epoch that was finished: what an interruption costs
    is at most one. Raises `BackproveError` where the saved state is of another setting.
    """
    torch.manual_seed(setting.seed)
    model = Detector(classes).to(training.pictures.device)
    steps = -(-len(training) // BATCH) * setting.epochs
    optimiser = torch.optim.AdamW(model.parameters(), RATE, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps)
    history = History()
    path = folder / setting.name / "state.pt"
    path.parent.mkdir(parents=True, exist_ok=True)
    parts: dict[str, Any] = {"model": model, "optimiser": optimiser, "schedule": schedule}
    if resume and path.exists():
        history = _restore(path, setting, classes, parts)
    for epoch in range(len(history.train), setting.epochs):
        start = time.perf_counter()
        history.train.append(_epoch(setting, epoch, parts, training))
        history.test.append(_loss(setting, model, test))
        history.seconds.append(time.perf_counter() - start)
        _save(path, setting, classes, history, parts)
        told(
            f"{setting.name}: epoch {epoch + 1} of {setting.epochs}, train loss "
            f"{history.train[-1]:.3f}, test loss {history.test[-1]:.3f}"
        )
    return model, history


def load(folder: Path, setting: Setting, classes: int) -> tuple[Detector, History]:
    """A detector as it was saved; raises `BackproveError` where there is none."""
    path = folder / setting.name / "state.pt"
    if not path.exists():
        raise BackproveError(f"{path} is not there: nothing was trained in {folder}")
    model = Detector(classes).to(device())
    return model, _restore(path, setting, classes, {"model": model})


def _epoch(setting: Setting, epoch: int, parts: dict[str, Any], training: Batches) -> float:
    """One pass over the training scenes, in an order that the seed and the epoch fix."""
    model, optimiser, schedule = parts["model"], parts["optimiser"], parts["schedule"]
    random = torch.Generator().manual_seed(1000 * setting.seed + epoch)
    order = torch.randperm(len(training), generator=random)
    model.train()
    summed = 0.0
    for chosen in order.split(BATCH):
        loss = _batch_loss(setting, model, training[chosen.to(training.pictures.device)])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        summed += float(loss.detach()) * len(chosen)
    return summed / len(training)


@torch.no_grad()
def _loss(setting: Setting, model: Detector, test: Batches) -> float:
    model.eval()
    parts = [slice(i, i + BATCH) for i in range(0, len(test), BATCH)]
    losses = [float(_batch_loss(setting, model, test[part])) for part in parts]
    return float(np.mean(losses))


def _batch_loss(setting: Setting, model: Detector, batch: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    pictures, kind, edges = batch
    logits, distances = model(pictures)
    return total(
        logits,
        distances,
        kind,
        edges,
        LOCALISATION[setting.localisation],
        CLASSIFICATION[setting.classification],
    )


def _save(
    path: Path, setting: Setting, classes: int, history: History, parts: dict[str, Any]
) -> None:
    state: dict[str, Any] = {name: part.state_dict() for name, part in parts.items()}
    # an interruption while writing must not cost the state before
    scratch = path.with_suffix(".new")
    torch.save(
        state | {"setting": asdict(setting), "classes": classes, "history": asdict(history)},
        scratch,
    )
    scratch.replace(path)
    log = json.dumps({"setting": asdict(setting), **asdict(history)}, indent=2)
    (path.parent / "history.json").write_text(log, encoding="utf-8")


def _restore(path: Path, setting: Setting, classes: int, parts: dict[str, Any]) -> History:
    try:
        state: dict[str, Any] = torch.load(path, map_location=device(), weights_only=True)
    except Exception as error:
        raise BackproveError(f"{path} cannot be read as saved weights: {error}") from None
    if state.get("setting") != asdict(setting) or state.get("classes") != classes:
        raise BackproveError(f"{path} was saved by another setting: {state.get('setting')}")
    for name, part in parts.items():
        part.load_state_dict(state[name])
    return History(**state["history"])


@torch.no_grad()
def detect(model: Detector, pictures: Picture, about: Truth) -> Predictions:
    """What the detector finds on pictures (n, s, s, 3): of overlapping boxes the best."""
    model.eval()
    where = next(model.parameters()).device
    image: list[int] = []
    label: list[int] = []
    score: list[float] = []
    box: list[Floats] = []
    for first in range(0, len(pictures), BATCH):
        logits, distances = model(normalised(pictures[first : first + BATCH]).to(where))
        scores = torch.sigmoid(logits).permute(0, 2, 3, 1).flatten(1, 2).double().cpu().numpy()
        edges = decoded(distances).flatten(1, 2).double().cpu().numpy()
        for offset, (s, b) in enumerate(zip(scores, edges, strict=True)):
            place, kind = np.nonzero(s >= LEAST)
            strong = np.argsort(-s[place, kind], kind="stable")[: 4 * MOST]
            place, kind = place[strong], kind[strong]
            side = pictures.shape[1]
            mine = b[place].clip(0, side)
            kept = nms(mine, s[place, kind], 0.5, kind)[:MOST]
            image += [first + offset] * len(kept)
            label += kind[kept].tolist()
            score += s[place, kind][kept].tolist()
            box += list(mine[kept])
    return predictions(about, image, label, np.array(box).reshape(-1, 4), score)
