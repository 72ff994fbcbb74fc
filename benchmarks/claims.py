"""How far the judge agrees with labelled claim collections, and how fast it is.

    python benchmarks/claims.py [FOLDER] [-v]

Judges every collection (NOTATION, section 7) in the folder, prints a table, and writes it to
benchmarks/results/claims.md. With -v every answer that differs from its label is listed.
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
DEFAULT = HERE.parent.parent / "shared" / "claims"
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
    parser.add_argument("folder", nargs="?", type=Path, default=DEFAULT)
    parser.add_argument("-v", "--verbose", action="store_true", help="list the disagreements")
    arguments = parser.parse_args()
    files = sorted(arguments.folder.glob("*.jsonl")) if arguments.folder.is_dir() else []
    if not files:
        print("There are no labelled collections here. Name their folder:")
        print("    make bench-claims CLAIMS=path/to/folder")
        return 0
    total, all_seconds = Tally(), 0.0
    rows: list[tuple[str, ...]] = []
    _warm(files[0])
    for file in files:
        tally = Tally()
        seconds = _run(file, tally, total)
        all_seconds += seconds
        rows.append(_row(file.stem, tally, seconds))
        print(f"{file.stem}: {tally.summary()}\n", file=sys.stderr)
        if arguments.verbose:
            for miss in tally.misses:
                print(f"    {miss.id}: expected {miss.expected}, got {miss.got}. {miss.reason}")
    rows.append(_row("all", total, all_seconds))
    table = _table(rows)
    print(table)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(f"# Agreement with the labelled claims\n\n{_setting()}\n\n{table}\n")
    return 0


def _warm(file: Path) -> None:
    """Judge one claim, so that imports are not timed."""
    lines = file.read_text(encoding="utf-8").splitlines()[:1]
    for _ in judge_file(lines):
        pass


def _run(file: Path, *tallies: Tally) -> float:
    """The seconds that one collection took."""
    lines = [line for line in file.read_text(encoding="utf-8").split("\n") if line.strip()]
    start = time.perf_counter()
    answers = list(judge_file(lines))
    seconds = time.perf_counter() - start
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
        "process, warm. *Mistake* counts the kinds named among the wrong claims found wrong."
    )


if __name__ == "__main__":
    sys.exit(main())
