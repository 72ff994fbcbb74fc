"""A step of a loop for PyTorch: the calls that compute a value into its row."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from backprove.compute.emit.loopwriter import PlainLoops
from backprove.compute.emit.reach import origin
from backprove.compute.emit.text import Text, number
from backprove.compute.emit.torchplan import Buffer, Plan, is_elementwise, is_inverse, lerp
from backprove.compute.emit.values import Value
from backprove.tensor.whole import Whole

#: operations whose results are tensors of the arguments' kind of numbers
TENSORS = frozenset({"pick", "state", "apply", "dot", "sum", "power", "part", "input"})


@dataclass(frozen=True, slots=True)
class Term:
    """A term of a sum: a product of matrices, an elementwise product, or anything else."""

    factor: Fraction
    kind: str
    texts: tuple[str, ...]
    wide: bool


class TensorSteps(PlainLoops):
    """Values computed in place, with what is added to a product as part of the product's call."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        #: the names of transposed matrices
        self.turned: dict[str, str] = {}
        self.plan: Plan | None = None
        #: the names of lists of rows
        self.rows: dict[Buffer, str] = {}

    def row(self, buffer: Buffer) -> str:
        """The row of this step."""
        assert self.plan is not None
        place = self.whole(Whole.of(self.plan.loop.letter) - buffer.first)
        return f"{self.rows[buffer]}[{place}]"

    def written(self, value: Value, buffer: Buffer) -> str:
        """The text that computes a value into its row."""
        assert self.plan is not None
        over = self.plan.over.get(value)
        row = self.row(buffer)
        base = None
        if over is not None:
            base = row if over.op in ("pick", "part") else self.show(over).text
        found = self._computed(value, base, f", out={row}")
        return found or f"{row}.copy_({self.text(value)})"

    def _computed(self, value: Value, base: str | None, out: str) -> str | None:
        """A value computed in place of `base`, or else as `out` says; None where there is no way."""
        match value.op:
            case "apply":
                name = value.info[0]
                arg = self.show(value.args[0]).text
                return f"torch.{name}({arg}{out})" if base is None else f"{base}.{name}_()"
            case "power" if len(value.args) == 1:
                exponent = number(Fraction(value.info[0])).text
                arg = self.show(value.args[0]).text
                power = f"pow({arg}, {exponent}{out})"
                return f"torch.{power}" if base is None else f"{base}.pow_({exponent})"
            case "dot" if is_elementwise(value):
                return self._multiplied(value, base, out)
            case "dot":
                return self._matrix(value, out)
            case "sum":
                return self._total(value, base, out)
            case _:
                return None

    def _matrix(self, value: Value, out: str) -> str | None:
        """A product of matrices, or of a matrix and a vector, as a function."""
        left, sign, right = self._dot(value).text.partition(" @ ")
        if not sign or " @ " in right or not all(map(_is_closed, (left, right))):
            return None
        term = self._matrix_term(value, Fraction(1), left, right)
        words = {"matrix": "mm", "vector": "mv"}
        if term.kind not in words:
            return None
        return f"torch.{words[term.kind]}({', '.join(term.texts)}{out})"

    def _multiplied(self, value: Value, base: str | None, out: str) -> str | None:
        assert self.plan is not None
        left, right = value.args
        over = self.plan.over.get(value)
        if is_inverse(left) or (right is over) or (origin(right) is over):
            left, right = right, left
        if base is None and left.number:
            left, right = right, left
        word, below_ = ("div", right.args[0]) if is_inverse(right) else ("mul", right)
        other = self._aligned(below_, value.labels).text
        if base is not None:
            return f"{base}.{word}_({other})"
        return f"torch.{word}({self._aligned(left, value.labels)}, {other}{out})"

    # --- sums -----------------------------------------------------------------------------------

    def _sum(self, value: Value) -> Text:
        """What is added to a product is added by the product's own call."""
        if value.loop is None or self.plan is None:
            return super()._sum(value)
        found = self._total(value, None, "")
        return super()._sum(value) if found is None else Text(found)

    def _total(self, value: Value, base: str | None, out: str) -> str | None:
        assert self.plan is not None
        mixed = lerp(value)
        if mixed is not None and base is None:
            a, b, w = (self.show(v).text for v in mixed)
            return f"torch.lerp({a}, {b}, {w}{out})"
        over = self.plan.over.get(value)
        terms = [
            self._term(arg, factor, value)
            for arg, factor in zip(value.args, value.info[0], strict=True)
            if over is None or origin(arg) is not over
        ]
        if base is None:
            first = next((t for t in terms if t.kind == "plain" and t.factor == 1 and t.wide), None)
            if first is None or (not out and all(t.kind == "plain" for t in terms)):
                return None
            terms.remove(first)
            terms.sort(key=lambda t: t.kind == "plain")
            base = self._added(first.texts[0], terms.pop(0), out, "")
        for term in terms:
            base = self._added(base, term, "", "_")
        return base

    def _added(self, base: str, term: Term, out: str, place: str) -> str:
        """base + term: as a function, or as a method that works in place."""
        factor = number(term.factor).text
        texts = ", ".join(term.texts)
        word = {"matrix": "addmm", "vector": "addmv", "product": "addcmul", "plain": "add"}[
            term.kind
        ]
        extra = "" if term.factor == 1 else f", alpha={factor}"
        if term.kind == "product" and extra:
            extra = f", value={factor}"
        if term.kind == "plain" and term.factor == -1:
            word, extra = "sub", ""
        if place:
            return f"{base}.{word}_({texts}{extra})"
        return f"torch.{word}({base}, {texts}{extra}{out})"

    def _term(self, arg: Value, factor: Fraction, total: Value) -> Term:
        inner = origin(arg)
        inline = inner.op == "dot" and inner.loop is not None and not self._is_named(inner)
        if inline and arg.labels == total.labels:
            if is_elementwise(inner):
                if all(origin(a).op in TENSORS and not a.number for a in inner.args):
                    texts = tuple(self._aligned(a, inner.labels).text for a in inner.args)
                    return Term(factor, "product", texts, True)
            else:
                left, sign, right = self.show(inner).text.partition(" @ ")
                if sign and " @ " not in right and all(map(_is_closed, (left, right))):
                    return self._matrix_term(inner, factor, left, right)
        wide = arg.labels == total.labels and not arg.number and bool(arg.labels)
        return Term(factor, "plain", (self._aligned(arg, total.labels).text,), wide)

    def _matrix_term(self, product: Value, factor: Fraction, left: str, right: str) -> Term:
        ranks = [len(a.labels) for a in product.args]
        if ranks == [2, 2] and len(product.labels) == 2:
            return Term(factor, "matrix", (left, right), True)
        if sorted(ranks) == [1, 2]:
            vector = self.show(product.args[ranks.index(1)]).text
            if vector == right:
                return Term(factor, "vector", (left, right), True)
            if right in self.turned:
                return Term(factor, "vector", (self.turned[right], left), True)
        return Term(factor, "plain", (f"({left} @ {right})",), True)

    def _is_named(self, value: Value) -> bool:
        text = self.texts[value].text
        return text.isidentifier() or (self.plan is not None and value in self.plan.slot)

    def _dot(self, value: Value) -> Text:
        found = super()._dot(value)
        if value.loop is None:
            return found
        text = re.sub(r"\b(\w+)\.T\b", lambda m: self.turned.get(m[1], m[0]), found.text)
        return Text(text, found.level)


def _is_closed(text: str) -> bool:
    """Whether every bracket that a text opens is closed in it."""
    depth = 0
    for sign in text:
        depth += (sign in "([") - (sign in ")]")
        if depth < 0:
            return False
    return depth == 0
