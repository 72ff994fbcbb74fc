"""`NaN` that fills a cell, told from `NaN` that was measured."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from backprove.training.diagnosis.reading.blocks import Column, Flags


class Fills:
    """Which `NaN` of a log only fill a table's holes.

    Tools that keep training and validation figures in one table write NaN (pandas does) where a row
    has no figure. So a NaN is a filling where the column has had numbers again after a NaN as often
    as that happens in tables with mixed rows: where fewer than half of the rows have a number, or
    where two columns have their numbers in different rows throughout.
    """

    def __init__(self) -> None:
        self._finite: dict[str, int] = {}
        self._rows = 0
        self._filled: dict[str, bool] = {}

    def take(self, columns: Mapping[str, Column]) -> dict[str, Flags]:
        """For each column, the rows whose NaN is a filling."""
        found: dict[str, Flags] = {}
        nan = {name: c.given & np.isnan(c.values) for name, c in columns.items()}
        finite = {name: c.given & np.isfinite(c.values) for name, c in columns.items()}
        for name in columns:
            if not nan[name].any():
                found[name] = nan[name]
                continue
            # rows whose own columns lie elsewhere: numbers stand where this one has NaN, never beside it
            apart = np.zeros_like(nan[name])
            for other in columns:
                both = finite[name] & finite[other]
                if other != name and finite[other].any() and not both.any() and finite[name].any():
                    apart |= finite[other]
            holes = nan[name] & apart
            rest = nan[name] & ~apart
            if rest.any() and apart.any():
                # rows of neither: a hole, too, where numbers of this column follow
                last = np.flatnonzero(finite[name])
                rest &= np.arange(len(rest)) < (last[-1] if len(last) else -1)
                mixed = finite[name].sum() < 0.5 * (len(rest))
                holes |= rest if mixed else np.zeros_like(rest)
            elif rest.any() and self._gappy(finite[name], nan[name]):
                holes |= rest & (np.arange(len(rest)) < np.flatnonzero(finite[name])[-1])
            found[name] = holes
        return found

    @staticmethod
    def _gappy(finite: Flags, nan: Flags) -> bool:
        """Whether numbers and NaN take turns, as in rows that were merged."""
        known = finite | nan
        turns = int((np.diff(finite[known].astype(int)) != 0).sum())
        return bool(finite.any()) and turns > 0.2 * known.sum() and turns >= 4
