"""Workers are ended when they take too long or too much, and the others go on."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys

import pytest

for needed in ("fastapi", "uvicorn", "httpx"):
    pytest.importorskip(needed, reason="the pages need the extra: pip install 'backprove[web]'")

from backprove.web import worker
from backprove.web.settings import Settings
from backprove.web.workers import Pool

EASY = json.dumps({"model": "x in R^n\nL = sum(x^2)", "claims": "∂L/∂x = 2 x"})


def run(work) -> None:
    """Let `work` have a pool of two workers."""

    async def whole() -> None:
        pool = Pool(Settings(workers=2))
        await pool.start()
        try:
            await work(pool)
        finally:
            await pool.close()

    asyncio.run(whole())


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="the system has no such signal")
def test_one_that_hangs_is_replaced_while_the_other_goes_on() -> None:
    async def work(pool: Pool) -> None:
        stuck = pool._idle[0]
        os.kill(stuck.process.pid, signal.SIGSTOP)
        hanging = asyncio.create_task(pool.ask("check", EASY, 2, keep=False))
        await asyncio.sleep(0.1)
        for _ in range(2):
            answer = await pool.ask("check", EASY, 10, keep=False)
            assert answer.status == 200
        assert not hanging.done()
        answer = await hanging
        assert answer.status == 503
        assert b"too long" in answer.body
        assert stuck.process.returncode is not None or await stuck.process.wait() is not None
        answers = await asyncio.gather(*(pool.ask("check", EASY, 10, keep=False) for _ in range(4)))
        assert {a.status for a in answers} == {200}

    run(work)


def test_one_that_dies_is_replaced() -> None:
    async def work(pool: Pool) -> None:
        for dying in list(pool._idle):
            dying.process.kill()
            await dying.process.wait()
        said = [(await pool.ask("check", EASY, 10, keep=False)).status for _ in range(4)]
        assert said == [503, 503, 200, 200]

    run(work)


def test_one_that_a_cancelled_request_used_gives_no_answer_to_another() -> None:
    async def work(pool: Pool) -> None:
        other = json.dumps({"model": "x in R^n\nL = sum(x)", "claims": "∂L/∂x = 5 x"})
        for _ in range(3):
            asked = asyncio.create_task(pool.ask("check", other, 10, keep=False))
            await asyncio.sleep(0.001)
            asked.cancel()
            answer = await pool.ask("check", EASY, 10, keep=False)
            assert json.loads(answer.body)["claims"][0]["text"] == "∂L/∂x = 2 x"

    run(work)


def test_who_has_left_is_not_worked_for() -> None:
    async def work(pool: Pool) -> None:
        async def gone() -> bool:
            return True

        assert (await pool.ask("check", EASY, 10, gone=gone)).status == 499
        assert (await pool.ask("check", EASY, 10)).status == 200

    run(work)


def asked(task: str, seconds: float = 10, **payload) -> tuple[int, dict]:
    line = json.dumps({"task": task, "seconds": seconds, "payload": json.dumps(payload)})
    status, _, body = worker.answer(line.encode()).partition(b" ")
    assert b"\n" not in body
    return int(status), json.loads(body)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="the system has no interval timer")
def test_a_task_that_takes_too_long_is_broken_off() -> None:
    status, answer = asked("time", seconds=0.01, cell=7)
    assert status == 503
    assert "too long" in answer["detail"]
    assert asked("check", model="x in R\ny = x^2", claims="dy/dx = 2 x")[0] == 200


def test_what_is_nested_too_deeply_is_told() -> None:
    deep = "(" * 20_000 + "x" + ")" * 20_000
    status, answer = asked("check", model="x in R\ny = x^2", claims=f"dy/dx = {deep}")
    assert status == 200
    assert answer["claims"][0]["verdict"] == "unreadable"
    assert asked("model", model=f"x in R\ny = {deep}")[0] == 422


@pytest.mark.skipif(sys.platform != "linux", reason="limits as Linux keeps them")
def test_a_worker_has_a_limit_on_memory_and_writes_no_file(tmp_path) -> None:
    import subprocess

    script = (
        "import sys; from backprove.judge.crew import limit_memory\n"
        "from backprove.web.worker import write_no_files\n"
        "limit_memory(50_000_000); write_no_files()\n"
        "import errno\n"
        "try: bytearray(200_000_000); sys.exit('memory')\n"
        "except MemoryError: pass\n"
        f"try: open({str(tmp_path / 'a')!r}, 'wb', 0).write(b'x'); sys.exit('written')\n"
        "except OSError as error: assert error.errno == errno.EFBIG\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "a").exists() or not (tmp_path / "a").read_text()
