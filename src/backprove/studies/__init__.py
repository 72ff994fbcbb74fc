"""Questions of a course, answered by computation from the models: `studies.run("vanishing")`.

Each study is a module of this package, named like it, that ends in a `STUDY`.
"""

from __future__ import annotations

import difflib
from importlib import import_module
from typing import Any

from backprove.errors import BackproveError
from backprove.studies.frame import Result, Study

__all__ = ["Result", "Study", "load", "names", "run", "suggestion"]

_NAMES = (
    "vanishing",
    "gated-explosion",
    "loss-saturation",
    "focal",
    "box-loss",
    "transposed-convolution",
    "xor",
    "filters",
    "initial-loss",
)


def names() -> list[str]:
    """The names of the studies, in the order of a course."""
    return list(_NAMES)


def load(name: str) -> Study:
    """A study by its name; raises `BackproveError` with the nearest name where there is none."""
    if name not in _NAMES:
        raise BackproveError(f"there is no study {name}{suggestion(name, _NAMES)}")
    return import_module(f"{__name__}.{name.replace('-', '_')}").STUDY


def run(name: str, **options: Any) -> Result:
    """A study's result; raises `BackproveError` for an unknown study, option or value."""
    return load(name).run(**options)


def suggestion(name: str, known: list[str] | tuple[str, ...]) -> str:
    """The nearest known name as the end of a sentence that refuses another."""
    near = difflib.get_close_matches(name.lower().replace("_", "-"), known, 1, 0.4)
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"{hint} (`backprove study` lists them)"
