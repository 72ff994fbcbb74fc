"""Loops for PyTorch, where each call takes time of its own: as few calls in a step as can be."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

from backprove.compute.emit.loops import Loop
from backprove.compute.emit.loopwriter import PlainLoops
from backprove.compute.emit.reach import origin
from backprove.compute.emit.text import ATOM, PRODUCT, SIGN, Text, combination
from backprove.compute.emit.values import Value, below
from backprove.tensor.whole import Whole


class ListLoops(PlainLoops):
    """Members in lists, whose entries are read and written much faster than rows of a tensor."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        #: the names of transposed matrices
        self.turned: dict[str, str] = {}
        #: the names of arrays that were cut in parts
        self.cut: dict[Value, str] = {}

    def _begin(self, name: str, value: Value, zeros: bool) -> bool:
        self.line(f"{name} = [None] * {self.whole(value.lengths[0]).at(SIGN)}")
        return False

    def _nothing(self, value: Value) -> str:
        return self.word("zeros", self.shape(value.lengths[1:]), self.reference).text

    def _lists(self, roots: list[Value], loop: Loop) -> dict[Value, Text]:
        self._turn(roots, loop)
        before: dict[Value, Text] = {}
        for value in below(*roots, inside=loop):
            if value.op != "pick" or value.args[0].loop is not None:
                continue
            arg = origin(value.args[0])
            place: Whole = value.info[1]
            if arg in before or loop.letter not in place.names:
                continue
            if value.args[0].labels.index(value.info[0]) == 0:
                text = self.texts[arg]
                name = self.names.unique(
                    f"{text.text if text.text.isidentifier() else 'rows'}_rows"
                )
                self.line(f"{name} = {text.at(ATOM)}.unbind()")
                before[arg] = text
                self.texts[arg] = Text(name)
        return before

    def _turn(self, roots: list[Value], loop: Loop) -> None:
        """Transposed matrices get names outside of the loop: even a view takes time in it."""
        for value in below(*roots, inside=loop):
            if value.op != "dot":
                continue
            for matrix, other in (value.args, value.args[::-1]):
                if matrix.loop is not None or len(matrix.labels) != 2 or len(other.labels) < 2:
                    continue
                shared = [x for x in matrix.labels if x in other.labels and x not in value.labels]
                name = self.show(matrix).text
                known = name in self.turned or not name.isidentifier()
                if list(matrix.labels[1:]) == shared and not known:
                    self.turned[name] = self.names.unique(f"{name}_T")
                    self.line(f"{self.turned[name]} = {name}.T")

    def _dot(self, value: Value) -> Text:
        found = super()._dot(value)
        if value.loop is None:
            return found
        text = re.sub(r"\b(\w+)\.T\b", lambda m: self.turned.get(m[1], m[0]), found.text)
        return Text(text, found.level)

    def _sum(self, value: Value) -> Text:
        """What is added to a product of matrices is added by the product's own call."""
        factors: tuple[Fraction, ...] = value.info[0]
        pairs = [self._factors(arg, value) for arg in value.args]
        if value.loop is None or len(value.labels) != 2 or not any(pairs) or set(factors) != {1}:
            return super()._sum(value)
        rest = [
            self._aligned(a, value.labels) for a, p in zip(value.args, pairs, strict=True) if not p
        ]
        products = [p for p in pairs if p]
        if rest and any(len(a.labels) < 2 for a, p in zip(value.args, pairs, strict=True) if not p):
            return super()._sum(value)
        total = combination([Fraction(1)] * len(rest), rest)
        if not rest:
            total = Text(" @ ".join(products.pop(0)), PRODUCT)
        for left, right in products:
            total = Text(f"torch.addmm({total}, {left}, {right})")
        return total

    def _factors(self, value: Value, total: Value) -> tuple[str, str] | None:
        """The two matrices of a product that has no line of its own."""
        if origin(value).op != "dot" or value.loop is None or value.labels != total.labels:
            return None
        left, sign, right = self.show(value).text.partition(" @ ")
        plain = sign and " @ " not in right and all(map(_is_closed, (left, right)))
        return (left, right) if plain else None

    def _part(self, value: Value) -> Text:
        """All parts are cut in one call."""
        (arg,) = value.args
        number, sizes = value.info
        if arg not in self.cut:
            self.cut[arg] = self.names.unique("parts")
            lengths = self.shape(sizes)
            text = self.show(arg).at(ATOM)
            self.line(f"{self.cut[arg]} = {text}.split({lengths}, {len(arg.labels) - 1})")
        return Text(f"{self.cut[arg]}[{number}]")

    def _end(self, values: list[Value]) -> None:
        for value in values:
            name = self.texts[value].text
            self.line(f"{name} = torch.stack({name})")


def _is_closed(text: str) -> bool:
    """Whether every bracket that a text opens is closed in it."""
    depth = 0
    for sign in text:
        depth += (sign in "([") - (sign in ")]")
        if depth < 0:
            return False
    return depth == 0
