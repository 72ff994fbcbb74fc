"""Functions as written: `tanh(z)`, `softmax(V h)`, `norm(x)`, `σ'(z)`, `sum(x)` (NOTATION 2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

from backprove.model.quantities import QUANTITIES
from backprove.model.scope import Scope
from backprove.model.value import NoMeaning, Value, fit_shapes
from backprove.notation.syntax import Call, Expr
from backprove.tensor.build import (
    add,
    along,
    apply,
    broadcast,
    contract,
    count,
    determinant,
    diagonal_matrix,
    hadamard,
    literal,
    power,
    reciprocal,
    reshape,
    square,
    sum_axes,
    times,
    transpose,
)
from backprove.tensor.functions import RULES, partials
from backprove.tensor.nodes import Determinant, Node
from backprove.tensor.whole import Whole

HALF = literal(Fraction(1, 2))
#: functions of one argument that act on every entry
ELEMENTWISE = frozenset(RULES) - {"max", "min", "greater", "greater-equal", "equal"} | {"sqrt"}


def array_arguments(expr: Call) -> Sequence[Expr]:
    """The arguments that are arrays; a named quantity reads its own arguments."""
    return () if expr.function in QUANTITIES else expr.args


def call(expr: Call, values: Sequence[Value], scope: Scope) -> Value:
    """The meaning of a function call; raises NoMeaning."""
    name = expr.function
    if name in QUANTITIES:
        return Value(QUANTITIES[name](expr, scope))
    if expr.primes:
        return _prime(expr, values)
    if name in ELEMENTWISE and len(values) == 1:
        return Value(elementwise(name, values[0].node), values[0].row)
    if name in ("max", "min") and len(values) == 2:
        return _pairwise(name, values[0], values[1], expr)
    rule = _WHOLE.get(name)
    if rule is None or len(values) != (2 if name == "dot" else 1):
        raise NoMeaning(f"{name} cannot be used with {len(values)} arguments", expr.span, "form")
    return rule(values, expr)


def elementwise(name: str, node: Node) -> Node:
    """An elementwise function by its name."""
    if name == "sqrt":
        return power(node, HALF)
    if name == "log" and isinstance(node, Determinant) and not node.log:
        return determinant(node.arg, log=True)
    return apply(name, node)


def _prime(expr: Call, values: Sequence[Value]) -> Value:
    if expr.function not in ELEMENTWISE or len(values) != 1:
        raise NoMeaning(f"{expr.function}' is not known", expr.span, "form")
    value = values[0]
    node = value.node
    result = elementwise(expr.function, node)
    if expr.primes > 1:
        raise NoMeaning("only first derivatives are written with a prime", expr.span, "form")
    if expr.function == "sqrt":
        return Value(times(HALF, power(node, literal(Fraction(-1, 2)))), value.row)
    return Value(partials(expr.function, result, (node,))[0], value.row)


def _pairwise(name: str, a: Value, b: Value, expr: Call) -> Value:
    if a.rank != b.rank and not (a.rank and b.rank):
        a = Value(broadcast(a.node, b.shape), b.row) if not a.rank else a
        b = Value(broadcast(b.node, a.shape), a.row) if not b.rank else b
    same = fit_shapes(a.node, b.node) if a.row == b.row else None
    if same is None:
        raise NoMeaning(f"{name} of {a.show()} and {b.show()} does not fit", expr.span)
    return Value(apply(name, *same), a.row)


def _need(rank: int, what: str) -> Callable[[Value, Call], None]:
    def check(value: Value, expr: Call) -> None:
        if value.rank != rank:
            raise NoMeaning(f"{expr.function} needs {what}, not {value.show()}", expr.span)

    return check


_matrix = _need(2, "a matrix")


def _entries(node: Node) -> Node:
    total = literal(1)
    for size in node.shape:
        total = times(total, count(size))
    return total


def _sum(values: Sequence[Value], expr: Call) -> Value:
    return Value(sum_axes(values[0].node))


def _mean(values: Sequence[Value], expr: Call) -> Value:
    return Value(mean(values[0].node))


def mean(node: Node) -> Node:
    """The mean of all entries."""
    return times(reciprocal(_entries(node)), sum_axes(node)) if node.rank else node


def _var(values: Sequence[Value], expr: Call) -> Value:
    node = values[0].node
    centred = add([(1, node), (-1, broadcast(mean(node), node.shape))])
    return Value(mean(square(centred)))


def _norm(values: Sequence[Value], expr: Call) -> Value:
    return Value(power(sum_axes(square(values[0].node)), HALF))


def _norm_1(values: Sequence[Value], expr: Call) -> Value:
    return Value(sum_axes(apply("abs", values[0].node)))


def _dot(values: Sequence[Value], expr: Call) -> Value:
    same = fit_shapes(values[0].node, values[1].node)
    if same is None:
        raise NoMeaning(f"⟨{values[0].show()}, {values[1].show()}⟩ does not fit", expr.span)
    return Value(sum_axes(hadamard(*same)))


def _softmax(values: Sequence[Value], expr: Call) -> Value:
    return Value(along("softmax", values[0].node), values[0].row)


def _log_softmax(values: Sequence[Value], expr: Call) -> Value:
    node = values[0].node
    return Value(apply("log", along("softmax", node)), values[0].row)


def _reduce(name: str) -> Callable[[Sequence[Value], Call], Value]:
    def rule(values: Sequence[Value], expr: Call) -> Value:
        node = values[0].node
        flat = reshape(node, (_size(node),)) if node.rank > 1 and name != "logsumexp" else node
        return Value(along(name, flat))

    return rule


def _size(node: Node) -> Whole:
    total = Whole.of(1)
    for size in node.shape:
        total = total * size
    return total


def _trace(values: Sequence[Value], expr: Call) -> Value:
    _matrix(values[0], expr)
    node = values[0].node
    if node.shape[0] != node.shape[1]:
        raise NoMeaning(f"the trace needs a square matrix, not {values[0].show()}", expr.span)
    return Value(contract([node], ["ii"], ""))


def _det(values: Sequence[Value], expr: Call) -> Value:
    return Value(determinant(values[0].node, log=expr.function == "logdet"))


def _diag(values: Sequence[Value], expr: Call) -> Value:
    node = values[0].node
    if node.rank == 1:
        return Value(diagonal_matrix(node))
    _matrix(values[0], expr)
    if node.shape[0] != node.shape[1]:
        raise NoMeaning(f"diag needs a square matrix, not {values[0].show()}", expr.span)
    return Value(contract([node], ["ii"], "i"))


def _vec(values: Sequence[Value], expr: Call) -> Value:
    _matrix(values[0], expr)
    node = values[0].node
    return Value(reshape(transpose(node), (_size(node),)))


_WHOLE: dict[str, Callable[[Sequence[Value], Call], Value]] = {
    "sum": _sum,
    "mean": _mean,
    "var": _var,
    "norm": _norm,
    "norm_F": _norm,
    "norm_1": _norm_1,
    "dot": _dot,
    "softmax": _softmax,
    "log_softmax": _log_softmax,
    "logsumexp": _reduce("logsumexp"),
    "max": _reduce("max"),
    "min": _reduce("min"),
    "tr": _trace,
    "det": _det,
    "logdet": _det,
    "diag": _diag,
    "vec": _vec,
    "indicator": lambda values, expr: values[0],
}
