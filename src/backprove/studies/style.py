"""How pictures are drawn: large, sparse, and readable without colour.

Lines differ by dashes and marks as well as by colour. The colours are those of M. Okabe and
K. Ito, "Color universal design" (2008), in an order in which neighbours differ in lightness too.
"""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import TYPE_CHECKING, Any

from backprove.errors import BackproveError
from backprove.studies.frame import Picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

BLACK, ORANGE, BLUE, GREEN, VERMILION, PURPLE, SKY = (
    "#000000",
    "#e69f00",
    "#0072b2",
    "#009e73",
    "#d55e00",
    "#cc79a7",
    "#56b4e9",
)
#: for matrices: light to dark, in grey as well; and for those with signs, light at 0
SHADES, SIGNED = "Blues", "PuOr"
_LINES: tuple[tuple[str, str, str], ...] = (
    (BLUE, "-", "o"),
    (ORANGE, "--", "s"),
    (BLACK, "-.", "^"),
    (GREEN, ":", "D"),
    (VERMILION, (0, (5, 1)), "v"),  # pyright: ignore[reportAssignmentType]
    (PURPLE, (0, (1, 1)), "P"),  # pyright: ignore[reportAssignmentType]
    (SKY, (0, (3, 1, 1, 1)), "X"),  # pyright: ignore[reportAssignmentType]
    (BLACK, (0, (8, 2)), "*"),  # pyright: ignore[reportAssignmentType]
)
_SETTINGS: dict[str, Any] = {
    "font.size": 12,
    "axes.titlesize": 13,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "lines.linewidth": 2.2,
    "lines.markersize": 6,
    "legend.frameon": False,
    "legend.fontsize": 11,
    "svg.fonttype": "path",
    "figure.facecolor": "white",
}


def line(number: int, points: int = 0) -> dict[str, Any]:
    """Colour, dashes and marks of a picture's line; about eight marks where it has many points."""
    color, dashes, mark = _LINES[number % len(_LINES)]
    return {
        "color": color,
        "linestyle": dashes,
        "marker": mark,
        "markevery": max(1, points // 8),
        "markeredgecolor": "white",
        "markeredgewidth": 0.6,
    }


def cells(axes: Axes, values: Any, limits: tuple[float, float], words: bool = True) -> AxesImage:
    """A matrix as shaded cells, with its numbers in them where they fit; row 1 is on top.

    Where `limits` hold negative numbers, 0 is white and the signs have a colour each.
    """
    signed = limits[0] < 0
    shades = SIGNED if signed else SHADES
    image = axes.imshow(values, cmap=shades, vmin=limits[0], vmax=limits[1], aspect="equal")
    axes.grid(visible=False)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(True)
    if words:
        for (row, column), value in _entries(values).items():
            dark = abs(value) > 0.55 * max(map(abs, limits))
            ink = "white" if dark else "black"
            text = f"{value:g}".replace("-", "−")
            axes.text(column, row, text, ha="center", va="center", color=ink, fontsize=11)
    return image


def _entries(values: Any) -> Mapping[tuple[int, int], float]:
    return {(i, j): float(v) for i, row in enumerate(values) for j, v in enumerate(row)}


def rendered(picture: Picture, kind: str, dots: int = 200) -> bytes:
    """The picture as a file's content, `kind` being "svg" or "png".

    The same picture gives the same bytes. Raises `BackproveError` where Matplotlib is missing.
    """
    try:
        from matplotlib import rc_context
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise BackproveError(
            "figures need Matplotlib; pip install 'backprove[figures]' brings it"
        ) from None
    settings: Any = {**_SETTINGS, "svg.hashsalt": picture.title}
    with rc_context(settings):
        figure = Figure(figsize=picture.size, layout="constrained")
        FigureCanvasAgg(figure)
        picture.draw(figure)
        out = BytesIO()
        metadata = {"Date": None} if kind == "svg" else {"Software": None}
        figure.savefig(out, format=kind, dpi=dots, metadata=metadata)  # pyright: ignore[reportArgumentType]
    return out.getvalue()
