"""`backprove.watch(model)`: what a training run does, step by step, at little cost.

Only every so many steps does the watcher hang hooks into the module; at all other steps nothing
of it is there but a counter and a look at whether the loss is finite. It reads, draws no random
numbers and changes nothing, so losses are the same bits with it and without.
"""

# PyTorch is not installed where types are checked, and types itself in part only
# pyright: basic, reportMissingImports=false

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from backprove.errors import BackproveError
from backprove.training.watching.judging import Judge
from backprove.training.watching.records import Finding, Layer, Record, Times, Weights, Writer

#: a step in so many is looked at
EVERY = 100
#: layers are run again, step by step, where that takes no more than this share of the time
SHARE = 0.025
#: on a device that must be waited for, the loss is looked at once in so many steps
WAIT = 10


class TrainingWarning(UserWarning):
    """Something is wrong with a run; said once for each kind and place."""


def watch(
    model: Any,
    *,
    every: int = EVERY,
    file: str | Path | None = None,
    classes: int | None = None,
    expected: float | None = None,
    told: Callable[[Finding], None] | None = None,
) -> Watcher:
    """Watch a PyTorch module while it is trained; call the watcher's `step(loss)` after each step.

        watcher = watch(model, classes=10, file="run.jsonl")
        for x, y in batches:
            optimizer.zero_grad()
            loss = cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            watcher.step(loss)

    The first step is looked at, and one in `every`. Records and findings are written to `file` as
    JSON lines. Recurrent layers are run again, step by step, for the gradient through time; where
    that would take more than 2.5 % of the time, at fewer of these steps. `expected` is the loss of
    an even guess, ln(classes) where `classes` are named. `told` is called with every finding;
    without it they are given as warnings. Raises `BackproveError` where the module is none, or a
    number makes no sense.
    """
    return Watcher(model, every=every, file=file, classes=classes, expected=expected, told=told)


class Watcher:
    """See `watch`. `records` are those of this session, `findings` what was found so far."""

    def __init__(
        self,
        model: Any,
        *,
        every: int = EVERY,
        file: str | Path | None = None,
        classes: int | None = None,
        expected: float | None = None,
        told: Callable[[Finding], None] | None = None,
    ) -> None:
        if not hasattr(model, "named_modules"):
            raise BackproveError(f"a torch.nn.Module can be watched, not {type(model).__name__}")
        if every < 1:
            raise BackproveError(f"every must be at least 1, not {every}")
        if classes is not None and classes < 2:
            raise BackproveError(f"there are at least two classes, not {classes}")
        self.model = model
        self.every = every
        self.expected = math.log(classes) if expected is None and classes else expected
        self.records: list[Record] = []
        self.findings: list[Finding] = []
        self.steps = 0
        self._told = told
        self._judge = Judge()
        self._write = Writer(None if file is None else Path(file))
        self._probe: Any = None
        self._before: dict[str, Any] = {}
        self._broken = False
        # whether losses are had without waiting for a device
        self._near = True
        # when layers were last run again, and how long that took
        self._again = (-math.inf, 0.0)
        self._arm()

    def __enter__(self) -> Watcher:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Take all hooks away and close the file; the watcher can be asked, and watches no more."""
        if self._probe is not None:
            self._probe.detach()
            self._probe = None
        self._before = {}
        self._write.close()
        self.every = 0

    def step(self, loss: Any = None) -> Record | None:
        """Say that a training step is done, with its loss (a tensor or a number).

        To be called after the optimizer's step. Returns the record of a step that was looked at.
        """
        if not self.every:
            return None
        self.steps += 1
        record = None
        if self._probe is not None:
            record = self._read(loss)
        elif loss is not None and (self._near or not self.steps % WAIT):
            value = _number(loss)
            if not self._broken and not math.isfinite(value):
                self._locate(value)
        if not self.steps % self.every and not self._broken:
            self._arm()
        return record

    # --- one step in many -----------------------------------------------------------------------

    def _arm(self) -> None:
        """Make ready to look at the next step."""
        from backprove.training.watching.probes import Probe, sampled

        self._probe = Probe()
        self._probe.attach(self.model)
        self._before = {
            name: sampled(p) for name, p in self.model.named_parameters() if p.requires_grad
        }

    def _read(self, loss: Any) -> Record:
        from backprove.training.watching.reading import read

        probe, self._probe = self._probe, None
        probe.detach()
        value = None if loss is None else _number(loss)
        device = getattr(loss, "device", None)
        self._near = device is None or device.type == "cpu"
        last, took = self._again
        began = time.perf_counter()
        through = took <= SHARE * (began - last)
        record, finding = read(
            self.model, probe, self._before, self.steps, value, self.expected, through
        )
        if through:
            ended = time.perf_counter()
            self._again = ended, ended - began
        self._before = {}
        self.records.append(record)
        self._write(record)
        if finding is not None:
            self._broken = True
            self._tell(finding)
        else:
            for found in self._judge.findings(record):
                self._tell(found)
        return record

    # --- what is not finite -----------------------------------------------------------------------

    def _locate(self, value: float) -> None:
        """The loss is not finite at a step that was not looked at: what is broken now?"""
        from backprove.training.watching.reading import broken_weights

        self._broken = True
        place = broken_weights(self.model)
        where = (
            f"{place} is the first parameter that is not finite either: an update put it there"
            if place
            else "all parameters are finite: it arose in the forward pass, for this batch"
        )
        self._tell(
            Finding(
                self.steps,
                "not-finite",
                place,
                f"the loss is {value} at step {self.steps}; {where}",
            )
        )

    def _tell(self, finding: Finding) -> None:
        if finding.kind == "not-finite" and not self._judge.new(finding):
            return
        self.findings.append(finding)
        self._write(finding)
        if self._told is not None:
            self._told(finding)
        else:
            warnings.warn(f"step {finding.step}: {finding.words}", TrainingWarning, stacklevel=4)


def _number(loss: Any) -> float:
    return loss.item() if hasattr(loss, "item") else float(loss)


__all__ = ["Layer", "Record", "Times", "TrainingWarning", "Watcher", "Weights", "watch"]
