"""Can the gated cell explode? A two-step cycle that does, in exact numbers, and when none can.

The cell is the shipped `gated-cell`: c_t = σ(W_c x_t + W_h h_{t-1}) and
h_t = c_t ⊙ h_{t-1} + (1 − c_t) ⊙ W_x x_t. Its derived Jacobian is, with d_t = h_{t-1} − W_x x_t,

    ∂⁺h_t/∂h_{t-1} = diag(c_t) + diag(d_t ⊙ c_t ⊙ (1 − c_t)) W_h.

The bound. No entry of a state is larger than B = max(‖h_0‖_∞, max_t ‖W_x x_t‖_∞), because a state
is a mean of such entries. So |d_t| ≤ 2B, and with κ = 2B ‖W_h‖_∞ (the greatest row sum) row i of
the Jacobian adds up to at most c_i + c_i (1 − c_i) κ. For κ ≤ 1 this is at most
c_i + (1 − c_i) = 1, whatever the gate; for larger κ it is at most (1 + κ)² / (4κ), at
c_i = (1 + κ) / (2κ).

The cycle. With W_h = w, W_c = −w, W_x = −3, h_0 = 1 and inputs 1, −1, 1, −1, … the gate is
σ(0) = 1/2 at every step, the state is 1, −1, 1, −1, …, and d_t is 4 and −4. The Jacobians are
1/2 + w and 1/2 − w in turn: their product grows without bound where w² > 5/4.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from backprove.studies.frame import Cell, Formula, Option, Picture, Result, Study, Table, shown
from backprove.studies.numbers import Floats, Numbers, shipped
from backprove.studies.style import BLACK, BLUE, ORANGE, VERMILION, line
from backprove.studies.vanishing import Cell as Drawn
from backprove.studies.vanishing import Rate, drawn, norms

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: W_h of the cycle; w² = 5/4 lies between the second and the third
WEIGHTS = (0.75, 1.0, 2.0, 4.0)
#: products of κ that are searched for cycles
KAPPAS = (1.0, 2.0, 4.0, 5.0, 6.0, 8.0, 12.0, 24.0)
#: lengths of the cycles that are searched
PERIODS = (2, 3, 5)
#: scales of random recurrent matrices
SCALES = (1.0, 2.0, 4.0, 8.0, 16.0)
RANDOM = Drawn("gated cell", "gated-cell", ("W_h",))
#: the search: so many candidates, so many times, each time in a neighbourhood this much smaller
CANDIDATES, ROUNDS, SHRINK = 2500, 12, 0.7
#: gates of the cycles that are searched; a gate of nearly 1 is a cycle that stands still
NARROWEST, WIDEST = 0.02, 0.9


@dataclass(frozen=True, slots=True)
class Cycle:
    """The exact cycle for one w, from fractions alone: what anyone can replay with a pencil."""

    weight: Fraction

    def steps(self, count: int) -> list[dict[str, Fraction]]:
        """State, input, gate and Jacobian of each step.

        The gate is σ(0) = 1/2; that its argument is 0 is checked, not assumed.
        """
        state, found = Fraction(1), list[dict[str, Fraction]]()
        for t in range(1, count + 1):
            given = Fraction((-1) ** (t - 1))
            if -self.weight * given + self.weight * state:
                raise ArithmeticError("the gate's argument is not 0")
            gate, value = Fraction(1, 2), -3 * given
            jacobian = gate + (state - value) * gate * (1 - gate) * self.weight
            new = gate * state + (1 - gate) * value
            found.append(
                {"t": Fraction(t), "x": given, "h before": state, "c": gate}
                | {"h after": new, "J": jacobian}
            )
            state = new
        return found

    def product(self, count: int) -> Fraction:
        """∂h_T/∂h_0 for T = count."""
        product = Fraction(1)
        for step in self.steps(count):
            product *= step["J"]
        return product


def replayed(weight: float, steps: int) -> float:
    """∂h_T/∂h_0 of the cycle by the shipped model's derivation; all its numbers are binary fractions."""
    inputs = (-1.0) ** np.arange(steps)
    numbers = Numbers(
        shipped("gated-cell"),
        {"T": steps, "n": 1, "m": 1},
        {
            "x": inputs.reshape(1, steps, 1),
            "h_0": [[1.0]],
            "W_c": [[[-weight]]],
            "W_x": [[[-3.0]]],
            "W_h": [[[weight]]],
        },
    )
    return float(numbers.derivative("h_T", "h_0")[0, 0, 0])


def bound(kappa: float) -> float:
    """What ‖∂⁺h_t/∂h_{t-1}‖_∞ cannot exceed, for κ = 2B ‖W_h‖_∞; see above."""
    return 1.0 if kappa <= 1 else (1 + kappa) ** 2 / (4 * kappa)


def best_cycle(kappa: float, period: int, seed: int) -> float:
    """The largest growth per step found among cycles of `period` steps with |h|, |W_x x| ≤ 1.

    Random search, each round around the best so far. A cycle is given by its gates and its
    candidates W_x x; then a step is h ↦ v + c (h − v), and the first state is the fixed point of
    all of them. The inputs that give these gates are put into the model, which is derived from.
    """
    rng = np.random.default_rng(seed)
    weight = kappa / 2
    low, high = np.array([[NARROWEST], [-1.0]]), np.array([[WIDEST], [1.0]])
    best, centre, size = 0.0, np.broadcast_to((low + high) / 2, (2, period)), 1.0
    for _ in range(ROUNDS):
        tried = np.clip(
            centre + size * (high - low) / 2 * rng.uniform(-1, 1, (CANDIDATES, 2, period)),
            low,
            high,
        )
        gates, values = tried[:, 0], tried[:, 1]
        slope, offset = np.ones(CANDIDATES), np.zeros(CANDIDATES)
        for t in range(period):
            slope, offset = (
                gates[:, t] * slope,
                gates[:, t] * offset + (1 - gates[:, t]) * values[:, t],
            )
        state = first = offset / (1 - slope)
        outside = np.empty_like(gates)
        for t in range(period):
            outside[:, t] = np.log(gates[:, t] / (1 - gates[:, t])) - weight * state
            state = values[:, t] + gates[:, t] * (state - values[:, t])
        numbers = Numbers(
            shipped("gated-cell"),
            {"T": period, "n": 2, "m": 1},
            {
                "x": np.stack([outside, values], axis=2),
                "h_0": first[:, None],
                "W_c": [[[1.0, 0.0]]],
                "W_x": [[[0.0, 1.0]]],
                "W_h": [[[weight]]],
            },
        )
        growth = np.abs(numbers.derivative("h_T", "h_0")[:, 0, 0]) ** (1 / period)
        top = int(growth.argmax())
        if growth[top] > best:
            best, centre = float(growth[top]), tried[top]
        size *= SHRINK
    return best


def constant_input(weight: float, steps: int) -> Floats:
    """|∂h_T/∂h_0| for T = 1, …, of the cell that sees the same input at every step."""
    # h_0 = 1 above the candidate −3, and the gate half open at first, as in the cycle
    found: list[float] = []
    for count in range(1, steps + 1):
        numbers = Numbers(
            shipped("gated-cell"),
            {"T": count, "n": 1, "m": 1},
            {
                "x": np.ones((1, count, 1)),
                "h_0": [[1.0]],
                "W_c": [[[-weight]]],
                "W_x": [[[-3.0]]],
                "W_h": [[[weight]]],
            },
        )
        found.append(abs(float(numbers.derivative("h_T", "h_0")[0, 0, 0])))
    return np.array(found)


def answer(steps: int, seed: int) -> Result:
    lengths = list(range(2, steps + 1, 2))
    growth = {w: np.array([abs(replayed(w, t)) for t in lengths]) for w in WEIGHTS}
    exact = {w: [abs(float(Cycle(Fraction(w)).product(t))) for t in lengths] for w in WEIGHTS}
    agree = all(np.allclose(growth[w], exact[w], rtol=1e-12) for w in WEIGHTS)
    cycles = {kappa: max(best_cycle(kappa, period, seed) for period in PERIODS) for kappa in KAPPAS}
    random = {s: Rate.of(norms(RANDOM, drawn(RANDOM, s, 20, 8, 8, seed))) for s in SCALES}
    without = norms(RANDOM, drawn(RANDOM, 0.0, 20, 8, 8, seed))
    still = constant_input(WEIGHTS[-1], steps)
    shown_weight = WEIGHTS[-1]
    certificate = Cycle(Fraction(shown_weight))
    first = certificate.steps(4)
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (t, f"({shown(certificate.product(2))})^{t // 2}", growth[shown_weight][lengths.index(t)])
        for t in lengths
        if t in (2, 4, 10, lengths[-1])
    )
    growing = [kappa for kappa, rate in cycles.items() if rate > 1]
    crossing = [s for s, rate in random.items() if rate.high > 1]
    said = [
        "The claim that this cell cannot explode is false. The state is multiplied by the gate, but the "
        "gate depends on the state through W_h, and that adds diag(d ⊙ c ⊙ (1 − c)) W_h to the "
        "Jacobian.",
        f"Certificate: W_h = {shown_weight:g}, W_c = −{shown_weight:g}, W_x = −3, h_0 = 1, inputs "
        f"1, −1, 1, −1, …: every gate is exactly 1/2, the state stays within 1 and −1, and "
        f"|∂h_T/∂h_0| = {shown(abs(float(certificate.product(2))))}^(T/2), which is "
        f"{shown(growth[shown_weight][-1])} after {lengths[-1]} steps. In this cycle it grows for every "
        "w with w² > 5/4.",
    ]
    if not agree:
        said.append("The model's derivation and the exact numbers do not agree.")
    said.append(
        "What is true: with W_h = 0 the Jacobian is diag(c), of spectral norm below 1 (at most "
        f"{shown(float(without[:, 1].max()), 3)} in {len(without)} random cells). More generally it cannot "
        "explode where κ = 2B ‖W_h‖_∞ ≤ 1, B being the largest entry of h_0 and of all W_x x_t: then "
        "‖∂⁺h_t/∂h_{t−1}‖_∞ ≤ 1 at every step. Proof: a state is a mean of h_0 and W_x x_1, W_x x_2, …, "
        "entry by entry, so none of its entries exceeds B and none of d exceeds 2B; row i of the Jacobian "
        "then adds up to at most c + c (1 − c) κ ≤ c + (1 − c) = 1. For κ > 1 the same sum is at most "
        "(1 + κ)²/(4κ), at c = (1 + κ)/(2κ)."
    )
    if growing:
        said.append(
            f"Between the two the search found growing cycles for κ = {growing[0]:g} "
            f"(factor {shown(cycles[growing[0]], 3)}) and above"
            + (
                f", and none for κ ≤ {max(k for k in KAPPAS if k < growing[0]):g}; that none was found "
                "there is no proof."
                if growing[0] > KAPPAS[0]
                else "."
            )
        )
    said.append(
        f"With the same input at every step it does not explode: |∂h_T/∂h_0| reaches "
        f"{shown(float(still.max()), 3)} and ends at {shown(float(still[-1]), 2)} after {steps} steps, because "
        "the state approaches W_x x, d approaches 0, and the Jacobian a gate below 1."
    )
    said.append(
        f"Random cells vanish at scale 1 (factor {shown(random[1.0].middle, 2)}); from scale "
        f"{crossing[0]:g} on some of them explode."
        if crossing
        else "None of the random cells exploded."
    )
    return Result(
        conclusion=tuple(said),
        tables=(
            Table(
                "certificate",
                f"The cycle with w = {shown_weight:g}, step by step, in exact numbers",
                ("t", "x_t", "h_{t−1}", "c_t", "h_t", "∂⁺h_t/∂h_{t−1}"),
                tuple(tuple(step.values()) for step in first),
            ),
            Table(
                "replay",
                "The product of the Jacobians, exact and by the derivation of the shipped model",
                ("T", "exact ∂h_T/∂h_0", "|∂h_T/∂h_0| of the model"),
                rows,
            ),
            Table(
                "bound",
                "Growth per step: the bound, and the best cycle of 2, 3 or 5 steps found (gates 0.02 to 0.9)",
                ("κ = 2B ‖W_h‖_∞", "bound", "found"),
                tuple((kappa, bound(kappa), rate) for kappa, rate in cycles.items()),
            ),
            Table(
                "random",
                "Random cells with random inputs: factor per step",
                ("weight scale", "median (least to greatest)", "verdict"),
                tuple((s, str(rate), rate.verdict) for s, rate in random.items()),
            ),
        ),
        pictures=(_picture(lengths, growth, cycles),),
        formulas=(
            Formula(
                "One step, derived from the model",
                shipped("gated-cell").derive("h_t", "h_{t-1}", immediate=True),
            ),
        ),
        data={
            "parameters": {"W_h": shown_weight, "W_c": -shown_weight, "W_x": -3, "h_0": 1},
            "inputs": "x_t = (−1)^(t−1)",
            "lengths": lengths,
            "growth": {f"{w:g}": found for w, found in growth.items()},
            "exact_agrees": agree,
            "constant_input": still,
            "largest_without_W_h": float(without[:, 1:].max()),
        },
    )


def _picture(
    lengths: list[int], growth: dict[float, Floats], cycles: dict[float, float]
) -> Picture:
    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        for number, (weight, found) in enumerate(growth.items()):
            left.semilogy(lengths, found, label=f"w = {weight:g}", **line(number, len(lengths)))
        left.axhline(1, color=BLACK, linewidth=0.8)
        left.set_title("the two-step cycle")
        left.set_xticks(lengths[:: max(1, len(lengths) // 5)])
        left.set_xlabel("steps T")
        left.set_ylabel("|∂h_T/∂h_0|")
        left.legend()
        kappas = np.linspace(0.25, max(cycles), 200)
        bounds = np.array([bound(float(kappa)) for kappa in kappas])
        right.plot(kappas, bounds, color=BLUE, label="bound: never above")
        right.plot(
            list(cycles), list(cycles.values()), "s", color=VERMILION, label="best cycle found"
        )
        right.axhline(1, color=BLACK, linewidth=0.8)
        right.axvspan(0, 1, color=ORANGE, alpha=0.35, hatch="//", label="cannot explode")
        right.set_xlim(0, max(cycles) + 1)
        right.set_title("what weights allow")
        right.set_xlabel("κ = 2B ‖W_h‖_∞")
        right.set_ylabel("factor per step")
        right.legend()

    return Picture(
        "The gated cell can explode",
        "Left: the derivative by the first state grows exponentially with the number of steps where w is "
        "above 1.118. Right: the factor per step that was found, below the bound.",
        draw,
        (10.7, 4.8),
    )


STUDY = Study(
    "gated-explosion",
    "Can the gated cell, whose state is only ever multiplied by a gate below 1, have exploding gradients?",
    answer,
    (
        Option("steps", 20, "Steps of the exact cycle.", 4, 200),
        Option("seed", 0, "Where the random numbers start.", 0, 2**31 - 1),
    ),
)
