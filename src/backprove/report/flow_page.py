"""The flow of gradients as one self-contained page, and its figure."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING

from backprove.report.flow import distances, number, state_rows
from backprove.report.html import environment
from backprove.studies.frame import Picture
from backprove.studies.style import line, rendered
from backprove.training.flow.finding import EXPLODED, GONE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from backprove.training.flow.finding import Flow

#: an axis of norms ends here, whatever lies below
FLOOR = 1e-12


def page(made: Flow) -> str:
    """The page's HTML; raises `BackproveError` where Matplotlib is missing."""
    shown = picture(made)
    drawn = b64encode(rendered(shown, "svg")).decode() if made.states else ""
    return (
        environment()
        .get_template("flow.html")
        .render(
            made=made,
            picture=shown,
            drawn=drawn,
            rows=state_rows(made.states) if made.states else [],
            distances=distances(made.states) if made.states else [],
            number=number,
        )
    )


def picture(made: Flow) -> Picture:
    """Norms by distance, with the band in which a gradient is said to survive."""

    def draw(figure: Figure) -> None:
        ax = figure.subplots()
        for place, state in enumerate(made.states):
            distances = range(len(state.norms))
            norms = [max(norm, FLOOR) for norm in state.norms]
            style = line(place, len(norms))
            ax.semilogy(distances, norms, label=state.name, **style)
            low = [max(norm, FLOOR) for norm in state.least]
            ax.fill_between(distances, low, state.greatest, color=style["color"], alpha=0.12)
        ax.axhspan(GONE, EXPLODED, color="black", alpha=0.05)
        ax.axhline(1, color="black", linewidth=0.8)
        unit = made.states[0].unit if made.states else "steps"
        ax.set_xlabel(f"{unit} back")
        ax.set_ylabel("norm of the derivative")
        if len(made.states) > 1:
            ax.legend()

    return Picture(
        "How much of an early state is left",
        "Spectral norms of the derivative of the last state by earlier ones: the median of the draws, "
        "and from the least to the greatest. Inside of the grey band it survives.",
        draw,
    )
