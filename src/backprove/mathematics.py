"""The public face: a model that one can derive from and check against."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from backprove.errors import BackproveError
from backprove.model.entity import System
from backprove.model.meaning import meaning
from backprove.model.scope import Scope
from backprove.model.text import point, read_model
from backprove.model.value import NoMeaning, Value
from backprove.notation import ReadError, read_expression
from backprove.notation.syntax import Expr

if TYPE_CHECKING:
    from backprove.code import Question
    from backprove.derivation import Derivation
    from backprove.judge.verdict import Verdict
    from backprove.judge.world import World


class Model:
    """A model in the notation: declarations and definitions, one per line.

    `Model(text)` raises `ModelError` with the line, a caret and the shapes where the text has no
    meaning.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.system: System = read_model(text)
        self._world: World | None = None

    @classmethod
    def load(cls, name: str, **sizes: int) -> Model:
        """A shipped model, such as `Model.load("lstm", T=3)`, with numbers for some sizes.

        Raises `BackproveError` where there is none of this name; `backprove.models.names()` lists
        them.
        """
        from backprove.models import text

        return cls(text(name, **sizes))

    @property
    def world(self) -> World:
        """The sizes and random points at which claims about this model are tried."""
        if self._world is None:
            from backprove.judge.world import World

            self._world = World(self.system)
        return self._world

    def derive(self, of: str, by: str, immediate: bool = False) -> Derivation:
        """∂of/∂by, as definitions in the model's own letters; both may be expressions.

        With `immediate` it is ∂⁺of/∂by: members of families at other steps are held fixed.
        Raises `BackproveError` where one of them has no meaning or the derivative does not exist.
        """
        from backprove.derivation import Derivation

        top, quantity = self._expression(of)
        bottom, variable = self._expression(by)
        mode = "immediate" if immediate else "total"
        return Derivation.make(self.system, top, bottom, quantity.node, variable.node, mode)

    def derivatives(self, of: str, by: Iterable[str]) -> Question:
        """∂of/∂v for several variables v, as one function's source or the function itself.

        Raises `BackproveError` where a name has no meaning.
        """
        from backprove.code import Question

        variables = tuple(self._expression(text)[1].node for text in by)
        return Question(self.system, self._expression(of)[1].node, variables)

    def check(self, claim: str) -> Verdict:
        """The verdict on a record of one or more lines; never raises for what a user wrote."""
        from backprove.judge.session import Session
        from backprove.judge.verdict import Kind, Verdict

        verdict = Session(self.world).check(claim)
        return verdict or Verdict(
            Kind.UNREADABLE, claim, "this only gives names a meaning: there is nothing to judge"
        )

    def _expression(self, text: str) -> tuple[Expr, Value]:
        """An expression about this model; unknown index letters are open."""
        try:
            expr = read_expression(text, self.system.names())
            return expr, meaning(expr, Scope(self.system, open=True))
        except (ReadError, NoMeaning) as error:
            raise BackproveError(point(text, 1, error.message, error.span)) from None

    def _repr_html_(self) -> str:
        from html import escape

        return f"<pre>{escape(self.text)}</pre>"
