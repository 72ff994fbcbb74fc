"""Several derivatives at once, in the form that code is made of."""

from __future__ import annotations

import pytest
from tests.compute.emit.zoo import ATTENTION, CONVOLVED, LSTM, NETWORK

from backprove import Model
from backprove.joint import Joint, derive_jointly
from backprove.tensor.nodes import Fold, Identity, Scatter, Symbol, walk


def joint(text: str, of: str, *by: str) -> Joint:
    question = Model(text).derivatives(of, by)
    return derive_jointly(question.system, question.of, question.variables)


def lines(found: Joint) -> dict[str, object]:
    return {e.name: e.body for group in found.system.entities.values() for e in group}


def test_every_adjoint_is_there_once():
    """One backward pass serves all four gates, their weights and their biases."""
    found = lines(joint(LSTM.text, "L", *LSTM.by))
    assert sorted(name for name in found if name.startswith("δ")) == ["δ_f", "δ_g", "δ_i", "δ_o"]


def test_what_is_used_once_stands_in_its_place():
    """So the softmax and the cross-entropy meet, and become a difference."""
    found = lines(joint(NETWORK.text, "E", "W"))
    assert list(found) == ["δ_h"]
    names = {n.name for n in walk(found["δ_h"]) if isinstance(n, Symbol)}
    assert names == {"δ_h", "h", "o", "y", "V", "W"}


def test_no_form_makes_larger_arrays_than_its_parts():
    """On paper a Jacobian of the softmax is short; its N × N × N entries are not worked out."""
    found = joint(ATTENTION.text, "L", "X")
    bodies = [*lines(found).values(), *found.results]
    assert all(part.rank <= 2 for body in bodies for part in walk(body))


def test_the_members_that_nothing_looks_at_are_left_out():
    """The adjoint of h_0 is wanted only where the derivative by h_0 is."""

    def first(*by: str) -> str:
        (rule,) = (
            e
            for group in joint(NETWORK.text, "E", *by).system.entities.values()
            for e in group
            if e.name == "δ_h"
        )
        return str(rule.ranges[0].low)

    assert first("W") == "1"


@pytest.mark.parametrize("by", ["x", "W"])
def test_a_jacobian_by_components_has_no_identity_matrices(by):
    """The sum over the quantity's own indices is no sum: each names a row."""
    (result,) = joint(CONVOLVED.text, "f", by).results
    assert not any(isinstance(part, Identity) for part in walk(result))
    sums = {part.index for part in walk(result) if isinstance(part, Fold)}
    assert "r" not in sums
    assert any(isinstance(part, Scatter) for part in walk(result))
