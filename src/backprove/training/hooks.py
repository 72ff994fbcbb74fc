"""Hooks that stay behind when the module that they hang on is copied or saved."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Hook:
    """Passes calls on; a copy of it, or what is loaded from a file, does nothing.

    Modules are copied and saved with their hooks. A plain function could not be saved, and would
    read the copy (an average of the weights, say) as if it were the module itself.
    """

    def __init__(self, passed_to: Callable[..., None] | None = None) -> None:
        self._passed_to = passed_to

    def __call__(self, *given: Any) -> None:
        if self._passed_to is not None:
            self._passed_to(*given)

    def __reduce__(self) -> tuple[type[Hook], tuple[()]]:
        return Hook, ()
