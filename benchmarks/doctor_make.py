"""Make the doctor's runs: logs that it may read, and beside them what was done to each.

    python benchmarks/doctor_make.py FOLDER [--first]

A run that is there already is not made again. FOLDER/ID/ holds the log, FOLDER/ID.json the kind,
the setting and the facts that a person who reads the log could know (`facts`).
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
from doctor_faults import KINDS, described
from doctor_logs import write
from doctor_runs import held_back, made, seed_of

#: part of every run's name, and so of its seed: with another letter all runs are new ones
EDITION = "d"


def make(folder: Path, second: bool = True) -> float:
    """Make what is missing of a half; the processor's seconds that its runs took, also those made before."""
    torch.set_num_threads(1)
    folder.mkdir(parents=True, exist_ok=True)
    missing: list[str] = []
    total = 0.0
    for kind, (draw, bites, runs) in KINDS.items():
        names = [f"{kind}-{EDITION}{number:03d}" for number in range(runs)]
        later = held_back(names)
        for name in (name for name in names if (name in later) == second):
            note = folder / f"{name}.json"
            if note.exists():
                total += json.loads(note.read_text(encoding="utf-8"))["seconds"]
                continue
            begun = time.process_time()
            found = made(name, draw, bites)
            if found is None:
                missing.append(name)
                continue
            setting, trace, attempt = found
            chosen = write(trace, kind, folder / name, np.random.default_rng(seed_of(name, 99)))
            facts = {"classes": trace.classes, "majority": round(trace.truth["majority"], 6)}
            seconds = time.process_time() - begun
            total += seconds
            content = {
                "kind": kind,
                "held_back": name in later,
                "attempt": attempt,
                "seconds": seconds,
                "facts": facts,
                "log": chosen,
                "setting": described(setting),
            }
            note.write_text(json.dumps(content), encoding="utf-8")
        print(f"{kind}: {total:.0f} s in all", file=sys.stderr)
    if missing:
        print(f"never bit in twelve draws: {', '.join(missing)}", file=sys.stderr)
    return total


if __name__ == "__main__":
    make(Path(sys.argv[1]), "--first" not in sys.argv)
