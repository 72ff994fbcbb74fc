"""The text of each operation, its arguments having theirs."""

from __future__ import annotations

from fractions import Fraction

from backprove.compute.emit.dots import dot_text, permuted
from backprove.compute.emit.spellings import OF_NUMBERS
from backprove.compute.emit.text import (
    ATOM,
    PRODUCT,
    SUM,
    Text,
    combination,
    number,
    product,
)
from backprove.compute.emit.values import Value
from backprove.compute.emit.writer import Writer
from backprove.tensor.whole import ZERO, Whole

RELATIONS = {"=": "==", "≠": "!=", "<": "<", "≤": "<="}


class Operations(Writer):
    """A method for each kind of value."""

    def _input(self, value: Value) -> Text:
        return Text(value.info[0])

    def _number(self, value: Value) -> Text:
        return number(value.info[0])

    def _constant(self, value: Value) -> Text:
        self.modules.add("math")
        return Text("math.e" if value.info[0] == "e" else "math.pi")

    def _whole(self, value: Value) -> Text:
        formula: Whole = value.info[0]
        axes = value.axes
        before = dict(self.letters)
        for axis in axes:
            low, high = self.whole(axis.low), self.whole(axis.high + 1)
            span = self.target.word("arange", low.text, high.text, self.reference)
            place = axes.index(axis)
            tail = ", ".join([":", *["None"] * (len(axes) - place - 1)])
            self.letters[axis.name] = span if tail == ":" else f"{span}[{tail}]"
        found = self.whole(formula)
        self.letters = before
        return found

    def _full(self, value: Value) -> Text:
        what = "zeros" if value.info[0] == 0 else "ones"
        if not value.labels:
            return Text("0.0" if value.info[0] == 0 else "1.0")
        return self.word(what, self.shape(value.lengths), self.reference)

    def _eye(self, value: Value) -> Text:
        return self.word("eye", self.whole(value.lengths[0]).text, self.reference)

    def _sum(self, value: Value) -> Text:
        terms = [self._aligned(arg, value.labels) for arg in value.args]
        return combination(list(value.info[0]), terms)

    def _dot(self, value: Value) -> Text:
        return dot_text(value, self.show, self.target, self.whole)

    def _reduce(self, value: Value) -> Text:
        (arg,) = value.args
        text = self.show(arg).at(ATOM)
        gone = [k for k, x in enumerate(arg.labels) if x not in value.labels]
        if not value.labels:
            return self.word("total", text)
        axes = str(gone[0]) if len(gone) == 1 else f"({', '.join(map(str, gone))})"
        return self.word("sum", text, axes)

    def _diagonal(self, value: Value) -> Text:
        (arg,) = value.args
        one, two = (arg.labels.index(x) for x in value.info)
        return self.word("diagonal", self.show(arg).text, one, two)

    def _flag(self, value: Value) -> Text:
        (arg,) = value.args
        if not arg.labels and (self.target.name != "jax" or arg.loop is None):
            return Text(f"float({self.show(arg)})")
        return self.word("where", self.show(arg).text, "1.0", "0.0")

    def _test(self, value: Value) -> Text:
        left, right = (self._aligned(arg, value.labels) for arg in value.args)
        return Text(f"{left.at(SUM)} {RELATIONS[value.info[0]]} {right.at(SUM)}", -1)

    def _and(self, value: Value) -> Text:
        left, right = (self._aligned(arg, value.labels) for arg in value.args)
        return Text(f"{left.at(SUM)} & {right.at(SUM)}", -1)

    def _where(self, value: Value) -> Text:
        condition, then, other = value.args
        if not condition.labels and (self.target.name != "jax" or condition.loop is None):
            if (not then.labels and not other.labels) or set(then.labels) == set(other.labels):
                parts = [self._aligned(a, value.labels).at(SUM) for a in (then, other)]
                return Text(f"{parts[0]} if {self.show(condition)} else {parts[1]}", -1)
            if self.target.name == "torch":
                kept = self._aligned(then if then.labels else other, value.labels)
                flag = self.show(condition).at(SUM)
                if other.op == "number" and other.info[0] == 0:
                    return product(kept, Text(f"({flag})"))
        parts = [self._aligned(a, value.labels).text for a in value.args]
        if self.target.name == "torch" and not condition.labels:
            parts[0] = self.word("array", parts[0], self.reference).text + ".bool()"
        return self.word("where", *parts)

    def _apply(self, value: Value) -> Text:
        name = value.info[0]
        if value.number:
            text = OF_NUMBERS[name].format(*(self.show(a).text for a in value.args))
            self._note(text)
            return Text(text)
        args = [self._aligned(a, value.labels) for a in value.args]
        parts = [
            a.text if len(value.args) == 1 and self._called(name) else a.at(ATOM) for a in args
        ]
        text = self.target.functions[name].format(*parts, m=self.target.module)
        self._note(text)
        return Text(text)

    def _called(self, name: str) -> bool:
        """Whether a function's argument stands alone in brackets."""
        return (
            self.target.functions[name].endswith("({0})")
            or "{0})" not in self.target.functions[name]
        )

    def _power(self, value: Value) -> Text:
        base = value.args[0]
        if len(value.args) == 2:
            exponent = self.show(value.args[1]).at(ATOM)
            return Text(f"{self._aligned(base, value.labels).at(ATOM)} ** {exponent}", 3)
        exponent = Fraction(value.info[0])
        text = self.show(base)
        if exponent == 2:
            return Text(f"{text.at(ATOM)}**2", 3)
        if exponent == -1:
            return Text(f"1 / {text.at(ATOM)}", PRODUCT)
        if abs(exponent) == Fraction(1, 2):
            root = Text(f"math.sqrt({text})") if base.number else self.word("sqrt", text.text)
            self._note(root.text)
            return root if exponent > 0 else Text(f"1 / {root}", PRODUCT)
        shown = number(exponent)
        return Text(f"{text.at(ATOM)} ** {shown.at(2)}", 3)

    def _along(self, value: Value) -> Text:
        (arg,) = value.args
        function, own = value.info
        text = self.show(arg)
        plain = text.text if function in ("softmax", "logsumexp") else text.at(ATOM)
        place = arg.labels.index(own)
        return self.word(function, plain, place - len(arg.labels))

    def _inverse(self, value: Value) -> Text:
        return self.word("inverse", self.show(value.args[0]).text)

    def _det(self, value: Value) -> Text:
        return self.word("logdet" if value.info[0] else "det", self.show(value.args[0]).text)

    def _prod(self, value: Value) -> Text:
        return self.word("prod", self.show(value.args[0]).at(ATOM), 0)

    def _chain(self, value: Value) -> Text:
        text = self.show(value.args[0]).at(ATOM)
        return self.word("chain", self.target.word("flip", text) if value.info[0] else text)

    def _stack(self, value: Value) -> Text:
        return self.word("stack", ", ".join(self.show(a).text for a in value.args), value.info[0])

    def _concat(self, value: Value) -> Text:
        return self.word("concat", ", ".join(self.show(a).text for a in value.args), value.info[0])

    def _rows(self, value: Value) -> Text:
        parts = [
            self.show(a).text if k == value.info[0] else f"{self.show(a).at(ATOM)}[None]"
            for k, a in enumerate(value.args)
        ]
        return self.word("concat", ", ".join(parts), 0)

    def _reshape(self, value: Value) -> Text:
        return self.word("reshape", self.show(value.args[0]).at(ATOM), self.shape(value.lengths))

    def _permute(self, value: Value) -> Text:
        (arg,) = value.args
        return permuted(self.show(arg), arg.labels, value.labels, self.target)

    def _expand(self, value: Value) -> Text:
        text = self._aligned(value.args[0], value.labels)
        return self.word("broadcast", text.text, self.shape(value.lengths))

    def _pick(self, value: Value) -> Text:
        found = self.picked(value)
        if found is not None:
            return found
        (arg,) = value.args
        label, place, clip = value.info
        at = arg.labels.index(label)
        index = self.whole(place).text
        if clip:
            last = self.whole(arg.length(label) - 1).text
            index = self._between(index, last, value)
        return Text(f"{self.show(arg).at(ATOM)}[{':, ' * at}{index}]")

    def clipped(self, index: Value, shown: Text, length: Whole) -> str:
        """An index, or many, moved into an array of this length."""
        last = self.whole(length - 1).text
        if index.labels:
            return self.word("clip", shown.text, 0, last).text
        return self._between(shown.text, last, index)

    def _between(self, index: str, last: str, value: Value) -> str:
        """A single index, which in a loop of JAX is no plain number."""
        if self.target.name == "jax" and value.loop is not None:
            return self.target.word("clip", index, 0, last)
        return f"min(max({index}, 0), {last})"

    def _slice(self, value: Value) -> Text:
        (arg,) = value.args
        own, start, step = value.info
        at = arg.labels.index(own)
        count = value.lengths[at]
        stop = start + (count - 1) * step + 1
        return Text(
            f"{self.show(arg).at(ATOM)}[{':, ' * at}{self._span(start, stop, step, arg.lengths[at])}]"
        )

    def _part(self, value: Value) -> Text:
        """One of the parts that were joined along an axis."""
        (arg,) = value.args
        number, sizes, axis = value.info
        start = sum(sizes[:number], ZERO)
        span = self._span(start, start + sizes[number], 1, arg.lengths[axis])
        return Text(f"{self.show(arg).at(ATOM)}[{':, ' * axis}{span}]")

    def _span(self, start: Whole, stop: Whole, step: int, length: Whole) -> str:
        """`start:stop:step`, as short as it can be."""
        head = "" if start == 0 else self.whole(start).text
        tail = "" if stop == length else self.whole(stop).text
        short = (stop - length).constant
        if isinstance(short, int) and short < 0:
            tail = str(short)
        return f"{head}:{tail}" + (f":{step}" if step != 1 else "")

    def _pad(self, value: Value) -> Text:
        (arg,) = value.args
        own, before, after = value.info
        at = arg.labels.index(own)
        parts = [self.show(arg).text]
        for count, first in ((before, True), (after, False)):
            if count:
                lengths = [Whole.of(count) if k == at else n for k, n in enumerate(arg.lengths)]
                nothing = self.word("zeros", self.shape(lengths), self.reference).text
                parts = [nothing, *parts] if first else [*parts, nothing]
        return self.word("concat", ", ".join(parts), at)

    def _edge(self, value: Value) -> Text:
        (arg,) = value.args
        own, before, after = value.info
        at = arg.labels.index(own)
        text = self.show(arg)
        ends = [f"{text.at(ATOM)}[{':, ' * at}{span}]" for span in (":1", "-1:")]
        parts = [ends[0]] * before + [text.text] + [ends[1]] * after
        return self.word("concat", ", ".join(parts), at)

    def _gather(self, value: Value) -> Text:
        arg, *indices = value.args
        labels, clips, axes, at = value.info
        rest = [x for x in arg.labels if x not in labels]
        text = permuted(self.show(arg), arg.labels, [*labels, *rest], self.target)
        places: list[str] = []
        if at:
            text = self.show(arg)
            places += [":"] * at
        for label, clip, index in zip(labels, clips, indices, strict=True):
            shown = self._aligned(index, axes)
            places.append(self.clipped(index, shown, arg.length(label)) if clip else shown.text)
        return Text(f"{text.at(ATOM)}[{', '.join(places)}]")
