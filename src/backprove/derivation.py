"""A derivation as a person sees it: lines of definitions and the derivative they give."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from backprove.calculus.derive import Derived, derive
from backprove.calculus.letters import Letters
from backprove.calculus.lines import Line, View, Writing
from backprove.calculus.pullback import NoDerivative
from backprove.calculus.steps import Step, Steps, Telling
from backprove.calculus.unroll import closed, unrolled
from backprove.model.entity import System
from backprove.model.write import written
from backprove.notation.syntax import Derivative, Expr, Relation
from backprove.tensor.nodes import Node

if TYPE_CHECKING:
    from backprove.code import Question

__all__ = ["Derivation", "Line", "Step", "Steps", "View"]


@dataclass(frozen=True, slots=True)
class Derivation(View):
    """∂of/∂by: adjoint definitions first, the derivative last.

    `str()` and `unicode` give text for a terminal, `latex` an aligned block, `mathml` a table.
    """

    derived: Derived
    left: Derivative
    model: System

    @staticmethod
    def make(
        system: System, top: Expr, bottom: Expr, of: Node, by: Node, mode: str = "total"
    ) -> Derivation:
        """Work out a derivative and write it; raises NoDerivative."""
        derived = derive(system, of, by, mode)
        left = Derivative(top, (bottom,), immediate=mode != "total", style="slash")
        view = Writing(derived, Letters(system)).view(left)
        return Derivation(view.lines, derived, left, system)

    @property
    def components(self) -> View:
        """The same by components, with the letters of the model where it has some."""
        return Writing(self.derived, Letters(self.model)).view(self.left, components=True)

    def unrolled(self, steps: int | None = None) -> View:
        """The same with a line for every member of every family.

        `steps` is the number of steps where the model leaves it open. Raises NoDerivative where it
        is not known or too large to write out.
        """
        sizes = dict(self.model.fixed())
        if steps is not None:
            open_ = {
                name
                for e in self.model.all()
                for r in e.ranges
                for bound in (r.low, r.high)
                if bound is not None
                for name in bound.names - {other.name for other in e.ranges}
            }
            if len(open_) > 1:
                named = ", ".join(sorted(open_))
                raise NoDerivative(f"{steps} steps of what? The model leaves open {named}")
            if open_:
                sizes[open_.pop()] = steps
            elif steps not in (lengths := self._lengths()):
                shown = " and ".join(map(str, lengths)) or "no"
                raise NoDerivative(f"the model has {shown} steps, not {steps}")
        return self._written(unrolled(self.derived, sizes))

    def _lengths(self) -> list[int]:
        """The numbers of steps of the families whose range is known."""
        spans = (r.high - r.low for e in self.model.all() for r in e.ranges if r.low and r.high)
        return sorted({int(w.constant) + 1 for w in spans if w.constant is not None})

    @property
    def closed(self) -> View:
        """One closed expression; raises NoDerivative where a recurrence stands in its way.

        A state by an earlier one is a product of Jacobians, and a line says what these are.
        """
        terms, derived = closed(self.derived)
        writing = Writing(derived, Letters(self.model))
        lines = [Line(Relation((written(a), written(b)), ("=",))) for a, b in terms]
        return View((*lines, *writing.view(self.left).lines))

    @property
    def steps(self) -> Steps:
        """Step by step: which rule was used on which line, in words."""
        return Telling(Writing(self.derived, Letters(self.model))).steps(self.left)

    def _written(self, derived: Derived) -> View:
        return Writing(derived, Letters(self.model)).view(self.left)

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

        if self.left.immediate:
            raise NoDerivative("there is code for total derivatives only")
        system = self.derived.system.base or self.derived.system
        return Question(system, self.derived.of, (self.derived.by,))
