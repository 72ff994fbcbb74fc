"""The application: pages and API, errors in words, behind the guard."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from backprove import __version__
from backprove.web.api import api
from backprove.web.guard import Guard
from backprove.web.pages import pages
from backprove.web.settings import Settings
from backprove.web.workers import Answer, Pool


def application(settings: Settings) -> Guard:
    """A server's application; its workers start and end with it."""

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncGenerator[None]:
        pool = Pool(settings)
        await pool.start()
        app.state.pool = pool
        try:
            yield
        finally:
            await pool.close()

    app = FastAPI(
        title="Backprove",
        version=__version__,
        summary="Derives, checks and diagnoses the mathematics of neural networks.",
        lifespan=life,
        docs_url=None,  # its page comes from elsewhere, and nothing here does
        redoc_url=None,
        openapi_url="/api/openapi.json",
    )
    app.include_router(api)
    app.include_router(pages)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _refused)
    return Guard(app, settings)


async def _invalid(request: Request, error: Exception) -> Response:
    """What does not fit the messages, in a paragraph."""
    assert isinstance(error, RequestValidationError)
    said: list[str] = []
    for problem in error.errors()[:5]:
        place = ".".join(str(part) for part in problem["loc"] if part != "body")
        said.append(f"{place}: {problem['msg']}" if place else str(problem["msg"]))
    return _json(Answer.error(422, "; ".join(said)))


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    answer = _json(Answer.error(error.status_code, str(error.detail)))
    answer.headers.update(error.headers or {})
    return answer


def _json(answer: Answer) -> Response:
    return Response(answer.body, answer.status, media_type="application/json")
