"""A wrong claim's script: it runs with NumPy alone, is short, and shows a difference."""

from __future__ import annotations

import subprocess
import sys

import pytest

from backprove.judge.session import Session
from backprove.judge.world import World
from backprove.model.text import read_model

LINEAR = "x in R^n, t in R^m\nW in R^{m x n}, a in R\ny = W x\nL = a/2 sum((y - t)^2)"
RNN = """x_t in R^n, y_t in R^k one-hot        for t = 1..3
h_0 in R^m
U in R^{m x n}, W in R^{m x m}, V in R^{k x m}
h_t = tanh(U x_t + W h_{t-1})         for t = 1..3
o_t = softmax(V h_t)                  for t = 1..3
E   = -sum_{t=1}^{3} sum(y_t * log(o_t))"""


NUMBERS = (
    "x = [1, -2]\nW = [[0.5, -0.3], [0.2, 0.4]]\nv = [1.5, -0.8]\nE = 1/2 (v^T tanh(W x) - 1)^2"
)


def replayed(model: str, claim: str) -> str | None:
    verdict = Session(World(read_model(model)), replay=True).check(claim)
    assert verdict is not None
    assert verdict.verdict == "wrong"
    assert verdict.evidence is not None
    return verdict.evidence.replay


@pytest.mark.parametrize(
    ("model", "claim"),
    [
        (LINEAR, "∂L/∂W = a (t - y) x^T"),
        (LINEAR, "∂L/∂a = sum((y - t)^2)"),
        (LINEAR, "∂y/∂x = 2 W"),
        (LINEAR, "∂L/∂t = 0 t"),
        (RNN, "∂E/∂V = sum_{t=1}^{2} (o_t - y_t) h_t^T"),
        (RNN, "∂h_t/∂h_{t-1} = diag(1 - h_t) W"),
        (RNN, "∂E/∂h_2 = V^T (o_2 - y_2)"),
        (RNN, "∂E/∂x_1 = U^T ∂E/∂h_1"),
        (LINEAR, "∂L/∂W_{11} = a (y_1 - t_1) x_2"),
        (NUMBERS, "∂E/∂v_2 = 0.3"),
        (NUMBERS, "E = 1.2"),
    ],
)
def test_a_sceptic_can_run_it(model, claim, tmp_path):
    script = replayed(model, claim)
    assert script is not None
    assert len(script.splitlines()) <= 25
    assert {x.split()[1] for x in script.splitlines() if x.startswith("import ")} == {"numpy"}
    file = tmp_path / "replay.py"
    file.write_text(script, encoding="utf-8")
    ran = subprocess.run(
        [sys.executable, "-I", file], capture_output=True, text=True, check=True, timeout=60
    )
    assert float(ran.stdout.split()[-1]) > 1e-4


@pytest.mark.parametrize(
    ("model", "claim"), [(LINEAR, "∂L/∂W = a (t - y) x^T"), (RNN, "∂E/∂h_2 = V^T (o_2 - y_2)")]
)
def test_a_derivative_is_taken_by_differences_of_the_definitions_alone(model, claim):
    script = replayed(model, claim)
    assert script is not None
    assert "slopes" in script


def test_there_is_none_where_the_right_side_has_no_meaning_as_written():
    verdict = Session(World(read_model(LINEAR)), replay=True).check("∂L/∂W = a (t + y) x")
    assert verdict is not None
    assert verdict.evidence is None or verdict.evidence.replay is None
