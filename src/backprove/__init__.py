"""Backprove derives, checks and diagnoses the mathematics of neural networks.

from backprove import Model

model = Model("x in R^n, t in R^m\\nW in R^{m x n}\\nL = 1/2 sum((W x - t)^2)")
print(model.derive("L", "W"))
print(model.check("∂L/∂W = (W x - t) x").verdict)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from backprove.errors import BackproveError

if TYPE_CHECKING:
    from backprove.derivation import Derivation
    from backprove.judge.verdict import Verdict
    from backprove.mathematics import Model
    from backprove.model.text import ModelError
    from backprove.training.flow.api import flow
    from backprove.training.watching.watcher import watch

__version__ = "0.1.0"
__all__ = [
    "BackproveError",
    "Derivation",
    "Model",
    "ModelError",
    "Verdict",
    "__version__",
    "flow",
    "watch",
]

_HOMES = {
    "Model": "backprove.mathematics",
    "Derivation": "backprove.derivation",
    "ModelError": "backprove.model.text",
    "flow": "backprove.training.flow.api",
    "watch": "backprove.training.watching.watcher",
    "Verdict": "backprove.judge.verdict",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that `import backprove` is quick."""
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module 'backprove' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
