"""Families with two indices, ranges that depend on an index, and families declared in pieces.

The forward road looks at the definitions alone; the others have to lead to the same value.
"""

from __future__ import annotations

import pytest

from backprove import Model

TRIANGLE = """
x_t in R^m for t = 1..T
w in R^m
a_{t,i} = sin(x_t^T h_{t-i})                     for t = 2..T, i = 1..t-1
h_1 = x_1
h_t = x_t + sum_{i=1}^{t-1} a_{t,i} h_{t-i}      for t = 2..T
E = w^T h_T
"""
PIECES = """
h_t in R^m            for t = 0..k-1
W_i in R^{m x m}      for i = 1..k
w in R^m
h_t = tanh(sum_{i=1}^{k} W_i h_{t-i})    for t = k..T
E = w^T h_T
"""
FURTHER_BACK = """
x_t in R^m for t = 1..T
h_0, h_{-1}, w in R^m
a_t = sin(x_t)                       for t = 1..T
h_t = a_t ⊙ h_{t-2} + h_{t-1}        for t = 1..T
E = w^T h_T
"""


class Same:
    def agree(self, roads, text, sizes, by):
        model = roads(text, sizes)
        model.agree("E", by, model.forward("E", by))


class TestARangeThatDependsOnAnIndex(Same):
    @pytest.mark.parametrize("by", ["x_1", "x_2", "x_4", "h_1", "h_3", "w", "a_{4,2}"])
    def test_value(self, roads, by):
        self.agree(roads, TRIANGLE, {"T": 4, "m": 2}, by)

    def test_all_later_members_use_a_state(self):
        lines = Model(TRIANGLE).derive("E", "h_1").unicode.splitlines()
        assert any("Σ_{i=t+1}^{T} a_{i, i−t} h̄_i" in line for line in lines)


class TestAFamilyInPieces(Same):
    @pytest.mark.parametrize("by", ["h_0", "h_1", "h_2", "W_1", "W_2", "w"])
    def test_value(self, roads, by):
        self.agree(roads, PIECES, {"T": 5, "k": 2, "m": 2}, by)


class TestMembersBeyondTheLast(Same):
    """With one step only nothing is two steps ahead, and nothing there may be asked for."""

    @pytest.mark.parametrize("steps", [1, 2, 3])
    @pytest.mark.parametrize("by", ["h_0", "h_{-1}", "x_1"])
    def test_value(self, roads, by, steps):
        self.agree(roads, FURTHER_BACK, {"T": steps, "m": 2}, by)


def test_the_same_lines_in_every_process():
    """The order of terms and lines does not depend on how Python hashes names."""
    import os
    import subprocess
    import sys

    program = (
        "from backprove import Model\n"
        f"print(Model({TRIANGLE!r}).derive('E', 'x_1').unicode.encode())"
    )
    shown = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "2")
    }
    assert len(shown) == 1
