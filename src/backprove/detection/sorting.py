"""Sorting by whole numbers in time that grows as their count does."""

from __future__ import annotations

import numpy as np

from backprove.detection.boxes import Ints


def by_number(keys: Ints) -> Ints:
    """The numbers of the keys, whole numbers from 0, in stably sorted order.

    By digits of 16 bits, the lowest first: those NumPy sorts by counting.
    """
    order = np.argsort((keys & 0xFFFF).astype(np.uint16), kind="stable")
    most = int(keys.max()) if len(keys) else 0
    for shift in range(16, most.bit_length(), 16):
        digit = ((keys >> shift) & 0xFFFF).astype(np.uint16)
        order = order[np.argsort(digit[order], kind="stable")]
    return order
