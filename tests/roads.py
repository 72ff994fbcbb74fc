"""A derivative's value by each of our roads, for the tests of the calculus and of the models."""

from __future__ import annotations

from typing import Any

import numpy as np

from backprove.calculus.derive import derive, raw_derivative
from backprove.compute.evaluate import Evaluator
from backprove.compute.points import sample
from backprove.model.meaning import meaning
from backprove.model.scope import Scope
from backprove.model.text import read_model
from backprove.notation.reader import read_expression
from backprove.tensor.build import derivative
from backprove.tensor.nodes import Node
from backprove.tensor.whole import Whole


class Roads:
    """A model at one random point, and derivatives there by reverse and by forward mode."""

    def __init__(
        self,
        text: str,
        sizes: dict[str, int],
        seed: int = 3,
        indices: dict[str, int] | None = None,
    ) -> None:
        self.system = read_model(text)
        #: the values of letters that are open in a question
        self.indices = {name: Whole.of(number) for name, number in (indices or {}).items()}
        self.sizes = {**sizes, **self.system.fixed()}
        self.declared = sample(self.system, self.sizes, 1, seed)
        self.plain = Evaluator(self.system, self.sizes, self.declared)
        self.given: dict[str, Any] = {
            "_".join([name, *map(str, at)]): array[0] for (name, at), array in self.declared.items()
        }

    def node(self, text: str) -> Node:
        expr = read_expression(text, self.system.names())
        return meaning(expr, Scope(self.system, dict(self.indices))).node

    def value(self, text: str) -> Any:
        return self.plain.value(self.node(text))[0]

    def reverse(self, of: str, by: str, mode: str = "total") -> Any:
        """By the adjoint definitions, untidied."""
        adjoints = raw_derivative(self.system, self.node(of), self.node(by), mode)
        return self._at(adjoints.system, adjoints.result)

    def tidy(self, of: str, by: str, mode: str = "total") -> Any:
        """By the derivation that a person is shown."""
        derived = derive(self.system, self.node(of), self.node(by), mode)
        return self._at(derived.system, derived.result)

    def forward(self, of: str, by: str, mode: str = "total") -> Any:
        """From the definitions alone."""
        return self.plain.value(derivative(self.node(of), self.node(by), mode))[0]

    def _at(self, system: Any, node: Node) -> Any:
        value = np.asarray(Evaluator(system, self.sizes, self.declared).value(node))
        return np.broadcast_to(value, (1, *value.shape[1:]))[0]

    def agree(self, of: str, by: str, expected: Any, mode: str = "total") -> None:
        """That every road leads to the expected value."""
        expected = np.asarray(expected, dtype=float)
        size = max(1.0, float(np.abs(expected).max(initial=0.0)))
        for road in (self.reverse, self.tidy, self.forward):
            found = np.asarray(road(of, by, mode), dtype=float)
            assert found.shape == expected.shape, road.__name__
            np.testing.assert_allclose(
                found, expected, rtol=1e-7, atol=1e-9 * size, err_msg=f"{road.__name__} ∂{of}/∂{by}"
            )
