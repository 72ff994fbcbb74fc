"""Trees as one line of Unicode, for terminals and messages."""

from __future__ import annotations

import re
from collections.abc import Sequence

from backprove.notation.spellings import SUPERSCRIPTS
from backprove.notation.syntax import Expr, Number, Space, Statement
from backprove.notation.write import Writer, tight

_RAISED = {plain: raised for raised, plain in SUPERSCRIPTS.items()} | {"−": "⁻"}
_TIGHT_END = re.compile(r"(?:[ᵀ)⁰¹²³⁴⁵⁶⁷⁸⁹]|(?:^|[\s(])[\d.]+)$")


class Unicode(Writer):
    stacked = False

    def number(self, node: Number) -> str:
        text = node.text.replace("\\times", "×").replace("\\cdot", "·").replace("\\%", "%")
        text = text.replace("{", "").replace("}", "").replace("-", "−")
        if "^" not in text:
            return text
        mantissa, exponent = text.split("^")
        return mantissa + "".join(_RAISED[c] for c in exponent.strip())

    def name(self, text: str) -> str:
        return "𝟏" if text == "ones" else text

    def below(self, base: str, items: str) -> str:
        return f"{base}_{items if len(items) == 1 else '{' + tight(items) + '}'}"

    def above(self, base: str, content: str) -> str:
        if re.fullmatch(r"−?\d+", content):
            return base + "".join(_RAISED[c] for c in content)
        return f"{base}^{content if len(content) == 1 else '{' + tight(content) + '}'}"

    def upright(self, base: str, inverse: bool) -> str:
        return f"{base}{'⁻' if inverse else ''}ᵀ"

    def tagged(self, base: str, items: str, transposed: bool) -> str:
        if items.isdigit():
            text = f"{base}⁽{''.join(_RAISED[c] for c in items)}⁾"
            return text + "ᵀ" if transposed else text
        return f"{base}^{{({items}){'T' if transposed else ''}}}"

    def component(self, base: str, items: str) -> str:
        return f"{base}[{tight(items)}]"

    def limit(self, text: str) -> str:
        return tight(text)

    def bracket(self, text: str) -> str:
        return f"({text})"

    def terms(self, terms: Sequence[tuple[int, str]]) -> str:
        (sign, first), *rest = terms
        text = first if sign > 0 else f"−{first}"
        return text + "".join(f" {'+' if sign > 0 else '−'} {term}" for sign, term in rest)

    def factors(self, factors: Sequence[str], ops: Sequence[str]) -> str:
        text = factors[0]
        for op, factor in zip(ops, factors[1:], strict=True):
            if op:
                text += f" {op} {factor}"
            elif factor.startswith("(") and _TIGHT_END.search(text):
                text += factor
            else:
                text += f" {factor}"
        return text

    def fraction(self, over: str, under: str) -> str:
        return f"{over}/{under}"

    def function(self, name: str, args: str, primes: int) -> str:
        if name == "sigmoid" and "σ" not in self.letters:
            name = "σ"
        shown = {"logdet": "log det", "sqrt": "sqrt" if primes else "√"}.get(name, name)
        return f"{shown}{chr(39) * primes}({args})"

    def option(self, name: str, value: str) -> str:
        return f"{name}={value}"

    def bars(self, bar: str, text: str) -> str:
        return f"{bar}{text}{bar}"

    def angles(self, text: str) -> str:
        return f"⟨{text}⟩"

    def indicator(self, condition: str) -> str:
        return f"1[{condition}]"

    def big(self, op: str, below: str, above: str, body: str) -> str:
        letter, sign = ("Σ", "∑") if op == "sum" else ("Π", "∏")
        text = sign if letter in self.letters or not below else letter
        if below:
            parts = (tight(p) if " = " in p else p for p in below.split(", "))
            text += f"_{below if len(below) == 1 else '{' + ', '.join(parts) + '}'}"
        if above:
            text += f"^{{{tight(above)}}}"
        return f"{text} {body}"

    def partial(self, of: str, by: Sequence[str], d: str, immediate: bool) -> str:
        order = "²" if len(by) == 2 else "⁺" if immediate else ""
        return f"{d}{order}{of}/{''.join(d + x for x in by)}"

    def nabla(self, of: str, by: str, order: int) -> str:
        return f"{self.below('∇²' if order == 2 else '∇', by)} {of}"

    def vector(self, items: Sequence[str]) -> str:
        return f"[{', '.join(items)}{',' if len(items) == 1 else ''}]"

    def matrix(self, rows: Sequence[Sequence[str]]) -> str:
        return f"[{', '.join(self.vector(row) for row in rows)}{',' if len(rows) == 1 else ''}]"

    def stack(self, parts: Sequence[str]) -> str:
        return f"[{'; '.join(parts)}]"

    def cases(self, branches: Sequence[tuple[str, str]]) -> str:
        return "{" + "; ".join(f"{v} if {t}" if t else f"{v} otherwise" for v, t in branches) + "}"

    def relation(self, op: str) -> str:
        return op

    def joined(self, parts: Sequence[str], sign: str) -> str:
        return {",": ", ", "=": " = ", "×": "×"}[sign].join(parts)

    def between(self, low: str, high: str) -> str:
        return f"{low}..{high}"

    def set(self, kind: str, axes: str) -> str:
        letter = "ℝ" if kind == "R" else "ℕ"
        return f"{letter}^{axes if len(axes) == 1 else '{' + axes + '}'}" if axes else letter

    def words(self, text: str) -> str:
        return text

    def line(self, parts: Sequence[str]) -> str:
        return " ".join(parts)


def to_unicode(node: Expr | Space | Statement) -> str:
    """An expression or a statement in one line of Unicode."""
    return Unicode(node).write(node)
