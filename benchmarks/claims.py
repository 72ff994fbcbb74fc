"""How far the judge agrees with labelled claim collections, and how fast it is.

    python benchmarks/claims.py [FOLDER …] [-v]

Judges every collection (NOTATION, section 7) in the folders, prints a table for each, and writes
them to benchmarks/results/claims.md. Without a folder: ../shared/claims, where it is, and the
tests' own collections. With -v every answer that differs from its label is listed.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from pathlib import Path

import numpy

import backprove
from backprove.judge.collection import judge_file
from backprove.report.tally import Tally, share

HERE = Path(__file__).resolve().parent
DEFAULT = (
    HERE.parent.parent / "shared" / "claims",
    HERE.parent / "tests" / "claims" / "collections",
)
RESULT = HERE / "results" / "claims.md"
HEAD = (
    "collection",
    "claims",
    "accepted/partly/not",
    "verdict",
    "mistake",
    "wrong accepted",
    "claims/s",
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folders", nargs="*", type=Path, default=list(DEFAULT))
    parser.add_argument("-v", "--verbose", action="store_true", help="list the disagreements")
    arguments = parser.parse_args()
    tables: list[str] = []
    for folder in arguments.folders:
        files = sorted(folder.glob("*.jsonl")) if folder.is_dir() else []
        if files:
            table = _folder(files, arguments.verbose)
            tables.append(f"## {folder.parent.name}/{folder.name}\n\n{table}")
            print(tables[-1], end="\n\n")
    if not tables:
        print("There are no labelled collections here. Name their folder:")
        print("    make bench-claims CLAIMS=path/to/folder")
        return 0
    RESULT.parent.mkdir(exist_ok=True)
    text = "\n\n".join(["# Agreement with the labelled claims", _setting(), *tables])
    RESULT.write_text(text + "\n", encoding="utf-8")
    return 0


def _folder(files: list[Path], verbose: bool) -> str:
    """The table of one folder's collections."""
    total, all_seconds = Tally(), 0.0
    rows: list[tuple[str, ...]] = []
    _warm(files[0])
    for file in files:
        tally = Tally()
        seconds = _run(file, tally, total)
        all_seconds += seconds
        rows.append(_row(file.stem, tally, seconds))
        print(f"{file.stem}: {tally.summary()}\n", file=sys.stderr)
        for miss in tally.misses if verbose else ():
            print(f"    {miss.id}: expected {miss.expected}, got {miss.got}. {miss.reason}")
    rows.append(_row("all", total, all_seconds))
    return _table(rows)


def _warm(file: Path) -> None:
    """Judge one claim, so that imports are not timed."""
    lines = file.read_text(encoding="utf-8").splitlines()[:1]
    for _ in judge_file(lines):
        pass


def _run(file: Path, *tallies: Tally) -> float:
    """The seconds that one collection took."""
    lines = [line for line in file.read_text(encoding="utf-8").split("\n") if line.strip()]
    start = time.process_time()
    answers = list(judge_file(lines))
    seconds = time.process_time() - start
    for line, answer in zip(lines, answers, strict=True):
        for tally in tallies:
            tally.add(line, answer)
    return seconds


def _row(name: str, tally: Tally, seconds: float) -> tuple[str, ...]:
    return (
        name,
        str(tally.claims),
        share(tally.grouped, tally.labelled),
        share(tally.exact, tally.labelled),
        share(tally.named, tally.wrongs),
        str(tally.wrong_accepted),
        f"{tally.claims / seconds:.1f}",
    )


def _table(rows: list[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(HEAD, *rows, strict=True)]
    lines = ["| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in (HEAD, *rows)]
    lines.insert(1, "| " + " | ".join("-" * width for width in widths) + " |")
    return "\n".join(lines)


def _setting() -> str:
    return (
        f"Backprove {backprove.__version__}, NumPy {numpy.__version__}, Python "
        f"{platform.python_version()}, {platform.machine()} with {os.cpu_count()} cores; one "
        "process, models cold, in seconds of processor time. *Mistake* counts "
        "the kinds named among the wrong claims found wrong."
    )


if __name__ == "__main__":
    sys.exit(main())
