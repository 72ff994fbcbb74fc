"""A wrong claim as a short NumPy script: values for every symbol, and both sides computed there.

Where the left side is a total derivative by a name it is taken by differences, of the definitions
alone, so that nobody needs to believe our derivation; else the derived form is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import replace
from io import StringIO
from itertools import product
from typing import Any

import numpy as np

from backprove.calculus.derive import resolve, resolved, shortly
from backprove.calculus.pullback import NoDerivative
from backprove.compute import emit
from backprove.compute.emit.families import Input, identifiers
from backprove.compute.emit.source import Frame
from backprove.errors import BackproveError
from backprove.judge.nudge import GIVEN, NUDGE, nudged
from backprove.judge.trial import Trial
from backprove.judge.wrong_claim import WrongClaim
from backprove.model.entity import System
from backprove.model.value import NoMeaning
from backprove.tensor.build import ShapeError, substitute
from backprove.tensor.nodes import Derivative, Literal, Node, Select, Symbol
from backprove.tensor.whole import Whole

#: lines of a script, at most
MOST_LINES = 25
#: the step of the differences
STEP = "1e-6"
#: the relative difference that a script has to show
LEAST = 1e-6
#: how long a line of several statements may be
WIDTH = 120


def script(claim: WrongClaim) -> str | None:
    """The script; None where one of the sides has no values, or it would be too long."""
    if claim.other is None or not claim.fits:
        return None
    try:
        trial = Trial(claim)
        left, right = (
            substitute(v.node, trial.put) if trial.put else v.node
            for v in (claim.value, claim.other)
        )
        point = _worst(trial)
        text = None if point is None else _script(claim, trial, left, right, point)
    except (BackproveError, NoDerivative, NoMeaning, ShapeError, KeyError):
        return None
    return text if text is not None and text.count("\n") <= MOST_LINES else None


def _worst(trial: Trial) -> int | None:
    """The point at which the sides differ most; None where one has no value."""
    said, truth = trial.said(), trial.true_values()
    if not said or said[0][0].shape[1:] != truth.shape[1:]:
        return None
    gaps = np.abs(said[0][0] - truth)  # a number is the same at every point
    gaps = gaps.reshape(len(gaps), -1).max(axis=1)
    return None if np.isnan(gaps).all() else trial.chosen[int(np.nanargmax(gaps))]


def _question(system: System, left: Node) -> tuple[System, Node, Symbol | None]:
    """What is to be computed for the left side, and by what it is then differentiated, if at all."""
    if not isinstance(left, Derivative) or left.mode != "total":
        return *resolve(system, left, shortly()), None
    by = left.by
    if not isinstance(by, Symbol) or by.free - system.all_size_names():
        return *resolve(system, left, shortly()), None
    system, of = resolve(system, left.of, shortly())
    system, moved = nudged(system, by)
    return system, of, moved


def _opened(left: Node, sizes: Mapping[str, int]) -> tuple[Node, str]:
    """The derivative of which the left side is one entry, and which: `[1, 0]` from 0 on."""
    if not isinstance(left, Select) or not isinstance(left.arg, Derivative):
        return left, ""
    at = [":" if w is None else str(int(w.value(sizes)) - 1) for w in left.at]
    return left.arg, f"[{', '.join(at)}]"


def _script(claim: WrongClaim, trial: Trial, left: Node, right: Node, point: int) -> str | None:
    whole, place = _opened(left, claim.settings[0].sizes)
    system, first, by = _question(resolved(claim.system, shortly()), whole)
    system, right = resolve(system, right, shortly())
    made = emit.program(system, [emit.Output("left", first), emit.Output("right", right)])
    if isinstance(first, Literal) and by is None:
        return None  # a number that was worked out in reading: there is nothing to compute
    frame = Frame(made, "numpy", "sides")
    shown = [frame.result(value) for value in made.values]
    preamble, extra = frame.preamble()
    body = [*(f"    {line}" for line in preamble), *frame.writer.lines]
    body.append(f"    return {', '.join(shown)}")
    sizes = claim.settings[0].sizes
    spelled = {frame.writer.sizes[n]: sizes[n] for n in frame.writer.sizes if n in sizes}
    arguments = [*frame.arguments, *extra]
    lines = [f"def sides({', '.join(arguments)}):", *body]
    values = [_values(i, system, claim, point) for i in made.inputs]
    values += [spelled[name] for name in extra]
    data = [_shown(v) for v in values]
    call = ", ".join(arguments)
    if arguments:
        lines.append(f"{call} = {', '.join(data)}")
    lines.append(f"left, right = sides({call})")
    names = [i.name for i in made.inputs]
    if by is not None and by.name in names:
        lines += _differences(arguments, names.index(by.name), place)
    elif by is not None:
        lines.append(f"left = np.zeros({trial.true_values()[0].shape})  # it depends on nothing")
    lines.append("gap = np.max(np.abs(left - right))")
    lines.append('print("left:", left, "right:", right, "largest difference:", gap, sep="\\n")')
    module = frame.module(lines).replace(", dtype=.dtype", "")  # where no argument has a kind
    text = [line for line in module.split("\n") if line.strip()]
    whole = "".join(f"{x}\n" for x in (text if len(text) <= MOST_LINES else _compact(text)))
    return whole if _shows(whole) else None


def _compact(lines: list[str]) -> list[str]:
    """Short statements after one another on one line."""
    found: list[str] = []
    for line in lines:
        before = found[-1] if found else ""
        depth = len(line) - len(line.lstrip())
        alike = before and depth == len(before) - len(before.lstrip())
        plain = not any(_is_block(text.split()[0]) for text in (before, line) if text)
        if alike and plain and len(before) + len(line) - depth + 2 <= WIDTH:
            found[-1] = f"{before}; {line.lstrip()}"
        else:
            found.append(line)
    return found


def _is_block(word: str) -> bool:
    return word in ("def", "for", "if", "else:", "return", "import", "#")


def _differences(arguments: list[str], place: int, entry: str) -> list[str]:
    """The left side once more, by central differences of the quantity that `sides` gives first."""
    name = arguments[place]
    ways = [
        ", ".join([*arguments[:place], f"{name} {sign} {STEP} * e", *arguments[place + 1 :]])
        for sign in "+-"
    ]
    up, down = (f"sides({way})[0]" for way in ways)
    return [
        f"units = np.eye({name}.size).reshape(-1, *{name}.shape)",
        f"slopes = [({up} - {down}) / (2 * {STEP}) for e in units]",
        f"left = np.stack(slopes, -1).reshape(np.shape(left) + {name}.shape){entry}",
    ]


def _values(item: Input, system: System, claim: WrongClaim, point: int) -> Any:
    """An argument's values at the point, the members of a family along leading axes."""
    setting = claim.settings[0]
    entity = identifiers(system)[item.name]
    if entity.name == NUDGE:
        return np.zeros([int(size.value(setting.sizes)) for size in entity.shape])
    if entity.name not in {name for name, _ in setting.declared}:
        entity = replace(entity, name=entity.name.removesuffix(GIVEN))
    if not item.first:
        at = tuple(int(w.value(setting.sizes)) for w in entity.index)
        return setting.declared[entity.name, at][point]
    lengths = [int(w.value(setting.sizes)) for w in item.value.lengths[: len(item.first)]]
    starts = [int(Whole.of(w).value(setting.sizes)) for w in item.first]
    stacked = [
        setting.declared[entity.name, tuple(s + k for s, k in zip(starts, ks, strict=True))][point]
        for ks in product(*map(range, lengths))
    ]
    return np.stack(stacked).reshape(*lengths, *stacked[0].shape)


def _shows(source: str) -> bool:
    """Whether a script, written from trees alone, does run and show a difference."""
    space: dict[str, Any] = {}
    try:
        with redirect_stdout(StringIO()), np.errstate(all="ignore"):
            exec(compile(source, "<replay>", "exec"), space)
        size = max(float(np.max(np.abs(space[side]))) for side in ("left", "right"))
        return float(space["gap"]) > LEAST * max(size, LEAST)
    except (ArithmeticError, IndexError, NameError, SyntaxError, TypeError, ValueError):
        return False


def _shown(value: Any) -> str:
    return str(value) if isinstance(value, int) else f"np.array({np.asarray(value).tolist()})"
