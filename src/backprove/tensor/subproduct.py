"""Products inside products: `V h` in `bᵀ V h`, which is one product of three; so with sums.

Products of products are one product (`build.contract`), so that a part which was written as a
factor no longer stands there as a node. Here it is found again: some of the operands, joined by
labels in the same way, whose summed labels are on nothing else. Of a sum it is some of the terms.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import TypeVar

from backprove.tensor.nodes import Add, Contract, Node, free_of

#: what it takes for a part of the pattern to be a part of the node; None where they differ
M = TypeVar("M")
Match = Callable[[Node, Node], Sequence[M] | None]


def regrouped(
    node: Node, pattern: Node, match: Match[M], made: Callable[[Sequence[M]], Node]
) -> Node | None:
    """A product or sum with one occurrence of another as a part of its own; None without any.

    `match(part, factor)` tells how a factor of the node is a part of the pattern, and `made` gives
    what stands for the occurrence, of the pattern's shape, from all that `match` told. The
    result is not simplified: products in it stay apart.
    """
    if isinstance(node, Contract) and isinstance(pattern, Contract):
        return _product(node, pattern, match, made)
    if isinstance(node, Add) and isinstance(pattern, Add):
        return _sum(node, pattern, match, made)
    return None


def _sum(
    node: Add, pattern: Add, match: Match[M], made: Callable[[Sequence[M]], Node]
) -> Node | None:
    left = [*node.terms]
    ratio: Fraction | None = None
    told: list[M] = []
    for c, part in pattern.terms:
        for i, (d, term) in enumerate(left):
            how = match(part, term) if ratio in (None, d / c) else None
            if how is not None:
                ratio = d / c
                told += how
                del left[i]
                break
        else:
            return None
    if ratio is None:
        return None
    terms = ((ratio, made(told)), *left)
    children = tuple(n for _, n in terms)
    return Add.intern(node.shape, free_of(children), children, terms)


def _product(
    node: Contract, pattern: Contract, match: Match[M], made: Callable[[Sequence[M]], Node]
) -> Node | None:
    found = _find(node, pattern, match)
    if found is None:
        return None
    places, table, told = found
    factor = made(told)
    first = min(places)
    pairs = [*zip(node.operands, node.labels, strict=True)]
    kept = [pair for i, pair in enumerate(pairs) if i not in places]
    kept.insert(
        sum(i not in places for i in range(first)), (factor, tuple(table[n] for n in pattern.out))
    )
    operands = tuple(n for n, _ in kept)
    number: dict[int, int] = {}
    labels = tuple(
        tuple(number.setdefault(name, len(number)) for name in names) for _, names in kept
    )
    out = tuple(number[name] for name in node.out)
    return Contract.intern(node.shape, free_of(operands), operands, operands, labels, out)


def _find(
    node: Contract, pattern: Contract, match: Match[M]
) -> tuple[set[int], dict[int, int], list[M]] | None:
    if len(set(pattern.out)) < len(pattern.out) or len(pattern.operands) > len(node.operands):
        return None
    inner = {n for names in pattern.labels for n in names} - set(pattern.out)

    def extend(
        at: int, places: set[int], table: dict[int, int], told: list[M]
    ) -> tuple[set[int], dict[int, int], list[M]] | None:
        if at == len(pattern.operands):
            return (places, table, told) if closed(places, table) else None
        part, names = pattern.operands[at], pattern.labels[at]
        for i, (factor, own) in enumerate(zip(node.operands, node.labels, strict=True)):
            if i in places or factor.shape != part.shape:
                continue
            joined = dict(table)
            if any(joined.setdefault(a, b) != b for a, b in zip(names, own, strict=True)):
                continue
            how = match(part, factor)
            if how is None:
                continue
            found = extend(at + 1, places | {i}, joined, [*told, *how])
            if found is not None:
                return found
        return None

    def closed(places: set[int], table: dict[int, int]) -> bool:
        """Whether what the pattern sums over is summed here, and is on nothing else."""
        summed = [table[n] for n in inner]
        outside = {
            n for i, names in enumerate(node.labels) if i not in places for n in names
        } | set(node.out)
        kept = {table[n] for n in pattern.out}
        return (
            len(set(summed)) == len(summed)
            and outside.isdisjoint(summed)
            and kept.isdisjoint(summed)
        )

    return extend(0, set(), {}, [])
