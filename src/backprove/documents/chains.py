"""Chains that run over several displays or lines, and definitions by cases.

A fragment that begins with a relation sign goes on with the last formula before it, also when
there is prose between them: `$$A$$ … $$= B$$ … $$= C$$` is the claim `A = B = C`. One that begins
with an operator goes on with the last side, when nothing stands between them; so does whatever
follows a fragment that ends in an operator. Links that each have a condition (`= A, when C` and
`= 0, otherwise`) are the cases of one definition. A heading ends the chain.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from backprove.documents.displays import Fragment
from backprove.documents.formula import (
    begins_with_relation,
    clause_start,
    compares,
    continues_side,
    is_balanced,
    is_bare_operator,
    is_claim,
    is_open,
    relations,
)
from backprove.documents.passage import Passage, Piece

_CLAUSE_WORD = re.compile(
    r"[\s,{~\\:;!]*(?:q?quad\b[\s,{~\\:;!]*)*(?:text(?:rm|normal|it)?\s*\{\s*,?\s*)?"
    r"(?P<word>if|when|otherwise|else)\b[\s}]*",
    re.IGNORECASE,
)
_WHERE = re.compile(r"where\b", re.IGNORECASE)
_EDGE = re.compile(r"(?:\s|,|\\[,;:! ]|\\q?quad\b|~)+$")
_INTERVAL = re.compile(
    r"^(?P<what>.+?)\s*(?:\\in\b|∈)\s*\[(?P<low>[^\[\],]+),(?P<high>[^\[\],]+)\]$"
)


@dataclass(slots=True)
class Chains:
    """Collects fragments in the order of the document and gives the claims they make."""

    claims: list[Passage] = field(default_factory=list[Passage])
    _open: list[Fragment] = field(default_factory=list[Fragment])
    _number: str = ""
    _near: bool = False
    _explains: int = 0

    def add(self, fragment: Fragment, number: str) -> bool:
        """Take the next fragment; False where it is no part of a claim as far as can be seen."""
        text = fragment.text
        if self._open and self._goes_on(text):
            self._open.append(fragment)
            self._near = True
            return True
        if is_bare_operator(text):
            return False
        begins = begins_with_relation(text)
        if begins and len(relations(text)) < 2:
            return False
        torn = _is_torn(fragment)
        if not relations(text) and not torn and (not fragment.sole or compares(text)):
            return False
        before = self.end()
        # a definition behind its use, in the same sentence
        self._explains = 0
        if before is not None and self._near and _WHERE.match(text):
            self._explains = before.explains or before.line
        if begins:
            after = text[relations(text)[0][1] :].strip()
            fragment = Fragment((Piece(after, fragment.line),), fragment.label)
        self._open = [fragment]
        self._number = number
        self._near = True
        return bool(relations(text)) or torn

    def prose(self) -> None:
        """Words stand between this place and the last formula."""
        self._near = False

    def end(self) -> Passage | None:
        """Close the chain: what follows cannot go on with it. The claim that it makes, if any."""
        passage = _claim(self._open, self._number) if self._open else None
        if passage is not None:
            passage = replace(passage, explains=self._explains)
            self.claims.append(passage)
        self._open = []
        return passage

    def _goes_on(self, text: str) -> bool:
        if begins_with_relation(text):
            return True
        return self._near and (continues_side(text) or is_open(self._open[-1].text))


def _claim(parts: list[Fragment], number: str) -> Passage | None:
    pieces = tuple(piece for part in parts for piece in part.pieces)
    text = _as_cases(parts)
    if text is not None:
        pieces = (Piece(text, pieces[0].line),)
    else:
        pieces = _with_conditions(parts)
        text = " ".join(piece.text for piece in pieces)
    if not is_claim(text) and not _is_torn(parts[0]):
        return None
    last = max(piece.line for part in parts for piece in part.pieces)
    return Passage("claim", text, pieces[0].line, last, parts[0].label, number, pieces)


def _is_torn(fragment: Fragment) -> bool:
    """True of a display without a relation sign whose brackets do not match: a part of it is lost."""
    text = fragment.text
    return fragment.display and not relations(text) and not is_balanced(text)


def _with_conditions(parts: list[Fragment]) -> tuple[Piece, ...]:
    """The pieces, the conditions that were set apart written behind the whole."""
    pieces = [piece for part in parts for piece in part.pieces]
    conditions = dict.fromkeys(part.condition for part in parts if part.condition)
    if conditions:
        text, line = pieces[-1]
        pieces[-1] = Piece(f"{text}, \\text{{if }} {', '.join(conditions)}", line)
    return tuple(pieces)


def _as_cases(parts: list[Fragment]) -> str | None:
    """`lhs = {A if C; B otherwise}` for links that each have a condition; None for others."""
    branches: list[str] = []
    left = ""
    for part in parts:
        value, condition = _conditional(part)
        places = relations(value)
        if condition is None or len(places) != 1:
            return None
        if not branches:
            left = value[: places[0][0]].strip()
        elif not begins_with_relation(value):
            return None
        branches.append(f"{value[places[0][1] :].strip()} {condition}")
    if len(branches) < 2 or not left:
        return None
    return f"{left} = {{{'; '.join(branches)}}}"


def _conditional(part: Fragment) -> tuple[str, str | None]:
    """A formula and the condition behind it (`if …` or `otherwise`), None where there is none."""
    text = part.text
    if part.condition:
        tail = part.condition
        if _CLAUSE_WORD.match(tail) is None:
            tail = f"if {tail}"
    else:
        start = clause_start(text)
        text, tail = text[:start], text[start:]
    match = _CLAUSE_WORD.match(tail)
    if match is None:
        return text, None
    value = _EDGE.sub("", text)
    if match["word"].lower() in ("otherwise", "else"):
        return value, "otherwise"
    return value, f"if {_as_inequality(tail[match.end() :])}"


def _as_inequality(condition: str) -> str:
    """An interval of indices as the notation writes it: `i \\in [1, 3]` is `1 ≤ i ≤ 3`."""
    plain = re.sub(r"\\[,;:! ]", " ", condition).strip(" ,.")
    if match := _INTERVAL.match(plain):
        return f"{match['low'].strip()} ≤ {match['what'].strip()} ≤ {match['high'].strip()}"
    return plain
