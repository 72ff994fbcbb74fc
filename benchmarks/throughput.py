"""How many claims a second are judged, in how much memory, beside Math-Verify where both can.

    python benchmarks/throughput.py [--claims N] [--wrong N] [--long N] [--math-verify PYTHON]

One process on one core judges claims that hold and wrong ones about twenty models (classroom.py),
from their text to the verdict; models are warm, as in a class. `--long` judges that many claims
in one process and shows its memory. Math-Verify is measured where `--math-verify` (or the variable
MATH_VERIFY) names a Python that has it. Tables are printed and kept in results/throughput.md.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from random import Random

import numpy
from classroom import LESSONS, scalar_pairs, true_claims, wrong_claims

import backprove
from backprove.judge.collection import Worlds, answer, judge_record

HERE = Path(__file__).resolve().parent
RESULT = HERE / "results" / "throughput.md"
EVERY = 10_000
#: one claim in so many is wrong in the long run
WRONG = 50
#: pairs that Math-Verify, which is slow, is asked about
PAIRS = 300


@dataclass
class Measured:
    """What judging some claims took."""

    seconds: float = 0.0
    wall: float = 0.0
    verdicts: Counter[str] = field(default_factory=Counter[str])
    named: int = 0
    slowest: float = 0.0

    @property
    def claims(self) -> int:
        return self.verdicts.total()

    @property
    def rate(self) -> float:
        return self.claims / self.seconds

    def judge(self, model: str, claim: str, worlds: Worlds, kinds: tuple[str, ...] = ()) -> str:
        record = {"model": model, "claim": claim}
        wall, start = time.perf_counter(), time.process_time()
        found = answer(judge_record(record, worlds, guard=True))
        took = time.process_time() - start
        self.wall += time.perf_counter() - wall
        self.seconds += took
        self.slowest = max(self.slowest, took)
        self.verdicts[found["verdict"]] += 1
        self.named += found.get("mistake") in kinds
        return found["verdict"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--claims", type=int, default=10_000, help="claims that hold")
    parser.add_argument("--wrong", type=int, default=1_000)
    parser.add_argument("--long", type=int, default=0, help="claims of the long run")
    parser.add_argument("--math-verify", default=os.environ.get("MATH_VERIFY", ""))
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    parts = [_speed(arguments.claims, arguments.wrong, arguments.seed)]
    parts.append(_beside(arguments.math_verify, arguments.seed))
    if arguments.long:
        parts.append(_memory(arguments.long, arguments.seed))
    text = f"# Throughput\n\n{_setting()}\n\n" + "\n\n".join(p for p in parts if p) + "\n"
    print(text)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(text, encoding="utf-8")
    return 0


def _warm() -> Worlds:
    """Worlds of all models, each of which has judged a few claims."""
    worlds = Worlds()
    for lesson, claim in islice(true_claims(Random(99)), 3 * len(LESSONS)):
        Measured().judge(lesson.model, claim, worlds)
    return worlds


def _speed(claims: int, wrong: int, seed: int) -> str:
    worlds = _warm()
    holds, fails = Measured(), Measured()
    for lesson, claim in islice(true_claims(Random(seed)), claims):
        holds.judge(lesson.model, claim, worlds)
    for lesson, claim, kinds in islice(wrong_claims(Random(seed)), wrong):
        fails.judge(lesson.model, claim, worlds, kinds)
    rows = [
        ("claims", "number", "claims/s", "claims/s by the clock", "slowest, s", "verdicts"),
        _row("that hold", holds),
        _row("wrong by one mistake", fails),
    ]
    share = f"{fails.named}/{fails.claims} ({100 * fails.named / max(1, fails.claims):.1f}%)"
    return f"{_table(rows)}\n\nMistakes named as they were made: {share}."


def _row(name: str, found: Measured) -> tuple[str, ...]:
    verdicts = ", ".join(f"{n} {kind}" for kind, n in found.verdicts.most_common())
    by_clock = found.claims / found.wall
    return (
        name,
        str(found.claims),
        f"{found.rate:.0f}",
        f"{by_clock:.0f}",
        f"{found.slowest:.2f}",
        verdicts,
    )


# --- Math-Verify ------------------------------------------------------------------------------

COMPARER = """
import json, sys, time
from math_verify import parse, verify
pairs = json.load(sys.stdin)
verify(parse("$x+1$"), parse("$1+x$"))
answers, start = [], time.process_time()
for truth, said in pairs:
    answers.append(bool(verify(parse(f"${truth}$"), parse(f"${said}$"))))
json.dump({"seconds": time.process_time() - start, "answers": answers}, sys.stdout)
"""


def _beside(python: str, seed: int) -> str:
    pairs = list(islice(scalar_pairs(Random(seed)), PAIRS))
    worlds = _warm()
    ours = Measured()
    right = 0
    times: dict[bool, float] = {True: 0.0, False: 0.0}
    for lesson, claim, _, _, holds in pairs:
        before = ours.seconds
        verdict = ours.judge(lesson.model, claim, worlds)
        times[holds] += ours.seconds - before
        right += (verdict == "correct") == holds
    true = sum(holds for *_, holds in pairs)
    rows = [
        ("on scalar claims", "right", "ms a claim", "that hold", "wrong"),
        (
            f"Backprove {backprove.__version__}, which also derives, and names mistakes",
            f"{right}/{len(pairs)} ({100 * right / len(pairs):.1f}%)",
            f"{1000 * ours.seconds / len(pairs):.2f}",
            f"{1000 * times[True] / true:.2f}",
            f"{1000 * times[False] / (len(pairs) - true):.2f}",
        ),
    ]
    note = "Math-Verify was not measured: name a Python that has it with --math-verify."
    if python:
        rows.append(_math_verify(python, pairs))
        note = (
            "Math-Verify is given the true right side and the claimed one and compares them; "
            "Backprove is given the claim and derives the truth itself."
        )
    return f"{_table(rows)}\n\n{note}"


def _math_verify(python: str, pairs: list[tuple[object, str, str, str, bool]]) -> tuple[str, ...]:
    version = _run(python, "import importlib.metadata as m; print(m.version('math-verify'))", "")
    kinds = {
        kind: [(truth, said) for _, _, truth, said, holds in pairs if holds == kind]
        for kind in (True, False)
    }
    found = {
        kind: json.loads(_run(python, COMPARER, json.dumps(some))) for kind, some in kinds.items()
    }
    right = sum(answer == kind for kind in found for answer in found[kind]["answers"])
    seconds = {kind: found[kind]["seconds"] / len(kinds[kind]) for kind in found}
    return (
        f"Math-Verify {version.strip()}",
        f"{right}/{len(pairs)} ({100 * right / len(pairs):.1f}%)",
        f"{1000 * sum(f['seconds'] for f in found.values()) / len(pairs):.2f}",
        f"{1000 * seconds[True]:.2f}",
        f"{1000 * seconds[False]:.2f}",
    )


def _run(python: str, code: str, given: str) -> str:
    clean = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    return subprocess.run(
        [python, "-c", code], input=given, capture_output=True, text=True, check=True, env=clean
    ).stdout


# --- memory -----------------------------------------------------------------------------------


def _memory(claims: int, seed: int) -> str:
    """Many claims that hold and a few that are wrong, all different, in one process."""
    worlds = Worlds()
    random = Random(seed + 1)
    holds, fails = true_claims(random), wrong_claims(random)
    done, before = Measured(), 0.0
    rows = [("claims", "memory, MB", "claims/s")]
    while done.claims < claims:
        if done.claims % WRONG == WRONG - 1:
            lesson, claim, _ = next(fails)
        else:
            lesson, claim = next(holds)
        done.judge(lesson.model, claim, worlds)
        if done.claims % EVERY == 0:
            rows.append(
                (str(done.claims), f"{_resident():.0f}", f"{EVERY / (done.seconds - before):.0f}")
            )
            before = done.seconds
            print(*rows[-1], file=sys.stderr, flush=True)
    verdicts = ", ".join(f"{n} {kind}" for kind, n in done.verdicts.most_common())
    return f"{_table(rows)}\n\nA long run, one claim in {WRONG} wrong: {verdicts}."


def _resident() -> float:
    """Megabytes of memory in use; without /proc the most that were."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20
    except OSError:
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def _table(rows: list[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in rows]
    lines.insert(1, "| " + " | ".join("-" * width for width in widths) + " |")
    return "\n".join(lines)


def _setting() -> str:
    return (
        f"Backprove {backprove.__version__}, NumPy {numpy.__version__}, Python "
        f"{platform.python_version()}, {platform.machine()} with {os.cpu_count()} cores; one "
        "process on one core; processor time unless it says the clock. Whole path, from "
        f"the claim's text to the answer's data; {len(LESSONS)} models, warm; all claims differ."
    )


if __name__ == "__main__":
    sys.exit(main())
