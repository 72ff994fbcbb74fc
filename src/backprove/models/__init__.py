"""The models that are shipped: a short text each, in the notation, that says where it is from."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from importlib.resources import files

from backprove.errors import BackproveError

SUFFIX = ".model"


def names() -> list[str]:
    """The names of the shipped models, in alphabetical order."""
    found = (file.name for file in files(__name__).iterdir())
    return sorted(name.removesuffix(SUFFIX) for name in found if name.endswith(SUFFIX))


def text(name: str, **sizes: int) -> str:
    """A model's text, behind a line for each size that is given a number.

    Raises `BackproveError`, with the nearest name, where there is no model of this name.
    """
    if name not in names():
        near = difflib.get_close_matches(name.lower().replace("_", "-"), names(), 1, 0.4)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise BackproveError(f"there is no model {name}{hint} (`backprove models` lists them)")
    fixed = "".join(f"{size} = {number}\n" for size, number in sizes.items())
    return fixed + files(__name__).joinpath(name + SUFFIX).read_text(encoding="utf-8")


def summary(name: str) -> str:
    """What a model is, in a line: the first of its text."""
    return text(name).partition("\n")[0].removeprefix("#").strip()


def listing() -> Iterator[tuple[str, str]]:
    """Every shipped model with its summary."""
    return ((name, summary(name)) for name in names())
