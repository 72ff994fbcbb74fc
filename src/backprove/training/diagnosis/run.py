"""A run: its curves on one axis, and what is known about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from backprove.training.diagnosis.columns import MANY, Named, Role, role_of
from backprove.training.diagnosis.errors import LogError
from backprove.training.diagnosis.fills import Fills
from backprove.training.diagnosis.reading import sources
from backprove.training.diagnosis.reading.blocks import Block, Floats
from backprove.training.diagnosis.series import Collector, Series, superseded

#: backward steps in a log beyond which it is unordered rather than resumed
_RESUMES = 20


@dataclass(frozen=True, slots=True)
class Facts:
    """What a person may know about a run; None is unknown."""

    classes: int | None = None
    majority: float | None = None
    steps_per_epoch: float | None = None


@dataclass(slots=True)
class Run:
    """The curves of a run. `axis` is `step`, `epoch` or `row`: what all `x` count."""

    source: str
    format: str
    axis: str
    rows: int
    series: dict[Role, Series]
    #: by role and layer, in the order of the log
    layers: dict[Role, dict[str, Series]]
    facts: Facts
    #: steps in an epoch, where the axis is steps and that is known
    period: float | None
    #: which column was taken for what
    columns: dict[str, str]
    #: what was assumed, and what was odd about the log
    notes: list[str] = field(default_factory=list[str])

    def get(self, role: Role) -> Series | None:
        return self.series.get(role)


def load(path: Path, given: dict[str, Role], facts: Facts) -> Run:
    """Read a run's log in bounded memory.

    `given` are columns whose role the user says.

    Raises:
        LogError: if there is no log, its format is unknown, or it has no curve of training.
    """
    kind, files = sources.find(path)
    notes: list[str] = []
    reading = _Reading(given)
    try:
        for block in sources.read(kind, files, path, notes):
            reading.take(block)
    except UnicodeDecodeError as error:
        raise LogError(f"{path} is not text in UTF-8: {error.reason}") from None
    return reading.run(path, kind, facts, notes)


class _Reading:
    """Columns' roles and summaries while blocks come in."""

    def __init__(self, given: dict[str, Role]) -> None:
        self.given = given
        self.known: dict[str, Named | None] = {}
        self.collected: dict[str, Collector] = {}
        self.fills = Fills()
        self.rows = 0
        self.pairs: list[Floats] = []

    def take(self, block: Block) -> None:
        row = np.arange(self.rows, self.rows + block.rows, dtype=float)
        self.rows += block.rows
        for name in block.columns:
            if name not in self.known:
                self.known[name] = (
                    Named(name, self.given[name], name) if name in self.given else role_of(name)
                )
        step, epoch = self._axis(block, Role.STEP), self._axis(block, Role.EPOCH)
        both = np.isfinite(step) & np.isfinite(epoch)
        if both.any():
            pairs = np.stack([step[both], epoch[both]], 1)
            _, first = np.unique(pairs[:, 1], return_index=True)
            keep = (
                first
                if len(first) < 0.2 * len(pairs)
                else np.arange(0, len(pairs), 1 + len(pairs) // 512)
            )
            self.pairs.append(pairs[np.append(keep, len(pairs) - 1)])
        told = {n: c for n, c in block.columns.items() if self._metric(n)}
        filled = self.fills.take(told)
        for name, column in told.items():
            rows = column.given & ~filled[name]
            if rows.any():
                collector = self.collected.setdefault(name, Collector(name))
                collector.add(row[rows], step[rows], epoch[rows], column.values[rows])

    def _metric(self, name: str) -> bool:
        named = self.known[name]
        return named is not None and named.role not in (Role.STEP, Role.EPOCH)

    def _axis(self, block: Block, role: Role) -> Floats:
        found = [n for k in block.columns if (n := self.known[k]) is not None and n.role is role]
        found.sort(key=lambda n: (n.name not in self.given, n.weight))
        value = np.full(block.rows, np.nan)
        for named in found[:3]:
            column = block.columns[named.name]
            free = ~np.isfinite(value) & column.given & np.isfinite(column.values)
            value[free] = column.values[free]
        return value

    def run(self, path: Path, kind: str, facts: Facts, notes: list[str]) -> Run:
        unknown = [name for name in self.given if name not in self.known]
        if unknown:
            there = ", ".join(list(self.known)[:12]) or "none"
            raise LogError(
                f"{path}: there is no column {unknown[0]!r} as --columns says; the log has {there}"
            )
        chosen, layers = self._chosen()
        if not chosen.keys() & {
            Role.TRAIN_LOSS,
            Role.VAL_LOSS,
            Role.TRAIN_ACC,
            Role.VAL_ACC,
            Role.GRAD_NORM,
        }:
            there = ", ".join(list(self.known)[:12]) or "none with numbers"
            raise LogError(f"{path}: no column is known as a loss or an accuracy (columns: {there}); "
                           "--columns train_loss=NAME,val_loss=NAME says which is")  # fmt: skip
        axis = _Axis(
            self, list(chosen.values()) + [n for group in layers.values() for n in group.values()]
        )
        notes += axis.notes
        series = {role: axis.place(self.collected[name]) for role, name in chosen.items()}
        placed = {
            role: {layer: axis.place(self.collected[name]) for layer, name in group.items()}
            for role, group in layers.items()
        }
        for role in (Role.TRAIN_ACC, Role.VAL_ACC, Role.VAL_BALANCED):
            found = series.get(role)
            if found is not None and len(found) and np.nanmax(np.append(found.high, 0)) > 1.5:
                if np.nanmax(found.high) <= 100.5:
                    series[role] = _percent(found)
                    notes.append(
                        f"{found.name} reaches {np.nanmax(found.high):.4g}: taken as percent"
                    )
                else:
                    del series[role]
                    notes.append(
                        f"{found.name} is no accuracy: it reaches {np.nanmax(found.high):.4g}"
                    )
        for found in series.values():
            if found.broken:
                notes.append(
                    f"{found.name} has {found.broken} value{'s' if found.broken > 1 else ''} that "
                    f"{'are no numbers' if found.broken > 1 else 'is no number'} (NaN or inf), the first at "
                    f"{axis.kind} {found.broken_at:g}"
                )
        columns = {role.value: name for role, name in chosen.items()}
        columns |= {
            f"{role.value} {layer}": n for role, g in layers.items() for layer, n in g.items()
        }
        period = facts.steps_per_epoch or axis.period
        return Run(
            str(path), kind, axis.kind, self.rows, series, placed, facts, period, columns, notes
        )

    def _chosen(self) -> tuple[dict[Role, str], dict[Role, dict[str, str]]]:
        """The column for each role: as given, else the one with most points, else the plainest name."""
        chosen: dict[Role, str] = {}
        layers: dict[Role, dict[str, str]] = {}
        for name in self.collected:
            named = self.known[name]
            assert named is not None
            if named.role in MANY:
                continue
            other = chosen.get(named.role)
            if other is None or self._rank(name) < self._rank(other):
                chosen[named.role] = name
        for name, named in self.known.items():
            if named is not None and named.role in MANY:
                # a column that is always empty counts: a layer without a gradient has no norm to log
                self.collected.setdefault(name, Collector(name))
                group = layers.setdefault(named.role, {})
                group[named.layer if named.layer not in group else name] = name
        return chosen, layers

    def _rank(self, name: str) -> tuple[bool, float, float]:
        named = self.known[name]
        table = self.collected[name].table()
        points = float(table[:, 6:].sum())
        assert named is not None
        # the step column of a metric before its epoch column, a whole loss before its parts
        return (
            name not in self.given,
            named.weight - (1.0 if "step" in name.lower() else 0.0),
            -points,
        )


class _Axis:
    """The axis that all curves of a run are put on."""

    def __init__(self, reading: _Reading, names: Iterable[str]) -> None:
        self.notes: list[str] = []
        self.period: float | None = None
        names = list(names)
        tables = [reading.collected[name].table() for name in names]
        steps = any(np.isfinite(t[:, 1]).any() for t in tables)
        epochs = any(np.isfinite(t[:, 2]).any() for t in tables)
        self.kind = "step" if steps else "epoch" if epochs else "row"
        mine = [reading.collected[name] for name in names]
        if any(_unordered(c) and c.stride > 1 for c in mine):
            raise LogError("the steps are in no order, and the log is too long to be put in order in memory; "
                           "sort it by its step column first")  # fmt: skip
        if any(_unordered(c) for c in mine):
            self.notes.append("the steps are in no order; the log was sorted by them")
        elif any(c.backwards for c in mine):
            self.notes.append(
                "the steps go back, as in a resumed run: what was written again counts as written last"
            )
        self._pairs(reading)

    def _pairs(self, reading: _Reading) -> None:
        self.map: tuple[Floats, Floats] | None = None
        if self.kind != "step":
            return
        if not reading.pairs:
            return
        pairs = np.concatenate(reading.pairs)
        pairs = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
        span = pairs[-1] - pairs[0]
        if span[1] <= 0 or span[0] <= 0:
            return
        per = span[0] / span[1]
        if (pairs[:, 1] == np.round(pairs[:, 1])).all():
            # whole epochs: the steps at which the number changes tell the length
            change = np.flatnonzero(np.diff(pairs[:, 1]) > 0) + 1
            if len(change) > 2:
                ends = pairs[change[[0, -1]]]
                per = (ends[1, 0] - ends[0, 0]) / (ends[1, 1] - ends[0, 1])
        if per >= 2:
            self.period = float(per)
        epoch, first = np.unique(pairs[:, 1], return_index=True)
        last = np.append(first[1:] - 1, len(pairs) - 1)
        self.map = epoch, np.maximum.accumulate(pairs[last, 0])

    def place(self, collector: Collector) -> Series:
        """A column's bins on the axis, in order."""
        table = collector.table()
        x = self._x(table)
        unordered = _unordered(collector)
        if unordered:
            # of points at one place the one that was written last
            _, last = np.unique(x[::-1], return_index=True)
            keep = len(x) - 1 - last
        elif collector.backwards:
            keep = np.flatnonzero(~superseded(x))
        else:
            keep = np.arange(len(x))
        bins, x = table[keep], x[keep]
        broken = bins[:, 7] > 0
        head, tail = collector.head(), collector.tail()
        if unordered:
            head = head[np.argsort(self._x(head), kind="stable")]
            tail = tail[np.argsort(self._x(tail), kind="stable")]
        return Series(
            name=collector.name,
            x=x,
            epoch=bins[:, 2],
            y=bins[:, 3],
            low=bins[:, 4],
            high=bins[:, 5],
            count=bins[:, 6] + bins[:, 7],
            head=np.stack([self._x(head), head[:, 3]], 1),
            tail=np.stack([self._x(tail), tail[:, 3]], 1),
            broken_at=float(x[broken][0]) if broken.any() else None,
            broken=int(bins[:, 7].sum()),
            ends_broken=bool(len(bins) and broken[-1]),
        )

    def _x(self, table: Floats) -> Floats:
        if self.kind == "row":
            return table[:, 0].copy()
        if self.kind == "epoch":
            return _spread(table[:, 2], table[:, 0])
        x = table[:, 1].copy()
        missing = ~np.isfinite(x)
        if missing.any() and self.map is not None:
            x[missing] = np.interp(table[missing, 2], *self.map)
            missing = ~np.isfinite(x)
        if missing.any():
            known = np.flatnonzero(~missing)
            x = np.interp(table[:, 0], table[known, 0], x[known]) if len(known) else table[:, 0]
        return _spread(x, table[:, 0])


def _unordered(collector: Collector) -> bool:
    """Whether a column's places go back more often than those of a run that was resumed."""
    points = len(collector.table())
    return collector.backwards > min(_RESUMES, 1 + points // 20)


def _spread(x: Floats, row: Floats) -> Floats:
    """Points that share a place, as rows that name their epoch only do, side by side in order."""
    if len(x) < 2:
        return np.where(np.isfinite(x), x, row)
    if not np.isfinite(x).all():
        known = np.isfinite(x)
        x = np.interp(row, row[known], x[known]) if known.any() else row
    change = np.flatnonzero(np.diff(x) != 0) + 1
    starts = np.concatenate([[0], change])
    sizes = np.diff(np.append(starts, len(x)))
    if sizes.mean() < 1.5 or (np.diff(x) < 0).any():
        return x
    within = np.arange(len(x)) - np.repeat(starts, sizes)
    gap = np.diff(x[starts]).min() if len(starts) > 1 else 1.0
    return x + gap * within / np.repeat(sizes, sizes)


def _percent(series: Series) -> Series:
    """The curve of percents as shares."""
    head, tail = series.head.copy(), series.tail.copy()
    head[:, 1] /= 100
    tail[:, 1] /= 100
    y, low, high = series.y / 100, series.low / 100, series.high / 100
    return replace(series, y=y, low=low, high=high, head=head, tail=tail)
