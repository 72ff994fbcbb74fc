"""The Python API, small enough to learn in a minute (DESIGN, *How it should feel*)."""

from __future__ import annotations

import subprocess
import sys

import pytest

import backprove
from backprove import BackproveError, Derivation, Model, ModelError, Verdict

TEXT = "x in R^n, t in R^m\nW in R^{m x n}\ny = W x\nL = 1/2 sum((y - t)^2)"


@pytest.fixture
def model() -> Model:
    return Model(TEXT)


def test_what_there_is():
    assert set(backprove.__all__) == {
        "BackproveError", "Derivation", "Model", "ModelError", "Verdict", "__version__", "flow", "watch",
    }  # fmt: skip
    for name in backprove.__all__:
        assert getattr(backprove, name)


def test_what_there_is_not():
    with pytest.raises(AttributeError, match="nothing_such"):
        backprove.nothing_such  # noqa: B018


def test_importing_it_is_light():
    code = (
        "import backprove, sys; print([m for m in ('numpy', 'jax', 'torch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


class TestModel:
    def test_a_text_makes_a_model(self, model):
        assert model.text == TEXT
        assert model.system.names() == {"x", "t", "W", "y", "L"}

    def test_a_text_without_meaning_does_not(self):
        with pytest.raises(ModelError, match="line 2"):
            Model("x in R^n\ny = A x")

    def test_it_shows_itself(self, model):
        assert "W in R^{m x n}" in model._repr_html_()

    def test_markup_in_it_is_escaped(self):
        assert "<b>" not in Model("x in R # <b>")._repr_html_()


class TestDerive:
    def test_a_derivation(self, model):
        derivation = model.derive("L", "W")
        assert isinstance(derivation, Derivation)
        assert str(derivation) == derivation.unicode == "∂L/∂W = (y − t) xᵀ"
        assert r"\frac{\partial L}{\partial W} &= (y - t) x^\top" in derivation.latex
        assert derivation._repr_latex_().startswith("$$")

    def test_of_and_by_may_be_expressions(self, model):
        assert str(model.derive("L + sum(x)", "x")) == "∂(L + sum(x))/∂x = 1 + Wᵀ(y − t)"
        assert str(model.derive("2 L", "W x")) == "∂(2 L)/∂(W x) = 2 y − 2 t"

    @pytest.mark.parametrize(("of", "by"), [("Q", "W"), ("L", "Q"), ("L", "(W"), ("W^T x", "x")])
    def test_what_has_no_meaning_is_said(self, model, of, by):
        with pytest.raises(BackproveError):
            model.derive(of, by)

    def test_its_own_result_is_a_correct_claim(self, model):
        for by in ("W", "x", "t", "y"):
            assert model.check(str(model.derive("L", by))).verdict == "correct"
            assert model.check(model.derive("L", by).latex).verdict == "correct"


class TestCheck:
    @pytest.mark.parametrize(
        ("claim", "verdict"),
        [
            ("∂L/∂W = (y - t) x^T", "correct"),
            ("∂L/∂W = x (y - t)^T", "convention"),
            ("∂L/∂W = (y - t) x", "notation"),
            ("∂L/∂W = (t - y) x^T", "wrong"),
            ("∂L/∂W = (y - ", "unreadable"),
        ],
    )
    def test_a_verdict(self, model, claim, verdict):
        found = model.check(claim)
        assert isinstance(found, Verdict)
        assert found.verdict == verdict
        assert found.accepted == (verdict in ("correct", "convention", "notation"))
        assert found.claim == claim
        assert found.seconds > 0

    def test_what_it_holds(self, model):
        wrong = model.check("∂L/∂W = (t - y) x^T")
        assert wrong.mistake == "sign"
        assert wrong.reason
        assert wrong.evidence
        assert wrong.as_dict()["verdict"] == "wrong"

    def test_nothing_that_a_user_wrote_raises(self, model):
        for text in ("", "\0", "(" * 1000, "∂", "=", "∂L/∂W = " + "x^" * 500):
            assert model.check(text).verdict == "unreadable"
