"""The JSON API: every task of a worker under its own address, described by OpenAPI."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Path, Request, Response
from pydantic import BaseModel

from backprove import models
from backprove.web import messages as m
from backprove.web.workers import Answer, Pool

#: seconds that a task is given, where it is not given the usual ones
USUAL = 10.0
SECONDS = {"document": 60.0, "report": 20.0}
#: tasks that leave a worker for the others
HEAVY = {"document", "report", "time"}

_PROBLEMS: dict[int | str, dict[str, Any]] = {
    400: {"model": m.Problem, "description": "The request is not JSON, or was broken off."},
    401: {"model": m.Problem, "description": "A token is asked for."},
    403: {"model": m.Problem, "description": "Another site sent the request."},
    413: {"model": m.Problem, "description": "The request is too large."},
    415: {"model": m.Problem, "description": "The request is not sent as JSON."},
    422: {"model": m.Problem, "description": "What was asked has no meaning; the text says why."},
    429: {"model": m.Problem, "description": "Too many requests at once."},
    500: {"model": m.Problem, "description": "A fault of Backprove."},
    503: {
        "model": m.Problem,
        "description": "It took too long or too much memory, or all are busy.",
    },
}

api = APIRouter(prefix="/api", responses=_PROBLEMS)


async def answered(request: Request, task: str, asked: BaseModel) -> Response:
    """A worker's answer; the JSON goes through as it is."""
    pool: Pool = request.app.state.pool
    answer: Answer = await pool.ask(
        task,
        asked.model_dump_json(),
        SECONDS.get(task, USUAL),
        model=getattr(asked, "model", ""),
        heavy=task in HEAVY,
        keep=task != "document",
        gone=request.is_disconnected,
    )
    return Response(answer.body, answer.status, media_type="application/json")


@api.get("/models")
async def list_models() -> list[m.ShippedModel]:
    """The models that are shipped, with their texts."""
    return [
        m.ShippedModel(name=name, summary=summary, text=models.text(name))
        for name, summary in models.listing()
    ]


@api.get("/models/{name}", responses={404: {"model": m.Problem}})
async def get_model(
    name: Annotated[str, Path(max_length=100)],
) -> m.ShippedModel:
    """A shipped model by its name."""
    if name not in models.names():
        raise HTTPException(404, f"there is no model {name}")
    return m.ShippedModel(name=name, summary=models.summary(name), text=models.text(name))


@api.post("/model", response_model=m.ModelAnswer)
async def read_model(request: Request, asked: m.ModelRequest) -> Response:
    """Read a model: what it declares and defines, typeset."""
    return await answered(request, "model", asked)


@api.post("/check", response_model=m.CheckAnswer)
async def check(request: Request, asked: m.CheckRequest) -> Response:
    """Judge claims about a model."""
    return await answered(request, "check", asked)


@api.post("/report", response_model=m.ReportAnswer)
async def report(request: Request, asked: m.ReportRequest) -> Response:
    """Judge claims, as a page and as Markdown to keep."""
    return await answered(request, "report", asked)


@api.post("/document", response_model=m.DocumentAnswer)
async def document(request: Request, asked: m.DocumentRequest) -> Response:
    """Check or mark a whole homework (Markdown, text, LaTeX or a notebook), by a sheet or without."""
    return await answered(request, "document", asked)


@api.post("/derive", response_model=m.DeriveAnswer)
async def derive(request: Request, asked: m.DeriveRequest) -> Response:
    """Derive a gradient, a Jacobian or a Hessian."""
    return await answered(request, "derive", asked)


@api.post("/steps", response_model=m.StepsAnswer)
async def steps(request: Request, asked: m.StepsRequest) -> Response:
    """A derivation told step by step."""
    return await answered(request, "steps", asked)


@api.post("/code", response_model=m.CodeAnswer)
async def code(request: Request, asked: m.CodeRequest) -> Response:
    """A derivative as a function's source for NumPy, PyTorch or JAX."""
    return await answered(request, "code", asked)


@api.post("/diagram", response_model=m.DiagramAnswer)
async def diagram(request: Request, asked: m.DiagramRequest) -> Response:
    """The computational graph of a model, as SVG and as Mermaid."""
    return await answered(request, "diagram", asked)


@api.post("/explain", response_model=m.ExplainAnswer)
async def explain(request: Request, asked: m.ExplainRequest) -> Response:
    """A named quantity with its working."""
    return await answered(request, "explain", asked)


@api.post("/explore/boxes", response_model=m.BoxesAnswer)
async def boxes(request: Request, asked: m.BoxesRequest) -> Response:
    """IoU and L2 distance of two boxes."""
    return await answered(request, "boxes", asked)


@api.post("/explore/pair", response_model=m.PairAnswer)
async def pair(request: Request, asked: m.PairRequest) -> Response:
    """Another second box at the same L2 distance from the first."""
    return await answered(request, "pair", asked)


@api.post("/explore/ranking", response_model=m.RankingAnswer)
async def ranking(request: Request, asked: m.RankingRequest) -> Response:
    """A word of hits to its precision-recall curve, interpolated."""
    return await answered(request, "ranking", asked)


@api.post("/explore/convolution", response_model=m.ConvolutionAnswer)
async def convolution(request: Request, asked: m.ConvolutionRequest) -> Response:
    """Which entries meet in a convolution, or in a transposed one."""
    return await answered(request, "convolution", asked)


@api.post("/explore/loss", response_model=m.LossAnswer)
async def loss(request: Request, asked: m.LossRequest) -> Response:
    """Losses and their derivatives against the logit."""
    return await answered(request, "loss", asked)


@api.post("/explore/time", response_model=m.TimeAnswer)
async def time(request: Request, asked: m.TimeRequest) -> Response:
    """Gradients through time, by cell and scale of the weights."""
    return await answered(request, "time", asked)


class Health(BaseModel):
    status: Literal["ok"] = "ok"
    version: str


@api.get("/health")
async def health() -> Health:
    """Whether the server is up, and which version it is."""
    from backprove import __version__

    return Health(version=__version__)
