"""The COCO figures are pycocotools', whatever the data."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import numpy as np
import pytest
from tests.detection.cases import Case, case

from backprove.detection.evaluation import Evaluation
from backprove.detection.protocols import ALL, COCO

pytest.importorskip("pycocotools")


def pycocotools(given: Case) -> Any:
    """Its own evaluation of a case."""
    from pycocotools.coco import COCO as Dataset
    from pycocotools.cocoeval import COCOeval

    truth, found = given.truth, given.predictions
    dataset, results = Dataset(), Dataset()
    images = [{"id": i + 1} for i in range(len(truth.images))]
    categories = [{"id": k + 1} for k in range(len(truth.classes))]
    dataset.dataset = {
        "images": images,
        "categories": categories,
        "annotations": [
            {
                "id": n + 1,
                "image_id": int(truth.image[n]) + 1,
                "category_id": int(truth.label[n]) + 1,
                "bbox": given.there[n].tolist(),
                "area": float(truth.area[n]),
                "iscrowd": int(truth.crowd[n]),
            }
            for n in range(len(truth))
        ],
    }
    # what loadRes makes of a list of results
    results.dataset = {
        "images": images,
        "categories": categories,
        "annotations": [
            {
                "id": n + 1,
                "image_id": int(found.image[n]) + 1,
                "category_id": int(found.label[n]) + 1,
                "bbox": given.found[n].tolist(),
                "area": float(given.found[n, 2] * given.found[n, 3]),
                "iscrowd": 0,
                "score": float(found.score[n]),
            }
            for n in range(len(found))
        ],
    }
    with contextlib.redirect_stdout(io.StringIO()):
        dataset.createIndex()
        results.createIndex()
        evaluator = COCOeval(dataset, results, "bbox")
        evaluator.evaluate()
        evaluator.accumulate()
        evaluator.summarize()
    return evaluator


def same(ours: Any, theirs: Any) -> None:
    """Equal to 1e-10; they write −1 where there is nothing to find."""
    np.testing.assert_allclose(np.nan_to_num(ours, nan=-1.0), theirs, rtol=0, atol=1e-10)


def compare(given: Case) -> None:
    evaluator = pycocotools(given)
    ours = Evaluation(given.truth, given.predictions, COCO)
    same(list(ours.summary().values()), evaluator.stats)
    for a, area in enumerate(COCO.areas):
        for m, limit in enumerate(COCO.limits or ()):
            same(ours.precision(area, limit), evaluator.eval["precision"][..., a, m])
            same(ours.recall(area, limit), evaluator.eval["recall"][..., a, m])


@pytest.mark.parametrize("block", range(10))
def test_all_figures_of_random_cases_are_equal(block: int) -> None:
    for seed in range(12 * block, 12 * block + 12):
        compare(case(seed))


def test_more_detections_than_count() -> None:
    given = case(7, most=300)
    assert len(given.predictions) > 400
    compare(given)


def test_hundreds_of_detections_of_one_class_on_one_image() -> None:
    for seed in range(1000, 1100):
        given = case(seed, most=120)
        if len(given.truth.images) == 1 and len(given.truth.classes) == 1:
            assert len(given.predictions) > 100
            compare(given)
            return
    pytest.fail("no such case")


def test_the_names_of_the_areas_are_theirs() -> None:
    assert list(COCO.areas) == [ALL, "small", "medium", "large"]
