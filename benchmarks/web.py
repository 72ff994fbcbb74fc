"""How long `/api/check` takes: one user, many at a typing pace, and as many as can ask at once.

Starts a server on loopback and asks it for a bounded time. No claim is asked twice: both its sides
are multiplied by a number of its own, so that neither the answer nor anything in it is kept from
before; models are warm, as they are while one types. The last load asks again what was asked
before, which the server answers from what it keeps. `make bench-web`; writes
benchmarks/results/web.md with --write.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import random
import re
import sys
from collections import defaultdict
from itertools import count
from pathlib import Path
from time import perf_counter

from backprove import models

RNN = models.text("rnn", T=3)
LINEAR = "x in R^n, t in R^m\nW in R^{m x n}\ny = sigmoid(W x)\nL = 1/2 sum((y - t)^2)"
SOFTMAX = "z in R^k, y in R^k one-hot\np = softmax(z)\nC = -sum(y * log(p))"
#: what a user's box may hold: a kind, a model, and claims
CASES = (
    ("right", LINEAR, "∂L/∂y = y - t"),
    ("right", LINEAR, "∂L/∂W = ((y - t) ⊙ y ⊙ (1 - y)) xᵀ"),
    ("right", LINEAR, "∂y/∂x = y (1 - y) W"),
    ("right", SOFTMAX, "∂C/∂z = p - y"),
    ("right", SOFTMAX, "∂p/∂z = diag(p) - p pᵀ"),
    ("right", RNN, "∂E/∂V = Σ_{t=1}^{3} (o_t − y_t) h_tᵀ"),
    ("right", RNN, "∂E_1/∂U = (o_1 − y_1) V (1 − h_1²) x_1"),
    ("right", RNN, "∂h_2/∂h_1 = diag(1 − h_2²) W"),
    ("wrong", LINEAR, "∂L/∂y = t - y"),
    ("wrong", SOFTMAX, "∂p/∂z = diag(p ⊙ (1 − p))"),
    ("wrong", RNN, "∂E/∂V = Σ_{t=1}^{2} (o_t − y_t) h_tᵀ"),
    ("half written", LINEAR, "∂L/∂W = ((y - t) ⊙ "),
    ("half written", RNN, "∂E/∂V = Σ_{t=1}^{3} (o_t"),
)
factors = count(1000)


def unlike(kind: str, claim: str) -> str:
    """The claim with both sides times a number that no other has: its verdict is the same."""
    factor = next(factors)
    left, _, right = claim.partition(" = ")
    return f"{factor} {left} = {factor} ({right}" + ("" if kind == "half written" else ")")


class User:
    """A connection that is kept open; `ask` gives the milliseconds until the answer is there."""

    def __init__(self, port: int) -> None:
        self.port = port

    async def __aenter__(self) -> User:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        return self

    async def __aexit__(self, *error: object) -> None:
        self.writer.close()

    async def ask(self, model: str, claims: str) -> float:
        asked = {"model": model, "claims": claims, "repairs": False, "html": True}  # as pages do
        body = json.dumps(asked).encode()
        head = (
            f"POST /api/check HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        start = perf_counter()
        self.writer.write(head.encode() + body)
        answer = await self.reader.readuntil(b"\r\n\r\n")
        found = re.search(rb"content-length: (\d+)", answer)
        assert answer.startswith(b"HTTP/1.1 200"), answer
        assert found is not None
        await self.reader.readexactly(int(found[1]))
        return (perf_counter() - start) * 1000


Times = dict[str, list[float]]


async def asks(port: int, seconds: float, pause: float, seed: int, times: Times, new: bool) -> None:
    """A user who asks for so many seconds, with pauses of about `pause` seconds between."""
    rng = random.Random(seed)
    end = perf_counter() + seconds
    async with User(port) as user:
        await asyncio.sleep(rng.uniform(0, pause))
        while perf_counter() < end:
            kind, model, claims = rng.choice(CASES)
            taken = await user.ask(model, unlike(kind, claims) if new else claims)
            times[kind].append(taken)
            times["all"].append(taken)
            if pause:
                await asyncio.sleep(rng.uniform(0.5, 1.5) * pause)


async def measure(port: int, seconds: float) -> dict[str, tuple[Times, float]]:
    async with User(port) as user:
        for _ in range(8):  # all workers see all models
            for kind, model, claims in CASES:
                await user.ask(model, unlike(kind, claims))
    found: dict[str, tuple[Times, float]] = {}
    for name, users, pause, new in (
        ("1 user, without a pause", 1, 0.0, True),
        ("50 users, a request about every 2 s each", 50, 2.0, True),
        ("50 users, a request about every 1 s each", 50, 1.0, True),
        ("50 users, without a pause", 50, 0.0, True),
        ("50 users, without a pause, claims asked before", 50, 0.0, False),
    ):
        times: Times = defaultdict(list)
        start = perf_counter()
        await asyncio.gather(*(asks(port, seconds, pause, n, times, new) for n in range(users)))
        found[name] = times, len(times["all"]) / (perf_counter() - start)
    return found


def table(found: dict[str, tuple[Times, float]]) -> str:
    lines = [
        "| load | claims | requests | p50, ms | p95, ms | p99, ms | requests/s |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, (times, rate) in found.items():
        for kind in ("all", "right", "wrong", "half written"):
            values = sorted(times[kind])
            shown = [
                f"{values[min(int(len(values) * q), len(values) - 1)]:.0f}"
                for q in (0.5, 0.95, 0.99)
            ]
            speed = f"{rate:.0f}" if kind == "all" else ""
            lines.append(f"| {name} | {kind} | {len(values)} | {' | '.join(shown)} | {speed} |")
    return "\n".join(lines)


async def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=float, default=10.0)
    options.add_argument("--write", action="store_true")
    given = options.parse_args()
    command = [sys.executable, "-m", "backprove", "serve", "--port", "0", "--rate", "0"]
    server = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert server.stdout is not None
    try:
        said = (await server.stdout.readline()).decode()
        port = int(said.split(":")[2].split("/")[0])
        found = table(await measure(port, given.seconds))
    finally:
        server.terminate()
        await server.wait()
    print(found)
    if given.write:
        head = (__doc__ or "").partition("\n\n")[0]
        machine = (
            f"{os.cpu_count()} cores ({platform.machine()}), Python {platform.python_version()}"
        )
        text = (
            f"# Checking in the browser\n\n{head}\n\nServer, its workers and the users share {machine}. "
            "Written by `make bench-web ARGS=--write`.\n\n"
        )
        path = Path(__file__).parent / "results" / "web.md"
        path.write_text(f"{text}{found}\n", encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(main())
