"""The command line: it reads files, asks the library, and shows the answer.

Everything but Typer is imported inside the commands, so that `backprove --help` is quick.
"""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated

import typer

from backprove.commands import diagram, explain, models, separable, studies
from backprove.commands.detect import detect
from backprove.commands.diagnose import diagnose
from backprove.commands.flow import flow
from backprove.commands.frame import UNUSABLE, model_text
from backprove.commands.frame import fail as _fail
from backprove.commands.frame import mistakes_told as _mistakes_told
from backprove.commands.mark import mark
from backprove.commands.serve import serve

NOT_ALL = 1
FAULT = 3
STOPPED = 130

app = typer.Typer(
    help="Derives, checks and diagnoses the mathematics of neural networks.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(detect)
app.command()(diagnose)
app.command()(flow)
app.command()(mark)
app.command()(serve)
app.add_typer(studies.app, name="study")


def main() -> None:
    """Run the command line on any terminal: what it cannot show is shown as `?`.

    A fault of Backprove itself ends with status 3, so that it is never taken for a verdict.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        app(prog_name="backprove")
    except Exception as error:
        if os.environ.get("BACKPROVE_DEBUG"):
            raise
        typer.echo(
            f"backprove: this is a fault of Backprove, not of your input: {type(error).__name__}: "
            f"{error}. With BACKPROVE_DEBUG=1 it shows where; please report it.",
            err=True,
        )
        sys.exit(FAULT)


def _show_version(wanted: bool) -> None:
    if wanted:
        from backprove import __version__

        typer.echo(f"backprove {__version__}")
        raise typer.Exit


@app.callback()
def _options(  # pyright: ignore[reportUnusedFunction]
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    pass


@app.command()
def check(
    doc: Annotated[Path, typer.Argument(help="A homework: Markdown or plain text.")],
    sheet: Annotated[
        Path | None, typer.Option(help="A sheet: the questions and their models (Markdown).")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(help="Write a page with typeset mathematics to this file.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON in place of a table.")] = False,
    replay: Annotated[
        Path | None,
        typer.Option(help="Write a NumPy script for each wrong claim, which shows it, here."),
    ] = None,
) -> None:
    """Check every claim of a document.

    The models stand in the document, in fenced blocks marked `model`, or in a sheet. Exit status:
    0 all claims are accepted, 1 some are not, 2 the input could not be used or has no claims.
    """
    with _mistakes_told():
        from backprove.course.checking import check_document

        if html is not None and html.exists() and doc.exists() and html.samefile(doc):
            _fail(f"--html would overwrite the document {doc} itself")
        report = check_document(doc, sheet, replay is not None)
        if html is not None:
            from backprove.report.html import page

            html.write_text(page(report), encoding="utf-8", errors="replace")
        if replay is not None:
            from backprove.report.replays import write_replays

            write_replays(report, replay)
        if json:
            from backprove.report.data import as_json

            typer.echo(as_json(report))
        else:
            from backprove.report.terminal import show

            show(report)
    if not report.results:
        raise typer.Exit(UNUSABLE)
    if not all(result.verdict.accepted for result in report.results):
        raise typer.Exit(NOT_ALL)


@app.command()
def derive(
    model: Annotated[
        Path, typer.Argument(help="A file with a model, a shipped model's name, or -.")
    ],
    of: Annotated[str, typer.Argument(help="What is differentiated, such as E.")],
    by: Annotated[str, typer.Argument(help="By what, such as W.")],
    latex: Annotated[
        bool, typer.Option("--latex", help="Write LaTeX in place of Unicode.")
    ] = False,
    unrolled: Annotated[
        int | None,
        typer.Option("--unrolled", min=1, help="Write every step out, for so many steps."),
    ] = None,
    closed: Annotated[
        bool, typer.Option("--closed", help="One closed expression, where there is one.")
    ] = False,
    components: Annotated[
        bool, typer.Option("--components", help="Write it by components.")
    ] = False,
    steps: Annotated[
        bool, typer.Option("--steps", help="Tell step by step which rule was used.")
    ] = False,
    immediate: Annotated[
        bool, typer.Option("--immediate", help="Hold members at other steps fixed: ∂⁺.")
    ] = False,
    code: Annotated[
        str | None,
        typer.Option(help="Write a function for numpy, torch or jax in place of formulas."),
    ] = None,
) -> None:
    """Derive a gradient, a Jacobian or a Hessian of a model.

    Exit status: 0 derived, 2 the input could not be used.
    """
    asked = [unrolled is not None, closed, components, steps]
    if sum(asked) > 1:
        _fail("--unrolled, --closed, --components and --steps are views: ask for one of them")
    if code is not None and (latex or immediate or any(asked)):
        _fail("--code writes a function of the total derivative: it goes with no other option")
    if steps and latex:
        _fail("--steps is told in words: it has no LaTeX form")
    with _mistakes_told():
        from backprove import Model

        derivation = Model(model_text(model)).derive(of, by, immediate)
        if code is not None:
            typer.echo(derivation.code(code), nl=False)
            return
        if steps:
            typer.echo(str(derivation.steps))
            return
        view = derivation
        if unrolled is not None:
            view = derivation.unrolled(unrolled)
        elif closed or components:
            view = derivation.closed if closed else derivation.components
        typer.echo(view.latex if latex else view.unicode)


@app.command()
def judge(
    file: Annotated[Path, typer.Argument(help="A claim collection (JSON lines), or -.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Write the answers to this file.")
    ] = None,
    jobs: Annotated[
        int, typer.Option("-j", "--jobs", min=0, help="Processes; 0 is one for each core.")
    ] = 1,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where an earlier run to --output ended.")
    ] = False,
    budget: Annotated[
        float, typer.Option(min=0.01, max=3600, help="Seconds that a claim is given.")
    ] = 2.0,
) -> None:
    """Judge a collection of claims, one JSON object a line.

    Answers with one JSON object a claim, and a summary on standard error. Exit status: 0 every
    line could be judged, 1 some lines could not be used, 2 none could, 130 stopped by Ctrl-C.
    """
    if resume and output is None:
        _fail("--resume needs --output: the file in which an earlier run ended")
    if output is not None and output.exists() and file.exists() and output.samefile(file):
        _fail(f"--output would overwrite the collection {file} itself")
    # the arrays are small: threads below the processes would only be in each other's way
    for library in ("OMP", "OPENBLAS", "MKL"):
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")
    with _mistakes_told():
        from backprove.commands.collection import judge_collection

        tally, stopped = judge_collection(
            file, output, jobs or os.cpu_count() or 1, budget, resume=resume
        )
    if not tally.claims and not stopped:
        _fail(f"{file} is empty: there is no claim in it")
    typer.echo(tally.summary(), err=True)
    if stopped:
        rest = f"; --resume with -o {output} goes on" if output else ""
        typer.echo(f"backprove: stopped{rest}", err=True)
        raise typer.Exit(STOPPED)
    if tally.unusable:
        raise typer.Exit(UNUSABLE if tally.unusable == tally.claims else NOT_ALL)


app.command()(diagram.diagram)
app.command()(explain.explain)
app.command()(separable.separable)
app.add_typer(models.app, name="models")
