"""A derivation as a person sees it: lines of definitions and the derivative they give."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from backprove.calculus.derive import Derived, derive
from backprove.calculus.letters import Letters
from backprove.calculus.lines import Line, View, Writing
from backprove.model.entity import System
from backprove.notation.syntax import Derivative, Expr
from backprove.tensor.nodes import Node

if TYPE_CHECKING:
    from backprove.code import Question

__all__ = ["Derivation", "Line", "View"]


@dataclass(frozen=True, slots=True)
class Derivation(View):
    """∂of/∂by: adjoint definitions first, the derivative last.

    `str()` and `unicode` give text for a terminal, `latex` an aligned block, `mathml` a table.
    """

    derived: Derived
    left: Expr
    model: System

    @staticmethod
    def make(system: System, top: Expr, bottom: Expr, of: Node, by: Node) -> Derivation:
        """Work out a derivative and write it; raises NoDerivative."""
        derived = derive(system, of, by)
        left = Derivative(top, (bottom,), style="slash")
        view = Writing(derived, Letters(system)).view(left)
        return Derivation(view.lines, derived, left, system)

    @property
    def components(self) -> View:
        """The same by components, with the letters of the model where it has some."""
        return Writing(self.derived, Letters(self.model)).view(self.left, components=True)

    def code(
        self,
        target: str,
        batch: bool | Iterable[str] = False,
        value: bool = False,
        wrapper: str | bool = "",
    ) -> str:
        """The source of a function for "numpy", "torch" or "jax" (see `backprove.code`)."""
        return self._question().source(target, batch, value, wrapper=wrapper)

    def function(
        self,
        target: str,
        batch: bool | Iterable[str] = False,
        value: bool = False,
        wrapper: str | bool = "",
    ) -> Callable[..., Any]:
        """The function itself; the library is imported when it is asked for."""
        return self._question().function(target, batch, value, wrapper=wrapper)

    def _question(self) -> Question:
        from backprove.code import Question

        system = self.derived.system.base or self.derived.system
        return Question(system, self.derived.of, (self.derived.by,))
