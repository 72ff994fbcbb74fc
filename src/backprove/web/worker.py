"""The life of a worker process: a task in, an answer out, within limits that the system keeps."""

from __future__ import annotations

import gc
import json
import os
import sys
from typing import BinaryIO

from backprove.errors import BackproveError
from backprove.judge.crew import limit_memory
from backprove.judge.watch import TimeUp, disarm, watched
from backprove.web import tasks


def answer(line: bytes) -> bytes:
    """A task's answer as a line: a status and JSON. Nothing that a user wrote raises an error."""
    asked = json.loads(line)
    seconds = float(asked["seconds"])
    try:
        with watched(seconds):
            body = tasks.run(asked["task"], asked["payload"])
        return b"200 " + body
    except TimeUp:
        disarm()
        tasks.forget()
        return _error(503, f"this takes too long: more than {seconds:g} seconds")
    except MemoryError:
        tasks.forget()
        return _error(503, "this needs too much memory")
    except RecursionError:
        tasks.forget()
        return _error(422, "this is nested too deeply")
    except BackproveError as error:
        return _error(422, str(error))
    except Exception as error:
        tasks.forget()
        what = f"{type(error).__name__}: {error}"[:300]
        return _error(500, f"a fault of Backprove, not of your input ({what}); please report it")


def _error(status: int, message: str) -> bytes:
    return f"{status} ".encode() + json.dumps({"detail": message}, ensure_ascii=False).encode()


def main() -> None:
    """Answer tasks from standard input until it ends."""
    # answers go to what was standard output; what anything prints goes with the errors
    given: BinaryIO = sys.stdin.buffer
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    sys.dont_write_bytecode = True
    tasks.warm_up()
    gc.freeze()  # the library itself is no garbage: it need not be looked through
    limit_memory(int(sys.argv[1]))
    write_no_files()
    out.write(b"ready\n")
    out.flush()
    for line in given:
        out.write(answer(line) + b"\n")
        out.flush()


def write_no_files() -> None:
    """Let this process write to no file from now on, where the system has such limits."""
    try:
        import resource
    except ImportError:  # not on Windows
        return
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    main()
