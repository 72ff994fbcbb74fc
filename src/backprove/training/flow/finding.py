"""What is found about the flow of gradients, as plain data, and what it means in words."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

#: a derivative that has shrunk or grown so much is gone, or has exploded
GONE, EXPLODED = 1e-2, 1e2


@dataclass(frozen=True, slots=True)
class Start:
    """The loss at the start, for one target: measured, and what is expected of an even guess.

    `expected` is ln C and `accuracy` 1/C for C classes; None where the targets are no classes.
    """

    loss: float
    least: float
    greatest: float
    targets: int
    classes: int | None = None

    @property
    def expected(self) -> float | None:
        return None if self.classes is None else math.log(self.classes)

    @property
    def accuracy(self) -> float | None:
        return None if self.classes is None else 1 / self.classes


@dataclass(frozen=True, slots=True)
class State:
    """How the derivative of a late state by an earlier one changes with their distance.

    `norms` are spectral norms at the distances 0, 1, … (the median of the draws), `least` and
    `greatest` over the draws; `unit` is what a distance counts, steps or layers. `singular` are
    the singular values at the greatest distance, `exponents` the Lyapunov exponents, per step,
    largest first, the means over the draws (none where a state looks back more than a step).
    A `part` is one of several families that are carried together.
    """

    name: str
    size: int
    norms: Sequence[float]
    least: Sequence[float]
    greatest: Sequence[float]
    singular: Sequence[float] = ()
    exponents: Sequence[float] = ()
    unit: str = "steps"
    part: bool = False

    @property
    def distance(self) -> int:
        """The greatest distance that was looked at."""
        return len(self.norms) - 1

    @property
    def factor(self) -> float:
        """What a step multiplies the norm by: exp of the slope of its logarithm (least squares).

        NaN where the norm is zero or not finite somewhere, or only one distance is known.
        """
        logs = [math.log(n) for n in self.norms[1:] if 0 < n < math.inf]
        if len(logs) < max(2, len(self.norms) - 1):
            return math.nan
        middle = (len(logs) - 1) / 2
        spread = sum((i - middle) ** 2 for i in range(len(logs)))
        return math.exp(sum((i - middle) * v for i, v in enumerate(logs)) / spread)

    @property
    def half_life(self) -> float:
        """Steps in which the norm halves; infinite where it does not shrink."""
        factor = self.factor
        if math.isnan(factor):
            return math.nan
        return math.log(2) / -math.log(factor) if factor < 1 else math.inf

    @property
    def verdict(self) -> str:
        """vanishes, explodes or survives, within the distances that were looked at."""
        for norm in self.norms:
            if not GONE <= norm <= EXPLODED:
                return "vanishes" if norm < GONE else "explodes"
        return "survives"

    @property
    def survived(self) -> int:
        """The greatest distance up to which the norm has stayed between `GONE` and `EXPLODED`."""
        for distance, norm in enumerate(self.norms):
            if not GONE <= norm <= EXPLODED:
                return distance - 1
        return self.distance


@dataclass(frozen=True, slots=True)
class Activation:
    """The units of one function in a place: shares of all units, draws and steps.

    `saturated` have less than `SATURATED` of the greatest slope; `dead` are zero throughout.
    """

    name: str
    function: str
    saturated: float
    dead: float


@dataclass(frozen=True, slots=True)
class Parameter:
    """The gradient of the loss by a parameter: its norm, the median of the draws.

    `reached` says whether it was other than zero in any draw.
    """

    name: str
    shape: tuple[int, ...]
    norm: float
    reached: bool


@dataclass(frozen=True, slots=True)
class Flow:
    """All that is found; `verdict` is a line, `advice` what would change it, `notes` what is unknown."""

    name: str
    setting: str
    start: Start | None
    states: Sequence[State]
    activations: Sequence[Activation]
    parameters: Sequence[Parameter]
    verdict: str
    advice: Sequence[str] = ()
    notes: Sequence[str] = ()
    sizes: dict[str, int] = field(default_factory=dict[str, int])

    def as_data(self) -> dict[str, Any]:
        """Plain data; numbers that are not finite are None."""
        data = asdict(self)
        for state, entry in zip(self.states, data["states"], strict=True):
            entry |= {
                "factor": state.factor,
                "half_life": state.half_life,
                "verdict": state.verdict,
                "survived": state.survived,
            }
        if self.start is not None:
            data["start"] |= {"expected": self.start.expected, "accuracy": self.start.accuracy}
        return _plain(data)

    def as_json(self) -> str:
        return json.dumps(self.as_data(), ensure_ascii=False, indent=2, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    return value
