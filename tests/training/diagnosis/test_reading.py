"""Logs in all formats, and what is wrong with bad ones."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tests.training.diagnosis.logs import events, lines, rows, sound, table

from backprove.training.diagnosis.columns import Role
from backprove.training.diagnosis.doctor import diagnose
from backprove.training.diagnosis.errors import LogError
from backprove.training.diagnosis.run import Facts, Run, load

LOSS = [2.3, 1.5, 0.9, 0.6, 0.5]
VAL = [2.2, 1.6, 1.1, 0.9, 0.8]


def read(path: Path) -> Run:
    return load(path, {}, Facts())


def values(run: Run, role: Role) -> list[float]:
    return [round(float(v), 5) for v in run.series[role].y]


def test_a_table_with_its_columns_by_name(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", {"Epoch": range(5), "Train Loss": LOSS, "Valid Loss": VAL})
    run = read(path)
    assert run.format == "CSV"
    assert run.axis == "epoch"
    assert values(run, Role.TRAIN_LOSS) == LOSS
    assert values(run, Role.VAL_LOSS) == VAL


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_separators(tmp_path: Path, separator: str) -> None:
    path = tmp_path / "a.txt"
    path.write_text(f"step{separator}loss\n0{separator}1.5\n1{separator}1.0\n", encoding="utf-8")
    assert values(read(path), Role.TRAIN_LOSS) == [1.5, 1.0]


def test_lightning_metrics_with_holes(tmp_path: Path) -> None:
    path = tmp_path / "lightning_logs" / "version_3"
    path.mkdir(parents=True)
    (path / "metrics.csv").write_text(
        "epoch,step,train_loss_step,train_loss_epoch,val_loss\n"
        "0,49,2.1,,\n0,99,1.9,,\n0,99,,,1.8\n0,99,,2.0,\n1,149,1.5,,\n1,199,1.2,,\n1,199,,,1.1\n",
        encoding="utf-8",
    )
    run = read(tmp_path)
    assert values(run, Role.TRAIN_LOSS) == [2.1, 1.9, 1.5, 1.2]
    assert values(run, Role.VAL_LOSS) == [1.8, 1.1]
    assert list(run.series[Role.VAL_LOSS].x) == [99, 199]


def test_rows_filled_with_nan_are_holes_and_no_numbers_that_broke(tmp_path: Path) -> None:
    train = [v for loss in LOSS for v in (loss, "NaN")]
    val = [v for loss in VAL for v in ("NaN", loss)]
    epoch = [e for e in range(5) for _ in range(2)]
    run = read(table(tmp_path / "a.csv", {"epoch": epoch, "train_loss": train, "val_loss": val}))
    assert values(run, Role.TRAIN_LOSS) == LOSS
    assert values(run, Role.VAL_LOSS) == VAL
    assert run.series[Role.TRAIN_LOSS].broken == 0


def test_a_loss_that_becomes_nan_is_no_hole(tmp_path: Path) -> None:
    run = read(
        table(tmp_path / "a.csv", {"step": range(6), "loss": [1, 2, 3, "nan", "nan", "nan"]})
    )
    series = run.series[Role.TRAIN_LOSS]
    assert (series.broken_at, series.broken, series.ends_broken) == (3, 3, True)


def test_rows_that_say_which_data_they_are_about(tmp_path: Path) -> None:
    both = [
        {"epoch": e, "split": s, "loss": v[e]}
        for e in range(5)
        for s, v in (("train", LOSS), ("valid", VAL))
    ]
    as_lines = read(lines(tmp_path / "a.jsonl", both))
    as_table = read(table(tmp_path / "a.csv", {k: [row[k] for row in both] for k in both[0]}))
    for run in (as_lines, as_table):
        assert values(run, Role.TRAIN_LOSS) == LOSS
        assert values(run, Role.VAL_LOSS) == VAL


def test_json_lines_with_a_torn_end(tmp_path: Path) -> None:
    path = lines(tmp_path / "a.jsonl", [{"step": k, "loss": v} for k, v in enumerate(LOSS)])
    with path.open("a", encoding="utf-8") as file:
        file.write('{"step": 5, "lo')
    run = read(path)
    assert values(run, Role.TRAIN_LOSS) == LOSS
    assert "line 6" in run.notes[0]


def test_a_row_that_is_cut_off_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("step,loss,val_loss\n0,2.5,2.6\n1,2.4,2.5\n2,0.0000", encoding="utf-8")
    assert values(read(path), Role.TRAIN_LOSS) == [2.5, 2.4]


def test_nested_json_lines(tmp_path: Path) -> None:
    path = lines(tmp_path / "a.jsonl", [{"step": 0, "train": {"loss": 2.0}, "val": {"loss": 2.5}}])
    run = read(path)
    assert values(run, Role.TRAIN_LOSS) == [2.0]
    assert values(run, Role.VAL_LOSS) == [2.5]


def test_hugging_face_leaves_the_summary_out(tmp_path: Path) -> None:
    history = [{"loss": v, "grad_norm": 1.0, "learning_rate": 1e-3, "epoch": k / 2, "step": 10 * k}
               for k, v in enumerate(LOSS, 1)]  # fmt: skip
    history += [{"eval_loss": 0.8, "eval_accuracy": 0.7, "epoch": 2.5, "step": 50}]
    history += [{"train_loss": 1.2, "train_runtime": 9.0, "total_flos": 1.0, "step": 50}]
    state = {"best_metric": None, "log_history": history, "max_steps": 50}
    (tmp_path / "trainer_state.json").write_text(json.dumps(state, indent=2), encoding="utf-8")
    run = read(tmp_path)
    assert values(run, Role.TRAIN_LOSS) == LOSS
    assert values(run, Role.VAL_ACC) == [0.7]
    assert run.period == pytest.approx(20)


def test_hugging_face_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "trainer_state.json"
    path.write_text(
        '{"log_history": [{"loss": 2.0, "step": 1}, {"loss": 1.5, "st', encoding="utf-8"
    )
    run = read(path)
    assert values(run, Role.TRAIN_LOSS) == [2.0]
    assert "log_history" in run.notes[0]


def test_keras_history(tmp_path: Path) -> None:
    path = tmp_path / "history.json"
    history = {
        "loss": LOSS,
        "accuracy": [0.1, 0.3, 0.5, 0.6, 0.7],
        "val_loss": VAL,
        "lr": [0.1] * 5,
    }
    path.write_text(json.dumps(history), encoding="utf-8")
    run = read(path)
    assert run.axis == "epoch"
    assert values(run, Role.TRAIN_LOSS) == LOSS
    assert values(run, Role.VAL_LOSS) == VAL
    assert run.columns["lr"] == "lr"


@pytest.mark.parametrize("tensors", [False, True])
def test_tensorboard(tmp_path: Path, tensors: bool) -> None:
    points = [
        (k, tag, v[k]) for k in range(5) for tag, v in (("Loss/train", LOSS), ("Loss/val", VAL))
    ]
    run = read(events(tmp_path / "events.out.tfevents.1", points, tensors=tensors))
    assert run.format == "TensorBoard events"
    assert values(run, Role.TRAIN_LOSS) == LOSS
    assert values(run, Role.VAL_LOSS) == VAL


def test_tensorboard_folders_of_keras(tmp_path: Path) -> None:
    for folder, curve in (("train", LOSS), ("validation", VAL)):
        (tmp_path / folder).mkdir()
        points = [(k, "epoch_loss", v) for k, v in enumerate(curve)]
        events(tmp_path / folder / "events.out.tfevents.1", points, tensors=True)
    run = read(tmp_path)
    assert values(run, Role.TRAIN_LOSS) == LOSS
    assert values(run, Role.VAL_LOSS) == VAL
    assert run.notes == []


def test_tensorboard_cut_off_anywhere(tmp_path: Path) -> None:
    whole = events(tmp_path / "events.out.tfevents.1", [(k, "loss", v) for k, v in enumerate(LOSS)])
    data = whole.read_bytes()
    for end in range(len(data) - 1, 60, -7):
        part = tmp_path / "events.out.tfevents.2"
        part.write_bytes(data[:end])
        try:
            run = read(part)
        except LogError:
            continue  # before the first scalar is whole
        found = values(run, Role.TRAIN_LOSS)
        assert found == LOSS[: len(found)]


def test_a_resumed_run_counts_as_written_last(tmp_path: Path) -> None:
    step = [*range(10), *range(6, 16)]
    loss = [1.0] * 10 + [0.5] * 10
    run = read(table(tmp_path / "a.csv", {"step": step, "loss": loss}))
    assert list(run.series[Role.TRAIN_LOSS].x) == list(range(16))
    assert values(run, Role.TRAIN_LOSS) == [1.0] * 6 + [0.5] * 10
    assert "resumed" in run.notes[0]


def test_unordered_steps_are_sorted(tmp_path: Path) -> None:
    order = np.random.default_rng(0).permutation(60)
    run = read(table(tmp_path / "a.csv", {"step": order, "loss": 1 / (1 + order)}))
    assert (np.diff(run.series[Role.TRAIN_LOSS].x) > 0).all()
    assert (np.diff(run.series[Role.TRAIN_LOSS].y) < 0).all()
    assert "no order" in run.notes[0]


def test_steps_that_repeat_lie_side_by_side(tmp_path: Path) -> None:
    run = read(table(tmp_path / "a.csv", {"epoch": [0, 0, 0, 1, 1, 1], "loss": [6, 5, 4, 3, 2, 1]}))
    assert values(run, Role.TRAIN_LOSS) == [6, 5, 4, 3, 2, 1]
    assert (np.diff(run.series[Role.TRAIN_LOSS].x) > 0).all()


def test_percent_are_shares(tmp_path: Path) -> None:
    run = read(
        table(tmp_path / "a.csv", {"epoch": range(3), "loss": LOSS[:3], "acc": [10, 50, 90]})
    )
    assert values(run, Role.TRAIN_ACC) == [0.1, 0.5, 0.9]
    assert "percent" in run.notes[0]


def test_long_logs_are_summed_up_in_bounded_memory(tmp_path: Path) -> None:
    n = 40_000
    x = np.arange(n)
    path = table(tmp_path / "a.csv", {"step": x, "loss": np.where(x == 31_234, 50.0, 1 + x / n)})
    series = read(path).series[Role.TRAIN_LOSS]
    assert len(series) <= 8192
    assert series.count.sum() == n
    assert series.high.max() == 50.0  # a single spike is not lost
    assert series.y[-1] == pytest.approx(2, abs=0.01)
    assert len(series.head) == len(series.tail) == 4096
    assert series.tail[-1, 0] == n - 1


def test_columns_as_the_user_says(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", {"t": range(5), "foo": LOSS, "bar": VAL})
    made = diagnose(path, "step=t, train_loss=foo, val_loss=bar")
    assert made.run.axis == "step"
    assert values(made.run, Role.VAL_LOSS) == VAL


def test_formats_do_not_matter(tmp_path: Path) -> None:
    columns = sound()
    first = diagnose(table(tmp_path / "a.csv", columns))
    second = diagnose(lines(tmp_path / "a.jsonl", rows(columns)))
    assert first.healthy
    assert [f.summary for f in first.remarks] == [f.summary for f in second.remarks]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"", "empty"),
        ("a.csv", b" \n\n", "empty"),
        ("a.csv", b"1,2\n3,4\n", "line 1"),
        ("a.csv", b"name,colour\na,b\n", "--columns"),
        ("a.csv", b"epoch,loss\n", "--columns"),
        ("a.csv", b"\x1f\x8b\x08" + b"x" * 99, "archive"),
        ("a.bin", bytes(500), "binary"),
        ("a.json", b"[1, 2]", "no form"),
        ("a.json", b'{"loss": [1,', "not JSON"),
        ("a.jsonl", b'{"a": 1}\nfoo\nbar\nbaz\nqux\nquux\n', "line 2"),
        ("x.tfevents", b"garbage" * 9, "checksum"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(LogError, match=said) as error:
        read(path)
    assert name in str(error.value)


def test_wrong_columns_are_refused(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", {"epoch": range(5), "loss": LOSS})
    with pytest.raises(LogError, match="no role 'foo'"):
        diagnose(path, "foo=loss")
    with pytest.raises(LogError, match="no column 'bar'"):
        diagnose(path, "train_loss=bar")
    with pytest.raises(LogError, match="role=column"):
        diagnose(path, "train_loss")


def test_a_folder_of_several_logs_asks_which(tmp_path: Path) -> None:
    table(tmp_path / "a.csv", {"epoch": range(5), "loss": LOSS})
    table(tmp_path / "b.csv", {"epoch": range(5), "loss": LOSS})
    with pytest.raises(LogError, match="say which"):
        read(tmp_path)
