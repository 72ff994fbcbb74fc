"""Picking, placing and joining components of NumPy arrays in the layout of `arithmetic.py`.

All functions count axes from the right, so they do not care how many axes stand to the left of
P, and are linear in the entries, so they serve values and tangents alike.
"""

# NumPy's types say nothing about arrays of objects, and arrays here are of either kind.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownLambdaType=false

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

Place = Any  # a whole number from 1, an array of them over the open indices, or None


def open_axes(a: Any, rank: int, count: int) -> Any:
    """Axes of length 1 for `count` open indices, before the last `rank` axes."""
    lead = a.ndim - rank
    return a.reshape(a.shape[:lead] + (1,) * count + a.shape[lead:])


def widen(a: Any, sizes: Sequence[int], rank: int) -> Any:
    """The axes before the last `rank` ones repeated to these sizes where their length is 1."""
    last = a.ndim - rank
    wanted = a.shape[: last - len(sizes)] + tuple(sizes) + a.shape[last:]
    return a if a.shape == wanted else np.broadcast_to(a, wanted)


def select(a: Any, at: Sequence[Place], opened: int, nan: Any) -> Any:
    """The components of the last axes at the places; NaN where a place is outside."""
    rank = len(at)
    sizes = a.shape[a.ndim - rank :]
    if not any(isinstance(p, np.ndarray) for p in at):
        if any(p is not None and not 1 <= p <= n for p, n in zip(at, sizes, strict=True)):
            kept = tuple(n for p, n in zip(at, sizes, strict=True) if p is None)
            return np.full(a.shape[: a.ndim - rank] + kept, nan)
        return a[(..., *(slice(None) if p is None else p - 1 for p in at))]
    lead = a.ndim - rank
    picked = [k for k, p in enumerate(at) if p is not None]
    kept_axes = [k for k, p in enumerate(at) if p is None]
    a = a.transpose(*range(lead), *(lead + k for k in picked), *(lead + k for k in kept_axes))
    # an open index that the array depends on itself runs along with the places
    own: list[Any] = []
    for k in range(opened):
        length = a.shape[lead - opened + k]
        own.append(np.arange(length).reshape(-1, *(1,) * (opened - k - 1)))
    places: list[Any] = []
    inside: Any = True
    for k in picked:
        place = np.asarray(at[k])
        inside = inside & (place >= 1) & (place <= sizes[k])
        places.append(np.clip(place, 1, sizes[k]) - 1)
    found = a[(..., *own, *places, *(slice(None),) * len(kept_axes))]
    if np.all(inside):
        return found
    return np.where(inside.reshape(inside.shape + (1,) * len(kept_axes)), found, nan)


def scatter(a: Any, at: Sequence[Place], sizes: Sequence[int], zero: Any) -> Any:
    """`a` at the places of an array of these sizes, zero elsewhere; places outside are dropped."""
    rank = len(sizes)
    a = a[(..., *(slice(None) if p is None else None for p in at))]
    for k, p in enumerate(at):
        if p is None:
            continue
        place = np.asarray(p)
        here = np.arange(1, sizes[k] + 1).reshape(-1, *(1,) * (rank - k - 1))
        a = np.where(place.reshape(place.shape + (1,) * rank) == here, a, zero)
    return a


def choose(held: Any, unknown: Any, then: Any, otherwise: Any, rank: int, nan: Any) -> Any:
    """`then` where `held`, else `otherwise`; NaN where the condition is unknown."""
    tail = (1,) * rank
    result = np.where(held.reshape(held.shape + tail), then, otherwise)
    if unknown.any():
        result = np.where(unknown.reshape(unknown.shape + tail), nan, result)
    return result


def stack(parts: Sequence[Any], rank: int) -> Any:
    """Arrays of `rank` axes along a new first axis."""
    return np.stack(np.broadcast_arrays(*parts), axis=-rank - 1)


def concat(parts: Sequence[Any], rank: int) -> Any:
    """Arrays of `rank` axes joined along the first of these."""
    lead = np.broadcast_shapes(*(p.shape[: p.ndim - rank] for p in parts))
    wide = [np.broadcast_to(p, lead + p.shape[p.ndim - rank :]) for p in parts]
    return np.concatenate(wide, axis=-rank)


def whole_numbers(value: Any) -> Any:
    """Places from the value of a `Whole`: a place that is not whole is 0, which is nowhere."""
    if isinstance(value, np.ndarray):
        if value.dtype != object:
            return value
        return np.vectorize(lambda v: int(v) if v == int(v) else 0, otypes=[int])(value)
    return int(value) if value == int(value) else 0
