"""Trees as LaTeX, as a careful textbook sets them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from backprove.notation.spellings import ACCENTS, GREEK
from backprove.notation.syntax import Expr, Number, Space, Statement
from backprove.notation.write import Writer, tight

_LETTERS = {letter: f"\\{name}" for name, letter in GREEK.items() if not name.startswith("var")} | {
    "ε": "\\varepsilon",
    "φ": "\\varphi",
    "ℓ": "\\ell",
    "∞": "\\infty",
    "ones": "\\mathbf{1}",
}
_MARKS = {mark: name for name, mark in reversed(ACCENTS.items())}
_SIGNS = {
    "": " ", "*": "*", "·": "\\cdot", "×": "\\times", "⊙": "\\odot", "⊗": "\\otimes",
    "⊘": "\\oslash", "≤": "\\leq", "≥": "\\geq", "≠": "\\neq", "≈": "\\approx", "∈": "\\in",
}  # fmt: skip
_OWN = frozenset(["exp", "log", "tanh", "sinh", "cosh", "sin", "cos", "max", "min", "det"])
_TALL = re.compile(r"\\(?:frac|sum|prod|begin|left)")


class Latex(Writer):
    def number(self, node: Number) -> str:
        text = node.text.replace("−", "-").replace(" ", "")
        if "e" in text and "\\" not in text:
            mantissa, exponent = text.split("e")
            return f"{mantissa} \\times 10^{{{int(exponent)}}}"
        return node.text.replace("−", "-").replace("\\%", "%").replace("%", "\\%")

    def name(self, text: str) -> str:
        if text in _LETTERS:
            return _LETTERS[text]
        stem = text.rstrip("'")
        primes = text[len(stem) :]
        plain = unicodedata.normalize("NFD", stem)
        if len(plain) > 1 and plain[1] in _MARKS and len(plain) == 2:
            return f"\\{_MARKS[plain[1]]}{{{_LETTERS.get(plain[0], plain[0])}}}{primes}"
        if stem in _LETTERS:
            return _LETTERS[stem] + primes
        return (stem if len(stem) == 1 else f"\\mathrm{{{stem}}}") + primes

    def below(self, base: str, items: str) -> str:
        indices = re.fullmatch(r"\\mathrm\{([a-eh-z]{2,3})\}", items)
        return f"{base}_{_braced(indices[1] if indices else tight(items))}"

    def above(self, base: str, content: str) -> str:
        return f"{base}^{_braced(tight(content))}"

    def upright(self, base: str, inverse: bool) -> str:
        return f"{base}^{{-\\top}}" if inverse else f"{base}^\\top"

    def tagged(self, base: str, items: str, transposed: bool) -> str:
        turned = "\\top" if transposed else ""
        return f"{base}^{{({items}){turned}}}"

    def component(self, base: str, items: str) -> str:
        return f"{base}[{tight(items)}]"

    def bracket(self, text: str) -> str:
        return f"\\left( {text} \\right)" if _TALL.search(text) else f"({text})"

    def terms(self, terms: Sequence[tuple[int, str]]) -> str:
        (sign, first), *rest = terms
        text = first if sign > 0 else f"-{first}"
        return text + "".join(f" {'+' if sign > 0 else '-'} {term}" for sign, term in rest)

    def factors(self, factors: Sequence[str], ops: Sequence[str]) -> str:
        text = factors[0]
        for op, factor in zip(ops, factors[1:], strict=True):
            text += f" {_SIGNS[op]} {factor}" if op else f" {factor}"
        return text

    def fraction(self, over: str, under: str) -> str:
        return f"\\frac{{{over}}}{{{under}}}"

    def function(self, name: str, args: str, primes: int) -> str:
        if name == "sqrt" and not primes:
            return f"\\sqrt{{{args}}}"
        if name == "logdet":
            shown = "\\log\\det"
        elif name == "sigmoid" and "σ" not in self.letters:
            shown = "\\sigma"
        elif name in _OWN:
            shown = f"\\{name}"
        else:
            shown = f"\\operatorname{{{_word(name)}}}"
        return f"{shown}{chr(39) * primes}{self.bracket(args)}"

    def option(self, name: str, value: str) -> str:
        return f"\\mathrm{{{_word(name)}}} = {value}"

    def bars(self, bar: str, text: str) -> str:
        sign = "|" if bar == "|" else "\\|"
        if _TALL.search(text):
            return f"\\left{sign} {text} \\right{sign}"
        return f"{sign}{text}{sign}"

    def angles(self, text: str) -> str:
        return f"\\langle {text} \\rangle"

    def indicator(self, condition: str) -> str:
        return f"\\mathbf{{1}}[{condition}]"

    def big(self, op: str, below: str, above: str, body: str) -> str:
        under = f"_{{{tight(below)}}}" if below else ""
        over = f"^{{{tight(above)}}}" if above else ""
        return f"\\{op}{under}{over} {body}"

    def partial(self, of: str, by: Sequence[str], d: str, immediate: bool) -> str:
        sign = "d" if d == "d" else "\\partial"
        gap = "" if d == "d" else " "
        order = "^2" if len(by) == 2 else "^+" if immediate else ""
        over = f"{sign}{order}{gap}{of}"
        return f"\\frac{{{over}}}{{{' '.join(f'{sign}{gap}{x}' for x in by)}}}"

    def nabla(self, of: str, by: str, order: int) -> str:
        return f"\\nabla{'^2' if order == 2 else ''}_{_braced(by)} {of}"

    def vector(self, items: Sequence[str]) -> str:
        if any(item.startswith(("\\begin", "[")) for item in items):
            return f"[{', '.join(items)}]" if len(items) > 1 else f"[{items[0]},]"
        return self.matrix([[item] for item in items])

    def matrix(self, rows: Sequence[Sequence[str]]) -> str:
        body = " \\\\ ".join(" & ".join(row) for row in rows)
        return f"\\begin{{bmatrix}} {body} \\end{{bmatrix}}"

    def stack(self, parts: Sequence[str]) -> str:
        return f"[{'; '.join(parts)}]"

    def cases(self, branches: Sequence[tuple[str, str]]) -> str:
        otherwise = "\\text{otherwise}"
        body = " \\\\ ".join(f"{value} & {test or otherwise}" for value, test in branches)
        return f"\\begin{{cases}} {body} \\end{{cases}}"

    def relation(self, op: str) -> str:
        return _SIGNS.get(op, op)

    def joined(self, parts: Sequence[str], sign: str) -> str:
        between = {",": ", ", "=": " = ", "×": " \\times "}[sign]
        return between.join(parts)

    def between(self, low: str, high: str) -> str:
        return f"{low}, \\dots, {high}"

    def set(self, kind: str, axes: str) -> str:
        return f"\\mathbb{{{kind}}}^{_braced(axes)}" if axes else f"\\mathbb{{{kind}}}"

    def words(self, text: str) -> str:
        if text in ("let", "where"):
            return f"\\text{{{text} }}"
        if text == "for":
            return "\\quad \\text{for }"
        return f"\\text{{ {text} }}" if text == "and" else f"\\text{{ {text}}}"

    def line(self, parts: Sequence[str]) -> str:
        return " ".join(parts)


def _word(name: str) -> str:
    return name.replace("_", "\\_")


def _braced(text: str) -> str:
    return text if len(text) == 1 or re.fullmatch(r"\\[A-Za-z]+", text) else f"{{{text}}}"


def to_latex(node: Expr | Space | Statement) -> str:
    """The LaTeX of an expression or a statement, without dollar signs."""
    return Latex(node).write(node)
