"""The pages: HTML from templates, and the files that they need from the package."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from fastapi import APIRouter, HTTPException, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader

from backprove import __version__, models
from backprove.studies.vanishing import CELLS

pages = APIRouter(include_in_schema=False)

_KINDS = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("backprove.web"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )


@cache
def _page(name: str) -> str:
    return (
        _environment()
        .get_template(f"{name}.html")
        .render(
            page=name,
            version=__version__,
            models=list(models.listing()),
            cells=[cell.words for cell in CELLS],
        )
    )


@cache
def _assets() -> dict[str, bytes]:
    """The static files by name: what is not there cannot be asked for."""
    folder = files("backprove.web").joinpath("static")
    return {
        f.name: f.read_bytes() for f in folder.iterdir() if f.name[f.name.rfind(".") :] in _KINDS
    }


@pages.get("/", response_class=HTMLResponse)
async def check() -> str:
    return _page("check")


@pages.get("/homework", response_class=HTMLResponse)
async def homework() -> str:
    return _page("homework")


@pages.get("/derive", response_class=HTMLResponse)
async def derive() -> str:
    return _page("derive")


@pages.get("/explore", response_class=HTMLResponse)
async def explore() -> str:
    return _page("explore")


@pages.get("/static/{name}")
async def static(name: str) -> Response:
    found = _assets().get(name)
    if found is None:
        raise HTTPException(404, "there is no such page")
    kind = _KINDS[name[name.rfind(".") :]]
    return Response(found, media_type=kind, headers={"cache-control": "public, max-age=300"})


@pages.get("/favicon.ico")
async def icon() -> Response:
    return await static("icon.svg")
