"""Printing values: which of them get a name and a line, and the text of each operation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from backprove.compute.emit.dots import aligned, dot_text, permuted
from backprove.compute.emit.loops import Key, Loop
from backprove.compute.emit.names import Names, identifier
from backprove.compute.emit.spellings import NEEDS, OF_NUMBERS, Target
from backprove.compute.emit.text import (
    ATOM,
    PRODUCT,
    SUM,
    Text,
    combination,
    number,
    product,
    whole,
)
from backprove.compute.emit.values import BATCH_SIZE, Axis, Label, NoCode, Value
from backprove.tensor.whole import Whole

#: an expression that would be longer gets a line and a name of its own
LONGEST = 66
RELATIONS = {"=": "==", "≠": "!=", "<": "<", "≤": "<="}
#: operations that are read off, not computed
PLAIN = frozenset({"input", "number", "constant", "stored", "kept"})


@dataclass(slots=True)
class Reach:
    """What is computed at all: every value with the number of its uses, and every loop's parts."""

    uses: dict[Value, int] = field(default_factory=dict[Value, int])
    outer: set[Value] = field(default_factory=set[Value])
    members: dict[Loop, dict[Key, None]] = field(default_factory=dict[Loop, dict[Key, None]])
    stored: dict[Loop, set[Key]] = field(default_factory=dict[Loop, set[Key]])
    kept: dict[Loop, list[Value]] = field(default_factory=dict[Loop, list[Value]])


def origin(value: Value) -> Value:
    """The value without changes of labels."""
    return value.args[0] if value.op == "relabel" else value


def reach(roots: Iterable[Value]) -> Reach:
    """Everything below the roots, through loops."""
    found = Reach()
    pending: list[tuple[Value, Loop | None]] = [(origin(root), None) for root in roots]
    seen: set[Value] = set()
    for root, _ in pending:
        found.uses[root] = found.uses.get(root, 0) + 1
    while pending:
        value, inside = pending.pop()
        if inside is not None and value.loop is None:
            found.outer.add(value)
        if value in seen:
            continue
        seen.add(value)
        below = [origin(arg) for arg in value.args]
        for arg in below:
            found.uses[arg] = found.uses.get(arg, 0) + 1
            pending.append((arg, value.loop))
        if value.op in ("stored", "state", "kept"):
            loop: Loop = value.info[0]
            members = found.members.setdefault(loop, {})
            if value.op == "kept":
                inner = origin(value.info[1])
                found.kept.setdefault(loop, []).append(value)
                found.uses[inner] = found.uses.get(inner, 0) + 1
                pending.append((inner, loop))
                continue
            key: Key = value.info[1]
            if value.op == "stored":
                found.stored.setdefault(loop, set()).add(key)
            if key not in members:
                members[key] = None
                member = loop.members[key]
                assert member.value is not None
                for part in (member.value, *(v for v in member.before if v is not None)):
                    found.uses[origin(part)] = found.uses.get(origin(part), 0) + 1
                    pending.append((origin(part), loop))
    return found


class Writer:
    """Lines of a function body; `loops.py`-like statements are added by `LoopWriter`."""

    def __init__(
        self,
        target: Target,
        names: Names,
        found: Reach,
        reference: str,
        fixed: dict[str, int],
        sizes: dict[str, str],
    ) -> None:
        self.fixed = fixed
        self.target = target
        self.names = names
        self.found = found
        self.reference = reference
        self.lines: list[str] = []
        self.indent = "    "
        self.texts: dict[Value, Text] = {}
        self.helpers: set[str] = set()
        self.modules: set[str] = set()
        self.sizes: dict[str, str] = sizes
        self.wanted_sizes: dict[str, None] = {}
        self.letters: dict[str, str] = {}
        #: values inside loops that have to have a name
        self.forced: set[Value] = set()
        self._letter_names: dict[str, str] = {}

    # --- statements ---------------------------------------------------------------------------

    def line(self, text: str = "") -> None:
        self.lines.append(f"{self.indent}{text}" if text else "")

    def emit(self, roots: Sequence[Value], inside: Loop | None = None) -> None:
        """Lines for the roots and all they need at this level that has no text yet."""
        stack: list[tuple[Value, bool]] = [(origin(root), False) for root in reversed(roots)]
        while stack:
            value, done = stack.pop()
            if value in self.texts:
                continue
            if done:
                self._one(value)
                continue
            stack.append((value, True))
            if value.op in ("stored", "kept"):
                self.run(value.info[0])
                continue
            stack.extend((origin(arg), False) for arg in reversed(value.args))

    def run(self, loop: Loop) -> None:
        """The statements of a loop."""
        raise NotImplementedError

    def picked(self, value: Value) -> Text | None:
        """What a loop reads at its step, where it has a way of its own."""
        return None

    def _one(self, value: Value) -> None:
        text = self.text(value)
        uses = self.found.uses.get(value, 1)
        loose = (
            value.op in PLAIN
            or (value.number and value.op != "sum")
            or (not value.labels and value.op == "whole")
        )
        if value.op == "permute" and value.args[0].op == "input" and uses > 1:
            # read by several products: laid out anew once
            text = self.word("contiguous", text.text)
        view = (
            value.op in ("pick", "slice", "permute")
            and text.level == ATOM
            and len(text.text) < 24
            and "contig" not in text.text
        )
        if view and value.loop is None:
            self.texts[value] = text
            return
        wished = value.wish is not None and (value.loop is None or value in self.forced)
        named = uses > 1 or len(text.text) > LONGEST or value in self.found.outer or wished
        if loose or not named or text.text.isidentifier():
            self.texts[value] = text
            return
        wish = value.wish or self._wish(value)
        if value.loop is not None and value.wish:
            wish = f"{wish}_{self.letters[value.loop.letter]}"
        name = self.names.unique(wish)
        self.line(f"{name} = {text}")
        self.texts[value] = Text(name)

    def _wish(self, value: Value) -> str:
        """A name for a value that has none in the model."""
        arg = value.args[0] if value.args else None
        if value.op == "pick" and arg is not None and isinstance(value.info[0], Axis):
            base = self.show(arg).text
            if base.isidentifier():
                return f"{base}_{identifier(value.info[0].name)}"
        if value.op == "state":
            return f"{identifier(value.info[1][0])}_{'before' if value.info[2] < 0 else 'after'}"
        return "part"

    def letter(self, loop: Loop) -> str:
        """The variable of a loop; loops one after another share it."""
        if loop.letter not in self._letter_names:
            self._letter_names[loop.letter] = self.names.unique(identifier(loop.letter))
        return self._letter_names[loop.letter]

    def show(self, value: Value) -> Text:
        """The text that stands for a value."""
        return self.texts[origin(value)]

    # --- sizes --------------------------------------------------------------------------------

    def whole(self, value: Whole) -> Text:
        value = value.put(self.fixed)
        spelled: dict[str, str] = {}
        for name in value.names:
            if name in self.letters:
                spelled[name] = self.letters[name]
            else:
                if name not in self.sizes:
                    self.sizes[name] = self.names.unique(
                        "B" if name == BATCH_SIZE else identifier(name)
                    )
                self.wanted_sizes[name] = None
                spelled[name] = self.sizes[name]
        return whole(value, spelled)

    def shape(self, lengths: Sequence[Whole]) -> str:
        inner = ", ".join(self.whole(n).text for n in lengths)
        return f"({inner},)" if len(lengths) == 1 else f"({inner})"

    # --- operations ---------------------------------------------------------------------------

    def text(self, value: Value) -> Text:
        """The text of an operation whose arguments have theirs."""
        method = getattr(self, f"_{value.op}", None)
        if method is None:
            raise NoCode(f"no text is known for {value.op}")
        result: Text = method(value)
        return result

    def word(self, key: str, *args: object) -> Text:
        found = self.target.word(key, *args)
        self._note(found)
        return Text(found)

    def _note(self, text: str) -> None:
        """Remember which helpers and modules a text needs."""
        for name in self.target.helpers:
            if f"{name}(" in text:
                self.helpers |= {name, *NEEDS.get(name, [])}
        for module in ("math", "functools"):
            if f"{module}." in text:
                self.modules.add(module)

    def _aligned(self, arg: Value, out: Sequence[Label]) -> Text:
        return aligned(self.show(arg), origin_labels(arg), out, self.target)

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
        if self.target.name == "torch":
            # a plain number takes the kind of the array beside it
            pass
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
            index = f"min(max({index}, 0), {last})"
            if self.target.name == "jax" and value.loop is not None:
                index = self.target.word("clip", self.whole(place).text, 0, last)
        return Text(f"{self.show(arg).at(ATOM)}[{':, ' * at}{index}]")

    def _slice(self, value: Value) -> Text:
        (arg,) = value.args
        own, start, step = value.info
        at = arg.labels.index(own)
        count = value.lengths[at]
        stop = start + (count - 1) * step + 1
        return Text(
            f"{self.show(arg).at(ATOM)}[{':, ' * at}{self._span(start, stop, step, arg.lengths[at])}]"
        )

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
            if clip:
                last = self.whole(arg.length(label) - 1).text
                shown = self.word("clip", shown.text, 0, last)
            places.append(shown.text)
        return Text(f"{text.at(ATOM)}[{', '.join(places)}]")


def origin_labels(arg: Value) -> tuple[Label, ...]:
    """The labels under which a value's entries are asked for."""
    return arg.labels
