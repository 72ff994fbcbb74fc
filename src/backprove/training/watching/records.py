"""What a watcher writes down: a record for a step that it looked at, and findings, as JSON lines."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO


@dataclass(slots=True)
class Layer:
    """A leaf module at a step, or a place where an activation function is called (its `kind`).

    Norms of arrays are root mean squares, so that sizes do not matter. `activation` and `gradient`
    are of a module's output and of the loss by it, `saturated` the share of units with less than
    5 % of the greatest slope (tanh, sigmoid and others that are flat at both ends), `dead` the
    share that is zero for the whole batch (ReLU and ReLU6; a channel is one unit).
    """

    kind: str
    activation: float | None = None
    gradient: float | None = None
    saturated: float | None = None
    dead: float | None = None


@dataclass(slots=True)
class Weights:
    """A parameter at a step: Euclidean norms of it and of its gradient (None: it got none).

    `axes` is how many it has, `ratio` the norm of the optimizer's update as a share of the parameter's own.
    """

    norm: float
    gradient: float | None = None
    ratio: float | None = None
    axes: int = 2


@dataclass(slots=True)
class Times:
    """A recurrent layer step by step: root mean squares of its state, and of the loss's gradient.

    `gradient` is the whole derivative by the state after each step, through all later ones.
    """

    activation: list[float]
    gradient: list[float] | None = None


@dataclass(slots=True)
class Record:
    """A step that was looked at. `gradient` is the norm of the whole gradient."""

    step: int
    loss: float | None
    expected: float | None = None
    gradient: float | None = None
    layers: dict[str, Layer] = field(default_factory=dict[str, Layer])
    parameters: dict[str, Weights] = field(default_factory=dict[str, Weights])
    times: dict[str, Times] = field(default_factory=dict[str, Times])


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong: what kind, since which step, where, and in words."""

    step: int
    kind: str
    place: str
    words: str


class Writer:
    """Writes JSON lines to a file as they come; without a file it keeps nothing."""

    def __init__(self, path: Path | None) -> None:
        self._file: TextIO | None = None
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("a", encoding="utf-8")

    def __call__(self, entry: Record | Finding) -> None:
        if self._file is not None:
            self._file.write(line(entry) + "\n")
            self._file.flush()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def __enter__(self) -> Writer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def line(entry: Record | Finding) -> str:
    """An entry as a line of JSON; numbers that are not finite are text such as "nan"."""
    kind = "finding" if isinstance(entry, Finding) else "step"
    data = {"type": kind, **asdict(entry)}
    return json.dumps(_told(data), ensure_ascii=False, allow_nan=False)


def _told(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, dict):
        return {str(k): _told(v) for k, v in value.items() if v is not None}
    if isinstance(value, list):
        return [_told(v) for v in value]
    return value


#: what is told of a finding as it is made
Told = Callable[[Finding], None]
