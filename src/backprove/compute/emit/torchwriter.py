"""Loops for PyTorch, where each call takes time of its own: as few calls in a step as can be."""

from __future__ import annotations

import re
from typing import Any

from backprove.compute.emit.loops import Loop
from backprove.compute.emit.names import identifier
from backprove.compute.emit.reach import origin
from backprove.compute.emit.text import ATOM, SIGN, Text
from backprove.compute.emit.torchplan import FRESH, Buffer, Plan, is_solid
from backprove.compute.emit.torchsteps import TensorSteps
from backprove.compute.emit.values import Value, below
from backprove.tensor.whole import ZERO, Whole

#: operations that may be done in a row
COMPUTED = frozenset({"apply", "dot", "sum", "power", "concat"})


class TensorLoops(TensorSteps):
    """Members in rows of tensors that are written in place (`torchplan.py` says which)."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        #: the names of arrays that were cut in parts
        self.cut: dict[Value, list[str]] = {}
        self.states: dict[Value, str] = {}
        #: where the lines for a loop begin
        self._mark = 0

    # --- before and after a loop ----------------------------------------------------------------

    def run(self, loop: Loop) -> None:
        roots = self.roots(loop)
        self.outside(roots, loop)
        inside = list(dict.fromkeys(map(origin, below(*roots, inside=loop))))
        arrays = self._arrays(loop)
        slots: dict[Value, Buffer] = {}
        for array, root, first in arrays:
            if root.loop is loop and root not in slots and root.labels and root.op in COMPUTED:
                slots[root] = Buffer(array, first, self._held(loop, array) != 0)
        self.plan = Plan(loop, slots, inside, self.found.uses, self._is_fresh)
        homes = {b.home: b for b in self.plan.slot.values() if b.home is not None}
        named = {array: self._array_name(array) for array, _, _ in arrays}
        self._mark, turned = len(self.lines), self._turn(roots, loop)
        looked = {v.info[1] for v in inside if v.op == "state"}
        for array, _, _ in arrays:
            buffer = homes.get(array)
            if buffer is None or buffer.whole is None:
                self._make(loop, array, named[array], buffer)
        scratch = [b for b in dict.fromkeys(self.plan.slot.values()) if b.home is None]
        for buffer in dict.fromkeys([*homes.values(), *scratch]):
            if buffer.parts:
                self._divide(buffer, named)
        for array, _, _ in arrays:
            buffer = homes.get(array)
            written = buffer is not None and not (buffer.parts and buffer.donors)
            key = array.info[1] if array.op == "stored" else None
            read = key in looked or (buffer is not None and buffer.parts)
            if buffer not in self.rows and (written or read):
                name = self._rows_of(named[array], loop, array)
                self.states[array] = name
                if buffer is not None:
                    self.rows[buffer] = name
            elif buffer is not None:
                self.states[array] = self.rows[buffer]
        for buffer in scratch:
            if buffer.whole is None and buffer not in self.rows:
                self.rows[buffer] = self._rows_of(self.show(buffer.donors[0]).text)
        before = self._lists(roots, loop)
        self._steps(loop, roots, arrays)
        body = "\n".join(self.lines[self._mark :])
        used = [n for n in turned if re.search(rf"\b{self.turned[n]}\b", body)]
        self.lines[self._mark : self._mark] = [
            f"{self.indent}{self.turned[n]} = {n}.T" for n in used
        ]
        for name in set(turned) - set(used):
            del self.turned[name]
        self.texts.update(before)
        self.plan = None

    def _arrays(self, loop: Loop) -> list[tuple[Value, Value, Whole]]:
        """The arrays that a loop fills, what each step puts there, and the index of row 0."""
        found: list[tuple[Value, Value, Whole]] = []
        for key in self.found.members.get(loop, {}):
            member = loop.members[key]
            assert member.stored is not None
            assert member.value is not None
            found.append((member.stored, origin(member.value), loop.start(key)))
        for value in self.found.kept.get(loop, []):
            found.append((value, origin(value.info[1]), loop.low))
        return found

    def _array_name(self, array: Value) -> str:
        wish = identifier(array.info[1][0]) if array.op == "stored" else array.info[1].wish
        name = self.names.unique(wish or "kept")
        self.texts[array] = Text(name)
        return name

    def _held(self, loop: Loop, array: Value) -> Whole:
        """How many members before the first are stored with the others."""
        return loop.held(array.info[1]) if array.op == "stored" else ZERO

    def _is_fresh(self, value: Value) -> bool:
        """Whether an array is a new one, of the right kind of numbers, under a name of its own."""
        if value.op not in FRESH or value not in self.printed or not is_solid(value):
            return False
        return value.op != "where" or bool(value.args[0].labels)

    def _make(self, loop: Loop, array: Value, name: str, buffer: Buffer | None) -> None:
        """The lines that make room for an array, with the members before the first."""
        held = self._held(loop, array)
        donors = [self.show(v).text for v in buffer.donors] if buffer is not None else []
        if donors and held == 0:
            text = f"torch.cat([{', '.join(donors)}], {len(array.labels) - 1})"
            self.line(f"{name} = {self._taken(donors[0]) if len(donors) == 1 else text}")
            return
        given = self._taken(donors[0]) if donors else ""
        word = "zeros" if array.op == "stored" and array.info[1] in loop.history else "empty"
        self.line(f"{name} = {self.word(word, self.shape(array.lengths), self.reference)}")
        if held != 0:
            self.before(loop, array.info[1], name)
        if donors:
            count = self.whole(held).at(SIGN)
            rows = f"{name}[{f'{count}:' if loop.step > 0 else f':-{count}'}]"
            left, sign, right = given.partition(" @ ")
            plain = sign and " @ " not in right and _is_factor(left) and _is_factor(right)
            self.line(
                f"torch.matmul({left}, {right}, out={rows})" if plain else f"{rows} = {given}"
            )

    def _taken(self, name: str) -> str:
        """The text of an array that is needed once, in place of its line."""
        head = f"{self.indent}{name} = "
        found = next((k for k, line in enumerate(self.lines) if line.startswith(head)), None)
        if found is None:
            return name
        self._mark -= 1
        return self.lines.pop(found).removeprefix(head)

    def _divide(self, buffer: Buffer, named: dict[Value, str]) -> None:
        """Names for the parts of an array, and for their rows."""
        whole = self.show(buffer.home or buffer.donors[0]).text
        pieces = sorted(buffer.parts, key=lambda p: p.part)
        sizes = pieces[0].sizes
        assert self.plan is not None
        wishes = {b: v.wish for v, b in self.plan.slot.items() if v.wish}
        at = {p.part: named[p.home] for p in pieces if p.home}
        for piece in pieces:
            if piece.part not in at:
                wish = wishes.get(piece) or f"{whole}_{piece.part + 1}"
                at[piece.part] = self.names.unique(wish)
        names = [at.get(k, "_") for k in range(len(sizes))]
        sample = buffer.home or buffer.donors[0]
        lengths = ", ".join(self.whole(n).text for n in sizes)
        axis = len(sample.labels) - 1
        self.line(f"{', '.join(names)} = {whole}.split(({lengths}), {axis})")
        for piece in pieces:
            self.rows[piece] = self._rows_of(names[piece.part])

    def _rows_of(self, name: str, loop: Loop | None = None, array: Value | None = None) -> str:
        """A list of the rows of an array, with zeros for members that are zero and not stored."""
        rows = self.names.unique(f"{name if name.isidentifier() else 'all'}_rows")
        text = f"{name}.unbind()"
        if loop is not None and array is not None and array.op == "stored":
            key = array.info[1]
            count = loop.zeros(key)
            if count:
                nothing = self.word("zeros", self.shape(array.lengths[1:]), self.reference)
                zeros = ", ".join([str(nothing)] * count)
                text = f"[{zeros}, *{text}]" if loop.step > 0 else f"[*{text}, {zeros}]"
        self.line(f"{rows} = {text}")
        return rows

    def _lists(self, roots: list[Value], loop: Loop) -> dict[Value, Text]:
        """Lines for the rows of what is read step by step; the texts to restore afterwards."""
        assert self.plan is not None
        before: dict[Value, Text] = {}
        for value in below(*roots, inside=loop):
            if value.op != "pick" or value.args[0].loop is not None:
                continue
            if origin(value) in self.plan.over.values():
                continue
            arg = origin(value.args[0])
            place: Whole = value.info[1]
            if arg in before or loop.letter not in place.names:
                continue
            if value.args[0].labels.index(value.info[0]) == 0:
                before[arg] = self.texts[arg]
                self.texts[arg] = Text(self._rows_of(self.texts[arg].at(ATOM)))
        return before

    def _turn(self, roots: list[Value], loop: Loop) -> list[str]:
        """The matrices that are used transposed: even a view takes time in a loop."""
        found: list[str] = []
        for value in below(*roots, inside=loop):
            if value.op != "dot":
                continue
            for matrix, other in (value.args, value.args[::-1]):
                if matrix.loop is not None or len(matrix.labels) != 2 or other.loop is None:
                    continue
                shared = [x for x in matrix.labels if x in other.labels and x not in value.labels]
                name = self.show(matrix).text
                side = 0 if len(other.labels) == 1 else 1
                plain = name.isidentifier() and name not in self.turned
                if plain and [matrix.labels[side]] == shared:
                    self.turned[name] = self.names.unique(f"{name}_T")
                    found.append(name)
        return found

    def _steps(
        self, loop: Loop, roots: list[Value], arrays: list[tuple[Value, Value, Whole]]
    ) -> None:
        """The loop itself."""
        assert self.plan is not None
        self.line(f"for {self.letter(loop)} in {self.span(loop)}:")
        self.letters[loop.letter] = self.letter(loop)
        self.indent += "    "
        self.emit(roots, loop)
        for array, root, first in arrays:
            buffer = self.plan.slot.get(root)
            if buffer is None or buffer.home is not array:
                zeros = 0 if array.op == "kept" else loop.zeros(array.info[1])
                at = self.whole(Whole.of(loop.letter) - first - (zeros if loop.step > 0 else 0))
                self.line(f"{self.texts[array]}[{at}] = {self.show(root)}")
        self.indent = self.indent[:-4]
        del self.letters[loop.letter]

    # --- a step ---------------------------------------------------------------------------------

    def _state(self, value: Value) -> Text:
        loop, key, gap = value.info
        stored = loop.members[key].stored
        at = self.whole(Whole.of(loop.letter) + gap - loop.start(key))
        return Text(f"{self.states[stored]}[{at}]")

    def _one(self, value: Value) -> None:
        plan = self.plan
        buffer = plan.slot.get(value) if plan is not None else None
        if plan is None or buffer is None:
            super()._one(value)
            return
        joint = value.op == "concat" and buffer.parts
        if value.op == "part" or joint:
            self.texts[value] = Text(self.row(buffer))
            return
        text = self.written(value, buffer)
        users = plan.users.get(value, [])
        if any(plan.over.get(user) is value for user in users) and self.found.uses[value] == 1:
            self.texts[value] = Text(text)
            return
        reads = sum(u.op not in ("part", "concat") for u in users)
        if not reads:
            self.line(text)
            self.texts[value] = Text(self.row(buffer))
            return
        name = self.names.unique(f"{value.wish or 'part'}_{self.letters[plan.loop.letter]}")
        self.line(f"{name} = {text}")
        self.texts[value] = Text(name)

    def _part(self, value: Value) -> Text:
        """All parts are cut in one call."""
        (arg,) = value.args
        place, sizes, axis = value.info
        if arg not in self.cut:
            kin = {
                v.info[0]: v.wish or self._wish(v)
                for v in self.found.uses
                if v.op == "part" and v.args[0] is arg
            }
            ending = "" if value.loop is None else f"_{self.letters[value.loop.letter]}"
            self.cut[arg] = [
                self.names.unique(f"{kin[k]}{ending}") if k in kin else "_"
                for k in range(len(sizes))
            ]
            lengths = ", ".join(self.whole(n).text for n in sizes)
            text = self.show(arg).at(ATOM)
            self.line(f"{', '.join(self.cut[arg])} = {text}.split(({lengths}), {axis})")
        return Text(self.cut[arg][place])


def _is_factor(text: str) -> bool:
    """Whether a text is a name, perhaps with an index or a transposition."""
    return re.fullmatch(r"\w+(\[[^\]]*\])*(\.T)?", text) is not None
