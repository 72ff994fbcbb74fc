"""Conditions as written: `i ≤ n`, `x > 0`, `1 ≤ i + 1 ≤ n`, several that must all hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from backprove.model.write_kinds import is_condition
from backprove.model.write_syntax import number, written_index
from backprove.notation.syntax import Both, Compare, Expr, Index, Name, Number
from backprove.tensor.build import is_zero, literal
from backprove.tensor.nodes import Apply, Node, Test, Where
from backprove.tensor.whole import Whole

COMPARISONS = {"greater": ">", "greater-equal": "≥", "equal": "="}
#: the same with the sides exchanged
TURNED = {"greater": "<", "greater-equal": "≤", "equal": "="}
RISING = {"<", "≤"}
ZERO = literal(0)
Write = Callable[[Node], Expr]


def conditioned(node: Node, otherwise: Node = ZERO) -> tuple[list[Node], Node]:
    """The conditions around a node that is `otherwise` where one of them fails, and the node."""
    conditions: list[Node] = []
    while isinstance(node, Where) and (
        node.otherwise is otherwise or (otherwise is ZERO and is_zero(node.otherwise))
    ):
        conditions.append(node.condition)
        node = node.then
    return conditions, node


def cases(node: Where) -> tuple[list[tuple[Node, list[Node]]], Node]:
    """Values with their conditions, the first that hold is taken, and the value otherwise."""
    found: list[tuple[Node, list[Node]]] = []
    rest: Node = node
    while isinstance(rest, Where):
        conditions, then = conditioned(rest, rest.otherwise)
        found.append((then, conditions))
        rest = rest.otherwise
    return found, rest


def joined(conditions: Sequence[Node], write: Write, under: bool = False) -> Expr:
    """Conditions that must all hold; bounds on one index are chained.

    `under` a sum sign no equation begins with an index alone, as the sum's own index does.
    """
    parts: list[Expr] = []
    for condition in conditions:
        one = _written(condition, write)
        if under and isinstance(one, Compare) and one.ops == ("=",):
            one = Compare(tuple(sorted(one.operands, key=_is_index)), one.ops)
        for part in one.parts if isinstance(one, Both) else (one,):
            chained = next((c for p in parts if (c := _chained(p, part))), None)
            if chained is None:
                parts.append(part)
            else:
                parts[parts.index(chained[0])] = chained[1]
    return parts[0] if len(parts) == 1 else Both(tuple(parts))


def _chained(old: Expr, new: Expr) -> tuple[Expr, Expr] | None:
    """`1 ≤ i` and `i ≤ n` as `1 ≤ i ≤ n`, with the one that it takes the place of."""
    for a, b in ((old, new), (new, old)):
        if not isinstance(a, Compare) or not isinstance(b, Compare):
            return None
        if a.operands[-1] == b.operands[0] and set(a.ops + b.ops) <= RISING:
            return old, Compare(a.operands + b.operands[1:], a.ops + b.ops)
    return None


def _written(node: Node, write: Write) -> Expr:
    """What must hold for a scalar not to be 0."""
    match node:
        case Test():
            return _between_indices(node)
        case Apply() if node.function in COMPARISONS:
            left, right = (write(arg) for arg in node.args)
            return compared(node.function, left, right)
        case Where() if is_condition(node):
            return joined([node.condition, node.then], write)
        case _:
            return Compare((write(node), number(0)), ("≠",))


def _between_indices(node: Test) -> Expr:
    """A condition on indices; of one index by itself, as in `2 ≤ t` and `t < T`."""
    left, right, op = node.left, node.right, node.op
    for side, sign in ((left, 1), (right, -1)):
        (name, *others), rest = [*side.names, ""], side
        if any(others) or side.coefficient(name) != 1 or (rest - name).constant in (None, 0):
            continue
        shift = rest - name
        if sign > 0 and op == "≤" and shift == 1 and right.constant is None:
            left, op = Whole.of(name), "<"
        elif (right if sign > 0 else left).constant is not None:
            left, right = left - shift, right - shift
        break
    return Compare((written_index(left), written_index(right)), (op,))


def _is_index(expr: Expr) -> bool:
    return isinstance(expr, Name | Number)


def compared(function: str, left: Expr, right: Expr) -> Expr:
    """A comparison, the heavier side first: `m < 1`, not `1 > m`."""
    if _weight(left) < _weight(right):
        return Compare((right, left), (TURNED[function],))
    return Compare((left, right), (COMPARISONS[function],))


def _weight(expr: Expr) -> int:
    """The heavier side of a comparison stands on the left: a number is lighter than a name."""
    return 0 if isinstance(expr, Number) else 1 if isinstance(expr, Name | Index) else 2
