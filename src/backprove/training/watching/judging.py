"""What a record says is wrong: the rules by which a watcher warns, each with its reason."""

from __future__ import annotations

import math
from collections.abc import Iterator
from statistics import median

from backprove.training.watching.records import Finding, Record

#: the loss may start so far from that of an even guess before it is remarked
FAR = 0.5
#: gradients so much smaller at the first layers than at the last, or over time, have vanished
VANISHED = 1e-5
#: a gradient so many times the median of those before it has exploded
EXPLODED = 100.0
#: shares of a layer's units that are worth a warning
MANY = 0.9
#: updates of a parameter as shares of it: steps that are too large, and too small to matter
LARGE, SMALL = 0.1, 1e-7
#: norms that are remembered to tell an explosion from what is usual, and how many are needed
KEPT, NEEDED = 50, 5


class Judge:
    """Findings of one record after the other; what was said of a place is not said again."""

    def __init__(self) -> None:
        self._said: set[tuple[str, str]] = set()
        self._norms: list[float] = []
        self._looked = 0

    def findings(self, record: Record) -> Iterator[Finding]:
        """What is wrong at this step and has not been said."""
        self._looked += 1
        rules = (
            self._start,
            self._unreached,
            self._exploding,
            self._vanishing,
            self._through_time,
            self._units,
            self._updates,
        )
        for rule in rules:
            for finding in rule(record):
                if self.new(finding):
                    yield finding

    def new(self, finding: Finding) -> bool:
        """Whether this kind of finding has not been told of this place."""
        key = finding.kind, finding.place
        if key in self._said:
            return False
        self._said.add(key)
        return True

    def _start(self, record: Record) -> Iterator[Finding]:
        if self._looked > 1 or record.expected is None or record.loss is None:
            return
        if abs(record.loss - record.expected) > FAR and math.isfinite(record.loss):
            above = record.loss > record.expected
            cause = (
                "the output's weights are too large, or the labels are not what the loss takes"
                if above
                else "the model has learnt before, the classes are uneven, or it sees its targets"
            )
            yield Finding(
                record.step,
                "initial-loss",
                "",
                f"the loss starts at {record.loss:.3g}, {'above' if above else 'below'} "
                f"{record.expected:.3g} of an even guess: {cause}",
            )

    def _unreached(self, record: Record) -> Iterator[Finding]:
        if record.gradient is None:
            return
        for name, weights in record.parameters.items():
            if weights.gradient is None or weights.gradient == 0:
                how = (
                    "is not reached by the gradient"
                    if weights.gradient is None
                    else "has gradient 0"
                )
                yield Finding(record.step, "no-gradient", name, f"{name} {how}, and is not learnt")

    def _exploding(self, record: Record) -> Iterator[Finding]:
        norm = record.gradient
        if norm is None or not math.isfinite(norm):
            return
        if len(self._norms) >= NEEDED and norm > EXPLODED * median(self._norms) > 0:
            usual = median(self._norms)
            yield Finding(
                record.step,
                "exploding",
                "",
                f"the gradient's norm is {norm:.3g}, usually {usual:.3g}: it explodes; clip it at about "
                f"{2 * usual:.2g}, or lower the learning rate",
            )
        self._norms = [*self._norms[-KEPT + 1 :], norm]

    def _vanishing(self, record: Record) -> Iterator[Finding]:
        sizes = [(n, layer.gradient) for n, layer in record.layers.items() if layer.gradient]
        if len(sizes) < 4:
            return
        (first, low), (last, high) = sizes[0], sizes[-1]
        assert low is not None
        assert high is not None
        if low < VANISHED * high:
            yield Finding(
                record.step,
                "vanishing",
                first,
                f"the gradient at {first} is {low / high:.1g} of that at {last}: it vanishes on the way",
            )

    def _through_time(self, record: Record) -> Iterator[Finding]:
        for name, times in record.times.items():
            found = times.gradient
            if found is None or len(found) < 8 or not all(map(math.isfinite, found)):
                continue
            late = max(found)
            if late > 0 and found[0] < VANISHED * late:
                reach = next(i for i, g in enumerate(found) if g >= VANISHED * late)
                yield Finding(
                    record.step,
                    "vanishing-in-time",
                    name,
                    f"of the loss's gradient by {name}'s states less than {VANISHED:.0e} is left before "
                    f"step {reach + 1} of {len(found)}: nothing that early is learnt from",
                )
            elif found[-1] > 0 and found[0] > found[-1] / VANISHED:
                yield Finding(
                    record.step,
                    "exploding-in-time",
                    name,
                    f"the gradient by {name}'s first state is {found[0] / found[-1]:.1g} times that by its "
                    "last: it explodes on the way back",
                )

    def _units(self, record: Record) -> Iterator[Finding]:
        for name, layer in record.layers.items():
            if layer.dead is not None and layer.dead >= MANY:
                yield Finding(
                    record.step,
                    "dead",
                    name,
                    f"{100 * layer.dead:.0f} % of the units of {name} ({layer.kind}) are zero for the whole "
                    "batch: their weights are no longer learnt",
                )
            if layer.saturated is not None and layer.saturated >= MANY:
                yield Finding(
                    record.step,
                    "saturated",
                    name,
                    f"{100 * layer.saturated:.0f} % of the units of {name} ({layer.kind}) are saturated: hardly any "
                    "gradient passes",
                )

    def _updates(self, record: Record) -> Iterator[Finding]:
        if self._looked == 1:
            # the first steps of a warmed-up or adaptive optimizer say little
            return
        for name, weights in record.parameters.items():
            if weights.ratio is None or not weights.norm or not weights.gradient:
                continue
            # biases start at 0, and change by many times that
            if weights.axes > 1 and LARGE < weights.ratio < math.inf:
                yield Finding(
                    record.step,
                    "large-update",
                    name,
                    f"a step changes {name} by {100 * weights.ratio:.0f} % of its norm: the learning rate is "
                    "too high for it",
                )
            elif weights.ratio < SMALL:
                yield Finding(
                    record.step,
                    "no-update",
                    name,
                    f"a step changes {name} by {weights.ratio:.1g} of its norm, though it has a gradient: it "
                    "is not given to the optimizer, or the learning rate is near 0",
                )
