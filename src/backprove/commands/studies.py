"""`backprove study`: questions answered by computation from the models, or by experiment.

The studies' commands are made from their options when they are asked for, so that nothing of them
is imported before.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from backprove.commands.frame import fail, mistakes_told
from backprove.commands.study_detector import detector

#: the study that trains detectors; it has options of its own kind
DETECTOR = "detector"
DETECTOR_QUESTION = "Which losses make the better detector? (trains some; needs PyTorch)"


class _Studies(TyperGroup):
    """Studies are found by their names when they are asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        from backprove import studies

        return [*studies.names(), DETECTOR]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        from backprove import studies

        if cmd_name in studies.names():
            return _command(cmd_name)
        found = super().get_command(ctx, cmd_name)
        if found is None:
            known = self.list_commands(ctx)
            fail(f"there is no study {cmd_name}{studies.suggestion(cmd_name, known)}")
        return found


app = typer.Typer(
    cls=_Studies,
    help="Questions answered by computation or experiment; without a name, list them.",
    invoke_without_command=True,
)
app.command(DETECTOR)(detector)


@app.callback()
def _list(context: typer.Context) -> None:  # pyright: ignore[reportUnusedFunction]
    """Questions answered by computation or experiment; without a name, list them."""
    if context.invoked_subcommand is None:
        from backprove import studies
        from backprove.report.study import show_list

        listed = [(name, studies.load(name).question) for name in studies.names()]
        show_list([*listed, (DETECTOR, DETECTOR_QUESTION)])


def _command(name: str) -> Any:
    """A study's command, with an option for each of its own."""
    from backprove.studies import load

    study = load(name)
    one = typer.Typer(add_completion=False)
    asked: dict[str, tuple[Any, Any, Any]] = {
        "html": (Path | None, typer.Option(help="Write a page with figures to this file."), None),
        "png": (Path | None, typer.Option(help="Write the figures to this file."), None),
        "json": (bool, typer.Option("--json", help="Print JSON in place of tables."), False),
    }
    for option in study.options:
        kind = type(option.default)
        limits: Any = {"min": kind(option.low), "max": kind(option.high)}
        asked[option.name] = (kind, typer.Option(help=option.help, **limits), option.default)

    def run(**given: Any) -> None:
        files = (given.pop("html"), given.pop("png"), given.pop("json"))
        _run(study.run, given, *files)

    run.__doc__ = study.question
    parameters = [
        inspect.Parameter(
            key, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, option]
        )
        for key, (kind, option, default) in asked.items()
    ]
    run.__signature__ = inspect.Signature(parameters)  # pyright: ignore[reportFunctionMemberAccess]
    run.__annotations__ = {p.name: p.annotation for p in parameters}
    one.command(name)(run)
    return typer.main.get_command(one)


def _run(
    study: Callable[..., Any],
    options: dict[str, Any],
    html: Path | None,
    png: Path | None,
    json: bool,
) -> None:
    with mistakes_told():
        from backprove.report.study import show

        result = study(**options)
        if html is not None:
            from backprove.report.study_page import page

            html.write_text(page(result), encoding="utf-8")
        if png is not None:
            from backprove.studies.style import rendered

            for picture, path in zip(
                result.pictures, _files(png, len(result.pictures)), strict=True
            ):
                path.write_bytes(rendered(picture, "png"))
                typer.echo(f"{path}: {picture.title}", err=True)
        if json:
            typer.echo(result.as_json())
        else:
            show(result)


def _files(png: Path, count: int) -> list[Path]:
    """The named file, and for further figures its name with -2, -3, …"""
    return [png, *(png.with_stem(f"{png.stem}-{number}") for number in range(2, count + 1))]
