"""The graph as SVG: one file, no scripts, no fonts from elsewhere; readable in light and dark."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from unicodedata import combining

from backprove.diagram.graph import Edge, Graph, Node
from backprove.diagram.layout import Layout, layout
from backprove.errors import BackproveError

SIZE, SMALL, LINE = 14.0, 0.72, 20.0
PAD_X, PAD_Y, MARGIN = 12.0, 9.0, 24.0
#: formulas are broken into lines of at most so many signs
LONGEST = 44
#: how wide a sign is, in parts of the font's size
WIDE, NORMAL, NARROW = 0.9, 0.58, 0.34
ROUND = 7.0

STYLE = """
text { font: 14px 'DejaVu Sans', Verdana, sans-serif; fill: #1d2530 }
.detail { fill: #465366 }
.note { font-size: 12px; fill: #5b6878 }
rect { stroke: #5b6878; stroke-width: 1.2; fill: #ffffff }
.data rect { fill: #e3effb; stroke: #4a7fb5 }
.parameter rect { fill: #f1f2f4; stroke: #8a94a3 }
.result rect { fill: #fdeedd; stroke: #c77f2e }
.earlier rect { fill: #ffffff; stroke-dasharray: 5 4 }
path { fill: none; stroke: #5b6878; stroke-width: 1.3 }
.back { stroke-dasharray: 5 4 }
.head { fill: #5b6878; stroke: none }
"""


@dataclass(frozen=True, slots=True)
class _Text:
    """A node's lines; the details come after the titles."""

    titles: tuple[str, ...]
    details: tuple[str, ...]

    @property
    def size(self) -> tuple[float, float]:
        lines = (*self.titles, *self.details)
        return max(map(_width, lines)) + 2 * PAD_X, len(lines) * LINE + 2 * PAD_Y - 4


def to_svg(graph: Graph, title: str = "", *, bare: bool = False) -> str:
    """A picture of the graph; `bare` without style and paper, for a page that has its own.

    Raises `BackproveError` where there is nothing to draw.
    """
    if not graph.nodes:
        raise BackproveError("there is nothing to draw: the model declares and defines nothing")
    texts = {node.key: _text(node) for node in graph.nodes}
    found = layout(graph, {key: text.size for key, text in texts.items()})
    width, height = found.width + 2 * MARGIN, found.height + 2 * MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}" role="img">',
        f"<title>{escape(title)}</title>" if title else "",
        "" if bare else f"<style>{STYLE}</style>",
        '<defs><marker id="head" viewBox="0 0 8 8" refX="7.5" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path class="head" d="M0 0.8 L8 4 L0 7.2 z"/></marker></defs>',
        ""
        if bare
        else f'<rect width="{width:.0f}" height="{height:.0f}" style="fill:#ffffff;stroke:none"/>',
        f'<g transform="translate({MARGIN:.0f} {MARGIN:.0f})">',
        *(_edge(edge, points) for edge, points in found.routes),
        *(_node(node, texts[node.key], found) for node in graph.nodes),
        "</g>",
        "</svg>",
    ]
    return "\n".join(part for part in parts if part) + "\n"


def _text(node: Node) -> _Text:
    from backprove.report.terminal import broken

    details = broken(f"= {node.detail}", LONGEST) if node.detail else []
    return _Text(tuple(node.title.split("\n")), tuple(details))


def _node(node: Node, text: _Text, found: Layout) -> str:
    box = found.boxes[node.key]
    lines: list[str] = []
    y = box.y + PAD_Y + SIZE - 2
    for line, name in [*((t, "") for t in text.titles), *((d, "detail") for d in text.details)]:
        style = f' class="{name}"' if name else ""
        indent = len(line) - len(line.lstrip())
        x = box.x + PAD_X + indent * NARROW * SIZE
        lines.append(f'<text x="{x:.1f}" y="{y:.1f}"{style}>{_spans(line.lstrip())}</text>')
        y += LINE
    return (
        f'<g class="{node.kind}"><rect x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" '
        f'height="{box.height:.1f}" rx="{ROUND:.0f}"/>{"".join(lines)}</g>'
    )


def _edge(edge: Edge, points: Sequence[tuple[float, float]]) -> str:
    style = ' class="back"' if edge.back else ""
    path = _cornered(points) if edge.back else _curved(points)
    drawn = f'<path{style} d="{path}" marker-end="url(#head)"/>'
    if edge.label:
        x, y = points[0]
        drawn += f'<text class="note" x="{x + 6:.1f}" y="{y - 7:.1f}">{_spans(edge.label)}</text>'
    return drawn


def _curved(points: Sequence[tuple[float, float]]) -> str:
    """Straight through columns, and between them smooth: level at both ends."""
    path = ""
    for (x, y), (to_x, to_y) in zip(points[::2], points[1::2], strict=True):
        middle = (x + to_x) / 2
        path += f" {'L' if path else 'M'}{x:.1f} {y:.1f}"
        path += f" C{middle:.1f} {y:.1f} {middle:.1f} {to_y:.1f} {to_x:.1f} {to_y:.1f}"
    return path.strip()


def _cornered(points: Sequence[tuple[float, float]]) -> str:
    path = f"M{points[0][0]:.1f} {points[0][1]:.1f}"
    return path + "".join(f" L{x:.1f} {y:.1f}" for x, y in points[1:])


# --- text -----------------------------------------------------------------------------------------


def _runs(text: str) -> Iterator[tuple[str, int]]:
    """Runs of text with their level: −1 for subscripts, 1 for superscripts."""
    at = 0
    while at < len(text):
        sign = text[at]
        if sign in "_^" and at + 1 < len(text) and at > 0:
            level = -1 if sign == "_" else 1
            if text[at + 1] == "{":
                end, depth = at + 2, 1
                while end < len(text) and depth:
                    depth += (text[end] == "{") - (text[end] == "}")
                    end += 1
                yield text[at + 2 : end - 1], level
                at = end
            else:
                yield text[at + 1], level
                at += 2
        else:
            end = next((i for i in range(at + 1, len(text)) if text[i] in "_^"), len(text))
            yield text[at:end], 0
            at = end


def _spans(text: str) -> str:
    """Text with its sub- and superscripts."""
    parts: list[str] = []
    level = 0
    for run, to in _runs(text):
        shift = (level - to) * 5
        moved = f' dy="{shift}"' if shift else ""
        small = f' font-size="{SIZE * SMALL:.1f}"' if to else ""
        parts.append(
            f"<tspan{moved}{small}>{escape(run)}</tspan>" if moved or small else escape(run)
        )
        level = to
    return "".join(parts)


def _width(text: str) -> float:
    return sum(
        sum(map(_sign_width, run)) * SIZE * (SMALL if level else 1) for run, level in _runs(text)
    )


def _sign_width(sign: str) -> float:
    if combining(sign):
        return 0.0
    if sign in " .,;:|()[]{}ijlt'ᵀ²":
        return NARROW + 0.06
    return WIDE if sign in "⊙⊗Σ∏∈≤≥→−+=<>mwMW…ℝ" else NORMAL + 0.06
