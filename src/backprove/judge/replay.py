"""A wrong claim as a short NumPy script: values for every symbol, and both sides computed there.

Where the left side is a derivative by a declared name it is taken by differences, of the
definitions alone, so that nobody needs to believe our derivation; else the derived form is used.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from backprove.calculus.derive import resolve, resolved
from backprove.calculus.pullback import NoDerivative
from backprove.compute import emit
from backprove.compute.emit.families import Input, identifiers
from backprove.compute.emit.source import Frame
from backprove.errors import BackproveError
from backprove.judge.trial import Trial
from backprove.judge.wrong_claim import WrongClaim
from backprove.model.entity import System
from backprove.model.value import NoMeaning
from backprove.tensor.build import ShapeError, substitute
from backprove.tensor.nodes import Derivative, Node, Symbol
from backprove.tensor.whole import Whole

#: lines of a script, at most
MOST_LINES = 25
#: the step of the differences
STEP = "1e-6"


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
        by = _declared_variable(left, claim.system)
        point = _worst(trial)
        text = None if point is None else _script(claim, trial, left, right, by, point)
    except (BackproveError, NoDerivative, NoMeaning, ShapeError, KeyError):
        return None
    return text if text is not None and text.count("\n") <= MOST_LINES else None


def _worst(trial: Trial) -> int | None:
    """The point at which the sides differ most; None where one has no value."""
    said, truth = trial.said(), trial.true_values()
    if not said or said[0][0].shape != truth.shape:
        return None
    gaps = np.abs(said[0][0] - truth).reshape(len(truth), -1).max(axis=1)
    return None if np.isnan(gaps).any() else trial.chosen[int(gaps.argmax())]


def _declared_variable(left: Node, system: System) -> Symbol | None:
    """What the left side is a total derivative by, where that is a declared name."""
    if not isinstance(left, Derivative) or left.mode != "total" or isinstance(left.of, Derivative):
        return None
    by = left.by
    if not isinstance(by, Symbol) or by.index:
        return None
    return by if all(e.body is None for e in system.named(by.name)) else None


def _script(
    claim: WrongClaim, trial: Trial, left: Node, right: Node, by: Symbol | None, point: int
) -> str | None:
    system = resolved(claim.system)
    if by is not None and isinstance(left, Derivative):
        first: Node = left.of
    else:
        system, first = resolve(system, left)
    system, right = resolve(system, right)
    made = emit.program(system, [emit.Output("left", first), emit.Output("right", right)])
    if not made.inputs:
        return None  # nothing in it depends on values
    frame = Frame(made, "numpy", "sides")
    shown = [frame.result(v, o.name) for v, o in zip(made.values, made.outputs, strict=True)]
    preamble, extra = frame.preamble()
    body = [*(f"    {line}" for line in preamble), *frame.writer.lines]
    body.append(f"    return {', '.join(shown)}")
    sizes = claim.settings[0].sizes
    spelled = {frame.writer.sizes[n]: sizes[n] for n in frame.writer.sizes if n in sizes}
    arguments = [*frame.arguments, *extra]
    lines = [f"def sides({', '.join(arguments)}):", *body]
    values = [_values(i, system, claim, point) for i in made.inputs]
    values += [spelled[name] for name in extra]
    if not _runs(frame.module(lines), values):
        return None
    data = [_shown(v) for v in values]
    call = ", ".join(arguments)
    lines.append(f"{call} = {', '.join(data)}")
    lines.append(f"left, right = sides({call})")
    names = [i.name for i in made.inputs]
    if by is not None and by.name in names:
        lines += _differences(arguments, names.index(by.name))
    elif by is not None:
        lines.append(f"left = np.zeros({trial.true_values()[0].shape})  # it depends on nothing")
    lines.append("gap = np.max(np.abs(left - right))")
    lines.append('print("left:", left, "right:", right, "largest difference:", gap, sep="\\n")')
    return "".join(f"{line}\n" for line in frame.module(lines).split("\n") if line.strip())


def _differences(arguments: list[str], place: int) -> list[str]:
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
        f"left = np.stack(slopes, -1).reshape(np.shape(left) + {name}.shape)",
    ]


def _values(item: Input, system: System, claim: WrongClaim, point: int) -> Any:
    """An argument's values at the point, the members of a family along leading axes."""
    setting = claim.settings[0]
    entity = identifiers(system)[item.name]
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


def _runs(source: str, values: list[Any]) -> bool:
    """Whether a function that was written, from trees alone, does run."""
    space: dict[str, Any] = {}
    try:
        exec(compile(source, "<replay>", "exec"), space)
        space["sides"](*values)
    except (ArithmeticError, IndexError, NameError, TypeError, ValueError):
        return False
    return True


def _shown(value: Any) -> str:
    return str(value) if isinstance(value, int) else f"np.array({np.asarray(value).tolist()})"
