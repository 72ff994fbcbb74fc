"""What is used of the adjoints: lines that nothing needs, and steps before the first that matters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from backprove.calculus.bounds import within
from backprove.calculus.ranges import Ranges, gap_of, lies
from backprove.model.entity import Entity, IndexRange
from backprove.tensor.nodes import Fold, Node, Symbol, walk
from backprove.tensor.whole import Whole

#: a member that is used, and the ranges of the sums around it
Use = tuple[str, tuple[Whole, ...], Ranges]


def reached(lines: Sequence[Entity], result: Node, spans: Ranges) -> list[Entity]:
    """The lines that the result needs, itself or by way of others."""
    named: dict[str, list[Entity]] = {}
    for line in lines:
        named.setdefault(line.name, []).append(line)
    needed: set[Entity] = set()
    pending: list[tuple[Node, Ranges]] = [(result, spans)]
    while pending:
        node, around = pending.pop()
        for name, at, inner in uses(node):
            for line in named.get(name, ()):
                if line in needed or line.body is None:
                    continue
                if _among(at, line, (*around, *inner)):
                    needed.add(line)
                    pending.append((line.body, (*spans, *line.ranges)))
    return [line for line in lines if line in needed]


def _among(at: tuple[Whole, ...], line: Entity, around: Ranges) -> bool:
    """Whether a member may be one that a line defines, for all that the ranges tell."""
    if len(at) != len(line.index):
        return False
    for place, own in zip(at, line.index, strict=True):
        r = next((r for r in line.ranges if r.name == own.name), None)
        low, high = (r.low, r.high) if r else (own, own)
        if low is not None and lies(place - low, None, -1, around):
            return False
        if high is not None and lies(place - high, 1, None, around):
            return False
    return True


def trimmed(lines: Sequence[Entity], result: Node, spans: Ranges) -> list[Entity]:
    """The families with a first step no earlier than what is used of them.

    `spans` are the ranges of the question's open letters.
    """
    members = [(line, uses(line.body)) for line in lines if line.body is not None]
    asked = uses(result)
    current = {line: line for line in lines}
    while True:
        found: dict[str, list[tuple[Whole, Ranges]]] = {}
        for name, at, inner in asked:
            if len(at) == 1:
                found.setdefault(name, []).append((at[0], (*spans, *inner)))
        for line, used in members:
            around = (*spans, *current[line].ranges)
            for name, at, inner in used:
                if len(at) == 1 and not (name == line.name and at == line.index):
                    found.setdefault(name, []).append((at[0], (*around, *inner)))
        shorter = {line: _trimmed(e, found.get(e.name, ())) for line, e in current.items()}
        if all(shorter[line] is current[line] for line in lines):
            return [current[line] for line in lines]
        current = shorter


def _trimmed(line: Entity, used: Iterable[tuple[Whole, Ranges]]) -> Entity:
    if len(line.ranges) != 1 or line.ranges[0].low is None or not used:
        return line
    (r,) = line.ranges
    low = r.low
    assert low is not None
    while gap_of(low, r.high or low) != 0 and all(
        within(at, at, low + 1, None, around) for at, around in used
    ):
        low = low + 1
    if low == r.low:
        return line
    return replace(line, ranges=(IndexRange(r.name, low, r.high),))


def uses(node: Node) -> list[Use]:
    """The members of families, and other names, that an expression uses."""
    if not any(isinstance(part, Fold) for part in walk(node)):
        return [(n.name, n.index, ()) for n in walk(node) if isinstance(n, Symbol)]
    found: dict[Use, None] = {}

    def visit(part: Node, around: Ranges) -> None:
        if isinstance(part, Symbol):
            found[part.name, part.index, around] = None
        if isinstance(part, Fold):
            around = (*around, IndexRange(part.index, part.low, part.high))
        for child in part.children:
            visit(child, around)

    visit(node, ())
    return [*found]
