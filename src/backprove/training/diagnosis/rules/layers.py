"""Layer by layer: dead ReLUs, frozen layers, vanishing gradients."""

from __future__ import annotations

import numpy as np

from backprove.training.diagnosis.findings import Finding, Kind, Mark
from backprove.training.diagnosis.rules.not_learning import flat
from backprove.training.diagnosis.signals.curve import Curve, ramp
from backprove.training.diagnosis.view import View


def _silent(curve: Curve | None, start: float = 0.5) -> bool:
    """Whether a layer has no gradient: exactly none in nearly all points of the later part."""
    return curve is None or float(np.mean(curve.part(start, 1.0) == 0)) > 0.8


def _faded(curve: Curve) -> bool:
    """Whether a gradient got smaller by magnitudes before it was zero, as with weights that decay."""
    some = curve.y[curve.y > 0]
    return len(some) > 3 and float(some[-1]) < 1e-5 * float(np.max(some))


def _stuck(view: View) -> float:
    """From 0 to 1: the training loss does not fall in the later part of the run."""
    if view.train is None:
        return 0.5
    return max(flat(view.train, 0.5), ramp(view.fall, 0.1, 0.02))


def dead(view: View) -> Finding | None:
    """Units that are zero for every example; or gradients that are exactly zero behind them."""
    worst = max(view.dead.items(), key=lambda item: item[1].last, default=None)
    if worst is not None:
        name, curve = worst
        level = (
            curve.last
            if curve.last <= 1.001 or curve.series.high.max() <= 1.001
            else curve.last / 100
        )
        sure = ramp(level, 0.45, 0.8)
        if "sparsity" in curve.series.name.lower():
            sure *= 0.7 * _stuck(view)  # zeros for single examples are what ReLUs are for
        if sure >= 0.2:
            mark = Mark(curve.series.name, curve.x[0], curve.x[-1], curve.last, "dead")
            words = f"{100 * level:.0f}% of the units of {name or curve.series.name} are dead at the end"
            return Finding(Kind.DEAD, 0.97 * sure, words + ".", [words], [mark])
    layers = view.layer_gradients
    if len(layers) < 2:
        return _no_gradient(view)
    silent = [n for n, c in layers.items() if c is not None and _silent(c) and not _faded(c)]
    never = [name for name, curve in layers.items() if curve is None]
    if not silent:
        return None
    share = len(silent) / max(len(layers) - len(never), 1)
    alive = [c for name, c in layers.items() if name not in silent and c is not None]
    # only what lies behind the dead units still learns: the last bias, so that the loss stays put
    late = any((c := layers[n]) is not None and bool((c.y > 0).any()) for n in silent)
    all_silent = not alive
    # a dead layer takes the gradient of the weights on both of its sides
    before = list(layers)[: list(layers).index(silent[-1]) + 1]
    both = ramp(share, 0.34, 0.6) if len(layers) > 2 else 1.0
    stuck = _stuck(view)
    if all_silent and view.train is not None and view.train.last > 0.3 * abs(view.train.first):
        stuck = 1.0  # no weight can change any more, however the last bias makes the loss jump
    sure = min(stuck, max(both, float(late) * 0.9))
    if not all_silent and not late and len(before) < len(layers) and silent == before:
        sure *= 0.8
    if sure < 0.2:
        return None
    first = layers[silent[-1]]
    marks = [Mark(first.series.name, first.x[0], first.x[-1], 0.0, "no gradient")] if first else []
    words = f"the gradients of {', '.join(silent[:4])} are exactly zero"
    evidence = [
        words + (", after they were not" if late else ""),
        "the training loss does not fall",
    ]
    return Finding(Kind.DEAD, 0.93 * sure, words[0].upper() + words[1:] + ", and the loss stays where it is.",
                   evidence, marks)  # fmt: skip


def _no_gradient(view: View) -> Finding | None:
    """A total gradient norm that is exactly zero."""
    gradient = view.gradient
    if gradient is None or len(gradient) < 4 or not _silent(gradient) or _faded(gradient):
        return None
    if view.train is not None and view.train.last < 0.02 * abs(view.train.first):
        return None  # nothing is left to learn
    sure = 0.75 * _stuck(view)
    if sure < 0.2:
        return None
    mark = Mark(gradient.series.name, gradient.x[0], gradient.x[-1], 0.0, "no gradient")
    return Finding(Kind.DEAD, sure, "The gradient norm is exactly zero, and the loss stays where it is.",
                   ["the gradient norm is exactly zero in the later part of the run"], [mark])  # fmt: skip


def frozen(view: View) -> Finding | None:
    """Some layers have no gradient from the first step on while others learn."""
    layers = view.layer_gradients
    if len(layers) < 2:
        return None
    series = view.run.layers
    silent: list[str] = []
    empty = False
    for name, curve in layers.items():
        if curve is None:
            # only NaN was logged: no gradient, unless all is NaN because training broke
            whole = next(
                (s for group in series.values() for layer, s in group.items() if layer == name),
                None,
            )
            if whole is not None and not np.isfinite(whole.y).any():
                silent.append(name)
                empty = True
        elif _silent(curve, 0.0):
            silent.append(name)
    learning = [name for name in layers if name not in silent]
    if not silent or not learning:
        return None
    falls = ramp(view.fall, 0.02, 0.1)
    sure = 0.95 * max(falls, 0.55 * (1 - _stuck(view)))
    if empty and len(learning) > 0 and any(c is not None and c.last > 0 for c in layers.values()):
        sure = max(sure, 0.8)  # not zero but none at all: nothing was asked for
    if sure < 0.2:
        return None
    words = f"no gradient in the whole run: {', '.join(silent[:4])}"
    other = layers[learning[-1]]
    marks = (
        [Mark(other.series.name, other.x[0], other.x[-1], other.last, "learns")] if other else []
    )
    evidence = [words, f"gradients as usual: {', '.join(learning[:4])}"]
    return Finding(Kind.FROZEN, sure, f"N{words[1:]}; other layers learn.", evidence, marks)


def vanishing(view: View) -> Finding | None:
    """Gradients that get smaller by magnitudes from the output's layers to the input's."""
    layers = {n: c for n, c in view.layer_gradients.items() if c is not None and c.last > 0}
    if len(layers) < 3:
        return _tiny(view)
    # while the network still learns: a converged one has small gradients of any kind
    levels = np.array([c.level(0.0, 0.5) for c in layers.values()])
    logs = np.log10(np.maximum(levels, 1e-300))
    place = np.arange(len(logs))
    slope = float(np.polyfit(place, logs, 1)[0])
    order = float(np.corrcoef(place, logs)[0, 1]) if np.ptp(logs) > 0 else 0.0
    if slope < 0:  # a log may begin with the output's layer
        logs, order = logs[::-1], -order
    span = float(logs[-1] - logs[0])
    sure = min(ramp(span, 1.5, 2.7), ramp(order, 0.6, 0.8))
    slow = max(_stuck(view), ramp(view.fall, 0.9, 0.5))
    sure = min(sure, 0.5 + 0.5 * slow)
    if sure < 0.2:
        return None
    # where it begins otherwise the weights have been thrown there, as by steps that are too long
    start = np.log10(np.maximum([float(np.median(c.y[:2])) for c in layers.values()], 1e-300))
    start = start if slope >= 0 else start[::-1]
    sure = min(sure, ramp(float(start[-1] - start[0]), 1.0, 2.0))
    if sure < 0.2:
        return None
    names = list(layers)
    ends = (names[0], names[-1]) if slope >= 0 else (names[-1], names[0])
    low = layers[ends[0]]
    mark = Mark(low.series.name, low.x[0], low.x[-1], low.last, "vanishes")
    words = (f"the gradient of {ends[0]} is {10**-span:.1g} times that of {ends[1]}, over "
             f"{len(layers)} layers")  # fmt: skip
    factor = 10 ** (-span / (len(layers) - 1))
    return Finding(Kind.VANISHING, 0.95 * sure, words[0].upper() + words[1:] + ".",
                   [words, f"that is a factor of {factor:.2g} from layer to layer"], [mark])  # fmt: skip


def _tiny(view: View) -> Finding | None:
    """A total gradient norm of next to nothing while the loss is where it was."""
    gradient, loss = view.gradient, view.train
    if gradient is None or loss is None or len(gradient) < 4 or len(view.layer_gradients) >= 3:
        return None
    level = gradient.level(0.0, 1.0)
    if level <= 0 or float(gradient.y[0]) > 1e-2:
        return None
    sure = 0.7 * min(ramp(np.log10(level), -2.5, -4), _stuck(view), ramp(view.fall, 0.2, 0.05))
    if sure < 0.2:
        return None
    mark = Mark(gradient.series.name, gradient.x[0], gradient.x[-1], level, "vanishes")
    return Finding(Kind.VANISHING, sure, f"The gradient norm is {level:.1g} from the start on, and the loss stays "
                   "where it is.", [f"the gradient norm is {level:.1g}"], [mark])  # fmt: skip
