"""One line of text to its statements: declarations, definitions and claims."""

from __future__ import annotations

from dataclasses import replace

from backprove.notation import ranges, sets
from backprove.notation.error import ReadError
from backprove.notation.margins import part_at_gaps, without_labels, without_number
from backprove.notation.reader import Reader
from backprove.notation.spellings import INTRODUCTIONS
from backprove.notation.syntax import (
    Declaration,
    Expr,
    Index,
    Name,
    Range,
    Relation,
    Space,
    Statement,
    Tag,
)

_TRAILING = frozenset((",", ".", ";", "\\\\", "quad", "✓", ":"))
_BETWEEN = frozenset((",", ";", "\\\\", "quad"))
_EQUAL = frozenset(("=", "≈"))
_ORDERING = frozenset("<≤>≥≠")


def read_line(text: str, names: frozenset[str] = frozenset()) -> tuple[Statement, ...]:
    """The statements of one line, none where it is blank or a comment.

    A range at the end (`for t = 1..3`) belongs to all of them.
    """
    reader = Reader(without_labels(text, names), frozenset(names))
    reader.text = text
    line = _Line(reader)
    return line.statements()


def read_statement(text: str, names: frozenset[str] = frozenset()) -> Statement | None:
    """The only statement of a line; None where the line is blank or a comment."""
    found = read_line(text, names)
    if len(found) > 1:
        raise ReadError("expected one statement on this line", found[1].span, text)
    return found[0] if found else None


class _Line:
    """The statements of one line, read in turn."""

    def __init__(self, reader: Reader) -> None:
        self.r = reader
        r = reader
        r.tokens, r.closing = without_number(r.tokens, r.closing, r.text)
        if any(token[0] == "quad" for token in r.tokens):
            r.tokens, r.closing = part_at_gaps(r.tokens, r.closing)

    def statements(self) -> tuple[Statement, ...]:
        r = self.r
        self._drop_trailing()
        found: list[Statement] = []
        while r.peek() == "⇒":
            r.i += 1
        shared = ranges.read_ranges(r)  # `for t = 1..3: …`
        if shared and r.peek() in (":", ","):
            r.i += 1
        leading = shared
        while r.peek() != "eof":
            found.append(self._statement())
            here = ranges.read_ranges(r)
            if here:
                shared = here
                found = [s if s.ranges else replace(s, ranges=here) for s in found]
            if r.peek() == "eof":
                break
            if r.peek() in _BETWEEN or r.word_at(r.i) == "and" or r.peek() == "⇒":
                while r.peek() in _BETWEEN or r.word_at(r.i) == "and" or r.peek() == "⇒":
                    r.i += 1
                if r.peek() == "eof":
                    break
            elif r.word_at(r.i) not in INTRODUCTIONS and r.value != "such":
                self._unfinished(found[-1], shared)
        if leading:
            found = [s if s.ranges else replace(s, ranges=leading) for s in found]
        for statement in found:
            self._check_depth(statement)
        return tuple(found)

    def _check_depth(self, statement: Statement) -> None:
        if isinstance(statement, Relation):
            for side in statement.sides:
                if not isinstance(side, Space):
                    self.r.finish(side)

    def _unfinished(self, last: Statement, shared: tuple[Range, ...]) -> None:
        r = self.r
        if r.peek() in _ORDERING:
            r.fail("an inequality is no claim; expected = or ≈")
        after = (
            "the ranges"
            if shared
            else "this declaration"
            if isinstance(last, Declaration)
            else "this"
        )
        r.fail(f"expected the end of the line after {after}, found {r.shown()}")

    def _drop_trailing(self) -> None:
        """Commas, full stops, ticks and `//` that close a handwritten line."""
        tokens = self.r.tokens
        last = len(tokens) - 1
        while last > 0:
            kind = tokens[last - 1][0]
            if kind in _TRAILING:
                last -= 1
            elif kind == "/" and last > 1 and tokens[last - 2][0] == "/":
                last -= 2
            else:
                break
        del tokens[last:-1]

    # --- one statement ---------------------------------------------------------------------------

    def _statement(self) -> Statement:
        r = self.r
        start = r.start
        intro = ""
        word = r.word_at(r.i)
        if (
            word.lower() in INTRODUCTIONS
            and word not in r.names
            and r.kind_at(r.i + 1) not in ("=", "_", "^")
        ):
            intro = INTRODUCTIONS[word.lower()]
            r.i += 1
            if r.peek() in (":", ","):
                r.i += 1
            if r.word_at(r.i) == "us" or r.word_at(r.i) == "that":
                r.i += 1
        if self._declares():
            # names that run together (`W_cx[t] ∈ R^m`) are a product, not a name: read again
            before = r.i, list(r.tokens), dict(r.closing)
            try:
                return self._declaration(start)
            except ReadError as error:
                declared = error
                r.i, r.tokens, r.closing = before
            try:
                return self._relation(start, intro)
            except ReadError:
                raise declared from None
        return self._relation(start, intro)

    def _relation(self, start: int, intro: str) -> Relation:
        """Sides joined by =, ≈ or ∈."""
        r = self.r
        sides: list[Expr | Space] = [r.expression()]
        ops: list[str] = []
        while True:
            while r.peek() == "quad":
                r.i += 1
            if r.peek() in _EQUAL:
                ops.append(r.peek())
                r.i += 1
                sides.append(r.expression())
            elif r.peek() == "∈":
                ops.append("∈")
                r.i += 1
                sides.append(sets.read_space(r))
            elif r.peek() == ":" and r.kind_at(r.i + 1) == "=":
                r.i += 1
            else:
                break
        if not ops:
            if r.peek() in _ORDERING:
                r.fail("an inequality is no claim; expected = or ≈")
            r.fail(f"expected =, found {r.shown()}")
        return Relation(tuple(sides), tuple(ops), (), intro, (start, r.end))

    def _declares(self) -> bool:
        """Whether what follows is `name, name ∈ …`: told by looking, without reading."""
        r = self.r
        i = r.i
        while True:
            if r.kind_at(i) == "accent":
                i += 1
                i = r.closing.get(i, i) + 1
            elif r.kind_at(i) == "name":
                i += 1
            else:
                return False
            while True:
                kind = r.kind_at(i)
                if kind in ("_", "^"):
                    i = r.closing.get(i + 1, i + 1) + 1
                elif kind == "[":
                    i = r.closing[i] + 1
                elif kind == "'" or (kind == "num" and r.tokens[i - 1][3] == r.tokens[i][2]):
                    i += 1
                else:
                    break
            if kind == "∈":
                return True
            if kind != "," and r.word_at(i) != "and":
                return False
            i += 1

    def _declaration(self, start: int) -> Declaration:
        r = self.r
        targets = [self._target()]
        while r.peek() != "∈":
            r.i += 1  # a comma or `and`, as _declares has seen
            targets.append(self._target())
        r.i += 1
        if r.peek() == "(" and sets.fact_at(r, r.i - 1):
            r.i -= 1
            space = Space((), "R", (r.start, r.start))
        else:
            space = sets.read_space(r)
        return Declaration(tuple(targets), space, sets.read_facts(r), (), (start, r.end))

    def _target(self) -> Expr:
        node = self.r.target()
        if not isinstance(node, Name | Index | Tag):
            self.r.fail("expected a name to declare", self.r.i - 1)
        return node
