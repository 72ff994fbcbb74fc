"""From typed expressions back to written mathematics, as a careful person writes it on paper.

`written` gives syntax that means the same when it is read again (`meaning.meaning`); the writers
in `notation` make LaTeX or Unicode of it. An array that no product of matrices gives raises
`NoMatrixForm`; `written_components` writes the entry at some indices instead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

from backprove.model.entity import IndexRange
from backprove.model.write_cases import COMPARISONS, cases, compared, conditioned, joined
from backprove.model.write_entry import Place, entry, shallow
from backprove.model.write_kinds import (
    is_condition,
    is_small,
    kronecker,
    open_axes,
    open_labels,
    spread_out,
    uniform,
)
from backprove.model.write_product import inverted, written_product
from backprove.model.write_syntax import (
    ONES,
    Letters,
    NoMatrixForm,
    juxtapose,
    number,
    raised,
    signed,
    transposed,
    written_index,
    written_name,
)
from backprove.notation.syntax import (
    Array,
    Big,
    Binder,
    Call,
    Cases,
    Expr,
    Index,
    Name,
    Number,
    Power,
    Product,
    Transpose,
)
from backprove.notation.syntax import Derivative as WrittenDerivative
from backprove.notation.syntax import Stack as WrittenStack
from backprove.tensor import nodes
from backprove.tensor.build import (
    UNIT,
    broadcast,
    fold,
    is_zero,
    literal,
    scale,
    select,
    split_coefficient,
    substitute,
    where,
)
from backprove.tensor.nodes import Contract, Node, Symbol, walk
from backprove.tensor.whole import ONE, Whole, WholeLike


def written(node: Node, letters: Letters | None = None) -> Expr:
    """The syntax of an expression; raises NoMatrixForm."""
    return _writer(node, letters).write(node)


def written_components(
    node: Node,
    indices: Sequence[WholeLike],
    letters: Letters | None = None,
    shorten: Callable[[Node], Node] | None = None,
    known: Sequence[IndexRange] = (),
) -> Expr:
    """The syntax of the entry of an array at these index letters or numbers, one for each axis.

    `shorten` may put the entry in another form before it is written. Of other letters the range
    may be `known`.
    """
    pairs = zip(indices, node.shape, strict=True)
    ranges = {r.name: (r.low, r.high) for r in known if r.low is not None and r.high is not None}
    ranges |= {i: (ONE, size) for i, size in pairs if isinstance(i, str)}
    writer = replace(_writer(node, letters), bound=ranges)
    entry = writer.entry(node, [Whole.of(i) for i in indices])
    entry = entry if shorten is None else shorten(entry)
    coefficient, rest = split_coefficient(entry)
    holds, then = conditioned(rest)
    if coefficient == 1 or not holds:
        return writer.write(entry)
    value = writer.write(scale(coefficient, then))
    return Cases(((value, joined(holds, writer.write)), (number(0), None)))


def _writer(node: Node, letters: Letters | None) -> _Writer:
    letters = letters or Letters()
    parts = [*walk(node)]
    names = {n.name for n in parts if isinstance(n, Symbol)}
    sizes = {name for n in parts for size in n.shape for name in size.names}
    return _Writer(letters, letters.taken | names | sizes | node.free)


def _multiplies(node: Node) -> bool:
    """Whether an array is I or a product other than elementwise."""
    _, node = split_coefficient(node)
    if isinstance(node, nodes.Identity):
        return True
    return isinstance(node, Contract) and any(names and names != node.out for names in node.labels)


@dataclass(frozen=True, slots=True)
class _Writer:
    """`taken` are names with a meaning, `bound` the letters of the sums around.

    Where `sized` nothing else tells the size of `I`, which is written `I_n` then.
    """

    letters: Letters
    taken: frozenset[str]
    bound: Mapping[str, tuple[Whole, Whole]] = field(default_factory=dict[str, tuple[Whole, Whole]])
    sized: bool = False

    def write(self, node: Node) -> Expr:
        """The syntax of a node; an array of zeros is `0`, for the context to spread."""
        plain = uniform(node) if node.shape else None
        if plain is not None:
            return number(0) if is_zero(plain) or plain is literal(0) else self._spread(plain, node)
        match node:
            case nodes.Literal():
                return number(node.value)
            case nodes.Constant():
                return self._constant(node.name)
            case nodes.Count():
                return written_index(node.whole)
            case Symbol():
                return written_name(node.name, node.index)
            case nodes.Add():
                return self._total(node)
            case Contract() | nodes.Identity():
                return self._term(Fraction(1), node)
            case nodes.Apply():
                return self._apply(node)
            case nodes.Power():
                return self._power(node)
            case nodes.Along():
                return self._along(node)
            case nodes.Inverse():
                return Power(self._sized(node.arg), Number(Fraction(-1), "-1"))
            case nodes.Determinant():
                return Call("logdet" if node.log else "det", (self._sized(node.arg),))
            case nodes.Select():
                return self._select(node)
            case nodes.Fold():
                return self._fold(node)
            case nodes.Test():
                return Call("indicator", (joined([node], self.write),))
            case nodes.Where():
                return self._where(node)
            case nodes.Stack():
                return Array(tuple(self._sized(part) for part in node.parts))
            case nodes.Concat():
                return WrittenStack(tuple(self._part(part) for part in node.parts))
            case nodes.Reshape():
                return self._reshape(node)
            case nodes.Derivative():
                return self._derivative(node)
            case nodes.Build() | nodes.Scatter():
                return self._listed(node)
            case _:
                raise NoMatrixForm(f"no way to write a {type(node).__name__}")

    def array(self, node: Node) -> Expr:
        """The syntax of a node where nothing around it says that it is an array."""
        expr = self.write(node)
        return self._spread(literal(0), node) if node.shape and expr == number(0) else expr

    # --- sums and products ---

    def _total(self, node: nodes.Add) -> Expr:
        """Terms with signs; a scalar in every place is written as that scalar."""
        terms: list[tuple[int, Expr]] = []
        arrays = [part for _, part in node.terms if uniform(part) is None]
        # beside I or a product of matrices a number would be taken for a multiple of I
        square = node.rank == 2 and node.shape[0] == node.shape[1]
        apart = square and any(_multiplies(part) for part in arrays)
        # two arrays of open sizes do not tell each other theirs
        several = len(node.terms if apart else arrays) > 1
        writer = replace(self, sized=self.sized or (several and any(open_axes(node))))
        for coefficient, part in node.terms:
            plain = uniform(part)
            if plain is not None and apart:
                inner, plain = split_coefficient(plain)
                shown = writer._spread(scale(abs(coefficient * inner), plain), node)
                terms.append((1 if coefficient * inner > 0 else -1, shown))
                continue
            holds, part = conditioned(part if plain is None else plain)
            inner, part = split_coefficient(part)
            coefficient *= inner
            if coefficient:
                sign = 1 if coefficient > 0 else -1
                terms.append((sign, writer._term(abs(coefficient), part, holds)))
        return signed(terms)

    def _term(self, coefficient: Fraction, node: Node, holds: Sequence[Node] = ()) -> Expr:
        """A positive number times a node, where some conditions hold."""
        if holds:
            return self._held(coefficient, node, joined(holds, self.write))
        if isinstance(node, nodes.Literal):
            return number(coefficient * node.value)
        if isinstance(node, Contract):
            node = spread_out(node)
            if not isinstance(node, Contract):
                return self.write(scale(coefficient, node))
        try:
            writer = self
            if isinstance(node, Contract) and open_labels(node, self.sized) - set(node.out):
                writer = replace(self, sized=True)
                if open_labels(node, sized=True) - set(node.out):
                    raise NoMatrixForm("a sum whose length cannot be told")
            return written_product(coefficient, node, writer.array, writer._identity)
        except NoMatrixForm:
            if node.shape or not isinstance(node, Contract):
                raise
            parts = self.entry(node, ())
            if parts is node:
                raise
            return self.write(scale(coefficient, parts))

    def _held(self, coefficient: Fraction, node: Node, condition: Expr) -> Expr:
        """`1[c] (W x)`: the product stays whole, so that none of it matters where c fails."""
        if isinstance(node, nodes.Literal) and coefficient * node.value != 1:
            return Cases(((number(coefficient * node.value), condition), (number(0), None)))
        indicator = Call("indicator", (condition,))
        if node is UNIT:
            return indicator
        return juxtapose((indicator, self._telling(node)._term(coefficient, node)))

    def _spread(self, scalar: Node, node: Node) -> Expr:
        """A scalar in every place of a vector or matrix: `s ones`, `s ones onesᵀ`."""
        if node.rank > 2:
            raise NoMatrixForm("one number in every place of an array of higher order")
        arrays = (ONES,) if node.rank == 1 else (ONES, Transpose(ONES))
        return juxtapose(arrays if scalar is UNIT else (self.write(scalar), *arrays))

    def _telling(self, node: Node) -> _Writer:
        """The writer for a part that has to tell its sizes itself; `ones` cannot."""
        if not any(open_axes(node, self.sized)):
            return self
        if any(open_axes(node, sized=True)):
            raise NoMatrixForm("an array whose size cannot be told")
        return replace(self, sized=True)

    def _identity(self, size: Whole) -> Expr:
        if "I" in self.taken:
            return Call("diag", (ONES,))
        return Index(Name("I"), (written_index(size),)) if self.sized else Name("I")

    def _constant(self, name: str) -> Expr:
        return Call("exp", (number(1),)) if name == "e" and "e" in self.taken else Name(name)

    # --- functions ---

    def _apply(self, node: nodes.Apply) -> Expr:
        """A function; beside an array, a scalar in every place is that scalar."""
        if node.function in COMPARISONS:
            left, right = (self._beside(arg) for arg in node.args)
            return Call("indicator", (compared(node.function, left, right),))
        return Call(
            node.function, tuple(self._beside(arg, len(node.args) > 1) for arg in node.args)
        )

    def _power(self, node: nodes.Power) -> Expr:
        if inverted(node) is not None:
            return self._term(Fraction(1), node)
        base = self.array(node.base)
        if isinstance(node.exponent, nodes.Literal):
            return raised(base, node.exponent.value)
        return Power(base, self.write(node.exponent))

    def _along(self, node: nodes.Along) -> Expr:
        arg = node.arg
        if node.function in ("max", "min"):  # as written these are of all entries
            arg = arg.arg if isinstance(arg, nodes.Reshape) and arg.rank == 1 else arg
            if node.arg.rank > 1:
                raise NoMatrixForm(f"the {node.function} of every row")
        return Call(node.function, (self._sized(arg),))

    def _reshape(self, node: nodes.Reshape) -> Expr:
        """`vec` of a matrix, Kronecker's product; columns are stacked, so rows are those of Aᵀ."""
        arg = node.arg
        if arg.rank == 2 and node.rank == 1:
            return Call("vec", (transposed(self._sized(arg)),))
        pair = kronecker(node)
        if pair is not None:
            return Product((self._sized(pair[0]), self._sized(pair[1])), ("⊗",))
        raise NoMatrixForm("entries in another arrangement")

    def _derivative(self, node: nodes.Derivative) -> Expr:
        immediate = node.mode != "total"
        of, by = self.write(node.of), self.write(node.by)
        match node.of, of:
            case nodes.Derivative() as inner, WrittenDerivative() if (
                inner.mode == node.mode and inner.rank == inner.by.rank == node.by.rank == 1
            ):
                return WrittenDerivative(of.of, (*of.by, Transpose(by)), immediate)
            case _:
                return WrittenDerivative(of, (by,), immediate)

    # --- components, sums over an index ---

    def _select(self, node: nodes.Select) -> Expr:
        """`x_i`, `W[i, j]`, a row `W[i]`, a column `Wᵀ[j]`, `∂y_i/∂x_j`."""
        arg, at = node.arg, node.at
        while isinstance(arg, nodes.Select):
            rest = iter(at)
            arg, at = arg.arg, tuple(next(rest) if i is None else i for i in arg.at)
        plain = uniform(arg)
        if plain is not None:
            return self.write(broadcast(plain, node.shape))
        if isinstance(arg, nodes.Derivative) and (found := self._part_derivative(arg, at)):
            return found
        told = node.shape or not any(open_axes(arg, sized=True))
        inner = shallow(arg, at) if told else self.entry(arg, at)
        if inner is not node and inner is not select(arg, at):
            return self.write(inner)
        if isinstance(arg, nodes.Identity):
            raise NoMatrixForm("a row of I")
        base = self._sized(arg)
        given = [i for i in at if i is not None]
        if None in at[: len(given)]:
            if arg.rank != 2:
                raise NoMatrixForm("components along later axes only")
            base = transposed(base)
        items = tuple(written_index(i) for i in given)
        short = isinstance(base, Name) and arg.rank == 1 and isinstance(items[0], Name | Number)
        if short and f"{base.text}_{items[0].text}" not in self.taken:  # type: ignore[union-attr]
            return Index(base, items)
        return Index(base, items, bracket=True)

    def _part_derivative(self, node: nodes.Derivative, at: Sequence[Whole | None]) -> Expr | None:
        """A component of a derivative as the derivative of a component or by one."""
        sides: list[Node] = []
        for side, place in ((node.of, at[: node.of.rank]), (node.by, at[node.of.rank :])):
            fixed = len(place) - list(place).count(None)
            if fixed and (not isinstance(side, Symbol) or None in place[:fixed]):
                return None
            sides.append(select(side, place))
        of, by = (self.write(side) for side in sides)
        return WrittenDerivative(of, (by,), node.mode != "total")

    def _fold(self, node: nodes.Fold) -> Expr:
        """`Σ` or `Π`; a condition on the body stands under the sign."""
        index, low, high, body = node.index, node.low, node.high, node.body
        coefficient, rest = split_coefficient(body)
        if node.op == "sum" and coefficient != 1 and rest is not UNIT:
            return self.write(scale(coefficient, fold("sum", index, low, high, rest)))
        # falling order is rising order, turned; derivatives stand in the order of the chain rule
        if node.op == "prod-down" and body.rank == 2 and not isinstance(body, nodes.Derivative):
            body = substitute(body, {index: low + high - index})
        if index in self.bound or index in self.taken or not (index.isalpha() and index.isascii()):
            fresh = self.fresh(body.free)
            body, index = substitute(body, {index: fresh}), fresh
        writer = replace(self, bound={**self.bound, index: (low, high)})
        neutral = literal(0) if node.op == "sum" else UNIT
        conditions: list[Node] = []
        if not body.shape:
            conditions, body = conditioned(body, neutral)
            for equation in [c for c in conditions if _is_plain_equation(c)]:
                # `j = k` under a sum sign would be taken for an index
                conditions.remove(equation)
                body = where(equation, body, neutral)
        condition = joined(conditions, writer.write, under=True) if conditions else None
        binder = Binder(index, written_index(low), written_index(high))
        op = "sum" if node.op == "sum" else "prod"
        return Big(op, (binder,), writer.array(body), condition)

    def entry(self, node: Node, at: Sequence[Whole | None]) -> Node:
        """The entry of an array, with letters that mean nothing here."""
        used = frozenset[str]().union(*(i.names for i in at if i is not None))
        used = used | self.taken | self.bound.keys()
        return entry(node, at, Place(self.fresh, used, self.bound))

    def fresh(self, avoid: frozenset[str]) -> str:
        """An index letter that is not in use."""
        return self.letters.fresh(avoid | self.taken | self.bound.keys())

    # --- cases, lists ---

    def _where(self, node: nodes.Where) -> Expr:
        if is_condition(node):
            return Call("indicator", (joined([node], self.write),))
        if node.shape and is_zero(node.otherwise):
            holds, then = conditioned(node)
            return self._term(Fraction(1), then, holds)
        branches, last = cases(node)
        shown = [(self._beside(then), joined(holds, self.write)) for then, holds in branches]
        return Cases((*shown, (self._beside(last), None)))

    def _listed(self, node: nodes.Build | nodes.Scatter) -> Expr:
        """The name of a family of scalars; else the entries of a small array, one by one."""
        if isinstance(node, nodes.Build):
            body, places = node.body, tuple(Whole.of(i) for i in node.indices)
            if isinstance(body, Symbol) and not body.shape and body.index == places:
                return written_name(body.name)
        return self._entries(node)

    def _entries(self, node: Node) -> Expr:
        if not is_small(node.shape):
            raise NoMatrixForm("entries given one by one")
        if not node.shape:
            return self.write(node)
        rows = range(1, int(node.shape[0].constant or 0) + 1)
        kept = [None] * (node.rank - 1)
        return Array(tuple(self._entries(self.entry(node, [Whole.of(k), *kept])) for k in rows))

    def _beside(self, node: Node, told: bool = True) -> Expr:
        """An array beside others of its shape: the same number everywhere is that number."""
        plain = uniform(node)
        writer = self._telling(node) if told and plain is None else self
        return writer.write(node if plain is None else plain)

    def _sized(self, node: Node) -> Expr:
        """An array whose sizes its own syntax must tell: `ones` alone will not do."""
        if node.shape and uniform(node) is not None:
            return self._entries(node)
        return self._telling(node).array(node)

    def _part(self, node: Node) -> Expr:
        """A part of a stacked array; a single scalar needs no brackets of its own."""
        single = isinstance(node, nodes.Stack) and len(node.parts) == 1 and node.rank == 1
        return self.write(node.parts[0]) if single else self._sized(node)  # type: ignore[union-attr]


def _is_plain_equation(node: Node) -> bool:
    """Whether a condition says that two indices are equal, neither being reckoned with."""
    if not isinstance(node, nodes.Test) or node.op != "=":
        return False
    return all(side.name or side.constant is not None for side in (node.left, node.right))
