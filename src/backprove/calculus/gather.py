"""Sums that are written out: `E_1 + E_2 + E_3` is `Σ_{t=1}^{3} E_t`, and `(p_1 − t_1)² + … +
(p_3 − t_3)²` is `Σ_i (p_i − t_i)²`.

Terms that differ only in one number, by which members of families or components are chosen, are
one term under a sum, where the numbers follow each other without a gap.
"""

from __future__ import annotations

from fractions import Fraction

from backprove.tensor.build import add, fold, rebuild, select, symbol
from backprove.tensor.nodes import Add, Node, Select, Symbol, walk
from backprove.tensor.whole import Whole

LETTER = "t"
FEWEST = 2


def gathered(node: Node) -> Node:
    """The node with sums that are written out under a sum sign, at any place in it."""
    if not any(isinstance(part, Add) and len(part.terms) >= FEWEST for part in walk(node)):
        return node
    memo: dict[Node, Node] = {}
    for part in walk(node):
        fresh = part
        if part.children:
            inner = [memo[child] for child in part.children]
            if any(a is not b for a, b in zip(inner, part.children, strict=True)):
                fresh = rebuild(part, inner)
        memo[part] = _sum(fresh) if isinstance(fresh, Add) and not fresh.shape else fresh
    return memo[node]


def _sum(node: Add) -> Node:
    letter = LETTER
    while any(letter in n.free for n in node.children):
        letter += "′"
    groups: dict[tuple[Fraction, Node], list[int]] = {}
    rest: list[tuple[Fraction, Node]] = []
    for c, n in node.terms:
        found = _abstract(n, letter)
        if found is None:
            rest.append((c, n))
        else:
            number, pattern = found
            groups.setdefault((c, pattern), []).append(number)
    total = rest
    kept = True
    for (c, pattern), numbers in groups.items():
        numbers.sort()
        straight = numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        if len(numbers) >= FEWEST and straight:
            total = [*total, (c, fold("sum", letter, numbers[0], numbers[-1], pattern))]
            kept = False
        else:
            total = [
                *total,
                *((c, n) for d, n in node.terms if d == c and _is(n, pattern, numbers, letter)),
            ]
    return node if kept else add(total)


def _is(node: Node, pattern: Node, numbers: list[int], letter: str) -> bool:
    found = _abstract(node, letter)
    return found is not None and found[1] is pattern and found[0] in numbers


def _abstract(node: Node, letter: str) -> tuple[int, Node] | None:
    """The one number by which a term chooses, and the term with a letter in its place."""
    numbers: set[int] = set()
    for part in walk(node):
        places = (
            part.index if isinstance(part, Symbol) else part.at if isinstance(part, Select) else ()
        )
        fixed = {int(w.constant) for w in places if w is not None and w.constant is not None}
        numbers |= fixed
    if len(numbers) != 1:
        return None
    (number,) = numbers
    open_ = Whole.of(letter)
    memo: dict[Node, Node] = {}
    for part in walk(node):
        inner = [memo[child] for child in part.children]
        match part:
            case Symbol() if part.index:
                at = [open_ if w.constant == number else w for w in part.index]
                memo[part] = symbol(part.name, part.shape, at, part.facts)
            case Select():
                places = [open_ if w is not None and w.constant == number else w for w in part.at]
                memo[part] = select(inner[0], places)
            case _ if inner:
                memo[part] = rebuild(part, inner)
            case _:
                memo[part] = part
    return number, memo[node]
