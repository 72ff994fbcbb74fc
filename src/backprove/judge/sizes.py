"""Sizes as people write them: factors with a cross between them, and brackets that are floors.

`[17/4] + 1 × [7/4] + 1` is a pair of lengths: a cross binds weaker than a sum here, and square
brackets round down. Two such products are compared number by number, over many whole numbers for
their letters.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from fractions import Fraction
from math import floor

from backprove.judge.verdict import Evidence, Kind, Verdict
from backprove.model.entity import System
from backprove.model.meaning import meaning
from backprove.model.scope import Scope
from backprove.model.value import NoMeaning
from backprove.notation import ReadError, read_expression
from backprove.tensor.nodes import Literal

_TOKEN = re.compile(r"\s*(?:(\d+(?:\.\d+)?)|(floor|[A-Za-z](?:_\{?\w+\}?)?)|(.))")
_DRESS = (
    (re.compile(r"\\(?:left|right|lfloor|rfloor)\b"), ""),
    (re.compile(r"\\mathbf\s*\{\s*x\s*\}"), " × "),
    (re.compile(r"\\times(?![a-z])"), " × "),
    (re.compile(r"\\cdot(?![a-z])"), "*"),
    (re.compile(r"\\[,;:! ]|\$"), " "),
    (re.compile(r"(?<=[\s)\]])[xX](?=[\s(\[])"), "×"),
)
_FLOORS = (("\\lfloor", "["), ("\\rfloor", "]"), ("⌊", "["), ("⌋", "]"))
_FRACTION = re.compile(r"\\[dt]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}")
#: assignments of whole numbers that are compared, and those that are tried for them
SAMPLES, TRIES = 12, 2000

Env = dict[str, int]


class NoSize(Exception):
    """A text that is no arithmetic of sizes."""


def factors(text: str) -> list[str]:
    """What stands between the crosses outside all brackets."""
    for old, new in _FLOORS:
        text = text.replace(old, new)
    text = _FRACTION.sub(r"((\1)/(\2))", text)
    for pattern, new in _DRESS:
        text = pattern.sub(new, text)
    found = [""]
    depth = 0
    for char in text:
        depth += (char in "([") - (char in ")]")
        if char == "×" and depth == 0:
            found.append("")
        else:
            found[-1] += char
    return [part.strip(" .,;") for part in found]


def names(text: str) -> set[str]:
    """The letters of a size."""
    return {m[2] for m in _TOKEN.finditer(text) if m[2] and m[2] != "floor"}


def value(text: str, env: Env) -> Fraction:
    """The number that a size is for these letters; raises NoSize."""
    tokens = [m.group().strip() for m in _TOKEN.finditer(text) if m.group().strip()]
    reader = _Reader(tokens, env)
    result = reader.sum()
    if reader.place < len(tokens):
        raise NoSize(f"{tokens[reader.place]} was not expected")
    return result


class _Reader:
    """Recursive descent over +, −, products (also unwritten), quotients and brackets."""

    def __init__(self, tokens: Sequence[str], env: Env) -> None:
        self.tokens, self.env, self.place = tokens, env, 0

    def peek(self) -> str:
        return self.tokens[self.place] if self.place < len(self.tokens) else ""

    def take(self) -> str:
        token = self.peek()
        self.place += 1
        return token

    def sum(self) -> Fraction:
        total = self.product()
        while self.peek() in ("+", "-", "−"):
            sign = 1 if self.take() == "+" else -1
            total += sign * self.product()
        return total

    def product(self) -> Fraction:
        total = self.factor()
        while True:
            token = self.peek()
            if token in ("*", "·"):
                self.take()
                total *= self.factor()
            elif token == "/":
                self.take()
                under = self.factor()
                if not under:
                    raise NoSize("a division by zero")
                total /= under
            elif token and (token[0].isalnum() or token in ("(", "[")):
                total *= self.factor()
            else:
                return total

    def factor(self) -> Fraction:
        token = self.take()
        if token in ("-", "−"):
            return -self.factor()
        if token == "floor":
            return Fraction(floor(self.factor()))
        if token in ("(", "["):
            inner = self.sum()
            if self.take() != (")" if token == "(" else "]"):
                raise NoSize("a bracket is not closed")
            return inner if token == "(" else Fraction(floor(inner))
        if token[:1].isdigit():
            return Fraction(token)
        if token in self.env:
            return Fraction(self.env[token])
        raise NoSize(f"{token or 'the end'} is not known")


def quantity(text: str, env: Env) -> Fraction:
    """The number that a key's factor is, named quantities and all; raises NoSize."""
    put = re.sub(
        r"(?<![A-Za-z_])([A-Za-z](?:_\w+)?)(?![A-Za-z_(=]|\s*=)",
        lambda m: str(env.get(m[1], m[1])),
        text,
    )
    try:
        node = meaning(read_expression(put, frozenset()), Scope(System())).node
    except (ReadError, NoMeaning) as error:
        raise NoSize(str(error)) from None
    if not isinstance(node, Literal):
        raise NoSize(f"{text} is no number")
    return node.value


def letters(parts: Sequence[str]) -> set[str]:
    """The letters that the factors of a key leave open."""
    found: set[str] = set()
    for part in parts:
        bare = re.sub(r"[A-Za-z_]\w*\s*(?=[(=])", " ", part)
        found |= set(re.findall(r"(?<![A-Za-z_])[A-Za-z](?:_\w+)?(?![A-Za-z_])", bare))
    return found


def samples(parts: Sequence[str]) -> list[tuple[Env, list[Fraction]]]:
    """Whole numbers for a key's letters, each with its value; raises NoSize where there are none."""
    found: list[tuple[Env, list[Fraction]]] = []
    open_ = sorted(letters(parts))
    rng = random.Random(5)
    reason = "no sizes fit it"
    for _ in range(TRIES if open_ else 1):
        env = {name: rng.choice((1, 2, 3, 4, 5, 7, 16, 23, 40)) for name in open_}
        try:
            found.append((env, [quantity(part, env) for part in parts]))
        except NoSize as error:
            reason = str(error)
        if len(found) == SAMPLES:
            break
    if not found:
        raise NoSize(reason)
    return found


def judge(text: str, parts: Sequence[str]) -> Verdict:
    """The verdict on a written product of sizes against a key's factors."""
    written = factors(text)
    truth = samples(parts)
    shown = " × ".join(_shown(v) for v in truth[0][1])
    numbers = not letters(parts)
    corrected = shown if numbers else " × ".join(parts)
    try:
        found = [[value(part, env) for part in written] for env, _ in truth]
    except NoSize as error:
        return Verdict(Kind.UNREADABLE, text, f"these sizes cannot be worked out: {error}")
    true = [values for _, values in truth]
    evidence = Evidence(f"equal for {len(truth)} choices of whole numbers")
    if found == true:
        return Verdict(Kind.CORRECT, text, evidence=evidence)
    if len(written) == len(parts) and _same_in_another_order(found, true):
        return Verdict(Kind.CONVENTION, text, "the same sizes in another order", evidence=evidence)
    if len(written) != len(parts):
        reason = f"there should be {len(parts)} sizes, not {len(written)}"
    else:
        at = next(k for k, (a, b) in enumerate(zip(found, true, strict=True)) if a != b)
        mine = " × ".join(_shown(v) for v in found[at])
        put = ", ".join(f"{n} = {v}" for n, v in truth[at][0].items())
        reason = f"it gives {mine} where {' × '.join(_shown(v) for v in true[at])} is right"
        reason += f" ({put})" if put else ""
    return Verdict(Kind.WRONG, text, reason, mistake="value", corrected=corrected)


def _same_in_another_order(found: list[list[Fraction]], true: list[list[Fraction]]) -> bool:
    """Whether one order of the factors is right for all samples."""
    columns = list(zip(*found, strict=True))
    wanted = list(zip(*true, strict=True))
    key: Callable[[tuple[Fraction, ...]], tuple[Fraction, ...]] = tuple
    return sorted(columns, key=key) == sorted(wanted, key=key)


def _shown(number: Fraction) -> str:
    return str(number.numerator) if number.denominator == 1 else f"{float(number):g}"
