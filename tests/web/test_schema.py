"""What the API's description says holds for requests that nobody thought of (schemathesis)."""

from __future__ import annotations

import pytest

for needed in ("fastapi", "uvicorn", "schemathesis"):
    pytest.importorskip(needed, reason="needs the extras: pip install 'backprove[web,browser]'")

import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


def test_answers_are_as_described(server: str) -> None:
    described = schemathesis.openapi.from_url(f"{server}/api/openapi.json")
    operations = [found.ok() for found in described.get_all_operations()]
    assert len(operations) > 15
    for operation in operations:

        @given(case=operation.as_strategy())
        @settings(
            max_examples=6,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            derandomize=True,
            database=None,
        )
        def answers(case) -> None:
            case.call_and_validate(checks=CHECKS, timeout=60)

        answers()
