"""Text to tokens: LaTeX, Unicode and ASCII become the same few kinds.

A token is a plain tuple `(kind, value, start, end)`. Signs are their own kind (`+`, `⊙`, `(`);
the others are `num`, `name`, `ones` (a bold 1), `top` (⊤), `big` (a ∑ or ∏), `frac`, `accent`,
`vulgar` (½), `begin` and `end` of an environment, `quad`, `\\\\` (a line break) and `eof`.
Raised and lowered Unicode characters become `^{…}` and `_{…}`.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from backprove.notation.error import ReadError
from backprove.notation.spellings import (
    CASES,
    COMMANDS,
    DRESSING,
    FUNCTIONS,
    GREEK,
    MATRICES,
    SIGNS,
    SUBSCRIPTS,
    SUPERSCRIPTS,
    WRAPPERS,
)

Token = tuple[str, str, int, int]

LONGEST_LINE = 20_000

_MARKS = "\u0300-\u036f\u20d0-\u20ff"
_STYLES = (
    "mathrm|mathbf|mathit|mathsf|mathcal|mathfrak|mathscr|mathtt|mathnormal|boldsymbol|bm|pmb"
    r"|operatorname\*?|textrm|textbf|textit|textnormal|text|mbox|mathbb|mathds"
)
_TIMES_TEN = (
    r"\s*+(?:\\times|\\cdot|[×·⋅])\s*+10\s*+"
    r"(?:\^\s*+(?:\{\s*+[-−]?\s*+[0-9]++\s*+\}|[-−]?[0-9]++)|[⁻]?[⁰¹²³⁴⁵⁶⁷⁸⁹]++)"
)
_MASTER = re.compile(
    rf"""
      (?P<space>[\s$~\u00ad\u200b-\u200f\u2060-\u2064\ufeff]++)
    | (?P<num>(?:[0-9]++(?:\.[0-9]++)?|\.[0-9]++)(?:e[-+−]?[0-9]++)?)(?P<sci>{_TIMES_TEN})?
    | (?P<accented>[^\W\d_][{_MARKS}]++)
    | (?P<word>[A-Za-z]+(?![{_MARKS}]))
    | (?P<sup>[{"".join(SUPERSCRIPTS)}]++)
    | (?P<sub>[{"".join(SUBSCRIPTS)}]++)
    | (?P<ones>\\(?:mathbf|boldsymbol|bm|mathbb|mathds|mathbbm)\s*+(?:\{{\s*+1\s*+\}}|1)|[𝟏𝟙])
    | (?P<style>\\(?:{_STYLES})\s*+\{{\s*+(?P<styled>\\?[A-Za-z]++(?:\\?_[A-Za-z]++)*+)\s*+\}})
    | (?P<prose>\\(?:text|textrm|textnormal|mbox)\s*+\{{(?P<inner>[^{{}}]*+)\}})
    | (?P<begin>\\begin\s*+\{{(?P<opened>[A-Za-z*]++)\}}(?:\[[a-z]\])?(?:\{{[lcr|\s]++\}})?)
    | (?P<end>\\end\s*+\{{(?P<closed>[A-Za-z*]++)\}})
    | (?P<skip>\\(?:tag\*?|label|hspace\*?|vspace\*?)\s*+\{{[^{{}}]*+\}}|\\(?:left|right)\s*+\.)
    | (?P<newline>\\\\(?:\[[-\d.]++\s*+[a-z]++\])?)
    | (?P<cmd>\\(?:[A-Za-z]++\*?|.))
    | (?P<html></?su[bp]>)
    | (?P<flipped>\.T(?![A-Za-z0-9]))
    | (?P<sign>\.{{2,4}}|\.[*/]|\*\*|[:=!<>]=|\|\||[-+*/=<>≤≥≠(){{}}\[\],;:.^_'|&%@])
    | (?P<comment>\#)
    | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_SPACE_AHEAD = re.compile(
    r"\s*+(?:\\mathbb\b|\\R\b|\\N\b|[ℝℕ]|(?:\\mathrm\s*\{\s*)?[RN](?![A-Za-z])|\(\s*0\s*,)"
)
_CLOSERS = {")": "(", "]": "[", "}": "{", "⦄": "⦃", "⟩": "⟨", "end": "begin"}
_OPENERS = frozenset(_CLOSERS.values())
_CONTINUING = frozenset("=≈+*·×⊙⊗⊘")
_SHOWN = {"⦃": "\\{", "⦄": "\\}", "begin": "\\begin", "end": "\\end"}
_KEPT_LETTERS = {"ℓ": "ℓ", "ℝ": "ℝ", "ℕ": "ℕ", "ı": "ı"}


@lru_cache(maxsize=4096)
def letter(text: str) -> str:
    """The canonical form of a letter that is not plain ASCII: `ϵ` is ε, `𝐖` is W."""
    if text in _KEPT_LETTERS:
        return text
    return unicodedata.normalize("NFC", unicodedata.normalize("NFKC", text))


def lex(text: str) -> tuple[list[Token], dict[int, int]]:
    """The tokens of a line, closed by `eof`, and for every opening bracket its closing one."""
    if len(text) > LONGEST_LINE:
        message = f"a line of {len(text)} characters is too long to read (limit {LONGEST_LINE})"
        raise ReadError(message, (LONGEST_LINE, LONGEST_LINE + 1), text)
    tokens: list[Token] = []
    _scan(text, 0, len(text), tokens)
    tokens.append(("eof", "", len(text), len(text)))
    if any(token[0] == "over" for token in tokens):
        tokens = _without_over(tokens, text)
    return _lay_out(tokens, text)


def _without_over(tokens: list[Token], text: str) -> list[Token]:
    """`{a \\over b}` is `\\frac{a}{b}`."""
    found: list[Token] = []
    opened: list[int] = []
    for token in tokens:
        kind, _, start, end = token
        if kind == "over":
            if not opened:
                raise ReadError("\\over stands between braces, as in {a \\over b}", token[2:], text)
            place = opened[-1]
            found.insert(place, ("frac", "", found[place][2], found[place][2]))
            found += [("}", "}", start, start), ("{", "{", end, end)]
            opened[-1] = len(found) - 1
            continue
        if kind == "{":
            opened.append(len(found))
        elif kind == "}" and opened:
            opened.pop()
        found.append(token)
    return found


def _scan(text: str, low: int, high: int, tokens: list[Token]) -> None:
    add = tokens.append
    for m in _MASTER.finditer(text, low, high):
        group = m.lastgroup
        start, end = m.span()
        if group == "space":
            continue
        if group == "word":
            word = m.group()
            if word in GREEK:
                add(("name", GREEK[word], start, end))
            elif word == "in" and not _after_script(tokens) and _SPACE_AHEAD.match(text, end):
                add(("∈", word, start, end))
            elif word == "partial":
                add(("∂", word, start, end))
            elif word == "nabla":
                add(("∇", word, start, end))
            else:
                add(("name", word, start, end))
        elif group == "sign":
            sign = m.group()
            if sign == "||":
                add(("|", "|", start, start + 1))
                add(("|", "|", start + 1, end))
            else:
                add((*SIGNS[sign], start, end))
        elif group == "num":
            add(("num", m.group(), start, end))
        elif group == "sci":
            _scientific(text, m, tokens)
        elif group == "cmd":
            _command(text, start, end, tokens)
        elif group == "comment":
            return
        else:
            _rare(text, m, tokens)


def _after_script(tokens: list[Token]) -> bool:
    return bool(tokens) and tokens[-1][0] in ("_", "^")


def _scientific(text: str, m: re.Match[str], tokens: list[Token]) -> None:
    start, end = m.span()
    if tokens and tokens[-1][0] in ("_", "^", "/"):
        tokens.append(("num", m.group("num"), start, m.end("num")))
        _scan(text, m.end("num"), end, tokens)
        return
    raised = "".join(SUPERSCRIPTS.get(c, c) for c in m.group("sci")).replace("−", "-")
    exponent = re.findall(r"-?\d+", raised.replace(" ", ""))[-1]
    if "^" not in raised:
        exponent = exponent.removeprefix("10")
    tokens.append(("num", f"{m.group('num')}e{exponent}", start, end))


def _command(text: str, start: int, end: int, tokens: list[Token]) -> None:
    name = text[start + 1 : end]
    if name in COMMANDS:
        tokens.append((*COMMANDS[name], start, end))
    elif name in DRESSING:
        return
    elif name.lower() in FUNCTIONS:
        tokens.append(("name", name, start, end))
    elif name == "#":
        return
    else:
        raise ReadError(f"unknown command \\{name}", (start, end), text)


def _rare(text: str, m: re.Match[str], tokens: list[Token]) -> None:
    add = tokens.append
    group = m.lastgroup
    start, end = m.span()
    if group in ("sup", "sub"):
        table, mark = (SUPERSCRIPTS, "^") if group == "sup" else (SUBSCRIPTS, "_")
        add((mark, mark, start, start))
        add(("{", "{", start, start))
        plain = "".join(table[c] for c in m.group())
        inner: list[Token] = []
        _scan(plain, 0, len(plain), inner)
        tokens.extend((k, v, start + a, start + b) for k, v, a, b in inner)
        add(("}", "}", end, end))
    elif group == "accented" or (group == "other" and m.group().isalpha()):
        shown = letter(m.group())
        if group == "other" and (shown in SIGNS or m.group() in SIGNS):
            add((*SIGNS.get(m.group(), SIGNS.get(shown, ("", ""))), start, end))
        else:
            add(("name", GREEK.get(shown, shown), start, end))
    elif group == "other" and m.group() in SIGNS:
        add((*SIGNS[m.group()], start, end))
    elif group == "other" and m.group() == "″":
        add(("'", "'", start, end))
        add(("'", "'", start, end))
    elif group == "ones":
        add(("ones", "1", start, end))
    elif group in ("style", "styled"):
        word = m.group("styled").replace("\\_", "_")
        if word.startswith("\\"):
            inner = []
            _command(word, 0, len(word), inner)
            tokens.extend((k, v, start, end) for k, v, _, _ in inner)
        elif m.group().startswith(("\\mathbb", "\\mathds")) and word in ("R", "N"):
            add(("name", {"R": "ℝ", "N": "ℕ"}[word], start, end))
        elif m.group().startswith("\\mathsf") and word == "T":
            add(("top", "⊤", start, end))
        else:
            add(("name", word, start, end))
    elif group in ("prose", "inner"):
        _scan(text, m.start("inner"), m.end("inner"), tokens)
    elif group in ("begin", "opened"):
        add(("begin", m.group("opened"), start, end))
    elif group in ("end", "closed"):
        add(("end", m.group("closed"), start, end))
    elif group == "newline":
        add(("\\\\", "", start, end))
    elif group == "flipped":  # `W.T` of those who write programs
        add(("^", "^", start, start + 1))
        add(("top", "⊤", start + 1, end))
    elif group == "html":
        add((*SIGNS[m.group()], start, end))
        if m.group() in ("<sup>", "<sub>"):
            add(("{", "{", start, end))
    elif group == "skip":
        return
    else:
        raise ReadError(f"{m.group()!r} is no mathematics here", (start, end), text)


def _lay_out(tokens: list[Token], text: str) -> tuple[list[Token], dict[int, int]]:
    """Drop `&` and layout environments where they mean nothing, and match the brackets."""
    kept: list[Token] = []
    closing: dict[int, int] = {}
    open_at: list[int] = []
    tables = 0
    for token in tokens:
        kind = token[0]
        if kind in ("begin", "end"):
            if token[1] in WRAPPERS:
                continue
            if token[1] not in MATRICES and token[1] not in CASES:
                message = f"an environment {token[1]} is no mathematics here"
                raise ReadError(message, token[2:], text)
            tables += 1 if kind == "begin" else -1
        elif kind == "&" and tables <= 0:
            continue
        if kind in _OPENERS:
            open_at.append(len(kept))
        elif kind in _CLOSERS:
            if not open_at or kept[open_at[-1]][0] != _CLOSERS[kind]:
                raise _mismatch(token, kept[open_at[-1]] if open_at else None, text)
            closing[open_at.pop()] = len(kept)
        if kind in _CONTINUING and not tables and kept and kept[-1][0] == "\\\\":
            kept.pop()  # a display broken before a sign goes on
        kept.append(token)
    if open_at:
        token = kept[open_at[-1]]
        shown = _SHOWN.get(token[0], token[0])
        raise ReadError(f"this {shown} is never closed", token[2:], text)
    return kept, closing


def _mismatch(token: Token, opened: Token | None, text: str) -> ReadError:
    shown = _SHOWN.get(token[0], token[0])
    if opened is None:
        return ReadError(f"this {shown} closes nothing", token[2:], text)
    other = _SHOWN.get(opened[0], opened[0])
    return ReadError(f"this {shown} does not close the {other} before it", token[2:], text)


def without_gaps(
    tokens: list[Token], closing: dict[int, int]
) -> tuple[list[Token], dict[int, int]]:
    """Wide spaces mean nothing inside a formula."""
    if all(token[0] != "quad" for token in tokens):
        return tokens, closing
    place: dict[int, int] = {}
    kept: list[Token] = []
    for i, token in enumerate(tokens):
        place[i] = len(kept)
        if token[0] != "quad":
            kept.append(token)
    return kept, {place[a]: place[b] for a, b in closing.items()}
