"""Reading data sets and predictions, and what is said of records that cannot be used."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backprove.detection.evaluation import Evaluation
from backprove.detection.files import jsons
from backprove.detection.files.formats import read_predictions, read_truth
from backprove.detection.files.names import Names
from backprove.detection.files.notes import DataError, Note, Rule
from backprove.detection.files.pictures import image_size
from backprove.detection.protocols import COCO, VOC07


def coco(**changes: Any) -> dict[str, Any]:
    return {
        "images": [
            {"id": 7, "file_name": "b.jpg", "width": 100, "height": 80},
            {"id": 3, "file_name": "a.jpg", "width": 100, "height": 80},
        ],
        "categories": [{"id": 4, "name": "rose"}, {"id": 2, "name": "lily"}],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 4, "bbox": [10, 10, 30, 20], "area": 500},
            {"id": 2, "image_id": 3, "category_id": 2, "bbox": [0, 0, 50, 40], "iscrowd": 1},
        ],
    } | changes


RESULTS = [
    {"image_id": 7, "category_id": 4, "bbox": [10, 10, 30, 20], "score": 0.9},
    {"image_id": 3, "category_id": 4, "bbox": [60, 10, 20, 20], "score": 0.4},
]


def written(folder: Path, name: str, data: Any) -> Path:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(data if isinstance(data, str) else json.dumps(data), encoding="utf-8")
    return path


def voc(*objects: str, size: str = "<size><width>100</width><height>80</height></size>") -> str:
    return f"<annotation>{size}{''.join(objects)}</annotation>"


def thing(name: str, box: tuple[Any, ...], more: str = "") -> str:
    corners = "".join(
        f"<{key}>{n}</{key}>" for key, n in zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True)
    )
    return f"<object><name>{name}</name>{more}<bndbox>{corners}</bndbox></object>"


def notes_of(notes: list[Note]) -> dict[Rule, list[str]]:
    return {note.rule: list(note.records) for note in notes}


# --- each format ----------------------------------------------------------------------------------


def test_coco_json(tmp_path: Path) -> None:
    dataset = read_truth(written(tmp_path, "gt.json", coco()))
    truth = dataset.truth
    # in the order of ids, in which ties in score are broken
    assert truth.images == ("a.jpg", "b.jpg")
    assert truth.classes == ("lily", "rose")
    assert truth.image.tolist() == [1, 0]
    assert truth.edges.tolist() == [[10, 10, 40, 30], [0, 0, 50, 40]]
    assert truth.area.tolist() == [500, 2000]
    assert truth.crowd.tolist() == [False, True]
    found, notes = read_predictions(written(tmp_path, "r.json", RESULTS), dataset)
    assert notes == []
    assert found.label.tolist() == [1, 1]
    assert found.score.tolist() == [0.9, 0.4]
    assert found.record(1) == f"{tmp_path / 'r.json'}, [1]"


def test_voc_xml_names_the_last_pixel(tmp_path: Path) -> None:
    hard = "<difficult>1</difficult>"
    written(
        tmp_path,
        "gt/two.xml",
        voc(thing("rose", (1, 1, 10, 20), hard), thing("lily", (5, 5, 9, 9))),
    )
    written(tmp_path, "gt/one.xml", voc())
    dataset = read_truth(tmp_path / "gt")
    assert dataset.truth.images == ("one", "two")
    assert dataset.truth.edges.tolist() == [[1, 1, 11, 21], [5, 5, 10, 10]]
    assert dataset.truth.difficult.tolist() == [True, False]
    # corners of predictions mean what they mean in the ground truth
    csv = written(tmp_path, "p.csv", "image,class,score,x1,y1,x2,y2\ntwo.jpg,rose,0.5,1,1,10,20\n")
    found, _ = read_predictions(csv, dataset)
    assert found.edges.tolist() == [[1, 1, 11, 21]]
    written(tmp_path, "xml/two.xml", voc(thing("lily", (5, 5, 9, 9), "<score>0.25</score>")))
    found, _ = read_predictions(tmp_path / "xml", dataset)
    assert (found.score.tolist(), found.edges.tolist()) == ([0.25], [[5, 5, 10, 10]])
    written(tmp_path, "txt/comp4_det_test_rose.txt", "two 0.75 1 1 10 20\n")
    found, _ = read_predictions(tmp_path / "txt", dataset)
    assert dataset.truth.classes[found.label[0]] == "rose"
    assert found.edges.tolist() == [[1, 1, 11, 21]]


def png(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + struct.pack(">II", width, height)


def jpeg(width: int, height: int) -> bytes:
    comment = b"\xff\xfe" + struct.pack(">H", 6) + b"\xff\xc0ab"
    frame = b"\xff\xc2" + struct.pack(">HBHH", 11, 8, height, width)
    return b"\xff\xd8" + comment + frame


def test_yolo_text_with_and_without_pictures(tmp_path: Path) -> None:
    written(tmp_path, "labels/a.txt", "0 0.5 0.5 0.2 0.4\n1 0.25 0.25 0.5 0.5\n")
    written(tmp_path, "labels/b.txt", "")
    written(tmp_path, "labels/classes.txt", "rose\nlily\n")
    written(tmp_path, "found/a.txt", "0 0.5 0.5 0.2 0.4 0.9\n")
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures/a.png").write_bytes(png(200, 100))
    (tmp_path / "pictures/b.jpg").write_bytes(jpeg(40, 30))
    shares = read_truth(tmp_path / "labels")
    assert shares.normalised
    assert shares.truth.classes == ("rose", "lily")
    np.testing.assert_allclose(shares.truth.edges[0], [0.4, 0.3, 0.6, 0.7])
    pixels = read_truth(tmp_path / "labels", tmp_path / "pictures")
    assert not pixels.normalised
    assert pixels.truth.extent.tolist() == [[200, 100], [40, 30]]
    np.testing.assert_allclose(pixels.truth.edges[0], [80, 30, 120, 70])
    for dataset in (shares, pixels):
        found, notes = read_predictions(tmp_path / "found", dataset)
        assert notes == []
        assert Evaluation(dataset.truth, found, VOC07).ap()[0].tolist() == [1, 0]


def test_csv_in_every_convention(tmp_path: Path) -> None:
    for head, row in (
        ("x1,y1,x2,y2", "10,20,40,80"),
        ("xmin,ymin,xmax,ymax", "10,20,40,80"),
        ("x,y,w,h", "10,20,30,60"),
        ("cx,cy,w,h", "25,50,30,60"),
    ):
        path = written(
            tmp_path, "gt.csv", f"image,class,{head},difficult\na,rose,{row},1\nb,,,,,,\n"
        )
        truth = read_truth(path).truth
        assert truth.edges.tolist() == [[10, 20, 40, 80]]
        assert truth.difficult.tolist() == [True]
        assert truth.images == ("a", "b")


def test_csv_with_semicolons_a_mark_of_byte_order_and_the_sizes_of_images(tmp_path: Path) -> None:
    text = "\ufefffilename;width;height;class;xmin;ymin;xmax;ymax\na.jpg;90;70;rose;1;2;3;4\n"
    assert read_truth(written(tmp_path, "gt.csv", text)).truth.extent.tolist() == [[90, 70]]


def test_formats_can_be_mixed(tmp_path: Path) -> None:
    dataset = read_truth(written(tmp_path, "gt.json", coco()))
    csv = written(tmp_path, "p.csv", "image,class,score,x1,y1,x2,y2\nb.jpg,rose,0.5,10,10,40,30\n")
    written(tmp_path, "yolo/b.txt", "1 0.25 0.25 0.3 0.25 0.5\n")
    for path in (csv, tmp_path / "yolo"):
        found, notes = read_predictions(path, dataset)
        assert notes == []
        np.testing.assert_allclose(found.edges, [[10, 10, 40, 30]])
        assert (found.image.tolist(), found.label.tolist()) == ([1], [1])


def test_the_size_of_what_is_no_picture(tmp_path: Path) -> None:
    for data in (b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"hello"):
        (tmp_path / "a.png").write_bytes(data)
        with pytest.raises(DataError, match="no picture"):
            image_size(tmp_path / "a.png")


# --- records that are left out, or kept with a remark -----------------------------------------------


def test_records_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    dataset = read_truth(written(tmp_path, "gt.json", coco()))
    bad = [
        *RESULTS,
        {"image_id": 99, "category_id": 4, "bbox": [0, 0, 1, 1], "score": 0.5},
        {"image_id": 7, "category_id": 5, "bbox": [0, 0, 1, 1], "score": 0.5},
        {"image_id": 7, "category_id": 4, "bbox": [0, 0, 1, 1], "score": float("nan")},
        {"image_id": 7, "category_id": 4, "bbox": [0, 0, float("inf"), 1], "score": 0.5},
        {"image_id": 7, "category_id": 4, "bbox": [0, 0, 1e300, 1e300], "score": 0.5},
        {"image_id": 7, "category_id": 4, "bbox": [5, 5, -3, 2], "score": 0.5},
        {"image_id": 7, "category_id": 4, "bbox": [5, 5, 3, 2], "score": 7},
    ]
    path = written(tmp_path, "r.json", bad)
    found, notes = read_predictions(path, dataset)
    assert len(found) == 4
    assert notes_of(notes) == {
        Rule.UNKNOWN_IMAGE: [f"{path}, [2]: 99"],
        Rule.UNKNOWN_CLASS: [f"{path}, [3]: 5"],
        Rule.NOT_FINITE: [
            f"{path}, [4]: [0, 0, 1, 1], score nan",
            f"{path}, [5]: [0, 0, inf, 1], score 0.5",
            f"{path}, [6]: [0, 0, 1e+300, 1e+300], score 0.5",
        ],
        Rule.EMPTY: [f"{path}, [7]: -3 wide, 2 high"],
        Rule.SCORE: [f"{path}, [8]: 7"],
    }
    assert notes[0].summary.startswith("1 record left out: about an image that the ground truth")


def test_the_truth_is_looked_at_as_closely(tmp_path: Path) -> None:
    more = [
        {"id": 2, "image_id": 5, "category_id": 2, "bbox": [0, 0, 5, 5], "area": 9},
        {"id": 0, "image_id": 7, "category_id": 2, "bbox": [0, 0, 0, 5], "area": 9, "ignore": 1},
    ]
    data = coco()
    data["annotations"] += more
    path = written(tmp_path, "gt.json", data)
    dataset = read_truth(path)
    found = notes_of(dataset.notes)
    assert found[Rule.UNKNOWN_IMAGE] == [f"{path}, annotations[2]: 5"]
    assert found[Rule.EMPTY] == [f"{path}, annotations[3]: 0 wide, 5 high"]
    assert found[Rule.IGNORE] == [f"{path}, annotations[3]"]
    assert [r.split()[-1] for r in found[Rule.IDENTITY]] == ["2", "2", "0"]


def test_classes_of_one_name_are_remarked(tmp_path: Path) -> None:
    data = coco()
    data["categories"].append({"id": 77, "name": data["categories"][0]["name"]})
    notes = read_truth(written(tmp_path, "gt.json", data)).notes
    assert [r.split(": ")[-1] for r in notes_of(notes)[Rule.NAME]] == [
        data["categories"][0]["name"]
    ]


def test_pixels_where_shares_are_expected(tmp_path: Path) -> None:
    written(tmp_path, "gt/a.txt", "0 25 30 12 14")
    notes = read_truth(tmp_path / "gt").notes
    assert "may be in pixels" in notes[0].about


def test_corners_where_sizes_are_expected(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    low = random.integers(30, 60, (40, 2))
    corners = np.hstack([low, low + random.integers(5, 20, (40, 2))])
    dataset = read_truth(written(tmp_path, "gt.json", coco()))
    results = [{**RESULTS[0], "bbox": box} for box in corners.tolist()]
    _, notes = read_predictions(written(tmp_path, "r.json", results), dataset)
    (note,) = notes
    assert note.rule is Rule.CONVENTION
    assert "as corners x1 y1 x2 y2 40 would lie inside" in note.about
    sizes = [{**RESULTS[0], "bbox": [*box[:2], 9, 9]} for box in corners.tolist()]
    assert read_predictions(written(tmp_path, "r.json", sizes), dataset)[1] == []


def test_sizes_where_corners_are_expected(tmp_path: Path) -> None:
    rows = "".join(f"a,rose,{40 + k},30,10,9\n" for k in range(9))
    (note,) = read_truth(written(tmp_path, "g.csv", "image,class,x1,y1,x2,y2\n" + rows)).notes[1:]
    assert note.rule is Rule.CONVENTION
    assert "they may be x y width height" in note.about


def test_shares_where_pixels_are_expected(tmp_path: Path) -> None:
    dataset = read_truth(written(tmp_path, "gt.json", coco()))
    results = [{**RESULTS[0], "bbox": [0.1, 0.1, 0.3, 0.2]}] * 5
    (note,) = read_predictions(written(tmp_path, "r.json", results), dataset)[1]
    assert "shares of the image" in note.about


# --- files that cannot be used ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "line 1, column 2: not JSON"),
        ("[]", "is a list, as predictions are"),
        ("3", "holds no data set"),
        ("{}", "has no images"),
        (json.dumps(coco(images=3)), "images is not a list"),
        (json.dumps(coco(images=[1])), r"images\[0\] is not an object"),
        (json.dumps(coco(images=[{"id": 1}, {"id": 1}])), "two images have the id 1"),
        (json.dumps(coco(annotations=[{"image_id": 7}])), r"annotations\[0\] has no category_id"),
        (
            json.dumps(coco(annotations=[{"image_id": 7, "category_id": 4, "bbox": [1, 2, 3]}])),
            r"annotations\[0\]: bbox is not \[x, y, width, height\] but \[1, 2, 3\]",
        ),
        ("[" * 100_000, "not JSON|nested too deeply"),
    ],
)
def test_malformed_coco_json(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=said):
        read_truth(written(tmp_path, "gt.json", text))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"score": None}, r"\[0\]: score is not a number but null"),
        ({"score": "high"}, r"\[0\]: score is not a number but \"high\""),
        ({"bbox": [1, 2, "3", 4]}, "bbox is not"),
        ({"bbox": [1, 2, None, 4]}, "bbox is not"),
        ({"image_id": None}, "image_id is no id but null"),
        ({"image_id": True}, "image_id is no id but true"),
        ({"category_id": [1]}, r"category_id is no id but \[1\]"),
    ],
)
def test_malformed_results(change: dict[str, Any], said: str, tmp_path: Path) -> None:
    dataset = read_truth(written(tmp_path, "gt.json", coco()))
    with pytest.raises(DataError, match=said):
        read_predictions(written(tmp_path, "r.json", [RESULTS[0] | change]), dataset)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<annotation>", "line 1, column 13: not XML"),
        ("<!DOCTYPE a [<!ENTITY b 'c'>]><annotation/>", "no document type"),
        (voc("<object><name>rose</name></object>"), r"object 1 \(rose\) has no xmin"),
        (voc("<object/>"), "object 1 has no name"),
        ("<html/>", "no annotation: its root is <html>"),
        (voc("").replace("<width>", "<width>x"), "size/width is not a number"),
        (
            voc(
                thing("rose", (1, 2, 3, 4)).replace("<bndbox>", "<difficult>so</difficult><bndbox>")
            ),
            "object 1: difficult is neither 0 nor 1 but 'so'",
        ),
        (voc(thing("rose", (1, 2, "x", 4))), r"object 1 \(rose\): xmax is not a number but 'x'"),
    ],
)
def test_malformed_xml(text: str, said: str, tmp_path: Path) -> None:
    written(tmp_path, "gt/a.xml", text)
    with pytest.raises(DataError, match=said):
        read_truth(tmp_path / "gt")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0 0.5 0.5 0.1", "line 1: expected class cx cy width height, found 4 columns"),
        ("0 0.5 0.5 0.1 0.1\nrose 0.5 0.5 0.1 0.1", "line 2: expected the numbers"),
        ("-1 0.5 0.5 0.1 0.1", "counts from 0"),
    ],
)
def test_malformed_yolo_text(text: str, said: str, tmp_path: Path) -> None:
    written(tmp_path, "gt/a.txt", text)
    with pytest.raises(DataError, match=said):
        read_truth(tmp_path / "gt")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no columns for boxes.*found nothing"),
        ("a,b\n1,2\n", "no columns for boxes.*found a, b"),
        ("class,x,y,w,h\n", "no column for the image"),
        ("image,class,x,y,w,h\na,b,1,2,3\n", "line 2: 5 cells, where the header has 6"),
        ("image,class,x,y,w,h\n,b,1,2,3,4\n", "line 2: no image is named"),
        ("image,class,x,y,w,h\na,,1,2,3,4\n", "line 2: a box, and no class is named"),
        ("image,class,x,y,w,h\na,b,1,2,3,four\n", "line 2: h is not a number but 'four'"),
    ],
)
def test_malformed_csv(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=said):
        read_truth(written(tmp_path, "gt.csv", text))


def test_what_has_no_known_format(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the format is not known"):
        read_truth(written(tmp_path, "gt.parquet", ""))
    (tmp_path / "folder").mkdir()
    with pytest.raises(DataError, match=r"neither \.xml nor \.txt"):
        read_truth(tmp_path / "folder")
    with pytest.raises(FileNotFoundError):
        read_truth(tmp_path / "nothing")


def test_pixels_and_shares_without_sizes_cannot_be_compared(tmp_path: Path) -> None:
    written(tmp_path, "labels/a.txt", "0 0.5 0.5 0.2 0.4\n")
    csv = written(tmp_path, "p.csv", "image,class,score,x,y,w,h\na,class 0,0.5,10,10,40,30\n")
    with pytest.raises(DataError, match="folder of the images"):
        read_predictions(csv, read_truth(tmp_path / "labels"))
    gt = written(tmp_path, "gt.csv", "image,class,x,y,w,h\na,rose,10,10,40,30\n")
    written(tmp_path, "found/a.txt", "0 0.5 0.5 0.2 0.4 0.5\n")
    with pytest.raises(DataError, match="folder of the images"):
        read_predictions(tmp_path / "found", read_truth(gt))


def test_nothing_at_all_can_be_evaluated(tmp_path: Path) -> None:
    empty = coco(images=[], annotations=[], categories=[])
    dataset = read_truth(written(tmp_path, "gt.json", empty))
    found, notes = read_predictions(written(tmp_path, "r.json", []), dataset)
    assert notes == []
    for protocol in (COCO, VOC07):
        assert all(
            np.isnan(v) for v in Evaluation(dataset.truth, found, protocol).summary().values()
        )


# --- many records ---------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_what_is_said_does_not_depend_on_the_portions(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(seed)
    entries = [
        {
            "image_id": int(random.choice([7, 3, 8])),
            "category_id": int(random.choice([4, 2, 9], p=[0.6, 0.3, 0.1])),
            "bbox": random.integers(-2, 120, 4).tolist(),
            "score": float(random.choice([0.5, 0.7, 1.5, np.nan])),
        }
        for _ in range(60)
    ]
    dataset = read_truth(written(tmp_path, "gt.json", coco()))
    path = written(tmp_path, "r.json", entries)
    whole, notes = read_predictions(path, dataset)
    monkeypatch.setattr(jsons, "BLOCK", 200)
    found, same = read_predictions(path, dataset)
    assert [(n.rule, n.about, list(n.records)) for n in same] == [
        (n.rule, n.about, list(n.records)) for n in notes
    ]
    assert Rule.CONVENTION in notes_of(notes)
    left_out = sum(len(n.records) for n in notes if n.rule.leaves_out)
    assert len(found) == len(whole) == 60 - left_out
    assert list(found.records) == list(whole.records)
    for column in ("image", "label", "edges", "size", "score"):
        np.testing.assert_array_equal(getattr(found, column), getattr(whole, column))


def test_ids_of_any_size_are_found() -> None:
    ids = [5, 0, -4, 10**7, 2**40, 2**70, "9"]
    names = Names([f"{n}.jpg" for n in range(len(ids))], ids, files=True)
    assert names.find(ids).tolist() == [*range(len(ids))]
    # as a column of numbers; 9 is an id that is written as text, 3 the name of a file
    column = np.array([2**40, -4, 0, 10**7, 5, 9, 3, -1, 2**62])
    assert names.find(column).tolist() == [4, 2, 1, 3, 0, 6, 3, -1, -1]
    assert names.find(np.zeros(0, np.int64)).tolist() == []
    assert Names([]).find(np.array([0, 1])).tolist() == [-1, -1]
