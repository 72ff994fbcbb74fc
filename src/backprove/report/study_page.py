"""A study as one self-contained page: the conclusion, figures, typeset derivations and tables."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING

from markupsafe import Markup

from backprove.report.html import environment
from backprove.studies.frame import shown
from backprove.studies.style import rendered

if TYPE_CHECKING:
    from backprove.studies import Result


def page(result: Result) -> str:
    """The page's HTML; raises `BackproveError` where Matplotlib is missing."""
    return (
        environment()
        .get_template("study.html")
        .render(
            result=result,
            shown=shown,
            number=lambda cell: not isinstance(cell, str),
            figures=[
                (picture, b64encode(rendered(picture, "svg")).decode())
                for picture in result.pictures
            ],
            formulas=[(formula.words, Markup(formula.view.mathml)) for formula in result.formulas],
        )
    )
