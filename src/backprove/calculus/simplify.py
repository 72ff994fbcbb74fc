"""Choosing the shorter of equal forms: multiplying out where that lets things cancel.

The smart constructors already collect and cancel what stands together; what stands apart, such as
the t and 1 − t parts of a cross-entropy's derivative, meets only after multiplying out. So each
expression is tried as it is, multiplied out one level, and fully, and the shortest is kept.
"""

from __future__ import annotations

from backprove.tensor.build import add, contract, rebuild, with_facts
from backprove.tensor.nodes import Add, Contract, Literal, Node, Ones, Power, Symbol

#: a product is not multiplied out into more terms than this
MOST_TERMS = 24


def cost(node: Node, memo: dict[Node, int] | None = None) -> int:
    """How long an expression is on paper, roughly: its symbols and signs."""
    memo = {} if memo is None else memo
    found = memo.get(node)
    if found is not None:
        return found
    match node:
        case Literal() | Ones():
            total = 1
        case Symbol():
            total = 2
        case Add():
            total = sum(cost(n, memo) + 1 + (abs(c) != 1) for c, n in node.terms)
        case Power() if isinstance(node.exponent, Literal):
            total = cost(node.base, memo) + 1
        case _:
            total = 1 + sum(cost(child, memo) for child in node.children)
    memo[node] = total
    return total


def expand(node: Node, deep: bool = True) -> Node:
    """Products multiplied out over sums; with `deep` below the top, too (within terms and factors)."""
    memo: dict[Node, Node] = {}

    def visit(part: Node, level: int) -> Node:
        if part in memo:
            return memo[part]
        if isinstance(part, Add):
            result = add([(c, visit(n, level)) for c, n in part.terms], part.shape)
        elif isinstance(part, Contract):
            factors = [visit(n, level + 1) if deep else n for n in part.operands]
            result = _multiplied_out(part, factors)
        elif deep and isinstance(part, Power) and _is_square(part):
            base = visit(part.base, level + 1)
            axes = list(range(base.rank))
            square = contract([base, base], [axes, axes], axes)
            result = (
                _multiplied_out(square, list(square.operands))
                if isinstance(square, Contract)
                else square
            )
        elif deep and part.children:
            result = rebuild(part, [visit(n, level + 1) for n in part.children])
        else:
            result = part
        memo[part] = result
        return result

    return visit(node, 0)


def _is_square(part: Power) -> bool:
    return (
        isinstance(part.exponent, Literal)
        and part.exponent.value == 2
        and isinstance(part.base, Add)
        and 1 < len(part.base.terms) <= 3
    )


def _multiplied_out(part: Contract, factors: list[Node]) -> Node:
    sums = [f for f in factors if isinstance(f, Add) and len(f.terms) > 1]
    terms = 1
    for f in sums:
        terms *= len(f.terms)  # type: ignore[attr-defined]
    if not sums or terms > MOST_TERMS:
        return contract(factors, part.labels, part.out, facts=True)
    total: list[tuple[int, Node]] = []
    choices: list[list[tuple[object, Node]]] = [
        list(f.terms) if isinstance(f, Add) and len(f.terms) > 1 else [(1, f)] for f in factors
    ]
    picks: list[tuple[object, list[Node]]] = [(1, [])]
    for options in choices:
        picks = [(c * d, [*ns, n]) for c, ns in picks for d, n in options]  # type: ignore[operator]
    for coefficient, nodes in picks:
        total.append((coefficient, contract(nodes, part.labels, part.out, facts=True)))  # type: ignore[arg-type]
    return add(total, part.shape)


def simplify(node: Node) -> Node:
    """The shortest of the equal forms tried, each part treated on its own first.

    What is declared of names (one-hot, simplex, symmetric) is used: this is for results, not for
    what is still to be differentiated.
    """
    memo: dict[Node, Node] = {}

    def visit(part: Node) -> Node:
        found = memo.get(part)
        if found is None:
            inner = [visit(child) for child in part.children]
            same = all(a is b for a, b in zip(inner, part.children, strict=True))
            fresh = with_facts(part if same else rebuild(part, inner))
            found = memo[part] = _shortest(fresh)
        return found

    def _shortest(part: Node) -> Node:
        if not isinstance(part, Add | Contract):
            return part
        best, least = part, cost(part)
        for candidate in (expand(part, deep=False), expand(part)):
            if candidate is not part and (length := cost(candidate)) < least:
                best, least = candidate, length
        return best

    return visit(node)
