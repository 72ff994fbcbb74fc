"""What stands around the formulas of a line: labels, equation numbers, wide spaces."""

from __future__ import annotations

import re

from backprove.notation.lexer import Token, without_gaps
from backprove.notation.spellings import STOPS

_NUMERAL = "[ivx]{1,5}|[a-z]|[0-9]{1,2}"
_WORD = "thus|hence|therefore|so|now|finally|similarly|then|and|we have"
_ARROW = "Rightarrow|implies|therefore|rightarrow|to|Longrightarrow|hookrightarrow"
_LABEL = re.compile(
    rf"""\s*+(?:
      \(\s*(?P<letters>{_NUMERAL})\s*\) | (?P<half>{_NUMERAL})\)
    | [0-9]{{1,2}}\.(?=\s)
    | [•◦▪*](?=\s)
    | (?P<dash>-\s)
    | [⇒⟹→⟶∴↳] | [=-]> | \\(?:{_ARROW})(?![A-Za-z])
    | (?:\\(?:text|mathrm)\{{\s*)?(?i:{_WORD.replace(" ", "[ ]")})(?![A-Za-z])
      (?!\s*[=_^'\[(])\s*[,:]?\s*\}}?
    )\s*""",
    re.VERBOSE,
)
_RELATION_AHEAD = re.compile(
    r"=|≈|∈|≡|≜|\\(?:approx|in|equiv|triangleq|coloneqq)(?![A-Za-z])|\bin\s"
)
_EQUAL = frozenset(("=", "≈"))


def without_labels(text: str, names: frozenset[str]) -> str:
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
            r"(?:\\frac\{|∂|\\partial|\\?[A-Za-zα-ωΑ-Ω]+(?:_\{?\w+\}?|\[\w+\])?\s*(?:=|≈))",
            text[m.end() :],
        ):
            break  # a minus, not a bullet
        place = m.end()
    return " " * place + text[place:] if place else text


def without_number(
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


def part_at_gaps(
    tokens: list[Token], closing: dict[int, int]
) -> tuple[list[Token], dict[int, int]]:
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
            if tokens[i + 1][1] in STOPS or (
                after == "(" and tokens[i + 3 : i + 4] and tokens[i + 3][0] == "="
            ):
                continue  # a range
            if before not in _EQUAL and after not in _EQUAL and after not in ("quad", "∈", ","):
                marks.append(i)
                seen = False
    renamed = [(("\\\\", *t[1:]) if i in marks else t) for i, t in enumerate(tokens)]
    return without_gaps(renamed, closing)
