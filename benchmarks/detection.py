"""Average precision on COCO-format files: how fast, in how much memory, beside other evaluators.

    python benchmarks/detection.py [--times N] [--referees PYTHON]

Generated data: 5,000 images, 80 classes, 36,000 boxes and 250,000 detections, some of them near
boxes and some anywhere. Every evaluator runs in a process of its own, from the two files to the
twelve figures; then Backprove again on N times as many images, boxes and detections. pycocotools
and faster-coco-eval are measured where `--referees` (or the variable DETECTION_REFEREES) names a
Python that has them. The table is printed and kept in results/detection.md.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import backprove

HERE = Path(__file__).resolve().parent
RESULT = HERE / "results" / "detection.md"
WIDTH, HEIGHT = 640, 480

OURS = """
from pathlib import Path
from backprove.detection.evaluation import Evaluation
from backprove.detection.files.formats import read_predictions, read_truth
from backprove.detection.protocols import COCO
clock("import")
dataset = read_truth(Path(truth))
found, notes = read_predictions(Path(results), dataset)
clock("read")
evaluation = Evaluation(dataset.truth, found, COCO)
figures = list(evaluation.summary().values())
clock("evaluate")
for area in COCO.areas:
    for limit in COCO.limits:
        evaluation.precision(area, limit)
clock("all curves")
"""
PYCOCOTOOLS = """
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
clock("import")
dataset = COCO(truth)
found = dataset.loadRes(results)
clock("read")
evaluation = COCOeval(dataset, found, "bbox")
evaluation.evaluate()
evaluation.accumulate()
evaluation.summarize()
figures = evaluation.stats.tolist()
clock("evaluate")
clock("all curves")
"""
FASTER = """
from faster_coco_eval import COCO, COCOeval_faster
clock("import")
dataset = COCO(truth)
found = dataset.loadRes(results)
clock("read")
evaluation = COCOeval_faster(dataset, found, "bbox", print_function=lambda *_: None)
evaluation.evaluate()
evaluation.accumulate()
evaluation.summarize()
figures = [float(value) for value in evaluation.stats[:12]]
clock("evaluate")
clock("all curves")
"""
FRAME = """
import contextlib, io, json, resource, sys, time
truth, results = sys.argv[1:3]
now = lambda: (time.perf_counter(), time.process_time())
took, last = {{}}, now()
def clock(name):
    global last
    before, last = last, now()
    took[name] = [last[0] - before[0], last[1] - before[1]]
with contextlib.redirect_stdout(io.StringIO()):
{body}
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
if sys.platform != "darwin":
    # what Linux counts as this process's maximum begins with the memory of its parent
    peak = int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) / 2**10
print(json.dumps({{"took": took, "peak": peak, "figures": figures}}))
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--times", type=int, default=10, help="how much larger the second data are")
    parser.add_argument("--runs", type=int, default=3, help="the best of so many runs counts")
    parser.add_argument("--referees", default=os.environ.get("DETECTION_REFEREES", ""))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        files = generate(Path(folder), 1)
        ours = best(sys.executable, OURS, files, arguments.runs)
        rows = [
            (
                "evaluator",
                "from files, s",
                "ratio",
                "evaluating, s",
                "ratio",
                "processor, s",
                "ratio",
                "memory, MB",
            )
        ]
        rows.append(row(f"Backprove {backprove.__version__}", ours, ours))
        agree: list[str] = []
        if arguments.referees:
            for package, body in (("pycocotools", PYCOCOTOOLS), ("faster-coco-eval", FASTER)):
                theirs = best(arguments.referees, body, files, arguments.runs)
                rows.append(row(f"{package} {version(arguments.referees, package)}", theirs, ours))
                pairs = zip(ours["figures"], theirs["figures"], strict=True)
                agree.append(f"{package}'s by {max(abs(a - b) for a, b in pairs):.0e}")
        lines = [table(rows), ""]
        if agree:
            lines.append(f"The twelve figures differ at most from {' and from '.join(agree)}.")
        else:
            lines.append("Other evaluators were not measured: name a Python with --referees.")
        curves = ours["took"]["evaluate"][0] + ours["took"]["all curves"][0]
        lines.append(
            f"With the precisions of all areas and limits, not just the twelve figures, Backprove "
            f"evaluates in {curves:.2f} s."
        )
        if arguments.times > 1:
            lines += ["", growth(Path(folder), arguments.times, ours, arguments.runs)]
    text = f"# Detection\n\n{setting()}\n\n" + "\n".join(lines) + "\n"
    print(text)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(text, encoding="utf-8")
    return 0


def generate(folder: Path, times: int) -> tuple[str, str]:
    """A data set and results in COCO's format; the paths of the two files."""
    images, classes, boxes, detections = 5000 * times, 80, 36_000 * times, 250_000 * times
    random = np.random.default_rng(times)
    weight = 1 / np.arange(1, classes + 1) ** 0.8
    weight /= weight.sum()
    there = _boxes(random, boxes)
    image, label = random.integers(0, images, boxes), random.choice(classes, boxes, p=weight)
    crowd = random.random(boxes) < 0.01
    area = there[:, 2] * there[:, 3] * random.uniform(0.4, 1, boxes)
    near = detections * 2 // 5
    source = random.integers(0, boxes, near)
    shift = random.normal(0, 0.12, (near, 4)) * there[source][:, [2, 3, 2, 3]]
    close = there[source] + shift
    close[:, 2:] = np.maximum(close[:, 2:], 1)
    found = np.concatenate([close, _boxes(random, detections - near)]).round(2)
    found_image = np.concatenate([image[source], random.integers(0, images, detections - near)])
    mistaken = random.random(near) < 0.15
    kind = np.where(mistaken, random.integers(0, classes, near), label[source])
    found_label = np.concatenate([kind, random.choice(classes, detections - near, p=weight)])
    score = [random.beta(2, 2, near), random.beta(1, 4, detections - near)]
    score = np.concatenate(score).round(4)
    data = {
        "images": [
            {"id": i + 1, "width": WIDTH, "height": HEIGHT, "file_name": f"{i + 1:06}.jpg"}
            for i in range(images)
        ],
        "categories": [{"id": k + 1, "name": f"class {k + 1}"} for k in range(classes)],
        "annotations": [
            {"id": n, "image_id": i, "category_id": k, "bbox": b, "area": a, "iscrowd": c}
            for n, (i, k, b, a, c) in enumerate(
                zip(
                    (image + 1).tolist(),
                    (label + 1).tolist(),
                    there.tolist(),
                    area.round(2).tolist(),
                    crowd.astype(int).tolist(),
                    strict=True,
                ),
                1,
            )
        ],
    }
    order = random.permutation(detections)
    results = [
        {"image_id": i, "category_id": k, "bbox": b, "score": s}
        for i, k, b, s in zip(
            (found_image[order] + 1).tolist(),
            (found_label[order] + 1).tolist(),
            found[order].tolist(),
            score[order].tolist(),
            strict=True,
        )
    ]
    paths = folder / f"truth{times}.json", folder / f"results{times}.json"
    for path, content in zip(paths, (data, results), strict=True):
        path.write_text(json.dumps(content), encoding="utf-8")
    return str(paths[0]), str(paths[1])


def _boxes(random: np.random.Generator, count: int) -> np.ndarray:
    side, aspect = np.exp(random.normal(4, 1, count)).clip(4, 400), random.normal(0, 0.4, count)
    width = np.minimum(side * np.exp(aspect), 0.95 * WIDTH)
    height = np.minimum(side / np.exp(aspect), 0.95 * HEIGHT)
    left, top = random.random(count) * (WIDTH - width), random.random(count) * (HEIGHT - height)
    return np.stack([left, top, width, height], axis=1).round(2)


def best(python: str, body: str, files: tuple[str, str], runs: int) -> dict[str, Any]:
    """The quickest of some runs, each in a process of its own."""
    code = FRAME.format(body="\n".join("    " + line for line in body.strip().split("\n")))
    found: list[dict[str, Any]] = []
    for _ in range(runs):
        output = subprocess.run(
            [python, "-c", code, *files], capture_output=True, text=True, check=True
        ).stdout
        found.append(json.loads(output))
    return min(found, key=total)


def total(measured: dict[str, Any], clock: int = 0) -> float:
    """Seconds from the files to the figures, without imports; of the processor with clock 1."""
    return measured["took"]["read"][clock] + measured["took"]["evaluate"][clock]


def row(name: str, measured: dict[str, Any], ours: dict[str, Any]) -> tuple[str, ...]:
    cells = [name]
    for figure in (
        total,
        lambda found: found["took"]["evaluate"][0],
        lambda found: total(found, 1),
    ):
        cells += [f"{figure(measured):.2f}", f"{figure(measured) / figure(ours):.1f}"]
    return (*cells, f"{measured['peak']:.0f}")


def growth(folder: Path, times: int, ours: dict[str, Any], runs: int) -> str:
    large = best(sys.executable, OURS, generate(folder, times), runs)
    evaluating = [found["took"]["evaluate"][1] for found in (large, ours)]
    return (
        f"With {times} times the images, boxes and detections Backprove takes {total(large):.1f} s "
        f"from files ({total(large) / total(ours):.1f} times as long), and of the processor "
        f"{total(large, 1):.1f} s ({total(large, 1) / total(ours, 1):.1f} times), of that "
        f"{evaluating[0]:.1f} s for evaluating ({evaluating[0] / evaluating[1]:.1f} times), and "
        f"{large['peak']:.0f} MB ({large['peak'] / ours['peak']:.1f} times)."
    )


def version(python: str, package: str) -> str:
    code = f"import importlib.metadata as m; print(m.version({package!r}))"
    found = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    return found.stdout.strip()


def table(rows: list[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["| " + " | ".join(map(str.ljust, cells, widths)) + " |" for cells in rows]
    lines.insert(1, "| " + " | ".join("-" * width for width in widths) + " |")
    return "\n".join(lines)


def setting() -> str:
    return (
        f"NumPy {np.__version__}, Python {platform.python_version()}, {platform.machine()} with "
        f"{os.cpu_count()} cores. 5,000 images, 80 classes, 36,000 boxes, 250,000 detections, "
        "generated; without imports; each evaluator in its own process, the best run. By the "
        "clock but for the processor's time from files; ratios are to Backprove's."
    )


if __name__ == "__main__":
    sys.exit(main())
