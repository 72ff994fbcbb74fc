"""A server of the tests' own: within the process for the API, beside it for the browser."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

HOMEWORKS = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="session")
def client() -> Iterator[Any]:
    from fastapi.testclient import TestClient

    from backprove.web.app import application
    from backprove.web.settings import Settings

    settings = Settings(workers=1, rate=0)
    with TestClient(application(settings), base_url="http://127.0.0.1:8000") as client:
        yield client


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The address of a server that runs on its own, as a user starts it."""
    command = [sys.executable, "-m", "backprove", "serve", "--port", "0", "--rate", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    found = re.search(r"http://[\d.:]+", process.stdout.readline())
    assert found, "the server did not say where it is"
    yield found[0]
    process.terminate()
    process.wait(60)
