"""The graph in Mermaid's language, which many pages and editors draw."""

from __future__ import annotations

from backprove.diagram.graph import Graph, Node

SHAPES = {
    "data": ("([", "])"),
    "parameter": ("[/", "/]"),
    "definition": ("[", "]"),
    "result": ("[[", "]]"),
    "earlier": ("(", ")"),
}


def to_mermaid(graph: Graph) -> str:
    """A flowchart from left to right; steps back to earlier members are dotted."""
    names = {node.key: f"n{i}" for i, node in enumerate(graph.nodes)}
    lines = ["flowchart LR"]
    for node in graph.nodes:
        opening, closing = SHAPES[node.kind]
        lines.append(f'    {names[node.key]}{opening}"{_text(node)}"{closing}')
    for edge in graph.edges:
        arrow = "-.->" if edge.back else "-->"
        label = f'|"{_escaped(edge.label)}"|' if edge.label else ""
        lines.append(f"    {names[edge.source]} {arrow}{label} {names[edge.target]}")
    return "\n".join(lines) + "\n"


def _text(node: Node) -> str:
    text = node.title + (f"\n= {node.detail}" if node.detail else "")
    return "<br/>".join(map(_escaped, text.split("\n")))


def _escaped(text: str) -> str:
    """Text in quotes: Mermaid reads entity codes there."""
    for sign, code in (
        ("#", "#35;"),
        ("&", "#amp;"),
        ("<", "#lt;"),
        (">", "#gt;"),
        ('"', "#quot;"),
    ):
        text = text.replace(sign, code)
    return text
