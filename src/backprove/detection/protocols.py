"""The protocols by which detectors are compared, as data.

- VOC 2007: Everingham et al. 2010, "The PASCAL visual object classes challenge", sections 3.3 and
  4.2, and its development kit. Recalls are compared exactly: 3 of 10 reach 0.3, which a
  comparison in floating point with 3 · 0.1 denies.
- VOC 2010 and later: the area under the interpolated curve.
- COCO: Lin et al. 2014 and the evaluation code published with it, whose floating-point recalls
  are kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import inf

import numpy as np

from backprove.detection.boxes import Floats, Ints

#: the name of the range of areas that has all boxes
ALL = "all"


@dataclass(frozen=True, slots=True)
class Protocol:
    """What makes a detection a hit, and how hits make an average precision.

    `second_choice`: a detection whose best box is taken may take the next best (COCO), instead of
    being a duplicate (VOC). `last_of_equals`: of boxes that it meets equally well it takes the
    last, not the first. `crowd_regions`: a region of many is met by the share of the detection
    that lies in it. `ties_by_image`: of equal
    scores the earlier image ranks first, else the earlier line of the file. `recalls` None: all.
    """

    name: str
    title: str
    thresholds: tuple[float, ...]
    recalls: tuple[Fraction, ...] | tuple[float, ...] | None
    areas: dict[str, tuple[float, float]]
    limits: tuple[int, ...] | None
    second_choice: bool
    last_of_equals: bool
    crowd_regions: bool
    ties_by_image: bool

    def needed(self, positives: Ints) -> Ints:
        """The hits that reach each recall when there are so many to find: (classes, recalls)."""
        if self.recalls is None:
            raise ValueError("all recalls count")
        if all(isinstance(r, Fraction) for r in self.recalls):
            exact = [Fraction(r) for r in self.recalls]
            shares = [-(-positives * r.numerator // r.denominator) for r in exact]
            return np.stack(shares, axis=-1).astype(np.int64)
        recalls = np.array(self.recalls, dtype=np.float64)
        most = np.maximum(positives, 1)[:, None].astype(np.float64)
        guess = np.ceil(recalls * most)
        # the least k with k / positives ≥ recall, as floating point has it
        guess = np.where((guess - 1) / most >= recalls, guess - 1, guess)
        guess = np.where(guess / most < recalls, guess + 1, guess)
        return guess.astype(np.int64)

    @property
    def reach(self) -> Floats:
        """The least IoU of a hit at each threshold; an IoU of 1 always is one."""
        return np.minimum(np.array(self.thresholds, dtype=np.float64), 1 - 1e-10)


def _voc(name: str, title: str, recalls: tuple[Fraction, ...] | None) -> Protocol:
    return Protocol(
        name,
        title,
        thresholds=(0.5,),
        recalls=recalls,
        areas={ALL: (-inf, inf)},
        limits=None,
        second_choice=False,
        last_of_equals=False,
        crowd_regions=False,
        ties_by_image=False,
    )


VOC07 = _voc(
    "voc07", "PASCAL VOC 2007: 11 recalls, IoU 0.5", tuple(Fraction(i, 10) for i in range(11))
)
VOC10 = _voc("voc10", "PASCAL VOC 2010 and later: all recalls, IoU 0.5", None)
COCO = Protocol(
    "coco",
    "COCO: 101 recalls, IoU 0.50 to 0.95",
    thresholds=tuple(float(t) for t in np.linspace(0.5, 0.95, 10)),
    recalls=tuple(float(r) for r in np.linspace(0.0, 1.0, 101)),
    areas={
        ALL: (0.0, 1e10),
        "small": (0.0, 32.0**2),
        "medium": (32.0**2, 96.0**2),
        "large": (96.0**2, 1e10),
    },
    limits=(1, 10, 100),
    second_choice=True,
    last_of_equals=True,
    crowd_regions=True,
    ties_by_image=True,
)
PROTOCOLS = {p.name: p for p in (VOC07, VOC10, COCO)}
