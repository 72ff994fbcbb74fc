"""Reverse mode on one expression: the adjoint of a value carried back to the names in it.

`pullback(root, seed, lead)` gives, for each occurrence of a name, its contribution to the
derivative. The seed has the shape (lead axes) + root.shape, where the lead axes are those of the
quantity being differentiated: none for a scalar loss, its own axes for a Jacobian.
The rules are the usual vector-Jacobian products (Griewank and Walther, Evaluating Derivatives,
2008, section 3.2), one for each kind of node.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from backprove.errors import BackproveError
from backprove.tensor.build import (
    add,
    along,
    apply,
    broadcast,
    build,
    contract,
    fold,
    hadamard,
    inverse,
    is_zero,
    literal,
    ones,
    permute,
    power,
    reshape,
    scale,
    scatter,
    select,
    substitute,
    test,
    times,
    transpose,
    unused,
    where,
    zero,
)
from backprove.tensor.functions import partials
from backprove.tensor.nodes import (
    Add,
    Along,
    Apply,
    Build,
    Concat,
    Contract,
    Derivative,
    Determinant,
    Fold,
    Inverse,
    Node,
    Power,
    Reshape,
    Scatter,
    Select,
    Stack,
    Where,
)
from backprove.tensor.whole import Whole


class NoDerivative(BackproveError):
    """A derivative that does not exist or has no form here; the message says why."""


@dataclass(frozen=True, slots=True)
class Binder:
    """An index that is summed over, inclusive."""

    name: str
    low: Whole
    high: Whole


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one occurrence of a name adds to its adjoint: Σ over `binders` of `node`."""

    target: Node
    node: Node
    binders: tuple[Binder, ...] = ()

    def within(self, binder: Binder) -> Contribution:
        """Inside one more sum."""
        return Contribution(self.target, self.node, (*self.binders, binder))


Wanted = Callable[[Node], bool]


def pullback(root: Node, seed: Node, lead: int, wanted: Wanted) -> list[Contribution]:
    """The contributions of all wanted nodes below `root`; a wanted node is not entered."""
    active = _active(root, wanted)
    adjoints: dict[Node, list[Node]] = {root: [seed]}
    found: list[Contribution] = []
    for node in reversed(_order(root, wanted, active)):
        parts = adjoints.get(node)
        if parts is None:
            continue
        adjoint = parts[0] if len(parts) == 1 else add([(1, p) for p in parts])
        if is_zero(adjoint):
            continue
        if wanted(node):
            found.append(Contribution(node, adjoint))
        elif isinstance(node, Fold | Build):
            found += _through_binder(node, adjoint, lead, wanted)
        else:
            for child, part in _rules(node, adjoint, lead, active):
                adjoints.setdefault(child, []).append(part)
    return found


def _active(root: Node, wanted: Wanted) -> set[Node]:
    """The nodes below which something wanted lies."""
    active: set[Node] = set()
    seen: set[Node] = set()

    def visit(node: Node) -> bool:
        if node in seen:
            return node in active
        seen.add(node)
        below = [visit(child) for child in node.children]  # all, so that each of them is known
        if wanted(node) or True in below:
            active.add(node)
        return node in active

    visit(root)
    return active


def _order(root: Node, wanted: Wanted, active: set[Node]) -> list[Node]:
    """The active nodes, children first, without those inside a binder or a wanted node."""
    order: list[Node] = []
    seen: set[Node] = set()

    def visit(node: Node) -> None:
        if node in seen or node not in active:
            return
        seen.add(node)
        if not wanted(node) and not isinstance(node, Fold | Build):
            for child in node.children:
                visit(child)
        order.append(node)

    visit(root)
    return order


def _labels(lead: int) -> list[object]:
    return [("lead", i) for i in range(lead)]


def _rules(node: Node, adjoint: Node, lead: int, active: set[Node]) -> Iterable[tuple[Node, Node]]:
    """For each active child its part of the adjoint."""
    head = _labels(lead)
    axes: list[object] = list(range(node.rank))

    def along_with(other: Node) -> Node:
        """The adjoint times an array of the node's shape, elementwise."""
        return contract([adjoint, other], [[*head, *axes], axes], [*head, *axes])

    match node:
        case Add():
            for coefficient, child in node.terms:
                if child in active:
                    yield child, scale(coefficient, adjoint)
        case Contract():
            yield from _through_product(node, adjoint, head, active)
        case Apply():
            for child, partial in zip(
                node.args, partials(node.function, node, node.args), strict=True
            ):
                if child in active:
                    yield child, along_with(partial)
        case Power():
            if node.base in active:
                lower = power(node.base, add([(1, node.exponent), (-1, literal(1))]))
                yield node.base, along_with(times(node.exponent, lower))
            if node.exponent in active:
                slope = hadamard(node, apply("log", node.base))
                yield node.exponent, contract([adjoint, slope], [[*head, *axes], axes], head)
        case Along():
            yield node.arg, _through_along(node, adjoint, head)
        case Inverse():
            # d(A⁻¹) = −A⁻¹ dA A⁻¹
            left = contract([adjoint, node], [[*head, "k", "l"], ["k", "i"]], [*head, "i", "l"])
            both = contract([left, node], [[*head, "i", "l"], ["j", "l"]], [*head, "i", "j"])
            yield node.arg, scale(-1, both)
        case Determinant():
            # Jacobi's formula: d det A = det A tr(A⁻¹ dA)
            slope = transpose(inverse(node.arg))
            factor = adjoint if node.log else times(node, adjoint)
            yield node.arg, contract([factor, slope], [head, ["i", "j"]], [*head, "i", "j"])
        case Select():
            shape = adjoint.shape[:lead] + node.arg.shape
            yield node.arg, scatter(adjoint, [*[None] * lead, *node.at], shape)
        case Scatter():
            yield node.arg, select(adjoint, [*[None] * lead, *node.at])
        case Where():
            nothing = zero(adjoint.shape) if adjoint.shape else literal(0)
            if node.then in active:
                yield node.then, where(node.condition, adjoint, nothing)
            if node.otherwise in active:
                yield node.otherwise, where(node.condition, nothing, adjoint)
        case Stack():
            for position, part in enumerate(node.parts, 1):
                if part in active:
                    at: list[int | None] = [*[None] * lead, position, *[None] * part.rank]
                    yield part, select(adjoint, at)
        case Concat():
            yield from _through_concat(node, adjoint, lead, active)
        case Reshape():
            yield node.arg, reshape(adjoint, adjoint.shape[:lead] + node.arg.shape)
        case Derivative():
            raise NoDerivative("an inner derivative has to be worked out first")
        case _:
            raise NoDerivative(f"no derivative rule for {type(node).__name__}")


def _through_product(
    node: Contract, adjoint: Node, head: list[object], active: set[Node]
) -> Iterable[tuple[Node, Node]]:
    """Each factor gets the adjoint times the other factors."""
    for position, (child, labels) in enumerate(zip(node.operands, node.labels, strict=True)):
        if child not in active:
            continue
        operands: list[Node] = [adjoint]
        names: list[list[object]] = [[*head, *node.out]]
        for other, (factor, own) in enumerate(zip(node.operands, node.labels, strict=True)):
            if other != position:
                operands.append(factor)
                names.append(list(own))
        carried = {name for group in names for name in group}
        for label, size in zip(labels, child.shape, strict=True):
            if label not in carried:  # summed over alone: the adjoint is the same for each entry
                operands.append(ones((size,)))
                names.append([label])
        yield child, contract(operands, names, [*head, *labels])


def _through_along(node: Along, adjoint: Node, head: list[object]) -> Node:
    axes: list[object] = list(range(node.arg.rank))
    front = axes[:-1]
    if node.function == "softmax":
        # s ⊙ (a − ⟨a, s⟩), written so that a term of a that cancels s can do so
        first = contract([adjoint, node], [[*head, *axes], axes], [*head, *axes])
        inner = contract([adjoint, node], [[*head, *axes], axes], [*head, *front])
        second = contract([inner, node], [[*head, *front], axes], [*head, *axes])
        return add([(1, first), (-1, second)])
    if node.function == "logsumexp":
        slope = along("softmax", node.arg)
    else:  # max, min: 1 at the place that is taken (nothing is judged at a tie)
        size = node.arg.shape[-1]
        spread = contract([node, ones((size,))], [front, axes[-1:]], axes)
        slope = apply("equal", node.arg, spread)
    return contract([adjoint, slope], [[*head, *front], axes], [*head, *axes])


def _through_concat(
    node: Concat, adjoint: Node, lead: int, active: set[Node]
) -> Iterable[tuple[Node, Node]]:
    offset = Whole.of(0)
    for part in node.parts:
        if part in active:
            index = unused("p", adjoint.free)
            at: list[Whole | None] = [
                *[None] * lead,
                Whole.of(index) + offset,
                *[None] * (part.rank - 1),
            ]
            rows = build([index], [part.shape[0]], select(adjoint, at))
            order = [*range(1, lead + 1), 0, *range(lead + 1, rows.rank)]
            yield part, permute(rows, order)
        offset = offset + part.shape[0]


def _through_binder(
    node: Fold | Build, adjoint: Node, lead: int, wanted: Wanted
) -> list[Contribution]:
    """A body under an index: its contributions are summed over that index."""
    if isinstance(node, Build):
        body, indices = node.body, list(node.indices)
        renamed = {i: unused(i, adjoint.free | node.free) for i in indices}
        if any(a != b for a, b in renamed.items()):
            body, indices = substitute(body, renamed), list(renamed.values())
        inner = select(adjoint, [*[None] * lead, *indices, *[None] * body.rank])
        found = pullback(body, inner, lead, wanted)
        for index, size in reversed([*zip(indices, node.shape, strict=False)]):
            found = [c.within(Binder(index, Whole.of(1), size)) for c in found]
        return found
    index, body = node.index, node.body
    if index in adjoint.free:
        fresh = unused(index, adjoint.free | body.free)
        body, index = substitute(body, {index: fresh}), fresh
    inner = adjoint if node.op == "sum" else _others(node, body, index, adjoint, lead)
    binder = Binder(index, node.low, node.high)
    return [c.within(binder) for c in pullback(body, inner, lead, wanted)]


def _others(node: Fold, body: Node, index: str, adjoint: Node, lead: int) -> Node:
    """The adjoint of one factor of a product: times all the other factors."""
    head = _labels(lead)
    other = unused(index + "′", body.free | adjoint.free)
    factor = substitute(body, {index: other})
    if body.rank == 2:
        before = fold(node.op, other, node.low, Whole.of(index) - 1, factor)
        after = fold(node.op, other, Whole.of(index) + 1, node.high, factor)
        left, right = (before, after) if node.op == "prod" else (after, before)
        part = contract([adjoint, left], [[*head, "k", "l"], ["k", "i"]], [*head, "i", "l"])
        return contract([part, right], [[*head, "i", "l"], ["j", "l"]], [*head, "i", "j"])
    one = broadcast(literal(1), body.shape)
    rest = fold("prod", other, node.low, node.high, where(test("≠", other, index), factor, one))
    axes: list[object] = list(range(body.rank))
    return contract([adjoint, rest], [[*head, *axes], axes], [*head, *axes])
