"""What the tests of the model share: an expression, its meaning, its value at a random point."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from backprove.compute.evaluate import Evaluator
from backprove.compute.points import sample, sizes_for
from backprove.model.meaning import meaning
from backprove.model.scope import Scope
from backprove.model.text import read_model
from backprove.model.value import Value
from backprove.notation.reader import read_expression
from backprove.tensor.whole import Whole


class Reader:
    """A model at one random point; `given` holds the declared values by name (`x`, `h_2`)."""

    def __init__(self, text: str, choice: int = 0) -> None:
        self.system = read_model(text)
        self.sizes = sizes_for(self.system, choice)
        declared = sample(self.system, self.sizes, 1, seed=5)
        self.evaluator = Evaluator(self.system, self.sizes, declared)
        self.given: dict[str, Any] = {
            "_".join([name, *map(str, at)]): array[0] for (name, at), array in declared.items()
        }

    def meaning(self, text: str, *indices: str) -> Value:
        """What an expression means as written, with these indices open."""
        expr = read_expression(text, self.system.names())
        return meaning(expr, Scope(self.system, {i: Whole.of(i) for i in indices}))

    def shape(self, text: str, *indices: str) -> str:
        """The shape in words."""
        return self.meaning(text, *indices).show()

    def value(self, text: str) -> Any:
        """The value of a closed expression; a row has one axis here."""
        return self.evaluator.value(self.meaning(text).node)[0]

    def is_worth(self, text: str, expected: Any) -> None:
        """That an expression has this value, and this shape."""
        expected = np.asarray(expected, dtype=float)
        found = np.asarray(self.value(text), dtype=float)
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)


@pytest.fixture(scope="session")
def reader() -> type[Reader]:
    return Reader
