"""Emitted code agrees with JAX on random models of every operation, and of random recurrences.

The recipes are those that the calculus is tested with; a random cell is a recurrence of a few
families, each a random tree of what came before, which JAX unrolls.
"""

from __future__ import annotations

import importlib.util
import re
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.test_util import check_grads
from tests.calculus.test_against_jax import EACH, SIZES, N, Recipe, S, recipes, single
from tests.compute.emit.conftest import TARGETS, called, close
from tests.compute.emit.conftest import given as arrays

from backprove import Model


def drawn(recipe: Recipe, seed: int = 3) -> dict[str, np.ndarray]:
    """A random value for each declared name."""
    rng = np.random.default_rng(seed)
    return {n: rng.normal(size=[SIZES[k] for k in kind]) for n, kind in recipe.declared.items()}


def agree(question: Any, values: dict[str, Any], expected: list[Any], **options: Any) -> None:
    """Each library's function gives the expected derivatives."""
    for target in TARGETS:
        if target == "torch" and importlib.util.find_spec("torch") is None:
            continue
        function = question.function(target, **options)
        # what is called once is not worth compiling, but for scans
        with jax.disable_jit(target == "jax" and "scan" not in function.__code__.co_names):
            found = called(target, function, values)
        for mine, theirs in zip(found, expected, strict=True):
            close(mine, np.asarray(theirs))


def depends(recipe: Recipe, of: str, values: dict[str, Any]) -> dict[str, Any]:
    """The Jacobians that are not zero everywhere."""
    names = list(recipe.declared)
    found = jax.jacrev(
        lambda *v: recipe.run(of, dict(zip(names, v, strict=True))), range(len(names))
    )(*(jnp.asarray(values[n]) for n in names))
    return {n: np.asarray(j) for n, j in zip(names, found, strict=True) if np.any(j)}


class TestOperations:
    @settings(max_examples=3)
    @given(recipe=recipes())
    def test_gradients_of_random_losses(self, recipe):
        values = drawn(recipe)
        expected = depends(recipe, "L", values)
        if expected:
            question = Model(recipe.text()).derivatives("L", list(expected))
            agree(question, values, list(expected.values()))

    @settings(max_examples=2)
    @given(recipe=recipes(kinds=(N, S)))
    def test_hessians_of_random_losses(self, recipe):
        values = drawn(recipe)
        expected = jax.hessian(lambda x: recipe.run("L", {**values, "x": x}))(values["x"])
        if np.any(expected):
            question = Model(recipe.text()).derivatives("∂L/∂x", ["x"])
            agree(question, values, [expected])

    @pytest.mark.parametrize("op", EACH.values(), ids=EACH.keys())
    def test_jacobians_of_each(self, op):
        recipe = single(op)
        values = drawn(recipe)
        expected = depends(recipe, "f", values)
        question = Model(recipe.text()).derivatives("f", list(expected))
        agree(question, values, list(expected.values()))


# --- recurrences ----------------------------------------------------------------------------------

STEPS = 4
#: how a vector is made of others, and how JAX does it
VECTORS = [
    ("({} + {})", 2, jnp.add),
    ("({} - {})", 2, jnp.subtract),
    ("({} ⊙ {})", 2, jnp.multiply),
    ("({} ⊘ (2 + sin({})))", 2, lambda a, b: a / (2 + jnp.sin(b))),
    ("tanh({})", 1, jnp.tanh),
    ("σ({})", 1, jax.nn.sigmoid),
    ("relu({} + 0.37)", 1, lambda a: jax.nn.relu(a + 0.37)),
    ("softmax({})", 1, jax.nn.softmax),
    ("sin({})", 1, jnp.sin),
    ("(1 - {})", 1, lambda a: 1 - a),
    ("(-1/2 {})", 1, lambda a: -a / 2),
    ("({})^2", 1, lambda a: a**2),
    ("(σ({0}) ⊙ {1} + (1 - σ({0})) ⊙ {2})", 3, lambda c, a, b: jax.nn.sigmoid(c) * a + (1 - jax.nn.sigmoid(c)) * b),
    ("(mean({}) {})", 2, lambda a, b: jnp.mean(a) * b),
    ("({0}^T {1} / (1 + {0}^T {0})) {2}", 3, lambda a, b, c: a @ b / (1 + a @ a) * c),
]  # fmt: skip


#: so that steps do not make numbers large
BOUNDED = ("tanh({} + {})", 2, lambda a, b: jnp.tanh(a + b))


@dataclass
class Cell:
    """Definitions of the families f, g, … of step t by trees of names and functions."""

    trees: dict[str, Any]
    last: bool

    def text(self) -> str:
        lines = [
            f"x_t in R^n for t = 1..{STEPS}",
            "Q, W in R^{n x n}, b in R^n",
            *(f"{n}_0, {n}_{{-1}} in R^n" for n in self.trees),
        ]
        lines += [
            f"{n}_t = {self._text(tree)} for t = 1..{STEPS}" for n, tree in self.trees.items()
        ]
        ends = " + ".join(f"sum(sin({n}_T))" for n in self.trees)
        if self.last:
            lines.append("E = " + ends.replace("_T", f"_{STEPS}"))
        else:
            lines.append(f"E = sum_{{t=1}}^{{{STEPS}}} ({ends.replace('_T', '_t')})")
        return "\n".join(lines)

    def _text(self, tree: Any) -> str:
        if isinstance(tree, str):
            return tree
        head, *args = tree
        if isinstance(head, str):
            return f"({head} {self._text(args[0])})"
        return head[0].format(*map(self._text, args))

    def run(self, a: dict[str, Any]) -> Any:
        """E, by JAX."""
        known = {f"{n}_{{t-1}}": a[f"{n}_0"] for n in self.trees}
        known |= {f"{n}_{{t-2}}": a[f"{n}_minus_1"] for n in self.trees}
        total = 0.0
        for t in range(STEPS):
            known |= {"b": a["b"], "x_t": a["x"][t]}
            for name, tree in self.trees.items():
                known[f"{name}_t"] = self._value(tree, known, a)
            if not self.last or t == STEPS - 1:
                total = total + sum(jnp.sin(known[f"{n}_t"]).sum() for n in self.trees)
            for n in self.trees:
                known[f"{n}_{{t-2}}"], known[f"{n}_{{t-1}}"] = (
                    known[f"{n}_{{t-1}}"],
                    known[f"{n}_t"],
                )
        return total

    def _value(self, tree: Any, known: dict[str, Any], a: dict[str, Any]) -> Any:
        if isinstance(tree, str):
            return known[tree]
        head, *args = tree
        values = [self._value(arg, known, a) for arg in args]
        return a[head] @ values[0] if isinstance(head, str) else head[2](*values)


@st.composite
def cells(draw: Any) -> Cell:
    names = "fgh"[: draw(st.integers(1, 3))]
    trees: dict[str, Any] = {}

    def tree(left: int, leaves: list[str]) -> Any:
        kind = draw(st.integers(0, 3))
        if left == 0 or kind == 0:
            return draw(st.sampled_from(leaves))
        if kind == 1:
            return draw(st.sampled_from("QW")), tree(left - 1, leaves)
        op = draw(st.sampled_from(VECTORS))
        return op, *(tree(left - 1, leaves) for _ in range(op[1]))

    for name in names:
        before = [f"{n}_{{t-1}}" for n in names] + [f"{name}_{{t-2}}"]
        leaves = ["x_t", "b", *before, *(f"{n}_t" for n in trees)]
        goes_round = draw(st.sampled_from("QW")), draw(st.sampled_from(before))
        trees[name] = BOUNDED, tree(3, leaves), goes_round
    return Cell(trees, draw(st.booleans()))


class TestRecurrences:
    @staticmethod
    def asked(cell: Cell, batch: int = 0) -> tuple[dict[str, Any], dict[str, Any]]:
        """Values, and the gradients that are not zero everywhere."""
        rng = np.random.default_rng(5)
        n = SIZES["n"]
        values = {"x": rng.normal(size=(*([batch] if batch else []), STEPS, n))}
        values |= {m: rng.normal(size=(n, n)) / 2 for m in "QW"}
        values |= {"b": rng.normal(size=n)}
        values |= {f"{f}_{k}": rng.normal(size=n) for f in cell.trees for k in ("0", "minus_1")}

        def loss(a: dict[str, Any]) -> Any:
            if not batch:
                return cell.run(a)
            return sum(cell.run({**a, "x": a["x"][k]}) for k in range(batch))

        found = jax.grad(loss)({k: jnp.asarray(v) for k, v in values.items()})
        spoken = {k.replace("_minus_1", "_{-1}"): v for k, v in found.items() if np.any(v)}
        return values, {k: v for k, v in spoken.items() if k != "x"}

    @settings(max_examples=5)
    @given(cell=cells())
    def test_gradients_of_random_cells(self, cell):
        values, expected = self.asked(cell)
        question = Model(cell.text()).derivatives("E", list(expected))
        agree(question, values, list(expected.values()))

    @settings(max_examples=4)
    @given(cell=cells())
    def test_gradients_of_random_cells_in_a_batch(self, cell):
        if "x_t" not in cell.text().partition("f_t")[2]:
            return  # no argument has a batch
        values, expected = self.asked(cell, batch=3)
        question = Model(cell.text()).derivatives("E", list(expected))
        agree(question, values, list(expected.values()), batch=["x"])

    @settings(max_examples=2)
    @given(cell=cells())
    def test_functions_that_torch_checks(self, cell):
        torch = pytest.importorskip("torch")
        function, values = self.wrapped(cell, "torch")
        for value in values:
            value.requires_grad_(True)
        assert torch.autograd.gradcheck(function, values)

    @settings(max_examples=2)
    @given(cell=cells())
    def test_functions_that_jax_checks(self, cell):
        function, values = self.wrapped(cell, "jax")
        check_grads(function, values, order=1, modes=["rev"])

    def wrapped(self, cell: Cell, target: str) -> tuple[Any, list[Any]]:
        values, _ = self.asked(cell)
        question = Model(cell.text()).derivatives("E", ["b"])
        source = question.source(target, wrapper=True)
        head = r"def forward\(ctx, (.*)\):" if target == "torch" else r"def [a-z]\w*\((.*)\):"
        names = re.search(head, source, re.IGNORECASE)[1].split(", ")
        return question.function(target, wrapper=True), [arrays(target, values[n]) for n in names]
