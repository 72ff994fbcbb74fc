"""The outer shape of a formula: its relation signs, its sides, and what hangs on behind.

Only the level outside all brackets is looked at, and nothing is given a meaning, so that a formula
which a scan has damaged inside still falls into the right pieces.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from backprove.documents.words import only_words

_COMMAND = re.compile(r"\\(?:[A-Za-z]+|.)", re.DOTALL)
_WORD = re.compile(r"[A-Za-z]+")
_ARGUMENT = re.compile(r"\s*\{([^{}]*)\}")
_TEXT_COMMANDS = {"text", "textrm", "textnormal", "textit", "textbf", "mbox", "mathrm"}
_RELATIONS = {"≈", "∈", "≔", "\\in", "\\approx", "\\simeq", "\\coloneqq"}
_CLAUSES = {"for", "if", "when", "where", "otherwise", "else", "because", "since", "with", "forall"}
_SET_AHEAD = re.compile(r"\s*(?:\\mathbb|\\R\b|\\N\b|[ℝℕ]|[RN](?![A-Za-z]))")
_BOUND_BEHIND = re.compile(r"(?:\\sum|\\prod|\bsum|\bprod|[Σ∑∏])\s*_\s*\w+\s*$")

Place = tuple[str, int, int]


def _outside(text: str) -> Iterator[Place]:
    """The tokens outside all brackets: commands, words and single characters, with their places."""
    depth = 0
    i = 0
    while i < len(text):
        char = text[i]
        end = i + 1
        token = char
        if char == "\\" and (match := _COMMAND.match(text, i)):
            token, end = match.group(), match.end()
            if token in ("\\begin", "\\{"):
                depth += 1
            elif token in ("\\end", "\\}"):
                depth = max(0, depth - 1)
            if token[1:] in _TEXT_COMMANDS | {"begin", "end"} and (
                argument := _ARGUMENT.match(text, end)
            ):
                end = argument.end()
        elif char in "([{":
            depth += 1
        elif char in ")]}":
            depth = max(0, depth - 1)
        elif char.isascii() and char.isalpha() and (word := _WORD.match(text, i)):
            token, end = word.group(), word.end()
        if depth == 0:
            yield token, i, end
        i = end


def _is_clause(token: str, text: str, start: int, end: int) -> bool:
    if token in _CLAUSES:
        return start > 0
    if token == "\\forall":
        return True
    if token[1:] in _TEXT_COMMANDS:
        first = re.match(r"[^{]*\{\s*,?\s*([A-Za-z]*)", text[start:end])
        return start > 0 and first is not None and first.group(1).lower() in _CLAUSES
    return False


def clause_start(text: str) -> int:
    """Where `for t = 1..3`, `when …`, `otherwise` begins; the length where nothing hangs on."""
    for token, start, end in _outside(text):
        if _is_clause(token, text, start, end):
            return start
    return len(text)


def relations(text: str) -> list[tuple[int, int]]:
    """The places of the signs `=`, `:=`, `≈`, `∈` between the sides, up to a clause."""
    found: list[tuple[int, int]] = []
    for token, start, end in _outside(text):
        if _is_clause(token, text, start, end):
            break
        if token == "=":
            before, after = text[start - 1 : start], text[end : end + 1]
            if (before and before in "<>!=≤≥") or (after and after in "=>"):
                continue
            if _BOUND_BEHIND.search(text, max(0, start - 24), start):
                continue
            found.append((start - 1 if before == ":" else start, end))
        elif token in _RELATIONS or (token == "in" and start and _SET_AHEAD.match(text, end)):
            found.append((start, end))
    return found


def sides(text: str) -> list[str]:
    """What stands between the relation signs, stripped; what hangs on stays with the last side."""
    places = relations(text)
    starts = [0, *(end for _, end in places)]
    ends = [*(start for start, _ in places), len(text)]
    return [text[start:end].strip() for start, end in zip(starts, ends, strict=True)]


def is_claim(text: str) -> bool:
    """True of a formula with a relation sign and something on both sides of each."""
    parts = sides(text)
    return len(parts) > 1 and all(has_substance(part) for part in parts)


def has_substance(side: str) -> bool:
    """True of a side in which there is anything but spaces and punctuation."""
    bare = re.sub(r"\\q?quad\b|\\[,;:! ]", " ", side)
    return re.search(r"[^\s.,;:!?~{}()\[\]\\]", bare) is not None


def is_balanced(text: str) -> bool:
    """True where the brackets of a line close in the order they were opened."""
    pairs = {")": "(", "]": "[", "}": "{"}
    open_: list[str] = []
    for char in text:
        if char in "([{":
            open_.append(char)
        elif char in pairs and (not open_ or open_.pop() != pairs[char]):
            return False
    return not open_


_COMPARISON = re.compile(
    r"[=≈∈<>≤≥≠∝≡∼]|\\(?:in|approx|simeq|le|leq|ge|geq|ne|neq|propto|equiv|sim|to|mapsto)\b"
)


def compares(text: str) -> bool:
    """True where a sign of comparison of any kind stands outside the brackets."""
    return any(_COMPARISON.fullmatch(token) for token, _, _ in _outside(text))


_JOINING = r"(?:[+·×⊙∘]|\\(?:cdot|times|odot|circ|otimes|oplus)\b|\*)"
_STARTS_OPERATOR = re.compile(rf"\s*(?:{_JOINING}|[-−])")
_STARTS_JOINING = re.compile(rf"\s*{_JOINING}")
_ENDS_OPEN = re.compile(rf"(?:{_JOINING}|[-−/=≈∈]|\\approx|\\in)\s*$")
_BARE_OPERATOR = re.compile(rf"\s*(?:{_JOINING}|[-−=≈])\s*")


def begins_with_relation(text: str) -> bool:
    places = relations(text)
    return bool(places) and not has_substance(text[: places[0][0]])


def continues_side(text: str) -> bool:
    """True of a formula that can only go on with the side before it: `+ c`, `\\cdot W`, `- b`.

    `- a = b` may be a claim of its own, and is taken as one.
    """
    if _STARTS_JOINING.match(text):
        return True
    return _STARTS_OPERATOR.match(text) is not None and not relations(text)


def is_open(text: str) -> bool:
    """True of a formula that ends in an operator or a relation sign, and so has to go on."""
    return _ENDS_OPEN.search(text) is not None


def is_bare_operator(text: str) -> bool:
    return _BARE_OPERATOR.fullmatch(text) is not None


_NUMERIC_COMMANDS = re.compile(
    r"\\(?:[dtc]?frac|sqrt|ln|log|exp|cdot|times|div|left|right|pi|approx|q?quad|[,;:!%{}\s])"
    r"|(?<![A-Za-z])(?:ln|log|exp|sqrt|pi)(?![A-Za-z])"
    r"|(?<=\d)e[-+]?\d"
)


def is_nameless(text: str) -> bool:
    """True of a formula in which no name stands, so that every model fits it and none is meant."""
    return re.search(r"[^\W\d_π]|[\\_]", _NUMERIC_COMMANDS.sub(" ", text)) is None


def is_numeric(text: str) -> bool:
    """True of arithmetic without names, whose value needs no model.

    Square brackets may be a vector, an interval or a floor: without a model nobody knows which.
    """
    rest = _NUMERIC_COMMANDS.sub(" ", text)
    return is_nameless(text) and re.search(r"\d", rest) is not None and not set(rest) & set("[]|")


_ABBREVIATION = re.compile(r"\(\s*([A-Za-z][A-Za-z0-9]{0,5})\s*\)\W*$")


def without_prose_sides(text: str) -> str:
    """The relation without an opening side in words: `Initial loss = \\ln 4 = 1.386`.

    Words that end in an abbreviation in brackets stand for it: `Average precision (AP) = 0.5`.
    """
    places = relations(text)
    if not places:
        return text
    first = text[: places[0][0]]
    if not only_words(first):
        return text
    if match := _ABBREVIATION.search(re.sub(r"\\[a-z]+\s*\{([^{}]*)\}", r"\1", first)):
        return f"{match.group(1)} {text[places[0][0] :]}"
    return text[places[0][1] :].strip()
