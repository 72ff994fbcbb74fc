"""Vanishing gradients: the norm of ∂h_T/∂h_t against T − t, for eight states of seven models.

Y. Bengio, P. Simard, P. Frasconi, "Learning long-term dependencies with gradient descent is
difficult", IEEE Transactions on Neural Networks 5 (1994); R. Pascanu, T. Mikolov, Y. Bengio, "On
the difficulty of training recurrent neural networks", ICML (2013).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from backprove.studies.frame import Formula, Option, Picture, Result, Study, Table, shown
from backprove.studies.numbers import Floats, Numbers, declared, shipped, spectral
from backprove.studies.style import line

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: what recurrent matrices are multiplied by; at 1 a random matrix has spectral radius about 1
SCALES = (0.5, 1.0, 2.0, 4.0)
#: biases of the LSTM's forget gate, for the second question
BIASES = (0.0, 1.0, 2.0, 4.0, 8.0)
#: norms below are taken for zero: the logarithm of what underflows says nothing
NOTHING = 1e-280


@dataclass(frozen=True, slots=True)
class Cell:
    """A shipped model, the state that is followed, and the matrices that states meet."""

    words: str
    model: str
    recurrent: tuple[str, ...]
    of: str = "h_T"
    by: str = "h_t"
    #: queries and keys, made so that scores are of order 1 where states are
    scores: tuple[str, ...] = ()


LSTM = ("U_i", "U_f", "U_g", "U_o")
CARRIED = Cell("LSTM (c)", "lstm", LSTM, "c_T", "c_t")
TANH = Cell("tanh", "rnn", ("W",))
ALL = Cell("attention (all)", "attention-all", ("V",), scores=("Q_x", "K_x", "Q", "K"))
CELLS = (
    TANH,
    Cell("ReLU", "relu-rnn", ("W",)),
    Cell("gated cell", "gated-cell", ("W_h",)),
    Cell("LSTM (h)", "lstm", LSTM),
    CARRIED,
    Cell("GRU", "gru", ("U_r", "U_z", "U_n")),
    Cell(
        "attention (last 2)",
        "attention-two",
        ("V_1", "V_2"),
        scores=("Q_0", "K_0", "Q_1", "K_1", "Q_2", "K_2"),
    ),
    ALL,
)


@dataclass(frozen=True, slots=True)
class Rate:
    """What a norm is multiplied by in a step: the median, the least and the greatest of the draws.

    All are NaN where a draw has no rate, because a state or a derivative has left the
    floating-point numbers.
    """

    middle: float
    low: float
    high: float

    @staticmethod
    def of(norms: Floats) -> Rate:
        """From norms (draws, 1 + steps) at the distances 0, 1, …

        The logarithm is fitted by a line, from distance 1 on, by least squares; a draw's rate is
        exp of its slope.
        """
        if not (norms > NOTHING).all():
            return Rate(np.nan, np.nan, np.nan)
        distances = np.arange(1, norms.shape[1])
        rates = np.exp(np.polyfit(distances, np.log(norms[:, 1:]).T, 1)[0])
        return Rate(float(np.median(rates)), float(rates.min()), float(rates.max()))

    @property
    def verdict(self) -> str:
        if np.isnan(self.middle):
            return "overflows"
        if self.high < 1:
            return "vanishes"
        return "explodes" if self.low > 1 else "differs"

    def __str__(self) -> str:
        if np.isnan(self.middle):
            return "–"
        return f"{shown(self.middle, 3)} ({shown(self.low, 3)} to {shown(self.high, 3)})"


def drawn(
    cell: Cell, scale: float, steps: int, width: int, draws: int, seed: int, forget: float = 0.0
) -> Numbers:
    """A cell's model with random weights and inputs, from the seed.

    Recurrent matrices have entries of standard deviation scale/√width, others of 1/√width; queries
    and keys are smaller by width^(1/4). Inputs are standard normal; the first state and the
    biases are 0, but for the forget gate's.
    """
    rng = np.random.default_rng(seed)
    model = shipped(cell.model)
    # every family has a defined member 2, also where two first states are given
    sizes = {"T": steps + 2, "n": width, "m": width, "k": 2, "d": width}
    values: dict[str, Floats] = {}
    for entry in declared(model, sizes):
        if entry.name == "x":
            values["x"] = rng.normal(size=(draws, *entry.shape))
        elif entry.name == "b_f":
            values["b_f"] = np.full((1, *entry.shape), forget)
        elif len(entry.shape) == 2 and not entry.family:
            size = entry.shape[1] ** -0.5
            size *= scale if entry.name in cell.recurrent else 1.0
            size *= width**-0.25 if entry.name in cell.scores else 1.0
            values[entry.name] = size * rng.normal(size=(draws, *entry.shape))
    return Numbers(model, sizes, values)


def norms(cell: Cell, numbers: Numbers) -> Floats:
    """‖∂h_T/∂h_t‖₂ for T − t = 0, 1, …, a row for each draw: (draws, 1 + steps).

    NaN from where a model itself leaves the floating-point numbers.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        found = [
            numbers.derivative(cell.of, cell.by, t=t) for t in range(numbers.sizes["T"], 1, -1)
        ]
    jacobians = np.stack(found, axis=1)
    finite = np.isfinite(jacobians)
    return np.where(finite.all(axis=(2, 3)), spectral(np.where(finite, jacobians, 0.0)), np.nan)


def answer(steps: int, width: int, draws: int, seed: int) -> Result:
    plan = (steps, width, draws, seed)
    curves = {c.words: {s: norms(c, drawn(c, s, *plan)) for s in SCALES} for c in CELLS}
    rates = {name: {s: Rate.of(n) for s, n in by.items()} for name, by in curves.items()}
    gates: dict[float, tuple[Floats, Rate, float]] = {}
    for bias in BIASES:
        numbers = drawn(CARRIED, 1.0, *plan, forget=bias)
        found = norms(CARRIED, numbers)
        gate = np.stack([numbers.value(f"f_{t}") for t in range(2, steps + 3)])
        gates[bias] = (found, Rate.of(found), float(np.exp(np.log(gate).mean())))
    ends = {name: {s: _median(n[:, -1]) for s, n in by.items()} for name, by in curves.items()}
    tables = (
        Table(
            "rates",
            "Factor per step: the median (least to greatest) of the draws",
            ("state", *(f"scale {s:g}" for s in SCALES)),
            tuple((name, *(str(rate) for rate in by.values())) for name, by in rates.items()),
        ),
        Table(
            "ends",
            f"Median norm after {steps} steps",
            ("state", *(f"scale {s:g}" for s in SCALES)),
            tuple((name, *by.values()) for name, by in ends.items()),
        ),
        Table(
            "forget",
            "LSTM at scale 1: ∂c_T/∂c_t by the bias of the forget gate",
            (
                "bias",
                "factor per step",
                "forget gate (geometric mean)",
                f"norm after {steps} steps",
            ),
            tuple(
                (bias, str(rate), gate, _median(found[:, -1]))
                for bias, (found, rate, gate) in gates.items()
            ),
        ),
    )
    return Result(
        conclusion=_conclusion(rates, ends, gates, steps),
        tables=tables,
        pictures=(_curves(curves, steps), _forget(gates, steps)),
        formulas=(
            Formula(
                "One step of the tanh network",
                shipped("rnn").derive("h_t", "h_{t-1}", immediate=True),
            ),
            Formula(
                "One step of the LSTM's cell",
                shipped("lstm").derive("c_t", "c_{t-1}", immediate=True),
            ),
        ),
        data={
            "scales": SCALES,
            "median_norms": {
                name: {f"{s:g}": np.median(n, axis=0) for s, n in by.items()}
                for name, by in curves.items()
            },
            "rates": {
                name: {f"{s:g}": (r.middle, r.low, r.high) for s, r in by.items()}
                for name, by in rates.items()
            },
            "forget_gate": {f"{b:g}": g for b, (_, _, g) in gates.items()},
            "forget_rates": {f"{b:g}": (r.middle, r.low, r.high) for b, (_, r, _) in gates.items()},
        },
    )


def _median(values: Floats) -> float:
    return float(np.median(values))


def _conclusion(
    rates: dict[str, dict[float, Rate]],
    ends: dict[str, dict[float, float]],
    gates: dict[float, tuple[Floats, Rate, float]],
    steps: int,
) -> tuple[str, ...]:
    said: list[str] = []
    phrases = {
        "vanishes": "shrinks for",
        "explodes": "grows for",
        "differs": "does either, from draw to draw, for",
        "overflows": "has no rate, because the states overflow or their weights fall to 0, for",
    }
    for scale in SCALES:
        parts: list[str] = []
        for verdict, phrase in phrases.items():
            named = [
                name if np.isnan(by[scale].middle) else f"{name} ({shown(by[scale].middle, 2)})"
                for name, by in rates.items()
                if by[scale].verdict == verdict
            ]
            if named:
                parts.append(f"{phrase} {', '.join(named)}")
        said.append(f"Weight scale {scale:g}: the norm {'; it '.join(parts)}.")
    tanh = rates[TANH.words]
    small, large = tanh[SCALES[0]], tanh[SCALES[-1]]
    if small.verdict == "vanishes" and large.middle > 1:
        said.append(
            "Vanishing is not the doing of tanh alone: with the same tanh the factor per step is "
            f"{shown(small.middle, 2)} at scale {SCALES[0]:g} and {shown(large.middle, 2)} at scale "
            f"{SCALES[-1]:g}. The recurrent matrix has its part."
        )
    first, last = gates[BIASES[0]], gates[BIASES[-1]]
    if first[1].verdict == "vanishes":
        said.append(
            "An LSTM without a bias on its forget gate forgets: the gate is "
            f"{shown(first[2], 2)} on average, and ∂c_T/∂c_t loses a factor of "
            f"{shown(first[1].middle, 2)} a step. With the bias {BIASES[-1]:g} the gate is "
            f"{shown(last[2], 4)} and the factor {shown(last[1].middle, 3)}."
        )
    if last[1].low > 1:
        said.append(
            "With the gate near 1 that factor is above 1: along the cell alone it is the gate, and the "
            "paths through the other gates come on top. ∂⁺c_t/∂c_{t−1} is I where the gate is 1, "
            "the whole derivative is not."
        )
    far = ends[ALL.words][1.0] / ends[TANH.words][1.0]
    if far > 1:
        said.append(
            f"Attention over all earlier states has a direct path to each: at scale 1 its norm after {steps} "
            f"steps is {shown(far, 2)} times that of tanh."
        )
    return tuple(said)


def _curves(curves: dict[str, dict[float, Floats]], steps: int) -> Picture:
    def draw(figure: Figure) -> None:
        axes = figure.subplots(2, 2, sharex=True, sharey=True).flat
        for scale, ax in zip(SCALES, axes, strict=True):
            for number, (name, by) in enumerate(curves.items()):
                # what has left the floating-point numbers is no curve
                fine = (by[scale] > NOTHING).all()
                middle = np.median(by[scale], axis=0) if fine else []
                ax.semilogy(middle, label=name, **line(number, steps))
            ax.axhline(1, color="black", linewidth=0.8)
            ax.set_title(f"weight scale {scale:g}")
            ax.set_ylim(1e-12, 1e8)
        figure.supxlabel("steps back, T − t")
        figure.supylabel("‖∂h_T/∂h_t‖, median of the draws")
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside right center")

    return Picture(
        "How much of an early state is left",
        f"Norms of the derivative over {steps} steps, a panel for each weight scale, a line for each "
        "state. A straight line is a constant factor per step. States that overflow "
        "have no line.",
        draw,
        (10.7, 6.0),
    )


def _forget(gates: dict[float, tuple[Floats, Rate, float]], steps: int) -> Picture:
    def draw(figure: Figure) -> None:
        ax = figure.subplots()
        for number, (bias, (found, _, gate)) in enumerate(gates.items()):
            ax.semilogy(
                np.median(found, axis=0),
                label=f"bias {bias:g}: gate {shown(gate, 3)}",
                **line(number, steps),
            )
        ax.axhline(1, color="black", linewidth=0.8)
        ax.set_xlabel("steps back, T − t")
        ax.set_ylabel("‖∂c_T/∂c_t‖")
        ax.legend()

    return Picture(
        "What the forget gate keeps",
        "Norms of ∂c_T/∂c_t of an LSTM at weight scale 1, a line for each bias of the forget gate.",
        draw,
    )


STUDY = Study(
    "vanishing",
    "How much does an early state still matter to a late one, for which cell and which weights?",
    answer,
    (
        Option("steps", 30, "How many steps back.", 5, 100),
        Option("width", 16, "Entries of a state.", 2, 64),
        Option("draws", 8, "Random weights and inputs that are tried.", 2, 64),
        Option("seed", 0, "Where the random numbers start.", 0, 2**31 - 1),
    ),
)
