"""Models kept ready in a worker, the most recently used ones: reading one takes a while."""

from __future__ import annotations

from collections import OrderedDict

from backprove.mathematics import Model

#: models kept ready
KEPT = 64

_models: OrderedDict[str, Model] = OrderedDict()


def ready(text: str) -> Model:
    """The model of a text; raises `ModelError`."""
    model = _models.get(text)
    if model is None:
        model = _models[text] = Model(text)
        if len(_models) > KEPT:
            _models.popitem(last=False)
    else:
        _models.move_to_end(text)
    return model


def forget() -> None:
    """Make all models anew the next time: what was at work on one was broken off."""
    _models.clear()
