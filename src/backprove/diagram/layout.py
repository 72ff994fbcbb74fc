"""A layered drawing from left to right: columns by depth, few crossings, straight edges.

The method of K. Sugiyama, S. Tagawa, M. Toda, "Methods for visual understanding of hierarchical
system structures" (1981): layers by longest paths, orders by barycentres, then positions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from backprove.diagram.graph import Edge, Graph

COLUMN_GAP, ROW_GAP, LANE = 64.0, 18.0, 16.0
#: where a long edge passes a column
PASSAGE = 6.0
SWEEPS = 12

Size = tuple[float, float]


@dataclass(slots=True)
class Box:
    """A node, or a passage of a long edge, with its place: x and y are those of its corner."""

    key: str
    width: float
    height: float
    layer: int = 0
    x: float = 0.0
    y: float = 0.0

    @property
    def middle(self) -> float:
        return self.y + self.height / 2


@dataclass(frozen=True, slots=True)
class Layout:
    """Boxes by key, and for each edge the points that it passes, in order."""

    boxes: dict[str, Box]
    routes: list[tuple[Edge, list[tuple[float, float]]]]
    width: float
    height: float


def layout(graph: Graph, sizes: Mapping[str, Size]) -> Layout:
    """Places for boxes of these sizes."""
    forward = [e for e in graph.edges if not e.back]
    depth = _layers([n.key for n in graph.nodes], forward)
    boxes = {key: Box(key, *sizes[key], depth[key]) for key in depth}
    chains = _passages(forward, boxes)
    links = [pair for chain in chains.values() for pair in pairwise(chain)]
    columns = _ordered(boxes, links)
    _place(columns, links, boxes)
    width = max(box.x + box.width for box in boxes.values())
    bottom = max(box.y + box.height for box in boxes.values())
    routes = [(edge, _through([boxes[key] for key in chain])) for edge, chain in chains.items()]
    for number, edge in enumerate([e for e in graph.edges if e.back], 1):
        ends = boxes[edge.source], boxes[edge.target]
        right = max(box.x + box.width for box in boxes.values() if box.layer == ends[0].layer)
        left = min(box.x for box in boxes.values() if box.layer == ends[1].layer)
        apart = 4.0 + 6.0 * number
        lane = bottom + number * LANE
        routes.append((edge, _around(*ends, right + apart, lane, left - apart)))
    lanes = sum(e.back for e in graph.edges)
    return Layout(boxes, routes, width, bottom + (lanes + 1) * LANE * bool(lanes))


def _layers(keys: Sequence[str], edges: Sequence[Edge]) -> dict[str, int]:
    """Depth by longest path; what nothing leads to stands just before its first user."""
    depth = dict.fromkeys(keys, 0)
    for _ in keys:  # a graph of definitions has no cycles: this ends, at the latest, here
        moved = False
        for edge in edges:
            if depth[edge.target] <= depth[edge.source]:
                depth[edge.target] = depth[edge.source] + 1
                moved = True
        if not moved:
            break
    fed = {edge.target for edge in edges}
    for key in keys:
        users = [depth[e.target] for e in edges if e.source == key]
        if key not in fed and users:
            depth[key] = min(users) - 1
    return depth


def _passages(edges: Sequence[Edge], boxes: dict[str, Box]) -> dict[Edge, list[str]]:
    """For every edge the boxes it passes, one in each column between."""
    chains: dict[Edge, list[str]] = {}
    for edge in edges:
        chain = [edge.source]
        for layer in range(boxes[edge.source].layer + 1, boxes[edge.target].layer):
            key = f"{edge.source} > {edge.target} at {layer}"
            boxes[key] = Box(key, 0.0, PASSAGE, layer)
            chain.append(key)
        chains[edge] = [*chain, edge.target]
    return chains


def _ordered(boxes: Mapping[str, Box], links: Sequence[tuple[str, str]]) -> list[list[str]]:
    """The columns from top to bottom: the order with the fewest crossings that was met."""
    last = max(box.layer for box in boxes.values())
    columns: list[list[str]] = [[] for _ in range(last + 1)]
    for key, box in boxes.items():
        columns[box.layer].append(key)
    before: dict[str, list[str]] = {key: [] for key in boxes}
    after: dict[str, list[str]] = {key: [] for key in boxes}
    for source, target in links:
        before[target].append(source)
        after[source].append(target)
    best = [list(column) for column in columns]
    fewest = _crossings(best, after)
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        near = before if down else after
        for layer in range(1, last + 1) if down else range(last - 1, -1, -1):
            rank = {k: i for i, k in enumerate(columns[layer - 1 if down else layer + 1])}
            centres = {
                key: _mean([rank[k] for k in near[key] if k in rank], place)
                for place, key in enumerate(columns[layer])
            }
            columns[layer].sort(key=centres.__getitem__)
        crossed = _crossings(columns, after)
        if crossed < fewest:
            best, fewest = [list(column) for column in columns], crossed
    return best


def _mean(numbers: Sequence[float], otherwise: float) -> float:
    return sum(numbers) / len(numbers) if numbers else otherwise


def _crossings(columns: Sequence[Sequence[str]], after: Mapping[str, Sequence[str]]) -> int:
    total = 0
    for left, right in pairwise(columns):
        rank = {key: i for i, key in enumerate(right)}
        ends = [sorted(rank[t] for t in after[key] if t in rank) for key in left]
        flat = [end for group in ends for end in group]
        total += sum(flat[i] > flat[j] for i in range(len(flat)) for j in range(i + 1, len(flat)))
    return total


def _place(
    columns: Sequence[Sequence[str]], links: Sequence[tuple[str, str]], boxes: Mapping[str, Box]
) -> None:
    """Columns side by side; in each, boxes as near to their neighbours' middle as order allows."""
    x = 0.0
    for column in columns:
        width = max((boxes[key].width for key in column), default=0.0)
        for key in column:
            box = boxes[key]
            box.width = box.width or width  # an edge passes all of a column straight on
            box.x = x + (width - box.width) / 2
        x += width + COLUMN_GAP
        y = 0.0
        for key in column:
            boxes[key].y = y
            y += boxes[key].height + ROW_GAP
    near: dict[str, list[str]] = {key: [] for key in boxes}
    for source, target in links:
        near[source].append(target)
        near[target].append(source)
    for sweep in range(2 * SWEEPS):
        for column in columns if sweep % 2 == 0 else reversed(columns):
            _align(
                [boxes[key] for key in column], [[boxes[n] for n in near[key]] for key in column]
            )
    top = min(box.y for box in boxes.values())
    for box in boxes.values():
        box.y -= top


def _align(column: Sequence[Box], near: Sequence[Sequence[Box]]) -> None:
    """Boxes moved towards the mean of their neighbours, pushed apart as groups where they meet."""
    wished = [
        _mean([n.middle for n in others], box.middle) - box.height / 2
        for box, others in zip(column, near, strict=True)
    ]
    # blocks of boxes that touch: where they begin if alone, how many they are, and their offsets
    blocks: list[tuple[float, int, float]] = []
    for box, wish in zip(column, wished, strict=True):
        start, count, length = wish, 1, box.height + ROW_GAP
        while blocks and blocks[-1][0] + blocks[-1][2] > start:
            before, many, extent = blocks.pop()
            start = (before * many + (start - extent) * count) / (many + count)
            count, length = many + count, extent + length
        blocks.append((start, count, length))
    at = 0
    for start, count, _ in blocks:
        y = start
        for box in column[at : at + count]:
            box.y = y
            y += box.height + ROW_GAP
        at += count


def _through(chain: Sequence[Box]) -> list[tuple[float, float]]:
    """From the right side of the first box to the left side of the last one.

    The points come in pairs: where it leaves a column, and where it comes to the next one.
    """
    points: list[tuple[float, float]] = []
    for left, right in pairwise(chain):
        points += [(left.x + left.width, left.middle), (right.x, right.middle)]
    return points


def _around(
    source: Box, target: Box, out: float, lane: float, back: float
) -> list[tuple[float, float]]:
    """Out to the right, down to a lane below everything, and up to the target from the left."""
    right, left = (source.x + source.width, source.middle), (target.x, target.middle)
    return [right, (out, source.middle), (out, lane), (back, lane), (back, target.middle), left]
