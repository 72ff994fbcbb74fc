"""The course's question, by experiment: which losses make the better detector?

Localisation by L2, IoU and GIoU loss, with focal loss for the classes; and cross-entropy against
focal loss, with GIoU loss for the boxes. Each is trained from several seeds on the same scenes.
"""

# PyTorch is not installed where types are checked, and types itself in part only
# pyright: basic, reportMissingImports=false

from __future__ import annotations

import json
import multiprocessing
import os
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np
import torch

from backprove.detection.data import Predictions
from backprove.detection.detector.folder import folder_scenes
from backprove.detection.detector.scenes import Scenes, scenes
from backprove.detection.detector.training import Batches, Setting, detect, device, load, train
from backprove.detection.evaluation import Evaluation, Outcome
from backprove.detection.files.coco_writing import dataset, results
from backprove.detection.protocols import COCO, VOC07
from backprove.errors import BackproveError

#: the pairs of losses, the first being that which the others change in one place
PAIRS = (("giou", "focal"), ("l2", "focal"), ("iou", "focal"), ("giou", "cross-entropy"))


@dataclass(frozen=True, slots=True)
class Plan:
    """What is trained and on what; `data` is a COCO-format folder in place of generated scenes."""

    seeds: int = 3
    epochs: int = 10
    training: int = 1200
    test: int = 400
    side: int = 64
    data: str = ""

    def settings(self) -> list[Setting]:
        return [
            Setting(box, kind, seed, self.epochs)
            for seed in range(self.seeds)
            for box, kind in PAIRS
        ]


@dataclass(frozen=True, slots=True)
class Run:
    """One trained detector and its figures on the test scenes.

    `ap` is the 11-point average precision of each class at IoU 0.5, `coco` the mean AP over IoU
    0.50 to 0.95, `ap75` at 0.75, `iou` the mean IoU of hits.
    """

    localisation: str
    classification: str
    seed: int
    train: list[float]
    test: list[float]
    seconds: float
    ap: list[float]
    coco: float
    ap75: float
    iou: float

    @property
    def map(self) -> float:
        return float(np.nanmean(self.ap))


@dataclass(frozen=True, slots=True)
class Spread:
    """A figure over the seeds: mean and standard deviation."""

    mean: float
    deviation: float

    @staticmethod
    def of(values: Sequence[float]) -> Spread:
        return Spread(mean(values), stdev(values) if len(values) > 1 else float("nan"))


@dataclass(frozen=True)
class Study:
    """All runs of a plan, and what they say."""

    plan: Plan
    classes: tuple[str, ...]
    boxes: list[int]
    runs: list[Run]
    notes: list[str] = field(default_factory=list[str])

    def of(self, pair: tuple[str, str]) -> list[Run]:
        """The runs of a pair of losses, seed by seed."""
        return [r for r in self.runs if (r.localisation, r.classification) == pair]

    def spread(self, pair: tuple[str, str], figure: Callable[[Run], float]) -> Spread:
        return Spread.of([figure(run) for run in self.of(pair)])

    @property
    def conclusion(self) -> list[str]:
        """What can be said of the differences, seed by seed, in words."""
        base = PAIRS[0]
        said = [
            self._difference(
                "GIoU loss", base, "L2", ("l2", "focal"), "AP 50:95", lambda r: r.coco
            ),
            self._difference("GIoU loss", base, "L2", ("l2", "focal"), "AP75", lambda r: r.ap75),
            self._difference(
                "GIoU loss", base, "IoU loss", ("iou", "focal"), "AP 50:95", lambda r: r.coco
            ),
        ]
        plain = ("giou", "cross-entropy")
        said.append(
            self._difference(
                "focal loss", base, "cross-entropy", plain, "11-point AP", lambda r: r.map
            )
        )
        # of the classes that are there at all
        rare = min(
            (k for k, count in enumerate(self.boxes) if count),
            key=lambda k: self.boxes[k],
            default=None,
        )
        if rare is None:
            return said
        said.append(
            self._difference(
                "focal loss",
                base,
                "cross-entropy",
                plain,
                f"11-point AP of {self.classes[rare]}, the rarest class",
                lambda r: r.ap[rare],
            )
        )
        return said

    def _difference(
        self,
        first_name: str,
        first: tuple[str, str],
        second_name: str,
        second: tuple[str, str],
        what: str,
        figure: Callable[[Run], float],
    ) -> str:
        """Runs of one seed are compared with each other: they saw the same batches."""
        steps = [
            figure(a) - figure(b) for a, b in zip(self.of(first), self.of(second), strict=True)
        ]
        gain = Spread.of(steps)
        text = f"{what}: {first_name} against {second_name} {_signed(gain.mean)}"
        if len(steps) < 2:
            return f"{text}, from one seed, which says little."
        text += f" ± {gain.deviation:.3f} over {len(steps)} seeds"
        # twice the standard error of the mean difference
        if abs(gain.mean) > 2 * gain.deviation / len(steps) ** 0.5:
            return f"{text}: {first_name if gain.mean > 0 else second_name} is better."
        return f"{text}: no difference beyond what the seeds make."

    def as_json(self) -> str:
        data = {
            "plan": asdict(self.plan),
            "classes": self.classes,
            "boxes": self.boxes,
            "runs": [asdict(run) for run in self.runs],
            "conclusion": self.conclusion,
            "notes": self.notes,
        }
        return json.dumps(_plain(data), ensure_ascii=False, indent=2)


def study(
    plan: Plan,
    folder: Path,
    *,
    resume: bool = False,
    evaluate: bool = False,
    jobs: int | None = None,
    told: Callable[[str], None] = lambda _: None,
) -> Study:
    """Train and evaluate every setting of a plan; weights and results are kept in `folder`.

    `resume` goes on after an interruption; `evaluate` trains nothing and evaluates what was
    saved. Raises `BackproveError` where what was saved does not belong to the plan.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _check_plan(plan, folder, resume or evaluate)
    test, notes = _scenes(plan, "test")
    settings = plan.settings()
    single = torch.cuda.is_available()
    jobs = 1 if single else min(jobs or os.cpu_count() or 1, len(settings))
    work = [(plan, setting, folder, resume, evaluate) for setting in settings]
    found: dict[str, Run] = {}
    if jobs == 1:
        for task in work:
            found[task[1].name] = _run(*task, told)
    else:
        # processes, not threads: small convolutions gain little from several threads each
        context = multiprocessing.get_context("spawn")
        stop = context.Event()
        with ProcessPoolExecutor(jobs, context, initializer=_alone, initargs=(stop,)) as pool:
            pending = {pool.submit(_run_alone, *task): task[1] for task in work}
            try:
                for done in as_completed(pending):
                    run = found[pending[done].name] = done.result()
                    told(f"{pending[done].name}: 11-point AP {run.map:.3f}, {run.seconds:.0f} s")
            except BaseException:
                # what is being trained ends with its epoch, which is saved
                stop.set()
                pool.shutdown(wait=True, cancel_futures=True)
                raise
    truth = test.truth
    _write(folder / "truth.json", dataset(truth))
    made = Study(
        plan,
        truth.classes,
        np.bincount(truth.label[~truth.difficult], minlength=len(truth.classes)).tolist(),
        [found[setting.name] for setting in settings],
        notes,
    )
    (folder / "study.json").write_text(made.as_json(), encoding="utf-8")
    return made


def detections(plan: Plan, folder: Path, setting: Setting) -> tuple[Scenes, Predictions]:
    """The test scenes, and what a saved detector finds on them."""
    test, _ = _scenes(plan, "test")
    model, _ = load(folder, setting, len(test.truth.classes))
    return test, detect(model, test.pictures, test.truth)


class Stopped(Exception):
    """The study was interrupted."""


_stop: Any = None


def _alone(stop: Any) -> None:
    global _stop
    _stop = stop
    torch.set_num_threads(1)
    # an interruption is for the process that waits, which tells the others
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _run_alone(plan: Plan, setting: Setting, folder: Path, resume: bool, evaluate: bool) -> Run:
    def go_on(_: str = "") -> None:
        if _stop.is_set():
            raise Stopped

    go_on()
    return _run(plan, setting, folder, resume, evaluate, go_on)


def _run(
    plan: Plan,
    setting: Setting,
    folder: Path,
    resume: bool,
    evaluate: bool,
    told: Callable[[str], None] = lambda _: None,
) -> Run:
    test, _ = _scenes(plan, "test")
    classes = len(test.truth.classes)
    if evaluate:
        model, history = load(folder, setting, classes)
    else:
        training, testing = _batches(plan, "train"), _batches(plan, "test")
        if training.truth.classes != test.truth.classes:
            raise BackproveError(f"{plan.data}: train.json and test.json have other classes")
        model, history = train(setting, classes, training, testing, folder, resume, told)
    found = detect(model, test.pictures, test.truth)
    _write(folder / setting.name / "predictions.json", results(found))
    voc, coco = (Evaluation(test.truth, found, protocol) for protocol in (VOC07, COCO))
    figures = coco.summary()
    rows = [row for k in range(classes) for row in voc.rows(k)]
    hits = [row.overlap for row in rows if row.outcome is Outcome.HIT]
    return Run(
        setting.localisation,
        setting.classification,
        setting.seed,
        history.train,
        history.test,
        sum(history.seconds),
        voc.ap()[0].tolist(),
        figures["AP"],
        figures["AP75"],
        mean(hits) if hits else float("nan"),
    )


@cache
def _scenes(plan: Plan, part: str) -> tuple[Scenes, list[str]]:
    if plan.data:
        found, notes = folder_scenes(Path(plan.data), part, plan.side)
        return found, [note.summary for note in notes]
    count, seed = (plan.training, 1) if part == "train" else (plan.test, 2)
    return scenes(count, seed, plan.side), []


@cache
def _batches(plan: Plan, part: str) -> Batches:
    return Batches(_scenes(plan, part)[0], device())


def _check_plan(plan: Plan, folder: Path, going_on: bool) -> None:
    path = folder / "plan.json"
    text = json.dumps(asdict(plan), indent=2)
    if going_on and not path.exists():
        raise BackproveError(f"{folder} holds no study to go on with")
    if going_on and path.read_text(encoding="utf-8") != text:
        raise BackproveError(f"{folder} holds a study of another plan; see {path}")
    path.write_text(text, encoding="utf-8")


def _write(path: Path, data: Any) -> None:
    """What `backprove detect` can look at more closely."""
    path.write_text(json.dumps(data), encoding="utf-8")


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "−")


def _plain(data: Any) -> Any:
    """NaN is null in JSON."""
    if isinstance(data, float):
        return data if np.isfinite(data) else None
    if isinstance(data, dict):
        return {str(key): _plain(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_plain(value) for value in data]
    return data
