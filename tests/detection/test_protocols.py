"""The recalls at which precision is read off, and how many hits reach each."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from backprove.detection.protocols import COCO, PROTOCOLS, VOC07, VOC10


def test_coco_compares_recalls_as_floating_point_has_them() -> None:
    """As pycocotools finds them: the first place at which found / positives is not below."""
    recalls = np.array(COCO.recalls)
    for positives in [*range(1, 200), 980, 1000, 12345]:
        reached = np.arange(positives + 1) / positives
        wanted = np.searchsorted(reached, recalls, side="left")
        assert COCO.needed(np.array([positives]))[0].tolist() == wanted.tolist(), positives


def test_voc_compares_recalls_exactly() -> None:
    for positives in range(1, 60):
        wanted = [
            next(k for k in range(positives + 1) if Fraction(k, positives) >= Fraction(t, 10))
            for t in range(11)
        ]
        assert VOC07.needed(np.array([positives]))[0].tolist() == wanted


def test_of_all_recalls_none_is_asked_for() -> None:
    with pytest.raises(ValueError, match="all recalls"):
        VOC10.needed(np.array([3]))


def test_the_protocols_by_name() -> None:
    assert list(PROTOCOLS) == ["voc07", "voc10", "coco"]
    assert np.allclose(COCO.thresholds, np.arange(0.5, 1, 0.05))
    assert len(COCO.recalls or ()) == 101
    assert len(VOC07.recalls or ()) == 11
