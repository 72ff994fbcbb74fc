"""From syntax to typed expressions: what a formula means as written (NOTATION 2 and 3).

`meaning` goes down the tree; `combine` gives one syntax node its meaning from those of its parts.
The judge's readings use the same `combine`, so that only products are ever read differently.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from backprove.model import calls
from backprove.model.entity import System
from backprove.model.names import Target, component, resolve, splittings, take_apart
from backprove.model.products import divide, multiply, total, turned
from backprove.model.scope import Scope, Use
from backprove.model.value import NoMeaning, Value, fit_shapes, has_hole
from backprove.notation.syntax import (
    Array,
    Big,
    Both,
    Call,
    Cases,
    Compare,
    Derivative,
    Expr,
    Index,
    Name,
    Number,
    Power,
    Product,
    Quotient,
    Stack,
    Sum,
    Tag,
    Transpose,
)
from backprove.tensor.build import (
    ShapeError,
    add,
    apply,
    broadcast,
    build,
    concat,
    derivative,
    fold,
    hadamard,
    inverse,
    literal,
    permute,
    power,
    select,
    stack,
    substitute,
    test,
    where,
    zero,
)
from backprove.tensor.nodes import (
    Add,
    Build,
    Constant,
    Contract,
    Count,
    Node,
    Select,
    Symbol,
    walk,
)
from backprove.tensor.nodes import Derivative as DerivativeNode
from backprove.tensor.whole import Whole


def meaning(expr: Expr, scope: Scope) -> Value:
    """The typed meaning of an expression as written; raises NoMeaning with its place."""
    if isinstance(expr, Big):
        with binding(expr, scope):
            body = meaning(expr.body, scope)
            return combine(expr, [body], scope)
    return combine(expr, [meaning(part, scope) for part in parts(expr)], scope)


def parts(expr: Expr) -> Sequence[Expr]:
    """The sub-expressions whose meanings make up an expression's (a Big's body is bound inside)."""
    match expr:
        case Sum():
            return [term for _, term in expr.terms]
        case Product():
            return expr.factors
        case Quotient():
            return (expr.over, expr.under)
        case Power() | Transpose():
            return (expr.base,)
        case Call():
            return calls.array_arguments(expr)
        case Big():
            return (expr.body,)
        case Array():
            return expr.items
        case Stack():
            return expr.parts
        case Cases():
            return [value for value, _ in expr.branches]
        case Index() if take_apart(expr, frozenset()) is None:
            return (expr.base,)
        case _:
            return ()


def combine(expr: Expr, values: Sequence[Value], scope: Scope) -> Value:
    """The meaning of an expression whose parts mean `values`."""
    try:
        return _combine(expr, values, scope)
    except ShapeError as error:
        raise NoMeaning(str(error), expr.span) from None


def _combine(expr: Expr, values: Sequence[Value], scope: Scope) -> Value:
    match expr:
        case Number():
            return Value(literal(expr.value))
        case Name() | Index() | Tag():
            return _name(expr, values, scope)
        case Sum():
            return total([(s, v) for (s, _), v in zip(expr.terms, values, strict=True)], expr.span)
        case Product():
            result = values[0]
            for sign, factor in zip(expr.ops, values[1:], strict=True):
                result = multiply(result, factor, sign, expr.span)
            return result
        case Quotient():
            return divide(values[0], values[1], expr.span)
        case Power():
            return _power(expr, values[0], scope)
        case Transpose():
            return turned(values[0])
        case Call():
            return calls.call(expr, values, scope)
        case Big():
            return _big(expr, values[0], scope)
        case Derivative():
            return _derivative(expr, scope)
        case Array():
            return _array(values, expr)
        case Stack():
            whole = [v.node if v.rank else stack([v.node]) for v in values]
            return Value(concat(whole))
        case Cases():
            return _cases(expr, values, scope)
        case Compare() | Both():
            return Value(condition(expr, scope))


def _name(expr: Name | Index | Tag, values: Sequence[Value], scope: Scope) -> Value:
    target = take_apart(expr, scope.system.names())
    if target is not None:
        return resolve(target, scope)
    if isinstance(expr, Index) and values:
        place = Target("this expression", expr.items, expr.span)
        # `[∂L/∂W]_{ij}`: as many letters as there are axes
        ways = [w for w in splittings(expr.items, scope) if len(w) <= values[0].rank]
        at = [scope.whole(item, free=True) for item in (ways or [expr.items])[-1]]
        return Value(component(values[0].node, at, place, scope))
    raise NoMeaning("this is no name", expr.span, "form")


def _power(expr: Power, base: Value, scope: Scope) -> Value:
    exponent = meaning(expr.exponent, scope)
    if isinstance(base.node, Constant) and base.node.name == "e":
        return Value(apply("exp", exponent.node), exponent.row)
    if exponent.rank:
        raise NoMeaning(f"an exponent must be a scalar, not {exponent.show()}", expr.span)
    if exponent.node is literal(-1) and base.rank == 2:
        if base.shape[0] != base.shape[1]:
            raise NoMeaning(f"{base.show()} has no inverse: it is not square", expr.span)
        return Value(inverse(base.node))
    return Value(power(base.node, exponent.node), base.row)


# --- sums and products over an index --------------------------------------------------------------


def binding(expr: Big, scope: Scope):  # type: ignore[no-untyped-def]
    """The scope inside a big sum or product."""
    names = [b.name for b in expr.binders]
    return scope.bound({name: Whole.of(scope.inner_name(name)) for name in names})


def _big(expr: Big, body: Value, scope: Scope) -> Value:
    if not expr.binders:
        raise NoMeaning("the index of this sum is not written", expr.span, "form")
    node = body.node
    if expr.condition is not None:
        holds = condition(expr.condition, scope)
        neutral = literal(int(expr.op == "prod")) if not node.rank else zero(node.shape)
        node = where(holds, node, neutral)
    op = expr.op
    of, by = None, None
    for binder in reversed(expr.binders):
        name = scope.inner_name(binder.name)
        if binder.low is not None and binder.high is not None:
            low, high = scope.whole(binder.low), scope.whole(binder.high)
        else:
            low, high = _inferred(binder.name, name, scope, expr)
        if op == "prod" and body.of is not None and body.by is not None:
            op, of, by = _chain_order(body.of, body.by, name, low, high)
        elif op == "prod" and node.rank == 2 and node.shape[0] != node.shape[1]:
            raise NoMeaning(f"a product of {body.show()} matrices does not fit", expr.span)
        node = fold(op, name, low, high, node)
    return Value(node, body.row, of, by)


def _inferred(written: str, name: str, scope: Scope, expr: Big) -> tuple[Whole, Whole]:
    """The range of an index without bounds: where it is used plainly."""
    uses: list[Use] = [
        u for u in scope.uses.get(name, []) if u.low is not None and u.high is not None
    ]
    if not uses:
        raise NoMeaning(f"over which {written} the sum goes cannot be told", expr.span, "form")
    low, high = uses[0].low, uses[0].high
    assert low is not None
    assert high is not None
    return low, high


def _chain_order(
    of: Node, by: Node, name: str, low: Whole, high: Whole
) -> tuple[str, Node | None, Node | None]:
    """A product of derivatives is taken in the order in which their variables meet."""
    if substitute(of, {name: Whole.of(name) - 1}) is by:
        return "prod-down", substitute(of, {name: high}), substitute(by, {name: low})
    if substitute(of, {name: Whole.of(name) + 1}) is by:
        return "prod", substitute(of, {name: low}), substitute(by, {name: high})
    return "prod", None, None


# --- derivatives ----------------------------------------------------------------------------------


def _derivative(expr: Derivative, scope: Scope) -> Value:
    value = meaning(expr.of, scope)
    if has_hole(value.node):
        raise NoMeaning(
            "a constant whose size cannot be told is not differentiated", expr.of.span, "form"
        )
    node = value.node
    variable: Node = node
    mode = "immediate" if expr.immediate else scope.mode or "total"
    for written in expr.by:
        inner = written.base if isinstance(written, Transpose) else written
        variable = meaning(inner, scope).node
        if isinstance(variable, Count):
            words = "this is a size or an index: there is no derivative by it"
            raise NoMeaning(words, written.span, "form")
        if isinstance(variable, Symbol):
            variable = _meant(variable, value.node, scope.system)
        if hides(variable, value.node, scope.system):
            raise NoMeaning(
                "this expression stands inside a larger product or sum: give it a name of its own",
                written.span,
                "form",
            )
        node = differentiate(node, variable, mode)
    single = len(expr.by) == 1
    if single and isinstance(expr.by[0], Transpose) and variable.rank == 2:
        # by the entries of S^T: a derivative of its shape
        axes = list(range(node.rank))
        return Value(permute(node, [*axes[:-2], axes[-1], axes[-2]]))
    return Value(node, of=value.node if single else None, by=variable if single else None)


def _meant(variable: Symbol, node: Node, system: System) -> Node:
    """A writer's name for an expression that the model writes out is that expression.

    So `let z = W x` gives `∂L/∂z` a meaning where L is made of `tanh(W x)`.
    """
    own = [e for e in system.entities.get(variable.name, []) if e.body is not None]
    if system.base is None or not own:
        return variable
    used = any(
        isinstance(n, Symbol) and n.name == variable.name
        for n in walk(node, *bodies_below(node, system))
    )
    for entity in () if used else own:
        names = [w.name for w in entity.index]
        if entity.body is None or not entity.body.children or len(names) != len(variable.index):
            continue
        if entity.index == variable.index:
            return entity.body
        if all(names):
            put = {n: w for n, w in zip(names, variable.index, strict=True) if n}
            return substitute(entity.body, put)
    return variable


def bodies_below(node: Node, system: System) -> list[Node]:
    """What the names in an expression are defined by, and the names in that, and so on."""
    found: list[Node] = []
    seen: set[str] = set()
    pending = [node]
    while pending:
        for part in walk(pending.pop()):
            if isinstance(part, Symbol) and part.name not in seen:
                seen.add(part.name)
                bodies = [e.body for e in system.named(part.name) if e.body is not None]
                found += bodies
                pending += bodies
    return found


def hides(by: Node, node: Node, system: System) -> bool:
    """Whether an expression to differentiate by is merged into a larger product or sum.

    Products of products and sums of sums are one node, so such an occurrence could be missed.
    """
    if not isinstance(by, Contract | Add) or len(by.children) < 2:
        return False
    wanted = Counter(map(_head, by.children))
    return any(
        type(part) is type(by)
        and not wanted - Counter(map(_head, part.children))
        and _form(part) != _form(by)
        for part in walk(node, *bodies_below(node, system))
    )


def _form(node: Node) -> object:
    """What tells a product or sum from another one of the same parts."""
    if isinstance(node, Contract):
        return node.labels, node.out
    return [c for c, _ in node.terms] if isinstance(node, Add) else None


def _head(node: Node) -> object:
    """What is compared of an operand: a name whatever its index, anything else by its kind."""
    return (node.name, node.shape) if isinstance(node, Symbol) else (type(node), node.shape)


def differentiate(of: Node, by: Node, mode: str) -> Node:
    """∂of/∂by with components taken outside, so that whole derivatives are shared."""
    if isinstance(of, Select) and of.rank == 0 and isinstance(of.arg, Symbol | DerivativeNode):
        whole = differentiate(of.arg, by, mode)
        return select(whole, [*of.at, *[None] * (whole.rank - len(of.at))])
    if isinstance(by, Select) and isinstance(by.arg, Symbol):
        whole = differentiate(of, by.arg, mode)
        return select(whole, [*[None] * of.rank, *by.at])
    if isinstance(by, Build) and isinstance(by.body, Symbol):
        member = differentiate(of, by.body, mode)
        node = build(by.indices, by.shape, member)
        shift = len(by.indices)
        return permute(node, [*range(shift, node.rank), *range(shift)]) if of.rank else node
    if isinstance(of, Build) and isinstance(of.body, Symbol):
        return build(of.indices, of.shape, differentiate(of.body, by, mode))
    return derivative(of, by, mode)


# --- literals, cases, conditions ------------------------------------------------------------------


def _array(values: Sequence[Value], expr: Array) -> Value:
    shapes = {v.shape for v in values}
    if len(shapes) != 1:
        raise NoMeaning("the rows of this array have different lengths", expr.span, "form")
    return Value(stack([v.node for v in values]))


def _cases(expr: Cases, values: Sequence[Value], scope: Scope) -> Value:
    model = next((v for v in values if v.rank), values[0])
    nodes = [
        broadcast(v.node, model.shape) if model.rank and not v.rank else v.node for v in values
    ]
    conditions = [c for _, c in expr.branches]
    # the last case is taken where no other is, whether it says so or gives its own condition
    result = nodes[-1]
    for node, test_ in reversed(list(zip(nodes, conditions, strict=True))[:-1]):
        if test_ is None:
            raise NoMeaning("only the last case may be without a condition", expr.span, "form")
        holds = condition(test_, scope)
        if holds.rank:
            off = add([(1, broadcast(literal(1), holds.shape)), (-1, holds)])
            same = fit_shapes(holds, node)
            if same is None:
                raise NoMeaning("the condition and the value differ in shape", expr.span)
            result = add([(1, hadamard(holds, same[1])), (1, hadamard(off, result))])
        else:
            result = where(holds, node, result)
    return Value(result, model.row)


def condition(expr: Expr, scope: Scope) -> Node:
    """1 where a condition holds, else 0; between arrays elementwise."""
    if isinstance(expr, Both):
        result = condition(expr.parts[0], scope)
        for part in expr.parts[1:]:
            result = _both(result, condition(part, scope))
        return result
    if not isinstance(expr, Compare):
        raise NoMeaning("a condition is expected here", expr.span, "form")
    result = None
    for left, op, right in zip(expr.operands, expr.ops, expr.operands[1:], strict=False):
        single = _compare(left, op, right, scope, expr)
        result = single if result is None else _both(result, single)
    assert result is not None
    return result


def _both(a: Node, b: Node) -> Node:
    if not a.rank and not b.rank:
        return where(a, b, literal(0))
    return multiply(Value(a), Value(b), "⊙", (0, 0)).node


def _compare(left: Expr, op: str, right: Expr, scope: Scope, place: Expr) -> Node:
    a, b = scope.try_whole(left), scope.try_whole(right)
    # `k ≠ i`: beside an index a letter that nothing declares is the claim's own
    if a is not None and b is None and isinstance(right, Name):
        b = scope.try_whole(right, free=True)
    elif b is not None and a is None and isinstance(left, Name):
        a = scope.try_whole(left, free=True)
    if a is not None and b is not None:
        return test(op, a, b)
    x, y = meaning(left, scope).node, meaning(right, scope).node
    if x.rank != y.rank:
        x = broadcast(x, y.shape) if not x.rank else x
        y = broadcast(y, x.shape) if not y.rank else y
    if x.shape != y.shape:
        raise NoMeaning("the two sides of this condition differ in shape", place.span)
    if op in ("<", "≤"):
        x, y, op = y, x, {"<": ">", "≤": "≥"}[op]
    name = {">": "greater", "≥": "greater-equal", "=": "equal", "≠": "equal"}[op]
    result = apply(name, x, y)
    if op == "≠":
        return add([(1, broadcast(literal(1), x.shape)), (-1, result)])
    return result
