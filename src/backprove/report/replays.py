"""The scripts that show wrong claims to be wrong, as files."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from backprove.course.checking import DocumentReport


def write_replays(report: DocumentReport, folder: Path) -> list[Path]:
    """A script for every wrong claim that has one, named by its line: `line-12.py`."""
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    seen: Counter[int] = Counter()
    for result in report.results:
        evidence = result.verdict.evidence
        if evidence is None or not evidence.replay:
            continue
        seen[result.line] += 1
        again = f"-{seen[result.line]}" if seen[result.line] > 1 else ""
        path = folder / f"line-{result.line}{again}.py"
        path.write_text(evidence.replay, encoding="utf-8")
        written.append(path)
    return written
