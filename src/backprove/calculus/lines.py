"""Lines of written mathematics: equations with the steps for which they hold, and how they show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from html import escape

from backprove.calculus.convolution import called
from backprove.calculus.letters import Axes, Letters, at_ones
from backprove.calculus.pullback import NoDerivative
from backprove.calculus.ranges import settled
from backprove.calculus.simplify import Simplifier
from backprove.calculus.structure import structure
from backprove.calculus.tidy import Derived
from backprove.model.entity import Entity, IndexRange, member
from backprove.model.write import NoMatrixForm, written, written_components
from backprove.model.write_syntax import written_index
from backprove.notation.latex import to_latex
from backprove.notation.mathml import to_mathml
from backprove.notation.syntax import Expr, Index, Name, Number, Relation
from backprove.notation.unicode import to_unicode
from backprove.tensor.build import add, stack, symbol
from backprove.tensor.nodes import Add, Build, Fold, Node, Scatter, Symbol, walk
from backprove.tensor.whole import ONE, Whole

#: an array of zeros but for one place is written out up to this length
SHORT_ARRAY = 6


@dataclass(frozen=True, slots=True)
class Line:
    """One line: an equation and, for a family, the steps for which it holds.

    Beside a derivative stands what it is called: a convolution, a Kronecker product.
    """

    equation: Relation
    steps: str = ""
    steps_latex: str = ""


#: longer lines do not move the column of the steps further out
COLUMN = 100


@dataclass(frozen=True, slots=True)
class View:
    """Lines of mathematics that show themselves in text, LaTeX, MathML and notebooks."""

    lines: tuple[Line, ...]

    @property
    def unicode(self) -> str:
        """The lines as text; the steps of families stand in a column of their own."""
        shown = [to_unicode(line.equation) for line in self.lines]
        width = max((len(text) for text in shown if len(text) <= COLUMN), default=0)
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

    @property
    def mathml(self) -> str:
        """The lines as a MathML table; the steps of families in a column of their own."""
        rows = [
            f'<mtr><mtd columnalign="left">{_inner(to_mathml(line.equation))}</mtd>'
            f'<mtd columnalign="left"><mtext>{escape(line.steps)}</mtext></mtd></mtr>'
            for line in self.lines
        ]
        table = f'<mtable displaystyle="true" columnspacing="2em">{"".join(rows)}</mtable>'
        return f'<math xmlns="http://www.w3.org/1998/Math/MathML" display="block">{table}</math>'

    def __str__(self) -> str:
        return self.unicode

    def _repr_latex_(self) -> str:
        return f"$${self.latex}$$"

    def _repr_html_(self) -> str:
        return self.mathml


def _inner(mathml: str) -> str:
    """The content of a <math> element."""
    start, end = mathml.find(">") + 1, mathml.rfind("</math>")
    return f"<mrow>{mathml[start:end]}</mrow>" if mathml.startswith("<math") else mathml


# --- equations ------------------------------------------------------------------------------------


def equation(
    left: Expr, node: Node, axes: Axes, simplify: Simplifier, components: bool = False
) -> Relation:
    """`left = node` as matrices, or by components where that has no such form or is asked for.

    Raises NoDerivative where neither can be written.
    """
    return _with_words(left, node, axes, simplify, components)[0]


def _with_words(
    left: Expr, node: Node, axes: Axes, simplify: Simplifier, components: bool, rank: int = 0
) -> tuple[Relation, str]:
    """An equation, and what its right-hand side is: a convolution, a Kronecker product.

    The first `rank` axes are those of what is differentiated.
    """
    node = _gathered(node)
    if not components and not _by_entries(node):
        try:
            return Relation((left, written(node)), ("=",)), ""
        except NoMatrixForm:
            pass
    entry, letters = at_ones(node, axes)
    ranges = tuple(IndexRange(a, ONE, size) for a, size in zip(letters, entry.shape, strict=True))

    shown: list[Node] = []

    def short(part: Node) -> Node:
        shown.append(settled(simplify(settled(part, ranges)), ranges))
        return shown[-1]

    places = tuple(Name(a) if isinstance(a, str) else written_index(a) for a in axes)
    place = Index(left, places, bracket=True) if places else left
    try:
        right = written_components(entry, letters, shorten=short)
        words = called(shown[-1], letters)
        if not words and len(letters) == len(axes):
            words = structure(shown[-1], letters, node.shape, rank, simplify)
        return Relation((place, right), ("=",)), words
    except NoMatrixForm as error:
        raise NoDerivative(f"the derivative is known but has no written form: {error}") from None


def _by_entries(node: Node) -> bool:
    """Whether an array is given by its entries, so that writing it out as a list would hide it."""
    if not node.shape:
        return False
    for part in walk(node):
        if isinstance(part, Scatter):
            if not _is_unit(part):
                return True
        elif (isinstance(part, Build) and not _is_family(part)) or (
            isinstance(part, Fold)
            and part.rank
            and any(isinstance(n, Scatter) for n in walk(part.body))
        ):
            return True
    return False


def _is_unit(node: Scatter) -> bool:
    """A short vector of zeros but for one place, such as [0, 1, 0]."""
    length = node.shape[0].constant
    known = node.rank == 1 and isinstance(length, int) and length <= SHORT_ARRAY
    return known and node.at[0] is not None and node.at[0].constant is not None


def _gathered(node: Node) -> Node:
    """A sum of vectors with one entry each, such as [a, 0] + [0, b], as one vector."""
    if not (isinstance(node, Add) and node.terms) or not all(
        isinstance(n, Scatter) and _is_unit(n) for n in node.children
    ):
        return node
    entries: dict[Whole, list[tuple[Fraction, Node]]] = {}
    for c, n in node.terms:
        if isinstance(n, Scatter) and n.at[0] is not None:
            entries.setdefault(n.at[0], []).append((c, n.arg))
    places = map(Whole.of, range(1, int(node.shape[0].constant or 0) + 1))
    return stack([add(entries.get(place, []), ()) for place in places])


def _is_family(node: Build) -> bool:
    places = tuple(Whole.of(i) for i in node.indices)
    return isinstance(node.body, Symbol) and node.body.index == places


class Writing:
    """Writes the lines of one derivation, with the letters of its model."""

    def __init__(self, derived: Derived, letters: Letters) -> None:
        self.derived = derived
        self.letters = letters
        self.simplify = derived.simplify

    def view(self, left: Expr, components: bool = False) -> View:
        """The adjoint definitions, and the derivative under its name as it was asked for."""
        derived = self.derived
        lines = [self.line(entity, components) for entity in derived.lines]
        lines += _border_lines(derived)
        lines.append(self.result(left, derived.result, components))
        return View(tuple(lines))

    def result(self, left: Expr, node: Node, components: bool = False) -> Line:
        """The last line: the derivative asked for."""
        derived = self.derived
        axes = self.letters.axes((derived.of, derived.by), node.free)
        shown, words = _with_words(left, node, axes, self.simplify, components, derived.of.rank)
        return Line(shown, words, rf"\text{{{words}}}" if words else "")

    def line(self, entity: Entity, components: bool = False) -> Line:
        """The line of an adjoint definition."""
        assert entity.body is not None
        own = member(entity)
        axes = self._adjoint_axes(entity)
        shown = equation(written(own), entity.body, axes, self.simplify, components)
        if not entity.ranges:
            return Line(shown)
        r = entity.ranges[0]
        ahead = _steps_ahead(entity)
        bounds = [b for b in (r.low, r.high) if b is not None]
        if len(entity.ranges) > 1 or len(bounds) < 2 or not ahead:
            return Line(shown, *_plain(entity.ranges))
        edge = bounds[1] + 1 if ahead > 0 else bounds[0] - 1
        first, last = (bounds[1], bounds[0]) if ahead > 0 else (bounds[0], bounds[1])
        text, latex = (
            f"{r.name} = {_u(first)}..{_u(last)}",
            rf"{r.name} = {_l(first)}, \dots, {_l(last)}",
        )
        if self._has_border(entity):
            border = written(symbol(entity.name, entity.shape, [edge]))
            text += f",  {to_unicode(border)} = 0"
            latex += rf", \quad {to_latex(border)} = 0"
        return Line(shown, text, latex)

    def _has_border(self, entity: Entity) -> bool:
        """Whether the members beyond a family are zero, and not given by a line of their own."""
        return not any(e is not entity and e.name == entity.name for e in self.derived.lines)

    def _adjoint_axes(self, entity: Entity) -> Axes:
        """The letters of an adjoint: those of the quantity, then of the name that it belongs to."""
        owner = self.derived.owners.get(entity.name)
        of = self.derived.inner.get(entity.name, self.derived.of)
        lead = entity.shape[: of.rank]
        own = entity.shape[len(lead) :]
        assert entity.body is not None
        parts = (symbol(_name(of), lead), symbol(owner or "", own))
        return self.letters.axes(parts, entity.body.free)


def _name(node: Node) -> str:
    return node.name if isinstance(node, Symbol) else ""


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


def _plain(ranges: Sequence[IndexRange]) -> tuple[str, str]:
    text: list[str] = []
    latex: list[str] = []
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
        if isinstance(node, Fold):  # to all later members
            gap, letter = (node.low - own).constant, (Whole.of(node.index),)
            inside = {(n.name, n.index) for n in walk(node.body) if isinstance(n, Symbol)}
            if isinstance(gap, int) and (entity.name, letter) in inside:
                return max(gap, 0)
    return 0


def _u(whole: Whole) -> str:
    return to_unicode(written_index(whole))


def _l(whole: Whole) -> str:
    return to_latex(written_index(whole))
