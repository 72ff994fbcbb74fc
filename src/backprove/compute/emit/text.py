"""Python text of operations, with brackets where they are needed and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from backprove.tensor.whole import Whole

SUM, PRODUCT, SIGN, POWER, ATOM = range(5)


@dataclass(frozen=True, slots=True)
class Text:
    """An expression and how tightly its outermost operation binds."""

    text: str
    level: int = ATOM

    def at(self, level: int) -> str:
        """The text where something that binds at least so tightly is needed."""
        return self.text if self.level >= level else f"({self.text})"

    def __str__(self) -> str:
        return self.text


def product(left: Text, right: Text, sign: str = "*") -> Text:
    """left * right; also for `/` and `@`."""
    plain = left.level == PRODUCT and (sign == "@" or "@" in left.text)
    head = f"({left.text})" if plain else left.at(PRODUCT)
    return Text(f"{head} {sign} {right.at(SIGN)}", PRODUCT)


def number(value: Fraction) -> Text:
    """A rational number, as exactly as a float can be."""
    if value.denominator == 1:
        return Text(str(value.numerator), ATOM if value >= 0 else SIGN)
    if value.denominator & (value.denominator - 1) == 0 or len(str(float(value))) < 8:
        return Text(repr(float(value)), ATOM if value >= 0 else SIGN)
    return Text(f"{value.numerator} / {value.denominator}", PRODUCT if value >= 0 else SUM)


def combination(factors: list[Fraction], terms: list[Text]) -> Text:
    """Σ factor · term; what is added comes before what is taken away."""
    pairs = sorted(zip(factors, terms, strict=True), key=lambda p: p[0] < 0)
    parts: list[str] = []
    for factor, term in pairs:
        size = abs(factor)
        if size == 1:
            piece = term.at(PRODUCT)
        elif term.text == "1":
            piece = number(size).at(PRODUCT)
        else:
            piece = (
                product(number(size), term).text
                if size.denominator == 1
                else f"{number(size).at(SIGN)} * {term.at(SIGN)}"
            )
        if parts:
            parts.append(f" {'-' if factor < 0 else '+'} {piece}")
        else:
            parts.append(f"-{piece}" if factor < 0 else piece)
    single = len(parts) == 1
    level = SUM if not single else SIGN if pairs[0][0] == -1 else PRODUCT
    if single and pairs[0][0] == 1:
        level = pairs[0][1].level
    return Text("".join(parts), level)


def whole(value: Whole, spell: dict[str, str]) -> Text:
    """A whole-number expression, its names spelled so."""
    common = 1
    for _, c in value.terms:
        common = max(common, Fraction(c).denominator)
    factors: list[Fraction] = []
    terms: list[Text] = []
    for monomial, c in sorted(value.terms, key=lambda p: (not p[0], p[0])):
        factors.append(Fraction(c) * common)
        body = " * ".join(spell[name] for name in monomial)
        terms.append(Text(body or "1", ATOM if len(monomial) < 2 else PRODUCT))
    if not terms:
        return Text("0")
    total = combination(factors, terms)
    return total if common == 1 else Text(f"{total.at(PRODUCT)} // {common}", PRODUCT)
