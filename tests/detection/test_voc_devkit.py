"""The development kit's own procedure, on whole pixels: corners name the first and last of a box.

`evaldet` and the two AP functions are written after the kit's description and its MATLAB code, by
themselves: vectors of false and true positives, cumulated; boxes one pixel larger than their
corners differ. Recalls are fractions, as the paper has them: 3 of 10 reach 0.3.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from backprove.detection.assessment import assess
from backprove.detection.data import predictions, truth
from backprove.detection.evaluation import Evaluation
from backprove.detection.protocols import VOC07, VOC10

Box = tuple[int, int, int, int]
#: of one class: image → its boxes, each with its flag; and detections (image, score, box)
There = dict[str, list[tuple[Box, bool]]]
Found = list[tuple[str, float, Box]]


def evaldet(there: There, found: Found) -> tuple[list[Fraction], list[Fraction]]:
    """Recall and precision after each detection; no precision where none has counted yet."""
    positives = sum(not hard for boxes in there.values() for _, hard in boxes)
    by_score = sorted(range(len(found)), key=lambda d: -found[d][1])
    detected: set[tuple[str, int]] = set()
    tp, fp = [0] * len(found), [0] * len(found)
    for rank, d in enumerate(by_score):
        image, _, bb = found[d]
        ovmax, jmax = Fraction(-1), -1
        for j, (bbgt, _) in enumerate(there.get(image, [])):
            iw = min(bb[2], bbgt[2]) - max(bb[0], bbgt[0]) + 1
            ih = min(bb[3], bbgt[3]) - max(bb[1], bbgt[1]) + 1
            if iw > 0 and ih > 0:
                ua = pixels(bb) + pixels(bbgt) - iw * ih
                ov = Fraction(iw * ih, ua)
                if ov > ovmax:
                    ovmax, jmax = ov, j
        if ovmax >= Fraction(1, 2):
            if not there[image][jmax][1]:
                if (image, jmax) not in detected:
                    tp[rank] = 1
                    detected.add((image, jmax))
                else:
                    fp[rank] = 1
        else:
            fp[rank] = 1
    recall: list[Fraction] = []
    precision: list[Fraction] = []
    for rank in range(len(found)):
        hits, misses = sum(tp[: rank + 1]), sum(fp[: rank + 1])
        if hits + misses:
            recall.append(Fraction(hits, positives))
            precision.append(Fraction(hits, hits + misses))
    return recall, precision


def pixels(box: Box) -> int:
    return (box[2] - box[0] + 1) * (box[3] - box[1] + 1)


def eleven_points(recall: list[Fraction], precision: list[Fraction]) -> Fraction:
    ap = Fraction(0)
    for tenth in range(11):
        at = [p for r, p in zip(recall, precision, strict=True) if r >= Fraction(tenth, 10)]
        ap += max(at, default=Fraction(0)) / 11
    return ap


def area_under(recall: list[Fraction], precision: list[Fraction]) -> Fraction:
    mrec = [Fraction(0), *recall, Fraction(1)]
    mpre = [Fraction(0), *precision, Fraction(0)]
    for i in reversed(range(len(mpre) - 1)):
        mpre[i] = max(mpre[i], mpre[i + 1])
    changes = [i for i in range(1, len(mrec)) if mrec[i] != mrec[i - 1]]
    return sum(((mrec[i] - mrec[i - 1]) * mpre[i] for i in changes), Fraction(0))


def case(seed: int) -> tuple[There, Found]:
    """Small boxes on few pixels: equal scores, equal overlaps, duplicates, overlaps of a half."""
    random = np.random.default_rng(seed)
    images = [f"{i:03}" for i in range(int(random.integers(1, 4)))]
    side = int(random.choice([3, 6, 12]))
    scores = int(random.choice([1, 3, 50]))
    hard = float(random.choice([0, 0.3]))

    def box() -> Box:
        x, y = random.integers(1, side, 2)
        w, h = random.integers(0, side, 2)
        return int(x), int(y), int(x + w), int(y + h)

    there: There = {
        image: [(box(), bool(random.random() < hard)) for _ in range(int(random.integers(0, 6)))]
        for image in images
    }
    found: Found = []
    for _ in range(int(random.integers(0, 14))):
        image = str(random.choice(images))
        near = there[image]
        copied = near[int(random.integers(len(near)))][0] if near else box()
        some = copied if random.random() < 0.4 else box()
        found.append((image, int(random.integers(0, scores + 1)) / scores, some))
    return there, found


def wanted(there: There, found: Found) -> tuple[float, float]:
    if all(hard for boxes in there.values() for _, hard in boxes):
        return float("nan"), float("nan")
    curve = evaldet(there, found)
    return float(eleven_points(*curve)), float(area_under(*curve))


@pytest.mark.parametrize("block", range(8))
def test_both_precisions_of_random_cases(block: int) -> None:
    for seed in range(300 * block, 300 * block + 300):
        there, found = case(seed)
        images = list(there)
        boxes = [(images.index(i), b, hard) for i in there for b, hard in there[i]]
        zeros = [0] * len(boxes)
        edges = [(x1, y1, x2 + 1, y2 + 1) for _, (x1, y1, x2, y2), _ in boxes]
        about = truth(
            images,
            ["rose"],
            [i for i, _, _ in boxes],
            zeros,
            np.array(edges, float).reshape(-1, 4),
            difficult=[hard for _, _, hard in boxes],
        )
        far = [(x1, y1, x2 + 1, y2 + 1) for _, _, (x1, y1, x2, y2) in found]
        given = predictions(
            about,
            [images.index(i) for i, _, _ in found],
            [0] * len(found),
            np.array(far, float).reshape(-1, 4),
            [score for _, score, _ in found],
        )
        ours = [float(Evaluation(about, given, p).ap()[0, 0]) for p in (VOC07, VOC10)]
        np.testing.assert_allclose(ours, wanted(there, found), rtol=0, atol=1e-12)


def test_from_the_kits_own_files(tmp_path: Path) -> None:
    for seed in range(3000, 3030):
        there, found = case(seed)
        if not any(there.values()):
            continue
        folder = tmp_path / str(seed)
        (folder / "results").mkdir(parents=True)
        for image, boxes in there.items():
            objects = "".join(
                f"<object><name>rose</name><difficult>{int(hard)}</difficult><bndbox>"
                + "".join(
                    f"<{key}>{edge}</{key}>"
                    for key, edge in zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True)
                )
                + "</bndbox></object>"
                for box, hard in boxes
            )
            (folder / f"{image}.xml").write_text(f"<annotation>{objects}</annotation>")
        lines = [f"{i} {s!r} {' '.join(map(str, b))}\n" for i, s, b in found]
        (folder / "results" / "comp4_det_test_rose.txt").write_text("".join(lines))
        made = [assess(folder, folder / "results", name) for name in ("voc07", "voc10")]
        ours = [m.figures["mAP"] for m in made]
        np.testing.assert_allclose(ours, wanted(there, found), rtol=0, atol=1e-12)
        assert all(not m.left_out for m in made)


def test_corners_may_be_said_to_be_edges(tmp_path: Path) -> None:
    """Of the pixels 1 to 2 and 1 to 3 two of three are common; of the edges one of two."""
    (tmp_path / "gt").mkdir()
    (tmp_path / "gt" / "a.xml").write_text(
        "<annotation><object><name>rose</name><bndbox><xmin>1</xmin><ymin>1</ymin>"
        "<xmax>3</xmax><ymax>1</ymax></bndbox></object></annotation>"
    )
    (tmp_path / "gt.csv").write_text("image,class,x1,y1,x2,y2\na,rose,1,1,3,3\n")
    (tmp_path / "p.csv").write_text("image,class,score,x1,y1,x2,y2\na,rose,0.5,1,1,2,3\n")
    overlap = {
        corners: assess(tmp_path / "gt.csv", tmp_path / "p.csv", "voc07", pixels=corners)
        .evaluation.rows(0)[0]
        .overlap
        for corners in (None, False, True)
    }
    assert overlap == {None: 1 / 2, False: 1 / 2, True: 2 / 3}
    kit = assess(tmp_path / "gt", tmp_path / "p.csv", "voc07")
    assert kit.evaluation.truth.size.tolist() == [[3, 1]]
    edges = assess(tmp_path / "gt", tmp_path / "p.csv", "voc07", pixels=False)
    assert edges.evaluation.truth.size.tolist() == [[2, 0]]
