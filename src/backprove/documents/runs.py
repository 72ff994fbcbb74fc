"""The formulas in a line of running text, marked or not.

A line is taken apart into chunks; a *run* is a stretch of chunks without a word among them. A run
with a relation sign between two sides is a claim; so a sentence makes a claim only where it holds a
whole formula. Marked formulas (`$…$`) belong to one run only where an operator or a relation sign
joins them: `$\\frac14$ = 0.25` is one formula, `$a = 1$ $b = 2$` are two. A run after `if`, `when`
or `for` is a condition, and stays with the claim beside it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from backprove.documents.delimiters import Segment
from backprove.documents.displays import Fragment, fragments
from backprove.documents.formula import (
    begins_with_relation,
    compares,
    has_substance,
    is_balanced,
    relations,
    sides,
)
from backprove.documents.passage import Piece
from backprove.documents.words import is_word

_CONDITIONAL = {"if", "when", "for", "whenever", "where", "unless", "iff"}
_SUPPOSING = {"if", "suppose", "assume", "say", "imagine"}
_VALUE = re.compile(r"\s*\S{1,16}\s*=\s*[-−]?\s*\d[\d.]*\s*")
_RANGE = re.compile(
    r"for\s+(?:(?:all|every|each)\s+)?[A-Za-z]\w*"
    r"(?:\s*(?:=|∈|\\in)\s*\S+\s*(?:\.\.|…|\\[lc]?dots)\s*,?\s*[\w+-]+)?"
)
# a condition on the indices of what follows, with or without a word before it
_INDICES = re.compile(r"[i-l]\s*(?:=|≠|\\neq?\b|!=)\s*[i-l]")
_JOINT_BEHIND = re.compile(r"(?:[-+*/=≈∈·×⊙]|\\(?:cdot|times|approx|in|odot))\s*$")
_JOINT_AHEAD = re.compile(r"\s*(?:[-+*/=≈∈·×⊙^_]|\\(?:cdot|times|approx|in|odot)\b)")
_SENTENCE_END = re.compile(r"(?<![.…])[.;:!?]$")
_CHUNK = re.compile(r"\S+")
_BEGINS_TORN = re.compile(r"^\s*(?:[+*/×·]|-\s)")
_ENDS_TORN = re.compile(r"[-+*/×·]\s*$")
# Numbers beside each other are a list or a table, no product.
_LISTED = re.compile(r"\d\s+\d")
_LEADING_DRESS = re.compile(
    r"^(?:[\s.,;:!?>]|[→⇒⟹↳∴•]|\\(?:Rightarrow|therefore|rightarrow)\b|=>)+"
)
_TRAILING_DRESS = re.compile(r"(?:[\s.,;:!?]|//)+$")


@dataclass(frozen=True, slots=True)
class _Chunk:
    text: str
    line: int
    marked: bool = False
    word: bool = False


@dataclass(frozen=True, slots=True)
class _Run:
    """Chunks of mathematics in a row; `before` is the word in front, `first` opens its line.

    `supposed` is what stands in a sentence that supposes something.
    """

    chunks: tuple[_Chunk, ...]
    before: str
    first: bool
    alone: bool
    supposed: bool = False

    @property
    def marked(self) -> bool:
        return any(chunk.marked for chunk in self.chunks)

    @property
    def text(self) -> str:
        return " ".join(chunk.text for chunk in self.chunks)

    @property
    def plain_stretches(self) -> list[str]:
        """What stands between the marked formulas."""
        marked = "".join("\0" if chunk.marked else f" {chunk.text} " for chunk in self.chunks)
        return marked.split("\0")


def run_fragments(line: list[Segment]) -> list[Fragment]:
    """The claims, and what may go on from one, in a line without displays."""
    found: list[Fragment] = []
    waiting = intro = ""
    for run in _runs(_chunks(line)):
        intro = _intro(run.before.lower(), intro)
        bare = run.before.lower() not in _CONDITIONAL and not run.alone
        if bare and _INDICES.fullmatch(run.text.strip(" ,:")):
            waiting = run.text.strip(" ,:")
            continue
        if run.before.lower() in _CONDITIONAL and run.before.lower() != "where":
            if compares(run.text):
                condition = _LEADING_DRESS.sub("", _TRAILING_DRESS.sub("", run.text))
                if found and not waiting and not found[-1].condition:
                    found[-1] = replace(found[-1], condition=condition)
                else:
                    waiting = condition
            continue
        for fragment in _fragments(run, intro):
            if run.supposed and _VALUE.fullmatch(fragment.text):
                continue  # `if …, a prediction of y = 0.01` claims no value
            found.append(replace(fragment, condition=fragment.condition or waiting))
            waiting = ""
    return found


def _intro(word: str, before: str) -> str:
    """What introduces a definition; `where $q = a$ and $r = b$` introduces two."""
    return word if word in ("let", "where") else before if word == "and" else ""


def _fragments(run: _Run, intro: str) -> list[Fragment]:
    line = run.chunks[0].line
    text = run.text
    if run.marked:
        if any(_LISTED.search(chunk) for chunk in run.plain_stretches):
            return []
        made: list[Fragment | None] = list(fragments(text, line, sole=run.alone))
        if not (run.alone and len(run.chunks) == 1):  # a formula alone is claimed, torn or not
            made = [one and _without_dangling(one, keep_first=run.first) for one in made]
        kept = [one for one in made if one is not None and (run.alone or relations(one.text))]
        return [_with_intro(one, intro) for one in kept]
    text = _LEADING_DRESS.sub("", _TRAILING_DRESS.sub("", text))
    if "$" in text or _LISTED.search(text) or not (run.alone or is_balanced(text)):
        return []
    made = [
        _without_dangling(one, keep_first=run.first)
        for one in fragments(text, line, sole=run.alone)
    ]
    return [one for one in made if one is not None and (relations(one.text) or run.alone)]


def _with_intro(fragment: Fragment, intro: str) -> Fragment:
    if not intro or begins_with_relation(fragment.text):
        return fragment
    first, *others = fragment.pieces
    return replace(fragment, pieces=(Piece(f"{intro} {first.text}", first.line), *others))


def _without_dangling(fragment: Fragment, *, keep_first: bool) -> Fragment | None:
    """The formula without sides that words have taken a part from; None if no link is left.

    Only where it opens its line may a formula begin with a relation sign: it goes on from above.
    """
    text = fragment.text
    places = relations(text)
    if not places:
        return fragment
    parts = sides(text)
    if len(parts) > 1 and _is_torn(parts[-1], _ENDS_TORN):
        text, parts = text[: places[-1][0]].strip(), parts[:-1]
    if not keep_first and _is_torn(parts[0], _BEGINS_TORN):
        text, parts = text[places[0][1] :].strip(), parts[1:]
    if len(parts) < 2:
        return None
    return replace(fragment, pieces=(Piece(text, fragment.line),))


def _is_torn(side: str, pattern: re.Pattern[str]) -> bool:
    return not has_substance(side) or not is_balanced(side) or pattern.search(side) is not None


def _chunks(line: list[Segment]) -> list[_Chunk]:
    chunks: list[_Chunk] = []
    for segment in line:
        if segment.kind != "text":
            chunks.append(_Chunk(" ".join(segment.text.split()), segment.line, marked=True))
            continue
        position = 0
        while match := _CHUNK.search(segment.text, position):
            at = segment.line + segment.text.count("\n", 0, match.start())
            range_ = _RANGE.match(segment.text, match.start()) if chunks else None
            if range_ and not chunks[-1].word and re.search(r"=|∈|\\in", range_.group()):
                match = range_
                chunks.append(_Chunk(match.group(), at))
            else:
                text = match.group()
                chunks.append(_Chunk(text, at, word=_is_prose(text, segment.text, match)))
            position = match.end()
    return chunks


def _is_prose(chunk: str, text: str, match: re.Match[str]) -> bool:
    if "://" in chunk:
        return True
    if chunk == "in" and re.match(r"\s*(?:[RN]\b|[ℝℕ]|\\mathbb)", text[match.end() :]):
        return False
    # A formula may begin with a name of several letters: `loss = …`.
    first = not text[: match.start()].strip() and not chunk.endswith((":", ","))
    if first and re.match(r"\s*:?=(?![=>])", text[match.end() :]):
        return False
    return is_word(chunk)


def _runs(chunks: list[_Chunk]) -> list[_Run]:
    runs: list[_Run] = []
    current: list[_Chunk] = []
    before = ""
    words = any(chunk.word for chunk in chunks)
    supposed = False

    def close() -> None:
        nonlocal current
        if current:
            first = current[0] is chunks[0]
            alone = not words and len(current) == len(chunks)
            runs.append(_Run(tuple(current), before, first, alone, supposed))
        current = []

    for chunk in chunks:
        if chunk.word:
            close()
            before = chunk.text.strip(".,;:!?()[]")
            supposed |= before.lower() in _SUPPOSING
            supposed &= not _SENTENCE_END.search(chunk.text)
            continue
        if current and not _joined(current[-1], chunk):
            close()
            before = ""
        current.append(chunk)
    close()
    return runs


def _joined(left: _Chunk, right: _Chunk) -> bool:
    if _SENTENCE_END.search(left.text) and not left.marked:
        return False
    if not left.marked and not right.marked:
        return True
    behind = left.text.removesuffix("//")
    return _JOINT_BEHIND.search(behind) is not None or _JOINT_AHEAD.match(right.text) is not None
