"""Which format a log has, found from its content rather than its name; folders of logs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from backprove.training.diagnosis.errors import LogError
from backprove.training.diagnosis.reading.blocks import Block
from backprove.training.diagnosis.reading.documents import read_document
from backprove.training.diagnosis.reading.events import read_events
from backprove.training.diagnosis.reading.lines import read_lines
from backprove.training.diagnosis.reading.table import read_table

_EVENTS = "tfevents"
#: what a folder's log may be called, the first that is there is read
_NAMES = ("metrics.csv", "trainer_state.json", "history.json", "training.log", "log.csv",
          "log.jsonl", "*.jsonl", "*.csv", "*.json")  # fmt: skip


def find(run: Path) -> tuple[str, list[Path]]:
    """The format of a run's log and its files.

    Raises:
        LogError: if there is no log, or it has no format that is known.
    """
    if run.is_dir():
        return _in_folder(run)
    if not run.exists():
        raise LogError(f"{run}: there is no such file or folder")
    if run.stat().st_size == 0:
        raise LogError(f"{run} is empty")
    return _format(run), [run]


def read(kind: str, files: list[Path], root: Path, notes: list[str]) -> Iterator[Block]:
    """The blocks of a log's files, one after the other."""
    for path in files:
        if kind == "TensorBoard events":
            # Keras and PyTorch's add_scalars put what belongs together into folders of their own
            inside = path.parent.relative_to(root).as_posix() if root.is_dir() else "."
            yield from read_events(path, notes, "" if inside == "." else f"{inside}/")
        elif kind == "CSV":
            yield from read_table(path, notes)
        elif kind == "JSON lines":
            yield from read_lines(path, notes)
        else:
            yield from read_document(path, notes)


def _in_folder(folder: Path) -> tuple[str, list[Path]]:
    events = sorted(p for p in folder.rglob(f"*{_EVENTS}*") if p.is_file() and p.stat().st_size)
    if events:
        return "TensorBoard events", events
    for pattern in _NAMES:
        found = [p for p in folder.rglob(pattern) if p.is_file() and p.stat().st_size]
        if pattern in ("metrics.csv", "trainer_state.json") and found:
            # the version or checkpoint with the greatest number holds the whole history
            found = [max(found, key=lambda p: [int(n) for n in re.findall(r"\d+", str(p))] or [0])]
        if len(found) > 1:
            names = ", ".join(sorted(str(p.relative_to(folder)) for p in found)[:4])
            raise LogError(f"{folder} has {len(found)} logs ({names}): say which one")
        if found:
            return _format(found[0]), found
    raise LogError(f"{folder}: no log in it; known are TensorBoard event files, metrics.csv, "
                   "trainer_state.json, and other CSV, JSON and JSON lines")  # fmt: skip


def _format(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(1 << 16)
    if _EVENTS in path.name or (start[8:12] and b"brain.Event" in start[:64]):
        return "TensorBoard events"
    if start[:2] in (b"\x1f\x8b", b"PK") or start[:4] in (b"\x89PNG", b"%PDF", b"PAR1", b"\x89HDF"):
        raise LogError(f"{path} is an archive, a picture or another binary file, not a log; known are "
                       "CSV, JSON lines, JSON and TensorBoard event files")  # fmt: skip
    if start.count(b"\0") > len(start) // 4:
        raise LogError(f"{path} is a binary file of no kind that is known")
    text = start.decode("utf-8-sig", errors="replace").lstrip()
    if not text:
        raise LogError(f"{path} is empty but for white space")
    if text[0] == "[":
        return "JSON"
    if text[0] == "{":
        line = text.split("\n", 1)[0].rstrip()
        whole = line.endswith("}") and (
            "\n{" in text.replace("\r", "") or not re.search(r":\s*\[", line)
        )
        return "JSON lines" if whole else "JSON"
    return "CSV"
