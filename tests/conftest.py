"""Settings that every test shares: JAX in float64 on the CPU, one thread a process, and properties
that are repeatable."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from backprove.judge import wrong_claim

os.environ.setdefault("JAX_ENABLE_X64", "1")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("BACKPROVE_DEBUG", "1")  # faults in naming mistakes are seen

settings.register_profile("dev", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", parent=settings.get_profile("dev"), derandomize=True)
# HYPOTHESIS_PROFILE=dev looks for new cases, as one wants while working on a part
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


# A worker that holds JAX and PyTorch may spend longer on its garbage than a claim is given
wrong_claim.LIMIT, wrong_claim.LIMIT_SMALL = 3.0, 1.0


@pytest.fixture(autouse=True, scope="module")
def _forget_what_jax_compiled() -> Iterator[None]:  # pyright: ignore[reportUnusedFunction]
    """Every random model is compiled anew: all together they would take gigabytes."""
    yield
    if "jax" in sys.modules:
        sys.modules["jax"].clear_caches()
