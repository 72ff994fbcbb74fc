"""Ways of writing that the notation does not know, but people do: other texts to judge instead.

Each mend is tried only on a claim that is not accepted as it stands, and is said in the report.
A mend changes how a thing is written, never what: no factor, sign, index value or bound.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from backprove.model.entity import System

_NAME = r"[A-Za-zα-ωΑ-Ωℓ]"
_CALL = re.compile(
    rf"(?P<name>{_NAME}+(?:_(?:\{{[^{{}}]*\}}|\w))?)\s*\(\s*(?P<argument>{_NAME}+(?:_\w)?)\s*\)"
)
_SUM = re.compile(r"(?P<sign>\\sum|[ΣΣ∑])(?!\s*(?:_|\^|\\limits|\(\s*\w+\s*=))\s*")
_INDEX = re.compile(rf"{_NAME}_\{{?([a-z])\}}?(?![a-z0-9_])")
_LONE_NAME = re.compile(rf"{_NAME}+(?:_(?:\{{[^{{}}]*\}}|\w))?")
_MEMBER = re.compile(rf"(?<![A-Za-z\\])(?P<name>{_NAME})_\{{?(?P<index>\w)\}}?")
_SPACED_FRACTION = re.compile(r"(?<=\s)/\s+(?P<under>[\d.]+(?:[-+][\d.]+)+)(?=\s|$)")
_NOTE = re.compile(r"read `([^`]+)` as `([^`]+)`")


@dataclass(frozen=True, slots=True)
class Mended:
    """Another text for a claim, and what was read differently, in words."""

    text: str
    notes: tuple[str, ...] = ()


def mended(text: str, system: System, habits: Mapping[str, str]) -> Mended | None:
    """The claim with all that can be mended in it; None where there is nothing.

    `habits` are letters that were read as others before in the same submission.
    """
    found = Mended(text)
    notes: list[str] = []
    ways: tuple[Callable[[str, System, list[str]], str], ...] = (
        _indices_in_brackets,
        _applications,
        _members_of_a_step,
        _sums_without_index,
    )
    for way in ways:
        found = Mended(way(found.text, system, notes), tuple(dict.fromkeys(notes)))
    found = _applied(found, _habits(found.text, system, habits))
    return found if found.notes else None


def grouped_by_spaces(text: str) -> Mended | None:
    """`0 / 3+1`, where blanks show what belongs together, as `0 / (3+1)`; None for other texts."""
    new = _SPACED_FRACTION.sub(lambda m: f"/ ({m['under']})", text)
    return None if new == text else _applied(Mended(text), new)


def habits_of(notes: tuple[str, ...]) -> dict[str, str]:
    """The letters that a repair has read as others."""
    return {m[1]: m[2] for note in notes if (m := _NOTE.fullmatch(note)) and len(m[1]) == 1}


def _applied(before: Mended, text: str) -> Mended:
    if text == before.text:
        return before
    return Mended(text, (*before.notes, _difference(before.text, text)))


def _difference(old: str, new: str) -> str:
    """`read … as …`, without what the two have in common at their ends."""
    start = 0
    while start < min(len(old), len(new)) and old[start] == new[start]:
        start += 1
    end = 0
    while end < min(len(old), len(new)) - start and old[-1 - end] == new[-1 - end]:
        end += 1
    while start and not old[start - 1].isspace():
        start -= 1
    while end and not old[len(old) - end].isspace():
        end -= 1
    return read_as(old[start : len(old) - end].strip(), new[start : len(new) - end].strip())


def read_as(old: str, new: str) -> str:
    """A repair in words."""
    return f"read `{old}` as `{new}`"


def _plain(name: str) -> str:
    return name.replace("{", "").replace("}", "")


def _applications(text: str, system: System, notes: list[str]) -> str:
    """`f_W(x)` is the f_W that the model defines: a function may be named with its argument."""

    def named(match: re.Match[str]) -> str:
        name = _plain(match["name"])
        base, _, index = name.partition("_")
        entities = system.named(name) or (system.named(base) if index else [])
        defined = any(entity.body is not None for entity in entities)
        argument = _plain(match["argument"]).partition("_")[0]
        known = system.named(_plain(match["argument"])) or system.named(argument)
        if not (defined and known):
            return match.group()
        notes.append(read_as(match.group(), match["name"]))
        return match["name"]

    return _CALL.sub(named, text)


def _indices_in_brackets(text: str, system: System, notes: list[str]) -> str:
    """`y(i)` for `y_i`, where i is no name of the model."""

    def indexed(match: re.Match[str]) -> str:
        letter = match["argument"]
        vector = any(e.shape or e.index for e in system.named(_plain(match["name"])))
        known = len(letter) != 1 or system.named(letter) or system.is_size(letter)
        if known or not vector:
            return match.group()
        notes.append(read_as(match.group(), f"{match['name']}_{letter}"))
        return f"{match['name']}_{letter}"

    return _CALL.sub(indexed, text)


def _sums_without_index(text: str, system: System, notes: list[str]) -> str:
    """`Σ exp(w_i)` sums over the one index in it, `Σ P` over the entries of P."""
    position = 0
    while match := _SUM.search(text, position):
        rest = text[match.end() :]
        position = match.end()
        letters = {i for i in _INDEX.findall(_factor(rest)) if not system.is_size(i)}
        name = _LONE_NAME.match(rest)
        if len(letters) == 1:
            letter = letters.pop()
            notes.append(read_as(match["sign"], f"{match['sign']}_{letter}"))
            text = f"{text[: match.start()]}{match['sign']}_{letter} {rest}"
        elif not letters and name and system.named(_plain(name.group())):
            notes.append(read_as(f"{match['sign']} {name.group()}", f"sum({name.group()})"))
            text = f"{text[: match.start()]}sum({name.group()}){rest[name.end() :]}"
    return text


def _factor(text: str) -> str:
    """The text up to the bracket that closes around it, or to a sign at its level."""
    depth = 0
    for place, char in enumerate(text):
        depth += (char in "([{") - (char in ")]}")
        if depth < 0 or (depth == 0 and char in "+-=/"):
            return text[:place]
    return text


def _members_of_a_step(text: str, system: System, notes: list[str]) -> str:
    """`k_1` beside `q_1[t]` is `k_1[t]`: the step that all others have was not written again."""
    steps = {
        m.group(1)
        for m in re.finditer(rf"{_NAME}_\{{?\w\}}?\s*(\[[^\[\]]*\])", text)
        if _is_double(m.group()[0], system)
    }
    if len(steps) != 1:
        return text
    (step,) = steps

    def stepped(match: re.Match[str]) -> str:
        behind = text[match.end() :].lstrip()
        if not _is_double(match["name"], system) or behind.startswith(("[", ",")):
            return match.group()
        notes.append(read_as(match.group(), match.group() + step))
        return match.group() + step

    return _MEMBER.sub(stepped, text)


def _is_double(name: str, system: System) -> bool:
    """Whether a name is a family with two indices, and none with one."""
    arities = {len(entity.index) for entity in system.named(name)}
    return 2 in arities and 1 not in arities


def _habits(text: str, system: System, habits: Mapping[str, str]) -> str:
    for old, new in habits.items():
        if not system.named(old):
            text = re.sub(rf"(?<![A-Za-z\\_]){re.escape(old)}(?![A-Za-z_(\[])", new, text)
    return text
