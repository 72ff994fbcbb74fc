"""How long the library and the command take to start: the best of several runs."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

COMMANDS = {
    "python (nothing)": [sys.executable, "-c", "pass"],
    "import backprove": [sys.executable, "-c", "import backprove"],
    "backprove --help": [str(Path(sys.executable).with_name("backprove")), "--help"],
}
RUNS = 7


def main() -> None:
    for name, command in COMMANDS.items():
        best = min(_seconds(command) for _ in range(RUNS))
        print(f"{name:20} {1000 * best:6.0f} ms")


def _seconds(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
