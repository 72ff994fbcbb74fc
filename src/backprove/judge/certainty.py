"""Whether two sides certainly differ: ball arithmetic, in which every step carries its error."""

from __future__ import annotations

from itertools import product

from backprove.compute.errors import EvaluationError
from backprove.compute.evaluate import Evaluator
from backprove.judge.world import Grid, Setting
from backprove.model.entity import System
from backprove.tensor.build import ShapeError, substitute
from backprove.tensor.nodes import Node


def surely_differ(left: Node, right: Node, system: System, setting: Setting, grid: Grid) -> bool:
    """Whether two sides have certainly different values for some values of the open indices."""
    from backprove.compute.ball import (  # only then: a large import
        Balls,
        balls,
        certainly_different,
    )

    names = [name for name, _, _ in grid.axes]
    for values in product(*grid.ranges(setting.sizes)):
        put = dict(zip(names, values, strict=True))
        evaluator = Evaluator(system, setting.sizes, balls(setting.declared), Balls())
        try:
            sides = [
                evaluator.value(substitute(node, put) if put else node) for node in (left, right)
            ]
        except (EvaluationError, KeyError, ShapeError):
            continue
        if certainly_different(*sides):
            return True
    return False
