"""Claims about entries whose left side does not say which: `∂p/∂y = p_i (1 − p_j), if i = j`.

Who writes p_i on the right means ∂p_i/∂y_j on the left. A condition on the indices behind a claim
makes it one about those entries alone. Both are read so only where the claim is then right.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import permutations

from backprove.course.mends import Mended, read_as
from backprove.documents.formula import relations, sides
from backprove.model.entity import System

_NAME = r"(?:\\text\s*\{\s*\w+\s*\}|\\?[^\W\d_]+)(?:_(?:\w|\{[^{}]*\}))?"
_DERIVATIVE = re.compile(
    rf"(?P<head>\\frac\s*\{{\s*\\partial\s*|\\partial\s*|∂\s*)(?P<of>{_NAME})"
    rf"(?P<middle>\s*\}}\s*\{{\s*\\partial\s*|\s*/\s*(?:\\partial\s*|∂\s*))(?P<by>{_NAME})"
    r"(?P<tail>\s*\}?)"
)
_CONDITION = re.compile(
    r",?\s*(?:\\text\s*\{\s*,?\s*(?:if|when|for)\s*\}|\b(?:if|when|for)\b)\s*"
    r"(?P<one>[a-z])\s*(?P<sign>=|≠|\\neq?\b|!=)\s*(?P<other>[a-z])\s*$"
)
_SUBSCRIPT = re.compile(r"_\s*(?:([a-z])(?![A-Za-z])|\{\s*([a-z](?:\s*,?\s*[a-z])*)\s*\})")
_BOUND = re.compile(r"(?:\\sum|\\prod|\bsum|\bprod|[Σ∑∏])\s*_\s*\{?\s*([a-z])(?![A-Za-z])")


def by_entries(text: str, system: System) -> Iterator[Mended]:
    """The claim with indices on its left side, and with its condition as a case.

    Nothing where no condition on indices stands behind it, and its left side is not short of any.
    """
    match = _CONDITION.search(text)
    claim = text[: match.start()].rstrip(" ,") if match else text
    if not relations(claim):
        return
    left, *others = sides(claim)
    free = _free(" ".join([*others, match.group() if match else ""]), system)
    for whole in [left] if match else []:
        if _free(whole, system):
            yield _cased(Mended(whole), others, match)
    for whole in _indexed(left, free, system):
        yield _cased(Mended(whole, (read_as(left, whole),)), others, match)


def _cased(left: Mended, others: list[str], match: re.Match[str] | None) -> Mended:
    """The claim; with a condition one that says nothing about all other entries."""
    if match is None:
        return Mended(" = ".join([left.text, *others]), left.notes)
    sign = "=" if match["sign"] == "=" else "≠"
    condition = f"{match['one']} {sign} {match['other']}"
    cases = [f"{{{side} if {condition}; {left.text} otherwise}}" for side in others]
    return Mended(" = ".join([left.text, *cases]), left.notes)


def _free(text: str, system: System) -> tuple[str, ...]:
    """The letters of subscripts that are no names and that no sum runs over, in alphabetical order."""
    letters = {
        letter
        for match in _SUBSCRIPT.finditer(text)
        for letter in re.findall(r"[a-z]", match[1] or match[2])
    }
    bound = set(_BOUND.findall(text))
    return tuple(
        sorted(i for i in letters - bound if not system.named(i) and not system.is_size(i))
    )


def _indexed(left: str, free: tuple[str, ...], system: System) -> Iterator[str]:
    """The left side with an index for each axis that it has and does not say."""
    missing = tuple(i for i in free if i not in _free(left, system))
    if not missing:
        return
    match = _DERIVATIVE.fullmatch(left)
    names = [match["of"], match["by"]] if match else [left]
    ranks = [_rank(name, system) for name in names]
    if None in ranks or sum(rank or 0 for rank in ranks) != len(missing):
        return
    for order in permutations(missing):
        rest, put = list(order), list[str]()
        for name, rank in zip(names, ranks, strict=True):
            own, rest = rest[: rank or 0], rest[rank or 0 :]
            put.append(f"{name}_{{{','.join(own)}}}" if own else name)
        if match is None:
            yield put[0]
        else:
            yield f"{match['head']}{put[0]}{match['middle']}{put[1]}{match['tail']}"


def _rank(name: str, system: System) -> int | None:
    """The axes of a name that are open in it; None for what is no single name of the model."""
    plain = re.sub(r"\\text\s*\{\s*(\w+)\s*\}", r"\1", name)
    base, _, subscript = plain.partition("_")
    letters = re.findall(r"[a-z]", subscript)
    whole = [e for e in system.named(plain.replace("{", "").replace("}", "")) if not e.index]
    if whole:
        return len(whole[0].shape)
    found = [e for e in system.named(base.removeprefix("\\")) if not e.index]
    if not found or len(letters) > len(found[0].shape) or (subscript and not letters):
        return None
    return len(found[0].shape) - len(letters)
