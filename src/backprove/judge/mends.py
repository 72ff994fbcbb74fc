"""What a scan or a hurried hand does to mathematics, and what undoes it.

Each function here gives options: changes of one kind, made at once wherever the same thing stands.
None looks at whether a change helps.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence

from backprove.judge.edits import Edit, described
from backprove.judge.troubles import Spot, Trouble
from backprove.model.entity import System
from backprove.notation import ReadError
from backprove.notation.spellings import ACCENTS, COMMANDS, FUNCTIONS
from backprove.notation.syntax import Span

Option = tuple[Edit, ...]

# --- tables --------------------------------------------------------------------------------------

#: letters and digits that are read for each other; capital and small letters always are
LOOK_ALIKES = (
    *("0OoΩ", "1lIℓ", "4y", "5Ss", "EF"),
    *("aα", "kκ", "nη", "pρ", "tτ", "uμ", "vν", "wω", "xχ", "yγ"),
    # letters of other alphabets that are drawn alike
    *("AΑА", "BΒВ", "CС", "EΕЕ", "HΗН", "IΙ", "KΚК", "MΜМ", "NΝ", "OΟО", "PΡР", "TΤТ", "XΧХ", "ZΖ"),
    *("aа", "cс", "eе", "oοо", "pр", "xх", "yу"),
)
#: names that have a meaning without being declared: no letter is mended into one of these
CONSTANTS = frozenset(("e", "π", "I", "ones", "δ"))
#: what a speck of dust becomes above a letter
SPECKS = frozenset(("o", "O", "ο", "°"))

_DUST = re.compile(r"\s*\^\s*(?:\{\s*(?:\\circ|\\degree|°|∘)\s*\}|\\circ(?![A-Za-z])|\\degree|°|∘)")
_DOUBLE_MINUS = re.compile(r"(?<=[A-Za-z0-9)])(\s?)(?:--|−−|—)(\s?)(?=[0-9A-Za-z])")
_ATOM = re.compile(r"\\[A-Za-z]+|\\.|[0-9]+(?:\.[0-9]+)?|[A-Za-z]+|\S")
_RUN = re.compile(r"[A-Za-z0-9]+(?:\.[A-Za-z0-9]+)*")
_PARTIAL = re.compile(r"(?<![0-9.])2(?=\s*(?:[^\W\d_]|\\(?!partial|cdot|times)[A-Za-z]|\())")
_TWO = re.compile(
    r"(?<=[\^_])\s*(?:∂|\\partial(?![A-Za-z]))|(?<=[\^_]\{)\s*(?:∂|\\partial(?![A-Za-z]))"
)
_TIMES = re.compile(r"(?:×|\\times(?![A-Za-z]))\s*(?=[_\[^])")
_TAIL = re.compile(r"\s*\\?\w+")
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


# --- letters -------------------------------------------------------------------------------------


def letters(text: str, troubles: Sequence[Trouble], system: System) -> Iterator[Option]:
    """Other letters for the first name that stands for nothing, wherever it stands."""
    for spot in troubles[0].spots:
        same = list(_equal(text, spot, troubles))
        ways = [dict(_alternatives(text, s, system)) for _, s in same]
        for how in dict(_alternatives(text, spot, system)):
            edits: list[Edit] = []
            for (trouble, _), found in zip(same, ways, strict=True):
                if how in found:
                    place, new = found[how]
                    edits.append(Edit(*place, new, described(text, trouble.shown, place, new)))
            yield tuple(edits)


def _equal(text: str, spot: Spot, troubles: Sequence[Trouble]) -> Iterator[tuple[Trouble, Spot]]:
    """The places where the same letters stand for nothing in the same part."""
    source = text[slice(*spot.span)]
    parts = ("factor", "term") if spot.part in ("factor", "term") else (spot.part,)
    for trouble in troubles:
        for other in trouble.spots:
            if text[slice(*other.span)] == source and other.part in parts:
                yield trouble, other
                break


def _alternatives(text: str, spot: Spot, system: System) -> Iterator[tuple[str, tuple[Span, str]]]:
    """Ways to change one letter at a place: a name for the way, the place and what it becomes."""
    span, part = spot.span, spot.part
    start, end = span
    written = text[start:end]
    if part == "exponent" and written in SPECKS:
        before = re.search(r"\^\s*\{?\s*$", text[:start])
        after = re.match(r"\s*\}" if before and "{" in before.group() else "", text[end:])
        if before and after:
            yield "dust", ((before.start(), end + after.end()), "")
    between_numbers = re.search(r"\d\s*$", text[:start]) and re.match(r"\s*\d", text[end:])
    if written in ("x", "X") and between_numbers:
        yield "×", (span, "×")
    marks = ""
    run, word = span, written
    if not written.isalnum():
        word, marks = _letter(written)
    elif part != "index":
        run = _run(text, span)
        word = text[slice(*run)]
    for position, other, new in _changed(word, part):
        new = unicodedata.normalize("NFC", new + marks)
        if new in CONSTANTS and not system.named(new):
            continue
        if part == "index" and other.isalpha() and not _is_index(other, text, system):
            continue
        if part == "index" and other.isdigit() and other not in "01" and system.named(word):
            continue  # p_y is meant as the probability of a class y, not as p_4
        yield f"{position - start + run[0]}{other}", (run, new)


def _changed(word: str, part: str) -> Iterator[tuple[int, str, str]]:
    """A word with one of its letters changed: the place, the new letter and the new word.

    A letter that comes again may be changed throughout: `1OO` is 100.
    """
    for position, sign in enumerate(word):
        for other in alike(sign):
            if len(word) > 1 and not other.isascii():
                continue  # such a letter would end the word
            if _may_become(sign, other, word[:position] + word[position + 1 :], part):
                yield position, other, word[:position] + other + word[position + 1 :]
            if word.find(sign) == position < word.rfind(sign) and _may_become(
                sign, other, word.replace(sign, ""), part
            ):
                yield position, other * 2, word.replace(sign, other)


def _run(text: str, span: Span) -> Span:
    """A word together with the digits that touch it: `1n`, `0.O5`."""
    for m in _RUN.finditer(text):
        if m.start() <= span[0] and span[1] <= m.end():
            return m.span() if any(c.isdigit() for c in m.group()) else span
    return span


def _is_index(letter: str, text: str, system: System) -> bool:
    """Whether a letter may stand below: a size, part of a name, an index elsewhere in the line."""
    joined = any(name.endswith(f"_{letter}") for name in system.names())
    return joined or system.is_size(letter) or letter in {m.group() for m in _ATOM.finditer(text)}


def _may_become(sign: str, other: str, rest: str, part: str) -> bool:
    """A digit is no name, a name no digit, but where the rest of the word or the place says so."""
    if sign.isdigit():
        return part != "index" and not other.isdigit()
    if not other.isdigit():
        return True
    among_digits = bool(rest) and not rest.strip("0123456789.OoIlS") and part != "exponent"
    return part == "index" or among_digits or (other == "1" and part == "term" and not rest)


def _letter(written: str) -> tuple[str, str]:
    """The letter that a command or a dressed letter stands for, and its accents."""
    m = re.fullmatch(r"\\([A-Za-z]+)\s*(?:\{\s*(.+?)\s*\})?", written)
    if m is None:
        plain = unicodedata.normalize("NFD", written)
        return (plain[0], plain[1:]) if plain[:1].isalpha() else ("", "")
    command, inner = m.groups()
    if inner is None:
        kind, value = COMMANDS.get(command, ("", ""))
        return (value, "") if kind == "name" else ("", "")
    letter, marks = _letter(inner)
    return letter, marks + ACCENTS.get(command, "")


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
            Edit(*m.span(), "-", described(text, (m.start() - 1, m.end() + 1), m.span(), "-"))
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
                tail = _TAIL.match(text, m.end())
                shown = (m.start() - (new == "2"), tail.end() if tail else m.end())
                yield (Edit(*m.span(), new, described(text, shown, m.span(), new)),)


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
                yield (
                    Edit(
                        start,
                        end,
                        "\\" + new,
                        described(text, (start, end), (start, end), "\\" + new),
                    ),
                )


def _brackets(text: str, error: ReadError) -> Iterator[Option]:
    """A bracket that was lost, wherever it may have been."""
    for lost, places in _lost(list(_ATOM.finditer(text))):
        for place in places:
            part = text[max(0, place - 12) : place].strip()
            where = f"behind `{'…' if place > 12 else ''}{part}`" if part else "first"
            yield (Edit(place, place, lost, f"put `{lost}` {where}"),)


def _lost(atoms: list[re.Match[str]]) -> Iterator[tuple[str, list[int]]]:
    """The first bracket without its partner, and where that may have been."""
    open_: list[int] = []
    for i, atom in enumerate(atoms):
        sign = atom.group()
        if sign in _LOST:
            open_.append(i)
        elif sign in _FOUND:
            if not open_:
                yield _FOUND[sign], [a.start() for a in _level(atoms[:i])][::-1]
                return
            if _LOST[atoms[open_[-1]].group()] != sign:
                yield _closing(atoms[open_[-1] : i])
                return
            open_.pop()
    if open_:
        yield _closing(atoms[open_[-1] :])


def _closing(atoms: list[re.Match[str]]) -> tuple[str, list[int]]:
    """What closes the first of these atoms, and where it may do so."""
    return _LOST[atoms[0].group()], [a.end() for a in _level(atoms[1:], closed=True)][::-1]


def _level(atoms: list[re.Match[str]], closed: bool = False) -> Iterator[re.Match[str]]:
    """The atoms outside all brackets; of a bracket its first sign, or with `closed` its last."""
    depth = 0
    for atom in atoms:
        sign = atom.group()
        if sign in _FOUND:
            depth -= 1
        if depth == 0 and (closed or sign not in _FOUND) and (not closed or sign not in _LOST):
            yield atom
        if sign in _LOST:
            depth += 1


WAYS: tuple[Callable[[str, ReadError], Iterator[Option]], ...] = (
    _dust,
    _minus,
    _signs,
    _command,
    _brackets,
)
"""What may be wrong with text that cannot be read."""
