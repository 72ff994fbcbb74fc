"""`backprove detect` as a user meets it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from backprove.cli import app

TRUTH = "image,class,x1,y1,x2,y2\n" + "".join(
    f"field.jpg,rose,{20 * k},0,{20 * k + 10},10\n" for k in range(5)
)
#: the sheet's question: which of the five roses each detection finds, in order of falling score; − finds none
FOUND = "01---23--4"


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    path = tmp_path / "truth.csv"
    path.write_text(TRUTH, encoding="utf-8")
    return path


@pytest.fixture
def found(tmp_path: Path) -> Path:
    lines = ["image,class,score,x1,y1,x2,y2"]
    for rank, rose in enumerate(FOUND):
        left = 300 + 20 * rank if rose == "-" else 20 * int(rose)
        lines.append(f"field.jpg,rose,{0.95 - rank / 20:.2f},{left},0,{left + 10},10")
    path = tmp_path / "found.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["detect", *(str(a) for a in arguments)])


def test_the_ranked_table_as_a_student_writes_it(truth: Path, found: Path) -> None:
    result = run(truth, found, "--protocol", "voc07", "--class", "rose")
    assert result.exit_code == 0, result.output
    assert "rose: 5 to find" in result.output
    lines = [line.split() for line in result.output.splitlines()]
    ranks = [words for words in lines if words and words[0].isdigit() and words[1] == "field.jpg"]
    assert [row[-2:] for row in ranks[:5]] == [
        ["1.0000", "0.2000"],
        ["1.0000", "0.4000"],
        ["0.6667", "0.4000"],
        ["0.5000", "0.4000"],
        ["0.4000", "0.4000"],
    ]
    # read off at 0, 0.1, … 1: five times 1, four times 4/7, twice 5/10
    assert "= 0.7532" in " ".join(result.output.split())
    assert pytest.approx(0.7532, abs=5e-5) == (5 + 4 * 4 / 7 + 2 * 5 / 10) / 11


def test_figures_errors_and_calibration(truth: Path, found: Path) -> None:
    result = run(truth, found, "--protocol", "coco")
    assert result.exit_code == 0
    for words in ("AP75", "AR 100", "localisation", "background", "expected calibration error"):
        assert words in result.output


def test_json(truth: Path, found: Path) -> None:
    data = json.loads(run(truth, found, "--protocol", "voc10", "--json", "--class", "rose").output)
    assert data["summary"] == {"mAP": pytest.approx((2 * 1 + 2 * 4 / 7 + 5 / 10) / 5)}
    assert data["errors"]["kinds"]["background"]["count"] == 5
    assert data["confusion"]["counts"] == [[5, 0], [5, 0]]
    outcomes = [row["outcome"] for row in data["ranked"]["rows"]]
    assert outcomes == ["no hit" if rose == "-" else "hit" for rose in FOUND]


def test_figures_of_another_evaluator(truth: Path, found: Path) -> None:
    pytest.importorskip("faster_coco_eval")
    own, theirs = (
        json.loads(run(truth, found, "--engine", engine, "--json").output)
        for engine in ("built-in", "faster-coco-eval")
    )
    assert theirs["engine"] == "faster-coco-eval"
    assert theirs["summary"] == pytest.approx(own["summary"])
    result = run(truth, found, "--engine", "faster-coco-eval", "--protocol", "voc07")
    assert result.exit_code == 2
    assert "has the protocol coco only" in result.output


def test_a_page_that_escapes_what_files_say(truth: Path, found: Path, tmp_path: Path) -> None:
    for path in (truth, found):
        path.write_text(path.read_text("utf-8").replace("rose", "<b>rose"), encoding="utf-8")
    page = tmp_path / "page.html"
    assert run(truth, found, "--protocol", "voc07", "--html", page).exit_code == 0
    html = page.read_text(encoding="utf-8")
    assert "&lt;b&gt;rose" in html
    assert "<b>rose" not in html
    assert "<polyline" in html
    assert "<script" not in html


def test_records_that_are_left_out_are_told_and_give_status_1(truth: Path, found: Path) -> None:
    with found.open("a", encoding="utf-8") as file:
        file.write("\nhill.jpg,rose,0.5,1,1,2,2\n")
    result = run(truth, found)
    assert result.exit_code == 1
    told = " ".join(result.output.split())
    assert "1 record left out: about an image that the ground truth lacks" in told
    assert "found.csv,line12:hill.jpg" in told.replace(" ", "")  # the terminal breaks long lines
    result = run(truth, found, "--strict")
    assert result.exit_code == 2
    assert "hill.jpg" in result.stderr


def test_mistakes_end_with_status_2_and_a_sentence(
    truth: Path, found: Path, tmp_path: Path
) -> None:
    for arguments, said in (
        ((truth, truth), "no column for the score"),
        ((truth, tmp_path / "nothing.json"), "No such file"),
        ((truth, found, "--class", "roses"), "did you mean rose?"),
        ((truth, found, "--iou", "0.52"), "has no IoU threshold 0.52"),
        ((truth, found, "--html", truth), "would overwrite"),
    ):
        result = run(*arguments)
        assert result.exit_code == 2, result.output
        assert said in result.stderr


def test_shares_of_images_of_unknown_size_have_no_figures_by_size(tmp_path: Path) -> None:
    for folder, line in (("gt", "0 0.5 0.5 0.2 0.4"), ("found", "0 0.5 0.5 0.2 0.4 0.9")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.txt").write_text(line, encoding="utf-8")
    result = run(tmp_path / "gt", tmp_path / "found", "--json")
    assert result.exit_code == 0
    assert list(json.loads(result.output)["summary"]) == [
        "AP",
        "AP50",
        "AP75",
        "AR 1",
        "AR 10",
        "AR 100",
    ]
