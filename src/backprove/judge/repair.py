"""Scanned and careless text: the one repair that gives a line a meaning, and what it was.

A repair is looked for only where the text as it stands has no meaning. Names that stand for
nothing get other letters from a table of look-alikes; text that cannot be read gets a lost bracket,
a lost ∂ and the like. Whether a repair will do is told by names alone (`troubles.examine`), never
by whether the claim becomes true. Of all repairs those with the fewest changes count, and where
several of these would do there is none: the reader is told of them instead.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from backprove.judge.troubles import Decimal, Examined, Spot, Trouble, examine
from backprove.model.entity import System
from backprove.model.meaning import meaning
from backprove.model.scope import Scope
from backprove.model.value import NoMeaning
from backprove.notation import ReadError
from backprove.notation.spellings import COMMANDS, FUNCTIONS
from backprove.notation.syntax import Index, Name, Number, Span, Statement

#: changes tried together, lines tried, and the longest line that is repaired
MOST_CHANGES = 6
MOST_TRIED = 400
LONGEST = 2_000

# --- tables --------------------------------------------------------------------------------------

#: letters and digits that are read for each other; capital and small letters always are
LOOK_ALIKES = ("0OoΩ", "1lIℓi", "4y", "5Ss", "EF", "EΕ", "vν", "uμ", "wω", "pρ", "xχ", "aα")
#: what a speck of dust becomes above a letter
SPECKS = frozenset(("o", "O", "ο", "°"))

_DUST = re.compile(r"\s*\^\s*(?:\{\s*(?:\\circ|\\degree|°|∘)\s*\}|\\circ(?![A-Za-z])|\\degree|°|∘)")
_DOUBLE_MINUS = re.compile(r"(?<=[A-Za-z0-9)])(\s?)(?:--|−−|—)(\s?)(?=[0-9A-Za-z])")
_ATOM = re.compile(r"\\[A-Za-z]+|\\.|[0-9]+(?:\.[0-9]+)?|[A-Za-z]+|\S")
_RUN = re.compile(r"[A-Za-z0-9]+(?:\.[A-Za-z0-9]+)*")
_PARTIAL = re.compile(r"(?<![0-9.])2(?=\s*(?:[^\W\d_]|\\(?!partial|cdot|times)[A-Za-z]|\())")
_TWO = re.compile(r"(?<=[\^_])\s*(?:∂|\\partial(?![A-Za-z]))|(?<=[\^_]\{)\s*(?:∂|\\partial(?![A-Za-z]))")
_TIMES = re.compile(r"(?:×|\\times(?![A-Za-z]))\s*(?=[_\[^])")
_LOST = {"(": ")", "[": "]", "{": "}", "\\{": "\\}"}
_FOUND = {closing: opening for opening, closing in _LOST.items()}


def _look_alikes() -> dict[str, str]:
    table: dict[str, str] = {}
    for group in LOOK_ALIKES:
        for sign in group:
            table[sign] = table.get(sign, "") + group.replace(sign, "")
    return table


_ALIKE = _look_alikes()


def alike(sign: str) -> list[str]:
    """What a letter or digit may have been."""
    found = list(_ALIKE.get(sign, ""))
    turned = sign.swapcase()
    if turned != sign and len(turned) == 1 and turned not in found:
        found.append(turned)
    return found


# --- a line with changes -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, order=True)
class Edit:
    """The characters `start` to `end` of the line as written become `new`."""

    start: int
    end: int
    new: str
    note: str


@dataclass(frozen=True)
class Repaired:
    """A line as written, with the changes that give it a meaning."""

    line: str
    edits: tuple[Edit, ...] = ()

    @property
    def text(self) -> str:
        return self._parts[0]

    @property
    def notes(self) -> tuple[str, ...]:
        return self.notes_in((0, len(self.line)))

    def notes_in(self, span: Span) -> tuple[str, ...]:
        """What was changed in a part of the line as written."""
        low, high = span
        inside = [e for e in self.edits if low <= e.start and e.end <= high]
        return tuple(dict.fromkeys(e.note for e in inside))

    def origin(self, span: Span) -> Span:
        """The place in the line as written of a place in the repaired text."""
        places = self._parts[1]
        start, end = (max(0, min(p, len(places) - 1)) for p in span)
        if end <= start:
            return places[start][0], places[start][0]
        return places[start][0], max(places[end - 1][1], places[start][0])

    def changed(self, edits: Sequence[Edit]) -> Repaired | None:
        """With more changes, whose places are in the repaired text; None where they overlap."""
        places = self._parts[1]
        fresh: list[Edit] = []
        for edit in edits:
            if any(places[p][2] for p in range(edit.start, edit.end)):
                return None
            start, end = self.origin((edit.start, edit.end))
            fresh.append(Edit(start, end, edit.new, edit.note))
        together = sorted({*self.edits, *fresh})
        for before, after in zip(together, together[1:], strict=False):
            if after.start < before.end:
                return None
        return Repaired(self.line, tuple(together))

    @cached_property
    def _parts(self) -> tuple[str, list[tuple[int, int, bool]]]:
        """The repaired text; for each of its characters, where it was and whether it is new."""
        text = ""
        places: list[tuple[int, int, bool]] = []
        at = 0
        for edit in self.edits:
            text += self.line[at : edit.start] + edit.new
            places += [(i, i + 1, False) for i in range(at, edit.start)]
            places += [(edit.start, edit.end, True)] * len(edit.new)
            at = edit.end
        text += self.line[at:]
        places += [(i, i + 1, False) for i in range(at, len(self.line) + 1)]
        return text, places


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """Several repairs would do equally well: each in words."""

    options: tuple[str, ...]

    @property
    def reason(self) -> str:
        shown = self.options[:4]
        more = len(self.options) - len(shown)
        return "several repairs would do: " + ", or ".join(shown) + (f", or {more} more" if more else "")


# --- the search ----------------------------------------------------------------------------------

Option = tuple[Edit, ...]


def repair(line: str, system: System) -> Repaired | Ambiguous | None:
    """The repair that gives a line a meaning; None where it has one, or where none is found."""
    if len(line) > LONGEST:
        return None
    frontier = [Repaired(line)]
    known = {line}
    solutions: dict[tuple[Statement, ...], Repaired] = {}
    for change in range(MOST_CHANGES + 1):
        following: list[Repaired] = []
        for draft in frontier:
            state = _state(draft.text, system)
            options = list(_options(draft.text, state, system))
            if isinstance(state, Examined) and not _pending(state, options):
                if not change:
                    return None
                solutions.setdefault(state.statements, draft)
                continue
            for option in options:
                changed = draft.changed(option)
                if changed is not None and changed.text not in known:
                    known.add(changed.text)
                    if len(known) > MOST_TRIED:
                        return None  # so damaged that nothing can be said to be the only repair
                    if _better(state, _state(changed.text, system)):
                        following.append(changed)
        if solutions:
            break
        frontier = following
    found = list(solutions.values())
    if len(found) > 1:
        return Ambiguous(tuple("; ".join(f.notes) for f in found))
    return found[0] if found else None


def _state(text: str, system: System) -> Examined | ReadError:
    try:
        return examine(text, system)
    except ReadError as error:
        return error


def _pending(state: Examined, options: list[Option]) -> bool:
    return bool(state.troubles) or bool(options)


def _better(before: Examined | ReadError, after: Examined | ReadError) -> bool:
    """Whether a change has mended something and spoilt nothing."""
    if isinstance(after, ReadError):
        return isinstance(before, ReadError) and (after.message, after.span) != (
            before.message,
            before.span,
        )
    if isinstance(before, ReadError):
        return True
    if before.troubles:
        return len(after.troubles) < len(before.troubles)
    return not after.troubles and len(after.decimals) < len(before.decimals)


def _options(text: str, state: Examined | ReadError, system: System) -> Iterator[Option]:
    """The changes to try next: each is one, though it may be made in several places."""
    if isinstance(state, ReadError):
        for way in _WAYS:
            yield from way(text, state)
    elif state.troubles:
        yield from _letters(text, state.troubles)
    else:
        for number in dict.fromkeys(d.text for d in state.decimals):
            yield from _decimals(number, state, system)


def _note(text: str, shown: Span, edit: Span, new: str) -> str:
    start, end = min(shown[0], edit[0]), max(shown[1], edit[1])
    after = text[start : edit[0]] + new + text[edit[1] : end]
    return f"read `{text[start:end]}` as `{after}`"


# --- letters -------------------------------------------------------------------------------------


def _letters(text: str, troubles: Sequence[Trouble]) -> Iterator[Option]:
    """Other letters for the first name that stands for nothing, wherever it stands."""
    first = troubles[0]
    for spot in first.spots:
        source = text[slice(*spot.span)]
        same: list[tuple[Trouble, Span]] = []
        for trouble in troubles:
            for other in trouble.spots:
                if text[slice(*other.span)] == source and other.part == spot.part:
                    same.append((trouble, other.span))
                    break
        news = {span: dict(_alternatives(text, span, spot.part)) for _, span in same}
        for how in news[spot.span]:
            edits: list[Edit] = []
            for trouble, span in same:
                if how in news[span]:
                    (start, end), new = news[span][how]
                    note = _note(text, trouble.shown, (start, end), new)
                    edits.append(Edit(start, end, new, note))
            yield tuple(edits)
    if first.drop is not None:
        superscript = text[slice(*first.drop)].strip("^{} \t")
        if superscript in SPECKS:
            same_dust = [t for t in troubles if t.drop and text[slice(*t.drop)].strip("^{} \t") in SPECKS]
            yield tuple(
                Edit(*t.drop, "", _note(text, t.shown, t.drop, ""))
                for t in same_dust
                if t.drop is not None
            )


def _alternatives(text: str, span: Span, part: str) -> Iterator[tuple[str, tuple[Span, str]]]:
    """Ways to change one letter at a place: a name for the way, the place and what it becomes."""
    start, end = span
    written = text[start:end]
    if not written.isalnum():
        canonical = _canonical(written)
        if canonical:
            base, marks = unicodedata.normalize("NFD", canonical)[0], canonical_marks(canonical)
            for sign in alike(base):
                if not sign.isdigit() or part == "index":
                    yield sign, (span, unicodedata.normalize("NFC", sign + marks))
        return
    run = next((m.span() for m in _RUN.finditer(text) if m.start() <= start and end <= m.end()), span)
    if not any(c.isdigit() for c in text[slice(*run)]) or part == "index":
        run = span
    word = text[slice(*run)]
    for position, sign in enumerate(word):
        for other in alike(sign):
            if _may_become(sign, other, word, position, part):
                new = word[:position] + other + word[position + 1 :]
                yield f"{position - (start - run[0])}{other}", (run, new)
    if written in ("x", "X") and re.search(r"\d\s*$", text[:start]) and re.match(r"\s*\d", text[end:]):
        yield "×", (span, "×")


def _may_become(sign: str, other: str, word: str, position: int, part: str) -> bool:
    """A digit is no name, and a name no digit, but where its neighbours or its place say so."""
    if sign.isdigit():
        return part != "index" and not other.isdigit()
    if not other.isdigit():
        return True
    if part == "exponent":
        return False
    rest = word[:position] + word[position + 1 :]
    among_digits = bool(rest) and not rest.strip("0123456789.OoIlS")
    return part == "index" or among_digits or (other == "1" and part == "term" and not rest)


def _canonical(written: str) -> str:
    """The letter that a command or a dressed letter stands for; nothing for anything else."""
    if written.startswith("\\"):
        kind, value = COMMANDS.get(written[1:], ("", ""))
        if kind == "name":
            return value
        dressed = re.fullmatch(r"\\[A-Za-z]+\s*\{\s*(\\?[A-Za-z]+)\s*\}", written)
        inner = dressed.group(1) if dressed else ""
        return _canonical(inner) if inner.startswith("\\") else inner if len(inner) == 1 else ""
    base = unicodedata.normalize("NFD", written)
    return written if base and base[0].isalpha() and not canonical_marks(written).isalnum() else ""


def canonical_marks(name: str) -> str:
    """The accents on a letter."""
    return unicodedata.normalize("NFD", name)[1:]


# --- decimals that are members -------------------------------------------------------------------


def _decimals(number: str, state: Examined, system: System) -> Iterator[Option]:
    """`0.2 - y_2` as `O_2 - y_2`, where a number cannot stand and the member fits."""
    same = [d for d in state.decimals if d.text == number]
    whole, _, member = number.partition(".")
    if whole != "0" or not member.isdigit() or state.numbers.count(number) != len(same):
        return
    for letter in alike(whole):
        if all(_fits(d, letter, member, system) for d in same):
            new = f"{letter}_{member}" if len(member) == 1 else f"{letter}_{{{member}}}"
            yield tuple(Edit(*d.span, new, f"read `{number}` as `{new}`") for d in same)


def _fits(decimal: Decimal, letter: str, member: str, system: System) -> bool:
    """Whether the member exists and has the shape of another term of the sum."""
    scope = Scope(system, open=True)
    name = Index(Name(letter), (Number(Fraction(member), member),))
    try:
        shape = meaning(name, scope).shape
    except NoMeaning:
        return False
    if not shape or not system.named(letter):
        return False
    for term in decimal.beside:
        try:
            if meaning(term, scope).shape == shape:
                return True
        except NoMeaning:
            continue
    return False


# --- text that cannot be read --------------------------------------------------------------------


def _dust(text: str, error: ReadError) -> Iterator[Option]:
    """`h_j^\\circ` is h_j."""
    found = [m.span() for m in _DUST.finditer(text)]
    if found:
        yield tuple(Edit(*s, "", f"left out `{text[slice(*s)].strip()}`") for s in found)


def _minus(text: str, error: ReadError) -> Iterator[Option]:
    """`h_{t--1}` is h_{t-1}: between indices only, for elsewhere two signs may be meant."""
    found = [m for m in _DOUBLE_MINUS.finditer(text) if _in_index(text, m.start())]
    if found:
        yield tuple(
            Edit(*m.span(), "-", _note(text, (m.start() - 1, m.end() + 1), m.span(), "-"))
            for m in found
        )


def _in_index(text: str, place: int) -> bool:
    """Whether a place is in the subscript or component of a name."""
    depth = 0
    for i in range(place - 1, -1, -1):
        depth += (text[i] in ")]}") - (text[i] in "([{")
        if depth < 0:
            return text[i] == "[" or text[:i].rstrip().endswith("_")
    return False


def _signs(text: str, error: ReadError) -> Iterator[Option]:
    """A `2` before a name was ∂, a ∂ as an exponent was 2, a × with indices was x."""
    for pattern, news in ((_PARTIAL, ("∂",)), (_TWO, ("2",)), (_TIMES, ("x", "X"))):
        for m in pattern.finditer(text):
            for new in news:
                shown = (max(0, m.start() - 2), min(len(text), m.end() + 2))
                yield (Edit(*m.span(), new, _note(text, shown, m.span(), new)),)


def _command(text: str, error: ReadError) -> Iterator[Option]:
    """`\\In` is \\ln: one letter of an unknown command."""
    start, end = error.span
    word = text[start + 1 : end]
    if text[start : start + 1] != "\\" or not word.isalnum():
        return
    for position, sign in enumerate(word):
        for other in alike(sign):
            new = word[:position] + other + word[position + 1 :]
            if new in COMMANDS or new in FUNCTIONS:
                yield (Edit(start, end, "\\" + new, _note(text, (start, end), (start, end), "\\" + new)),)


def _brackets(text: str, error: ReadError) -> Iterator[Option]:
    """A bracket that was lost, wherever it may have been."""
    atoms = list(_ATOM.finditer(text))
    for lost, places in _lost(atoms):
        for place in places:
            part = _shortened(text[place - 12 : place] if place > 12 else text[:place])
            yield (Edit(place, place, lost, f"put `{lost}` behind `{part}`" if part else f"put `{lost}` first"),)


def _shortened(text: str) -> str:
    return text.strip()


def _lost(atoms: list[re.Match[str]]) -> Iterator[tuple[str, list[int]]]:
    """The first bracket without its partner, and where that may have been."""
    open_: list[int] = []
    for i, atom in enumerate(atoms):
        sign = atom.group()
        if sign in _LOST:
            open_.append(i)
        elif sign in _FOUND:
            if open_ and _LOST[atoms[open_[-1]].group()] == sign:
                open_.pop()
            elif open_:
                opening = open_[-1]
                yield _LOST[atoms[opening].group()], [a.end() for a in atoms[opening + 1 : i]]
                return
            else:
                yield _FOUND[sign], [a.start() for a in atoms[:i]]
                return
    if open_:
        opening = open_[-1]
        yield _LOST[atoms[opening].group()], [a.end() for a in atoms[opening + 1 :]]


_WAYS: tuple[Callable[[str, ReadError], Iterator[Option]], ...] = (
    _dust,
    _minus,
    _signs,
    _command,
    _brackets,
)
"""What may be wrong with text that cannot be read."""
