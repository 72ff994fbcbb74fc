"""What the tests of the calculus share."""

from __future__ import annotations

import pytest
from tests.roads import Roads


@pytest.fixture(scope="session")
def roads() -> type[Roads]:
    return Roads
