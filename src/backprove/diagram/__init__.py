"""A model as a picture: its names, and which definitions use which, as SVG or Mermaid."""

from backprove.diagram.graph import Graph, graph
from backprove.diagram.mermaid import to_mermaid
from backprove.diagram.svg import to_svg

__all__ = ["Graph", "graph", "to_mermaid", "to_svg"]
