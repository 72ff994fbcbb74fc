"""Derivatives as functions in NumPy, PyTorch and JAX: their source, and the callables."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from backprove.compute import emit
from backprove.compute.emit.names import identifier, member_name
from backprove.errors import BackproveError
from backprove.joint import derive_jointly
from backprove.model.entity import System
from backprove.tensor.nodes import Node, Symbol

TARGETS = ("numpy", "torch", "jax")


@dataclass(frozen=True, slots=True)
class Question:
    """∂of/∂v for some variables, to be written as one function."""

    system: System
    of: Node
    variables: tuple[Node, ...]

    def program(
        self, batch: Iterable[str] = (), value: bool = False, gradients: bool = True
    ) -> emit.Program:
        """The intermediate program; `batch` names the arguments with a leading batch axis."""
        batched = [identifier(name) for name in batch]
        joint = derive_jointly(self.system, self.of, self.variables if gradients else ())
        outputs: list[emit.Output] = []
        if value:
            outputs.append(emit.Output("value", joint.of, (), bool(batched), spoken_name(self.of)))
        for variable, node, spans in zip(self.variables, joint.results, joint.spans, strict=False):
            name = spoken_name(variable)
            spoken = f"Derivative of {spoken_name(self.of)} by {name}"
            own = argument(variable) in batched
            outputs.append(emit.Output(f"d_{name}", node, spans, own, spoken))
        return emit.program(joint.system, outputs, batched)

    def source(
        self, target: str, batch: Iterable[str] = (), value: bool = False, name: str | None = None
    ) -> str:
        """The source of a module with one function, which returns all derivatives in order."""
        if target not in TARGETS:
            raise BackproveError(f"there is code for {', '.join(TARGETS)}, not for {target}")
        made = self.program(batch, value)
        return emit.source(made, target, name or ("value_and_gradient" if value else "gradient"))

    def function(self, target: str, batch: Iterable[str] = (), value: bool = False) -> Callable[..., Any]:
        """The function itself."""
        return compiled(self.source(target, batch, value, "gradient"), target, "gradient")


def spoken_name(node: Node) -> str:
    """A quantity's name as an identifier; an expression has none of its own."""
    return member_name(node.name, node.index) if isinstance(node, Symbol) else "expression"


def argument(node: Node) -> str:
    """The argument that holds a variable: the family where it has an open index."""
    if isinstance(node, Symbol) and any(w.constant is None for w in node.index):
        return identifier(node.name)
    return spoken_name(node)


def compiled(source: str, target: str, name: str) -> Callable[..., Any]:
    """A function from its emitted source, which is made from expression trees alone."""
    require(target)
    space: dict[str, Any] = {"__name__": f"backprove.emitted.{target}"}
    exec(compile(source, f"<backprove {target}>", "exec"), space)
    return space[name]


def require(target: str) -> None:
    """Raise a helpful error where the library is not installed."""
    import importlib.util

    if target != "numpy" and importlib.util.find_spec(target) is None:
        raise BackproveError(
            f"{target} is not installed; pip install 'backprove[{target}]' brings it"
        )


__all__ = ["Question", "compiled", "require"]
