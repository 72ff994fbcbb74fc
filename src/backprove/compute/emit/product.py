"""The order in which the factors of a generalised Einstein product are multiplied.

Every product becomes products of two, in the order that needs the fewest multiplications
(found by trying all orders; Lam, Sadayappan and Wenger 1997 show that the problem is hard in
general, but formulas have few factors). Sizes that are symbols are guessed. Of equal orders one
is taken that leaves less to do inside a loop.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from itertools import combinations

from backprove.tensor.whole import Whole

#: what a size that is a symbol is taken for
GUESS = 64
#: with more factors than this the cheapest pair is taken first
MOST_TRIED = 8

Labels = frozenset[Hashable]
#: a factor's number, two trees, or the factors of a product that is there already
Tree = int | frozenset[int] | tuple["Tree", "Tree"]


def size_of(length: Whole) -> float:
    """A length as a number, guessed where it is not known."""
    return float(max(1, length.value(dict.fromkeys(length.names, GUESS))))


def order(
    factors: Sequence[Labels],
    out: Labels,
    lengths: Mapping[Hashable, Whole],
    outside: Callable[[int], bool],
    known: Callable[[frozenset[int], Labels], bool],
) -> Tree:
    """The tree of products of two.

    `outside(k)` says whether factor k stands outside of the loop, `known(group, labels)` whether
    the product of some factors is computed anyway.
    """
    return cheapest(factors, out, lengths, outside, known)[1]


def cheapest(
    factors: Sequence[Labels],
    out: Labels,
    lengths: Mapping[Hashable, Whole],
    outside: Callable[[int], bool],
    known: Callable[[frozenset[int], Labels], bool],
) -> tuple[float, Tree]:
    """The same with the number of multiplications."""
    if len(factors) == 1:
        return 0.0, 0
    sizes = {label: size_of(length) for label, length in lengths.items()}

    def volume(labels: Labels) -> float:
        total = 1.0
        for label in labels:
            total *= sizes[label]
        return total

    def kept(group: frozenset[int]) -> Labels:
        """The labels of a product of some factors: those that others or the result need."""
        here: Labels = frozenset().union(*(factors[k] for k in group))
        rest: Labels = out.union(*(f for k, f in enumerate(factors) if k not in group))
        return here & rest

    def price(left: frozenset[int], right: frozenset[int]) -> float:
        work = volume(kept(left) | kept(right)) + volume(kept(left | right))
        size = max(volume(kept(left)), volume(kept(right)))
        hoisted = all(map(outside, left | right)) and volume(kept(left | right)) <= size
        # outside of the loop the same work is cheaper: one call for all steps
        return work * (0.5 if hoisted else 1.0)

    if len(factors) > MOST_TRIED:
        return _greedy(len(factors), price)
    everything = frozenset(range(len(factors)))
    best: dict[frozenset[int], tuple[float, Tree]] = {frozenset((k,)): (0.0, k) for k in everything}
    for count in range(2, len(factors) + 1):
        for chosen in combinations(sorted(everything), count):
            group = frozenset(chosen)
            if known(group, kept(group)):
                best[group] = (0.0, group)
                continue
            options: list[tuple[float, int, Tree]] = []
            for left in _halves(chosen):
                right = group - left
                cost = best[left][0] + best[right][0] + price(left, right)
                options.append((cost, len(options), (best[left][1], best[right][1])))
            cost, _, tree = min(options, key=lambda o: o[:2])
            best[group] = (cost, tree)
    return best[everything]


def _halves(chosen: tuple[int, ...]) -> list[frozenset[int]]:
    """The parts with the first factor, of every division into two; neighbours and halves first."""
    first, rest = chosen[0], chosen[1:]
    found = [(first, *more) for count in range(len(rest)) for more in combinations(rest, count)]
    middle = len(chosen) / 2
    found.sort(key=lambda part: (part != chosen[: len(part)], abs(len(part) - middle)))
    return [frozenset(part) for part in found]


def _greedy(
    count: int, price: Callable[[frozenset[int], frozenset[int]], float]
) -> tuple[float, Tree]:
    trees: dict[frozenset[int], Tree] = {frozenset((k,)): k for k in range(count)}
    total = 0.0
    while len(trees) > 1:
        left, right = min(combinations(trees, 2), key=lambda pair: price(*pair))
        total += price(left, right)
        trees[left | right] = (trees.pop(left), trees.pop(right))
    return total, next(iter(trees.values()))
