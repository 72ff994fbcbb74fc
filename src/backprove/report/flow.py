"""The flow of gradients in the terminal."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from backprove.training.flow.finding import Flow, State

_PIPED_WIDTH = 110
#: rows of a table of parameters that are shown
_ROWS = 40


def number(value: float | None) -> str:
    """Three significant digits; a dash where there is nothing."""
    if value is None or math.isnan(value):
        return "–"
    return f"{value:.3g}".replace("inf", "∞").replace("-", "−")


def show(made: Flow) -> None:
    """Print the verdict, what would change it, and the tables that it rests on."""
    console = Console(
        width=None if os.isatty(1) else _PIPED_WIDTH, highlight=False, soft_wrap=False
    )
    console.print(Text(f"{made.name}: {made.verdict}.", "bold"))
    console.print(Text(made.setting, "dim"))
    for line in made.advice:
        console.print(Text(f"  → {line}"))
    if made.states:
        console.print()
        console.print(_states(made))
        for state in made.states:
            if state.exponents:
                shown = ", ".join(number(x) for x in state.exponents[:6])
                console.print(Text(f"Lyapunov exponents of {state.name}, a step: {shown}", "dim"))
            if state.singular:
                shown = ", ".join(number(x) for x in state.singular[:6])
                console.print(
                    Text(f"Singular values over {state.distance} {state.unit}: {shown}", "dim")
                )
    if made.start is not None and made.start.expected is not None:
        start = made.start
        console.print()
        console.print(
            f"Loss at the start, a target: {number(start.loss)} ({number(start.least)} to "
            f"{number(start.greatest)}); an even guess among {start.classes} classes has "
            f"ln {start.classes} = {number(start.expected)} and an accuracy of "
            f"{number(start.accuracy)}."
        )
    if made.activations:
        console.print()
        console.print(_activations(made))
    if made.parameters:
        console.print()
        console.print(_parameters(made))
    for line in made.notes:
        console.print(Text(f"Note: {line}.", "dim"))


def distances(states: Sequence[State]) -> list[int]:
    """The distances at which the table of states has norms."""
    furthest = states[0].distance
    return sorted({d for d in (1, 5, furthest) if d <= furthest})


def state_rows(states: Sequence[State]) -> list[tuple[str, ...]]:
    """Cells of the table of states, without its head."""
    rows: list[tuple[str, ...]] = []
    for state in states:
        ends = (state.norms[min(state.distance, d)] for d in distances(states))
        rows.append(
            (
                state.name,
                str(state.size),
                *(number(norm) for norm in ends),
                number(state.factor),
                number(state.half_life),
                state.verdict,
            )
        )
    return rows


def _states(made: Flow) -> Table:
    unit = made.states[0].unit
    norms = [f"norm at {d}" for d in distances(made.states)]
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("state", "size", *norms, f"factor a {unit[:-1]}"):
        table.add_column(name, justify="left" if name == "state" else "right")
    table.add_column("half-life", justify="right")
    table.add_column("")
    for row in state_rows(made.states):
        table.add_row(*row)
    return table


def _activations(made: Flow) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("units of")
    table.add_column("function")
    table.add_column("saturated", justify="right")
    table.add_column("dead", justify="right")
    for entry in made.activations:
        flat = f"{100 * entry.saturated:.0f} %" + (" off" if entry.function == "relu" else "")
        dead = f"{100 * entry.dead:.0f} %" if entry.function == "relu" else ""
        table.add_row(Text(entry.name), entry.function, flat, dead)
    return table


def _parameters(made: Flow) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("parameter")
    table.add_column("shape")
    table.add_column("gradient's norm", justify="right")
    for entry in made.parameters[:_ROWS]:
        shape = "×".join(map(str, entry.shape)) or "1"
        norm = number(entry.norm) if entry.reached else "none"
        table.add_row(Text(entry.name), shape, norm)
    if len(made.parameters) > _ROWS:
        table.add_row(f"… and {len(made.parameters) - _ROWS} more", "", "")
    return table
