"""Claims that are true under a condition that the model does not declare."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from backprove.compute.errors import EvaluationError
from backprove.compute.evaluate import Evaluator
from backprove.judge.combine import Array
from backprove.judge.rewrite import shown
from backprove.judge.small_trial import SmallTrial
from backprove.judge.trial import Trial, WrongClaim
from backprove.model.entity import Entity, System, member
from backprove.model.meaning import meaning
from backprove.model.value import NoMeaning
from backprove.model.write import written
from backprove.tensor.build import substitute
from backprove.tensor.whole import Whole

Values = dict[tuple[str, tuple[int, ...]], Array]


def assumed(claim: WrongClaim, trial: Trial) -> tuple[str, str] | None:
    """The condition under which a claim is true, with the name that it is about."""
    if claim.other is None or isinstance(trial, SmallTrial):
        return None
    node = substitute(claim.value.node, trial.put) if trial.put else claim.value.node
    try:
        said = meaning(claim.right, trial.scope).node
    except NoMeaning:
        return None
    setting = trial.setting
    for name, words, declared in _conditions(claim.system, setting.declared, setting.sizes):
        claim.spend()
        try:
            with np.errstate(all="ignore"):
                evaluator = Evaluator(setting.system, setting.sizes, declared)
                left = np.asarray(evaluator.value(node), dtype=float)
                right = np.asarray(evaluator.value(said), dtype=float)
        except (EvaluationError, KeyError):
            continue
        if np.isnan(left).any() or left.shape != right.shape:
            continue
        size = float(np.abs(left).max())
        if size > 1e-6 and float(np.abs(left - right).max()) <= 1e-9 * size:
            return name, words
    return None


def _conditions(
    system: System, declared: Values, sizes: dict[str, int]
) -> Iterator[tuple[str, str, Values]]:
    """Points at which one more fact holds."""
    entities = [e for e in system.all() if e.body is None and e.name[0] != "·"]
    for entity in entities:
        name = shown(written(member(entity)))
        keys = [
            k for k in declared if k[0] == entity.name and entity.match(k[1], sizes) is not None
        ]
        if not keys:
            continue
        for words, change in _facts(entity):
            yield name, f"{name} {words}", {**declared, **{k: change(declared[k]) for k in keys}}
    yield from _equal_pairs(entities, declared)
    squares = [
        k
        for k in declared
        if declared[k].ndim == 3 and declared[k].shape[1] == declared[k].shape[2]
    ]
    if len(squares) > 1:
        symmetric = {k: _symmetric(declared[k]) for k in squares}
        yield "", "all square matrices are symmetric", {**declared, **symmetric}
    for a in squares:
        for b in squares:
            if a != b and declared[a].shape == declared[b].shape:
                one, two = _names(entities, a, b)
                if one and two and np.abs(np.linalg.det(declared[a])).min() > 1e-3:
                    made = np.linalg.solve(declared[a], _symmetric(declared[b]))
                    yield f"{one} {two}", f"{one} {two} is symmetric", {**declared, b: made}


def _facts(entity: Entity) -> Iterator[tuple[str, Any]]:
    rank, facts = len(entity.shape), entity.facts
    if rank == 2 and entity.shape[0] == entity.shape[1]:
        if "symmetric" not in facts:
            yield "is symmetric", _symmetric
        yield "is orthogonal", lambda a: np.linalg.qr(a)[0]
    elif rank == 2:
        yield "has orthonormal columns", _orthonormal
        if "one-hot rows" not in facts and "simplex rows" not in facts:
            yield "has rows that sum to one", lambda a: np.abs(a) / np.abs(a).sum(-1, keepdims=True)
    elif rank == 1:
        if "one-hot" not in facts and "simplex" not in facts:
            yield "sums to one", lambda a: np.abs(a) / np.abs(a).sum(-1, keepdims=True)
        yield "has length 1", lambda a: a / np.sqrt((a * a).sum(-1, keepdims=True))
        yield "has mean 0", lambda a: a - a.mean(-1, keepdims=True)


def _symmetric(a: Array) -> Array:
    return (a + np.swapaxes(a, -1, -2)) / 2


def _orthonormal(a: Array) -> Array:
    if a.shape[-2] < a.shape[-1]:
        return np.swapaxes(np.linalg.qr(np.swapaxes(a, -1, -2))[0], -1, -2)
    return np.linalg.qr(a)[0]


def _names(entities: list[Entity], *keys: tuple[str, tuple[int, ...]]) -> list[str]:
    """The members of these keys as one writes them; empty where there is none."""
    known = {(e.name, len(e.index)): e for e in entities}
    found = [known.get((name, len(at))) for name, at in keys]
    return [
        shown(written(member(e, tuple(Whole.of(i) for i in at)))) if e else ""
        for e, (_, at) in zip(found, keys, strict=True)
    ]


def _equal_pairs(entities: list[Entity], declared: Values) -> Iterator[tuple[str, str, Values]]:
    """Two matrices of one shape that are taken for one."""
    matrices = [k for k, a in declared.items() if a.ndim == 3]
    names = {(e.name, len(e.index)): e for e in entities}
    for n, a in enumerate(matrices):
        for b in matrices[n + 1 :]:
            one, two = names.get((a[0], len(a[1]))), names.get((b[0], len(b[1])))
            if one is None or two is None or declared[a].shape != declared[b].shape:
                continue
            if one.shape != two.shape:
                continue
            left, right = _names(entities, a, b)
            yield left, f"{left} = {right}", {**declared, b: declared[a]}
