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
from backprove.commands.study_sequences import sequences

#: the studies that train something; they have options of their own kind
TRAINED = {
    "detector": (detector, "Which losses make the better detector?"),
    "sequences": (sequences, "Which networks learn what from sequences?"),
}


class _Studies(TyperGroup):
    """Studies are found by their names when they are asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        from backprove import studies

        return [*studies.names(), *TRAINED]

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
for _name, (_study, _) in TRAINED.items():
    app.command(_name)(_study)


@app.callback()
def _list(context: typer.Context) -> None:  # pyright: ignore[reportUnusedFunction]
    """Questions answered by computation or experiment; without a name, list them."""
    if context.invoked_subcommand is None:
        from backprove import studies
        from backprove.report.study import show_list

        listed = [(name, studies.load(name).question) for name in studies.names()]
        trained = [
            (name, f"{asked} (trains; needs PyTorch)") for name, (_, asked) in TRAINED.items()
        ]
        show_list([*listed, *trained])


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
        from backprove.report.study_files import written

        written(study(**options), html, png, json)
