"""A diagnosed run as one self-contained page: verdict, figure, findings; no scripts, no network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from backprove.report.diagnosis import about, assumptions, confidence, follows, headline
from backprove.report.diagnosis_figure import svg

if TYPE_CHECKING:
    from backprove.training.diagnosis.doctor import Diagnosis


def page(made: Diagnosis) -> str:
    """The page's HTML.

    Raises:
        BackproveError: if Matplotlib is not installed.
    """
    from backprove.training.diagnosis.advice import ADVICE

    environment = Environment(
        loader=PackageLoader("backprove.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(confidence=confidence, follows=follows)
    return environment.get_template("diagnosis.html").render(
        made=made,
        headline=headline(made),
        about=about(made),
        advice=ADVICE,
        # Matplotlib escapes the names that a log's columns have
        figure=Markup(svg(made)),
        assumptions=assumptions(made),
    )
