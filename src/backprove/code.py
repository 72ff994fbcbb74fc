"""Derivatives as functions in NumPy, PyTorch and JAX: their source, and the callables."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from backprove.compute import emit
from backprove.compute.emit.names import identifier, member_name
from backprove.compute.emit.wrappers import SEED
from backprove.errors import BackproveError
from backprove.joint import derive_jointly
from backprove.model.entity import Entity, IndexRange, System
from backprove.tensor.build import contract, symbol
from backprove.tensor.nodes import Derivative, Node, Symbol, walk

#: what can be asked for, with the wrappers that each library has
TARGETS = {"numpy": (), "torch": ("function",), "jax": ("custom_vjp",)}
#: facts that only data have, and names that are usually given to data
DATA_FACTS = frozenset({"one-hot", "simplex", "one-hot rows", "simplex rows"})
DATA_NAMES = frozenset({"x", "y", "t", "X", "Y", "target"})

Batch = bool | Iterable[str]


@dataclass(frozen=True, slots=True)
class Question:
    """∂of/∂v for some variables, to be written as one function with one backward pass."""

    system: System
    of: Node
    variables: tuple[Node, ...]

    def program(self, batch: Batch = False, value: bool = False) -> emit.Program:
        """The intermediate program.

        `batch` names the arguments that have a leading batch axis (True: those that look like
        data, see `data_arguments`); derivatives by the others are added up over the batch.
        `value` asks for the quantity itself as well, first.
        """
        batched = self._batched(batch)
        joint = derive_jointly(self.system, self.of, self.variables)
        outputs = [self._value(joint.of, batched)] if value else []
        outputs += self._derivatives(joint.results, joint.spans, batched)
        return emit.program(joint.system, outputs, batched)

    def wrapper(self, batch: Batch = False) -> emit.Program:
        """The program of the quantity and of its derivatives by all arguments, times a seed."""
        batched = self._batched(batch)
        system = System(base=self.system)
        seed = symbol("seed", self.of.shape)
        system.add(Entity("seed", (), (), self.of.shape))
        axes = list(range(self.of.rank))
        product = contract([seed, self.of], [axes, axes], [])
        variables = tuple(
            symbol(e.name, e.shape, e.index, e.facts)
            for e in self.system.all()
            if e.body is None and self._depends(e)
        )
        joint = derive_jointly(system, product, variables)
        outputs = [self._value(self.of, batched)]
        question = Question(system, self.of, variables)
        outputs += question._derivatives(joint.results, joint.spans, batched)
        return emit.program(joint.system, outputs, [*batched, *([SEED] if batched else [])])

    def source(
        self,
        target: str,
        batch: Batch = False,
        value: bool = False,
        name: str | None = None,
        wrapper: str | bool = "",
    ) -> str:
        """The source of a module with one function, which returns the derivatives in order.

        `wrapper` asks instead for the quantity as a `torch.autograd.Function` ("function") or as
        a JAX function with a `custom_vjp`, whose derivatives by all arguments are the derived ones.
        """
        if target not in TARGETS:
            raise BackproveError(f"there is code for {', '.join(TARGETS)}, not for {target}")
        if wrapper:
            if wrapper is not True and wrapper not in TARGETS[target]:
                known = ", ".join(TARGETS[target]) or "none"
                raise BackproveError(f"the wrappers for {target}: {known}; not {wrapper}")
            return emit.wrapped(self.wrapper(batch), target, name or self.wrapped_name(target))
        made = self.program(batch, value)
        return emit.source(made, target, name or _function_name(self.of, value))

    def function(
        self,
        target: str,
        batch: Batch = False,
        value: bool = False,
        wrapper: str | bool = "",
    ) -> Callable[..., Any]:
        """The function itself (for a PyTorch wrapper its `apply`)."""
        name = self.wrapped_name(target) if wrapper else _function_name(self.of, value)
        found = compiled(self.source(target, batch, value, name, wrapper), target, name)
        return getattr(found, "apply", found) if wrapper and target == "torch" else found

    def wrapped_name(self, target: str) -> str:
        """What the quantity's own function is called."""
        name = spoken_name(self.of)
        return f"{name[:1].upper()}{name[1:]}Function" if target == "torch" else f"{name}_function"

    def data_arguments(self) -> list[str]:
        """The arguments that look like data, not like parameters.

        They are what is declared one-hot or a simplex, what has a name like x or y, and of what
        is not differentiated by, families of vectors and the members that families start from.
        """
        found: list[str] = []
        asked = {argument(v) for v in self.variables}
        for e in self.system.all():
            if e.body is not None or not self._depends(e):
                continue
            name = identifier(e.name) if e.ranges else member_name(e.name, e.index)
            kin = [k for k in self.system.named(e.name) if len(k.index) == len(e.index) > 0]
            member = any(k.ranges for k in kin) and len(e.shape) < 2
            if e.facts & DATA_FACTS or e.name in DATA_NAMES or (member and name not in asked):
                found.append(name)
        return found

    def _batched(self, batch: Batch) -> list[str]:
        if isinstance(batch, bool):
            found = self.data_arguments() if batch else []
            if batch and not found:
                raise BackproveError(
                    "no argument looks like data; name those that have a batch axis"
                )
            return found
        return [identifier(name) for name in batch]

    def _value(self, of: Node, batched: list[str]) -> emit.Output:
        return emit.Output("value", of, (), bool(batched), _spoken(self.of))

    def _derivatives(
        self,
        results: Iterable[Node],
        spans: Iterable[tuple[IndexRange, ...]],
        batched: list[str],
    ) -> list[emit.Output]:
        outputs: list[emit.Output] = []
        for variable, node, span in zip(self.variables, results, spans, strict=True):
            name, own = spoken_name(variable), argument(variable)
            spoken = f"derivative of {_spoken(self.of)} by {name}"
            open_ = tuple(
                r for r in span if isinstance(variable, Symbol) and r.name in variable.free
            )
            outputs.append(emit.Output(f"d_{own}", node, open_, own in batched, spoken, own))
        return outputs

    def _depends(self, entity: Entity) -> bool:
        """Whether the quantity depends on a declared name."""
        seen: set[tuple[str, int]] = set()
        pending = [self.of]
        while pending:
            for part in walk(pending.pop()):
                if isinstance(part, Symbol):
                    key = (part.name, len(part.index))
                    if key == (entity.name, len(entity.index)):
                        return True
                    if key not in seen:
                        seen.add(key)
                        kin = [e for e in self.system.named(part.name) if len(e.index) == key[1]]
                        pending += [e.body for e in kin if e.body is not None]
        return False


def spoken_name(node: Node) -> str:
    """A quantity's name as an identifier; an expression has none of its own."""
    return member_name(node.name, node.index) if isinstance(node, Symbol) else "quantity"


def _spoken(node: Node) -> str:
    """A quantity in words, for a docstring."""
    if isinstance(node, Derivative):
        return f"the derivative of {_spoken(node.of)} by {_spoken(node.by)}"
    return spoken_name(node) if isinstance(node, Symbol) else "the quantity"


def argument(node: Node) -> str:
    """The argument that holds a variable: the family where it has an open index."""
    if isinstance(node, Symbol) and any(w.constant is None for w in node.index):
        return identifier(node.name)
    return spoken_name(node)


def compiled(source: str, target: str, name: str) -> Callable[..., Any]:
    """A function from its emitted source, which is made from expression trees alone."""
    if target != "numpy" and importlib.util.find_spec(target) is None:
        raise BackproveError(
            f"{target} is not installed; pip install 'backprove[{target}]' brings it"
        )
    space: dict[str, Any] = {"__name__": f"backprove.emitted.{target}"}
    exec(compile(source, f"<backprove {target}>", "exec"), space)
    return space[name]


def _function_name(of: Node, value: bool) -> str:
    kind = "jacobian" if of.rank else "gradient"
    if isinstance(of, Derivative) and not of.of.rank:
        kind = "hessian"
    return f"value_and_{kind}" if value else kind
