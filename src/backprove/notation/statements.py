"""One line of text to its statements: declarations, definitions and claims."""

from __future__ import annotations

import re
from dataclasses import replace

from backprove.notation.error import ReadError
from backprove.notation.lexer import Token
from backprove.notation.reader import Reader, without_gaps
from backprove.notation.spellings import FACTS, INTRODUCTIONS, STOPS
from backprove.notation.syntax import (
    Declaration,
    Expr,
    Index,
    Name,
    Number,
    Range,
    Relation,
    Space,
    Statement,
    Tag,
)

_LABEL = re.compile(
    r"""\s*+(?:
      (?P<bracketed>\(\s*(?P<letters>[ivx]{1,5}|[a-z]|[0-9]{1,2})\s*\)|(?P<half>[ivx]{1,5}|[a-z]|[0-9]{1,2})\))
    | [0-9]{1,2}\.(?=\s)
    | [•◦▪](?=\s) | \*(?=\s)
    | (?P<dash>-\s)
    | (?:⇒|⟹|→|⟶|∴|↳|=>|->|\\(?:Rightarrow|implies|therefore|rightarrow|to|Longrightarrow|hookrightarrow)(?![A-Za-z]))
    | (?:\\(?:text|mathrm)\{\s*)?(?:[Tt]hus|[Hh]ence|[Tt]herefore|[Ss]o|[Nn]ow|[Ff]inally|[Ss]imilarly|[Tt]hen|[Ww]e\ have|[Aa]nd)(?![A-Za-z])(?!\s*[=_^'\[(])\s*[,:]?\s*\}?
    )\s*""",
    re.VERBOSE,
)
_RELATION_AHEAD = re.compile(r"=|≈|∈|≡|≜|\\(?:approx|in|equiv|triangleq|coloneqq)(?![A-Za-z])|\bin\s")
_TRAILING = frozenset((",", ".", ";", "\\\\", "quad", "✓", ":"))
_BETWEEN = frozenset((",", ";", "\\\\", "quad"))
_EQUAL = frozenset(("=", "≈"))
_ORDERING = frozenset("<≤>≥≠")


def read_line(text: str, names: frozenset[str] = frozenset()) -> tuple[Statement, ...]:
    """The statements of one line, none where it is blank or a comment.

    A range at the end (`for t = 1..3`) belongs to all of them.
    """
    reader = Reader(_without_labels(text, names), frozenset(names))
    reader.text = text
    line = _Line(reader)
    return line.statements()


def read_statement(text: str, names: frozenset[str] = frozenset()) -> Statement | None:
    """The only statement of a line; None where the line is blank or a comment."""
    found = read_line(text, names)
    if len(found) > 1:
        raise ReadError("expected one statement on this line", found[1].span, text)
    return found[0] if found else None


def _without_labels(text: str, names: frozenset[str]) -> str:
    """Blank out `(i)`, `a)`, `⇒`, `Thus,` before a relation (places stay as they are)."""
    place = 0
    for _ in range(3):
        m = _LABEL.match(text, place)
        if m is None or not _RELATION_AHEAD.search(text, m.end()):
            break
        word = m.group("letters") or m.group("half") or ""
        if word in names or _RELATION_AHEAD.match(text, m.end()):
            break
        if m.group("dash") and not re.match(
            r"(?:\\frac\{|∂|\\partial|\\?[A-Za-zα-ωΑ-Ω]+(?:_\{?\w+\}?|\[\w+\])?\s*(?:=|≈))", text[m.end() :]
        ):
            break  # a minus, not a bullet
        place = m.end()
    return " " * place + text[place:] if place else text


class _Line:
    """The statements of one line, read in turn."""

    def __init__(self, reader: Reader) -> None:
        self.r = reader
        r = reader
        r.tokens, r.closing = _without_number(r.tokens, r.closing, r.text)
        if any(token[0] == "quad" for token in r.tokens):
            r.tokens, r.closing = _gaps(r.tokens, r.closing)

    def statements(self) -> tuple[Statement, ...]:
        r = self.r
        self._drop_trailing()
        found: list[Statement] = []
        while r.kind == "⇒":
            r.i += 1
        shared = self._ranges()  # `for t = 1..3: …`
        if shared and r.kind in (":", ","):
            r.i += 1
        leading = shared
        while r.kind != "eof":
            found.append(self._statement())
            ranges = self._ranges()
            if ranges:
                shared = ranges
                found = [s if s.ranges else replace(s, ranges=ranges) for s in found]
            if r.kind == "eof":
                break
            if r.kind in _BETWEEN or r.word_at(r.i) == "and" or r.kind == "⇒":
                while r.kind in _BETWEEN or r.word_at(r.i) == "and" or r.kind == "⇒":
                    r.i += 1
                if r.kind == "eof":
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

    def _unfinished(self, last: Statement, ranges: tuple[Range, ...]) -> None:
        r = self.r
        if r.kind in _ORDERING:
            r.fail("an inequality is no claim; expected = or ≈")
        after = "the ranges" if ranges else "this declaration" if isinstance(last, Declaration) else "this"
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
        if word.lower() in INTRODUCTIONS and word not in r.names and r.kind_at(r.i + 1) not in ("=", "_", "^"):
            intro = INTRODUCTIONS[word.lower()]
            r.i += 1
            if r.kind in (":", ","):
                r.i += 1
            if r.word_at(r.i) == "us" or r.word_at(r.i) == "that":
                r.i += 1
        if self._declares():
            return self._declaration(start)
        sides: list[Expr | Space] = [r.expression()]
        ops: list[str] = []
        while True:
            while r.kind == "quad":
                r.i += 1
            if r.kind in _EQUAL:
                ops.append(r.kind)
                r.i += 1
                sides.append(r.expression())
            elif r.kind == "∈":
                ops.append("∈")
                r.i += 1
                sides.append(self._space())
            elif r.kind == ":" and r.kind_at(r.i + 1) == "=":
                r.i += 1
            else:
                break
        if not ops:
            if r.kind in _ORDERING:
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
        while r.kind != "∈":
            r.i += 1  # a comma or `and`, as _declares has seen
            targets.append(self._target())
        r.i += 1
        if r.kind == "(" and self._fact_at(r.i - 1):
            r.i -= 1
            space = Space((), "R", (r.start, r.start))
        else:
            space = self._space()
        return Declaration(tuple(targets), space, self._facts(), (), (start, r.end))

    def _target(self) -> Expr:
        node = self.r.target()
        if not isinstance(node, Name | Index | Tag):
            self.r.fail("expected a name to declare", self.r.i - 1)
        return node

    # --- sets and facts --------------------------------------------------------------------------

    def _space(self) -> Space:
        r = self.r
        start = r.start
        letter = r.word_at(r.i)
        kind = {"R": "R", "ℝ": "R", "N": "N", "ℕ": "N"}.get(letter)
        if kind is None:
            r.fail(f"expected a set such as R^n or N, found {r.shown()}")
        r.i += 1
        axes: list[Expr | tuple[Expr, ...]] = []
        if r.take("^"):
            if r.kind in ("{", "("):
                axes = self._axes_group()
            else:
                axes = [self._axis(whole=False)]
            while self._at_cross() and r.kind_at(r.i + 1) in ("num", "name", "(", "{"):
                r.i += 1
                axes.append(self._axis(whole=False))
        return Space(tuple(axes), kind, (start, r.end))

    def _axes_group(self) -> list[Expr | tuple[Expr, ...]]:
        """The axes in brackets; a bracket around all of them means nothing."""
        r = self.r
        opening = r.i
        r.i += 1
        if r.kind in ("(", "{") and r.closing[r.i] == r.closing[opening] - 1:
            axes = self._axes_group()
        else:
            axes = [self._axis(whole=True)]
            while r.i < r.closing[opening]:
                if not (self._at_cross() or r.kind in (",", "*")):
                    r.fail(f"expected × between sizes, found {r.shown()}")
                r.i += 1
                axes.append(self._axis(whole=True))
        if r.i != r.closing[opening]:
            r.fail(f"expected × between sizes, found {r.shown()}")
        r.i += 1
        return axes

    def _axis(self, *, whole: bool) -> Expr | tuple[Expr, ...]:
        """A size, or several in a bracket."""
        r = self.r
        if r.kind in ("(", "{") and self._crossed(r.i):
            group = self._axes_group()
            flat: list[Expr] = []
            for axis in group:
                flat.extend(axis if isinstance(axis, tuple) else (axis,))
            return tuple(flat)
        self._split_crossed()
        in_space, r.in_space = r.in_space, True
        lowered, r.lowered = r.lowered, True
        size = r.expression() if whole else r.factor()
        r.in_space, r.lowered = in_space, lowered
        return size

    def _crossed(self, opening: int) -> bool:
        r = self.r
        i = opening + 1
        while i < r.closing[opening]:
            if r.kind_at(i) in ("×", ",") or r.word_at(i) == "x":
                return True
            i = r.closing.get(i, i) + 1
        return False

    def _split_crossed(self) -> None:
        """`mxn` is m × n, unless it is declared."""
        r = self.r
        word = r.word_at(r.i)
        if len(word) < 3 or "x" not in word or word in r.names:
            return
        pieces = word.split("x")
        if not all(len(piece) == 1 for piece in pieces):
            return
        start = r.start
        new: list[Token] = []
        for k, letter in enumerate(word):
            kind = "×" if k % 2 else "name"
            new.append((kind, letter, start + k, start + k + 1))
        grown = len(new) - 1
        here = r.i
        r.tokens[here : here + 1] = new
        r.closing = {
            a + (grown if a > here else 0): b + (grown if b > here else 0)
            for a, b in r.closing.items()
        }

    def _at_cross(self) -> bool:
        return self.r.kind == "×" or self.r.word_at(self.r.i) == "x"

    def _facts(self) -> tuple[str, ...]:
        r = self.r
        facts: list[str] = []
        while True:
            i = r.i
            while r.kind_at(i) == "," or r.word_at(i) in ("and", "a", "is", "are"):
                i += 1
            found = self._fact_at(i)
            if found is None:
                return tuple(facts)
            fact, size = found
            if fact not in facts:
                facts.append(fact)
            r.i = i + size

    def _fact_at(self, i: int) -> tuple[str, int] | None:
        """The fact spelled by the tokens from here, and how many they are."""
        tokens = self.r.tokens
        for spelled, fact in FACTS:
            if len(tokens) - i > len(spelled) and all(
                word == (token[1].lower() if token[0] == "name" else token[0] if token[0] != "num" else token[1])
                for word, token in zip(spelled, tokens[i : i + len(spelled)], strict=True)
            ):
                return fact, len(spelled)
        return None

    # --- ranges ----------------------------------------------------------------------------------

    def _ranges(self) -> tuple[Range, ...]:
        """`for t = 1..3, b = 1..T`; `for all t` restricts nothing."""
        r = self.r
        while r.kind in (",", "quad") and (
            r.word_at(r.i + 1) in ("for", "forall") or r.kind_at(r.i + 1) in ("∀", "(", "quad")
        ):
            r.i += 1
        bracket = False
        if r.word_at(r.i) in ("for", "forall") or r.kind == "∀":
            r.i += 1
            if r.word_at(r.i) in ("all", "each", "every", "any"):
                r.i += 1
        elif r.kind == "(" and (
            r.word_at(r.i + 1) in ("for", "forall")
            or r.kind_at(r.i + 1) == "∀"
            or (r.kind_at(r.i + 1) == "name" and r.kind_at(r.i + 2) == "=")
        ):
            bracket = True
            r.i += 1
            if r.word_at(r.i) in ("for", "forall") or r.kind == "∀":
                r.i += 1
        elif r.kind in (",", ";", "\\\\", "quad") and r.i and self._range_at(r.i + 1):
            r.i += 1
        else:
            return ()
        ranges: list[Range] = []
        while True:
            ranges.extend(self._range())
            if (r.kind == "," or r.word_at(r.i) == "and") and self._range_at(r.i + 1):
                r.i += 1
                continue
            break
        if bracket:
            r.expect(")", " after the range")
        return tuple(ranges)

    def _range_at(self, i: int) -> bool:
        """Whether another range comes: names with commas, then `=` and somewhere `..`."""
        r = self.r
        while r.kind_at(i) == "name":
            i += 1
            if r.kind_at(i) == "=":
                i += 1
                while r.kind_at(i) not in ("eof", "=", "∈", ";", "\\\\"):
                    if r.kind_at(i) == ".." or r.word_at(i) == "to":
                        return True
                    if r.word_at(i) in STOPS:
                        return False
                    i = r.closing.get(i, i) + 1
                return False
            if r.kind_at(i) == "∈":
                return r.kind_at(i + 1) in ("{", "⦃")
            if r.kind_at(i) != ",":
                return r.kind_at(i) in ("≤", "eof")
            i += 1
        return False

    def _range(self) -> list[Range]:
        r = self.r
        start = r.start
        if r.kind == "num":  # 1 ≤ t ≤ T
            return [self._between()]
        names: list[str] = []
        while True:
            if r.kind != "name":
                r.fail(f"expected an index such as t, found {r.shown()}")
            names.append(r.value)
            r.i += 1
            if r.kind == "," and r.kind_at(r.i + 1) == "name":
                r.i += 1
                continue
            break
        closing = ""
        if r.take("="):
            pass
        elif r.kind == "∈" or r.word_at(r.i) == "in":
            r.i += 1
            if r.kind in ("{", "⦃"):
                closing = "}" if r.kind == "{" else "⦄"
                r.i += 1
        else:
            return []  # for all t
        low, high = self._bounds()
        if closing:
            r.expect(closing)
        return [Range(name, low, high, (start, r.end)) for name in names]

    def _between(self) -> Range:
        r = self.r
        start = r.start
        low = r.expression()
        if not r.take("≤"):
            r.fail(f"expected ≤, found {r.shown()}")
        name = r.value if r.kind == "name" else ""
        r.i += 1
        if not name or not r.take("≤"):
            r.fail(f"expected a range such as t = 1..3, found {r.shown()}")
        return Range(name, low, r.expression(), (start, r.end))

    def _bounds(self) -> tuple[Expr, Expr]:
        """`1..3`, `1, …, T`, `1 to 3`, `3, 2, 1`, or a single value."""
        r = self.r
        values = [r.expression()]
        dotted = False
        while True:
            if r.kind == ".." or (r.kind == "," and r.kind_at(r.i + 1) == ".."):
                r.i += 1 if r.kind == ".." else 2
                r.take(",")
                dotted = True
            elif r.word_at(r.i) == "to":
                r.i += 1
                dotted = True
            elif r.kind == "," and not self._range_at(r.i + 1) and self._value_at(r.i + 1):
                r.i += 1
            else:
                break
            values.append(r.expression())
            if dotted:
                break
        if not dotted and not _in_steps(values):
            r.fail("expected a range such as t = 1..3", r.i - 1)
        return values[0], values[-1]

    def _value_at(self, i: int) -> bool:
        """Whether a further value of a list comes, not another statement."""
        r = self.r
        return r.starts(i) and r.kind_at(i + 1) in (",", "eof", "..", ")", "}", "⦄", "+", "-")


def _in_steps(values: list[Expr]) -> bool:
    """`3, 2, 1`: consecutive whole numbers, up or down."""
    if len(values) == 1:
        return True
    numbers = [value.value for value in values if isinstance(value, Number)]
    if len(numbers) != len(values):
        return False
    steps = {b - a for a, b in zip(numbers, numbers[1:], strict=False)}
    return steps == {1} or steps == {-1}


def _without_number(
    tokens: list[Token], closing: dict[int, int], text: str
) -> tuple[list[Token], dict[int, int]]:
    """Drop an equation's number `(3)` or `[1]`, set off at the end by a wide space."""
    if len(tokens) < 6 or tokens[-2][0] not in (")", "]") or tokens[-3][0] != "num":
        return tokens, closing
    opening = len(tokens) - 4
    if closing.get(opening) != opening + 2 or not any(t[0] in ("=", "≈", "∈") for t in tokens):
        return tokens, closing
    gap = text[tokens[opening - 1][3] : tokens[opening][2]]
    if tokens[opening - 1][0] == "quad" or (len(gap) > 1 and gap.isspace()):
        kept = {a: b for a, b in closing.items() if a != opening}
        return tokens[:opening] + tokens[-1:], kept
    return tokens, closing


def _gaps(tokens: list[Token], closing: dict[int, int]) -> tuple[list[Token], dict[int, int]]:
    """Keep a wide space only where it parts two relations."""
    depth = 0
    seen = False
    marks: list[int] = []
    relation_after = False
    ahead = [False] * len(tokens)
    for i in range(len(tokens) - 1, -1, -1):
        if tokens[i][0] in ("quad", ",", ";", "\\\\"):
            ahead[i] = relation_after
            relation_after = False
        elif tokens[i][0] in ("=", "≈", "∈"):
            relation_after = True
    for i, token in enumerate(tokens):
        kind = token[0]
        if i in closing:
            depth += 1
        elif kind in (")", "]", "}", "⦄", "⟩", "end"):
            depth -= 1
        elif depth == 0 and kind in ("=", "≈", "∈"):
            seen = True
        elif depth == 0 and kind == "quad" and seen and ahead[i]:
            before, after = tokens[i - 1][0], tokens[i + 1][0]
            if tokens[i + 1][1] in STOPS or (after == "(" and tokens[i + 3 : i + 4] and tokens[i + 3][0] == "="):
                continue  # a range
            if before not in _EQUAL and after not in _EQUAL and after not in ("quad", "∈", ","):
                marks.append(i)
                seen = False
    renamed = [(("\\\\", *t[1:]) if i in marks else t) for i, t in enumerate(tokens)]
    return without_gaps(renamed, closing)
