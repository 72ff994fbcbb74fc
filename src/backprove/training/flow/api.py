"""`backprove.flow`: of a model, its text or name, or a PyTorch module."""

from __future__ import annotations

from typing import Any

from backprove.errors import BackproveError
from backprove.mathematics import Model
from backprove.training.flow.finding import Flow
from backprove.training.flow.notation import flow as of_model
from backprove.training.flow.notation import planned


def flow(
    model: Any, inputs: Any = None, targets: Any = None, *, loss: Any = None, **asked: Any
) -> Flow:
    """How gradients flow through a model before it is trained.

    `model` is a `Model`, the name of a shipped one, a model's text, or a `torch.nn.Module`. For a
    module `inputs` is a batch (a tuple: several arguments), `targets` and `loss(output, targets)`
    what is learnt. For the others `loss` names the loss, `given` holds arrays by name, and
    `steps`, `width`, `draws`, `seed`, `scale`, `start` and `sizes` (a dictionary) say what is drawn.
    Raises `BackproveError` for what does not fit.
    """
    if isinstance(model, Model | str):
        if inputs is not None or targets is not None:
            raise BackproveError("a model's inputs are named: given={'x': …}")
        name = "the model"
        if isinstance(model, str):
            text = "\n" in model or "=" in model
            name = name if text else model
            model = Model(model) if text else Model.load(model)
        given = asked.pop("given", None)
        try:
            plan = planned(model, given_sizes=asked.pop("sizes", None), **asked)
        except TypeError:
            raise BackproveError(
                f"among {', '.join(asked)} is no option of flow: there are steps, width, draws, seed, "
                "scale, start, sizes and given"
            ) from None
        return of_model(model, name, plan, given, loss or "")
    if not hasattr(model, "named_modules"):
        raise BackproveError(
            f"a model is a backprove.Model, a name, a text or a torch.nn.Module, "
            f"not {type(model).__name__}"
        )
    if asked:
        raise BackproveError(f"a module's flow has no option {', '.join(asked)}")
    if inputs is None:
        raise BackproveError("a module's flow needs a batch of inputs: flow(module, inputs)")
    from backprove.training.flow.modules import flow as of_module

    return of_module(model, inputs, targets, loss)
