"""Printing values: which of them get a name and a line, and the text of each operation."""

from __future__ import annotations

from collections.abc import Sequence

from backprove.compute.emit.dots import aligned
from backprove.compute.emit.loops import Loop
from backprove.compute.emit.names import Names, identifier
from backprove.compute.emit.reach import Reach, origin
from backprove.compute.emit.spellings import NEEDS, Target
from backprove.compute.emit.text import (
    ATOM,
    Text,
    whole,
)
from backprove.compute.emit.values import BATCH_SIZE, Axis, Label, NoCode, Value
from backprove.tensor.whole import Whole

#: an expression that would be longer gets a line and a name of its own
LONGEST = 66
#: operations that are read off, not computed
PLAIN = frozenset({"input", "number", "constant", "stored", "kept"})


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
        #: the values that a line was written for
        self.printed: set[Value] = set()
        #: the names of arrays of whole numbers
        self.numbers: dict[str, str] = {}
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
        if value.op == "whole" and value.loop is None and text.text in self.numbers:
            self.texts[value] = Text(self.numbers[text.text])
            return
        wish = value.wish or self._wish(value)
        if value.loop is not None and value.wish:
            wish = f"{wish}_{self.letters[value.loop.letter]}"
        name = self.names.unique(wish)
        self.line(f"{name} = {text}")
        self.texts[value] = Text(name)
        self.printed.add(value)
        if value.op == "whole" and value.loop is None:
            self.numbers[text.text] = name

    def _wish(self, value: Value) -> str:
        """A name for a value that has none in the model."""
        arg = value.args[0] if value.args else None
        if value.op == "pick" and arg is not None and isinstance(value.info[0], Axis):
            base = self.show(arg).text
            if base.isidentifier():
                return f"{base}_{identifier(value.info[0].name)}"
        if value.op == "state":
            return f"{identifier(value.info[1][0])}_{'before' if value.info[2] < 0 else 'after'}"
        return {"whole": "numbers", "test": "holds", "and": "holds"}.get(value.op, "part")

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

    # --- texts ---------------------------------------------------------------------------

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
        return aligned(self.show(arg), arg.labels, out, self.target)
