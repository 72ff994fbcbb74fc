"""Which activation functions a forward pass calls, as modules or as functions, and their slopes there.

`torch.overrides.TorchFunctionMode` sees every call of PyTorch's Python functions, so that
`torch.tanh(x)` in a `forward` counts as `nn.Tanh()` does. Slopes are PyTorch's own derivatives at the
inputs, so that no function's formula is written down twice.
"""

# PyTorch is not installed where types are checked, and types itself in part only
# pyright: basic, reportMissingImports=false

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import CodeType
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from backprove.training.flow.finding import SATURATED, Activation

#: functions of one number that have flat parts; a trailing underscore is the same in place
NAMES = ("tanh", "sigmoid", "relu", "relu6", "hardtanh", "hardsigmoid", "softsign", "elu", "celu", "selu",
         "gelu", "silu", "hardswish", "mish", "softplus", "logsigmoid")  # fmt: skip
#: files of PyTorch in which a call is passed on, and none is written down
_TORCH = Path(torch.__file__).parent
_PASSED_ON = {
    str(_TORCH / name)
    for name in ("overrides.py", "_tensor.py", "_jit_internal.py", "nn/functional.py",
                 "nn/modules/activation.py", "nn/modules/module.py")
} | {__file__}  # fmt: skip


def _functions() -> dict[Any, tuple[str, Callable[..., Tensor]]]:
    """Every spelling of an activation, with its name and the function that leaves its input alone."""
    found: dict[Any, tuple[str, Callable[..., Tensor]]] = {}
    for name in NAMES:
        plain = getattr(torch, name, None) or getattr(nn.functional, name)
        for home in (torch, nn.functional, Tensor):
            for spelling in (name, name + "_"):
                called = getattr(home, spelling, None)
                if called is not None:
                    # functions of `functional` take options, which the plain one may not know
                    same = getattr(nn.functional, name, plain) if home is nn.functional else plain
                    found[called] = (name, same)
    return found


@dataclass
class _Site:
    """A place in the code where an activation is called, over all of its calls."""

    name: str
    function: str
    flat: float = 0.0
    entries: int = 0
    #: units that were flat for every example so far, by the axis that they lie along and their number
    off: dict[tuple[int, int], Tensor] = field(default_factory=dict)

    def add(self, slopes: Tensor, greatest: float) -> None:
        self.flat += float((slopes.abs() < SATURATED * greatest).sum())
        self.entries += slopes.numel()
        # channels of a convolution lie along the second axis, features of a sequence along the last;
        # along the wrong one are places, which are never flat for all channels unless all are
        for axis in sorted({min(1, slopes.ndim - 1), slopes.ndim - 1}):
            others = [k for k in range(slopes.ndim) if k != axis]
            off = (slopes == 0).all(dim=others) if others else slopes == 0
            known = self.off.get((axis, len(off)))
            self.off[axis, len(off)] = off if known is None else known & off

    def found(self) -> Activation:
        # what is never exactly flat (tanh but for rounding) is saturated, not dead
        shares = [float(off.float().mean()) for off in self.off.values() if len(off)]
        dead = max(shares, default=0.0) if self.function in ("relu", "relu6") else 0.0
        return Activation(self.name, self.function, self.flat / max(self.entries, 1), dead)


class Calls(TorchFunctionMode):
    """While it is entered, the calls of activation functions are looked at; nothing is changed."""

    def __init__(self, names: Mapping[nn.Module, str] | None = None) -> None:
        super().__init__()
        self._names = names or {}
        self._path: list[str] = []
        self._sites: dict[tuple[str, str, CodeType | None, int], _Site] = {}
        self._functions = _functions()

    def enter(self, module: nn.Module, _arguments: Any) -> None:
        """A hook before a module's forward pass: calls are that module's from here on."""
        self._path.append(self._names.get(module, type(module).__name__))

    def leave(self, _module: nn.Module, _arguments: Any, _output: Any) -> None:
        """A hook after it."""
        if self._path:
            self._path.pop()

    def __torch_function__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        options = kwargs or {}
        known = self._functions.get(func) if callable(func) else None
        given = args[0] if args else options.get("input")
        if known is not None and isinstance(given, Tensor) and given.is_floating_point():
            rest = {k: v for k, v in options.items() if k not in ("input", "out", "inplace")}
            # without `inplace`, which some take as the last of their positions
            places = tuple(v for v in args[1:] if not isinstance(v, bool))
            self._look(*known, given, places, rest)
        return func(*args, **options)

    def _look(
        self, name: str, function: Callable[..., Tensor], given: Tensor, args: tuple[Any, ...], options: dict[str, Any]
    ) -> None:  # fmt: skip
        code, line = _caller()
        path = self._path[-1] if self._path else "forward"
        site = self._sites.setdefault((path, name, code, line), _Site(path, name))
        try:
            slopes = _slopes(function, given, args, options)
            greatest = _greatest(function, args, tuple(sorted(options.items())))
        except (RuntimeError, TypeError):  # what is no plain tensor, as inside of vmap
            return
        if slopes.ndim:
            site.add(slopes, greatest)

    def found(self) -> list[Activation]:
        """The activations in the order of their first calls; several of a module are numbered."""
        sites = [site for site in self._sites.values() if site.entries]
        places: dict[str, list[_Site]] = {}
        for site in sites:
            places.setdefault(site.name, []).append(site)
        for same in places.values():
            for number, site in enumerate(same, 1):
                site.name += f" #{number}" if len(same) > 1 else ""
        return [site.found() for site in sites]


def _slopes(
    function: Callable[..., Tensor], given: Tensor, args: tuple[Any, ...], options: dict[str, Any]
) -> Tensor:
    """The derivative at every entry: of a function of one number it is the gradient of the sum."""
    with torch.enable_grad():
        x = given.detach().clone().requires_grad_()
        (slopes,) = torch.autograd.grad(function(x, *args, **options).sum(), x)
    return slopes


@cache
def _greatest(
    function: Callable[..., Tensor], args: tuple[Any, ...], options: tuple[tuple[str, Any], ...]
) -> float:
    """The greatest slope, from a fine row of numbers around zero where all of them have theirs."""
    row = torch.linspace(-8, 8, 3201, dtype=torch.float64)
    return float(_slopes(function, row, args, dict(options)).abs().max())


def _caller() -> tuple[CodeType | None, int]:
    """The place in the code that called, past the files of PyTorch that pass calls on."""
    frame: Any = sys._getframe(2)
    while frame is not None:
        if frame.f_code.co_filename not in _PASSED_ON:
            return frame.f_code, frame.f_lasti
        frame = frame.f_back
    return None, 0
