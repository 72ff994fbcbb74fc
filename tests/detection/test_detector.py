"""The detector: its scenes, its targets and losses, and training that can be interrupted."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from backprove.detection.boxes import convert
from backprove.detection.data import predictions, truth
from backprove.detection.detector.scenes import SPECIES, VISIBLE, scenes
from backprove.detection.evaluation import Evaluation
from backprove.detection.files.coco import read_predictions, read_truth
from backprove.detection.files.coco_writing import dataset, results
from backprove.detection.overlap import giou, iou
from backprove.detection.protocols import VOC07

torch = pytest.importorskip("torch")

# what needs PyTorch is imported below it
from backprove.detection.detector import losses  # noqa: E402
from backprove.detection.detector.network import Detector, decoded, targets  # noqa: E402
from backprove.detection.detector.study import (  # noqa: E402
    PAIRS,
    Plan,
    Run,
    Study,
    study,
)
from backprove.detection.detector.training import (  # noqa: E402
    Batches,
    Setting,
    detect,
    load,
    train,
)
from backprove.errors import BackproveError  # noqa: E402

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


# --- scenes -------------------------------------------------------------------------------------


def test_a_seed_fixes_the_scenes() -> None:
    first, again, other = scenes(4, 1), scenes(4, 1), scenes(4, 2)
    assert (first.pictures == again.pictures).all()
    assert first.truth.edges.tolist() == again.truth.edges.tolist()
    assert not (first.pictures == other.pictures).all()


def test_scenes_have_all_species_in_several_sizes_and_some_hidden() -> None:
    found = scenes(150, 5).truth
    counts = np.bincount(found.label, minlength=len(SPECIES))
    assert (counts > 0).all()
    # the shares differ: that is the imbalance that is studied
    assert counts[0] > 3 * counts[-1]
    side = np.sqrt(found.size.prod(axis=1))
    assert np.quantile(side, 0.95) > 2 * np.quantile(side, 0.05)
    assert 0 < found.difficult.mean() < 0.3
    assert 0 < VISIBLE < 1
    assert (found.edges >= 0).all()
    assert (found.edges <= 64).all()


# --- targets and losses -----------------------------------------------------------------------------


def test_what_the_targets_say_is_decoded_to_the_boxes() -> None:
    given = scenes(20, 3).truth
    kind, edges = targets(given, 16)
    boxes = decoded(edges).numpy()
    there = ((kind >= 0) & (kind < len(given.classes))).numpy()
    found_image, row, column = np.nonzero(there)
    # every place that has a box names one of that image and class
    for n, y, x in zip(found_image, row, column, strict=True):
        mine = (given.image == n) & (given.label == int(kind[n, y, x]))
        assert iou(boxes[n, y, x], given.edges[mine]).max() > 0.95
    # and nearly every box has a place
    seen = {
        int(np.argmax(np.where(given.image == n, iou(boxes[n, y, x], given.edges), -1)))
        for n, y, x in zip(found_image, row, column, strict=True)
    }
    wanted = np.flatnonzero(~given.difficult)
    assert len(seen & set(wanted.tolist())) > 0.9 * len(wanted)


def test_places_of_a_hidden_flower_do_not_count() -> None:
    box = [[8.0, 8.0, 24.0, 24.0]]
    hidden = truth(["a"], ["rose"], [0], [0], box, difficult=[True])
    kind, _ = targets(hidden, 8)
    assert set(kind.unique().tolist()) == {-1, 1}


def test_the_losses_of_boxes_are_those_of_overlap() -> None:
    random = np.random.default_rng(0)
    found, true = random.uniform(0.5, 20, (2, 50, 4))

    def edges(d: np.ndarray) -> np.ndarray:
        return np.concatenate([-d[:, :2], d[:, 2:]], axis=1)

    pairs = edges(found), edges(true)
    tensors = torch.from_numpy(found), torch.from_numpy(true)
    np.testing.assert_allclose(losses.iou_loss(*tensors), 1 - iou(*pairs), atol=1e-12)
    np.testing.assert_allclose(losses.giou_loss(*tensors), 1 - giou(*pairs), atol=1e-12)
    np.testing.assert_allclose(
        losses.l2(*tensors), ((found - true) ** 2).mean(axis=1) / losses.UNIT**2, atol=1e-12
    )


def test_focal_loss_without_focus_is_cross_entropy() -> None:
    """The sheet's question: γ = 0 leaves cross-entropy (here by the half that α gives)."""
    logits, wanted = torch.randn(40, dtype=torch.float64), torch.arange(40) % 2.0
    plain = losses.cross_entropy(logits, wanted.double())
    unfocused = losses.focal(logits, wanted.double(), gamma=0.0, alpha=0.5)
    assert torch.allclose(2 * unfocused, plain)


def test_focal_loss_turns_from_what_is_right_already() -> None:
    logits, wanted = torch.tensor([4.0, -4.0]).double(), torch.ones(2).double()
    share = losses.focal(logits, wanted) / losses.cross_entropy(logits, wanted)
    p = torch.sigmoid(logits)
    assert torch.allclose(share, 0.25 * (1 - p) ** 2)
    assert share[0] < 1e-3 * share[1]


# --- training -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def batches() -> tuple[Batches, Batches]:
    return Batches(scenes(48, 1), CPU), Batches(scenes(16, 2), CPU)


def test_training_lowers_the_loss_and_finds_flowers(
    batches: tuple[Batches, Batches], tmp_path: Path
) -> None:
    model, history = train(Setting(epochs=12), 5, *batches, tmp_path)
    assert history.train[-1] < 0.6 * history.train[0]
    assert len(history.test) == len(history.seconds) == 12
    given = scenes(48, 1)
    found = detect(model, given.pictures, given.truth)
    assert np.nanmean(Evaluation(given.truth, found, VOC07).ap()) > 0.05


class Stopped(Exception):
    pass


def test_an_interrupted_training_goes_on_as_if_it_were_not(
    batches: tuple[Batches, Batches], tmp_path: Path
) -> None:
    setting = Setting("l2", "cross-entropy", 3, epochs=3)
    whole, history = train(setting, 5, *batches, tmp_path / "whole")
    told: list[str] = []

    def stop(line: str) -> None:
        told.append(line)
        # after the second epoch, when its state is saved
        if len(told) == 2:
            raise Stopped

    with pytest.raises(Stopped):
        train(setting, 5, *batches, tmp_path / "parts", told=stop)
    rest: list[str] = []
    parts, joined = train(setting, 5, *batches, tmp_path / "parts", resume=True, told=rest.append)
    assert len(rest) == 1
    assert joined.train == history.train
    for name, value in whole.state_dict().items():
        assert torch.equal(value, parts.state_dict()[name]), name


def test_weights_of_another_setting_are_refused(
    batches: tuple[Batches, Batches], tmp_path: Path
) -> None:
    train(Setting(epochs=1), 5, *batches, tmp_path)
    with pytest.raises(BackproveError, match="another setting"):
        load(tmp_path, Setting(epochs=1), 4)
    (tmp_path / Setting().name / "state.pt").write_bytes(b"no weights")
    with pytest.raises(BackproveError, match="cannot be read"):
        load(tmp_path, Setting(epochs=1), 5)
    with pytest.raises(BackproveError, match="nothing was trained"):
        load(tmp_path, Setting(seed=8), 5)


def test_the_detector_says_something_about_every_fourth_pixel() -> None:
    logits, distances = Detector(3, 8)(torch.zeros(2, 3, 32, 48))
    assert logits.shape == (2, 3, 8, 12)
    assert distances.shape == (2, 4, 8, 12)
    assert (distances > 0).all()


# --- the study --------------------------------------------------------------------------------------


def test_a_study_is_kept_and_can_be_evaluated_again(tmp_path: Path) -> None:
    plan = Plan(seeds=1, epochs=1, training=16, test=8)
    made = study(plan, tmp_path, jobs=1)
    assert [(r.localisation, r.classification) for r in made.runs] == list(PAIRS)
    again = study(plan, tmp_path, evaluate=True, jobs=1)
    assert json.loads(again.as_json()) == json.loads(made.as_json())
    assert json.loads((tmp_path / "study.json").read_text("utf-8"))["runs"][0]["seed"] == 0
    assert (tmp_path / "giou_focal_0" / "predictions.json").exists()
    with pytest.raises(BackproveError, match="another plan"):
        study(Plan(seeds=2), tmp_path, resume=True)
    with pytest.raises(BackproveError, match="no study to go on with"):
        study(plan, tmp_path / "empty", resume=True)
    from backprove.report.detector_page import page

    html = page(made, tmp_path)
    assert html.count("data:image/png") == 8
    assert "11-point AP" in html


def test_predictions_are_kept_as_cocos_results(tmp_path: Path) -> None:
    given = scenes(12, 4).truth
    assert given.difficult.any()
    count = len(given)
    found = predictions(given, given.image, given.label, given.edges, np.linspace(0, 1, count))
    (tmp_path / "found.json").write_text(json.dumps(results(found)))
    (tmp_path / "truth.json").write_text(json.dumps(dataset(given)))
    kept = read_truth(tmp_path / "truth.json")
    again, notes = read_predictions(tmp_path / "found.json", kept)
    assert notes == []
    assert again.edges.tolist() == found.edges.tolist()
    assert again.label.tolist() == found.label.tolist()
    ours, theirs = Evaluation(given, found, VOC07), Evaluation(kept.truth, again, VOC07)
    assert ours.ap().tolist() == theirs.ap().tolist()


def run(pair: tuple[str, str], seed: int, coco: float) -> Run:
    return Run(*pair, seed, [1.0], [1.0], 1.0, [coco, coco], coco, coco, 0.8)


@pytest.mark.parametrize(
    ("gains", "said"),
    [
        ((0.1, 0.11, 0.12), "GIoU loss is better"),
        ((-0.1, -0.11, -0.12), "L2 is better"),
        ((0.1, -0.11, 0.05), "no difference beyond what the seeds make"),
        ((0.1,), "says little"),
    ],
)
def test_a_difference_counts_when_the_seeds_agree(gains: tuple[float, ...], said: str) -> None:
    runs = [
        run(pair, seed, 0.5 - (gain if pair[0] == "l2" else 0.0))
        for seed, gain in enumerate(gains)
        for pair in PAIRS
    ]
    made = Study(Plan(seeds=len(gains)), ("rose", "lily"), [5, 2], runs)
    assert said in made.conclusion[0]


def test_the_rarest_class_is_one_that_is_there() -> None:
    runs = [run(pair, seed, 0.5) for seed in range(2) for pair in PAIRS]
    made = Study(Plan(seeds=2), ("rose", "lily"), [5, 0], runs)
    assert "AP of rose, the rarest" in made.conclusion[-1]
    assert len(Study(Plan(seeds=2), ("rose", "lily"), [0, 0], runs).conclusion) == 4


def test_a_folder_in_cocos_format_takes_the_place_of_the_scenes(tmp_path: Path) -> None:
    pillow = pytest.importorskip("PIL.Image")
    from backprove.detection.detector.folder import folder_scenes

    given = scenes(3, 4)
    (tmp_path / "images").mkdir()
    for n, picture in enumerate(given.pictures):
        pillow.fromarray(np.kron(picture, np.ones((2, 2, 1), np.uint8))).save(
            tmp_path / "images" / f"{n}.png"
        )
    data = {
        "images": [{"id": n, "file_name": f"{n}.png"} for n in range(3)],
        "categories": [{"id": k, "name": name} for k, name in enumerate(given.truth.classes)],
        "annotations": [
            {
                "id": i + 1,
                "image_id": int(given.truth.image[i]),
                "category_id": int(given.truth.label[i]),
                "bbox": (2 * convert(given.truth.edges[i], "xyxy", "xywh")).tolist(),
            }
            for i in range(len(given.truth))
        ],
    }
    (tmp_path / "train.json").write_text(json.dumps(data), encoding="utf-8")
    found, notes = folder_scenes(tmp_path, "train", 64)
    assert notes == []
    np.testing.assert_allclose(found.truth.edges, given.truth.edges, atol=1e-9)
    assert np.abs(found.pictures.astype(int) - given.pictures).mean() < 8
