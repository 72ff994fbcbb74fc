"""What names mean at one place of a text: the system's names, and the indices that are open there."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction

from backprove.model.entity import System
from backprove.model.value import NoMeaning
from backprove.notation.syntax import Expr, Index, Name, Number, Product, Quotient, Sum
from backprove.tensor.whole import Whole, show_shape


@dataclass(frozen=True, slots=True)
class Use:
    """Where an index was used plainly: `component` of an axis 1..high, or `family` member."""

    kind: str
    low: Whole | None
    high: Whole | None


@dataclass(slots=True)
class Scope:
    """A system with indices.

    `indices` maps an index as written to the whole number it stands for: its own name, or a
    number where a claim is looked at for one value. With `open` an unknown letter in an index
    place becomes a free index of the claim and is noted in `free`; `uses` collects how each index
    was used, from which missing bounds are inferred.
    """

    system: System
    indices: dict[str, Whole] = field(default_factory=dict[str, Whole])
    open: bool = False
    free: list[str] = field(default_factory=list[str])
    uses: dict[str, list[Use]] = field(default_factory=dict[str, list[Use]])
    #: how derivatives are read: as written, or with some as immediate (NOTATION 5, reading 4)
    mode: str | None = None

    def inner_name(self, name: str) -> str:
        """The name by which an index is known in expressions; never that of a size."""
        while self.system.is_size(name):
            name += "′"
        return name

    @contextmanager
    def bound(self, names: Mapping[str, Whole]) -> Generator[None]:
        """With some indices bound, as inside a sum."""
        before = {name: self.indices.get(name) for name in names}
        hidden = {name: self.uses.pop(str(value), []) for name, value in names.items()}
        self.indices.update(names)
        try:
            yield
        finally:
            for name, old in before.items():
                if old is None:
                    del self.indices[name]
                else:
                    self.indices[name] = old
            for name, value in names.items():
                if hidden[name]:
                    self.uses[str(value)] = hidden[name]

    def use(self, whole: Whole, kind: str, low: Whole | None, high: Whole | None) -> None:
        """Note a plain use of an index."""
        name = whole.name
        if name is not None:
            self.uses.setdefault(name, []).append(Use(kind, low, high))

    def is_index(self, name: str) -> bool:
        return name in self.indices

    def whole(self, expr: Expr, free: bool = False) -> Whole:
        """The whole number that an index or size expression stands for.

        With `free`, unknown letters become free indices where the scope is open. Raises NoMeaning.
        """
        found = self._whole(expr, free)
        if found is None:
            what = ""
            if isinstance(expr, Name) and (named := self.system.named(expr.text)):
                what = f", and {expr.text} is {show_shape(named[0].shape)}"
            elif isinstance(expr, Name):
                what = f", and {expr.text} is neither"
                if not self.open and len(expr.text) == 1:
                    what += f"; a rule for every member ends in `for {expr.text} = 1..n`"
            raise NoMeaning(
                f"a whole number (an index or a size) is expected here{what}", expr.span, "form"
            )
        return found

    def try_whole(self, expr: Expr, free: bool = False) -> Whole | None:
        """The whole number an expression stands for, or None where it is something else."""
        try:
            return self._whole(expr, free)
        except NoMeaning:
            return None

    def _whole(self, expr: Expr, free: bool) -> Whole | None:
        match expr:
            case Number():
                return Whole.of(int(expr.value)) if expr.value.denominator == 1 else None
            case Name():
                return self._name(expr, free)
            case Index() if isinstance(expr.base, Name) and not expr.bracket:
                joined = joined_name(expr)
                return self._name(Name(joined, expr.span), False) if joined else None
            case Sum():
                total = Whole.of(0)
                for sign, term in expr.terms:
                    part = self._whole(term, free)
                    if part is None:
                        return None
                    total = total + part * sign
                return total
            case Product():
                result = Whole.of(1)
                for factor in expr.factors:
                    part = self._whole(factor, free)
                    if part is None:
                        return None
                    result = result * part
                return result
            case Quotient():
                over, under = self._whole(expr.over, free), self._whole(expr.under, free)
                if over is None or under is None or not isinstance(under.constant, (int, Fraction)):
                    return None
                return over.divide(under.constant) if under.constant else None
            case _:
                return None

    def _name(self, expr: Name, free: bool) -> Whole | None:
        text = expr.text
        if text in self.indices:
            return self.indices[text]
        fixed = self.system.fixed()
        if text in fixed:
            return Whole.of(fixed[text])
        if self.system.is_size(text):
            return Whole.of(text)
        if free and self.open and len(text) == 1 and not self.system.named(text):
            self.indices[text] = Whole.of(self.inner_name(text))
            self.free.append(text)
            return self.indices[text]
        return None


def joined_name(expr: Expr) -> str | None:
    """The name that `W_c` or `H_{out}` would be when it is one name: `W_c`, `H_out`."""
    if isinstance(expr, Name):
        return expr.text
    if isinstance(expr, Index) and len(expr.items) == 1 and not expr.bracket:
        base, item = joined_name(expr.base), expr.items[0]
        if base and isinstance(item, Name):
            return f"{base}_{item.text}"
        if base and isinstance(item, Number):
            return f"{base}_{item.text}"
    return None
