"""What can be played with: the studies and the named quantities, asked for one setting at a time."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

import numpy as np

from backprove.detection.overlap import giou, iou
from backprove.errors import BackproveError
from backprove.explain import explain
from backprove.explain.convolutions import meetings
from backprove.explain.explanation import fraction
from backprove.model.quantities import (
    conv_length,
    interpolated,
    precision_recall,
    transposed_length,
)
from backprove.studies import loss_saturation, vanishing
from backprove.studies.equidistant import equidistant
from backprove.web import messages as m

#: logits of the curves of losses
LOGITS = np.linspace(-8, 8, 161)
#: how far back gradients are followed, the states' size, the draws and their seed
STEPS, WIDTH, DRAWS, SEED = 30, 16, 8, 0
#: multiples of it, less their whole parts, spread evenly over 0 to 1
GOLDEN = (5**0.5 - 1) / 2
DIGITS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def boxes(asked: m.BoxesRequest) -> m.BoxesAnswer:
    """IoU and the L2 distance of two boxes, with the working."""
    first, second = (f"[{', '.join(map(str, box))}]" for box in (asked.a, asked.b))
    shown = explain(f"iou({first}, {second})")
    squared = sum((p - q) ** 2 for p, q in zip(asked.a, asked.b, strict=True))
    return m.BoxesAnswer(
        iou=float(iou(asked.a, asked.b)),
        giou=float(giou(asked.a, asked.b)),
        exact="" if shown.exact is None else fraction(shown.exact),
        distance=float(np.sqrt(squared)),
        squared=squared,
        lines=list(shown.lines),
    )


def pair(asked: m.PairRequest) -> m.PairAnswer:
    """Another second box at the same L2 distance from the first; each turn gives another one."""
    if asked.a[2] <= asked.a[0] or asked.a[3] <= asked.a[1]:
        raise BackproveError("the first box is empty: draw it out")
    squared = sum((p - q) ** 2 for p, q in zip(asked.a, asked.b, strict=True))
    found, overlaps = equidistant(asked.a, squared, asked.width, asked.height)
    if not len(found):
        raise BackproveError("no other box in this frame has that distance")
    # least and greatest overlap first, then what lies between, ever finer
    share = asked.turn if asked.turn < 2 else asked.turn * GOLDEN % 1.0
    at = round(share * (len(found) - 1))
    return m.PairAnswer(
        b=[int(edge) for edge in found[at]],
        found=len(found),
        least=float(overlaps[0]),
        greatest=float(overlaps[-1]),
    )


def ranking(asked: m.RankingRequest) -> m.RankingAnswer:
    """Precision and recall by rank, and the interpolated curve."""
    hits = [sign == "T" for sign in asked.hits]
    quantity = (
        f"average_precision({asked.hits}, positives={asked.positives}, points={asked.points})"
    )
    shown = explain(quantity)
    curve = precision_recall(hits, asked.positives)
    ranks = [
        m.Rank(
            rank=rank,
            hit=hits[rank - 1],
            found=sum(hits[:rank]),
            precision=f"{sum(hits[:rank])}/{rank}",
            recall=f"{sum(hits[:rank])}/{asked.positives}",
            at=[float(r), float(p)],
            best=float(interpolated(curve, r)),
        )
        for rank, (r, p) in enumerate(curve, 1)
    ]
    count = 0 if asked.points == "all" else int(asked.points)
    recalls = [Fraction(i, count - 1) for i in range(count)]
    exact = shown.exact
    assert exact is not None
    return m.RankingAnswer(
        ranks=ranks,
        samples=[[float(r), float(interpolated(curve, r))] for r in recalls],
        average=float(exact),
        exact=fraction(exact),
        lines=list(shown.lines),
    )


def convolution(asked: m.ConvolutionRequest) -> m.ConvolutionAnswer:
    """Which entries meet in a convolution or a transposed one, and the sum of each output entry."""
    setting = (asked.stride, asked.padding, asked.dilation)
    if asked.transposed:
        out = [
            transposed_length(n, k, asked.stride, asked.padding, 0, asked.dilation)
            for n, k in zip(asked.input, asked.kernel, strict=True)
        ]
        name = "conv_transpose_size"
    else:
        lengths = zip(asked.input, asked.kernel, strict=True)
        out = [conv_length(n, k, *setting) for n, k in lengths]
        name = "conv_size"
    if min(out) < 1:
        raise BackproveError("the kernel does not fit: there is no output. Add padding, or input.")
    stride, padding, dilation = ([number] * 2 for number in setting)
    met = list(
        meetings(asked.input, asked.kernel, out, stride, padding, dilation, asked.transposed)
    )
    settings = f"stride={asked.stride}, padding={asked.padding}, dilation={asked.dilation}"
    called = f"{name}({asked.input[0]}, {asked.kernel[0]}, {settings})"
    return m.ConvolutionAnswer(
        output=out,
        size="\n".join(explain(called).lines),
        meetings=[[list(p), list(i), list(r)] for p, i, r in met],
        sums=[_sum((r, c), met) for r in range(out[0]) for c in range(out[1])],
    )


def _sum(at: tuple[int, int], met: list[tuple[tuple[int, ...], ...]]) -> str:
    """`Y₁₁ = K₁₁ X₁₁ + …`."""
    terms = [f"{_named('K', i)} {_named('X', p)}" for p, i, r in met if r == at]
    return f"{_named('Y', at)} = {' + '.join(terms) or '0'}"


def _named(name: str, at: Iterable[int]) -> str:
    places = [p + 1 for p in at]
    return name + (",".join if max(places) > 9 else "".join)(map(str, places)).translate(DIGITS)


def loss(asked: m.LossRequest) -> m.LossAnswer:
    """Losses and their derivatives against the logit, for the true class 1."""
    found = loss_saturation.losses(asked.output, LOGITS, asked.gamma)
    first = next(iter(found.values()))
    return m.LossAnswer(
        logits=[round(float(z), 4) for z in LOGITS],
        probability=_numbers(first[0]),
        curves=[
            m.Curve(
                key=key,
                name=loss_saturation.LOSSES[key],
                loss=_numbers(value),
                slope=_numbers(slope),
            )
            for key, (_, value, slope) in found.items()
        ],
    )


def time(asked: m.TimeRequest) -> m.TimeAnswer:
    """How much of an early state is left, by how many steps back it lies."""
    cell = vanishing.CELLS[asked.cell]
    norms = vanishing.norms(cell, vanishing.drawn(cell, asked.scale, STEPS, WIDTH, DRAWS, SEED))
    rate = vanishing.Rate.of(norms)
    return m.TimeAnswer(
        cell=cell.words,
        norms=_numbers(np.median(norms, axis=0)),
        low=_numbers(norms.min(axis=0)),
        high=_numbers(norms.max(axis=0)),
        rate=str(rate),
        verdict=rate.verdict,
    )


def _numbers(values: Iterable[float], digits: int = 6) -> list[float | None]:
    """Numbers as they are shown, and None for what is none."""
    return [float(f"{v:.{digits}g}") if np.isfinite(v) else None for v in values]
