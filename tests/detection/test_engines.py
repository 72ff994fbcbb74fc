"""COCO's figures by another evaluator, where it is installed."""

from __future__ import annotations

import numpy as np
import pytest
from tests.detection.cases import case

from backprove.detection import engines
from backprove.detection.data import predictions, truth
from backprove.detection.engines import faster_coco_eval
from backprove.detection.evaluation import Evaluation
from backprove.detection.protocols import COCO
from backprove.errors import BackproveError


def test_its_figures_are_the_cores() -> None:
    pytest.importorskip("faster_coco_eval")
    for seed in range(40):
        given = case(seed)
        own = Evaluation(given.truth, given.predictions, COCO).summary()
        theirs = faster_coco_eval(given.truth, given.predictions, list(own))
        assert list(theirs) == list(own)
        np.testing.assert_allclose(list(theirs.values()), list(own.values()), rtol=0, atol=1e-10)


def test_what_it_cannot_say_is_refused() -> None:
    pytest.importorskip("faster_coco_eval")
    about = truth(["image"], ["rose"], [0], [0], [[0, 0, 9, 9]], difficult=[True])
    found = predictions(about, [0], [0], [[0, 0, 9, 9]], [0.5])
    with pytest.raises(BackproveError, match="no difficult boxes, and 1 of the ground truth"):
        faster_coco_eval(about, found, ["AP"])


def test_where_it_is_not_installed_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines.importlib.util, "find_spec", lambda _: None)
    given = case(1)
    with pytest.raises(BackproveError, match=r"backprove\[coco\]"):
        faster_coco_eval(given.truth, given.predictions, ["AP"])
