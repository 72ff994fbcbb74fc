"""`backprove serve`: the pages, on this machine."""

from __future__ import annotations

from typing import Annotated

import typer

from backprove.commands.frame import fail, mistakes_told


def serve(
    host: Annotated[
        str, typer.Option(help="Where to listen; anything but loopback asks for a token.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any that is free.")] = 8000,
    workers: Annotated[
        int, typer.Option(min=0, max=64, help="Processes that judge; 0 is one for each core.")
    ] = 0,
    rate: Annotated[
        float, typer.Option(min=0, max=10_000, help="Requests a second of one client; 0: any.")
    ] = 20.0,
    token: Annotated[
        str, typer.Option(envvar="BACKPROVE_TOKEN", help="The token to ask for, if not a new one.")
    ] = "",
) -> None:
    """Serve the pages: type mathematics, and see at once whether it is right.

    Everything stays on this machine: no other server is asked, and nothing is written to disk.
    Stop it with Ctrl-C. Exit status: 0 stopped, 2 it could not be started.
    """
    with mistakes_told():
        try:
            from backprove.web.running import run
        except ModuleNotFoundError as error:
            if error.name not in ("fastapi", "uvicorn", "pydantic", "starlette"):
                raise
            fail("`backprove serve` needs FastAPI and Uvicorn: pip install 'backprove[web]'")
        run(host, port, workers, rate, token, typer.echo)
