"""Derivatives of late states by early ones, from a model's definitions.

Where a step looks back one step only, the derivative is a product of one-step Jacobians, and its
Lyapunov exponents come from their QR decompositions (G. Benettin et al., Meccanica 15, 1980).
Where it looks back further, the derivatives are taken as they stand.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from backprove.compute.evaluate import Evaluator
from backprove.tensor.build import derivative, symbol
from backprove.training.flow.carried import Carried
from backprove.training.flow.finding import State

Floats = NDArray[np.float64]
#: so many singular values and exponents are kept
KEPT = 16


def states(carried: list[Carried], evaluator: Evaluator) -> list[State]:
    """What each carried family, or all together, does to a derivative."""
    if not carried:
        return []
    if all(c.lag == 1 for c in carried):
        first, last = _steps(carried, evaluator)
        if last <= first:
            return []
        jacobians = one_step(carried, evaluator, first, last)
        found = [of_products("(" + ", ".join(c.name for c in carried) + ")", jacobians)]
        if len(carried) == 1:
            return [replace(found[0], name=carried[0].name)]
        return found + [_part(c, carried, evaluator, jacobians) for c in carried]
    return [_of_totals(c, evaluator) for c in carried]


def _steps(carried: list[Carried], evaluator: Evaluator) -> tuple[int, int]:
    """The first and the last step that all families have by their rules."""
    lows, highs = [], []
    for c in carried:
        span = c.entity.ranges[0]
        assert span.low is not None
        assert span.high is not None
        lows.append(int(span.low.value(evaluator.sizes)))
        highs.append(int(span.high.value(evaluator.sizes)))
    return max(lows), min(highs)


def one_step(carried: list[Carried], evaluator: Evaluator, first: int, last: int) -> Floats:
    """The Jacobians of steps first + 1 to last, all families together: (steps, draws, S, S)."""
    found: list[Floats] = []
    for t in range(first + 1, last + 1):
        rows: list[Floats] = []
        for of in carried:
            blocks: list[Floats] = []
            for by in carried:
                node = derivative(_member(of, t), _member(by, t - 1), "immediate")
                block = np.asarray(evaluator.value(node), dtype=np.float64)
                wide, high = _size(of, evaluator), _size(by, evaluator)
                blocks.append(block.reshape(len(block), wide, high))
            rows.append(np.concatenate(blocks, axis=2))
        found.append(np.concatenate(rows, axis=1))
    return np.stack(found)


def _member(of: Carried, at: int):
    return symbol(of.entity.name, of.entity.shape, (at,), of.entity.facts)


def _size(of: Carried, evaluator: Evaluator) -> int:
    return int(np.prod([int(w.value(evaluator.sizes)) for w in of.entity.shape], dtype=int))


def of_products(name: str, jacobians: Floats) -> State:
    """Norms of the products that end with the last step; `jacobians` is (steps, draws, S, S)."""
    products = _products(jacobians)
    norms = _norms(products)
    return _state(
        name,
        jacobians.shape[-1],
        norms,
        np.median(_singular(products[-1]), axis=0)[:KEPT].tolist(),
        exponents(jacobians)[:KEPT].tolist(),
    )


def _part(of: Carried, carried: list[Carried], evaluator: Evaluator, jacobians: Floats) -> State:
    """One family's own block: the derivative of its last member by its earlier ones."""
    start = 0
    for c in carried:
        if c is of:
            break
        start += _size(c, evaluator)
    part = slice(start, start + _size(of, evaluator))
    products = _products(jacobians)[..., part, part]
    return replace(_state(of.name, part.stop - part.start, _norms(products)), part=True)


def _products(jacobians: Floats) -> Floats:
    """I, J_T, J_T J_{T−1}, …: (1 + steps, draws, S, S)."""
    found = [np.broadcast_to(np.eye(jacobians.shape[-1]), jacobians.shape[1:])]
    with np.errstate(over="ignore", invalid="ignore"):
        for jacobian in jacobians[::-1]:
            found.append(found[-1] @ jacobian)
    return np.stack(found)


def _norms(products: Floats) -> Floats:
    return np.stack([_singular(p)[:, 0] for p in products])


def _singular(matrices: Floats) -> Floats:
    """Singular values, (draws, S), largest first; infinite where a matrix is not finite."""
    fine: NDArray[np.bool_] = np.all(np.isfinite(matrices), axis=(-2, -1))
    values = np.linalg.svd(np.where(fine[:, None, None], matrices, 0.0), compute_uv=False)
    return np.where(fine[:, None], values, np.inf)


def exponents(jacobians: Floats) -> Floats:
    """Lyapunov exponents per step, largest first, the means over the draws: (S,).

    `jacobians` is (steps, draws, S, S), the first step first; −∞ for directions that are lost.
    """
    if not np.isfinite(jacobians).all():
        return np.zeros(0)
    q = np.broadcast_to(np.eye(jacobians.shape[-1]), jacobians.shape[1:])
    total = np.zeros(jacobians.shape[1:3])
    with np.errstate(divide="ignore"):
        for jacobian in jacobians:
            q, r = np.linalg.qr(jacobian @ q)
            total = total + np.log(np.abs(np.diagonal(r, 0, -2, -1)))
    return np.sort((total / len(jacobians)).mean(axis=0))[::-1]


def _of_totals(of: Carried, evaluator: Evaluator) -> State:
    """The derivative of the last member by each earlier one, by all paths."""
    first, last = _steps([of], evaluator)
    size = _size(of, evaluator)
    end = _member(of, last)
    norms: list[Floats] = []
    matrix = np.zeros((0, size, size))
    for t in range(last, first - 1, -1):
        value = np.asarray(evaluator.value(derivative(end, _member(of, t))), dtype=np.float64)
        matrix = value.reshape(len(value), size, size)
        norms.append(_singular(matrix)[:, 0])
    return _state(
        of.name, size, np.stack(norms), np.median(_singular(matrix), axis=0)[:KEPT].tolist()
    )


def _state(
    name: str,
    size: int,
    norms: Floats,
    singular: list[float] | None = None,
    growth: list[float] | None = None,
) -> State:
    return State(
        name,
        size,
        np.median(norms, axis=1).tolist(),
        norms.min(axis=1).tolist(),
        norms.max(axis=1).tolist(),
        singular or (),
        growth or (),
    )
