"""The curves of a run with the places of its findings, drawn with Matplotlib.

Lines differ by dash and marker, not by colour alone; the colours are those of Okabe and Ito (2008),
which the colour-blind tell apart, in an order that also falls from dark to light in grey.
"""

from __future__ import annotations

import importlib.util
from io import BytesIO, StringIO
from typing import TYPE_CHECKING, Any

import numpy as np

from backprove.errors import BackproveError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from backprove.training.diagnosis.doctor import Diagnosis
    from backprove.training.diagnosis.findings import Mark
    from backprove.training.diagnosis.series import Series

#: (colour, dashes, marker) of the lines of a panel
_STYLES = (
    ("#000000", "-", ""),
    ("#D55E00", "--", "o"),
    ("#0072B2", "-.", "s"),
    ("#009E73", ":", "^"),
    ("#CC79A7", (0, (5, 1, 1, 1, 1, 1)), "D"),
    ("#56B4E9", (0, (1, 1)), "v"),
)
_PANELS = (
    ("loss", ("train_loss", "val_loss")),
    ("accuracy", ("train_acc", "val_acc", "val_balanced")),
    ("gradient norm", ("grad_norm",)),
    ("learning rate", ("lr",)),
)
_WORDS = {
    "train_loss": "training",
    "val_loss": "validation",
    "train_acc": "training",
    "val_acc": "validation",
    "val_balanced": "validation, balanced",
    "grad_norm": "all parameters",
    "lr": "learning rate",
}
#: layers that are drawn, evenly chosen where there are more
_LAYERS = 6


def figure(made: Diagnosis) -> Figure:
    """The run's figure.

    Raises:
        BackproveError: if Matplotlib is not installed.
    """
    if importlib.util.find_spec("matplotlib") is None:
        raise BackproveError(
            "figures need Matplotlib, which is not installed; pip install 'backprove[figures]' brings it"
        )
    from matplotlib.figure import Figure

    panels = _panels(made)
    drawn = Figure(figsize=(8.2, 2.5 * max(len(panels), 1) + 0.4), layout="constrained")
    all_axes = drawn.subplots(max(len(panels), 1), 1, sharex=True, squeeze=False)[:, 0]
    numbered = [(str(k), f.marks) for k, f in enumerate(made.findings, 1)]
    # of remarks the places alone, so that spans of faults stay readable
    numbered += [
        (chr(96 + k), [mark for mark in f.marks if mark.start == mark.end])
        for k, f in enumerate(made.remarks[:26], 1)
    ]
    for axes, (name, lines) in zip(all_axes, panels, strict=False):
        _draw(axes, name, lines)
        names = {series.name for _, series in lines}
        taken = 0
        for label, marks in numbered:
            for mark in marks:
                if mark.curve in names:
                    _mark(axes, label, mark, taken)
                    taken += 1
    all_axes[-1].set_xlabel(made.run.axis)
    return drawn


def _panels(made: Diagnosis) -> list[tuple[str, list[tuple[str, Series]]]]:
    by_name = {role.value: series for role, series in made.run.series.items()}
    found: list[tuple[str, list[tuple[str, Series]]]] = []
    for name, roles in _PANELS:
        lines = [(_WORDS[role], by_name[role]) for role in roles if role in by_name]
        if name == "learning rate" and lines and np.ptp(lines[0][1].y) == 0:
            continue  # one number needs no picture
        if lines:
            found.append((name, lines))
    for role, group in made.run.layers.items():
        chosen = np.unique(np.linspace(0, len(group) - 1, min(len(group), _LAYERS)).astype(int))
        lines = [item for k, item in enumerate(group.items()) if k in chosen]
        title = "gradient norm by layer" if role.value == "layer_grad" else "dead units by layer"
        found.append((title, lines))
    return found


def _draw(axes: Any, name: str, lines: list[tuple[str, Series]]) -> None:
    values = [series.y[np.isfinite(series.y)] for _, series in lines]
    joined = np.concatenate(values) if values else np.empty(0)
    for (label, series), (colour, dash, marker) in zip(lines, _STYLES, strict=False):
        known = np.isfinite(series.y)
        x, y = series.x[known], series.y[known]
        few = len(x) <= 60
        axes.plot(
            x, y, color=colour, linestyle=dash, linewidth=1.3 if few else 0.9, label=label,
            marker=marker if marker and few else ("o" if len(x) == 1 else ""), markersize=3,
        )  # fmt: skip
        if not series.single:
            axes.fill_between(
                x, series.low[known], series.high[known], color=colour, alpha=0.15, linewidth=0
            )
    if (len(joined) and joined.min() > 0 and joined.max() > 60 * np.median(joined)) or (
        name.startswith(("gradient", "learning"))
        and len(joined)
        and joined.min() > 0
        and (joined.max() > 30 * joined.min())
    ):
        axes.set_yscale("log")
    elif (
        name.startswith("gradient")
        and len(joined)
        and joined.max() > 1e3 * max(np.median(joined), 1e-12)
    ):
        axes.set_yscale("symlog", linthresh=max(float(np.median(joined)), 1e-8))
    if name == "accuracy":
        axes.set_ylim(-0.04, 1.04)
    axes.set_ylabel(name)
    axes.grid(True, color="#dddddd", linewidth=0.5)
    axes.spines[["top", "right"]].set_visible(False)
    if len(lines) > 1 or name.startswith("gradient"):
        axes.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))


def _mark(axes: Any, label: str, mark: Mark, taken: int) -> None:
    """A number in a circle over the place, a line or a hatched span under it."""
    if mark.start == mark.end:
        axes.axvline(mark.start, color="#444444", linewidth=0.9, linestyle=(0, (2, 2)))
    else:
        axes.axvspan(
            mark.start,
            mark.end,
            facecolor="none",
            edgecolor="#bbbbbb",
            hatch="///",
            linewidth=0,
            alpha=0.6,
        )
    axes.annotate(
        f"{label} {mark.words}", (mark.start, 1.0), (4, -4 - 13 * (taken % 6)), xycoords=("data", "axes fraction"),
        textcoords="offset points", fontsize=8, va="top", annotation_clip=True,
        bbox={"boxstyle": "round,pad=0.2", "facecolor": "white", "edgecolor": "#444444", "linewidth": 0.6},
    )  # fmt: skip


def png(made: Diagnosis) -> bytes:
    """The figure as a PNG picture."""
    out = BytesIO()
    figure(made).savefig(out, format="png", dpi=130)
    return out.getvalue()


def svg(made: Diagnosis) -> str:
    """The figure as SVG for a page, without a date, so that equal runs give equal pages."""
    import matplotlib as mpl

    out = StringIO()
    with mpl.rc_context({"svg.hashsalt": "backprove", "svg.fonttype": "none"}):
        figure(made).savefig(out, format="svg", metadata={"Date": None}, transparent=True)
    return out.getvalue()[out.getvalue().index("<svg") :]
