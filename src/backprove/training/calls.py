"""Which activation functions a forward pass calls, as modules or as functions, and their slopes there.

`torch.overrides.TorchFunctionMode` sees every call of PyTorch's Python functions, so that
`torch.tanh(x)` in a `forward` counts as `nn.Tanh()` does. Slopes are PyTorch's own derivatives at the
inputs, so that no function's formula is written down twice.
"""

# PyTorch is not installed where types are checked, and types itself in part only
# pyright: basic, reportMissingImports=false

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import CodeType
from typing import Any

import torch
from torch import Tensor, nn
from torch._C import _len_torch_function_stack
from torch._C._functorch import is_functorch_wrapped_tensor
from torch.autograd.graph import saved_tensors_hooks
from torch.overrides import TorchFunctionMode, _pop_mode, _push_mode

from backprove.training import SATURATED
from backprove.training.hooks import Hook

#: functions of one number that have flat parts; a trailing underscore is the same in place
NAMES = ("tanh", "sigmoid", "relu", "relu6", "hardtanh", "hardsigmoid", "softsign", "elu", "celu", "selu",
         "gelu", "silu", "hardswish", "mish", "softplus", "logsigmoid")  # fmt: skip
#: those whose units can be dead: flat, whatever comes in
RECTIFIERS = ("relu", "relu6")
#: those that are flat at both ends, where no gradient passes
BOUNDED = ("tanh", "sigmoid", "hardtanh", "hardsigmoid", "softsign")
#: files of PyTorch in which a call is passed on, and none is written down
_TORCH = Path(torch.__file__).parent
_PASSED_ON = {
    str(_TORCH / name)
    for name in ("overrides.py", "_tensor.py", "_jit_internal.py", "nn/functional.py",
                 "nn/modules/activation.py", "nn/modules/module.py")
} | {__file__}  # fmt: skip


@cache
def _functions(names: tuple[str, ...]) -> dict[Any, tuple[str, Callable[..., Tensor]]]:
    """Every spelling of activations, with the name and the function that leaves its input alone."""
    found: dict[Any, tuple[str, Callable[..., Tensor]]] = {}
    for name in names:
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
class Site:
    """A place in the code where an activation is called, over all of its calls.

    What it counts stays on the device, so that no call waits for it.
    """

    name: str
    function: str
    entries: int = 0
    _flat: Tensor | None = None
    #: units that were flat for every example so far, by the axis that they lie along and their number
    _off: dict[tuple[int, int], Tensor] = field(default_factory=dict)

    def add(self, slopes: Tensor, greatest: float) -> None:
        """Count the units of a call, by the absolute slopes at them."""
        flat = (slopes < SATURATED * greatest).sum()
        self._flat = flat if self._flat is None else self._flat + flat.to(self._flat.device)
        self.entries += slopes.numel()
        # what is never exactly flat (tanh but for rounding) is saturated, not dead
        if self.function not in RECTIFIERS or slopes.ndim < 2:
            return
        # channels of a convolution lie along the second axis, features of a sequence along the last;
        # along the wrong one are places, which are never flat for all channels unless all are
        for axis in sorted({1, slopes.ndim - 1}):
            off = slopes.amax(dim=[k for k in range(slopes.ndim) if k != axis]) == 0
            known = self._off.get((axis, len(off)))
            self._off[axis, len(off)] = off if known is None else known & off.to(known.device)

    @property
    def saturated(self) -> Tensor:
        """The share of all units and calls with less than `SATURATED` of the greatest slope."""
        assert self._flat is not None
        return self._flat.float() / max(self.entries, 1)

    @property
    def dead(self) -> Tensor | None:
        """The share of units of a rectifier that were flat for every example; None of the others."""
        shares = [off.float().mean() for off in self._off.values() if len(off)]
        return torch.stack(shares).amax() if shares else None


class Calls(TorchFunctionMode):
    """While it is entered, the calls of activation functions are looked at; nothing is changed.

    It is entered by `with`, or, attached to a module, while a forward pass of it or of a part goes
    on that gradients may follow. `functions` are looked at, and of a call about `most` entries.
    """

    def __init__(self, functions: tuple[str, ...] = NAMES, most: int | None = None) -> None:
        super().__init__()
        self._most = most
        self._functions = _functions(functions)
        self._sites: dict[tuple[str, str, CodeType | None, int], Site] = {}
        self._names: dict[nn.Module, str] = {}
        self._handles: list[Any] = []
        #: modules whose forward pass goes on, and whether calls in them are looked at
        self._path: list[tuple[nn.Module, bool]] = []
        self._thread: int | None = None
        self._entered = False

    def attach(self, model: nn.Module) -> None:
        """Follow the forward passes of a model and of its parts, until `detach`.

        Nothing is followed where a part is compiled: a mode would have it compiled once more.
        """
        modules = dict(model.named_modules())
        if any(hasattr(m, "_orig_mod") or m._compiled_call_impl for m in modules.values()):
            return
        for path, module in modules.items():
            if isinstance(module, torch.jit.ScriptModule) or _calls_none(module):
                continue
            self._names[module] = path or type(module).__name__
            self._handles += [
                module.register_forward_pre_hook(Hook(self._enter)),
                # also after an exception, or the mode would stay
                module.register_forward_hook(Hook(self._leave), always_call=True),
            ]

    def detach(self) -> None:
        """Follow no more, even if a forward pass was broken off (Ctrl-C calls no hooks)."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        if self._thread == threading.get_ident():
            self._path.clear()
            self._look_at(False)

    def _enter(self, module: nn.Module, _arguments: Any) -> None:
        """Before a module's forward pass: calls are that module's from here on."""
        if torch.compiler.is_compiling():
            return
        # parts may be called without the whole, and replicas in threads, of which one is enough
        self._thread = self._thread or threading.get_ident()
        if self._thread != threading.get_ident():
            return
        within = self._path[-1][1] if self._path else torch.is_grad_enabled()
        self._path.append((module, within and not _has_fast_path(module)))
        self._look_at(self._path[-1][1])

    def _leave(self, module: nn.Module, _arguments: Any, _output: Any) -> None:
        """After it, or after an exception in it."""
        if torch.compiler.is_compiling() or self._thread != threading.get_ident():
            return
        for place in reversed(range(len(self._path))):
            if self._path[place][0] is module:
                del self._path[place:]
                break
        self._look_at(bool(self._path) and self._path[-1][1])

    def _look_at(self, wanted: bool) -> None:
        """Enter or leave the mode; others may have been entered since, and stay."""
        if wanted == self._entered:
            return
        self._entered = wanted
        if wanted:
            _push_mode(self)
            return
        above: list[Any] = []
        while _len_torch_function_stack():
            mode = _pop_mode()
            if mode is self:
                break
            above.append(mode)
        for mode in reversed(above):
            _push_mode(mode)

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
        # what a transformation such as vmap wraps must not outlive it
        if not given.ndim or not given.numel() or is_functorch_wrapped_tensor(given):
            return
        code, line = _caller()
        path = self._names[self._path[-1][0]] if self._path else "forward"
        if self._most is not None:
            given = thinned(given, self._most)
        try:
            slopes = _slopes(function, given, args, options).abs()
            greatest = _greatest(function, args, tuple(sorted(options.items())))
            self._sites.setdefault((path, name, code, line), Site(path, name)).add(slopes, greatest)
        except (RuntimeError, TypeError):  # what is no plain tensor, or no memory is left
            return

    def sites(self) -> list[Site]:
        """The activations in the order of their first calls; several of a module are numbered."""
        places: dict[str, list[Site]] = {}
        for site in self._sites.values():
            if site.entries:
                places.setdefault(site.name, []).append(site)
        for same in places.values():
            for number, site in enumerate(same, 1):
                site.name += f" #{number}" if len(same) > 1 else ""
        return [site for site in self._sites.values() if site.entries]


def thinned(values: Tensor, most: int) -> Tensor:
    """Evenly chosen examples of a large activation: whole rows, so that units stay together."""
    if values.numel() <= most or values.ndim < 2:
        return values
    return values[:: -(-values.numel() // most)]


def _calls_none(module: nn.Module) -> bool:
    """Whether it is one of PyTorch's layers that call no activation function from Python."""
    home = type(module).__module__
    return (
        home.startswith("torch.nn.modules.")
        and home != "torch.nn.modules.activation"
        and not module._modules
    )


def _has_fast_path(module: nn.Module) -> bool:
    """Whether a module may take another way than in training, which it leaves under a mode."""
    return (
        isinstance(
            module, nn.TransformerEncoder | nn.TransformerEncoderLayer | nn.MultiheadAttention
        )
        and not module.training
        and not all(p.requires_grad for p in module.parameters())
    )


def _same(kept: Tensor) -> Tensor:
    return kept


def _slopes(
    function: Callable[..., Tensor], given: Tensor, args: tuple[Any, ...], options: dict[str, Any]
) -> Tensor:
    """The derivative at every entry: of a function of one number they are what comes back of ones."""
    # with hooks of its own for what autograd keeps: those of checkpoints count what passes
    with torch.enable_grad(), saved_tensors_hooks(_same, _same):
        x = given.detach().requires_grad_()
        y = function(x, *args, **options)
        (slopes,) = torch.autograd.grad(y, x, torch.ones_like(y))
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
