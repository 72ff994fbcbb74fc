"""Derivatives from the definitions alone: what is perturbed, and what is held fixed.

`Evaluator` asks the `Perturbation` of its level at every member and every node. A derivative by a
name puts a new name in its place: wherever the member `by` is used its value carries a tangent,
and its own definition does not matter. A derivative by another expression does so wherever
exactly that expression occurs.

NOTATION, section 3: 'total' follows every path; 'immediate' holds defined family members at
other indices fixed than the step's own; 'line' holds every other name fixed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from backprove.compute.dual import Dual, Duals
from backprove.compute.errors import NoValue
from backprove.tensor.build import derivative, permute, reshape, select
from backprove.tensor.nodes import Contract, Derivative, Node, Reshape, Select, Symbol
from backprove.tensor.subproduct import regrouped

if TYPE_CHECKING:
    from backprove.compute.members import Members

Key = tuple[str, tuple[int, ...]]
Step = tuple[int, ...] | None


@dataclass(slots=True, eq=False)
class Perturbation:
    """What an evaluator in duals perturbs. `seed` is the value of `by` with its directions.

    `parent` evaluates the same names without this perturbation. `step` is the index at which
    members move in mode 'immediate'; None where each member's own index is its step.
    """

    parent: Members
    by: Key | Node
    mode: str
    step: Step
    seed: Dual
    occurred: bool = False
    steps: dict[Step, Members] = field(default_factory=dict[Step, "Members"])

    def member(self, evaluator: Members, key: Key) -> Dual | None:
        """The member where its definition is not followed, else None."""
        if key == self.by:
            return self.seed
        held = self.mode == "line" or not evaluator.is_defined(key)
        if self.mode == "immediate" and key[1] and not held:
            if self.step is None:
                return self._at_step(evaluator, key[1]).settled_member(key)
            held = key[1] != self.step
        return Dual(self.parent.settled_member(key), None) if held else None

    def node(self, node: Node) -> Dual | None:
        """The node's value where it is what is perturbed."""
        if node is self.by:
            self.occurred = True
            return self.seed
        return None

    def regrouped(self, node: Node) -> Node | None:
        """A product or sum with what is perturbed as a part of its own, where it is in it."""
        by = self.by
        if not isinstance(by, Node):
            return None
        return regrouped(node, by, lambda a, b: () if a is b else None, lambda _: by)

    def _at_step(self, evaluator: Members, step: tuple[int, ...]) -> Members:
        found = self.steps.get(step)
        if found is None:
            inner = Perturbation(self.parent, self.by, self.mode, step, self.seed)
            found = self.steps[step] = evaluator.perturbed(inner, evaluator.arithmetic)
        return found


def differentiate(evaluator: Members, node: Derivative) -> Any:
    """The value of a closed derivative: [..., P, *shape of `of`, *shape of `by`].

    Raises `NoValue` where `by` is an expression that does not occur.
    """
    of, by = node.of, node.by
    if isinstance(by, Select) and isinstance(by.arg, Symbol):
        # the derivative by a component is a component of the derivative
        whole = derivative(of, by.arg, node.mode)
        return evaluator.settled(select(whole, (None,) * of.rank + by.at))
    if isinstance(by, Contract) and _is_permutation(by):
        whole = derivative(of, by.operands[0], node.mode)
        order = [by.labels[0].index(name) for name in by.out]
        axes = [*range(of.rank), *(of.rank + k for k in order)]
        return evaluator.settled(permute(whole, axes))
    if isinstance(by, Reshape):
        whole = derivative(of, by.arg, node.mode)
        return evaluator.settled(reshape(whole, node.shape))
    inner = _evaluator(evaluator, of, by, node.mode)
    if isinstance(of, Symbol) and node.mode == "line" and of is not by:
        entity = evaluator.definition(evaluator.key(of))
        of = of if entity is None else entity
    result: Dual = inner.settled(inner.concrete(of))
    perturbation = inner.perturbation
    assert perturbation is not None
    if isinstance(perturbation.by, Node) and not _occurred(perturbation):
        raise NoValue(
            "the expression that is differentiated by does not occur in what is differentiated"
        )
    if result.tangent is None:
        return evaluator.zeros(evaluator.sizes_of(node.shape))
    duals = inner.arithmetic
    assert isinstance(duals, Duals)
    return duals.unseed(result.tangent, of.rank, evaluator.sizes_of(by.shape))


def _occurred(perturbation: Perturbation) -> bool:
    found = perturbation.occurred
    for inner in perturbation.steps.values():
        found = found or (inner.perturbation is not None and inner.perturbation.occurred)
    return found


def _evaluator(evaluator: Members, of: Node, by: Node, mode: str) -> Members:
    """The evaluator in duals for a derivative by `by`, shared between derivatives of one kind."""
    if isinstance(by, Symbol):
        target: Key | Node = evaluator.key(by)
    else:
        target = evaluator.closed(by)
    step: Step = None
    if mode == "immediate":
        for node in (of, by):
            if isinstance(node, Symbol) and node.index:
                step = evaluator.key(node)[1]
                break
    kind = (target, mode, step)
    found = evaluator.children.get(kind)
    if found is None:
        duals = Duals(evaluator.arithmetic)
        seed = duals.seed(evaluator.settled(by), evaluator.sizes_of(by.shape))
        perturbation = Perturbation(evaluator, target, mode, step, seed)
        found = evaluator.children[kind] = evaluator.perturbed(perturbation, duals)
    return found


def _is_permutation(node: Contract) -> bool:
    return (
        len(node.operands) == 1
        and isinstance(node.operands[0], Symbol)
        and len(set(node.out)) == len(node.out)
        and sorted(node.labels[0]) == sorted(node.out)
    )
