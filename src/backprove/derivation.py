"""A derivation as a person sees it: lines of definitions and the derivative they give."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from backprove.calculus.derive import Derived, derive
from backprove.model.entity import Entity, IndexRange, System, member
from backprove.model.write import NoMatrixForm, written, written_components
from backprove.model.write_syntax import written_index
from backprove.notation.latex import to_latex
from backprove.notation.syntax import Derivative, Expr, Index, Name, Number, Relation
from backprove.notation.unicode import to_unicode
from backprove.tensor.build import symbol
from backprove.tensor.nodes import Node, Symbol, walk
from backprove.tensor.whole import Whole

if TYPE_CHECKING:
    from backprove.code import Question

LETTERS = "ijklpqrsuvab"


@dataclass(frozen=True, slots=True)
class Line:
    """One line: an equation and, for a family, the steps for which it holds."""

    equation: Relation
    steps: str = ""
    steps_latex: str = ""


@dataclass(frozen=True, slots=True)
class Derivation:
    """∂of/∂by: adjoint definitions first, the derivative last.

    `str()` and `unicode` give text for a terminal, `latex` an aligned block.
    """

    derived: Derived
    lines: tuple[Line, ...]

    @staticmethod
    def make(system: System, top: Expr, bottom: Expr, of: Node, by: Node) -> Derivation:
        """Work out a derivative and write it; raises NoDerivative."""
        derived = derive(system, of, by)
        lines = [_adjoint_line(entity) for entity in derived.lines]
        lines = [*_border_lines(derived), *lines]
        left = Derivative(top, (bottom,), style="slash")
        lines.append(Line(_equation(left, derived.result)))
        return Derivation(derived, tuple(lines))

    @property
    def unicode(self) -> str:
        """The lines as text; the steps of families stand in a column of their own."""
        shown = [to_unicode(line.equation) for line in self.lines]
        width = max(len(text) for text in shown)
        return "\n".join(
            f"{text:<{width}}    {line.steps}" if line.steps else text
            for text, line in zip(shown, self.lines, strict=True)
        )

    @property
    def latex(self) -> str:
        """The lines as LaTeX, to stand in a display."""
        rows = [
            to_latex(line.equation).replace(" = ", " &= ", 1)
            + (rf" && {line.steps_latex}" if line.steps_latex else "")
            for line in self.lines
        ]
        return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"

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

    def __str__(self) -> str:
        return self.unicode

    def _repr_latex_(self) -> str:
        return f"$${self.latex}$$"


def _equation(left: Expr, node: Node) -> Relation:
    """`left = node` as matrices, or by components where that has no such form."""
    try:
        return Relation((left, written(node)), ("=",))
    except NoMatrixForm:
        taken = {name for part in walk(node) for name in part.free}
        letters = [x for x in LETTERS if x not in taken][: node.rank]
        place = Index(left, tuple(Name(x) for x in letters), bracket=True)
        return Relation((place, written_components(node, letters)), ("=",))


def _adjoint_line(entity: Entity) -> Line:
    assert entity.body is not None
    own = member(entity)
    equation = _equation(written(own), entity.body)
    if not entity.ranges:
        return Line(equation)
    r = entity.ranges[0]
    ahead = _steps_ahead(entity)
    bounds = [b for b in (r.low, r.high) if b is not None]
    if len(entity.ranges) > 1 or len(bounds) < 2 or not ahead:
        return Line(equation, *_plain(entity.ranges))
    edge = bounds[1] + 1 if ahead > 0 else bounds[0] - 1
    first, last = (bounds[1], bounds[0]) if ahead > 0 else (bounds[0], bounds[1])
    border = written(symbol(entity.name, entity.shape, [edge]))
    return Line(
        equation,
        f"{r.name} = {_u(first)}..{_u(last)},  {to_unicode(border)} = 0",
        rf"{r.name} = {_l(first)}, \dots, {_l(last)}, \quad {to_latex(border)} = 0",
    )


def _border_lines(derived: Derived) -> list[Line]:
    """Adjoints that are used and have no line of their own: members beyond the last are zero."""
    names = {entity.name for entity in derived.lines}
    given = {(e.name, e.index) for e in derived.lines if not e.ranges}
    ruled = {e.name for e in derived.lines if e.ranges}
    bodies = [e.body for e in derived.lines if e.body is not None]
    used = dict.fromkeys(
        part
        for part in walk(*bodies, derived.result)
        if isinstance(part, Symbol) and part.name in names - ruled
    )
    return [
        Line(Relation((written(part), Number(Fraction(0), "0")), ("=",)))
        for part in used
        if (part.name, part.index) not in given and all(w.constant is not None for w in part.index)
    ]


def _plain(ranges: tuple[IndexRange, ...]) -> tuple[str, str]:
    text, latex = [], []
    for r in ranges:
        if r.low is not None and r.high is not None:
            text.append(f"{r.name} = {_u(r.low)}..{_u(r.high)}")
            latex.append(rf"{r.name} = {_l(r.low)}, \dots, {_l(r.high)}")
    return ", ".join(text), r", \; ".join(latex)


def _steps_ahead(entity: Entity) -> int:
    """How far ahead (or behind, negative) a definition looks in its own family; 0 for not at all."""
    assert entity.body is not None
    own = entity.index[0]
    for node in walk(entity.body):
        if isinstance(node, Symbol) and node.name == entity.name and len(node.index) == 1:
            gap = (node.index[0] - own).constant
            if isinstance(gap, int) and gap:
                return gap
    return 0


def _u(whole: Whole) -> str:
    return to_unicode(written_index(whole))


def _l(whole: Whole) -> str:
    return to_latex(written_index(whole))
