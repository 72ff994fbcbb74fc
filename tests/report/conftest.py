"""A report with every verdict in it, made without judging."""

from __future__ import annotations

from pathlib import Path

import pytest

from backprove.course.checking import ClaimResult, DocumentReport
from backprove.judge.verdict import Evidence, Kind, Verdict

INERT = "<script>alert(1)</script>"


def result(
    line: int, text: str, kind: Kind, question: str = "1 (a)", **more: object
) -> ClaimResult:
    return ClaimResult(line, question, text, Verdict(kind, text, **more))  # type: ignore[arg-type]


@pytest.fixture
def report() -> DocumentReport:
    fails = Evidence(
        "fails at m = 2, n = 1",
        points=1,
        values={"W": [[0.5, -1.25], [3e-7, 2.0]], "h_0": [1.0, 2.0], "a": 0.25},
        left=[[1.0, 2.0], [3.0, float("inf")]],
        right=[[1.0, 2.0], [3.0, 4.75]],
    )
    results = [
        result(
            12,
            r"\frac{\partial E}{\partial V} = \sum_{t=1}^{3} (o_t - y_t) h_t^\top",
            Kind.CORRECT,
            evidence=Evidence("equal at 12 points", points=12),
        ),
        result(18, "∂E_t/∂h_t = (o_t - y_t)^T V", Kind.CONVENTION, reading="as a row"),
        result(20, "∂E_1/∂U = (o_1 - y_1) V x_1", Kind.NOTATION, reading="V^T (o_1 - y_1) x_1^T"),
        result(
            24,
            r"\frac{\partial E_2}{\partial W} = (V^\top (o_2 - y_2)) h_1^\top",
            Kind.WRONG,
            question="1 (b)",
            mistake="missing-path",
            reason="The path through h_1 is left out.",
            corrected=r"\delta_2 h_1^\top + \delta_1 h_0^\top",
            evidence=fails,
        ),
        result(30, "∂h/∂W = (1 - h^2) x", Kind.SCALAR, reason="True when all sizes are 1."),
        result(31, f"a = ) {INERT}", Kind.UNREADABLE, place=(4, 5), reason="Nothing opened here."),
        result(42, "-log 0.1 = 2.31", Kind.APPROXIMATE, corrected="2.30", repairs=("0_1 as o_1",)),
        result(50, "∂E/∂W = 0", Kind.WITHHELD, reason="Two derivations disagree."),
    ]
    return DocumentReport(
        Path("homework.md"), f"Homework {INERT}", tuple(results), ("Line 60 is damaged.",)
    )
