"""Sorting by whole numbers in time that grows as their count does."""

from __future__ import annotations

import numpy as np

from backprove.detection.boxes import Ints


def by_number(order: Ints, keys: Ints) -> Ints:
    """`order`, numbers into `keys`, stably sorted by their keys, whole numbers from 0.

    By digits of 16 bits, the lowest first: those NumPy sorts by counting.
    """
    most = int(keys.max()) if len(keys) else 0
    for shift in range(0, max(most.bit_length(), 1), 16):
        digit = ((keys >> shift) & 0xFFFF).astype(np.uint16)
        order = order[np.argsort(digit[order], kind="stable")]
    return order
