"""Looks for crashes and hangs: the reader and the judge on broken claims and models.

    python benchmarks/fuzz.py [--seconds N] [--seed N] [FOLDER …]

Takes the claim collections in the folders (by default the tests' own, and ../shared/claims), breaks
their models and claims, and judges them. Anything but a verdict, a `BackproveError` or a
`ReadError` counts as a failure, and so does a claim of more than four seconds (of processor time).
Failures are made small and listed, one for each place. With atheris installed it guides the
search by what is reached; else Hypothesis chooses.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

try:
    import atheris
except ImportError:
    atheris = None

with atheris.instrument_imports(include=["backprove"]) if atheris else contextlib.nullcontext():
    from backprove.errors import BackproveError
    from backprove.judge.collection import Worlds
    from backprove.judge.session import Session
    from backprove.judge.watch import TimeUp, watched
    from backprove.judge.world import World
    from backprove.model.text import read_model
    from backprove.notation import ReadError, read_line

HERE = Path(__file__).resolve().parent
FOLDERS = (HERE.parent / "tests" / "claims" / "collections", HERE.parent.parent / "shared/claims")
LONGEST = 4.0
BUDGET = 1.0
TOKEN = re.compile(r"\\[A-Za-z]+|\\.|[A-Za-z]+|[0-9.]+|\n|\s+|.", re.DOTALL)
WORDS = r"""
    = ≈ ∈ in + - −  * / ^ _ ^2 ^T ^{-1} ^{-T} ' ⊙ ∘ ⊗ ⊘ × · .* ./ ( ) [ ] { } ⟨ ⟩ | ‖ , ; : … ..
    0 1 2 3 -1 0.5 1/2 1e9 99999999999999999999 1e400 0.0 for where let and if otherwise T n t i
    t-1 t+1 2t h_t h_{t-1} h_0 x_i W_{ij} sum_{i=1}^{n} \sum_i \prod_{t=1}^{T} sum prod diag tr det
    inv I 1 ones exp log softmax sigmoid σ' tanh relu' max min norm vec mean var logdet ∂ d ∂⁺ ∇ ∇²
    ∂E/∂W dL/dx \frac \frac{ \partial \nabla \left( \right) \begin{cases} \end{cases}
    \begin{bmatrix} \end{bmatrix} & \\ \text{if} \mathbb{R} R^n R^{n\times m} \hat{x} \top \, \sqrt
    \mathrm δ_{ij} one-hot simplex symmetric conv( stride=0 conv_size( average_precision( TFT iou(
    # $ % ~ ^{ _{ '' \x00 é 𝛿 ² ₜ ᵀ ‾ <math> </math> 1[i=j] [1,2,3] [[1,2],[3,4]] [a;b] {a if x>0;
"""
SOUP = tuple(WORDS.split())


@dataclass
class Found:
    """Failures by the place where they come up, the shortest model and claim of each."""

    known: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    tried: int = 0
    slowest: float = 0.0

    def add(self, place: str, model: str, claim: str, words: str) -> None:
        before = self.known.get(place)
        if before is None:
            print(f"failure {len(self.known) + 1}: {place}", file=sys.stderr, flush=True)
        if before is None or len(model) + len(claim) < len(before[0]) + len(before[1]):
            self.known[place] = (model, claim, words)


def records(folders: list[Path]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for folder in folders:
        for file in sorted(folder.glob("*.jsonl")):
            for line in file.read_text(encoding="utf-8").splitlines():
                record = json.loads(line)
                found.append((record.get("model", ""), record["claim"]))
    return found


Pick = Callable[[int], int]


def broken(text: str, others: list[str], pick: Pick) -> str:
    """A text with a few changes; `pick(n)` chooses a number below n."""
    tokens = TOKEN.findall(text)
    for _ in range(1 + pick(4)):
        at = pick(len(tokens) + 1)
        match pick(9):
            case 0:
                del tokens[at : at + 1 + pick(3)]
            case 1 | 2:
                tokens.insert(at, SOUP[pick(len(SOUP))])
            case 3:
                tokens[at : at + 1] = [SOUP[pick(len(SOUP))]]
            case 4:
                tokens[at:at] = tokens[at : at + 1 + pick(8)]
            case 5:
                other = pick(len(tokens) + 1)
                low, high = sorted((at, other))
                tokens[low:high] = reversed(tokens[low:high])
            case 6:
                donor = TOKEN.findall(others[pick(len(others))])
                start = pick(len(donor) + 1)
                tokens[at:at] = donor[start : start + 1 + pick(12)]
            case 7:
                open_, close = ("()", "[]", "{}", ("∂", "/∂x"))[pick(4)]
                tokens[at:at] = [open_] * (1 + pick(3) ** 5)
                tokens += [close] * pick(3)
            case _:
                if tokens:
                    other = pick(len(tokens))
                    tokens[at : at + 1] = [tokens[other]]
    return "".join(tokens)[:2000]


def attempt(model: str, claim: str, worlds: Worlds | None = None) -> tuple[str, str] | None:
    """What goes wrong with this model and claim: its place, and the traceback."""
    try:
        with watched(4 * LONGEST):
            start = time.process_time()
            _judge(model, claim, worlds)
            took = time.process_time() - start
        if took > LONGEST:
            return f"slow: more than {LONGEST:.0f} s", f"{took:.1f} s"
    except TimeUp:
        return "hang at " + _place(), traceback.format_exc(limit=-12)
    except Exception:
        return _place(), traceback.format_exc(limit=-8)
    return None


def _judge(model: str, claim: str, worlds: Worlds | None) -> None:
    with contextlib.suppress(ReadError):
        read_line(claim)
    try:
        world = worlds.get(model) if worlds else World(read_model(model))
    except BackproveError:
        return
    verdict = Session(world, BUDGET).check(claim)
    if verdict is not None and str(verdict.verdict) == "withheld":
        raise AssertionError(f"withheld: {verdict.reason}")
    if verdict is not None:
        json.dumps(verdict.as_dict(), default=str)


def _place() -> str:
    kind, error, trace = sys.exc_info()
    frames = [f for f in traceback.extract_tb(trace) if "backprove" in f.filename]
    name = kind.__name__ if kind else ""
    if kind is RecursionError and frames:
        return f"{name} in {Path(frames[-1].filename).name}"
    if kind is AssertionError and error is not None and "withheld" in str(error):
        return "withheld"
    where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno} {frames[-1].name}"
    return f"{name} at {where}"


def smaller(model: str, claim: str, place: str, seconds: float) -> tuple[str, str]:
    """The same failure with less text."""
    until = time.monotonic() + seconds
    parts = [TOKEN.findall(model), TOKEN.findall(claim)]
    step = max(map(len, parts))
    while step and time.monotonic() < until:
        changed = False
        for which in (0, 1):
            at = 0
            while at < len(parts[which]) and time.monotonic() < until:
                less = [*parts[which][:at], *parts[which][at + step :]]
                texts = ["".join(p) for p in parts]
                texts[which] = "".join(less)
                found = attempt(texts[0], texts[1])
                if found is not None and found[0] == place:
                    parts[which], changed = less, True
                else:
                    at += step
        step = step if changed and step == 1 else step // 2
    return "".join(parts[0]), "".join(parts[1])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folders", nargs="*", type=Path, default=list(FOLDERS))
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--hypothesis", action="store_true", help="also where atheris is there")
    arguments = parser.parse_args()
    known = records(arguments.folders)
    texts = [text for record in known for text in record if text]
    found, worlds = Found(), Worlds(200)

    def one(pick: Pick) -> None:
        model, claim = known[pick(len(known))]
        what = pick(5)
        if what == 4:
            model = broken(model, texts, pick)
        if what != 3:
            claim = broken(claim, texts, pick)
        else:
            claim = " ".join(SOUP[pick(len(SOUP))] for _ in range(1 + pick(12)))
        found.tried += 1
        before = time.process_time()
        failure = attempt(model, claim, worlds if what != 4 else None)
        found.slowest = max(found.slowest, time.process_time() - before)
        if failure is not None:
            worlds.forget(model)
            found.add(failure[0], model, claim, failure[1])

    with np.errstate(all="ignore"):
        if atheris is not None and not arguments.hypothesis:
            _by_atheris(one, arguments.seconds, arguments.seed, found)
        else:
            _by_hypothesis(one, arguments.seconds, arguments.seed)
    return _report(found)


def _by_hypothesis(one: Callable[[Pick], None], seconds: float, seed: int) -> None:
    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis import seed as seeded
    from hypothesis import strategies as st

    until = time.monotonic() + seconds
    round_ = 0
    while time.monotonic() < until:

        @seeded(seed * 1000 + round_)
        @settings(
            max_examples=500,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(st.lists(st.integers(0, 1 << 20), min_size=40, max_size=40))
        def look(numbers: list[int]) -> None:
            if time.monotonic() < until:
                left = iter(numbers)
                one(lambda n: next(left, 0) % n)

        look()
        round_ += 1


def _by_atheris(one: Callable[[Pick], None], seconds: float, seed: int, found: Found) -> None:
    until = time.monotonic() + seconds

    def look(data: bytes) -> None:
        if time.monotonic() > until:  # there is no other way out of libFuzzer
            status = _report(found)
            sys.stdout.flush()
            os._exit(status)
        provider = atheris.FuzzedDataProvider(data)
        one(lambda n: provider.ConsumeIntInRange(0, n - 1) if n > 1 else 0)

    options = [
        "-max_len=200",
        "-len_control=0",
        f"-seed={seed + 1}",
        "-timeout=600",
        "-rss_limit_mb=8000",
    ]
    atheris.Setup([sys.argv[0], *options], look)
    atheris.Fuzz()


def _report(found: Found) -> int:
    for place, (model, claim, words) in found.known.items():
        model, claim = smaller(model, claim, place, 20)
        print(f"\n=== {place}\n--- model\n{model}\n--- claim\n{claim}\n--- \n{words}")
    print(
        f"\n{found.tried} broken claims and models, slowest {found.slowest:.1f} s: "
        f"{len(found.known) or 'no'} failures"
    )
    return 1 if found.known else 0


if __name__ == "__main__":
    sys.exit(main())
