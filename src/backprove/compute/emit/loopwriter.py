"""Loops as text: Python loops over preallocated arrays, and `lax.scan` for JAX."""

from __future__ import annotations

import re

from backprove.compute.emit.dots import permuted
from backprove.compute.emit.loops import Key, Loop
from backprove.compute.emit.names import identifier
from backprove.compute.emit.operations import Operations
from backprove.compute.emit.reach import origin
from backprove.compute.emit.text import ATOM, SIGN, Text
from backprove.compute.emit.values import Axis, Label, Value, below
from backprove.tensor.whole import Whole


class LoopWriter(Operations):
    """What all three have in common."""

    def outside(self, roots: list[Value], loop: Loop) -> None:
        """Lines for what a loop needs from outside."""
        needed = [
            arg for value in below(*roots, inside=loop) for arg in value.args if arg.loop is None
        ]
        self.emit(needed)

    def roots(self, loop: Loop) -> list[Value]:
        """The values that a loop has to compute."""
        members = [loop.members[key] for key in self.found.members.get(loop, {})]
        kept = [v.info[1] for v in self.found.kept.get(loop, [])]
        return [origin(v) for v in (*(m.value for m in members), *kept) if v is not None]

    def _put_at(
        self,
        value: Value,
        labels: tuple[Label, ...],
        ways: tuple[tuple[int, tuple[Whole, int, Axis | None]], ...],
    ) -> str:
        """The subscript of what is assigned to."""
        table = dict(ways)
        parts: list[str] = []
        for label, length in zip(labels, value.lengths, strict=True):
            if not isinstance(label, int) or label not in table:
                parts.append(":")
                continue
            start, step, axis = table[label]
            if axis is None:
                parts.append(self.whole(start).text)
            else:
                stop = start + (axis.length - 1) * step + 1
                parts.append(self._span(start, stop, step, length))
        while len(parts) > 1 and parts[-1] == ":":
            parts.pop()
        return ", ".join(parts)

    def _place(self, value: Value) -> Text:
        (arg,) = value.args
        name = self.names.unique(value.wish or "placed")
        nothing = self.word("zeros", self.shape(value.lengths), self.reference).text
        where = self._put_at(value, value.labels, value.info[0])
        shown = self.show(arg)
        if self.target.name == "jax":
            self.line(f"{name} = {nothing}.at[{where}].set({shown})")
        else:
            self.line(f"{name} = {nothing}")
            self.line(f"{name}[{where}] = {shown}")
        return Text(name)

    def _add_up(self, value: Value) -> Text:
        arg, *indices = value.args
        clips, axes = value.info
        name = self.names.unique(value.wish or "total")
        places: list[str] = []
        for index, clip, length in zip(indices, clips, value.lengths, strict=False):
            shown = self._aligned(index, axes)
            places.append(self.clipped(index, shown, length) if clip else shown.text)
        nothing = self.word("zeros", self.shape(value.lengths), self.reference).text
        where = ", ".join(places)
        if self.target.name == "jax":
            self.line(f"{name} = {nothing}.at[{where}].add({self.show(arg)})")
        elif self.target.name == "torch":
            wide = self.word("broadcast", "{}", self.shape([a.length for a in axes])).text
            spread = ", ".join(
                wide.format(
                    p if index.labels else f"torch.tensor({p}, device={self.reference}.device)"
                )
                for p, index in zip(places, indices, strict=True)
            )
            self.line(f"{name} = {nothing}")
            self.line(f"{name}.index_put_(({spread},), {self.show(arg)}, accumulate=True)")
        else:
            self.line(f"{name} = {nothing}")
            self.line(f"np.add.at({name}, ({where},), {self.show(arg)})")
        return Text(name)


class PlainLoops(LoopWriter):
    """Python loops: members go into an array made before."""

    def run(self, loop: Loop) -> None:
        roots = self.roots(loop)
        self.outside(roots, loop)
        keys = list(self.found.members.get(loop, {}))
        kept = self.found.kept.get(loop, [])
        for key in keys:
            member = loop.members[key]
            assert member.stored is not None
            name = self.names.unique(identifier(key[0]))
            self.texts[member.stored] = Text(name)
            self._room(loop, key, name)
        for value in kept:
            name = self.names.unique(value.info[1].wish or f"{identifier(keys[0][0])}_part")
            self.texts[value] = Text(name)
            self.line(f"{name} = {self.word('empty', self.shape(value.lengths), self.reference)}")
        self.line(f"for {self.letter(loop)} in {self.span(loop)}:")
        self.letters[loop.letter] = self.letter(loop)
        self.indent += "    "
        self.emit(roots, loop)
        for key in keys:
            member = loop.members[key]
            assert member.stored is not None
            assert member.value is not None
            at = self.whole(Whole.of(loop.letter) - loop.start(key)).text
            self.line(f"{self.texts[member.stored]}[{at}] = {self.show(member.value)}")
        for value in kept:
            at = self.whole(Whole.of(loop.letter) - loop.low).text
            self.line(f"{self.texts[value]}[{at}] = {self.show(value.info[1])}")
        self.indent = self.indent[:-4]
        del self.letters[loop.letter]
        for key in self.found.stored.get(loop, ()):
            zeros = loop.zeros(key)
            stored = loop.members[key].stored
            if zeros and stored is not None:
                name = self.texts[stored]
                self.line(f"{name} = {name}[{f'{zeros}:' if loop.step > 0 else f':-{zeros}'}]")

    def span(self, loop: Loop) -> str:
        """The steps of a loop."""
        if loop.step > 0:
            return f"range({self.whole(loop.low)}, {self.whole(loop.high + 1)})"
        return f"range({self.whole(loop.high)}, {self.whole(loop.low - 1)}, -1)"

    def _room(self, loop: Loop, key: Key, name: str) -> None:
        """The lines that make room for members, with those before the first."""
        member = loop.members[key]
        assert member.stored is not None
        plain = loop.zeros(key) > 0
        count = member.stored.lengths[0] + loop.zeros(key)
        shape = self.shape([count, *member.stored.lengths[1:]])
        word = self.word(
            "zeros" if plain or key in loop.history else "empty", shape, self.reference
        )
        self.line(f"{name} = {word}")
        if not plain:
            self.before(loop, key, name)

    def before(self, loop: Loop, key: Key, name: str) -> None:
        """The lines that put the members before the first in their places."""
        member = loop.members[key]
        if member.given is not None:
            self.emit([member.given])
            held = self.whole(loop.held(key)).at(SIGN)
            span = f":{held}" if loop.step > 0 else f"-{held}:"
            self.line(f"{name}[{span}] = {self.show(member.given)}")
            return
        for k, value in enumerate(member.before, 1):
            at = self.whole(self.edge_of(loop, key, k)).text
            self.line(f"{name}[{at}] = {self.start(value)}")

    def start(self, value: Value | None) -> str:
        """What is put into a row before the first step; it is repeated as often as need be."""
        if value is None:
            return "0"
        inner = origin(value)
        if inner.op == "expand" and self.found.uses.get(inner, 0) == 1:
            self.emit([inner.args[0]])
            return self._aligned(inner.args[0], inner.labels).text
        self.emit([value])
        return self.show(value).text

    def edge_of(self, loop: Loop, key: Key, k: int) -> Whole:
        """The position of the member k steps before the first."""
        index = loop.low - k if loop.step > 0 else loop.high + k
        return index - loop.start(key)

    def _history(self, value: Value) -> Text:
        loop, key = value.info
        return self.texts[loop.members[key].stored]

    def _state(self, value: Value) -> Text:
        loop, key, gap = value.info
        stored = loop.members[key].stored
        assert stored is not None
        at = self.whole(Whole.of(loop.letter) + gap - loop.start(key))
        return Text(f"{self.texts[stored]}[{at}]")


class Scans(LoopWriter):
    """`lax.scan`: what a step needs of the one before is carried, what is read comes step by step."""

    def run(self, loop: Loop) -> None:
        roots = self.roots(loop)
        self.outside(roots, loop)
        keys = list(self.found.members.get(loop, {}))
        carried: list[tuple[Key, int, str]] = []
        for key in keys:
            before = loop.members[key].before
            given = loop.members[key].given
            self.emit([v for v in (*before, given) if v is not None])
            base = identifier(key[0]) + ("_before" if loop.step > 0 else "_after")
            for k in range(1, len(before) + 1):
                carried.append((key, k, self.names.unique(base if k == 1 else f"{base}_{k}")))
        self._carry = {(key, k): name for key, k, name in carried}
        histories = {
            key: self.names.unique(f"{identifier(key[0])}_so_far")
            for key in keys
            if key in loop.history
        }
        self._histories = histories
        self._read: dict[Value, tuple[str, str]] = {}
        step = self.names.unique("step_" + identifier(keys[0][0]))
        letter = self.letter(loop)
        self.forced |= {origin(v) for key in keys if (v := loop.members[key].value) is not None}
        outer, self.lines = self.lines, []
        self.letters[loop.letter] = letter
        self.indent += "    "
        self.emit(roots, loop)
        body, self.lines = self.lines, outer
        self.indent = self.indent[:-4]
        new: list[str] = []
        for key, k, _ in carried:
            value = loop.members[key].value
            assert value is not None
            new.append(self.show(value).text if k == 1 else self._carry[key, k - 1])
        for key, name in histories.items():
            value = loop.members[key].value
            assert value is not None
            at = self.whole(Whole.of(loop.letter) - loop.first(key))
            new.append(f"{name}.at[{at}].set({self.show(value)})")
        out = [key for key in keys if key in self.found.stored.get(loop, set())]
        kept = self.found.kept.get(loop, [])
        given = [self.show(v) for key in out if (v := loop.members[key].value) is not None]
        given += [self.show(value.info[1]) for value in kept]
        spoken = [name for name, _ in self._read.values()]
        texts = [text for _, text in self._read.values()]
        used = any(_has_word(line, letter) for line in [*body, *new])
        if used:
            spoken.append(letter)
            texts.append(
                self.word(
                    "arange", self.whole(loop.low), self.whole(loop.high + 1), self.reference
                ).text
            )
        del self.letters[loop.letter]
        self.line()
        self.line(f"def {step}(carry, inputs):")
        taken = [*(name for _, _, name in carried), *histories.values()]
        self.line(f"    {_tuple(taken)} = carry")
        if spoken:
            self.line(f"    {_tuple(spoken)} = inputs")
        self.lines += body
        self.line(f"    return {_tuple(new, True)}, {_tuple([t.text for t in given], True)}")
        self.line()
        names = [self.names.unique(identifier(key[0])) for key in out]
        names += [self.names.unique(value.info[1].wish or "kept") for value in kept]
        start: list[str] = []
        for key, k, _ in carried:
            member = loop.members[key]
            value = member.before[k - 1]
            assert member.stored is not None
            nothing = self.word("zeros", self.shape(member.stored.lengths[1:]), self.reference)
            start.append(self.show(value).text if value is not None else nothing.text)
        start += [self._empty_history(loop, key) for key in histories]
        xs = _tuple(texts, True) if texts else "None"
        extra = [] if texts else [f"length={self.whole(loop.axis.length)}"]
        extra += ["reverse=True"] if loop.step < 0 else []
        call = ", ".join([step, _tuple(start, True), xs, *extra])
        self.line(f"_, {_tuple(names, True) if names else '_'} = lax.scan({call})")
        for key, name in zip(out, names, strict=False):
            stored = loop.members[key].stored
            assert stored is not None
            self.texts[stored] = self._joined(loop, key, name)
        for value, name in zip(kept, names[len(out) :], strict=True):
            self.texts[value] = Text(name)

    def _empty_history(self, loop: Loop, key: Key) -> str:
        """The array of all members before the first step."""
        stored = loop.members[key].stored
        assert stored is not None
        text = self.word("zeros", self.shape(stored.lengths), self.reference).text
        given = loop.members[key].given
        if given is not None:
            held = self.whole(loop.held(key)).at(SIGN)
            span = f":{held}" if loop.step > 0 else f"-{held}:"
            return f"{text}.at[{span}].set({self.show(given)})"
        for k, value in enumerate(loop.members[key].before[loop.zeros(key) :], 1):
            index = loop.low - k if loop.step > 0 else loop.high + k
            if value is not None:
                text += f".at[{self.whole(index - loop.first(key))}].set({self.show(value)})"
        return text

    def _joined(self, loop: Loop, key: Key, name: str) -> Text:
        """The members of all steps together with those before the first."""
        member = loop.members[key]
        assert member.stored is not None
        if loop.held(key) == 0:
            return Text(name)
        edge: list[str] = []
        if member.given is not None:
            edge.append(self.show(member.given).text)
        for value in member.before if member.given is None else ():
            nothing = self.word("zeros", self.shape(member.stored.lengths[1:]), self.reference)
            edge.append((self.show(value) if value is not None else nothing).at(ATOM) + "[None]")
        parts = [*reversed(edge), name] if loop.step > 0 else [name, *edge]
        self.line(f"{name} = {self.word('concat', ', '.join(parts), 0)}")
        return Text(name)

    def _history(self, value: Value) -> Text:
        return Text(self._histories[value.info[1]])

    def _state(self, value: Value) -> Text:
        _, key, gap = value.info
        return Text(self._carry[key, abs(gap)])

    def picked(self, value: Value) -> Text | None:
        loop = value.loop
        (arg,) = value.args
        label, place, clip = value.info
        if loop is None or clip or arg.loop is not None or place.coefficient(loop.letter) != 1:
            return None
        if not place.names - {loop.letter} <= set(self.sizes) | place.names:
            return None
        start = place.put({loop.letter: loop.low})
        rest = [x for x in arg.labels if x != label]
        text = permuted(self.show(arg), arg.labels, [label, *rest], self.target)
        span = self._span(start, start + loop.axis.length, 1, arg.length(label))
        shown = text.text if span == ":" else f"{text.at(ATOM)}[{span}]"
        base = self.show(arg).text
        wish = f"{base}_{identifier(loop.letter)}" if base.isidentifier() else "given"
        name = self.names.unique(wish)
        self._read[value] = (name, shown)
        return Text(name)


def _tuple(parts: list[str], brackets: bool = False) -> str:
    inner = ", ".join(parts) + ("," if len(parts) == 1 else "")
    return f"({inner})" if brackets or len(parts) < 2 else inner


def _has_word(line: str, word: str) -> bool:
    return re.search(rf"\b{word}\b", line) is not None
