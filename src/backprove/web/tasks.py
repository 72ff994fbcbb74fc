"""What workers do: the tasks by name, each a function from a request to an answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import BaseModel

from backprove.web import checks, derivations, explore, handed_in
from backprove.web import messages as m
from backprove.web.ready import forget

__all__ = ["TASKS", "forget", "run", "warm_up"]

TASKS: dict[str, tuple[type[BaseModel], Callable[[Any], BaseModel]]] = {
    "check": (m.CheckRequest, checks.check),
    "report": (m.ReportRequest, checks.report),
    "model": (m.ModelRequest, derivations.model),
    "derive": (m.DeriveRequest, derivations.derive),
    "steps": (m.StepsRequest, derivations.steps),
    "code": (m.CodeRequest, derivations.code),
    "diagram": (m.DiagramRequest, derivations.diagram),
    "explain": (m.ExplainRequest, derivations.explain),
    "document": (m.DocumentRequest, handed_in.document),
    "boxes": (m.BoxesRequest, explore.boxes),
    "pair": (m.PairRequest, explore.pair),
    "ranking": (m.RankingRequest, explore.ranking),
    "convolution": (m.ConvolutionRequest, explore.convolution),
    "loss": (m.LossRequest, explore.loss),
    "time": (m.TimeRequest, explore.time),
}


def run(task: str, payload: str) -> bytes:
    """A task's answer as JSON on one line; raises `BackproveError` for what a user can put right."""
    request, function = TASKS[task]
    return function(request.model_validate_json(payload)).model_dump_json().encode()


def warm_up() -> None:
    """Import what tasks need, before anyone waits for it."""
    model = "x in R^n, t in R^m\nW in R^{m x n}\ny = sigmoid(W x)\nL = 1/2 sum((y - t)^2)"
    checks.check(m.CheckRequest(model=model, claims="∂L/∂y = t - y\n∂y/∂x = y (1-y) W", html=True))
    derivations.steps(m.StepsRequest(model=model, of="L", by="W"))
    forget()
