"""COCO's figures by another evaluator, faster-coco-eval, where it is installed (extra `coco`).

The built-in core does not need it; whoever must report another program's figures can have them.
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

from backprove.detection.data import Predictions, Truth
from backprove.detection.files.coco_writing import dataset, results
from backprove.errors import BackproveError

BUILT_IN, FASTER = "built-in", "faster-coco-eval"
ENGINES = (BUILT_IN, FASTER)
#: of its figures the first are COCO's twelve, in COCO's order
_FIGURES = 12


def faster_coco_eval(truth: Truth, predictions: Predictions, names: list[str]) -> dict[str, float]:
    """COCO's twelve figures under `names`, NaN where there is nothing to find.

    Raises `BackproveError` where it is not installed, or cannot say what the truth says.
    """
    if importlib.util.find_spec("faster_coco_eval") is None:
        raise BackproveError(
            "faster-coco-eval is not installed; pip install 'backprove[coco]' brings it"
        )
    if hard := int((truth.difficult & ~truth.crowd).sum()):
        raise BackproveError(
            f"{FASTER} knows no difficult boxes, and {hard} of the ground truth are; "
            f"the {BUILT_IN} engine leaves them out of account"
        )
    package: Any = importlib.import_module("faster_coco_eval")
    there = package.COCO(dataset(truth))
    evaluator = package.COCOeval_faster(
        there, there.loadRes(results(predictions)), "bbox", print_function=lambda *_: None
    )
    evaluator.evaluate()
    evaluator.accumulate()
    evaluator.summarize()
    figures = [float(value) for value in evaluator.stats[:_FIGURES]]
    return {
        name: float("nan") if value < 0 else value
        for name, value in zip(names, figures, strict=True)
    }
