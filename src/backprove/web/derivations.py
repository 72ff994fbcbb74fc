"""Models and their derivatives, as `backprove derive`, `diagram` and `explain` give them."""

from __future__ import annotations

from collections.abc import Iterable

from backprove.calculus.lines import View
from backprove.diagram import graph, to_mermaid, to_svg
from backprove.explain import explain as explained
from backprove.report.typeset import typeset
from backprove.web import messages as m
from backprove.web.ready import ready


def model(asked: m.ModelRequest) -> m.ModelAnswer:
    """A model as it was read; raises `ModelError`."""
    entities = list(ready(asked.model).system.all())
    lines = [line.partition("#")[0].strip() for line in asked.model.split("\n")]
    return m.ModelAnswer(
        html=typeset("\n".join(filter(None, lines))),
        declared=_names(e.name for e in entities if e.body is None),
        defined=_names(e.name for e in entities if e.body is not None),
    )


def derive(asked: m.DeriveRequest) -> m.DeriveAnswer:
    """∂of/∂by in the view that is asked for; raises `BackproveError` where there is none."""
    derivation = ready(asked.model).derive(asked.of, asked.by, asked.immediate)
    view: View = derivation
    if asked.view == "unrolled":
        view = derivation.unrolled(asked.steps)
    elif asked.view == "components":
        view = derivation.components
    elif asked.view == "closed":
        view = derivation.closed
    return m.DeriveAnswer(unicode=view.unicode, latex=view.latex, mathml=view.mathml)


def steps(asked: m.StepsRequest) -> m.StepsAnswer:
    """The derivation told step by step."""
    told = ready(asked.model).derive(asked.of, asked.by, asked.immediate).steps
    views = [(step.words, View(step.lines) if step.lines else None) for step in told]
    return m.StepsAnswer(
        steps=[
            m.Step(words=words, unicode=view.unicode, mathml=view.mathml)
            if view
            else m.Step(words=words)
            for words, view in views
        ]
    )


def code(asked: m.CodeRequest) -> m.CodeAnswer:
    """A function's source for NumPy, PyTorch or JAX, none of which is imported."""
    return m.CodeAnswer(source=ready(asked.model).derive(asked.of, asked.by).code(asked.target))


def diagram(asked: m.DiagramRequest) -> m.DiagramAnswer:
    """The computational graph as SVG without a style, and as Mermaid."""
    found = graph(asked.model, ready(asked.model).system, asked.unroll)
    title = "The computational graph of the model"
    return m.DiagramAnswer(svg=to_svg(found, title, bare=True), mermaid=to_mermaid(found))


def explain(asked: m.ExplainRequest) -> m.ExplainAnswer:
    """A named quantity with its working."""
    found = explained(asked.quantity, asked.model)
    return m.ExplainAnswer(lines=list(found.lines), value=found.value)


def _names(found: Iterable[str]) -> list[str]:
    """Each name once, in order."""
    return list(dict.fromkeys(found))
