"""Reading a question such as `iou([0, 0, 2, 2], [1, 1, 3, 3])` and finding who explains it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable

from backprove.errors import BackproveError
from backprove.explain import boxes, convolutions, ranking, sizes
from backprove.explain.arguments import Arguments, assumed
from backprove.explain.explanation import Explanation
from backprove.model.meaning import meaning
from backprove.model.scope import Scope
from backprove.model.text import point, read_model
from backprove.model.value import NoMeaning
from backprove.notation import ReadError, read_expression
from backprove.notation.syntax import Call

EXPLAINERS: dict[str, Callable[[Arguments], Explanation]] = {
    "conv_size": sizes.size,
    "conv_transpose_size": sizes.size,
    "receptive_field": sizes.receptive_field,
    "parameters": sizes.parameters,
    "conv": convolutions.result,
    "conv_transpose": convolutions.result,
    "conv_matrix": convolutions.as_matrix,
    "conv_transpose_matrix": convolutions.as_matrix,
    "iou": boxes.overlap,
    "giou": boxes.overlap,
    "precision": ranking.precision,
    "recall": ranking.recall,
    "interpolated_precision": ranking.interpolated_precision,
    "average_precision": ranking.average_precision,
}


def explain(text: str, given: str = "") -> Explanation:
    """A named quantity with its working, in exact numbers.

    `given` may declare or define what the arguments name, as a model does (`K in R^{3 x 3}`); arrays
    that are not declared are taken to be small. Raises `BackproveError` where the text is no named
    quantity, and where its arguments do not fit.
    """
    _known(text)
    system = read_model(given)
    try:
        call = read_expression(text, system.names())
        if not isinstance(call, Call) or call.function not in EXPLAINERS:
            raise BackproveError(
                f"one named quantity can be explained at a time, not {text.strip()}"
            )
        remarks = assumed(call, system)
        scope = Scope(system)
        value = meaning(call, scope).node
        arguments = Arguments(text.strip(), call, scope, value, tuple(remarks))
        return EXPLAINERS[call.function](arguments)
    except (ReadError, NoMeaning) as error:
        raise BackproveError(point(text, 1, error.message, error.span)) from None


def _known(text: str) -> None:
    """Refuse a name that is no quantity's, with the nearest one."""
    name = re.match(r"\s*(\w+)\s*\(", text)
    if name is None or name[1] in EXPLAINERS:
        return
    near = difflib.get_close_matches(name[1].lower(), EXPLAINERS, 1, 0.5)
    hint = f"; did you mean {near[0]}?" if near else f"; there are {', '.join(EXPLAINERS)}"
    raise BackproveError(f"{name[1]} is no named quantity{hint}")
